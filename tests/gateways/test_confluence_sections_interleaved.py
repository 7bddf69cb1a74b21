"""An editor works on a page between any two requests of ours, and finds everything there afterwards."""

import random
import re
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
from confluence_bridge import ConfluenceBridge
from confluence_writing import GUIDE, NOTES, apply, living, notes, replaced

from bot.domain.actions import WriteSection
from bot.errors import Unavailable
from bot.gateways.confluence_rescue import standing
from bot.sandbox.confluence import deeds
from bot.sandbox.confluence.markers import count, refs
from bot.sandbox.confluence.model import Comment, Flavour, Page

INTERLEAVINGS = 125  # a part, of which there are four on each deployment
REQUESTS = 14  # of a run; what an editor does at a later one is not done
MOST_DANGLING = 2  # of a part: comments on words that went, with the editor writing over that before we look
MARKER = re.compile(r"</?ac:inline-comment-marker[^>]*>")
ANCHOR = (
    r"<ac:structured-macro[^>]*>\s*<ac:parameter[^>]*>trivet-[^<]*</ac:parameter>\s*</ac:structured-macro>"
)
Deed = Callable[[], None]
BOUNDARY = re.compile(rf"<p[^>]*>\s*{ANCHOR}\s*</p>")


@pytest.mark.parametrize("part", range(4))
@pytest.mark.parametrize("flavour", ["cloud", "datacenter"])
def test_no_interleaving_with_an_editor_loses_what_people_did(
    flavour: Flavour, part: int, tmp_path: Path
) -> None:
    wiki, first = ConfluenceBridge(flavour, tmp_path), part * INTERLEAVINGS
    ends = [interleaved(wiki, seed) for seed in range(first, first + INTERLEAVINGS)]
    results = [result for result, _ in ends]
    assert sum(dangling for _, dangling in ends) <= MOST_DANGLING
    assert results.count("unchanged") > INTERLEAVINGS / 4
    assert results.count("refused") > INTERLEAVINGS / 10


def interleaved(wiki: ConfluenceBridge, seed: int) -> tuple[str, int]:
    """Some of an editor's deeds between our requests, perhaps a break, then the run done again.

    What came of it, and how many comments hang on words that are gone.
    """
    chance = random.Random(seed)
    page, action, other = a_case(wiki, chance, seed)
    editor = Editor(wiki, page, chance)
    deeds_at = sorted(chance.randrange(REQUESTS) for _ in range(chance.randint(1, 3)))
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
        wiki.fail_at(chance.randrange(REQUESTS), lost=chance.random() < 0.6)
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


def a_case(
    wiki: ConfluenceBridge, chance: random.Random, seed: int
) -> tuple[Page, WriteSection, WriteSection]:
    """A page, what we are to write on it, and what another one of us may write meanwhile."""
    outside = "<p>Top stands here.</p><p>Rest stands there.</p>"
    title = f"Page {seed}"
    match chance.randrange(3):
        case 0:
            page = wiki.add_page(title, outside)
            apply(wiki, notes(wiki, page=page.id))
            action = notes(wiki, "Discount codes", "Faster carts", page=page.id)
            return page, action, notes(wiki, "Other", page=page.id)
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
        often: list[Deed] = [self._above, self._below, self._inside, self._comment, self._move]
        seldom: list[Deed] = [self._take_away, self._break, self._rename, lambda: self._race(other_bot)]
        self._chance.choice([*often * 3, *seldom])()

    def check(self, where: str) -> None:
        body = self._page.now.body
        assert [one for one in self._words if one not in body] == [], where
        assert not [one for one in self._comments if one.resolution != "open" and self._has_words(one)], where
        assert self._page.parent is self._parent, where
        assert not (self._is_gone and "trivet-release-notes-begin" in body), where
        assert self._page.title == self._title_of_people(), where
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


def nothing(_coming: str) -> None:
    """No deed."""
