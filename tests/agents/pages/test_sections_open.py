"""An open merge request: what is proposed for a section, when, and what is said of earlier proposals."""

import random
from dataclasses import replace
from typing import Any

import pytest

from bot.agents.spec import LivingSection, Shown
from bot.domain.actions import UpsertNote
from bot.domain.kept import fits
from bot.domain.secrets import Redactor
from bot.domain.sections import digest, edited
from bot.policy import MAX_BODY
from bot.testing import ScriptedModel
from tests.agents.pages.living import (
    CHANGE,
    CLOSED,
    CODE,
    DRAFT,
    INNER,
    LIMITS,
    LIVING,
    PAGE,
    STORAGE,
    WEB,
    edit_of,
    living,
    of_kind,
    proposed,
    run,
    says,
    shown,
    the_note,
    words,
    wrong,
)
from tests.doubles import change_of, edited_file

NEW = "<p>A cart holds at most <strong>50</strong> items.</p>"


# --- what a note says


def test_a_wrong_section_is_proposed_in_one_note() -> None:
    result = run(says(wrong()))
    note = the_note(result)
    assert words(result) == [("note",)]
    assert note.key.startswith("page:77:endpoints:")
    assert note.section is not None
    assert note.section.result == digest(INNER.replace(LIMITS, NEW))
    for said in (
        "Section `Endpoints` of [API guide](https://wiki.example/pages/77) is no longer true",
        "- A cart holds 50 items now. "
        f"([api/orders.py:1](https://gitlab.example/acme/shop/-/blob/{WEB.head}/api/orders.py#L1))",
        "```diff\n",
        "-A cart holds at most **20** items.",
        "+A cart holds at most **50** items.",
        "react to this note with a thumbs-up or write `/trivet accept`",
    ):
        assert said in note.body, said


def test_the_proposal_is_kept_in_the_note_and_leaves_every_other_block_as_it_is() -> None:
    edit = edit_of(run(says(wrong())))
    section = LIVING.section
    assert section is not None
    assert (edit.page, edit.section, edit.base) == (PAGE.id, "Endpoints", section.digest)
    assert edited(section, edit.edits) == INNER.replace(LIMITS, NEW)
    assert edit.result == digest(INNER.replace(LIMITS, NEW))


def test_nothing_wrong_is_silence() -> None:
    assert run(says()).actions == ()


def test_a_draft_is_left_alone() -> None:
    assert run(ScriptedModel([]), request=DRAFT).actions == ()
    assert run(ScriptedModel([]), living(shown=[proposed()]), request=DRAFT).actions == ()


@pytest.mark.parametrize(
    ("fields", "end"),
    [
        ({"mode": "auto", "is_ours": True}, "It is written to the page at the merge."),
        ({"mode": "auto", "is_ours": False}, "`/trivet accept`"),
        ({"mode": "propose", "is_ours": True}, "`/trivet accept`"),
    ],
)
def test_the_note_ends_with_what_becomes_of_it(fields: dict[str, Any], end: str) -> None:
    assert end in the_note(run(says(wrong()), living(**fields))).body.splitlines()[-1]


def test_the_same_text_in_place_of_another_is_another_proposal() -> None:
    """Who said yes to a difference has not seen what a person wrote there since."""
    first = the_note(run(says(wrong())))
    longer = living(
        storage=STORAGE.replace(LIMITS, "<p>A cart holds at most <strong>20</strong> items, or five.</p>")
    )
    second = the_note(run(says(wrong()), longer))
    assert first.section is not None
    assert second.section is not None
    assert first.section.result == second.section.result
    assert first.key != second.key


def test_a_first_text_is_proposed_where_the_page_has_no_such_section() -> None:
    said = wrong(block=0, quote="", how="insert", text="# Limits\n\nA cart holds 50 items.")
    result = run(says(said), living(name="limits"))
    assert (
        "Section `limits` of [API guide](https://wiki.example/pages/77) has no text yet"
        in the_note(result).body
    )
    assert edit_of(result).base == ""
    assert edited(None, edit_of(result).edits) == "<h1>Limits</h1><p>A cart holds 50 items.</p>"


