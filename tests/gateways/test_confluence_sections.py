"""A section is written once, wherever the run is broken off, and whoever else writes at the same moment."""

import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from confluence_bridge import ConfluenceBridge
from confluence_writing import (
    NOTES,
    TITLE,
    apply,
    living,
    new_text,
    notes,
    ours,
    remembered,
    replaced,
    shouted,
)

from bot.domain.actions import WriteSection
from bot.errors import Unavailable
from bot.sandbox.confluence import deeds
from bot.sandbox.confluence.model import Flavour

PUT_PAGE = r"PUT .*/(pages|content)/\d+$"
MARKER = re.compile(r"</?ac:inline-comment-marker[^>]*>")


@pytest.fixture(params=["cloud", "datacenter"])
def wiki(request: pytest.FixtureRequest, tmp_path: Path) -> ConfluenceBridge:
    return ConfluenceBridge(request.param, tmp_path)


# --- broken off anywhere, and done again

Asked = Callable[[ConfluenceBridge], WriteSection]


def new_page(wiki: ConfluenceBridge) -> WriteSection:
    return notes(wiki)


def next_text(wiki: ConfluenceBridge) -> WriteSection:
    apply(wiki, notes(wiki))
    return notes(wiki, "Discount codes", "Faster carts", source="group/shop!9", memory={"asked": [9]})


def first_section(wiki: ConfluenceBridge) -> WriteSection:
    return notes(wiki, page=wiki.add_page(TITLE, "<p>Written by people.</p>").id)


def accepted_edits(wiki: ConfluenceBridge) -> WriteSection:
    page = wiki.add_page(
        TITLE, "<h2>Release notes</h2><p>None yet.</p><p>Soon.</p><h2>Rest</h2><p>Of it.</p>"
    )
    return living(page, replaced(0, "Discount codes."), section=NOTES)


def after_an_edit(wiki: ConfluenceBridge) -> WriteSection:
    apply(wiki, notes(wiki))
    wiki.change(wiki.page(TITLE), "Vouchers are gone", "Vouchers stay")
    return notes(wiki, "Faster carts")


def after_the_edit_was_taken_back(wiki: ConfluenceBridge) -> WriteSection:
    apply(wiki, after_an_edit(wiki))
    wiki.change(wiki.page(TITLE), "Vouchers stay", "Vouchers are gone")
    return notes(wiki, "Faster carts")


AGAIN = [next_text, first_section, accepted_edits, after_an_edit, after_the_edit_was_taken_back]


def left_by(wiki: ConfluenceBridge) -> Any:
    """What people see of the page, and what the bot remembers."""
    (page,) = wiki.titled(TITLE)
    kept = {**remembered(page), "last": remembered(page)["last"][1:]}
    said = ["up to date" in one for one in ours(page)]
    return page.now.number, new_text(page), kept, said


@pytest.mark.parametrize("asked", [new_page, *AGAIN])
@pytest.mark.parametrize("flavour", ["cloud", "datacenter"])
def test_a_run_that_is_broken_off_at_any_request_is_done_again_to_the_same_end(
    flavour: Flavour, asked: Asked, tmp_path: Path
) -> None:
    check_every_break(flavour, asked, tmp_path)


@pytest.mark.parametrize("asked", AGAIN)
@pytest.mark.parametrize("flavour", ["cloud", "datacenter"])
def test_so_it_is_where_confluence_rewrites_what_we_write_in_a_way_we_do_not_know(
    flavour: Flavour, asked: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deeds, "saved", shouted)
    check_every_break(flavour, asked, tmp_path)


def check_every_break(flavour: Flavour, asked: Asked, tmp_path: Path) -> None:
    wiki = ConfluenceBridge(flavour, tmp_path)
    action = asked(wiki)
    start = len(wiki.seen)
    result = apply(wiki, action).result
    wanted = left_by(wiki)
    for number in range(len(wiki.seen) - start):
        for lost in (False, True):
            check_break(ConfluenceBridge(flavour, tmp_path), asked, number, lost, result, wanted)


