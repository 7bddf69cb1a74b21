"""Seals: only who holds a secret makes one, and it is good for the very parts it was made of."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.marks import MarkBook
from bot.domain.seals import Seals

ONE, OTHER = "Zq8Rt2vLm4" * 3, "Xc7Wn1Kd9P" * 3
PARTS = st.lists(st.binary(max_size=12), max_size=4)


@settings(max_examples=60)
@given(PARTS, PARTS)
def test_a_seal_is_good_for_its_own_parts_and_no_others(parts: list[bytes], others: list[bytes]) -> None:
    seals = Seals([ONE])
    assert seals.holds(seals.seal(*parts), *parts)
    assert seals.holds(seals.seal(*parts), *others) == (parts == others)


def test_parts_that_run_together_alike_have_other_seals() -> None:
    seals = Seals([ONE])
    assert seals.seal(b"ab", b"c") != seals.seal(b"a", b"bc")
    assert seals.seal(b"ab") != seals.seal(b"ab", b"")


def test_the_first_secret_seals_and_every_one_verifies() -> None:
    before, rotated = Seals([ONE]), Seals([OTHER, ONE])
    assert rotated.holds(before.seal(b"x"), b"x")
    assert Seals([OTHER]).holds(rotated.seal(b"x"), b"x")
    assert not before.holds(rotated.seal(b"x"), b"x")


@pytest.mark.parametrize("seal", ["", "0" * 64, "\u00e9", "\ud800", Seals([OTHER]).seal(b"x")])
def test_anything_else_is_no_seal(seal: str) -> None:
    assert not Seals([ONE]).holds(seal, b"x")


def test_what_is_signed_for_a_mark_is_no_seal() -> None:
    signed = MarkBook([ONE], "gitlab:1:7").seal("x")
    assert signed not in Seals([ONE]).seal(b"x")
    assert not Seals([ONE]).holds(signed, b"x")