def test_what_cannot_be_rewritten_is_told_in_words() -> None:
    said = wrong(block=3, quote="", text="See ``` SHOP-2.")
    result = run(says(said, wrong()))
    body = the_note(result).body
    assert "To be put right by hand" in body
    assert "````text\nSee ``` SHOP-2.\n````" in body
    assert [one.block for one in edit_of(result).edits] == [0]


def test_words_alone_can_be_accepted_by_nobody() -> None:
    result = run(says(wrong(block=4, quote="30 days", text="Carts live 60 days.")))
    assert "accept" not in the_note(result).body
    assert edit_of(result).edits == ()


def test_where_the_page_may_not_be_told_the_note_holds_nothing_of_it() -> None:
    said = wrong(why="Not 20 items but 50.")
    result = run(says(said), living(tells_page=False))
    note = the_note(result)
    assert note.section is None
    assert "Section `Endpoints` of [API guide](https://wiki.example/pages/77) may be out of date" in note.body
    for secret in ("20", "50", "cart", "accept"):
        assert secret not in note.body, secret
    assert "20" not in repr(result.decisions)


def test_a_note_that_may_not_tell_is_one_whatever_the_model_writes() -> None:
    secret = living(tells_page=False)
    keys = {the_note(run(says(wrong(text=text)), secret)).key for text in ("50 items.", "Fifty items.")}
    assert len(keys) == 1


def test_secrets_stand_in_no_note() -> None:
    own = "hK7" + "vQ2mZ9" + "pL4xT8wB1n"
    storage = STORAGE.replace(LIMITS, f"<p>The key is {own}.</p>{LIMITS}")
    said = wrong(block=2, why=f"It is {own}.")
    model = says(said)
    result = run(model, living(storage=storage), redactor=Redactor([own]))
    assert own not in the_note(result).body
    assert own not in model.seen
    assert "REDACTED" in the_note(result).body


def test_a_long_difference_is_cut_and_says_so_and_nobody_can_accept_what_is_not_shown() -> None:
    storage = STORAGE.replace(LIMITS, LIMITS + f"<p>{'old words ' * 4_000}</p>")
    said = wrong(block=2, quote="old words", text="new words " * 900)
    result = run(says(said), living(storage=storage))
    body = the_note(result).body
    assert "(the rest is left out)" in body
    assert "too large to be accepted here" in body
    assert edit_of(result).edits == ()
    assert len(body) <= MAX_BODY


def test_twenty_long_statements_fit_one_note() -> None:
    storage = STORAGE.replace(LIMITS, "".join(f"<p>{nth} {'old ' * 2_000}</p>" for nth in range(20)))
    said = [wrong(block=nth, quote="old", why="w" * 5_000, text="<" * 9_000) for nth in range(1, 21)]
    by_hand = storage.replace("<p>1", MACRO_IN + "<p>1")
    for page in (storage, by_hand):
        assert len(the_note(run(says(*said), living(storage=page))).body) <= MAX_BODY


MACRO_IN = '<ac:structured-macro ac:name="toc"></ac:structured-macro>'


def test_edits_too_large_to_be_kept_are_proposed_in_words() -> None:
    storage = STORAGE.replace(LIMITS, "".join(f"<p>{nth} old</p>" for nth in range(20)))
    said = [wrong(block=nth, quote="old", text=f"{nth} {'new ' * 2_000}") for nth in range(1, 21)]
    result = run(says(*said), living(storage=storage))
    assert "too large to be accepted here" in the_note(result).body
    assert edit_of(result).edits == ()


def test_a_text_that_a_note_has_no_room_for_is_not_offered_though_it_is_shown_whole() -> None:
    chinese = "".join(chr(random.Random(nth).randrange(0x4E00, 0x9FA0)) for nth in range(19_800))
    said = [wrong(text=chinese[:9_900]), wrong(block=2, quote="GET", text=chinese[9_900:])]
    result = run(says(*said), living())
    assert chinese[:9_900] in the_note(result).body
    assert "(the rest is left out)" not in the_note(result).body
    assert "too large to be accepted here" in the_note(result).body
    assert (edit_of(result).edits, fits(edit_of(result))) == ((), True)


def test_edits_that_could_not_be_kept_are_worked_out_again() -> None:
    before = proposed()
    assert before.edit is not None
    emptied = replace(before, edit=before.edit.model_copy(update={"edits": ()}))
    model = says(wrong())
    result = run(model, living(shown=[emptied]))
    assert (model.calls, words(result)) == (1, [("note",)])
    assert edit_of(result).edits


