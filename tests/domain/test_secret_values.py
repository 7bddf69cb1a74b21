"""A value that chance or a person made is told from words, names, code and what only stands in for a secret."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.secret_values import (
    entropy,
    has_entropy,
    is_no_text,
    is_placeholder,
    looks_chosen,
    looks_generated,
    looks_random,
    looks_strong,
)

PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=60)


def test_entropy_is_bits_a_character() -> None:
    assert entropy("") == 0
    assert entropy("aaaa") == 0
    assert entropy("abcd") == 2
    assert entropy("aabb") == 1


@settings(max_examples=200, deadline=None)
@given(PRINTABLE, st.floats(0, 6))
def test_the_short_cut_to_entropy_is_entropy(text: str, least: float) -> None:
    assert has_entropy(text, least) == (entropy(text) >= least) or abs(entropy(text) - least) < 1e-9


@pytest.mark.parametrize(
    "value",
    [
        "a1B2c3D4e5F6g7H8",
        "hViIMTloiODWAnnjzk19",
        "OABWUgexSDxcMQkLwurT",
        "jCwMkppUSFjewbmhUFTt",
        "b1612dd272d1371c",
    ],
)
def test_what_chance_made_is_random_also_where_it_has_hardly_a_digit(value: str) -> None:
    assert looks_random(value)


@pytest.mark.parametrize(
    "value",
    [
        "AccessTokenProviderFactory",
        "getUserIdByApiKey",
        "XMLHttpRequestURLParser",
        "next-page-of-the-results-2024",
        "550e8400-e29b-41d4-a716-446655440000",
        "abcdefghijklmnopqrst",
        "SHOP_SETTINGS_MODULE",
    ],
)
def test_names_words_and_identifiers_are_not_random(value: str) -> None:
    assert not looks_generated(value)


@pytest.mark.parametrize(
    "value", ["settings.k3y_2024_b9", "/a1B2c3D4e5F6g7H8", "${a1B2c3D4e5F6}", "f(a1B2c3D4)"]
)
def test_code_and_paths_are_computed_elsewhere(value: str) -> None:
    assert not looks_random(value)
    assert not looks_chosen(value)


def test_two_pieces_of_hexadecimal_are_no_attribute_where_the_format_has_a_dot() -> None:
    assert looks_generated("a4c123.b1612dd272d1371c")
    assert not looks_random("a4c123.b1612dd272d1371c")


@pytest.mark.parametrize(
    ("value", "is_secret"), [("hsre79LKS655", True), ("postgres", False), ("my-shop-2", False)]
)
def test_a_password_is_no_plain_word(value: str, is_secret: bool) -> None:
    assert looks_strong(value) is is_secret
    assert looks_chosen(value) is is_secret


@pytest.mark.parametrize(
    ("value", "is_placeholder_"),
    [
        ("my-example-key", True),
        ("a-test-1", True),
        ("contest1", False),
        ("aTESTb", False),
        ("12345678", True),
        ("1357924680", False),
        ("Zq8Rt2vLm4" + "y" * 200 + "example", False),
    ],
)
def test_a_placeholder_has_made_up_words_or_counts(value: str, is_placeholder_: bool) -> None:
    assert is_placeholder(value) is is_placeholder_


def test_a_path_is_text() -> None:
    assert not is_no_text("/etc/shop/keys/production/signing/file_2")
    assert is_no_text("/IUF8QkOCktSmSOCyiQ2liQ3aDRI3nz4I6qIAp0p")


@settings(max_examples=200, deadline=None)
@given(PRINTABLE)
def test_no_value_raises(value: str) -> None:
    for told in (is_placeholder, looks_random, looks_generated, looks_chosen, looks_strong, is_no_text):
        assert told(value) in (True, False)
