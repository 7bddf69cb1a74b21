"""A finding keeps its name while its line moves, and gives it to nobody else."""

import time
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.findings import Finding, Severity, identified
from bot.domain.identity import is_alike, recognised, titles_alike
from bot.domain.lifecycle import Known, State

CLAIM = Finding(
    rule="zero-division",
    severity=Severity.MAJOR,
    path="app/shop.py",
    line=10,
    anchor="return total / count",
    title="Divides by zero when the cart is empty",
    fingerprint="f" * 32,
)
CHECK = CLAIM.model_copy(update={"rule": "python/F841", "title": "`total` is assigned and never used"})


def claim(name: str, finding: Finding = CLAIM, **changes: object) -> Finding:
    return finding.model_copy(update={"fingerprint": name * 32, **changes})


def known(name: str, finding: Finding = CLAIM, **changes: object) -> Known:
    return Known(name * 32, claim(name, finding, **changes))


def names(found: Sequence[Finding], *before: Known, rewritten: str = "") -> str:
    return "".join(one.fingerprint[0] for one in recognised(found, before, [name * 32 for name in rewritten]))


# --- as it was ---


def test_a_line_that_moved_is_known() -> None:
    assert names([claim("f", line=400)], known("a")) == "a"


def test_a_line_that_was_re_indented_is_known() -> None:
    assert names([claim("f", anchor="\t return  total /  count")], known("a")) == "a"


def test_a_models_rule_does_not_count_and_a_checks_does() -> None:
    assert names([claim("f", rule="divide")], known("a")) == "a"
    assert names([claim("f", CHECK, rule="python/E999")], known("a", CHECK)) == "f"
    assert names([claim("f", CHECK)], known("a")) == "f"


@pytest.mark.parametrize(("field", "other"), [("path", "b.py"), ("anchor", "x"), ("agent", "link")])
def test_another_file_line_or_agent_is_another_finding(field: str, other: str) -> None:
    assert names([CLAIM.model_copy(update={field: other})], known("a")) == "f"


def test_of_equal_lines_the_nearest_is_the_one() -> None:
    before = known("a", line=10), known("b", line=30), known("c", line=90)
    assert names([claim("d", line=88), claim("e", line=12), claim("f", line=33)], *before) == "cab"
    assert names([claim("d", line=31)], *before) == "b"


def test_what_was_added_is_rather_the_one_that_was_added() -> None:
    before = known("a", line=None, old_line=10), known("b", line=80)
    assert names([claim("f", line=10)], *before) == "b"
    assert names([claim("f", line=10)], before[0]) == "a"


def test_a_finding_about_a_whole_file_is_known_by_its_rule() -> None:
    before = known("a", CHECK, line=None, anchor="")
    assert names([claim("f", CHECK, line=None, anchor="")], before) == "a"


def test_the_state_of_what_is_known_does_not_matter() -> None:
    before = Known("a" * 32, claim("a"), state="dismissed")
    assert names([claim("f")], before) == "a"


def test_a_finding_of_which_nothing_is_kept_is_known_by_its_fingerprint_alone() -> None:
    before = known("a", rule="", anchor="", path="app/shop.py")
    assert names([claim("a", CHECK), claim("f", CHECK, line=90)], before) == "af"


def test_nobody_else_bears_a_known_name() -> None:
    found = recognised(
        [claim("a", anchor="other"), claim("b", line=11)], [known("a"), known("b", path="gone.py")]
    )
    assert found[1].fingerprint == "a" * 32
    assert found[0].fingerprint not in {"a" * 32, "b" * 32}
    assert len(found[0].fingerprint) == 32


# --- rewritten ---


def test_a_rewritten_line_near_by_is_the_same_finding() -> None:
    found = [claim("f", anchor="return total / len(cart)", line=12, title="Fails for no items")]
    assert names(found, known("a")) == "f"
    assert names(found, known("a"), rewritten="a") == "a"


@pytest.mark.parametrize(("line", "name"), [(30, "a"), (31, "f")])
def test_a_title_that_is_alike_tells_within_twenty_lines(line: int, name: str) -> None:
    assert (
        names([claim("f", anchor="return total / len(cart)", line=line)], known("a"), rewritten="a") == name
    )


def test_a_graver_defect_near_by_is_another_one() -> None:
    found = claim("f", anchor="x", line=11, title="Anybody may pay", severity=Severity.CRITICAL)
    assert names([found], known("a"), rewritten="a") == "f"
    assert names([claim("f", found, severity=Severity.MAJOR)], known("a"), rewritten="a") == "a"


def test_a_rewritten_line_is_never_one_that_was_dismissed() -> None:
    dismissed = Known("a" * 32, claim("a"), state="dismissed")
    assert names([claim("f", anchor="return total / len(cart)")], dismissed, rewritten="a") == "f"


