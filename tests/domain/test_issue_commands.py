"""Commands and questions in comments on issues."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.issue_commands import IssueCommand, NamedBy, is_addressed, parse_issue_command

CLOUD = NamedBy("5b10:a-b", "", "Trivet Bot")
SERVER = NamedBy("JIRAUSER1", "trivet", "Trivet Bot")


@pytest.mark.parametrize(
    ("body", "bot"),
    [
        ("[~accountid:5b10:a-b] summarize", CLOUD),
        ("[~trivet] summarize", SERVER),
        ("@trivet summarize", SERVER),
        ("@Trivet Bot, summarize", CLOUD),
        ("/trivet summarize", CLOUD),
        ("Thanks!\n\n[~trivet] why?", SERVER),
    ],
)
def test_a_line_that_begins_with_our_name_speaks_to_us(body: str, bot: NamedBy) -> None:
    assert is_addressed(body, bot)


@pytest.mark.parametrize(
    "body",
    [
        "I asked [~trivet] yesterday",
        "[~somebody] summarize",
        "@trivetta summarize",
        "> @trivet summarize",
        "bq. @trivet summarize",
        "{quote}\n@trivet summarize\n{quote}",
        "{code}\n/trivet summarize\n{code}",
        "trivet summarize",
        "",
    ],
)
def test_talk_about_us_is_not_for_us(body: str) -> None:
    assert not is_addressed(body, SERVER)


def test_while_nobody_knows_who_we_are_any_mention_may_be_meant_for_us() -> None:
    assert is_addressed("[~whoever] summarize", None)
    assert not is_addressed("no mention at all", None)


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("@trivet summarize", IssueCommand("summarize")),
        ("@trivet Summarize!", IssueCommand("summarize")),
        ("@Trivet Bot: draft", IssueCommand("draft_merge_request")),
        ("/trivet help", IssueCommand("help")),
        ("@trivet", IssueCommand("help")),
        ("@trivet branch please", IssueCommand("branch")),
        (
            "@trivet branch protection, where is it set?",
            IssueCommand("", "branch protection, where is it set?"),
        ),
        ("@trivet why does it fail?\nSince Monday.", IssueCommand("", "why does it fail?\nSince Monday.")),
        ("nothing for you", None),
    ],
)
def test_a_word_that_is_a_command_is_one_and_anything_else_a_question(
    text: str, command: IssueCommand | None
) -> None:
    assert parse_issue_command(text, SERVER) == command


@given(st.text())
def test_whatever_is_written_what_is_found_is_a_command_or_a_bounded_question(text: str) -> None:
    found = parse_issue_command(f"@trivet {text}", SERVER)
    assert found is not None
    assert found.name or 0 < len(found.text) <= 4_000
