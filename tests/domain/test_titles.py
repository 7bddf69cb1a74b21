"""A title keeps its words and loses what GitLab would act on."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.domain.references import REFERENCES
from bot.domain.titles import LONGEST, inert_title

SECRET = "glpat-" + "Zq8Rt2vLm4" + "Xc7Wn1Kd9P"
KEPT = frozenset({"SHOP-12"})


def title(text: str) -> str:
    return inert_title(text, keep=KEPT, redact=lambda words: words.replace(SECRET, "[secret]"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("SHOP-12: Sum the basket", "SHOP-12: Sum the basket"),
        ("SHOP-12: decode UTF-8 names", "SHOP-12: decode UTF\u20118 names"),
        ("Closes SHOP-13", "Closes SHOP\u201113"),
        ("ask @ada or @all", "ask @ ada or @ all"),
        ("fixes #1 and acme/shop!2", "fixes # 1 and acme/ shop! 2"),
        ("see https://evil.example/?q=1", "see https: / / evil. example/ ?q=1"),
        ("two\nlines\r\n\tone", "two lines one"),
        (f"token {SECRET}", "token [secret]"),
        ("a\u200bb", "a\\u{200b}b"),
        ("price: 5 % off, 3 > 2", "price: 5 % off, 3 > 2"),
        ("", ""),
    ],
)
def test_references_are_taken_apart_and_words_stay(text: str, shown: str) -> None:
    assert title(text) == shown


def test_only_the_keys_named_are_kept() -> None:
    assert inert_title("SHOP-12 SHOP-9", keep=frozenset({"SHOP-9"}), redact=str) == "SHOP\u201112 SHOP-9"


def test_a_long_title_is_cut() -> None:
    cut = title("word " * 100)
    assert len(cut) <= LONGEST
    assert cut.endswith("…")


LIVE = (
    *(
        "@ada",
        "#1",
        "!2",
        "a/b#3",
        "SHOP-12",
        "SHOP-1",
        "https://x.example/y",
        "www.x.example",
        ":tada:",
        "%v1",
    ),
    *(
        "~bug",
        "deadbeef",
        "[[wiki]]",
        "[vulnerability:1]",
        "$4",
        "*iteration:5",
        "a@b.example",
        "x",
        "\n",
        "(",
    ),
)
WORDS = st.sampled_from(LIVE)


@settings(max_examples=200)
@given(text=st.lists(st.one_of(WORDS, st.text(max_size=5)), max_size=8).map(" ".join))
@example(text="aa@ada#1!2")
@example(text="::a:b::")
def test_no_reference_is_left_but_those_to_be_kept(text: str) -> None:
    shown = title(text)
    assert {found[0] for found in REFERENCES.finditer(shown)} <= KEPT
    assert shown == " ".join(shown.split())
