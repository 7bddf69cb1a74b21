"""The sandbox's model: prepared answers, and only where what they speak of is shown."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.agents.pages.notes_schema import BreakingAnswer
from bot.agents.pages.schema import SectionAnswer
from bot.agents.review.schema import LedgerAnswer, ReviewAnswer, VerifyAnswer
from bot.agents.triage.schema import QuestionAnswer, TriageAnswer
from bot.sandbox import seed
from bot.sandbox.confluence.seed import GUIDE_BODY
from bot.sandbox.jira.seed import DESCRIPTION
from bot.sandbox.prepared import BREAKS, JUDGED, UNTRUE, Question, answer
from tests.sandbox_server import SandboxServer

MONEY = next(one for one in UNTRUE if one.path == "shop/money.py")
BLOCK = "Customers read amounts as `money.shown(amount)` writes them, always in euro."
DIFF = f"-    return old\n+    {MONEY.line}"


def asked(answers: Any, *objects: dict[str, Any]) -> Any:
    """The answer, as the agent would read it."""
    text = "\n".join(map(json.dumps, objects))
    return answers.model_validate(answer(Question(answers.model_json_schema(), objects, text)))


def section(block: str, diff: str, path: str = MONEY.path) -> dict[str, Any]:
    blocks = [{"block": 1, "text": "Else."}, {"block": 2, "text": block}]
    return {"section": "Amounts", "blocks": blocks, "changed_files": [{"path": path, "diff": diff}]}


def test_a_block_that_the_change_makes_wrong_is_put_right_and_keeps_its_other_words():
    [wrong] = asked(SectionAnswer, section(BLOCK, DIFF)).wrong
    assert (wrong.block, wrong.how, wrong.quote) == (2, "replace", "always in euro")
    assert wrong.text.startswith("Customers read amounts as `money.shown(amount, country)` writes them, in ")


@pytest.mark.parametrize(
    "shown",
    [
        section("Customers read amounts in francs or in euro.", DIFF),
        section(BLOCK, "+    return something_else"),
        section(BLOCK, DIFF, path="shop/other.py"),
        {"section": "Amounts"},
    ],
    ids=["already right", "another change", "another file", "no text yet"],
)
def test_what_is_not_shown_is_not_spoken_of(shown):
    assert asked(SectionAnswer, shown).wrong == []


def test_what_is_prepared_speaks_of_the_seed():
    """A seed that is changed without its answers would leave the demo without them."""
    changed = seed.before() | seed.after()
    lines = {path: text(file) for path, file in changed.items() if file} | {
        path: text(seed.before()[path]) for path in seed.REMOVED
    }
    lines["shop/money.py"] += seed.fix()["shop/money.py"]
    page = GUIDE_BODY.replace("<code>", "`").replace("</code>", "`").replace("&rsquo;", "’")
    for one in UNTRUE:
        assert one.line in lines[one.path]
        assert one.words in page
        assert all(before in page for before, _ in one.swaps)
    for one in BREAKS:
        assert one.quote in lines[one.path]
    for one in JUDGED:
        assert f"* {one.words}" in DESCRIPTION
        assert not one.quote or one.quote in lines[one.path].splitlines()[one.line - 1]


def text(file: Any) -> str:
    return file.content.decode(errors="replace")


def test_criteria_are_judged_by_their_words_and_numbers_and_with_proof_only():
    rows = [
        {"number": 4, "issue": "SHOP-12", "criterion": JUDGED[1].words + " do not matter"},
        {"number": 5, "issue": "SHOP-12", "criterion": "Something else"},
        {"number": 6, "issue": "SHOP-12", "criterion": JUDGED[2].words + " after its last day"},
    ]
    told = asked(LedgerAnswer, {"files": [f"{JUDGED[1].path}: {JUDGED[1].quote}"]}, *rows)
    assert [(one.number, one.state) for one in told.criteria] == [(4, "met")]
    assert told.outside == []


def test_breaks_are_told_where_the_diff_shows_them():
    shown = {"files": [{"path": one.path, "diff": f"-{one.quote}"} for one in BREAKS[1:]]}
    assert [one.path for one in asked(BreakingAnswer, shown).breaks] == [one.path for one in BREAKS[1:]]


@pytest.mark.parametrize("answers", [ReviewAnswer, VerifyAnswer, TriageAnswer, QuestionAnswer])
def test_every_other_question_gets_the_least_that_its_schema_allows(answers):
    assert asked(answers) == answers.model_validate(answer(Question(answers.model_json_schema(), (), "")))


@settings(max_examples=30, deadline=None)
@given(words=st.text(st.characters(codec="utf-8", exclude_characters="{")), in_words=st.booleans())
def test_it_answers_as_a_server_does_whatever_stands_before_the_question(server, words, in_words):
    """The schema may come in words or beside them."""
    schema = SectionAnswer.model_json_schema()
    parts = [words, json.dumps(section(BLOCK, DIFF), indent=1), *([json.dumps(schema)] if in_words else [])]
    body = question("\n\n".join(parts))
    if not in_words:
        body |= {"response_format": {"type": "json_schema", "json_schema": {"schema": schema}}}
    [choice] = httpx2.post(f"{server}/chat/completions", json=body).json()["choices"]
    said = SectionAnswer.model_validate_json(choice["message"]["content"])
    assert [one.block for one in said.wrong] == [2]


def test_a_question_without_a_schema_is_refused_as_servers_refuse(server):
    answered = httpx2.post(f"{server}/chat/completions", json=question("How are you? { is a brace"))
    assert (answered.status_code, "message" in answered.json()["error"]) == (400, True)
    assert [one["id"] for one in httpx2.get(f"{server}/models").json()["data"]] == ["prepared-answers"]


def question(words: str) -> dict[str, Any]:
    return {"model": "prepared-answers", "messages": [{"role": "user", "content": words}]}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with SandboxServer() as running:
        yield f"{running.url}/sandbox/model/v1"
