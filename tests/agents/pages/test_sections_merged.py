"""A merged merge request: what is written, what is only said on the page, and what becomes of the notes."""

from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from bot.agents.pages import SPEC
from bot.agents.pages.schema import SectionAnswer
from bot.agents.spec import AgentResult
from bot.domain.action_words import described
from bot.domain.actions import CommentPage, UpsertNote, WriteSection
from bot.domain.change import MergeRequest
from bot.domain.document import Link, lines_of
from bot.errors import Declined, NotFound
from bot.llm.messages import Prompt
from bot.policy import MAX_COMMENT, Ground, decide
from bot.testing import ScriptedModel
from tests.agents.pages.living import (
    CLOSED,
    CODE,
    LIMITS,
    MERGED,
    PAGE,
    STORAGE,
    WEB,
    living,
    of_kind,
    proposed,
    run,
    says,
    text,
    words,
    wrong,
)
from tests.doubles import DictSnapshot, change_of, edited_file

WRITES = [("write", "Endpoints"), ("edit note",), ("stale", "refused only")]
REMARKS = [("edit note",), ("stale", "always")]
CASES = [
    pytest.param(mode, ours, accepted, id=f"{mode} ours={ours} accepted={accepted}")
    for mode, ours, accepted in product(("propose", "auto"), *[(True, False)] * 2)
]


@pytest.mark.parametrize(("mode", "ours", "accepted"), CASES)
def test_written_is_what_was_accepted_or_what_is_ours_to_write(mode: str, ours: bool, accepted: bool) -> None:
    section = living(mode=mode, is_ours=ours, shown=[proposed(accepted=accepted)])
    result = run(ScriptedModel([]), section, request=MERGED)
    may = accepted or (mode == "auto" and ours)
    assert words(result) == (WRITES if may else REMARKS)


@pytest.mark.parametrize(("mode", "expected"), [("auto", WRITES), ("propose", REMARKS)])
def test_a_first_text_is_written_unasked_only_in_mode_auto(mode: str, expected: list[Any]) -> None:
    said = wrong(block=0, quote="", how="insert", text="A cart holds 50 items.")
    result = run(says(said), living(name="limits", mode=mode), request=MERGED)
    assert [one[0] for one in words(result)] == [one[0] for one in expected]


@pytest.mark.parametrize(
    "files",
    [{"api/orders.py": CODE.replace("50", "70")}, {"api/others.py": CODE}],
    ids=["changed", "moved away"],
)
@pytest.mark.parametrize("fields", [{"mode": "auto", "is_ours": True}, {"has_notice": True}])
def test_a_merge_that_is_looked_at_when_a_later_one_has_changed_its_line_says_nothing(
    fields: dict[str, Any], files: dict[str, str]
) -> None:
    """The page may say by then what the later one made true."""
    result = run(says(wrong()), living(**fields), request=MERGED, branch=lambda: DictSnapshot(files))
    assert result.actions == ()
    assert [one.reason for one in result.decisions if not one.allowed] == [
        "outrun: a later merge has changed the quoted line of api/orders.py"
    ]


def test_a_merge_whose_line_still_stands_is_told_though_others_followed() -> None:
    files = {"api/orders.py": f"import math\n\n{CODE}MORE = 1\n"}
    section = living(mode="auto", is_ours=True)
    result = run(says(wrong()), section, request=MERGED, branch=lambda: DictSnapshot(files))
    assert of_kind(result, WriteSection)


def gone() -> DictSnapshot:
    raise NotFound("there is no branch main")


@pytest.mark.parametrize("branch", [gone, lambda: DictSnapshot({"api/orders.py": CODE + "#" * 1_000_000})])
def test_a_merge_is_told_where_its_branch_is_gone_or_its_file_too_large_to_read(branch: Any) -> None:
    result = run(says(wrong()), living(mode="auto", is_ours=True), request=MERGED, branch=branch)
    assert of_kind(result, WriteSection)


