"""What an evaluation of kept pages tells a person and a program."""

import json
import re

import pytest
from markdown_it import MarkdownIt

from bot.domain.markdown_reader import read_markdown
from bot.domain.pages import BlockEdit, Reason, SectionEdit
from bot.evaluation.account import Unmeasured
from bot.evaluation.drift_account import DriftAccount
from bot.evaluation.drift_cases import DriftCase, chosen_drifts
from bot.evaluation.drift_score import Drifted
from bot.evaluation.drift_writers import DRIFT_FORMATS, drift_json, drift_markdown, drift_text
from bot.evaluation.score import Cost

POOL, LOGIN = chosen_drifts(["login-attempts-not-payments", "pool-size-default"])[::-1]
COST = Cost(calls=2, tokens=4_000, cached_tokens=1_000, cost_usd=0.01, seconds=3.0)
SENTENCE = "this proves the plumbing only and says nothing about a model"
NOT_BORNE_OUT = "no proof: the quoted line is neither in the diff nor in the file at head"


def drifted(
    case: DriftCase, *said: tuple[int, str], why: str = "It is another now.", dropped: str = ""
) -> Drifted:
    """`said`: the new text of each rewritten block."""
    edits = tuple(BlockEdit(block=block, how="replace", body=read_markdown(text)) for block, text in said)
    reasons = tuple(Reason(why=why, path="a.go", line=1) for _ in said)
    edit = SectionEdit(page="1", section="s", base="a", result="b", edits=edits, reasons=reasons)
    return Drifted(case, edit if said else None, (dropped,) if dropped else (), COST, "openai:one")


def account(
    *runs: tuple[Drifted, ...], unmeasured: tuple[Unmeasured, ...] = (), scripted: bool = False
) -> DriftAccount:
    return DriftAccount(runs, unmeasured, scripted)


RIGHT = (0, POOL.right_text(POOL.story.wrong[0]))
GOOD = (drifted(POOL, RIGHT), drifted(LOGIN))
CARELESS = (0, RIGHT[1].replace("| 25 |", "| 30 |").replace("Seconds for one file", "Time-out"))
BAD = (drifted(POOL, CARELESS), drifted(LOGIN, (0, "After **10 failed attempts** it is given up.")))


def row(text: str, name: str) -> str:
    return next(line.removeprefix(name).strip() for line in text.split("\n") if line.startswith(name))


def part(text: str, title: str) -> str:
    return next(part for part in text.split("\n\n") if part.startswith(title))


def test_one_run_is_told_with_its_counts() -> None:
    text = drift_text(account(GOOD))
    assert text.startswith("openai:one: 2 changes, 1 run\n")
    assert row(text, "changes that came out right ") == "100 % (2 of 2)"
    assert row(text, "drift that is seen ") == "100 % (1 of 1)"
    assert row(text, "other changes without a word ") == "100 % (1 of 1)"
    assert row(text, "wrong blocks found ") == "100 % (1 of 1)"
    assert row(text, "said, of wrong blocks ") == "100 % (1 of 1)"
    assert row(text, "new texts with the right words ") == "100 % (1 of 1)"
    assert row(text, "cost per change ") == "0.010 USD"
    assert row(text, "In all: ") == "4 calls, 8,000 tokens (2,000 cached), 0.020 USD"


def test_several_runs_are_told_with_median_and_spread() -> None:
    text = drift_text(account(GOOD, BAD))
    assert "2 changes, 2 runs" in text
    assert row(text, "other changes without a word ") == "50 % (median; 0 % to 100 %)"


def test_each_change_is_told_with_what_came_out_and_what_it_took() -> None:
    table = part(drift_text(account(BAD)), "By change")
    rows = [re.split(r"\s{2,}", line.strip()) for line in table.split("\n")[1:]]
    assert rows == [
        ["change", "known", "came out", "blocks", "right texts", "false", "tokens", "cost"],
        ["pool-size-default", "drift", "found", "1 of 1", "0 of 1", "0", "4,000", "0.010 USD"],
        ["login-attempts-not-payments", "tempting", "false alarm", "-", "-", "1", "4,000", "0.010 USD"],
    ]