# --- what was proposed before


def test_the_same_text_and_change_are_not_asked_about_again() -> None:
    first = run(says(wrong()))
    model = ScriptedModel([])
    second = run(model, living(shown=[shown(first)]))
    assert (model.calls, second.actions) == (0, first.actions)
    assert second.decisions[0].reason.startswith("reused: ")


def test_another_change_of_the_files_is_asked_about_again_and_replaces_the_note() -> None:
    before = proposed()
    other = change_of(edited_file("api/orders.py", CODE.replace("50", "60"), [1]))
    said = wrong(line="LIMIT = 60", text="A cart holds at most **60** items.")
    result = run(says(said), living(shown=[before]), change=other)
    new, old = of_kind(result, type(the_note(result)))
    assert new.create
    assert new.key != before.key
    assert (old.key, old.create, old.section) == (before.key, False, None)
    assert "replaced by a newer proposal" in old.body


def test_a_push_that_moves_the_lines_alone_asks_nobody() -> None:
    moved = change_of(edited_file("api/orders.py", "# moved\n" + CODE, [2]))
    model = ScriptedModel([])
    run(model, living(shown=[proposed()]), change=moved)
    assert model.calls == 0


def test_another_text_of_the_page_is_asked_about_again() -> None:
    storage = STORAGE.replace("30 days", "40 days")
    model = says(wrong())
    result = run(model, living(storage=storage, shown=[proposed()]))
    assert model.calls == 1
    assert words(result) == [("note",), ("edit note",)]


def test_what_is_accepted_stands_whatever_is_pushed_and_is_said_to() -> None:
    other = change_of(edited_file("api/orders.py", CODE.replace("50", "60"), [1]))
    before = proposed(accepted=True)
    model = ScriptedModel([])
    result = run(model, living(shown=[before]), change=other)
    assert model.calls == 0
    assert (the_note(result).key, the_note(result).section) == (before.key, before.edit)
    assert "later commits changed the code that it is about" in the_note(result).body


def test_what_is_accepted_for_the_code_as_it_is_is_said_to_be_written() -> None:
    result = run(ScriptedModel([]), living(shown=[proposed(accepted=True)]))
    assert the_note(result).body.endswith("Accepted: it is written to the page at the merge.")


def test_a_yes_to_another_text_of_the_page_is_none_to_this() -> None:
    storage = STORAGE.replace("30 days", "40 days")
    result = run(says(wrong()), living(storage=storage, shown=[proposed(accepted=True)]))
    assert "thumbs-up" in the_note(result).body


@pytest.mark.parametrize("is_touched", [True, False])
def test_a_note_that_is_no_longer_needed_says_so(is_touched: bool) -> None:
    fields: dict[str, Any] = {} if is_touched else {"files": ()}
    other = change_of(edited_file("api/orders.py", CODE, [2]))
    before = proposed(accepted=not is_touched)
    (note,) = run(says(), living(shown=[before], **fields), change=other).actions
    assert (note.key, note.create, note.section) == (before.key, False, None)
    assert "no longer needed" in note.body


def test_a_note_that_says_that_already_is_left_as_it_is() -> None:
    before = replace(proposed(), edit=None)
    assert run(says(), living(shown=[before])).actions == ()


def test_what_the_page_says_already_is_not_asked_about() -> None:
    storage = STORAGE.replace(LIMITS, NEW)
    model = ScriptedModel([])
    (note,) = run(model, living(storage=storage, shown=[proposed()])).actions
    assert (model.calls, note.create) == (0, False)
    assert "no longer needed" in note.body


def test_one_who_reads_an_edit_of_another_page_does_not_believe_it() -> None:
    before = proposed(accepted=True)
    assert before.edit is not None
    foreign = replace(before, edit=before.edit.model_copy(update={"page": "99"}))
    model = says()
    run(model, living(shown=[foreign]))
    assert model.calls == 1


# --- two pages with a section of one name

OTHER_PAGE = replace(PAGE, id="88", title="Ops guide")


