"""A section is written once, whatever is lost on the way, and nobody loses anything to it, whenever they write."""

import random
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from confluence_bridge import ConfluenceBridge
from confluence_writing import GUIDE, NOTES, TITLE, apply, living, new_text, notes, ours, remembered, replaced, shouted

from bot.domain.actions import WriteSection
from bot.errors import Unavailable
from bot.gateways.confluence_rescue import standing
from bot.sandbox.confluence import deeds
from bot.sandbox.confluence.markers import count, refs
from bot.sandbox.confluence.model import Comment, Flavour, Page

INTERLEAVINGS = 500  # on each deployment
PUT_PAGE = r"PUT .*/(pages|content)/\d+$"
MARKER = re.compile(r"</?ac:inline-comment-marker[^>]*>")
BOUNDARY = re.compile(r"<p[^>]*>\s*<ac:structured-macro[^>]*>\s*<ac:parameter[^>]*>trivet-[^<]*</ac:parameter>\s*</ac:structured-macro>\s*</p>")


@pytest.fixture(params=["cloud", "datacenter"])
def wiki(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ConfluenceBridge]:
    with ConfluenceBridge(request.param, tmp_path) as bridge:
        yield bridge


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
    page = wiki.add_page(TITLE, "<h2>Release notes</h2><p>None yet.</p><p>Soon.</p><h2>Rest</h2><p>Of it.</p>")
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
    return page.now.number, new_text(page), kept, len(ours(page)), [one for one in ours(page) if "up to date" in one] != []


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
    with ConfluenceBridge(flavour, tmp_path) as wiki:
        action = asked(wiki)
        start = len(wiki.seen)
        result = apply(wiki, action).result
        requests, wanted = len(wiki.seen) - start, left_by(wiki)
    for number in range(requests):
        for lost in (False, True):
            with ConfluenceBridge(flavour, tmp_path) as wiki:
                action = asked(wiki)
                wiki.fail_at(number, lost=lost)
                with pytest.raises(Unavailable):
                    apply(wiki, action)
                again = apply(wiki, action).result
                assert again in (result, "unchanged"), (number, lost)
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


def test_a_run_that_was_broken_off_before_it_saw_the_lost_comment_sees_it_then(wiki: ConfluenceBridge) -> None:
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


@pytest.mark.parametrize("flavour", ["cloud", "datacenter"])
def test_no_interleaving_with_an_editor_loses_what_people_did(flavour: Flavour, tmp_path: Path) -> None:
    with ConfluenceBridge(flavour, tmp_path) as wiki:
        ends = [interleaved(wiki, seed) for seed in range(INTERLEAVINGS)]
    results, dangling = [result for result, _ in ends], sum(count for _, count in ends)
    assert dangling <= INTERLEAVINGS / 100
    assert results.count("unchanged") > INTERLEAVINGS / 4
    assert results.count("refused") > INTERLEAVINGS / 20


def interleaved(wiki: ConfluenceBridge, seed: int) -> tuple[str, int]:
    """Some of an editor's deeds between our requests, perhaps a break, then the run done again.

    What came of it, and how many comments hang on words that are gone.
    """
    chance = random.Random(seed)
    page, action, other = a_case(wiki, chance, seed)
    editor = Editor(wiki, page, chance)
    deeds_at = sorted(chance.randrange(14) for _ in range(chance.randint(1, 3)))
    count = 0

    def before(_coming: str) -> None:
        nonlocal count
        due = deeds_at.count(count)
        count += 1
        if due:
            wiki.before = nothing
            for _ in range(due):
                editor.act(lambda: apply(wiki, other))
            wiki.before = before

    wiki.before = before
    if chance.random() < 0.4:
        wiki.fail_at(chance.randrange(14), lost=chance.random() < 0.6)
    while True:
        with suppress(Unavailable):
            apply(wiki, action)
            break
    wiki.before, wiki.faults = nothing, []
    apply(wiki, action)
    versions = len(page.versions)
    result = apply(wiki, action).result
    assert len(page.versions) == versions, f"a version without need, seed {seed}"
    editor.check(f"seed {seed}")
    return result, editor.dangling()


def a_case(wiki: ConfluenceBridge, chance: random.Random, seed: int) -> tuple[Page, WriteSection, WriteSection]:
    """A page, what we are to write on it, and what another one of us may write meanwhile."""
    outside = "<p>Top stands here.</p><p>Rest stands there.</p>"
    title = f"Page {seed}"
    match chance.randrange(3):
        case 0:
            page = wiki.add_page(title, outside)
            apply(wiki, notes(wiki, page=page.id))
            return page, notes(wiki, "Discount codes", "Faster carts", page=page.id), notes(wiki, "Other", page=page.id)
        case 1:
            page = wiki.add_page(title, outside)
            return page, notes(wiki, page=page.id), notes(wiki, "Discount codes", "Other", page=page.id)
        case _:
            body = "<h2>Release notes</h2><p>Discount codes</p><p>Vouchers are gone</p><h2>Other</h2>"
            page = wiki.add_page(title, outside + body)
            action = living(page, replaced(1, "Faster carts"), section=NOTES)
            return page, action, action


