"""What an evaluation tells a person and a program."""

import json

import pytest
from markdown_it import MarkdownIt

from bot.domain.findings import Finding, Severity
from bot.evaluation.account import Account, Unmeasured
from bot.evaluation.cases import Case, chosen
from bot.evaluation.page import percent
from bot.evaluation.score import Cost, Reviewed
from bot.evaluation.writers import FORMATS, as_json, as_markdown, as_text

PLANTED, CLEAN = chosen(["dry-run-inverted", "reformatted-only"])
SENTENCE = "this proves the plumbing only and says nothing about a model"
COST = Cost(calls=2, tokens=4_000, cached_tokens=1_000, cost_usd=0.01, seconds=3.0)


def said(case: Case, title: str = "It deletes", line: int | None = None) -> Finding:
    path = case.defects[0].path if case.defects else next(iter(case.after))
    line = line or case.defects[0].line
    return Finding(rule="wrong", severity=Severity.MAJOR, path=path, line=line, title=title)


def account(
    *runs: tuple[Reviewed, ...], unmeasured: tuple[Unmeasured, ...] = (), scripted: bool = False
) -> Account:
    return Account(runs, unmeasured, scripted)


GOOD = (Reviewed(PLANTED, (said(PLANTED),), COST, "openai:one"), Reviewed(CLEAN, (), COST, "openai:one"))
BAD = (
    Reviewed(PLANTED, (), COST, "openai:one"),
    Reviewed(CLEAN, (said(CLEAN, "Odd", 3),), COST, "openai:one"),
)


def row(text: str, name: str) -> str:
    return next(line.removeprefix(name).strip() for line in text.split("\n") if line.startswith(name))


def test_one_run_is_told_with_its_counts() -> None:
    text = as_text(account(GOOD))
    assert text.startswith("openai:one: 2 changes, 1 run\n")
    assert row(text, "recall ") == "100 % (1 of 1)"
    assert row(text, "precision ") == "100 % (1 of 1)"
    assert row(text, "comments per change ") == "0.50"
    assert row(text, "clean changes without a comment ") == "100 % (1 of 1)"
    assert row(text, "cost per change ") == "0.010 USD"
    assert row(text, "In all: ") == "4 calls, 8,000 tokens (2,000 cached), 0.020 USD"


def test_several_runs_are_told_with_median_and_spread() -> None:
    text = as_text(account(GOOD, BAD))
    assert "2 changes, 2 runs" in text
    assert row(text, "recall ") == "50 % (median; 0 % to 100 %)"


def test_what_was_missed_and_what_was_wrong_is_listed() -> None:
    text = as_text(account(BAD))
    assert f"  dry-run-inverted: {PLANTED.defects[0].about} (tools/cleanup.py:" in text
    assert "  reformatted-only: Odd (src/basket.ts:3)" in text


def test_what_was_not_measured_is_named_with_its_reason() -> None:
    text = as_text(account(GOOD, unmeasured=(Unmeasured("price-cache-key", 1, "the key is refused"),)))
    assert "Not measured, and in no figure above:\n  price-cache-key, run 1: the key is refused\n" in text


def test_what_was_paid_for_nothing_is_in_the_sum() -> None:
    lost = Unmeasured("price-cache-key", 1, "cut off", COST)
    assert row(as_text(account(GOOD, unmeasured=(lost,))), "In all: ").startswith("6 calls, 12,000 tokens")


def test_a_price_that_is_not_known_is_not_told_as_0() -> None:
    free = Reviewed(PLANTED, (), Cost(calls=1, tokens=10, seconds=1.0), "ollama:x")
    text = as_text(account((free,)))
    assert row(text, "cost per change ") == "price not known"
    assert row(text, "precision ") == "-"
    assert "0.00 USD" not in text


@pytest.mark.parametrize("form", FORMATS)
def test_every_form_says_that_a_script_says_nothing_about_a_model(form: str) -> None:
    assert SENTENCE in FORMATS[form](account(GOOD, scripted=True))
    assert SENTENCE not in FORMATS[form](account(GOOD))


def test_the_json_form_holds_every_figure_and_every_review() -> None:
    data = json.loads(as_json(account(GOOD, BAD, unmeasured=(Unmeasured("price-cache-key", 2, "refused"),))))
    assert data["model"] == "openai:one"
    assert data["figures"]["recall"] == {"median": 0.5, "low": 0.0, "high": 1.0}
    assert [(one["case"], one["run"], len(one["missed"])) for one in data["reviews"]] == [
        ("dry-run-inverted", 1, 0),
        ("reformatted-only", 1, 0),
        ("dry-run-inverted", 2, 1),
        ("reformatted-only", 2, 0),
    ]
    assert data["unmeasured"][0]["case"] == "price-cache-key"
    assert {one["kind"]: one["found"] for one in data["kinds"]} == {"inverted-flag": 1}


def test_what_a_model_says_cannot_break_the_page() -> None:
    title = "x |\n| y <script>alert(1)</script> ![a](http://e.example/i.png)"
    wild = Reviewed(CLEAN, (said(CLEAN, title, 3),), COST, "openai:one")
    page = MarkdownIt("gfm-like", {"linkify": False}).render(as_markdown(account((wild,))))
    assert "<script>" not in page
    assert "<img" not in page
    assert page.count("<table>") == 2


def test_what_a_model_says_stays_on_its_line_of_the_text() -> None:
    wild = Reviewed(CLEAN, (said(CLEAN, "first\nsecond\x1b[2J", 3),), COST, "openai:one")
    text = as_text(account((wild,)))
    assert "\x1b" not in text
    assert "  reformatted-only: first second" in text


@pytest.mark.parametrize(("share", "shown"), [(1.0, "100 %"), (0.999, "99 %"), (0.29, "29 %"), (0.0, "0 %")])
def test_a_share_is_not_rounded_up(share: float, shown: str) -> None:
    assert percent(share) == shown