@pytest.mark.parametrize("accepted", [True, False])
def test_nothing_is_written_where_there_is_trouble(accepted: bool) -> None:
    section = living(
        trouble="the page is archived", mode="auto", is_ours=True, shown=[proposed(accepted=accepted)]
    )
    result = run(ScriptedModel([]), section, request=MERGED)
    assert any("the page is archived" in one for one in result.complaints)
    told = [one.body for one in of_kind(result, UpsertNote)]
    assert len(told) == len(result.actions) == accepted
    assert all("accepted, but not written: the page is archived" in one for one in told)


def test_what_is_written_is_exactly_what_was_accepted() -> None:
    before = proposed(accepted=True)
    result = run(ScriptedModel([]), living(shown=[before]), request=MERGED)
    (write,) = of_kind(result, WriteSection)
    edit = before.edit
    assert edit is not None
    assert (write.page, write.space, write.section) == ("77", "DOC", "Endpoints")
    assert (write.base, write.result, write.edits) == (edit.base, edit.result, edit.edits)
    assert write.source == "acme/shop!7"
    assert "+A cart holds at most **50** items." in write.difference


# --- accepted, and pushed to since

PUSHED = change_of(edited_file("api/orders.py", CODE.replace("50", "90"), [1]))
NINETY = wrong(line="LIMIT = 90", why="A cart holds 90.", text="A cart holds at most **90** items.")


def notes_of(result: AgentResult) -> dict[str, str]:
    """The bodies by key."""
    return {note.key: note.body for note in of_kind(result, UpsertNote)}


def test_what_was_accepted_for_other_code_is_not_written_where_the_model_says_another_text_is_right() -> None:
    before = proposed(accepted=True)
    result = run(says(NINETY), living(shown=[before]), request=MERGED, change=PUSHED)
    assert words(result) == [("edit note",), ("stale", "always"), ("edit note",)]
    (remark,) = of_kind(result, CommentPage)
    assert "later commits changed the code that it is about: it was not written" in text(remark.body)
    assert "+A cart holds at most **90** items." in text(remark.body)
    assert "later commits changed the code" in notes_of(result)[before.key]


def test_what_was_accepted_is_written_where_the_model_comes_to_the_same_text_for_the_later_code() -> None:
    before = proposed(accepted=True)
    other = change_of(edited_file("api/orders.py", CODE, [1, 2]))
    result = run(says(wrong(line="raise Full(cart)")), living(shown=[before]), request=MERGED, change=other)
    assert words(result) == WRITES
    (write,) = of_kind(result, WriteSection)
    assert before.edit is not None
    assert (write.result, write.edits) == (before.edit.result, before.edit.edits)


def test_where_later_commits_left_the_section_true_nothing_is_written_and_the_note_says_so() -> None:
    before = proposed(accepted=True)
    section = living(shown=[before], has_notice=True)
    result = run(says(), section, request=MERGED, change=PUSHED)
    assert words(result) == [("true", "always"), ("edit note",)]
    assert "no longer needed" in notes_of(result)[before.key]


def test_our_own_text_is_brought_to_what_the_later_code_asks_for_whatever_was_accepted() -> None:
    section = living(mode="auto", is_ours=True, shown=[proposed(accepted=True)])
    result = run(says(NINETY), section, request=MERGED, change=PUSHED)
    (write,) = of_kind(result, WriteSection)
    assert "+A cart holds at most **90** items." in write.difference


def failing(_prompt: Prompt) -> SectionAnswer:
    raise Declined("the model refused")


@pytest.mark.parametrize("model", [None, ScriptedModel(failing)], ids=["none", "fails"])
@pytest.mark.parametrize("fields", [{}, {"mode": "auto", "is_ours": True}], ids=["asked", "unasked"])
def test_what_was_accepted_for_other_code_is_not_written_on_trust_nor_dropped_in_silence(
    model: ScriptedModel | None, fields: dict[str, Any]
) -> None:
    before = proposed(accepted=True)
    result = run(model, living(shown=[before], **fields), request=MERGED, change=PUSHED)
    assert words(result) == [("edit note",), ("stale", "always")]
    (remark,) = of_kind(result, CommentPage)
    assert "later commits changed the code" in text(remark.body)
    assert "50" not in text(remark.body)
    assert [one.allowed for one in result.decisions] == [False]