def check_break(
    wiki: ConfluenceBridge, asked: Asked, number: int, lost: bool, result: str, wanted: Any
) -> None:
    """Nothing of it is to be seen when the run was done again, and a third one finds nothing to do."""
    action = asked(wiki)
    wiki.fail_at(number, lost=lost)
    with pytest.raises(Unavailable):
        apply(wiki, action)
    assert apply(wiki, action).result in (result, "unchanged"), (number, lost)
    assert left_by(wiki) == wanted, (number, lost)
    assert apply(wiki, action).result == ("refused" if result == "refused" else "unchanged")
    assert left_by(wiki) == wanted, (number, lost)


def test_two_that_make_the_page_at_once_make_one(wiki: ConfluenceBridge) -> None:
    racing(wiki, "POST", lambda: apply(wiki, notes(wiki)))
    assert apply(wiki, notes(wiki)).result == "unchanged"
    assert wiki.page(TITLE).now.number == 1


def test_two_that_write_the_same_text_at_once_make_one_version(wiki: ConfluenceBridge) -> None:
    apply(wiki, notes(wiki))
    racing(wiki, PUT_PAGE, lambda: apply(wiki, notes(wiki, "Faster carts")))
    assert apply(wiki, notes(wiki, "Faster carts")).result == "unchanged"
    assert wiki.page(TITLE).now.number == 2


def test_two_that_write_different_texts_at_once_both_do_and_remain_ours(wiki: ConfluenceBridge) -> None:
    apply(wiki, notes(wiki))
    for request in ("PUT .*/propert(y|ies)/", PUT_PAGE, "GET"):
        apply(wiki, notes(wiki))
        racing(wiki, request, lambda: apply(wiki, notes(wiki, "By the other one")))
        assert apply(wiki, notes(wiki, "Faster carts")).result == "done"
        assert "Faster carts" in new_text(wiki.page(TITLE))
    assert not ours(wiki.page(TITLE))


def test_a_page_that_changes_all_the_time_is_left_for_later(wiki: ConfluenceBridge) -> None:
    apply(wiki, notes(wiki))
    page = wiki.page(TITLE)

    def busy(_coming: str) -> None:
        wiki.edit(page, page.now.body + "<p>More.</p>")

    wiki.before = busy
    with pytest.raises(Unavailable):
        apply(wiki, notes(wiki, "Faster carts"))
    wiki.before = nothing
    assert apply(wiki, notes(wiki, "Faster carts")).result == "done"


def nothing(_coming: str) -> None:
    """No deed."""


def racing(wiki: ConfluenceBridge, request: str, deed: Callable[[], object]) -> None:
    """`deed` is done right before the next request that fits, and not before others."""

    def before(coming: str) -> None:
        if re.match(request, coming):
            wiki.before = nothing
            deed()

    wiki.before = before


# --- with an editor at the same page


def test_a_comment_that_came_while_we_wrote_hangs_on_its_words_again(wiki: ConfluenceBridge) -> None:
    """Also outside the section, where its words are on the page several times."""
    page = wiki.add_page(TITLE, "<p>Same words.</p><p>Same words.</p>")
    apply(wiki, notes(wiki, page=page.id))
    remarks = []

    def comment() -> None:
        remarks.append(deeds.comment_inline(wiki.site, wiki.person("ada"), page, "<p>?</p>", "Same words", 1))
        remarks.append(wiki.comment_inline(page, "Discount codes"))

    racing(wiki, PUT_PAGE, comment)
    assert apply(wiki, notes(wiki, "Discount codes", "Faster carts", page=page.id)).result == "done"
    assert [one.resolution for one in remarks] == ["open", "open"]
    assert "Faster carts" in new_text(page)
    assert page.now.body.index("inline-comment-marker") > page.now.body.index("Same words")


