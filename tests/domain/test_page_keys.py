"""Keys of what is written about a section: what was written is found by them, and they get through policy."""

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.page_keys import note_about, note_prefix, notice_key, section_key
from bot.domain.pages import slug
from bot.policy import NOTE_KEYS, PAGE_KEY

NAMES = st.from_regex(r"[A-Za-z0-9]+([ _-][A-Za-z0-9]+){0,3}", fullmatch=True).filter(
    lambda name: len(name) <= 60
)
PAGES = st.integers(1, 10**12).map(str)


@given(page=PAGES, name=NAMES)
def test_a_notes_key_tells_page_and_section(page: str, name: str) -> None:
    key = f"{note_prefix(page, name)}:{'c' * 20}"
    assert note_about(key) == (page, slug(name))
    assert NOTE_KEYS.fullmatch(key)
    assert PAGE_KEY.fullmatch(notice_key(name))


def test_sections_of_one_name_on_two_pages_have_two_keys() -> None:
    assert note_prefix("1", "Limits") != note_prefix("2", "Limits")
    assert section_key("1", "Limits") != section_key("2", "Limits")


def test_other_notes_are_about_no_section() -> None:
    assert [note_about(key) for key in ("summary", "failure", "page:endpoints:cc", "a:b:c:d")] == [None] * 4