# --- accepted when it was over


@pytest.mark.parametrize("trigger", ["command", "thumbsup"])
def test_a_yes_after_the_merge_has_what_was_judged_written_and_nothing_judged_anew(trigger: str) -> None:
    model = says(NINETY)
    accepted, other = living(shown=[proposed(accepted=True)]), living(name="other", has_notice=True)
    result = run(model, accepted, other, request=MERGED, trigger=trigger)
    assert (model.calls, words(result)) == (0, WRITES)


def test_a_yes_to_what_the_page_says_no_more_is_told_in_the_report() -> None:
    section = living(storage=STORAGE.replace("30 days", "40 days"), shown=[proposed(accepted=True)])
    result = run(says(NINETY), section, request=MERGED, trigger="command")
    assert result.actions == ()
    assert ["another text stands there by now" in one for one in result.complaints] == [True]


def test_the_note_tells_what_became_of_the_writing() -> None:
    before = proposed(accepted=True)
    result = run(ScriptedModel([]), living(shown=[before]), request=MERGED)
    (note,), (write,) = of_kind(result, UpsertNote), of_kind(result, WriteSection)
    assert (note.key, note.create, note.section, note.tells) == (before.key, False, before.edit, (write.key,))
    assert result.actions.index(write) < result.actions.index(note)


@pytest.mark.parametrize("fields", [{"mode": "auto", "is_ours": True}, {"accepted": True}])
def test_a_run_after_the_writing_asks_nobody_and_leaves_all_as_it_is(fields: dict[str, Any]) -> None:
    fields = dict(fields)
    before = proposed(accepted=fields.pop("accepted", False))
    written = STORAGE.replace(LIMITS, LIMITS.replace("20", "50"))
    again = living(storage=written, shown=[before], **fields)
    assert run(ScriptedModel([]), again, request=MERGED).actions == ()
    doubted = replace(again, has_notice=True)
    assert words(run(ScriptedModel([]), doubted, request=MERGED)) == [("true", "always")]


def test_what_a_person_wrote_as_it_was_proposed_is_true() -> None:
    written = STORAGE.replace(LIMITS, LIMITS.replace("20", "50"))
    section = living(storage=written, shown=[proposed()], has_notice=True)
    assert words(run(ScriptedModel([]), section, request=MERGED)) == [("true", "always"), ("edit note",)]


def test_a_note_that_may_not_tell_speaks_of_no_acceptance_after_the_merge() -> None:
    (note,) = of_kind(run(says(wrong()), living(tells_page=False), request=MERGED), UpsertNote)
    assert "accept" not in note.body


def test_what_not_everybody_may_read_stands_in_no_report() -> None:
    secret = {"mode": "auto", "is_ours": True, "tells_page": False}
    (write,) = of_kind(run(says(wrong()), living(**secret), request=MERGED), WriteSection)
    assert write.difference == ""
    result = run(says(wrong()), living(tells_page=False), request=MERGED)
    (remark,) = of_kind(result, CommentPage)
    assert "20" in text(remark.body), "who reads the page may read it there"
    told = [described(action) for action in result.actions]
    assert not [one for one in (*told, repr(result.decisions), *result.complaints) if "items" in one]


def test_a_fault_of_the_model_tells_nothing_of_such_a_page() -> None:
    def quoting(_prompt: Prompt) -> SectionAnswer:
        raise Declined("at most **20** items")

    result = run(ScriptedModel(quoting), living(tells_page=False))
    assert [("items" in one, "why is not told" in one) for one in result.failures] == [(False, True)]


