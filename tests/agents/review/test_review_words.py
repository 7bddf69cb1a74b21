"""What a review writes once it is known what is new and what has become of the rest: notes, replies, one summary."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.runtime import Runtime

from bot.agents.review import SPEC
from bot.agents.review.asking import new_task
from bot.agents.review.compose import compose
from bot.agents.review.gates import worst_first
from bot.agents.review.schema import ReviewState
from bot.agents.spec import AgentContext
from bot.domain.actions import Action, Coverage, PostFinding, React, Reply, UpdateFinding, UpsertNote
from bot.domain.change import FileChange
from bot.domain.findings import Finding, Severity
from bot.domain.lifecycle import Course, Known, State, around
from bot.domain.repo_config import RepoConfig
from bot.domain.reviewed import Reviewed, unit
from bot.domain.sanitize import sanitize
from bot.domain.secrets import Redactor
from bot.policy import Ground, decide
from bot.testing import ScriptedModel
from tests.agents.review.test_review_graph import LEAK, configured
from tests.doubles import REQUEST, DictSnapshot, added_file, change_of

CODE = "".join(f"value_{number} = {number}\n" for number in range(1, 31))
PATH = "app/orders.py"
ORDERS = added_file(PATH, CODE)
FIX = "c" * 40
BREAK = "d" * 40
EMPTY = ("complaints", "failures", "decisions", "spent", "models", "claims", "doubted")
EARLIER = Reviewed(head="e" * 40, units=(unit(ORDERS),))


@dataclass
class Words:
    """What came of it, by kind."""

    actions: list[Action]
    update: dict[str, Any]

    @property
    def posts(self) -> list[PostFinding]:
        return [action for action in self.actions if isinstance(action, PostFinding)]

    @property
    def on_lines(self) -> list[str]:
        return [post.key for post in self.posts if post.position]

    @property
    def replies(self) -> list[Reply]:
        return [action for action in self.actions if isinstance(action, Reply)]

    @property
    def updates(self) -> list[UpdateFinding]:
        return [action for action in self.actions if isinstance(action, UpdateFinding)]

    @property
    def reactions(self) -> list[tuple[str | None, str | None]]:
        return [(one.emoji, one.instead_of) for one in self.actions if isinstance(one, React)]

    @property
    def summary(self) -> UpsertNote:
        (note,) = [one for one in self.actions if isinstance(one, UpsertNote) and one.key == "summary"]
        return note

    @property
    def reviewed(self) -> Reviewed:
        assert self.summary.reviewed is not None
        assert self.summary.reviewed == self.update["reviewed"]
        return self.summary.reviewed

    def reason(self, finding: Finding) -> str:
        return "".join(one.reason for one in self.update["decisions"] if one.key == finding.fingerprint)


def a_finding(line: int, severity: Severity = Severity.MAJOR, **other: Any) -> Finding:
    made = {
        "rule": "off-by-one",
        "severity": severity,
        "path": PATH,
        "line": line,
        "anchor": f"value_{line} = {line}",
        "title": f"Defect {line}",
        "detail": "It breaks.",
        "fingerprint": f"{line:032x}",
    }
    return Finding(**made | other)


def known(finding: Finding, state: State = "open", thread: str = "t") -> Known:
    name = f"{thread}{finding.fingerprint[-2:]}" if thread else ""
    return Known(key=finding.fingerprint, finding=finding, state=state, thread=name, note=1 if name else 0)


def composed(
    *new: Finding,
    course: Course | None = None,
    demoted: Sequence[str] = (),
    files: Sequence[FileChange] = (ORDERS,),
    state: dict[str, Any] | None = None,
    **given: Any,
) -> Words:
    contents = {file.path: "\n".join(line.text for line in file.lines()) + "\n" for file in files}
    context = AgentContext(
        request=REQUEST,
        change=change_of(*files),
        snapshot=DictSnapshot(contents),
        redactor=Redactor(),
        is_first=False,
        **{"config": RepoConfig()} | given,
    )
    whole: dict[str, Any] = {
        "shown": worst_first(new),
        "course": course or Course(),
        "demoted": list(demoted),
        "coverage": [Coverage(path=file.path, read=True) for file in files],
        **{name: [] for name in EMPTY},
        "tasks": {},
        "looked_at": {},
        "ledger": None,
    }
    before: ReviewState = whole | (state or {})  # type: ignore[assignment]
    update = asyncio.run(compose(before, Runtime(context=context)))
    return Words(update["actions"], update)


OPEN = a_finding(5)
WAS_FIXED = a_finding(9, Severity.CRITICAL)


# --- what became of earlier findings ---


def test_what_was_fixed_is_told_in_its_thread_in_one_line_and_closed() -> None:
    words = composed(course=Course(fixed={OPEN.fingerprint: FIX}), known=[known(OPEN)], reviewed=EARLIER)
    assert words.replies == [
        Reply(
            key=f"fixed:{OPEN.fingerprint}:{FIX}",
            thread="t05",
            body="Fixed in `cccccccc`.",
            resolves=True,
            finding=OPEN.fingerprint,
        )
    ]
    assert words.posts == []
    assert "\n\n1 fixed.\n\n" in words.summary.body


def test_what_came_back_is_told_in_its_old_thread_which_is_opened_again() -> None:
    course = Course(back={OPEN.fingerprint: BREAK}, standing=(OPEN,))
    words = composed(course=course, known=[known(OPEN, "fixed")], reviewed=EARLIER)
    (reply,) = words.replies
    assert (reply.key, reply.thread) == (f"regressed:{OPEN.fingerprint}:{BREAK}", "t05")
    assert (reply.resolves, reply.finding) == (False, OPEN.fingerprint)
    assert reply.body == "Back again in `dddddddd`."
    assert words.posts == []
    assert "**1 finding** in 1 changed file: 1 major." in words.summary.body
    assert "fixed" not in words.summary.body


def test_what_is_still_there_is_not_said_again_and_counts_in_the_summary() -> None:
    words = composed(course=Course(standing=(OPEN,)), known=[known(OPEN)], reviewed=EARLIER)
    assert (words.posts, words.replies, words.updates) == ([], [], [])
    assert "**1 finding** in 1 changed file: 1 major." in words.summary.body
    assert "Not shown on a line" not in words.summary.body
    assert words.update["shown"] == [OPEN]


def test_what_stands_only_in_the_summary_stays_there_and_is_not_replied_to() -> None:
    course = Course(standing=(OPEN,), fixed={WAS_FIXED.fingerprint: FIX})
    listed = [known(OPEN, thread=""), known(WAS_FIXED, thread="")]
    words = composed(course=course, known=listed, reviewed=EARLIER)
    assert (words.posts, words.replies) == ([], [])
    assert "**Not shown on a line**\n\n- **Major: Defect 5** `app/orders.py`, line 5" in words.summary.body
    assert [one.fingerprint for one in words.reviewed.listed] == [OPEN.fingerprint]


def test_a_rewritten_line_is_kept_in_the_findings_note_with_what_is_around_it() -> None:
    now = OPEN.model_copy(update={"line": 6, "anchor": "value_6 = 6"})
    course = Course(standing=(now, WAS_FIXED), rewritten=(OPEN.fingerprint,))
    words = composed(course=course, known=[known(OPEN), known(WAS_FIXED)], reviewed=EARLIER)
    lines = dict(enumerate(CODE.splitlines(), 1))
    assert words.updates == [UpdateFinding(key=OPEN.fingerprint, finding=now, around=around(lines, 6))]
    assert words.updates[0].around


def test_where_a_model_looked_in_vain_is_kept_in_the_note_of_a_finding_that_does_not_stand() -> None:
    place = {"path": "app/orders.py", "line": 5, "old_line": None}
    state = {"looked_at": {OPEN.fingerprint: "-d1"}, "places": {OPEN.fingerprint: place}}
    course = Course(outdated=(OPEN.fingerprint,))
    words = composed(course=course, known=[known(OPEN), known(WAS_FIXED)], reviewed=EARLIER, state=state)
    assert words.updates == [UpdateFinding(key=OPEN.fingerprint, finding=OPEN, around="-d1")]


def test_the_summary_tells_in_one_line_what_was_fixed_and_what_dismissed() -> None:
    earlier = [
        known(a_finding(1), "fixed"),
        known(a_finding(2), "dismissed"),
        known(a_finding(3), "dismissed"),
    ]
    course = Course(fixed={OPEN.fingerprint: FIX}, gone=(f"{3:032x}",))
    words = composed(course=course, known=[*earlier, known(OPEN)], reviewed=EARLIER)
    assert "Nothing to report in 1 changed file.\n\n3 fixed, 1 dismissed.\n\n" in words.summary.body


def test_an_outdated_finding_is_told_and_all_is_not_called_well() -> None:
    course = Course(outdated=(OPEN.fingerprint,))
    words = composed(course=course, known=[known(OPEN)], reviewed=EARLIER)
    assert "\n\n1 outdated.\n\n" in words.summary.body
    assert words.reactions == [(None, "thumbsup")]


# --- new ones, and how many ---


def test_a_new_finding_keeps_what_is_around_its_line() -> None:
    lines = dict(enumerate(CODE.splitlines(), 1))
    (post,) = composed(OPEN).posts
    assert post.position is not None
    assert post.around == around(lines, 5) != around(lines, 6)


def test_the_lines_around_are_those_that_a_model_is_shown() -> None:
    def around_of(text: str) -> str:
        (post,) = composed(a_finding(2, anchor="b = 2"), files=[added_file(PATH, text)]).posts
        return post.around

    assert around_of(f'a = "{LEAK}"\nb = 2\n') == around_of(f'a = "{LEAK[:-1]}x"\nb = 2\n')
    assert around_of("a = 1\nb = 2\n") != around_of("a = 3\nb = 2\n")


def test_open_threads_count_against_the_cap_and_closed_ones_do_not() -> None:
    standing = tuple(a_finding(line) for line in (1, 2))
    earlier = [*map(known, standing), known(a_finding(3)), known(a_finding(4), "dismissed")]
    course = Course(standing=standing, fixed={f"{3:032x}": FIX})
    new = [a_finding(line) for line in (11, 12, 13)]
    words = composed(
        *new,
        course=course,
        known=earlier,
        reviewed=EARLIER,
        config=configured("review: {max_comments: 4}"),
    )
    assert words.on_lines == [one.fingerprint for one in new[:2]]
    assert words.reason(new[2]) == "more than max_comments (4): shown in the summary"
    assert "**Major: Defect 13**" in words.summary.body
    assert "**5 findings**" in words.summary.body


def test_an_outdated_findings_thread_is_open_and_counts() -> None:
    course = Course(outdated=(OPEN.fingerprint,))
    given: dict[str, Any] = {"known": [known(OPEN)], "reviewed": EARLIER}
    words = composed(a_finding(11), course=course, config=configured("review: {max_comments: 1}"), **given)
    assert words.on_lines == []


def test_what_stands_in_the_summary_only_takes_no_room_from_a_thread() -> None:
    course = Course(standing=(OPEN,))
    given: dict[str, Any] = {"known": [known(OPEN, thread="")], "reviewed": EARLIER}
    words = composed(a_finding(11), course=course, config=configured("review: {max_comments: 1}"), **given)
    assert words.on_lines == [f"{11:032x}"]


def test_a_later_push_gets_only_so_many_new_comments_the_gravest_first() -> None:
    new = [a_finding(line) for line in range(1, 7)] + [a_finding(20, Severity.BLOCKER)]
    later = composed(*new, reviewed=EARLIER, config=configured("review: {max_comments_per_push: 2}"))
    assert later.on_lines == [f"{20:032x}", f"{1:032x}"]
    assert later.reason(new[1]) == "more than max_comments_per_push (2) new ones: shown in the summary"
    assert len(composed(*new).on_lines) == 7, "a first review has its own cap"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(list(Severity)), max_size=25),
    st.integers(0, 8),
    st.integers(0, 12),
    st.integers(0, 12),
    st.booleans(),
)
def test_there_are_never_more_threads_than_asked_for_and_none_is_lost(
    severities: list[Severity], open_before: int, cap: int, cap_per_push: int, is_later: bool
) -> None:
    standing = tuple(a_finding(line) for line in range(1, open_before + 1))
    new = [a_finding(10 + at, severity) for at, severity in enumerate(severities) if 10 + at <= 30]
    words = composed(
        *new,
        course=Course(standing=standing),
        known=[*map(known, standing)],
        reviewed=EARLIER if is_later else None,
        config=configured(f"review: {{max_comments: {cap}, max_comments_per_push: {cap_per_push}}}"),
    )
    placed = [post.finding for post in words.posts if post.position]
    others = [post.finding for post in words.posts if not post.position]
    assert not placed or len(placed) + open_before <= cap
    assert not (is_later and len(placed) > cap_per_push)
    assert sorted(post.key for post in words.posts) == sorted(one.fingerprint for one in new)
    assert {one.fingerprint for one in words.reviewed.listed} == {one.fingerprint for one in others}
    assert all(words.reason(one) for one in others)
    graver = [one.severity.rank for one in others if one.severity is not Severity.INFO]
    assert not placed or max(graver, default=0) <= min(one.severity.rank for one in placed)


def test_nits_are_folded_in_the_summary_and_never_get_a_comment() -> None:
    nits = [a_finding(line, Severity.INFO) for line in (3, 4)]
    words = composed(*nits)
    assert words.on_lines == []
    assert (
        "<summary>2 nits</summary>\n\n- **Info: Defect 3** `app/orders.py`, line 3<br>" in words.summary.body
    )
    assert "Not shown on a line" not in words.summary.body
    assert words.reason(nits[0]) == "a nit: shown in the summary"
    assert words.summary.create


def test_what_is_similar_to_a_dismissed_finding_goes_to_the_summary_only() -> None:
    other = a_finding(12)
    words = composed(OPEN, other, demoted=[OPEN.fingerprint], reviewed=EARLIER)
    assert words.on_lines == [other.fingerprint]
    assert "**Major: Defect 5** `app/orders.py`, line 5" in words.summary.body
    assert words.reason(OPEN) == "similar to a finding that was dismissed: shown in the summary"
    assert words.reason(other) == ""


# --- silence, and what is remembered ---


def test_nothing_to_say_is_one_reaction_and_a_memory_in_a_summary_that_may_be_there() -> None:
    words = composed(reviewed=EARLIER)
    assert [action.kind for action in words.actions] == ["upsert_note", "react"]
    assert not words.summary.create
    assert words.reactions == [("thumbsup", None)]
    assert words.reviewed.head == REQUEST.head


def test_when_all_is_fixed_the_summary_is_edited_and_the_thumb_goes_up() -> None:
    words = composed(course=Course(fixed={OPEN.fingerprint: FIX}), known=[known(OPEN)], reviewed=EARLIER)
    assert not words.summary.create
    assert words.reactions == [("thumbsup", None)]


def test_a_finding_that_is_still_open_takes_the_thumb_away() -> None:
    words = composed(course=Course(standing=(OPEN,)), known=[known(OPEN)], reviewed=EARLIER)
    assert words.summary.create
    assert words.reactions == [(None, "thumbsup")]


def test_what_was_shown_is_remembered_by_where_it_went() -> None:
    gone, before = a_finding(2), f"{99:032x}"
    words = composed(
        OPEN,
        a_finding(14, Severity.INFO),
        course=Course(standing=(WAS_FIXED,), gone=(gone.fingerprint,)),
        known=[known(WAS_FIXED), known(gone, "dismissed"), known(a_finding(8), thread="")],
        reviewed=EARLIER.model_copy(update={"told": (before, WAS_FIXED.fingerprint)}),
    )
    told = (before, WAS_FIXED.fingerprint, gone.fingerprint, OPEN.fingerprint)
    assert words.reviewed.told == told
    assert [one.fingerprint for one in words.reviewed.listed] == [f"{14:032x}"]
    assert words.reviewed.gone == (gone.fingerprint,)


def test_a_listed_finding_is_remembered_without_what_a_list_does_not_show() -> None:
    long = a_finding(4, Severity.INFO, detail="word " * 1_000, evidence="e" * 500)
    (listed,) = composed(long).reviewed.listed
    assert (listed.anchor, listed.title) == (long.anchor, long.title)
    assert len(listed.detail) <= 600
    assert (listed.evidence, listed.suggestion) == ("", None)
    again = composed(course=Course(standing=(listed,)), known=[known(listed, thread="")], reviewed=EARLIER)
    item = next(line for line in composed(long).summary.body.splitlines() if "Defect 4" in line)
    assert item in again.summary.body, "it reads the same after the next push"


def test_a_later_review_says_how_many_files_were_read_again() -> None:
    others = [added_file(f"app/m{number}.py", "value = 1\n") for number in range(19)]
    reviewed = Reviewed(head="e" * 40, units=tuple(map(unit, others)))
    given: dict[str, Any] = {"files": [ORDERS, *others], "reviewed": reviewed, "model": ScriptedModel([])}
    assert "- Read again: 1 of 20 files\n" in composed(**given).summary.body
    assert "- Read again: 20 of 20 files\n" in composed(is_full=True, **given).summary.body
    assert "Read again" not in composed(**given | {"reviewed": None}).summary.body
    assert "Read again" not in composed(**given | {"model": None}).summary.body


def test_what_was_not_looked_at_again_is_said_where_a_model_failed() -> None:
    task = new_task("recheck-001", "recheck", segments=[], claims=[OPEN.fingerprint])
    failed = task | {"state": "failed", "missing": "the budget is used up"}
    words = composed(
        course=Course(standing=(OPEN,)),
        known=[known(OPEN)],
        reviewed=EARLIER,
        state={"tasks": {"recheck-001": failed}},
    )
    said = "No look was had at what became of 1 finding of earlier reviews: the budget is used up"
    assert words.update["failures"] == [said]
    assert words.summary.body.startswith(f"- ⚠ {said}\n")


# --- all of it passes what stands before a write ---


def test_policy_lets_everything_through_that_a_review_writes() -> None:
    course = Course(
        fixed={WAS_FIXED.fingerprint: FIX},
        back={OPEN.fingerprint: BREAK},
        standing=(OPEN,),
        rewritten=(OPEN.fingerprint,),
    )
    words = composed(
        a_finding(12),
        a_finding(13, Severity.INFO),
        course=course,
        known=[known(OPEN, "fixed"), known(WAS_FIXED)],
        reviewed=EARLIER,
    )
    kinds = {action.kind for action in words.actions}
    assert kinds == {"post_finding", "update_finding", "reply", "upsert_note", "react"}
    allowed, decisions = decide(words.actions, Ground(SPEC, change_of(ORDERS), DictSnapshot({PATH: CODE})))
    assert decisions == []
    assert allowed == words.actions


@pytest.mark.parametrize("field", ["title", "detail", "anchor", "path"])
def test_no_secret_of_an_earlier_finding_is_written(field: str) -> None:
    leaks = OPEN.model_copy(update={field: f"x {LEAK}"})
    course = Course(standing=(leaks,), rewritten=(leaks.fingerprint,))
    words = composed(course=course, known=[known(leaks, thread="")], reviewed=EARLIER)
    assert LEAK not in repr(words)
    assert words.update["shown"]


def test_no_word_of_ours_is_changed_by_what_stands_before_every_write() -> None:
    course = Course(fixed={WAS_FIXED.fingerprint: FIX}, back={OPEN.fingerprint: BREAK}, standing=(OPEN,))
    words = composed(
        a_finding(13, Severity.INFO), course=course, known=[known(OPEN), known(WAS_FIXED)], reviewed=EARLIER
    )
    bodies = [words.summary.body, *(reply.body for reply in words.replies)]
    assert [sanitize(body, redact=str) for body in bodies] == bodies