def test_a_rewritten_line_further_away_is_the_same_where_the_title_is_alike() -> None:
    found = claim("f", anchor="return total / len(cart)", line=25)
    assert names([found], known("a"), rewritten="a") == "a"
    assert names([claim("f", found, title="Leaks the price list")], known("a"), rewritten="a") == "f"
    assert names([claim("f", found, path="b.py")], known("a"), rewritten="a") == "f"


def test_an_alike_title_comes_before_a_line_near_by() -> None:
    near = claim("e", anchor="x", line=10, title="Leaks the price list")
    far = claim("f", anchor="y", line=28, title="Divides by zero for an empty cart")
    assert names([near, far], known("a"), rewritten="a") == "ea"


def test_a_line_that_stands_comes_before_one_that_was_rewritten() -> None:
    found = [claim("f", line=11)]
    assert names(found, known("a", anchor="gone", line=11), known("b", line=70), rewritten="a") == "b"


def test_a_removed_line_is_not_near_an_added_one() -> None:
    found = [claim("f", anchor="x", line=None, old_line=10, title="Something else")]
    assert names(found, known("a"), rewritten="a") == "f"


def test_a_check_says_the_same_elsewhere_only_in_the_same_words() -> None:
    other = "`price` is assigned and never used"
    assert names([claim("f", CHECK, anchor="x", line=28)], known("a", CHECK), rewritten="a") == "a"
    assert (
        names([claim("f", CHECK, anchor="x", line=28, title=other)], known("a", CHECK), rewritten="a") == "f"
    )
    assert (
        names([claim("f", CHECK, anchor="x", line=13, title=other)], known("a", CHECK), rewritten="a") == "f"
    )


# --- secrets ---

EXAMPLE = 'KEY = "<REDACTED:aws-access-key:0a1b2c3d>"'
REAL = 'KEY = "<REDACTED:aws-access-key:9f8e7d6c>"'
SECRET = CLAIM.model_copy(update={"rule": "secrets/aws-access-key", "anchor": EXAMPLE, "title": "A key"})


def secret(anchor: str, state: State = "open") -> Known:
    (found,) = identified([SECRET.model_copy(update={"anchor": anchor})])
    return Known(found.fingerprint, found, state=state)


def test_another_secret_on_the_line_of_a_dismissed_one_is_another() -> None:
    before = secret(EXAMPLE, "dismissed")
    (again, real) = identified(
        [SECRET.model_copy(update={"anchor": anchor}) for anchor in ("  " + EXAMPLE, REAL)]
    )
    assert [one.fingerprint == before.key for one in recognised([again, real], [before])] == [True, False]


@pytest.mark.parametrize("state", ["open", "regressed", "fixed"])
def test_an_open_secret_that_was_exchanged_is_the_same_finding(state: State) -> None:
    before = secret(EXAMPLE, state)
    assert [one.fingerprint for one in recognised([secret(REAL).finding], [before])] == [before.key]


def test_a_secret_is_like_no_other() -> None:
    assert not is_alike(secret(EXAMPLE).finding, secret(REAL).finding)


# --- alike ---


def test_much_the_same_words_are_alike() -> None:
    assert titles_alike("Divides by zero when the cart is empty", "Divides by zero for empty carts")
    assert not titles_alike("Divides by zero", "Leaks the price list")
    assert not titles_alike("a b", "a b")
    assert not titles_alike("", "")
    assert not titles_alike("It is not so", "It is not so")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("An empty order raises IndexError", "IndexError for an order without items"),
        ("Divides by zero when the cart is empty", "Division by zero for an empty cart"),
        ("Missing null check", "Null check is missing"),
        ("Order is read without a null check", "Missing null check on the order"),
        ("The file is not closed", "File handle is never closed"),
        ("A customer's name becomes SQL", "The name of the customer ends up in SQL unquoted"),
    ],
)
def test_the_same_in_other_words_is_alike(one: str, other: str) -> None:
    assert titles_alike(one, other)
    assert titles_alike(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The file is not closed", "The lock is not released"),
        ("Missing null check", "Missing authorization check"),
        ("Index may be out of range", "Password may be logged"),
        ("Division by zero", "Access by anyone"),
        ("An empty order raises IndexError", "An empty password raises no alarm and money is wired"),
        ("An empty order raises IndexError", "An anonymous order wires money"),
        ("User input reaches SQL", "User input reaches the shell"),
        ("Missing null check on order", "Missing null check on customer"),
        ("The file is not closed", "The file is not flushed"),
        ("`total` is assigned and never used", "`price` is assigned and never used"),
        ("The result of the call is never checked", "The result of the call is not used"),
    ],
)
def test_another_defect_in_much_the_same_form_is_not(one: str, other: str) -> None:
    assert not titles_alike(one, other)
    assert not titles_alike(other, one)


WORDS = st.lists(
    st.sampled_from(
        ["cart", "empty", "zero", "price", "the", "not", "is", "missing", "raises", "orders", "order"]
    ),
    max_size=6,
)