def test_a_remark_on_the_page_says_since_when_why_and_what_instead() -> None:
    (remark,) = of_kind(run(says(wrong()), request=MERGED), CommentPage)
    links = [
        one
        for block in remark.body.blocks
        for line in lines_of(block)
        for one in line
        if isinstance(one, Link)
    ]
    assert (remark.key, remark.page, remark.space, remark.create) == ("stale:endpoints", "77", "DOC", True)
    assert "The section “Endpoints” may be out of date since merge request acme/shop!7." in text(remark.body)
    assert "A cart holds 50 items now. (api/orders.py:1)" in text(remark.body)
    assert "+A cart holds at most **50** items." in text(remark.body)
    assert links[0].url == MERGED.web_url


def test_what_is_true_again_is_said_only_where_it_was_doubted() -> None:
    assert run(says(), request=MERGED).actions == ()
    (remark,) = run(says(), living(has_notice=True), request=MERGED).actions
    assert isinstance(remark, CommentPage)
    assert (remark.key, remark.create) == ("stale:endpoints", False)
    assert "TRUE AGAIN" in text(remark.body)


def test_of_a_section_that_nobody_judged_nothing_is_said() -> None:
    section = living(files=(), shown=[proposed()], has_notice=True)
    assert words(run(says(), section, request=MERGED)) == [("edit note",)]


def test_a_section_that_is_written_is_true_again_once_that_is_done() -> None:
    section = living(has_notice=True, shown=[proposed(accepted=True)])
    result = run(ScriptedModel([]), section, request=MERGED)
    assert words(result) == [*WRITES[:2], ("true", "done only"), WRITES[2]]
    (write,) = of_kind(result, WriteSection)
    assert {one.after for one in of_kind(result, CommentPage)} == {write.key}


def test_what_is_left_to_be_put_right_by_hand_is_said_on_the_page() -> None:
    by_hand = wrong(block=4, quote="30 days", why="Carts live 60 days.", text="Carts live 60 days.")
    section = living(mode="auto", is_ours=True, has_notice=True)
    result = run(says(wrong(), by_hand), section, request=MERGED)
    assert words(result) == [*WRITES[:2], ("stale", "done only"), ("stale", "refused only")]
    left, whole = of_kind(result, CommentPage)
    assert "Carts live 60 days." in text(left.body)
    assert "50" not in text(left.body)
    assert "50" in text(whole.body)


def test_sections_of_one_name_on_two_pages_are_two() -> None:
    auto = [living(mode="auto", is_ours=True, page=replace(PAGE, id=name)) for name in ("77", "78")]
    writes = of_kind(run(says(wrong()), *auto, request=MERGED), WriteSection)
    assert [one.page for one in writes] == ["77", "78"]
    assert len({one.key for one in writes}) == 2


def test_a_large_remark_is_one_that_policy_lets_through() -> None:
    storage = STORAGE.replace(LIMITS, "".join(f"<p>{nth} {'old ' * 2_000}</p>" for nth in range(20)))
    said = [wrong(block=nth, quote="old", why="w" * 5_000, text="new " * 2_000) for nth in range(1, 21)]
    (remark,) = of_kind(run(says(*said), living(storage=storage), request=MERGED), CommentPage)
    assert sum(map(len, remark.body.texts())) <= MAX_COMMENT


def test_older_notes_are_put_right_at_the_merge_too() -> None:
    before = proposed()
    result = run(
        says(), living(storage=STORAGE.replace("30 days", "40 days"), shown=[before]), request=MERGED
    )
    (note,) = of_kind(result, UpsertNote)
    assert "no longer needed" in note.body


@pytest.mark.parametrize("request_", [WEB, MERGED, CLOSED])
@pytest.mark.parametrize(
    "fields", [{}, {"mode": "auto", "is_ours": True}, {"tells_page": False, "has_notice": True}]
)
def test_policy_lets_through_all_that_is_proposed(request_: MergeRequest, fields: dict[str, Any]) -> None:
    section = living(shown=[proposed()], storage=STORAGE.replace("30 days", "40 days"), **fields)
    by_hand = wrong(block=3, quote="", text="SHOP-2")
    result = run(says(wrong(), by_hand), section, request=request_)
    allowed, decisions = decide(result.actions, Ground(SPEC, spaces=frozenset({"doc"})))
    assert result.actions
    assert (tuple(allowed), decisions) == (result.actions, [])
