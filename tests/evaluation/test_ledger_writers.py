"""What an evaluation of judged criteria tells a person and a program."""

import json
import re

import pytest
from markdown_it import MarkdownIt

from bot.domain.ledger import Ledger, Proof, Row, State
from bot.evaluation.account import LedgerAccount, Unmeasured
from bot.evaluation.ledger_cases import LedgerCase, chosen_ledgers
from bot.evaluation.ledger_score import Judged
from bot.evaluation.ledger_writers import LEDGER_FORMATS, ledger_json, ledger_markdown, ledger_text
from bot.evaluation.score import Cost

ALARM, EXTRA = chosen_ledgers(["alarm-at-exactly-85", "timeout-and-a-typo"])
COST = Cost(calls=2, tokens=4_000, cached_tokens=1_000, cost_usd=0.01, seconds=3.0)
SENTENCE = "this proves the plumbing only and says nothing about a model"
CODE, CLIENT = "src/motor.cpp", "src/main/kotlin/stock/SupplierClient.kt"


def judged(
    case: LedgerCase, *said: State, path: str = CODE, outside: tuple[str, ...] = (), reason: str = ""
) -> Judged:
    rows = tuple(
        Row(issue=case.issue.key, criterion=one.id, text=one.text, state=state, reason=reason,
            proof=(Proof(path=path, line=1, quote="alarm"),) if state == "met" else ())
        for one, state in zip(case.criteria, said, strict=True)
    )  # fmt: skip
    return Judged(case, Ledger(rows=rows, outside=outside), COST, "openai:one")


def account(
    *runs: tuple[Judged, ...], unmeasured: tuple[Unmeasured, ...] = (), scripted: bool = False
) -> LedgerAccount:
    return LedgerAccount(runs, unmeasured, scripted)


GOOD = (judged(ALARM, "missing", "met", "met"),)
BAD = (judged(ALARM, "met", "met", "unclear", path="src/board.hpp"),)


def row(text: str, name: str) -> str:
    return next(line.removeprefix(name).strip() for line in text.split("\n") if line.startswith(name))


def part(text: str, title: str) -> str:
    return next(part for part in text.split("\n\n") if part.startswith(title))


def test_one_run_is_told_with_its_counts() -> None:
    text = ledger_text(account(GOOD))
    assert text.startswith("openai:one: 1 change, 1 run\n")
    assert row(text, "criteria with the right state ") == "100 % (3 of 3)"
    assert row(text, "called met, of those not met ") == "0 % (0 of 1)"
    assert row(text, "called met, of those met ") == "100 % (2 of 2)"
    assert row(text, "proofs in the file that decides ") == "100 % (2 of 2)"
    assert row(text, "cost per change ") == "0.010 USD"
    assert row(text, "In all: ") == "2 calls, 4,000 tokens (1,000 cached), 0.010 USD"


def test_several_runs_are_told_with_median_and_spread() -> None:
    text = ledger_text(account(GOOD, BAD))
    assert "1 change, 2 runs" in text
    assert row(text, "called met, of those not met ") == "50 % (median; 0 % to 100 %)"


def test_a_false_met_is_listed_apart_from_what_else_is_wrong() -> None:
    text = ledger_text(account(BAD))
    false_met, others = part(text, "Called met, and not met:"), part(text, "Other states that are wrong:")
    assert "alarm-at-exactly-85: Given the alarm is off, when 85 °C are measured" in false_met
    assert "known as missing, said to be met: Exactly 85 is not greater than 85" in false_met
    assert "when less than 80 °C" in others
    assert "when less than 80 °C" not in false_met


def test_a_right_state_with_a_proof_elsewhere_is_listed() -> None:
    text = ledger_text(account(BAD))
    assert "when 80 °C are measured, then the alarm stays on (src/board.hpp)" in part(
        text, "Right, with a proof"
    )
    assert "Right, with a proof" not in ledger_text(account(GOOD))


def test_known_and_said_states_stand_in_one_table() -> None:
    table = part(ledger_text(account(BAD)), "Known state")
    head, *rows = [re.split(r"\s{2,}", line.strip()) for line in table.split("\n")[1:]]
    assert head == ["known", "met", "partly", "missing", "unclear"]
    assert ["met", "1", "0", "0", "1"] in rows
    assert ["missing", "1", "0", "0", "0"] in rows


def test_what_lies_outside_and_is_not_named_is_listed_and_what_is_falsely_named() -> None:
    quiet = ledger_text(account((judged(EXTRA, "met", "met", "met"),)))
    assert CLIENT in part(quiet, "Outside the issue, and not named:")
    wild = judged(
        EXTRA, "met", "met", "met", outside=(f"a timeout ({CLIENT})", "a list (src/WaitingList.kt)")
    )
    text = ledger_text(account((wild,)))
    assert "Outside the issue, and not named" not in text
    assert "a list (src/WaitingList.kt)" in part(text, "Called outside the issue, and not so:")
    assert row(text, "parts outside the issue that are named ") == "100 % (1 of 1)"


def test_what_was_not_measured_is_named_with_its_reason_and_its_price() -> None:
    lost = Unmeasured("basket-limit-late-by-one", 1, "the key is refused", COST)
    text = ledger_text(account(GOOD, unmeasured=(lost,)))
    assert (
        "Not measured, and in no figure above:\n  basket-limit-late-by-one, run 1: the key is refused\n"
        in text
    )
    assert row(text, "In all: ").startswith("4 calls, 8,000 tokens")


@pytest.mark.parametrize("form", LEDGER_FORMATS)
def test_every_form_says_that_a_script_says_nothing_about_a_model(form: str) -> None:
    assert SENTENCE in LEDGER_FORMATS[form](account(GOOD, scripted=True))
    assert SENTENCE not in LEDGER_FORMATS[form](account(GOOD))


def test_the_json_form_holds_every_figure_and_every_criterion() -> None:
    data = json.loads(ledger_json(account(GOOD, BAD, unmeasured=(Unmeasured("x", 2, "refused"),))))
    assert data["figures"]["false_met"] == {"median": 0.5, "low": 0.0, "high": 1.0}
    assert data["confusion"]["missing"] == {"met": 1, "partly": 0, "missing": 1, "unclear": 0}
    assert [(one["case"], one["run"]) for one in data["ledgers"]] == [(ALARM.slug, 1), (ALARM.slug, 2)]
    said = [(one["said"], one["right"], one["false_met"]) for one in data["ledgers"][1]["criteria"]]
    assert said == [("met", False, True), ("met", True, False), ("unclear", False, False)]
    assert data["unmeasured"][0]["case"] == "x"


def test_what_a_model_says_cannot_break_the_page() -> None:
    phrase = "x |\n| y <script>alert(1)</script> ![a](http://e.example/i.png) (src/a.kt)"
    wild = judged(EXTRA, "met", "met", "met", path="<img src=x>|", outside=(phrase,))
    page = MarkdownIt("gfm-like", {"linkify": False}).render(ledger_markdown(account((wild,))))
    assert "<script>" not in page
    assert "<img" not in page
    assert page.count("<table>") == 3


def test_what_a_model_says_stays_on_its_line_of_the_text() -> None:
    wild = judged(EXTRA, "met", "met", "met", outside=("first\nsecond\x1b[2J (src/a.kt)",))
    text = ledger_text(account((wild,)))
    assert "\x1b" not in text
    assert "timeout-and-a-typo: first second" in text
