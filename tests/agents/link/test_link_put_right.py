"""Issues that were told of a merge request and are not to be told more: no longer named, secured or unmapped since."""

from collections.abc import Sequence
from typing import Any

import pytest

from bot.agents.spec import Mentioned, Verdict
from bot.domain.actions import CommentIssue, LinkIssue, SetCommitStatus
from bot.domain.document import Link, Lozenge, lines_of
from bot.domain.ledger import Ledger, Row
from bot.testing import ScriptedModel
from tests.agents.link.test_link_actions import (
    MOVES,
    URL,
    comments,
    issue,
    kind,
    link,
    mentioned,
    moved,
    request,
    text,
)

NOTICE = "The merge request no longer names this issue."
STATES = [("opened", "OPEN"), ("merged", "MERGED"), ("closed", "CLOSED")]
REQUIRED = {"require_key": True, "transitions": MOVES}


def memory(**fields: Any) -> dict[str, Any]:
    """What our comment of a run before remembers."""
    return comments(link(request=request(**fields), verdict=Verdict("a" * 40)))[0].memory


def unnamed(
    key: str = "SHOP-12", *, tells: bool = True, kept: dict[str, Any] | None = None
) -> list[Mentioned]:
    return [Mentioned(issue(key), tells, memory() if kept is None else kept, named=False)]


def lines(one: CommentIssue) -> list[str]:
    return ["".join(part.text for part in line) for block in one.body.blocks for line in lines_of(block)]


@pytest.mark.parametrize(("state", "shown"), STATES)
def test_an_issue_no_longer_named_is_kept_current_and_told_so_once(state: str, shown: str) -> None:
    now = request(state=state, title="Cap every cart")
    result = link(request=now, mentioned=unnamed(), link=REQUIRED, verdict=Verdict("a" * 40, 3))
    [one], [remote] = comments(result), kind(result, LinkIssue)
    assert lines(one) == [f"{shown} !7 Cap every cart in acme/shop, into main", NOTICE]
    assert (one.key, one.create, one.internal) == ("mr:1:7", False, True)
    assert (remote.title, remote.url, remote.state) == ("!7 Cap every cart", URL, state)


@pytest.mark.parametrize(("state", "shown"), STATES)
@pytest.mark.parametrize("named", [True, False])
def test_an_issue_that_may_be_told_no_more_has_the_place_and_the_state_alone(
    state: str, shown: str, named: bool
) -> None:
    there = [Mentioned(issue(security="Board"), False, memory(), named)]
    result = link(request=request(state=state), mentioned=there, link=REQUIRED)
    [one] = comments(result)
    assert lines(one) == [f"{shown} acme/shop!7"]
    parts = [part for block in one.body.blocks for line in lines_of(block) for part in line]
    assert [part.url for part in parts if isinstance(part, Link)] == [URL]
    assert [part.text for part in parts if isinstance(part, Lozenge)] == [shown]
    assert (one.key, one.create, one.internal) == ("mr:1:7", False, True)
    assert "Cap the cart" not in one.model_dump_json()


@pytest.mark.parametrize("named", [True, False])
def test_where_nothing_was_told_no_comment_is_put_right(named: bool) -> None:
    assert comments(link(mentioned=[Mentioned(issue(), False, named=named)])) == []


def test_an_issue_no_longer_named_without_a_comment_of_ours_has_its_link_alone() -> None:
    result = link(mentioned=[Mentioned(issue(), True, named=False)], link=REQUIRED)
    assert [one.kind for one in result.actions] == ["link_issue", "set_commit_status"]


@pytest.mark.parametrize("trigger", ["merged", "reworded", "shell", "command"])
@pytest.mark.parametrize("state", ["opened", "merged"])
def test_only_named_issues_are_moved(state: str, trigger: str) -> None:
    there = [*mentioned("SHOP-13"), *unnamed("SHOP-12", kept=memory(state="closed"))]
    result = link(request=request(state=state), trigger=trigger, mentioned=there, link=REQUIRED)
    assert [key for key, _ in moved(result)] == ["SHOP-13"]


@pytest.mark.parametrize(
    ("there", "state", "description"),
    [
        (unnamed(), "failed", "name an issue like SHOP-12 in title, branch, description or a commit"),
        ([*mentioned("SHOP-13"), *unnamed()], "success", "SHOP-13"),
    ],
)
def test_an_issue_no_longer_named_is_no_key(there: Sequence[Mentioned], state: str, description: str) -> None:
    [status] = kind(link(mentioned=there, link=REQUIRED), SetCommitStatus)
    assert (status.state, status.description) == (state, description)
    assert status.url == ("https://jira.example/browse/SHOP-13" if state == "success" else "")


def test_complaints_are_about_named_issues() -> None:
    there = [*mentioned("SHOP-13"), *unnamed("OPS-1", tells=False)]
    result = link(mentioned=there, unreadable=["SHOP-99"], left_out=4)
    assert [one for one in result.complaints if "OPS" in one] == []
    assert result.complaints[-1] == "4 issues beyond the first 2 named: left out"


def test_no_model_is_asked_for_who_is_told_no_more() -> None:
    model = ScriptedModel([])
    result = link(mentioned=unnamed(), model=model, request=request(head="c" * 40))
    assert (model.calls, result.failures) == (0, ())


def test_criteria_are_shown_to_named_issues() -> None:
    rows = (Row(issue="SHOP-12", criterion="a", text="A cart takes 50 items", state="met"),)
    result = link(request=request(state="merged"), mentioned=unnamed(), ledger=Ledger(rows=rows))
    assert "A cart takes 50 items" not in text(comments(result)[0].body)


# --- what is remembered


def after(before: Sequence[Mentioned], **fields: Any) -> dict[str, Any]:
    (one,) = comments(link(request=request(**fields), mentioned=before))
    return one.memory


@pytest.mark.parametrize("tells", [True, False])
def test_no_text_of_the_merge_request_stays_in_the_memory_of_who_is_told_no_more(tells: bool) -> None:
    assert after(unnamed(tells=tells)) == {"stage": "opened"}


@pytest.mark.parametrize("stage", ["owned", 5, None, ["opened"], {"a": "b"}])
def test_a_memory_that_somebody_changed_is_not_passed_on(stage: object) -> None:
    assert after(unnamed(kept={"stage": stage})) == {"stage": None}


@pytest.mark.parametrize(
    "fields",
    [{"head": "c" * 40}, {"description": "Reworded"}, {"source_branch": "other"}],
)
def test_a_push_does_not_edit_the_comment_of_an_issue_no_longer_named(fields: dict[str, Any]) -> None:
    first, second = (
        comments(link(request=now, mentioned=unnamed()))[0] for now in (request(), request(**fields))
    )
    assert first == second


def test_an_issue_that_is_named_again_after_the_merge_is_moved_then() -> None:
    kept = after(unnamed(), state="merged")
    again = link(request=request(state="merged"), mentioned=mentioned(memory=kept), link=REQUIRED)
    assert moved(again) == [("SHOP-12", "Done")]
    assert NOTICE not in text(comments(again)[0].body)


def test_an_issue_that_is_named_again_meanwhile_is_not_moved_again() -> None:
    kept = after(unnamed())
    assert moved(link(mentioned=mentioned(memory=kept), link=REQUIRED)) == []
