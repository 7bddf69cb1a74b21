import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain import wiki
from bot.domain.criteria import LONGEST, TITLES, criteria


def texts(description: str, *fields: str) -> list[str]:
    return [one.text for one in criteria("SHOP-1", description, fields)]


@pytest.mark.parametrize(
    "title",
    [
        "## Acceptance criteria",
        "### Acceptance Criteria (must have):",
        "# 3. Acceptance criteria ✅",
        "**Acceptance criteria**",
        "**AC:**",
        "__Definition of Done__:",
        "_Acceptance criteria_",
        "AC:",
        "Acceptance criteria",
        "## Akzeptanzkriterien",
        "## Critères d’acceptation",
        "CRITERIOS DE ACEPTACIÓN:",
    ],
)
def test_items_under_a_title_are_criteria(title: str) -> None:
    assert texts(f"# Story\n- no\n\n{title}\n\n- one\n* two\n1. three\n2) four") == [
        "one",
        "two",
        "three",
        "four",
    ]


def test_every_title_of_the_table_is_one() -> None:
    assert all(texts(f"## {title.upper()}\n- one") == ["one"] for title in TITLES)


def test_a_section_ends_at_the_next_heading_of_its_level_or_above() -> None:
    description = (
        "## AC\n- one\n### Details\n- two\n**Bold**\n- three\n## Notes\n- no\n### AC\n- four\n# End\n- no"
    )
    assert texts(description) == ["one", "two", "three", "four"]


def test_a_section_of_a_bold_line_ends_at_the_next_title_of_any_kind() -> None:
    assert texts("**AC**\n- one\n\n**Notes**\n- no") == ["one"]
    assert texts("AC:\n- one\nOut of scope:\n- no") == ["one"]
    assert texts("AC:\n- one\n###### Notes\n- no") == ["one"]


def test_an_item_goes_on_until_a_line_ends_it() -> None:
    assert texts("## AC\n- one\n  and more\nof it\n- two\n\nno item") == ["one and more of it", "two"]


def test_an_item_with_a_colon_stands_before_those_below_it() -> None:
    assert texts("## AC\n- The form checks:\n  - e-mail\n  - phone\n- Ends:\n- last") == [
        "The form checks: e-mail",
        "The form checks: phone",
        "Ends:",
        "last",
    ]


def test_a_section_without_items_has_its_paragraphs() -> None:
    assert texts("## AC\nThe user\nlogs in.\n\nThe cart stays.\n## Next\nno") == [
        "The user logs in.",
        "The cart stays.",
    ]


def test_a_criterion_on_the_line_of_its_title() -> None:
    assert texts("**AC:** the cart stays\n\nOther text.") == ["the cart stays"]


def test_check_items_count_anywhere() -> None:
    assert texts("Text\n- [ ] one\n* [x] two\n- no\n1. [X] three") == ["one", "two", "three"]


def test_a_scenario_is_one_criterion_with_its_title() -> None:
    description = (
        "Some text.\n\nScenario: Guest pays\nGiven a cart\nAnd an address\nWhen I pay\nThen an order exists\n"
        "But no account\n\nScenario: Empty\n  Given no cart\n  Then nothing\n\nMore text."
    )
    assert texts(description) == [
        "Guest pays: Given a cart And an address When I pay Then an order exists But no account",
        "Empty: Given no cart Then nothing",
    ]


def test_a_scenario_in_items_in_code_and_in_other_languages() -> None:
    assert texts("- **Given** a\n- **When** b\n- **Then** c") == ["Given a When b Then c"]
    assert texts("```gherkin\nFeature: x\nGiven a\nThen b\n```") == ["Given a Then b"]
    assert texts("Angenommen a\nWenn b\nDann c") == ["Angenommen a Wenn b Dann c"]
    assert texts("Étant donné a\nQuand b\nAlors c") == ["Étant donné a Quand b Alors c"]
    assert texts("Dado a\nCuando b\nEntonces c") == ["Dado a Cuando b Entonces c"]


def test_two_scenarios_without_titles_are_two_criteria() -> None:
    assert texts("Given a\nThen b\nGiven c\nThen d") == ["Given a Then b", "Given c Then d"]


def test_a_scenario_on_one_line() -> None:
    assert texts("Given a cart, when I pay, then an order exists.") == [
        "Given a cart, when I pay, then an order exists."
    ]


