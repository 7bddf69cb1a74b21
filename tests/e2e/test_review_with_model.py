"""From a delivery to a review that a model had a part in, over real HTTP, a real Redis and real processes."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.model_replies import about, reported, reporting, turn, verifies
from tests.model_server import Body, ModelServer, Reply, called, failed, nothing_found
from tests.rig import Rig

CODE = "def first(order):\n    return order.items[0]\n"
ANCHOR = "    return order.items[0]"
LEAK = "glpat-" + "Zq8Rt2vLm4" + "Xc7Wn1Kd9P"
UNDEFINED = "value = undefined_name\n"


@pytest.fixture(scope="module")
def model() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


@pytest.fixture(scope="module")
def rig(model: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with Rig(tmp_path_factory.mktemp("rig"), **model.environ("openai")) as started:
        yield started


@pytest.fixture(autouse=True)
def fresh(model: ModelServer, rig: Rig) -> Iterator[None]:
    """Every test leaves a model that answers, and no circuit open."""
    model.clear()
    yield
    model.reply = nothing_found
    model.gate.set()
    rig.idle()
    for key in rig.redis().keys("trivet:circuit:*"):
        rig.redis().delete(key)


@pytest.fixture
def branch(request: pytest.FixtureRequest) -> str:
    return str(request.node.name).removeprefix("test_")[:40].strip("_")


def reports(rig: Rig) -> list[dict[str, Any]]:
    client = rig.redis()
    return [json.loads(client.get(key) or b"{}") for key in client.keys("trivet:report:*")]


def report(rig: Rig, iid: int) -> dict[str, Any]:
    """The account of the only run about a merge request."""
    (found,) = [one for one in reports(rig) if one["target"].endswith(f"!{iid}")]
    return found


def test_a_webhook_leads_to_a_models_finding_on_its_line_and_to_an_account_of_it(
    rig: Rig, model: ModelServer, branch: str
) -> None:
    path = f"{branch}/orders.py"
    model.reply = reporting(reported(path, 2, ANCHOR))
    iid = rig.sandbox.merge_request(files={path: CODE}, source=branch)
    rig.reviewed(iid)
    rig.idle()
    (thread,) = [one for one in rig.review(iid)["discussions"] if one["position"]]
    assert (thread["position"]["new_path"], thread["position"]["new_line"]) == (path, 2)
    assert rig.notifications(iid) == ["review"]
    account = report(rig, iid)
    assert (account["model_calls"], account["failures"]) == (2, [])
    assert account["tokens"] > 0
    assert account["model"].startswith("openai:")
    assert model.refusals == []
    assert rig.kept_runs() == 0


def test_the_same_head_told_of_twice_is_one_review_and_one_bill(
    rig: Rig, model: ModelServer, branch: str
) -> None:
    path = f"{branch}/orders.py"
    model.reply = reporting(reported(path, 2, ANCHOR))
    model.gate.clear()
    iid = rig.sandbox.merge_request(files={path: CODE}, source=branch)
    model.wait_in_flight(1)
    told = [one for one in rig.sandbox.state()["deliveries"] if one["event"] == "Merge Request Hook"]
    rig.sandbox.resend(told[-1]["id"])
    model.gate.set()
    rig.reviewed(iid)
    rig.sandbox.resend(told[-1]["id"])
    rig.idle()
    assert len(model.asked) == 2
    assert (len(rig.findings(iid)), len(rig.summaries(iid))) == (1, 1)


def test_a_dead_key_leaves_the_checks_and_one_sentence(rig: Rig, model: ModelServer, branch: str) -> None:
    model.reply = lambda _body: failed(401, "Incorrect API key provided", type="invalid_request_error")
    iid = rig.sandbox.merge_request(files={f"{branch}/code.py": UNDEFINED}, source=branch)
    rig.reviewed(iid)
    rig.idle()
    assert len(rig.findings(iid)) == 1
    account = report(rig, iid)
    (failure,) = account["failures"]
    (summary,) = rig.summaries(iid)
    (complaint,) = [line for line in summary["body"].split("\n") if line.startswith("- ⚠")]
    assert "check OPENAI_API_KEY" in complaint
    rig.wait(lambda: failure in rig.log(), 10, "the log to tell of it")
    assert len(model.asked) == 1


def test_a_model_that_was_out_is_waited_for_and_what_was_answered_is_not_asked_again(
    rig: Rig, model: ModelServer, branch: str
) -> None:
    files = {f"{branch}/{name}.py": f"{name} = len('abcd')\n" * 700 for name in ("apples", "pears")}
    apples, pears = files
    is_down = threading.Event()
    is_down.set()

    def reply(body: Body) -> Reply:
        if about(body, [pears]) and is_down.is_set() and not verifies(body):
            return failed(503, "overloaded")
        return reporting(reported(apples, 3, "apples = len('abcd')"))(body)

    model.reply = reply
    iid = rig.sandbox.merge_request(files=files, source=branch)
    rig.wait(lambda: any(run.get("outages") for run in rig.runs()), 30, "the run to be put back")
    assert rig.kept_runs() == 1
    is_down.clear()
    rig.reviewed(iid)
    rig.idle()
    asked = [about(body, files) for body in model.asked if not verifies(body)]
    assert asked.count(apples) == 1
    assert len(rig.findings(iid)) == 1
    assert report(rig, iid)["model_calls"] == 3
    assert rig.kept_runs() == 0


def test_a_push_while_a_model_thinks_stops_the_run_before_it_pays_again(
    rig: Rig, model: ModelServer, branch: str
) -> None:
    path = f"{branch}/orders.py"

    def reply(body: Body) -> Reply:
        if not verifies(body) and turn(body) == 1:
            return called(("read_lines", {"path": path, "first": 1, "last": 2}))
        return reporting(reported(path, 2, ANCHOR))(body)

    model.reply = reply
    model.gate.clear()
    iid = rig.sandbox.merge_request(files={path: CODE + "OLDER = 1\n"}, source=branch)
    stale = rig.review(iid)["head"]
    model.wait_in_flight(1)
    rig.sandbox.push(branch, {path: CODE + "NEWER = 1\n"})
    rig.wait(
        lambda: sum(f"!{iid}" in str(run) or f'"iid":{iid}' in str(run) for run in rig.runs()) == 2,
        30,
        "the newer run",
    )
    model.gate.set()
    rig.reviewed(iid)
    rig.idle()
    assert sum("OLDER" in str(body) for body in model.asked) == 1
    assert len(rig.findings(iid)) == 1
    assert stale not in str(rig.bot_notes(iid))
    assert rig.kept_runs() == 0


def test_no_secret_of_the_change_reaches_a_model_a_kept_step_or_redis(
    rig: Rig, model: ModelServer, branch: str
) -> None:
    path = f"{branch}/orders.py"
    telling = reported(path, 2, ANCHOR, title=f"It shows {LEAK}", detail=f"{LEAK} is there", evidence=LEAK)
    held = threading.Event()

    def reply(body: Body) -> Reply:
        if verifies(body):
            held.wait(60)
        elif turn(body) == 1:
            return called(
                ("search", {"text": LEAK, "folder": ""}),
                ("read_lines", {"path": path, "first": 1, "last": 9}),
            )
        return reporting(telling)(body)

    model.reply = reply
    iid = rig.sandbox.merge_request(files={path: f'{CODE}\n\ntoken = "{LEAK}"\n'}, source=branch)
    rig.wait(lambda: rig.kept_turns() == 2, 30, "both turns to be kept")
    try:
        kept = b"".join(file.read_bytes() for file in (rig.folder / "data").glob("checkpoints.sqlite*"))
        assert path.encode() in kept
        assert LEAK.encode() not in kept
        assert LEAK.encode() not in stored(rig)
    finally:
        held.set()
    rig.reviewed(iid)
    rig.idle()
    assert LEAK not in str(model.asked)
    assert LEAK not in rig.log()
    assert LEAK.encode() not in stored(rig)
    assert LEAK not in str(rig.bot_notes(iid))
    assert len(rig.findings(iid)) == 2


def stored(rig: Rig) -> bytes:
    """All texts of ours in Redis."""
    client = rig.redis()
    return b"\n".join(
        client.get(key) or b"" for key in client.keys("trivet:*") if client.type(key) == b"string"
    )
