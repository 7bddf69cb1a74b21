"""Commands are heard where a person gives one, and nowhere else."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.commands import (
    COMMANDS,
    QUESTION_LIMIT,
    Command,
    UnknownCommand,
    aside,
    parse_command,
    spoken,
)


@pytest.mark.parametrize(
    ("body", "command"),
    [
        ("@trivet review", Command("review")),
        ("@Trivet REVIEW Full", Command("review", ("full",))),
        ("@trivet: review full full", Command("review", ("full",))),
        ("/trivet pause", Command("pause")),
        ("/TRIVET resume.", Command("resume")),
        ("/trivet", Command("help")),
        ("  @trivet help", Command("help")),
        ("Thanks!\n\n@trivet resolve\nbye", Command("resolve")),
        ("a\r\n@trivet review\r\n", Command("review")),
        ("@trivet explain", Command("explain")),
        ("@trivet pause\n@trivet resume", Command("pause")),
        ("> they said\n\n@trivet review", Command("review")),
        ("```\ncode\n```\n@trivet review", Command("review")),
        ("a ` b\n@trivet review", Command("review")),
        ("<!-- a --> b\n@trivet review", Command("review")),
        ("a <!-- b\n@trivet review", Command("review")),
    ],
)
def test_a_command_is_heard(body: str, command: Command) -> None:
    assert parse_command(body, "trivet") == command


@pytest.mark.parametrize(
    "body",
    [
        "",
        "nothing to do with us",
        "please @trivet review",
        "@trivet",
        "@trivet-two review",
        "@other review",
        "/trivets review",
        "/review",
        "> @trivet review",
        ">>>\n@trivet review\n>>>",
        "    @trivet review",
        "\t@trivet review",
        "```\n@trivet review\n```",
        "~~~~\n@trivet review\n~~~\n",
        "````text\n```\n@trivet review\n````",
        "```\n@trivet review",
        "`@trivet review`",
        "a `b\n@trivet review\nc` d",
        "<!-- @trivet review -->",
        "<!--\n@trivet review\n-->",
        "a <!--\n@trivet review\n--> b",
        "<!--\n\n@trivet review\n",
        "- @trivet review",
    ],
)
def test_talk_about_a_command_is_none(body: str) -> None:
    assert parse_command(body, "trivet") is None


def test_a_question_keeps_its_words() -> None:
    assert parse_command("@trivet ask Why two   loops?", "trivet") == Command("ask", ("Why two   loops?",))
    assert parse_command("/trivet ask", None) == Command("ask")


def test_an_unknown_word_gets_a_suggestion_and_keeps_what_was_said() -> None:
    assert parse_command("@trivet reveiw", "trivet") == UnknownCommand("reveiw", "review", "reveiw")
    said = "thanks a lot!"
    assert parse_command(f"@trivet {said}\nmore", "trivet") == UnknownCommand("thanks", None, said)


def test_of_a_command_with_a_wrong_argument_there_is_nothing_else_to_be_read() -> None:
    assert parse_command("@trivet review it?", "trivet") == UnknownCommand("review it?", "review")
    assert parse_command("/trivet Review full --rm -rf /", None) == UnknownCommand("review --rm", "review")


def test_what_is_said_to_us_is_bounded() -> None:
    said = parse_command("@trivet why " + "so " * 9_000, "trivet")
    assert isinstance(said, UnknownCommand)
    assert len(said.text) == QUESTION_LIMIT


def test_only_what_is_neither_code_nor_quote_nor_comment_is_spoken() -> None:
    body = "a\n> b\n```\nc\n```\nd `e` f\n<!-- g -->"
    assert list(spoken(body)) == ["a", "d ` f", "`"]


@pytest.mark.parametrize(
    "argument",
    [
        "--config.model=x",
        "--pr_reviewer.extra_instructions=x",
        "openai__api_base=http://x",
        "all",
        "FULL;rm",
        "--full=1",
    ],
)
def test_an_argument_that_is_not_listed_is_refused(argument: str) -> None:
    said = parse_command(f"/trivet review {argument}", None)
    assert isinstance(said, UnknownCommand)
    assert said.word == f"review {argument[:40]}"
    assert said.did_you_mean in {"review", "review full"}


def test_a_command_without_arguments_takes_none() -> None:
    assert parse_command("/trivet pause forever", None) == UnknownCommand("pause forever", "pause")


def test_our_name_may_be_unknown() -> None:
    assert parse_command("@None review", None) is None
    assert parse_command("/trivet review", None) == Command("review")


@settings(max_examples=300)
@given(
    st.lists(st.sampled_from([*"`~>\n\n\n -/\r\t", "@t ", "/trivet ", "review", "<!--", "-->", "full", "x"]))
)
def test_only_listed_names_and_arguments_ever_come_out(pieces: list[str]) -> None:
    said = parse_command("".join(pieces), "t")
    if isinstance(said, Command):
        usage = COMMANDS[said.name]
        assert usage.free or set(said.args) <= set(usage.options)


def test_what_commands_nothing_is_said_aside() -> None:
    body = "/trivet resolve by design\na\n@T resolve\n> b\n@t won't fix\n/trivet\n@t\nto @t resolve"
    assert list(aside(body, "t")) == ["a", "@t won't fix", "@t", "to @t resolve"]
    assert list(aside("@t resolve\n/TRIVET what?", None)) == ["@t resolve"]


def test_a_thousand_long_comments_that_do_not_name_us_take_no_time() -> None:
    body = ("word `code` <!-- x --> " * 3_000)[:50_000]
    start = time.process_time()
    assert all(parse_command(body, "trivet") is None for _ in range(1_000))
    assert time.process_time() - start < 2


@pytest.mark.parametrize(
    "piece", ["`", "` `` ", "<!-- ", "<!--\n", "```\n", "@t\n", "@t x" * 99, ">>>\n", "-->", "x\n\n"]
)
def test_a_hostile_comment_takes_no_time(piece: str) -> None:
    body = "to @t\n" + piece * (1_000_000 // len(piece))
    start = time.process_time()
    parse_command(body, "t")
    assert time.process_time() - start < 1


@pytest.mark.parametrize(
    "body",
    [
        "<pre>\n/trivet resolve\n</pre>",
        "<pre><code>\n\n@trivet resolve\n</code></pre>",
        "<div>\n/trivet resolve\n</div>",
        '<details title="\n/trivet resolve\n">',
        "<code>\n/trivet resolve\n</code>",
        "<PRE class=x>\n/trivet resolve",
    ],
)
def test_a_command_in_html_is_talk_about_a_command(body: str) -> None:
    assert parse_command(body, "trivet") is None


def test_a_command_after_html_is_one() -> None:
    for before in (
        "<pre>x</pre>",
        "<details>\nmore\n</details>\n",
        "<b>really</b> so",
        "<https://example.com>",
    ):
        assert parse_command(f"{before}\n\n/trivet resolve", "trivet") == Command("resolve")
