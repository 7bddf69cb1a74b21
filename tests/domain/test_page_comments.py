"""A comment of ours on a page: known by its last line, and telling by a label whether the page is doubted."""

import pytest

from bot.domain.document import Code, Document, Lozenge, paragraph
from bot.domain.page_comments import MARK, OUT_OF_DATE, TRUE_AGAIN, has_key, has_label
from bot.domain.storage import to_storage

KEY = "stale:endpoints"


def comment(label: str = OUT_OF_DATE, last: str = MARK.format(key=KEY)) -> str:
    words = paragraph(Lozenge(text=label, color="yellow"), " The section may be out of date.")
    return to_storage(Document(blocks=(words, Code(text=OUT_OF_DATE, language="diff"), paragraph(last))))


def test_a_comment_is_known_by_its_last_line() -> None:
    assert has_key(comment(), KEY)
    assert has_key(comment().replace("up to date (", "up \n to date ("), KEY)
    assert not has_key(comment(), "stale:other")
    assert not has_key(comment(last="Thanks!"), KEY)
    assert not has_key(comment(last=f"{MARK.format(key=KEY)} Really?"), KEY)


def test_what_cannot_be_read_is_none_of_ours() -> None:
    assert not has_key("<p>x", KEY)


@pytest.mark.parametrize(("label", "doubted"), [(OUT_OF_DATE, True), (TRUE_AGAIN, False)])
def test_only_the_label_says_that_the_page_is_out_of_date(label: str, doubted: bool) -> None:
    assert has_label(comment(label), OUT_OF_DATE) is doubted


def test_a_label_is_read_however_confluence_rewrites_it() -> None:
    saved = comment().replace('ac:name="status"', 'ac:macro-id="7f" ac:name="status"')
    assert has_label(saved, OUT_OF_DATE)
