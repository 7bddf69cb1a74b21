import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.issue_keys import Found, found, found_in_branch


def keys(text: str, *known: str) -> tuple[str, ...]:
    return found([text], known or None).keys


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SHOP-12: cart", ("SHOP-12",)),
        ("(SHOP-12), [PAY2-7] and A_B-1.", ("SHOP-12", "PAY2-7", "A_B-1")),
        ("_SHOP-12_ **SHOP-13**", ("SHOP-12", "SHOP-13")),
        ("#SHOP-12 and SHOP-12's fix, SHOP-12-cart", ("SHOP-12",)),
        ("see https://jira.example/browse/SHOP-12?focusedCommentId=1#SHOP-13", ("SHOP-12",)),
        ("https://x.example/a?q=SHOP-1#SHOP-2", ()),
        ("https://x.example/RapidBoard.jspa?rapidView=1&selectedIssue=SHOP-9&x=1", ("SHOP-9",)),
        ("shop-12", ()),
        ("SHOP-012 SHOP-0 SHOP- S-1 SHOP-12345678901", ()),
        ("xSHOP-12 SHOP-12a 9SHOP-1 éSHOP-12 SHOP-12é", ()),
        ("CVE-2024-1 CVE-2024-12345", ()),
        ("id=550E8400-E29B-41D4-A716-446655440000", ()),
        ("%SHOP-1 a+SHOP-1 x&SHOP-1 pre-SHOP-1", ()),
    ],
)
def test_a_key_is_upper_case_whole_and_no_part_of_something_else(
    text: str, expected: tuple[str, ...]
) -> None:
    assert keys(text) == expected


@pytest.mark.parametrize(
    "name", ["UTF-8", "SHA-256", "AES-128", "ISO-8601", "CVE-2024-1", "RFC-2119", "HTTP-2"]
)
def test_well_known_names_are_no_keys(name: str) -> None:
    assert keys(f"uses {name} now") == ()


def test_only_known_projects_count_when_they_are_known() -> None:
    assert keys("SHOP-1 OTHER-2 UTF-8 CVE-2024-1", "SHOP") == ("SHOP-1",)
    assert keys("UTF-8", "UTF") == ("UTF-8",)


def test_keys_come_in_order_and_once() -> None:
    assert found(["B1-2 A1-1", "A1-1 C1-3"]) == Found(("B1-2", "A1-1", "C1-3"))


def test_of_two_hundred_keys_the_rest_is_counted() -> None:
    text = " ".join(f"SHOP-{number}" for number in range(1, 201))
    result = found([text, text], most=50)
    assert result.keys == tuple(f"SHOP-{number}" for number in range(1, 51))
    assert result.left_out == 150


@pytest.mark.parametrize(
    ("branch", "expected"),
    [
        ("feature/shop-12-cart", ("SHOP-12",)),
        ("SHOP-12", ("SHOP-12",)),
        ("fix-shop-12_pay2-7", ("SHOP-12", "PAY2-7")),
        ("users/ann/SHOP-12-2fa", ("SHOP-12",)),
        ("shop-12--shop-13", ("SHOP-12", "SHOP-13")),
        ("fix/cve-2024-1234-shop-3", ("SHOP-3",)),
        ("release-2.1", ()),
        ("main", ()),
        ("shop-012", ()),
    ],
)
def test_a_branch_names_its_issue_in_any_case(branch: str, expected: tuple[str, ...]) -> None:
    assert found_in_branch(branch) == expected


def test_a_branch_names_issues_of_known_projects_only() -> None:
    assert found_in_branch("feature/shop-12-step-2", {"SHOP"}) == ("SHOP-12",)
    assert found_in_branch("ann_shop-12", {"SHOP"}) == ("SHOP-12",)
    assert found_in_branch("ann_shop-12", {"ANN_SHOP", "SHOP"}) == ("ANN_SHOP-12",)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(["SHOP-1", "-", "A", "_", "9", " ", "https://", "/", "?", "é"]), max_size=12))
def test_every_key_stands_in_the_text(parts: list[str]) -> None:
    text = "".join(parts)
    assert all(key in text for key in found([text]).keys)


@pytest.mark.parametrize("part", ["A", "A_", "A-", "A-1", "AA-1-", "https://", "CVE-2024-"])
def test_a_hostile_text_takes_linear_time(part: str) -> None:
    text = part * (200_000 // len(part))
    start = time.perf_counter()
    found([text])
    found_in_branch(text)
    assert time.perf_counter() - start < 3