@pytest.mark.parametrize(
    "description",
    [
        "",
        "When I click, then nothing happens.",
        "Wenn ich klicke, dann passiert nichts.",
        "When I click\nnothing happens\n- a\n- b",
        "Given the deadline we skip it.\nAnd that is all.",
        "# Steps\n1. open\n2. click\n\nExpected: it works",
        "We need acceptance criteria here.\n- ask Ann",
        "| AC | x |\n| - | - |",
        "## AC\nTBD",
        "## Acceptance criteria\n- n/a\n- ...",
        "```\n- [ ] code\n## AC\n- code\n```",
    ],
)
def test_an_issue_that_names_none_has_none(description: str) -> None:
    assert texts(description) == []


def test_a_field_has_its_items_else_its_paragraphs() -> None:
    assert texts("", "Intro\n- one\n- two") == ["one", "two"]
    assert texts("", "one\nmore\n\ntwo") == ["one more", "two"]
    assert texts("## AC\n- one", "- ONE.\n- two") == ["one", "two"]


def test_a_criterion_is_one_plain_line() -> None:
    [one] = texts("## AC\n- **Bold** `code` [link](https://x.example) ~~x~~ _em_ a_b \u202eb\u200b")
    assert one == "Bold code link x em a_b \\u{202e}b\\u{200b}"


def test_a_long_criterion_is_cut() -> None:
    [one] = texts(f"## AC\n- {'word ' * 500}")
    assert len(one) == LONGEST
    assert one.endswith("…")


def test_no_more_than_asked_for() -> None:
    assert len(criteria("SHOP-1", "## AC\n" + "\n".join(f"- c{number}" for number in range(99)), most=7)) == 7


def test_an_id_stays_when_others_come_and_go_and_belongs_to_its_issue() -> None:
    alone = criteria("SHOP-1", "## AC\n- The *cart* stays")[0]
    among = criteria("SHOP-1", "## AC\n- new\n- the cart  stays.\n- other")[1]
    elsewhere = criteria("SHOP-2", "## AC\n- The cart stays")[0]
    assert alone.id == among.id != elsewhere.id


def test_wiki_text_gives_criteria_too() -> None:
    source = "h3. Acceptance criteria\n* {color:red}one{color}\n* [ ] two\nh3. Notes\n* no\n(/) three"
    assert texts(wiki.to_text(source)) == ["one", "two", "three"]


LINES = st.sampled_from(
    ["## AC", "AC:", "- a", "  - b:", "- [ ] c", "Given x", "When y", "Then z", "Scenario: s", "", "t", "```"]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(LINES, max_size=12), st.text(max_size=20))
def test_every_criterion_is_one_line_of_the_texts_words(lines: list[str], field: str) -> None:
    given = "\n".join(lines)
    found = criteria("SHOP-1", given, [field])
    assert len({one.id for one in found}) == len(found)
    assert all(one.text and "\n" not in one.text and len(one.text) <= LONGEST for one in found)


@pytest.mark.parametrize(
    "part", ["- a:\n", "When x\n", "**", "[a](", "_a ", "AC: ", " ", "*", "Given when then ", "(", "- [ ] \n"]
)
def test_a_hostile_text_takes_linear_time(part: str) -> None:
    start = time.perf_counter()
    texts(part * (100_000 // len(part)), part * (100_000 // len(part)))
    assert time.perf_counter() - start < 4


def test_the_rows_of_a_table_under_a_title_are_criteria_and_the_names_of_its_columns_none() -> None:
    text = "## Acceptance criteria\n\n| # | Criterion |\n|---|---|\n| 1 | It is blue |\n| 2 | It is round |"
    assert [one.text for one in criteria("SHOP-1", text)] == ["It is blue", "It is round"]


def test_a_table_elsewhere_holds_no_criteria() -> None:
    assert criteria("SHOP-1", "| Code | Takes off |\n| A | 10 % |") == ()


def test_scenarios_of_one_line_each_are_one_criterion_each() -> None:
    lines = [
        "Given a cart, when I pay, then it is empty.",
        "Given no cart, when I pay, then nothing happens.",
    ]
    text = "\n".join(f"- {line}" for line in lines)
    assert [one.text for one in criteria("SHOP-1", text)] == lines
