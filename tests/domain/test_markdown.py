"""Notes as a person reads them, and untrusted text that stays text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.findings import Suggestion
from bot.domain.markdown import (
    by_model,
    code,
    cost,
    failure_note,
    finding_comment,
    fixed_line,
    inert,
    one_line,
    prose,
    recovery_note,
    regressed_line,
    spent,
    used,
)
from bot.domain.sanitize import sanitize
from bot.policy import MAX_BODY
from tests.domain.notes_shown import BIG, KEY, MODEL, TEXTS, Shown


@settings(max_examples=500, deadline=None)
@given(TEXTS)
def test_inert_text_shows_literally(text: str) -> None:
    page = Shown(inert(text))
    assert page.text.split() == text.split()
    assert page.tags <= {"p"}


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_one_line_shows_literally_in_a_table(text: str) -> None:
    page = Shown(f"| a | b |\n|---|---|\n| {one_line(text)} | end |")
    assert page.text.split() == ["a", "b", *text.split(), "end"]
    assert page.tags == {"table", "thead", "tbody", "tr", "th", "td"}


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_code_shows_literally(text: str) -> None:
    page = Shown(f"x {code(text)} y")
    assert page.text.split() == ["x", *text.split(), "y"]


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_prose_has_code_spans_and_nothing_else(text: str) -> None:
    page = Shown(prose(text))
    assert page.tags <= {"p", "code"}
    assert letters(page.text) == letters(text)


def letters(text: str) -> str:
    return "".join(text.replace("`", "").split())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("`parse()` gives `None`", "`parse()` gives `None`"),
        ("a `*b*` *c*", "a `*b*` \\*c\\*"),
        ("``a``", "\\`\\`a\\`\\`"),
        ("`a\nb`", "\\`a\nb\\`"),
        ("one ` and two", "one \\` and two"),
        ("` `", "\\`\\`"),
        ("\\`a`", "\\\\\\`a\\`"),
    ],
)
def test_single_backticks_on_one_line_quote_code(text: str, shown: str) -> None:
    assert prose(text) == shown


def test_a_long_line_is_cut() -> None:
    assert one_line("word " * 100, 20) == "word word word word…"


def test_what_cannot_be_seen_is_spelled_out() -> None:
    assert inert("a\u202eb") == "a\\\\u{202e}b"
    assert code("a\udc80\u200b") == "`a\\x80\\u{200b}`"


def test_a_finding_reads_as_a_colleague_would_write_it() -> None:
    assert finding_comment(KEY) == (
        "**Blocker: Private key in the diff**\n"
        "\n"
        "Anyone who can read the repository can use it.\n"
        "\n"
        "Revoke it first.\n"
        "\n"
        "<sub>`secrets/private-key` · a PEM block of 27 lines</sub>"
    )


def test_a_finding_with_nothing_more_to_say_is_two_lines() -> None:
    assert finding_comment(BIG) == "**Minor: A file of 12 MB**\n\n<sub>`files/large`</sub>"


def test_what_a_model_found_says_so_in_small_beside_what_shows_it() -> None:
    assert finding_comment(MODEL) == (
        "**Critical: A customer's name becomes SQL in `find()`**\n"
        "\n"
        "The name is put into the statement, so that a quote in it ends the text.\n"
        "\n"
        "<sub>`sql-injection`, found by the model · `name` comes from the request, src/app/views.py:12</sub>"
    )
    assert "found by the model" not in finding_comment(KEY)


def test_what_needs_no_model_is_never_said_to_be_a_models() -> None:
    from bot.agents.review import appeals

    assert not by_model(BIG)
    assert not by_model(BIG.model_copy(update={"rule": appeals.RULE}))
    assert by_model(MODEL)


def test_a_comment_is_never_too_long_to_be_posted() -> None:
    huge = "<" * 100_000
    suggestion = Suggestion(start=41, end=41, replaces=("a",), lines=(huge,))
    texts = dict.fromkeys(("title", "detail", "evidence", "anchor", "rule"), huge)
    finding = MODEL.model_copy(update={**texts, "suggestion": suggestion})
    assert len(finding_comment(finding)) < MAX_BODY
    assert len(finding_comment(finding, on_file=True)) < MAX_BODY


def test_long_evidence_is_folded() -> None:
    body = finding_comment(BIG.model_copy(update={"evidence": "one\n```\ntwo"}))
    assert body.endswith(
        "<sub>`files/large`</sub>\n"
        "\n"
        "<details>\n<summary>Evidence</summary>\n"
        "\n"
        "````text\none\n```\ntwo\n````\n"
        "\n"
        "</details>"
    )


@pytest.mark.parametrize(
    ("lines", "place", "fence"),
    [
        (("x",), {"line": 5}, "```suggestion:-0+0\nx\n```"),
        ((), {"line": 5}, "```suggestion:-0+0\n```"),
        (("a", "b"), {"line": 4, "end_line": 6}, "```suggestion:-2+0\na\nb\n```"),
        (("\t````",), {"line": 5}, "`````suggestion:-0+0\n\t````\n`````"),
    ],
)
def test_a_suggestion_counts_from_the_last_line(
    lines: tuple[str, ...], place: dict[str, int], fence: str
) -> None:
    start, end = place["line"], place.get("end_line", place["line"])
    suggestion = Suggestion(start=start, end=end, replaces=("old",), lines=lines)
    body = finding_comment(KEY.model_copy(update={"suggestion": suggestion, **place}))
    assert f"\n\n{fence}\n\n" in body
    assert fence.splitlines()[0].split("`")[-1] in sanitize(body, redact=str)


def test_a_suggestion_around_the_line_counts_both_ways() -> None:
    suggestion = Suggestion(start=11, end=14, replaces=("a",) * 4, lines=("b",))
    assert "```suggestion:-1+2\n" in finding_comment(KEY.model_copy(update={"suggestion": suggestion}))


@pytest.mark.parametrize(("start", "end"), [(13, 14), (10, 11), (12, 113)])
def test_a_suggestion_that_gitlab_could_not_place_is_left_out(start: int, end: int) -> None:
    suggestion = Suggestion(start=start, end=end, replaces=("a",), lines=("b",))
    assert "suggestion" not in finding_comment(KEY.model_copy(update={"suggestion": suggestion}))


@pytest.mark.parametrize(
    ("model", "counts", "said"),
    [
        ("openai:m", (14, 81_204, 50_346, 0.21), "14 calls, 81,204 tokens (62 % cached), 0.21 USD"),
        ("openai:m", (1, 1_200, 0, 0.0), "1 call, 1,200 tokens, cost not known"),
        ("ollama:m", (2, 1_200, 0, 0.0), "2 calls, 1,200 tokens"),
        ("openai:m", (0, 0, 0, 0.0), "0 calls"),
    ],
)
def test_what_a_model_took_is_told_in_one_line(
    model: str, counts: tuple[int, int, int, float], said: str
) -> None:
    assert used(model, *counts) == said


@pytest.mark.parametrize(
    ("usd", "said"),
    [
        (1234.5, "1,234.50 USD"),
        (0.5, "0.50 USD"),
        (0.2149, "0.21 USD"),
        (0.00416, "0.0042 USD"),
        (0.00001, "less than 0.0001 USD"),
    ],
)
def test_small_sums_keep_the_digits_that_count(usd: float, said: str) -> None:
    assert cost(usd) == said


def test_a_failure_is_one_sentence_and_so_is_its_end() -> None:
    assert failure_note("GitLab answered 503 for <group>.") == (
        "**Trivet could not finish here.** GitLab answered 503 for &lt;group&gt;."
    )
    assert (
        recovery_note("9ba12248e0c1")
        == "An earlier run failed here; commit `9ba12248` has been reviewed since."
    )


@given(st.text("0123456789abcdef", min_size=7, max_size=64))
def test_a_reply_about_a_commit_is_one_line_that_refers_to_nothing(commit: str) -> None:
    for body, said in ((fixed_line(commit), "Fixed in"), (regressed_line(commit), "Back again in")):
        assert sanitize(body, redact=str) == body == f"{said} `{commit[:8]}`."
        page = Shown(body)
        assert page.tags == {"p", "code"}


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_no_commits_name_changes_the_page(commit: str) -> None:
    for body in (fixed_line(f"c{commit}"), regressed_line(f"c{commit}")):
        assert Shown(sanitize(body, redact=str)).tags <= {"p", "code"}
        assert "\n" not in body


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.44, "0.4 s"), (12.3, "12 s"), (185.0, "3 min 5 s"), (59.9, "1 min 0 s")]
)
def test_time_is_told_as_people_tell_it(seconds: float, said: str) -> None:
    assert spent(seconds) == said


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ({"line": 12, "anchor": " key = `x` "}, "Line 12: `` key = `x` ``"),
        ({"line": 12, "end_line": 14}, "Lines 12 to 14"),
        ({"line": None, "old_line": 7, "anchor": "gone"}, "Line 7 before this change: `gone`"),
    ],
)
def test_a_comment_on_a_file_names_and_quotes_the_line_it_means(where: dict[str, object], said: str) -> None:
    suggestion = Suggestion(start=12, end=12, replaces=("a",), lines=("b",))
    finding = KEY.model_copy(update={"suggestion": suggestion} | where)
    body = finding_comment(finding, on_file=True)
    assert body.split("\n\n")[1] == said
    assert "suggestion" not in body
    assert said not in finding_comment(finding)


def test_a_comment_that_means_the_file_names_no_line() -> None:
    assert finding_comment(BIG, on_file=True) == finding_comment(BIG)
