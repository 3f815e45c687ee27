"""The API of `waibao serve`, used by OpenAI's client, and fuzzed by schemathesis.

Usage: python server.py PATH/TO/waibao
"""

import base64
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import openai
import requests

from serving import TEXTS, prove

# Seconds that schemathesis may take.
FUZZING = 300


def openai_reads_embeddings(address):
    client = openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0)
    model = client.models.list().data[0].id
    # Without a form the client asks for base64 and unpacks it.
    packed = client.embeddings.create(model=model, input=TEXTS)
    plain = client.embeddings.create(model="whatever", input=TEXTS, encoding_format="float")
    raw = client.embeddings.create(model=model, input=TEXTS[0], encoding_format="base64")
    assert [one.index for one in packed.data] == [0, 1] and packed.model == plain.model == model
    assert packed.usage.prompt_tokens == packed.usage.total_tokens > 20
    for one, other in zip(packed.data, plain.data):
        assert len(one.embedding) == len(other.embedding) > 100
        assert all(abs(a - b) < 1e-5 for a, b in zip(one.embedding, other.embedding))
        assert abs(sum(a * a for a in one.embedding) - 1) < 1e-3
    unpacked = struct.unpack(f"<{len(plain.data[0].embedding)}f", base64.b64decode(raw.data[0].embedding))
    assert all(abs(a - b) < 1e-4 for a, b in zip(unpacked, plain.data[0].embedding))
    try:
        client.embeddings.create(model=model, input=[[1, 2, 3]])
        raise AssertionError("tokens of another tokenizer were taken")
    except openai.UnprocessableEntityError as error:
        assert "词元" in error.body["detail"]


def schemathesis_finds_no_fault(address):
    # Something to ask for: a job with rows to decide, and a case.
    table = "合同名称,服务内容,金额\n" + "".join(f"第{at}号,{text},{at}\n" for at, text in enumerate(TEXTS))
    binary = {"content-type": "application/octet-stream"}
    job = requests.post(f"{address}/v1/jobs?name=台账.csv", data=table.encode(), headers=binary, timeout=30).json()
    for path, body in [(f"jobs/{job['id']}/start", {"double": 1}), ("cases", {"text": TEXTS[0], "label": "B11"})]:
        answer = requests.post(f"{address}/v1/{path}", json=body, timeout=30)
        assert answer.ok, answer.text
    # `not_a_server_error` is the promise; the others hold the document to what is answered. One worker, because two share
    # the generators, whose state is not guarded: now and then one of them ends in a traceback of its own.
    checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
    command = [
        str(Path(sys.executable).parent / "schemathesis"), "run", f"{address}/openapi.json", "--checks", checks,
        "--phases", "examples,coverage,fuzzing", "--max-examples", "30", "--seed", "1", "--workers", "1",
        "--request-timeout", "30", "--rate-limit", "100/s", "--generation-database", "none",
        "--suppress-health-check", "too_slow",
        "--header", "content-type: application/json",
    ]
    # It leaves notes where it runs.
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run(command, check=True, timeout=FUZZING, cwd=directory)
    assert requests.get(f"{address}/readyz", timeout=30).ok


prove(openai_reads_embeddings, schemathesis_finds_no_fault)
