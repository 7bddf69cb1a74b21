"""An issue's acceptance criteria judged in the review and told to the issue, and questions answered there."""

import html
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.jira_rig import JiraRig
from tests.model_server import Body, ModelServer, Reply, answered, nothing_found, schema_of, told_schema

CODE = "def total(prices: list[int]) -> int:\n    return sum(prices)\n"
PROOF = "return sum(prices)"
ASKED_FOR = "The total is the sum of all prices"
DESCRIPTION = (
    f"Customers pay too much.\n\nh2. Acceptance criteria\n\n* {ASKED_FOR}\n* The total is shown in euros\n"
)
LINES = ["Totals are sums now.", "Prices are whole cents."]


@pytest.fixture(scope="module")
def model() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


@pytest.fixture
def rig(model: ModelServer, tmp_path: Path) -> Iterator[JiraRig]:
    model.reply = judging
    with JiraRig(tmp_path, "datacenter", **model.environ("openai")) as started:
        yield started


def judging(body: Body) -> Reply:
    """The first criterion is met, with its line; the second is said to be met by a line that is not there."""
    wanted = set((schema_of(body) or told_schema(body) or {}).get("properties", {}))
    if "criteria" in wanted:
        return answered({"criteria": [_met(1, PROOF), _met(2, 'return f"{total} EUR"')], "outside": []})
    if "lines" in wanted:
        return answered({"lines": LINES})
    return nothing_found(body)


def _met(number: int, quote: str) -> dict[str, Any]:
    proof = {"path": "shop/cart.py", "line": 2, "quote": quote}
    return {"number": number, "state": "met", "evidence": [proof], "reason": "It is there."}


def test_criteria_are_judged_in_the_review_and_told_to_the_issue_at_the_merge(
    rig: JiraRig, model: ModelServer
) -> None:
    key = rig.jira.create("Totals are wrong", description=DESCRIPTION, user="ada")
    iid = rig.sandbox.merge_request(f"{key}: sum up", {"shop/cart.py": CODE}, source=f"{key}-sums")
    rig.reviewed(iid)
    rig.idle()
    [summary] = rig.summaries(iid)
    [met] = [line for line in summary["body"].splitlines() if ASKED_FOR in line]
    [unproven] = [line for line in summary["body"].splitlines() if "shown in euros" in line]
    assert "met" in met
    assert "cart.py:2" in met.replace("\\", "")
    assert "cannot be checked" in unproven
    rig.sandbox.act(iid, "merge", user="grace")
    rig.wait(lambda: ASKED_FOR in _said(rig, key), 60, "the criteria on the issue")
    rig.idle()
    said = _said(rig, key)
    assert len(rig.comments(key)) == 1
    assert all(line in said for line in LINES)
    assert "shop/cart.py:2" in said
    assert model.refusals == []


def _said(rig: JiraRig, key: str) -> str:
    """As a reader sees it: Data Center keeps wiki text, in which signs are escaped."""
    text = "\n".join(str(one["text"]) for one in rig.comments(key))
    return html.unescape(text).replace("\\", "")
