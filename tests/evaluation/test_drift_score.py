"""What counts as a found block, a false alarm and a right new text, and the figures that follow."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.markdown_reader import read_markdown
from bot.domain.pages import BlockEdit, Page, Reason, SectionEdit
from bot.domain.repo_config import PageSection
from bot.domain.sections import find
from bot.evaluation.drift_cases import DriftCase, DriftStory, Wrong
from bot.evaluation.drift_score import Drifted, by_drift_trap, by_truth, drift_score
from bot.evaluation.drift_texts import has, missing
from bot.evaluation.score import Cost

STORAGE = (
    "<h2>Limits</h2><p>A basket holds <strong>20</strong> articles.</p>"
    "<table><tbody><tr><th>What</th><th>Most</th></tr><tr><td>Photo</td><td>10 MB</td></tr>"
    "<tr><td>Avatar</td><td>2 MB</td></tr></tbody></table>"
    '<p>Carts live <ac:inline-comment-marker ac:ref="7f">30 days</ac:inline-comment-marker>.</p><p>That is all.</p>'
)
BASKET, TABLE, CARTS, REST = range(4)
ROWS = "| What | Most |\n| --- | --- |\n| Photo | 20 MB |\n| Avatar | 2 MB |"


def wrong(**fields: Any) -> Wrong:
    """The limit of a basket is 50 now; `fields` are other words."""
    said = {"quote": "A basket", "why": "A basket holds 50 articles.", "path": "a.py", "line": "LIMIT = 50"}
    words = {"change": (("20", "50"),), "has": ("50", "articles"), "gone": ("20",)}
    return Wrong.model_validate(said | words | fields)


PHOTO = wrong(
    quote="| Photo |",
    why="A photo may have 20 MB.",
    change=(("10 MB", "20 MB"),),
    has=("Photo | 20 MB",),
    gone=("10 MB",),
)
CART = wrong(
    quote="Carts live",
    why="Carts live 60 days.",
    change=(("30", "60"),),
    has=(("60", "sixty"),),
    gone=("30",),
)
EXPORT = wrong(
    quote="That is all", why="XML is new.", how="insert", change=(), text="And XML.", has=("XML",), gone=()
)


def case(*wrongs: Wrong, **fields: Any) -> DriftCase:
    truth = "drift" if wrongs else "harmless"
    story = {
        "title": "Limits",
        "description": "More.",
        "language": "python",
        "kind": "limits",
        "truth": truth,
    }
    section = find(STORAGE, "Limits")
    assert section is not None
    return DriftCase(
        slug="limits",
        story=DriftStory.model_validate(story | {"wrong": wrongs} | fields),
        before={},
        after={},
        page=Page("1", "DOC", "Guide", 1, STORAGE, ""),
        wanted=PageSection(paths=("**",), page="Guide", section="Limits"),
        section=section,
    )


Said = tuple[int, str, str]


def drifted(of: DriftCase, *said: Said, by_hand: tuple[tuple[str, str], ...] = (), **fields: Any) -> Drifted:
    """`said`: block, how, new text; `by_hand`: why, and what should stand there."""
    edits = tuple(BlockEdit(block=block, how=how, body=read_markdown(text)) for block, how, text in said)  # type: ignore[arg-type]
    reasons = [Reason(why=f"Block {block} is wrong.", path="a.py", line=1) for block, _, _ in said]
    hand = [Reason(why=why, path="a.py", line=1, by_hand=True, instead=text) for why, text in by_hand]
    edit = SectionEdit(
        page="1", section="Limits", base="a", result="b", edits=edits, reasons=(*reasons, *hand)
    )
    return Drifted(of, edit if edit.reasons else None, **fields)


# --- found, missed, false ---


def test_a_wrong_block_that_is_rewritten_with_the_right_words_comes_out_right() -> None:
    one = drifted(case(wrong()), (BASKET, "replace", "A basket holds **50** articles."))
    assert (one.verdict, one.is_right, one.false) == ("found", True, [])


def test_a_wrong_block_of_which_nothing_is_said_is_missed() -> None:
    one = drifted(case(wrong()))
    assert (one.verdict, one.is_right) == ("missed", False)
    of = drift_score([one])
    assert (of.seen_share, of.recall, of.precision, of.right_share) == (0.0, 0.0, None, None)


def test_one_of_two_wrong_blocks_is_found_partly() -> None:
    one = drifted(case(wrong(), PHOTO), (TABLE, "replace", ROWS))
    assert (one.verdict, one.is_right) == ("partly", False)
    assert (drift_score([one]).recall, drift_score([one]).seen_share) == (0.5, 1.0)


def test_a_block_that_was_true_and_is_rewritten_is_a_false_alarm() -> None:
    quiet = drifted(case(), (REST, "replace", "That is not all."))
    assert (quiet.verdict, quiet.is_right, len(quiet.false)) == ("false alarm", False, 1)
    beside = drifted(case(wrong()), (BASKET, "replace", "A basket holds 50 articles."), (REST, "delete", ""))
    assert (beside.verdict, beside.is_right) == ("found", False)
    assert drift_score([beside]).precision == 0.5


def test_silence_on_a_change_that_makes_nothing_wrong_is_right() -> None:
    one = drifted(case())
    assert (one.verdict, one.is_right) == ("silent", True)
    assert drift_score([one]).silence == 1.0


def test_a_tolerated_block_may_be_rewritten_or_not() -> None:
    of = case(wrong(), tolerated=("That is all",))
    right = (BASKET, "replace", "A basket holds 50 articles.")
    assert drifted(of, right, (REST, "replace", "That is nearly all.")).is_right
    assert drifted(of, right).is_right
    assert not drifted(of, right, (TABLE, "delete", "")).is_right


def test_a_text_before_the_first_block_is_about_none_of_them() -> None:
    one = drifted(case(wrong()), (-1, "insert", "A basket holds 50 articles."))
    assert (one.verdict, len(one.false)) == ("missed", 1)


# --- new texts ---


@pytest.mark.parametrize(
    ("text", "lacks", "left"),
    [
        ("A basket holds at most 50 articles, no longer 20.", [], ["20"]),
        ("A basket holds **40** articles.", ["50"], []),
        ("A basket holds 150 articles.", ["50"], []),
        ("A BASKET holds `50`\nArticles.", [], []),
    ],
)
def test_a_new_text_has_the_words_it_should_have_and_no_others(
    text: str, lacks: list[str], left: list[str]
) -> None:
    one = drifted(case(wrong()), (BASKET, "replace", text))
    (held,) = one.held
    assert (held.is_found, held.missing, held.left) == (True, lacks, left)
    assert held.is_right == (not lacks and not left)
    assert one.is_right == held.is_right


def test_a_text_that_is_inserted_below_leaves_the_wrong_words_where_they_are() -> None:
    one = drifted(case(wrong()), (BASKET, "insert", "A basket holds 50 articles."))
    assert one.held[0].is_found
    assert one.held[0].left == ["20"]


def test_a_deleted_block_has_none_of_the_words_that_should_be_gone() -> None:
    gone = wrong(how="delete", change=(), has=())
    one = drifted(case(gone), (BASKET, "delete", ""))
    assert one.is_right
    assert not drifted(case(wrong()), (BASKET, "delete", "")).is_right


def test_an_insertion_counts_wherever_it_stands_if_it_says_what_is_missing() -> None:
    assert drifted(case(EXPORT), (REST, "insert", "And XML.")).is_right
    assert drifted(case(EXPORT), (BASKET, "insert", "There is XML.")).is_right
    assert drifted(case(EXPORT), (REST, "replace", "That is all, and XML.")).is_right
    astray = drifted(case(EXPORT), (BASKET, "insert", "There is YAML."))
    assert (astray.verdict, len(astray.false)) == ("missed", 1)


def test_rows_that_had_no_cause_to_change_are_counted_when_they_do() -> None:
    careful = drifted(case(PHOTO), (TABLE, "replace", ROWS))
    careless = drifted(case(PHOTO), (TABLE, "replace", ROWS.replace("Avatar", "Profile picture")))
    assert (careful.held[0].lost, careless.held[0].lost) == ([], ["| avatar | 2 mb |"])
    assert careless.held[0].is_right
    assert (drift_score([careful]).kept_share, drift_score([careless]).kept_share) == (1.0, 0.5)


# --- by hand ---


def test_who_is_told_to_put_a_block_right_finds_the_words_in_what_is_told() -> None:
    told = drifted(case(CART), by_hand=(("Carts live sixty days now.", ""),))
    assert (told.verdict, told.is_right, told.false) == ("found", True, [])
    wrongly = drifted(case(CART), by_hand=(("Carts live longer.", "Carts live 30 days."),))
    assert (wrongly.verdict, wrongly.held[0].missing, wrongly.held[0].left) == (
        "found",
        ["60 / sixty"],
        ["30"],
    )


def test_what_is_told_by_hand_beyond_the_wrong_blocks_is_a_false_alarm() -> None:
    one = drifted(
        case(CART), by_hand=(("Nothing is left.", ""), ("Carts live 60 days.", "Carts live 60 days."))
    )
    assert [remark.why for remark in one.false] == ["Nothing is left."]
    assert one.held[0].is_right
    assert len(drifted(case(wrong()), by_hand=(("A basket holds 50 articles.", ""),)).false) == 1


# --- words ---


@given(st.integers(0, 999), st.integers(0, 999))
@settings(max_examples=80)
def test_a_number_is_found_as_a_whole_only(number: int, other: int) -> None:
    assert has(f"at most **{number}** items", str(number))
    assert has(f"at most {other} items", str(number)) == (number == other)


def test_any_of_several_wordings_will_do() -> None:
    assert missing([("50", "fifty"), "items"], "Fifty items") == []
    assert missing([("50", "fifty"), "items"], "40 things") == ["50 / fifty", "items"]


# --- figures ---


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=8))
@settings(max_examples=50)
def test_parts_add_up(runs: list[tuple[bool, bool, bool]]) -> None:
    """For each change: whether it is drift, whether something is said of the basket, whether of the rest."""
    every = [
        drifted(
            case(wrong()) if is_drift else case(),
            *([(BASKET, "replace", "A basket holds 50 articles.")] if basket else []),
            *([(REST, "delete", "")] if rest else []),
        )
        for is_drift, basket, rest in runs
    ]
    of = drift_score(every)
    assert of.changes == of.drifts + of.quiet == len(runs)
    assert (of.wrong, of.found) == (of.drifts, sum(drift and basket for drift, basket, _ in runs))
    assert of.found + of.false == of.told == sum(basket + rest for _, basket, rest in runs)
    assert of.right == of.found
    assert of.silent == sum(not (drift or basket or rest) for drift, basket, rest in runs)
    assert of.right_changes == sum(not rest and drift == basket for drift, basket, rest in runs)


def test_costs_add_up_and_are_told_per_change() -> None:
    cost = Cost(calls=2, tokens=1_000, cached_tokens=400, cost_usd=0.5, seconds=4.0)
    of = drift_score([drifted(case(), cost=cost), drifted(case())])
    assert (of.calls_a_change, of.tokens_a_change, of.dollars_a_change) == (1.0, 500.0, 0.25)


def test_groups_come_with_those_that_went_wrong_most_often_first() -> None:
    noisy = drifted(case(trap="comment-only"), (REST, "delete", ""))
    quiet = drifted(case(trap="test-value"))
    groups = by_drift_trap([quiet, noisy, drifted(case(wrong()))])
    assert [(one.name, one.changes, one.right, one.false) for one in groups] == [
        ("comment-only", 1, 0, 1),
        ("test-value", 1, 1, 0),
    ]
    assert [(one.name, one.changes) for one in by_truth([quiet, drifted(case(wrong()))])] == [
        ("drift", 1),
        ("harmless", 1),
    ]
