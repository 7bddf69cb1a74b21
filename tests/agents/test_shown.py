"""Text of a repository as a model is shown it."""

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.agents.shown import safe_text, shown_lines, shown_name, shown_text
from bot.domain.secrets import Redactor

SECRET = "hK7" + "vQ2mZ9" + "pL4xT8wB1n"
REDACTOR = Redactor([SECRET], key=b"key")
KEY_BLOCK = (
    "-----BEGIN "
    + "RSA PRIVATE KEY-----\n"
    + "MIIEpAIBAAKCAQEA7bq2Zk1\n" * 6
    + "-----END "
    + "RSA PRIVATE KEY-----"
)
HIDERS = ["\u200b", "\u202e", "\x00", "\x1b", "\u2028", "\ufeff", "\U000e0041", "\u00ad"]


def test_lines_are_those_an_editor_counts() -> None:
    assert shown_lines(b"a\nb\n", REDACTOR) == ["a", "b"]
    assert shown_lines(b"a\n\nb", REDACTOR) == ["a", "", "b"]
    assert shown_lines(b"\n", REDACTOR) == [""]
    assert shown_lines(b"", REDACTOR) == []


def test_carriage_returns_go_and_other_line_ends_are_spelled_out() -> None:
    assert shown_lines(b"a\r\nb\r\n", REDACTOR) == ["a", "b"]
    assert shown_lines("a\u2028 7  b".encode(), REDACTOR) == ["a\\u{2028} 7  b"]


def test_bytes_that_are_not_utf8_are_replaced_and_what_is_invisible_is_spelled_out() -> None:
    assert shown_lines(b"caf\xe9\n", REDACTOR) == ["caf\ufffd"]
    assert shown_lines("is\u202eadmin".encode(), REDACTOR) == ["is\\u{202e}admin"]


def test_a_secret_of_several_lines_leaves_the_others_where_they_were() -> None:
    lines = shown_lines(f"before\n{KEY_BLOCK}\nafter\n".encode(), REDACTOR)
    assert (lines[0], lines[-1], len(lines)) == ("before", "after", 10)
    assert "MIIE" not in "".join(lines)
    assert lines[1].startswith("<REDACTED:")


def test_a_secret_that_invisible_characters_break_up_is_found() -> None:
    for hider in HIDERS:
        text = f"first\u200b line\nkey = {SECRET[:9]}{hider}{SECRET[9:]}\nlast"
        first, middle, last = shown_text(text, REDACTOR).split("\n")
        assert (first, last) == ("first\\u{200b} line", "last")
        assert middle.startswith("key = <REDACTED:")
        assert SECRET[9:] not in middle


def test_a_name_is_one_line_whatever_it_is_made_of() -> None:
    assert shown_name("a\nb\r\tcaf\udce9\u202e.py", REDACTOR) == "a\\nb\\r\\tcaf\\xe9\\u{202e}.py"
    assert SECRET not in shown_name(f"{SECRET}.py", REDACTOR)


@given(st.text(st.characters(codec=None), max_size=30))
@settings(max_examples=60, deadline=None)
def test_whatever_a_text_is_made_of_it_can_be_sent(text: str) -> None:
    for shown in (safe_text(text, REDACTOR), shown_name(text, REDACTOR)):
        shown.encode("utf-8")


def test_half_a_character_is_replaced_and_a_byte_that_is_not_utf8_spelled_out() -> None:
    assert safe_text("a\ud800b\udfffc caf\udce9", REDACTOR) == "a\ufffdb\ufffdc caf\\xe9"
    assert shown_name("a\ud800\n", REDACTOR) == "a\ufffd\\n"


pieces = st.lists(
    st.one_of(
        st.sampled_from([SECRET, SECRET[:11], SECRET[11:], "\n", "\r\n", "\r", KEY_BLOCK, *HIDERS]),
        st.text(max_size=6),
    )
)


@given(pieces)
@settings(max_examples=150, deadline=None)
def test_line_numbers_stay_no_own_secret_is_left_and_showing_twice_changes_nothing(parts: list[str]) -> None:
    text = "".join(parts)
    shown = shown_text(text, REDACTOR)
    assert shown.count("\n") == text.count("\n")
    assert SECRET not in shown
    assert REDACTOR.redact(shown) == shown
    assert len(shown.splitlines()) <= text.count("\n") + 1