def test_a_comment_that_came_on_words_that_we_replaced_brings_them_back(wiki: ConfluenceBridge) -> None:
    apply(wiki, notes(wiki))
    page, remarks = wiki.page(TITLE), []
    before = page.now.body
    racing(wiki, PUT_PAGE, lambda: remarks.append(wiki.comment_inline(page, "Vouchers are gone")))
    outcome = apply(wiki, notes(wiki, "Faster carts"))
    assert outcome.result == "refused"
    assert "inline comment" in outcome.reason
    assert [one.resolution for one in remarks] == ["open"]
    assert MARKER.sub("", page.now.body) == before
    assert len(ours(page)) == 1
    assert apply(wiki, notes(wiki, "Faster carts")).result == "refused"
    assert page.now.number == 3


@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.parametrize("flavour", ["cloud", "datacenter"])
def test_words_that_came_back_for_a_comment_are_ours_wherever_that_was_broken_off(
    flavour: Flavour, lost: bool, tmp_path: Path
) -> None:
    """Once the comment is gone, the new text is written."""
    for number in range(30):
        wiki = ConfluenceBridge(flavour, tmp_path)
        apply(wiki, notes(wiki))
        page, action = wiki.page(TITLE), notes(wiki, "Faster carts")
        racing(wiki, PUT_PAGE, lambda: wiki.comment_inline(page, "Vouchers are gone"))  # noqa: B023
        wiki.fail_at(number, lost=lost)
        with suppress(Unavailable):
            apply(wiki, action)
        is_over = bool(wiki.faults)
        wiki.faults = []
        assert apply(wiki, action).result == "refused", number
        assert "Vouchers are gone" in MARKER.sub("", page.now.body), number
        wiki.edit(page, MARKER.sub("", page.now.body))
        assert apply(wiki, action).result == "done", number
        if is_over:
            break
    assert is_over


def test_two_projects_that_make_the_page_at_once_do_not_share_it(wiki: ConfluenceBridge) -> None:
    one, two = notes(wiki, "Of the shop", owner="gitlab:42"), notes(wiki, "Of the pipes", owner="gitlab:43")
    results = []
    for request in ("POST", "(POST|PUT) .*/propert(y|ies)"):
        wiki.site.pages = [page for page in wiki.site.pages if page.title != TITLE]
        racing(wiki, request, lambda: results.append(apply(wiki, two).result))
        results.append(apply(wiki, one).result)
        page = wiki.page(TITLE)
        assert remembered(page)["owner"] == "gitlab:43"
        assert "Of the pipes" in new_text(page)
        assert "Of the shop" not in new_text(page)
        assert not ours(page)
    assert results == ["done", "refused"] * 2


def test_what_another_project_left_undone_is_left_to_it(wiki: ConfluenceBridge) -> None:
    apply(wiki, notes(wiki, owner="gitlab:42"))
    page = wiki.page(TITLE)
    wiki.fail("PUT", r"/(pages|content)/\d+$", lost=True)
    with pytest.raises(Unavailable):
        apply(wiki, notes(wiki, "Faster carts", owner="gitlab:42"))
    written = len(wiki.writes)
    assert apply(wiki, notes(wiki, "Of the pipes", owner="gitlab:43")).result == "refused"
    assert len(wiki.writes) == written
    assert apply(wiki, notes(wiki, "Faster carts", owner="gitlab:42")).result == "unchanged"
    assert (page.now.number, remembered(page)["owner"]) == (2, "gitlab:42")


def test_a_run_that_was_broken_off_before_it_saw_the_lost_comment_sees_it_then(
    wiki: ConfluenceBridge,
) -> None:
    apply(wiki, notes(wiki))
    page, remarks = wiki.page(TITLE), []
    action = notes(wiki, "Discount codes", "Faster carts")
    racing(wiki, PUT_PAGE, lambda: remarks.append(wiki.comment_inline(page, "Discount codes")))
    wiki.fail("PUT", r"/(pages|content)/\d+$", lost=True)
    with pytest.raises(Unavailable):
        apply(wiki, action)
    wiki.edit(page, page.now.body + "<p>Written by people since.</p>")
    assert [one.resolution for one in remarks] == ["dangling"]
    assert apply(wiki, action).result == "unchanged"
    assert [one.resolution for one in remarks] == ["open"]
    assert "Written by people since." in page.now.body
