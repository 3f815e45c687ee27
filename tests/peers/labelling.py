"""The machine-learning backend of `waibao serve`, called by Label Studio's own connector.

Usage: python labelling.py PATH/TO/waibao
The connector is the class by which Label Studio's server calls its backends; it is imported with the settings of a Label
Studio that is never started. Label Studio demands versions of its own of many packages, so it has an environment of its
own (labelling.txt).
"""

import datetime
import logging
import os
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import requests

from serving import TEXTS, prove

LAST = "保险理赔单证录入与影像扫描"
FORM = """<View><Text name="contract" value="$content"/>
<Choices name="class" toName="contract" choice="single-radio">
<Choice value="B21 数据处理服务"/><Choice value="B22"/><Choice value="不属于服务外包"/></Choices></View>"""


def label_studio_predicts(address):
    api = connector()(url=address, basic_auth_user="waibao", basic_auth_pass="")
    owner = SimpleNamespace(auth_token=SimpleNamespace(key="token"))
    project = SimpleNamespace(
        id=3, created_at=datetime.datetime(2025, 1, 1), created_by=owner, label_config=FORM,
        task_data_login=None, task_data_password=None,
    )
    health = api.health()
    assert not health.is_error and health.response["status"] == "UP", health.response
    setup = api.setup(project)
    assert not setup.is_error, setup.response
    tasks = [{"id": at, "project": 3, "data": {"content": text}} for at, text in enumerate([*TEXTS, LAST])]
    answer = api.make_predictions(tasks, project)
    assert not answer.is_error, answer.response
    results = answer.response["results"]
    assert len(results) == len(tasks)
    for result in results:
        assert 0 <= result["score"] <= 1 and result["model_version"] == setup.response["model_version"]
    assert results[2]["result"][0]["value"]["choices"] == ["B21 数据处理服务"], results[2]
    # As Label Studio itself looks at what comes back before it is kept.
    from label_studio_sdk.label_interface import LabelInterface

    for result in results:
        assert LabelInterface(FORM).validate_prediction(result), result
    # What the connector of a project's webhook sends when somebody has annotated.
    annotation = {"id": 1, "result": [{**results[2]["result"][0], "value": {"choices": ["B22"]}}], "was_cancelled": False}
    event = {
        "action": "ANNOTATION_CREATED", "annotation": annotation, "task": tasks[2],
        "project": {"id": 3, "label_config": FORM},
    }
    heard = requests.post(f"{address}/webhook", json=event, timeout=30)
    assert heard.ok and heard.json()["case"], heard.text
    cases = requests.get(f"{address}/v1/cases", timeout=30).json()["cases"]
    assert [(case["id"], case["text"], case["label"]) for case in cases] == [(heard.json()["case"], LAST, "B22")]
    again = api.make_predictions([tasks[2]], project)
    assert again.response["results"][0]["score"] < results[2]["score"], again.response
    wrong = api.make_predictions(tasks, SimpleNamespace(**{**vars(project), "label_config": "<View/>"}))
    assert wrong.is_error and wrong.status_code == 422, wrong.response


def connector():
    """The class by which Label Studio's server calls its backends."""
    import label_studio

    package = Path(label_studio.__file__).parent
    sys.path[:0] = [str(package), str(package.parent)]
    os.environ.update(
        DJANGO_SETTINGS_MODULE="core.settings.label_studio",
        LABEL_STUDIO_BASE_DATA_DIR=tempfile.mkdtemp(),
        LATEST_VERSION_CHECK="false",
        COLLECT_ANALYTICS="false",
        SECRET_KEY="of nothing",
        # The server under test is on this computer.
        ML_BLOCK_LOCAL_IP="false",
    )
    import django

    logging.disable(logging.WARNING)
    django.setup()
    from ml.api_connector import MLApi

    return MLApi


prove(label_studio_predicts)
