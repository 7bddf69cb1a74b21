"""What an agent may have done: nothing that is not on the list, at no place the diff does not give."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.agents.spec import AgentResult, AgentSpec
from bot.domain.actions import Action, Decision, Position, PostFinding, React, UpsertNote
from bot.domain.change import ChangeSet, FileChange, FileStatus
from bot.domain.findings import Finding, Severity, Suggestion, identified
from bot.domain.markdown import finding_comment
from bot.domain.positions import file_position, position
from bot.errors import AccessDenied, Unavailable
from bot.policy import MAX_BODY, MAX_FINDINGS, Ground, decide
from bot.ports import Snapshot
from tests.doubles import REFS, DictSnapshot, added_file, change_of

TEXT = "one\ntwo\nthree\nfour\n"
FILE = added_file("a.py", TEXT)
REVIEWER = AgentSpec(
    name="review",
    may=frozenset({"post_finding", "upsert_note", "react"}),
    run=lambda _context: AgentResult(()),
)
MUTE = AgentSpec(name="review", may=frozenset(), run=lambda _context: AgentResult(()))


def ground(
    snapshot: Snapshot | None = None, change: ChangeSet | None = None, agent: AgentSpec = REVIEWER
) -> Ground:
    return Ground(agent, change or change_of(FILE), snapshot or DictSnapshot({"a.py": TEXT}))


def post(line: int | None = 2, where: Position | None = None, **fields: Any) -> PostFinding:
    """A finding on a line of `a.py`, unless another position is given."""
    given = {"rule": "r", "severity": Severity.MINOR, "path": "a.py", "title": "T", "anchor": str(line)}
    (finding,) = identified([Finding.model_validate(given | {"line": line} | fields)])
    exact = where or position(REFS, FILE, line=line, end_line=finding.end_line)
    return PostFinding(
        key=finding.fingerprint, finding=finding, body=finding_comment(finding), position=exact
    )


def reasons(*actions: Action, on: Ground | None = None) -> list[str]:
    """Why actions were refused; nothing else may have been decided."""
    _, decisions = decide(actions, on or ground())
    assert not [one for one in decisions if one.allowed]
    return [one.reason for one in decisions]


# --- kinds and keys


def test_what_is_in_order_passes_unchanged() -> None:
    actions: list[Action] = [post(), UpsertNote(key="summary", body="x"), React(key="ok", emoji="thumbsup")]
    assert decide(actions, ground()) == (actions, [])


@pytest.mark.parametrize(
    "action", [post(), UpsertNote(key="summary", body="x"), React(key="k", emoji="eyes")]
)
def test_an_agent_does_only_what_it_may(action: Action) -> None:
    assert reasons(action, on=ground(agent=MUTE)) == [f"the review agent may not {action.kind}"]


def test_nothing_is_done_twice() -> None:
    assert reasons(post(), post()) == ["proposed twice"]
    allowed, _ = decide([post(), post()], ground())
    assert len(allowed) == 1


@pytest.mark.parametrize("emoji", ["middle_finger", "", "thumbsup\n/approve"])
def test_reactions_come_from_a_list(emoji: str) -> None:
    assert reasons(React(key="k", emoji=emoji)) == [f"reaction {emoji!r} is not on the list"]
    assert reasons(React(key="k", emoji="eyes", instead_of=emoji or "x")) != []


def test_a_reaction_may_only_take_another_back() -> None:
    assert reasons(React(key="k", emoji=None, instead_of="thumbsup")) == []
    assert reasons(React(key="k", emoji=None)) == ["a reaction that neither gives nor takes one"]


def test_notes_come_from_a_list_and_are_not_endless() -> None:
    assert reasons(UpsertNote(key="approval", body="x")) == ["note 'approval' is not on the list"]
    assert reasons(UpsertNote(key="summary", body="x" * (MAX_BODY + 1))) != []


def test_a_finding_goes_by_its_fingerprint() -> None:
    for key in ("", "other", "a b", "--> <b>"):
        assert reasons(post().model_copy(update={"key": key})) == ["its key is not the finding's fingerprint"]
    unmarkable = post().finding.model_copy(update={"fingerprint": "--> x"})
    stray = post().model_copy(update={"key": "--> x", "finding": unmarkable})
    assert reasons(stray) == ["its key is not the finding's fingerprint"]


def test_an_agent_speaks_for_itself() -> None:
    assert reasons(post(agent="link")) == ["the review agent may not speak for 'link'"]


# --- places


def test_a_place_is_the_diffs_own_or_none() -> None:
    whole = file_position(REFS, FILE)
    allowed, decisions = decide(
        [post(), post(3, whole), post(4).model_copy(update={"position": None})], ground()
    )
    assert (len(allowed), decisions) == (3, [])


@pytest.mark.parametrize(
    "fields",
    [
        {"new_line": 3},
        {"old_line": 2},
        {"head_sha": "e" * 40},
        {"new_path": "b.py"},
        {"position_type": "file"},
        {"line_range": {"start": {}, "end": {}}},
    ],
)
def test_any_other_place_is_refused(fields: dict[str, Any]) -> None:
    exact = post().position
    assert exact is not None
    assert reasons(post(2, exact.model_copy(update=fields))) == ["its position does not follow from the diff"]


def test_a_file_outside_the_change_has_no_place() -> None:
    assert reasons(post(path="other.py")) == ["other.py is not part of the change"]


@given(st.integers(1, MAX_FINDINGS + 20))
def test_findings_have_a_limit(count: int) -> None:
    posts = [post(anchor=str(number)) for number in range(count)]
    allowed, decisions = decide(posts, ground())
    assert len(allowed) == min(count, MAX_FINDINGS)
    assert len(allowed) + len(decisions) == count


# --- suggestions


def suggesting(start: int, end: int, *replaces: str, line: int = 2, **fields: Any) -> PostFinding:
    suggestion = Suggestion(start=start, end=end, replaces=replaces, lines=("better",))
    return post(line, suggestion=suggestion, **fields)


def without_suggestion(action: PostFinding, snapshot: Snapshot | None = None) -> Decision:
    (kept,), (decision,) = decide([action], ground(snapshot))
    assert isinstance(kept, PostFinding)
    assert decision.allowed
    assert kept.finding.suggestion is None
    assert "suggestion" not in kept.body
    assert (kept.key, kept.position, kept.finding.title) == (
        action.key,
        action.position,
        action.finding.title,
    )
    return decision


@pytest.mark.parametrize(
    "action",
    [
        suggesting(2, 2, "two"),
        suggesting(1, 3, "one", "two", "three"),
        suggesting(2, 3, "two", "three", line=2, end_line=3),
    ],
)
def test_a_suggestion_that_replaces_the_lines_at_head_is_offered(action: PostFinding) -> None:
    assert "suggestion:-" in action.body
    assert decide([action], ground()) == ([action], [])


@pytest.mark.parametrize(
    "action",
    [
        suggesting(2, 2, "too"),
        suggesting(2, 2, "two "),
        suggesting(2, 2),
        suggesting(2, 3, "two"),
        suggesting(1, 2, "two", "three"),
        suggesting(2, 9, "two", "three", "four", ""),
        suggesting(3, 3, "three"),
        suggesting(0, 2, "one", "two"),
        suggesting(-1, 2, "four", ""),
        suggesting(2, 2, "two", line=2, end_line=3),
    ],
)
def test_a_suggestion_that_would_replace_anything_else_is_left_out_and_the_reason_told(
    action: PostFinding,
) -> None:
    assert without_suggestion(action).reason.startswith("its suggestion is left out: ")


def test_lines_that_end_with_carriage_returns_are_not_replaced() -> None:
    action = suggesting(2, 2, "two\r")
    assert "carriage returns" in without_suggestion(action, DictSnapshot({"a.py": "one\r\ntwo\r\n"})).reason


def test_a_suggestion_that_would_damage_a_file_that_is_not_utf8_is_left_out() -> None:
    kept, decisions = decide(
        [suggesting(2, 2, "caf\ufffd")], ground(DictSnapshot({"a.py": b"one\ncaf\xe9\n"}))
    )
    (action,) = kept
    assert isinstance(action, PostFinding)
    assert action.finding.suggestion is None
    assert "not UTF-8" in decisions[0].reason


def test_a_file_that_is_not_at_head_takes_no_suggestion() -> None:
    without_suggestion(suggesting(2, 2, "two"), DictSnapshot({}))


class Unreadable:
    commit = REFS.head

    def __init__(self, error: Exception) -> None:
        self._error = error

    def read(self, path: str, limit: int = 1_000_000) -> bytes | None:
        raise self._error

    def size(self, path: str) -> int | None:
        raise self._error


def test_a_repository_that_cannot_be_read_costs_the_suggestion_only() -> None:
    decision = without_suggestion(suggesting(2, 2, "two"), Unreadable(AccessDenied("no files for us")))
    assert decision.reason == "its suggestion is left out: no files for us"


def test_a_repository_that_is_down_is_tried_again_later() -> None:
    with pytest.raises(Unavailable):
        decide([suggesting(2, 2, "two")], ground(Unreadable(Unavailable("down"))))


def test_a_removed_line_takes_no_suggestion() -> None:
    gone = FileChange("a.py", "a.py", FileStatus.DELETED, hunks=FILE.hunks)
    action = post(None, old_line=2, suggestion=Suggestion(start=2, end=2, replaces=("two",), lines=("x",)))
    action = action.model_copy(update={"position": None})
    (kept,), (decision,) = decide([action], ground(change=change_of(gone)))
    assert decision.reason.endswith("it is not about the line that the comment stands on")
    assert isinstance(kept, PostFinding)
    assert kept.finding.suggestion is None