def test_what_came_out_of_several_runs_is_counted() -> None:
    table = part(drift_text(account(GOOD, BAD)), "By change")
    assert "2 found" in table
    assert "1 silent, 1 false alarm" in table


def test_each_kind_of_fault_is_listed_by_itself() -> None:
    text = drift_text(account(BAD))
    assert re.search(
        r"login-attempts-not-payments: “After \*\*5 failed attempts\*\* an order’s payment.*”: It is another now\.$",
        part(text, "Said, and not wrong:"),
    )
    faults = part(text, "Found, with a wrong new text:")
    assert "pool-size-default: “| `IMPORT_POOL_SIZE` |”: lacks IMPORT_POOL_SIZE | 25" in faults
    assert "| import_timeout | 30 | seconds for one file |" in part(text, "Found, and more was changed")
    missed = drift_text(account((drifted(POOL, dropped=NOT_BORNE_OUT),)))
    assert "pool-size-default: “| `IMPORT_POOL_SIZE` |”: The default number of connections is 25." in part(
        missed, "Wrong, and not said:"
    )
    assert NOT_BORNE_OUT in part(missed, "Said by the model, and kept back")


def test_where_nothing_went_wrong_no_fault_is_listed() -> None:
    text = drift_text(account(GOOD))
    for title in (
        "Said, and not wrong",
        "Wrong, and not said",
        "Found, with",
        "Found, and",
        "Said by the model",
    ):
        assert title not in text


def test_what_was_not_measured_is_named_with_its_reason_and_its_price() -> None:
    lost = Unmeasured("comment-put-right", 1, "the key is refused", COST)
    text = drift_text(account(GOOD, unmeasured=(lost,)))
    assert "Not measured, and in no figure above:\n  comment-put-right, run 1: the key is refused\n" in text
    assert row(text, "In all: ").startswith("6 calls, 12,000 tokens")


@pytest.mark.parametrize("form", DRIFT_FORMATS)
def test_every_form_says_that_a_script_says_nothing_about_a_model(form: str) -> None:
    assert SENTENCE in DRIFT_FORMATS[form](account(GOOD, scripted=True))
    assert SENTENCE not in DRIFT_FORMATS[form](account(GOOD))


def test_the_json_form_holds_every_figure_and_every_block() -> None:
    data = json.loads(drift_json(account(GOOD, BAD, unmeasured=(Unmeasured("x", 2, "refused"),))))
    assert data["figures"]["silence"] == {"median": 0.5, "low": 0.0, "high": 1.0}
    assert data["figures"]["precision"] == {"median": 0.75, "low": 0.5, "high": 1.0}
    assert [(one["case"], one["run"], one["verdict"], one["right"]) for one in data["drifts"]] == [
        (POOL.slug, 1, "found", True),
        (LOGIN.slug, 1, "silent", True),
        (POOL.slug, 2, "found", False),
        (LOGIN.slug, 2, "false alarm", False),
    ]
    (held,) = data["drifts"][2]["wrong"]
    assert (held["found"], held["right"]) == (True, False)
    assert held["missing"] == ["IMPORT_POOL_SIZE | 25"]
    assert data["drifts"][3]["false"][0]["block"] == 0
    assert data["traps"][0]["name"] == "same-number-elsewhere"
    assert data["drifts"][0]["cost"]["tokens"] == 4_000
    assert data["unmeasured"][0]["case"] == "x"


def test_what_a_model_says_cannot_break_the_page() -> None:
    wild = drifted(LOGIN, (0, "x"), why="x |\n| y <script>alert(1)</script> ![a](http://e.example/i.png)")
    page = MarkdownIt("gfm-like", {"linkify": False}).render(drift_markdown(account((wild,))))
    assert "<script>" not in page
    assert "<img" not in page
    assert page.count("<table>") == 6


def test_what_a_model_says_stays_on_its_line_of_the_text() -> None:
    wild = drifted(LOGIN, (0, "x"), why="first\nsecond\x1b[2J")
    text = drift_text(account((wild,)))
    assert "\x1b" not in text
    assert "first second" in text