def both(**fields: Any) -> list[LivingSection]:
    """The section on its page, and one of its name on another."""
    there = living(storage=STORAGE.replace("30 days", "40 days"), **fields)
    assert there.page is not None
    return [living(**fields), replace(there, page=replace(OTHER_PAGE, storage=there.page.storage))]


def test_sections_of_one_name_on_two_pages_have_a_note_each() -> None:
    first = [note for note in of_kind(run(says(wrong()), *both()), UpsertNote) if note.create]
    assert [note.key.split(":")[:3] for note in first] == [
        ["page", "77", "endpoints"],
        ["page", "88", "endpoints"],
    ]
    notes = [Shown(note.key, note.section) for note in first]
    again = run(says(), *both(shown=notes))
    assert [(note.key, note.create) for note in of_kind(again, UpsertNote)] == [
        (note.key, True) for note in notes
    ]


def test_a_closed_merge_request_speaks_once_in_each_note() -> None:
    notes = [Shown(note.key, note.section) for note in of_kind(run(says(wrong()), *both()), UpsertNote)]
    closed = of_kind(run(None, *both(shown=notes), request=CLOSED), UpsertNote)
    assert [note.key for note in closed] == [note.key for note in notes]


def test_of_a_page_that_cannot_be_read_the_sections_name_has_to_do() -> None:
    gone = living(page=None, section=None, trouble="there is no page", shown=[proposed()])
    (note,) = run(None, gone, request=CLOSED).actions
    assert "closed without a merge" in note.body


# --- a text that comes back


def test_a_proposal_knows_after_which_note_a_yes_to_it_can_come() -> None:
    assert edit_of(run(says(wrong()), newest_note=41)).after == 41
    again = run(ScriptedModel([]), living(shown=[proposed()]), newest_note=60)
    assert edit_of(again).after == 0, "it was proposed all the time"
    other = change_of(edited_file("api/orders.py", CODE, [2]))
    judged = run(
        says(wrong(line="def orders(cart):")), living(shown=[proposed()]), change=other, newest_note=60
    )
    assert edit_of(judged).after == 0, "it is the same text still"
    withdrawn = replace(proposed(), edit=None)
    assert edit_of(run(says(wrong()), living(shown=[withdrawn]), newest_note=60)).after == 60


# --- closed, and opened again


def test_closed_without_a_merge_the_notes_say_so_and_keep_what_they_propose() -> None:
    before = proposed(accepted=True)
    model = ScriptedModel([])
    (note,) = run(model, living(shown=[before]), request=CLOSED).actions
    assert (model.calls, note.key, note.create, note.section) == (0, before.key, False, before.edit)
    assert "closed without a merge" in note.body
    assert words(run(model, living(shown=[before]))) == [("note",)]


def test_closed_with_nothing_proposed_is_silence() -> None:
    assert run(ScriptedModel([]), request=CLOSED).actions == ()


# --- several entries, several sections


def test_a_section_that_two_entries_name_is_asked_about_once_with_the_files_of_both() -> None:
    model = says(wrong())
    other = living(mode="auto", is_ours=True, files=("api/carts.py",))
    result = run(model, other, living())
    assert model.calls == 1
    assert [one.path for one in result.coverage] == ["api/carts.py", "api/orders.py"]
    assert "thumbs-up" in the_note(result).body, "one of the entries wants to be asked"


def test_blanks_and_hyphens_in_a_name_make_no_two_sections() -> None:
    storage = STORAGE.replace("Endpoints", "Rate limits")
    sections = [living(storage=storage, name=name) for name in ("Rate limits", "rate-limits")]
    model = says(wrong())
    result = run(model, *sections)
    assert (model.calls, words(result)) == (1, [("note",)])


def test_a_section_that_cannot_be_written_is_told_and_not_judged() -> None:
    model = says(wrong())
    result = run(
        model, living(trouble="the page is archived"), living(page=None, section=None, name="limits")
    )
    assert (model.calls, result.actions) == (0, ())
    assert 'Section "Endpoints" of API guide cannot be written: the page is archived' in result.complaints
    assert any('"limits"' in one for one in result.complaints)


def test_the_report_says_which_files_it_is_about() -> None:
    assert [(one.path, one.read) for one in run(says()).coverage] == [("api/orders.py", True)]
    assert CHANGE.files[0].path == "api/orders.py"
