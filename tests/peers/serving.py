"""A `waibao serve` of one's own: on a free port, with a data file that goes with it."""

import contextlib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

PROGRAM = str(Path(sys.argv[1]).resolve())
TEXTS = ["为某股份制银行信用卡中心提供24小时客服热线座席，按通话量结算", "采购办公家具一批，含安装"]


@contextlib.contextmanager
def server():
    """A server on this computer alone, without accounts: its address."""
    with tempfile.TemporaryDirectory() as directory:
        command = [PROGRAM, "serve", "--listen", "127.0.0.1:0", "--data", str(Path(directory) / "waibao.db")]
        environment = {**os.environ, "WAIBAO_CACHE": directory}
        child = subprocess.Popen(command, stderr=subprocess.PIPE, env=environment)
        try:
            line = child.stderr.readline().decode()
            found = re.search(r"http://[0-9.:]+", line)
            assert found, f"no address in {line!r}"
            yield found[0]
        finally:
            child.terminate()
            rest = child.communicate(timeout=60)[1].decode()
        assert child.returncode == 0, (child.returncode, rest)
        assert "内部错误" not in rest and "panicked" not in rest, rest


def prove(*clients):
    """Lets each client meet a server of its own."""
    for client in clients:
        with server() as address:
            client(address)
        print(f"{client.__name__}: ok")
