"""What an issue is told of the review where there is a record of reviews, and where there is none."""

from typing import Any

import pytest

from bot.agents.spec import Verdict
from tests.agents.link.test_link_actions import comments, link, mentioned, request, text

HEAD, OLDER = "a" * 40, "c" * 40
SILENT = "Review: reviewed at aaaaaaaa: nothing open."
BUSY = "Review: reviewed at aaaaaaaa: 2 findings open, 1 resolved."


def told(known: Verdict | None, memory: dict[str, Any] | None = None, state: str = "opened") -> str:
    """The comment's line about the review, "" where there is none."""
    (one,) = comments(link(request=request(state=state), verdict=known, mentioned=mentioned(memory=memory)))
    return next((line for line in text(one.body).split("\n") if line.startswith("Review: ")), "")


def kept(known: Verdict | None, before: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """What the comment of a run remembers."""
    (one,) = comments(link(request=request(**fields), verdict=known, mentioned=mentioned(memory=before)))
    return one.memory


@pytest.mark.parametrize(
    ("before", "known", "line"),
    [
        (Verdict(HEAD), None, SILENT),
        (Verdict(HEAD, 2, 1), None, BUSY),
        (Verdict(HEAD), Verdict(""), SILENT),
        (Verdict(HEAD), Verdict(OLDER, 1), SILENT),
        (Verdict(HEAD), Verdict(HEAD, 2, 1), BUSY),
        (Verdict(OLDER), None, ""),
        (Verdict(OLDER), Verdict(""), "Review: not reviewed yet."),
        (Verdict(OLDER), Verdict(OLDER, 1), "Review: reviewed at cccccccc: 1 finding open."),
        (Verdict(""), None, ""),
        (None, None, ""),
        (None, Verdict(""), "Review: not reviewed yet."),
    ],
)
def test_a_review_that_was_told_of_this_head_stays_told(
    before: Verdict | None, known: Verdict | None, line: str
) -> None:
    assert told(known, kept(before)) == line


def test_what_is_kept_of_a_review_outlives_runs_that_know_nothing() -> None:
    memory = kept(Verdict(HEAD, 2, 1))
    for _ in range(3):
        memory = kept(None, memory)
    assert told(None, memory) == BUSY
    assert told(None, memory, state="merged") == BUSY


def test_a_push_ends_what_was_told_of_the_head_before() -> None:
    memory = kept(None, kept(Verdict(HEAD)), head=OLDER)
    assert memory["verdict"] is None
    assert told(None, memory) == ""


@pytest.mark.parametrize(
    "damage",
    [
        None,
        [],
        "text",
        {"head": HEAD},
        {"head": HEAD, "open": "2", "resolved": 0},
        {"head": HEAD, "open": 2, "resolved": None},
        {"head": [HEAD], "open": 0, "resolved": 0},
        {"head": "*h1. Owned*", "open": 0, "resolved": 0},
    ],
)
def test_a_memory_that_somebody_changed_tells_nothing(damage: object) -> None:
    assert told(None, kept(Verdict(HEAD)) | {"verdict": damage}) == ""