@settings(max_examples=120, deadline=None)
@given(WORDS, WORDS)
def test_being_alike_has_no_direction_and_no_order_and_needs_a_word_that_tells(
    one: list[str], other: list[str]
) -> None:
    alike = titles_alike(" ".join(one), " ".join(other))
    assert alike == titles_alike(" ".join(other[::-1]), " ".join(one).upper())
    assert not alike or ({"price", "cart", "empty", "zero", "missing", "raises", "order", "orders"} & {*one})
    assert alike or set(one) != set(other) or not set(one) - {"the", "not", "is"}


def test_a_finding_is_like_another_of_its_rule_wherever_it_stands() -> None:
    elsewhere = claim("f", path="b.py", line=1, anchor="z")
    assert is_alike(elsewhere, CLAIM)
    assert is_alike(claim("f", CHECK), CHECK)
    assert not is_alike(claim("f", CHECK, rule="python/E999"), CHECK)
    assert not is_alike(claim("f", title="Leaks the price list"), CLAIM)


def test_a_blocker_is_like_no_other() -> None:
    grave = claim("f", severity=Severity.BLOCKER)
    assert not is_alike(grave, CLAIM)
    assert not is_alike(CLAIM, grave)


# --- rules ---

PLACES = st.builds(
    lambda rule, path, anchor, line, title: CLAIM.model_copy(
        update={"rule": rule, "path": path, "anchor": anchor, "line": line, "title": title}
    ),
    st.sampled_from(["zero-division", "leak", "python/F841", "python/E999"]),
    st.sampled_from(["a.py", "b.py"]),
    st.sampled_from(["", "x = 1", "y = 2"]),
    st.none() | st.integers(1, 40),
    st.sampled_from(["Divides by zero", "Divides by zero here", "Leaks the price list"]),
)
FOUND = st.lists(PLACES, max_size=8).map(identified)
KEYS = st.sampled_from([letter * 32 for letter in "abcdef"])


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Finding], list[Known], list[str]]:
    """Findings of two heads: keys of the earlier ones may well be what others are called at the later head."""
    found, before = draw(FOUND), draw(FOUND)
    taken = [one.fingerprint for one in found] + [one.fingerprint for one in before]
    keys = draw(st.permutations(sorted({*taken, "a" * 32})))[: len(before)]
    earlier = [Known(key, one) for key, one in zip(keys, before, strict=False)]
    return found, earlier, draw(st.lists(st.sampled_from(keys), max_size=3)) if keys else []


@settings(max_examples=120, deadline=None)
@given(histories())
def test_no_name_is_given_twice_and_no_stranger_bears_a_known_one(
    history: tuple[list[Finding], list[Known], list[str]],
) -> None:
    found, before, rewritten = history
    result = recognised(found, before, rewritten)
    assert len({one.fingerprint for one in result}) == len(found)
    assert [one.model_copy(update={"fingerprint": ""}) for one in result] == [
        one.model_copy(update={"fingerprint": ""}) for one in found
    ]
    places = {one.key: one.finding.path for one in before}
    assert all(places.get(one.fingerprint, one.path) == one.path for one in result)


@settings(max_examples=120, deadline=None)
@given(histories(), st.randoms())
def test_the_order_of_what_comes_in_does_not_matter(
    history: tuple[list[Finding], list[Known], list[str]], random: Random
) -> None:
    found, before, rewritten = history
    expected = {
        one.fingerprint: name.fingerprint for one, name in zip(found, recognised(*history), strict=True)
    }
    random.shuffle(found)
    random.shuffle(before)
    named = recognised(found, before, rewritten)
    assert {one.fingerprint: name.fingerprint for one, name in zip(found, named, strict=True)} == expected


@settings(max_examples=120, deadline=None)
@given(FOUND, st.integers(0, 500))
def test_moving_all_lines_keeps_every_name(before: list[Finding], by: int) -> None:
    earlier = [Known(f"{nth:032x}", one) for nth, one in enumerate(before)]
    moved = [one.model_copy(update={"line": one.line + by if one.line else None}) for one in before]
    kept = recognised(moved, earlier)
    assert {one.fingerprint for one in kept} == {one.key for one in earlier}
    before_by_key = {one.key: one.finding for one in earlier}
    assert all(before_by_key[one.fingerprint].anchor == one.anchor for one in kept)
    assert all(before_by_key[one.fingerprint].path == one.path for one in kept)


@settings(max_examples=60, deadline=None)
@given(FOUND)
def test_where_nothing_is_known_everything_stays_as_it_came(found: list[Finding]) -> None:
    assert recognised(found, []) == found


def test_many_equal_lines_take_no_time() -> None:
    found = identified(CLAIM.model_copy(update={"line": line}) for line in range(1, 600))
    before = [Known(f"{line:032x}", CLAIM.model_copy(update={"line": line + 7})) for line in range(1, 100)]
    start = time.process_time()
    assert len({one.fingerprint for one in recognised(found, before)}) == len(found)
    assert time.process_time() - start < 2