class Editor:
    """A person who works on a page, and looks afterwards whether it is all there."""

    def __init__(self, wiki: ConfluenceBridge, page: Page, chance: random.Random) -> None:
        self._wiki, self._page, self._chance = wiki, page, chance
        self._words: list[str] = []
        self._comments: list[Comment] = []
        self._is_gone = False
        self._parent = page.parent
        self._first = len(page.versions)

    def act(self, other_bot: Callable[[], object]) -> None:
        todo = [self._above, self._below, self._inside, self._inside, self._comment, self._comment, self._move]
        rare = [self._take_away, self._break, self._rename, lambda: self._race(other_bot)]
        self._chance.choice([*todo, *todo, *rare])()

    def check(self, where: str) -> None:
        body, title = self._page.now.body, self._page.title
        assert [one for one in self._words if one not in body] == [], where
        assert [one.anchor for one in self._comments if one.resolution != "open" and self._has_words(one)] == [], where
        assert self._page.parent is self._parent, where
        assert not (self._is_gone and "trivet-release-notes-begin" in body), where
        assert title == self._title_of_people(), where
        for old, new in pairwise(self._page.versions[self._first - 1 :]):
            if new.author.name == "trivet":
                assert outside(new.body) == outside(old.body), where
                assert new.body != old.body, where

    def _has_words(self, comment: Comment) -> bool:
        """Only where our write took the words, and the editor wrote over that before we looked, are they not there."""
        assert comment.anchor
        return comment.anchor.selection in MARKER.sub("", self._page.now.body)

    def dangling(self) -> int:
        return sum(one.resolution != "open" for one in self._comments)

    def _title_of_people(self) -> str:
        return [one.title for one in self._page.versions if one.author.name != "trivet"][-1]

    def _above(self) -> None:
        self._save(f"<p>{self._new_word()}</p>{self._page.now.body}")

    def _below(self) -> None:
        self._save(f"{self._page.now.body}<h2>{self._new_word()}</h2>")

    def _inside(self) -> None:
        section = standing(self._page.now.body, NOTES)
        if section:
            data = self._page.now.body.encode()
            place = self._chance.choice((section.start, section.end))
            self._save((data[:place] + f"<p>{self._new_word()}</p>".encode() + data[place:]).decode())

    def _comment(self) -> None:
        words = ["Top stands", "Rest stands", "Discount codes", "Faster carts", "Vouchers are", *self._words]
        found = [one for one in words if count(self._page.now.body, one) == 1]
        self._comments.append(self._wiki.comment_inline(self._page, self._chance.choice(found)))

    def _move(self) -> None:
        self._parent = self._chance.choice([self._wiki.page(GUIDE), self._wiki.page("Releases")])
        deeds.move(self._wiki.site, self._wiki.person("ada"), self._page, self._parent)

    def _rename(self) -> None:
        self._wiki.edit(self._page, self._page.now.body, title=f"{self._page.title}+")

    def _take_away(self) -> None:
        """The section, with its boundary and all that stands in it."""
        if section := standing(self._page.now.body, NOTES):
            self._is_gone = self._is_gone or section.is_marked
            self._save(outside(self._page.now.body, keep_comments=True))
            self._forget()

    def _break(self) -> None:
        self._save(self._page.now.body.replace("trivet-release-notes-end", "elsewhere"))

    def _race(self, other_bot: Callable[[], object]) -> None:
        with suppress(Unavailable):
            other_bot()

    def _save(self, body: str) -> None:
        self._wiki.edit(self._page, body)

    def _new_word(self) -> str:
        self._words.append(f"Word{self._chance.randrange(10**9)}x")
        return self._words[-1]

    def _forget(self) -> None:
        """What the person has taken away together with the section."""
        standing_refs = refs(self._page.now.body)
        self._words = [one for one in self._words if one in self._page.now.body]
        self._comments = [one for one in self._comments if one.anchor and one.anchor.ref in standing_refs]


def outside(body: str, *, keep_comments: bool = False) -> str:
    """The page without our section and its boundary."""
    section = standing(body, NOTES)
    if section:
        data = body.encode()
        body = (data[: section.start] + data[section.end :]).decode()
    bare = BOUNDARY.sub("", body)
    return bare if keep_comments else MARKER.sub("", bare)
