"""Our comment below a page is there once for each key, and says what was said last."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from confluence_bridge import ConfluenceBridge
from confluence_writing import GUIDE, SECRET, apply, ours

from bot.domain.actions import CommentPage
from bot.domain.document import Code, Document, paragraph
from bot.errors import Unavailable
from bot.sandbox.confluence import deeds
from bot.sandbox.confluence.model import Flavour

FLAVOURS: tuple[Flavour, ...] = ("cloud", "datacenter")


@pytest.fixture(params=FLAVOURS)
def wiki(request: pytest.FixtureRequest, tmp_path: Path) -> ConfluenceBridge:
    return ConfluenceBridge(request.param, tmp_path)


def stale(wiki: ConfluenceBridge, *lines: str, **given: Any) -> CommentPage:
    code = Code(text="-vat.tax\n+tax.due ]]> <b>", language="diff")
    body = Document(blocks=(*map(paragraph, lines or ("It may be out of date.",)), code))
    told: dict[str, Any] = {
        "key": "stale:endpoints",
        "page": wiki.page(GUIDE).id,
        "space": "DOC",
        "body": body,
    }
    return CommentPage(**{**told, **given})


def test_a_comment_is_written_once_and_says_by_which_key_it_is_kept(wiki: ConfluenceBridge) -> None:
    outcome = apply(wiki, stale(wiki))
    page = wiki.page(GUIDE)
    (comment,) = ours(page)
    assert (outcome.result, outcome.reason) == ("done", "written")
    assert outcome.url.endswith(f"focusedCommentId={page.comments[-1].id}")
    assert "Trivet keeps this comment up to date (stale:endpoints)." in comment
    written = len(wiki.writes)
    assert apply(wiki, stale(wiki)).result == "unchanged"
    assert len(wiki.writes) == written


def test_a_comment_that_says_something_else_is_edited_in_place(wiki: ConfluenceBridge) -> None:
    apply(wiki, stale(wiki))
    outcome = apply(wiki, stale(wiki, "It is true again."))
    (comment,) = [one for one in wiki.page(GUIDE).comments if one.author.name == "trivet"]
    assert (outcome.result, outcome.reason) == ("done", "edited in place")
    assert "true again" in comment.now.body
    assert comment.now.number == 2


def test_a_comment_that_is_only_edited_is_not_begun(wiki: ConfluenceBridge) -> None:
    outcome = apply(wiki, stale(wiki, create=False))
    assert (outcome.result, ours(wiki.page(GUIDE))) == ("unchanged", [])
    apply(wiki, stale(wiki))
    assert apply(wiki, stale(wiki, "It is true again.", create=False)).result == "done"


def test_comments_of_other_keys_and_of_people_are_let_alone(wiki: ConfluenceBridge) -> None:
    page = wiki.page(GUIDE)
    apply(wiki, stale(wiki))
    (body,) = ours(page)
    copied = wiki.comment(page, body)
    said = wiki.comment(page, "<p>I will look at it.</p>")
    apply(wiki, stale(wiki, key="stale:errors"))
    apply(wiki, stale(wiki, "It is true again."))
    assert len(ours(page)) == 2
    assert (copied.now.number, said.now.number) == (1, 1)


def test_of_several_with_one_key_the_oldest_stays(wiki: ConfluenceBridge) -> None:
    page = wiki.page(GUIDE)
    apply(wiki, stale(wiki))
    first = page.comments[-1]
    wiki.comment(page, first.now.body, "trivet")
    apply(wiki, stale(wiki, "It is true again."))
    assert [one for one in page.comments if one.author.name == "trivet"] == [first]


def test_two_that_write_it_at_once_leave_one(wiki: ConfluenceBridge) -> None:
    page = wiki.page(GUIDE)

    def before(coming: str) -> None:
        if coming.startswith("POST"):
            wiki.before = lambda _coming: None
            apply(wiki, stale(wiki))

    wiki.before = before
    apply(wiki, stale(wiki))
    assert len(ours(page)) == 1


def test_a_comment_that_changes_while_it_is_edited_is_read_again(wiki: ConfluenceBridge) -> None:
    page = wiki.page(GUIDE)
    apply(wiki, stale(wiki))
    comment = page.comments[-1]

    def before(coming: str) -> None:
        if coming.startswith("PUT"):
            wiki.before = lambda _coming: None
            deeds.edit_comment(
                wiki.site, wiki.person("trivet"), comment, comment.now.body.replace("may", "might")
            )

    wiki.before = before
    assert apply(wiki, stale(wiki, "It is true again.")).result == "done"
    assert "true again" in comment.now.body
    assert comment.now.number == 3


def test_a_secret_never_reaches_a_comment(wiki: ConfluenceBridge) -> None:
    apply(wiki, stale(wiki, f"Use {SECRET}."))
    (comment,) = ours(wiki.page(GUIDE))
    assert SECRET not in comment
    assert "[removed]" in comment


def test_who_may_not_comment_is_told(wiki: ConfluenceBridge) -> None:
    page = wiki.page(GUIDE)
    page.space.permissions["comment"].remove(wiki.person("trivet"))
    outcome = apply(wiki, stale(wiki))
    assert (outcome.result, outcome.url, ours(page)) == ("refused", "", [])
    assert "the bot may not comment on this page" in outcome.reason


def test_a_comment_on_a_page_of_another_space_is_not_written(wiki: ConfluenceBridge) -> None:
    assert apply(wiki, stale(wiki, space="OPS")).result == "refused"
    assert not wiki.writes


Asked = Callable[[ConfluenceBridge], CommentPage]


def first(wiki: ConfluenceBridge) -> CommentPage:
    return stale(wiki)


def following(wiki: ConfluenceBridge) -> CommentPage:
    apply(wiki, stale(wiki))
    return stale(wiki, "It is true again.")


@pytest.mark.parametrize("asked", [first, following])
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_a_comment_whose_writing_is_broken_off_anywhere_is_there_once(
    flavour: Flavour, asked: Asked, tmp_path: Path
) -> None:
    wiki = ConfluenceBridge(flavour, tmp_path)
    action = asked(wiki)
    start = len(wiki.seen)
    apply(wiki, action)
    for number in range(len(wiki.seen) - start):
        for lost in (False, True):
            again = ConfluenceBridge(flavour, tmp_path)
            action = asked(again)
            again.fail_at(number, lost=lost)
            with pytest.raises(Unavailable):
                apply(again, action)
            assert apply(again, action).result in ("done", "unchanged")
            (comment,) = [one for one in again.page(GUIDE).comments if one.author.name == "trivet"]
            assert comment.now.number == (1 if asked is first else 2), (number, lost)
            assert apply(again, action).result == "unchanged"
