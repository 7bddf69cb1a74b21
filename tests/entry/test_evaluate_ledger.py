"""`trivet eval ledger` from outside: the real review graph judges the criteria of the set, and what is said of that."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.agents.review.schema import LedgerAnswer
from bot.entry.cli import trivet
from bot.entry.cli.edge import outcome
from bot.entry.evaluate_ledger import evaluate_ledger, judge_case, measured_ledger, true_answers
from bot.errors import NoModel, PlatformError, Unavailable
from bot.evaluation.account import LedgerAccount
from bot.evaluation.ledger_cases import LedgerCase, chosen_ledgers, ledger_cases
from bot.llm.messages import Model, Prompt
from bot.settings import Settings
from bot.testing import Said, ScriptedModel, confirms_everything, judges
from tests.model_server import ModelServer
from tests.rig import clean_environment

ROOT = Path(__file__).parents[2]
FEW = ("alarm-at-exactly-85", "orders-in-the-issue", "timeout-and-a-typo")
SENTENCE = "this proves the plumbing only and says nothing about a model"

Answering = Callable[[LedgerCase, Prompt], LedgerAnswer]


@pytest.fixture(autouse=True)
def nothing_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither settings nor keys of who runs the tests."""
    kept = clean_environment()
    monkeypatch.setattr("os.environ", {name: kept[name] for name in kept if not name.endswith("_API_KEY")})


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


def exit_code(*words: str) -> int:
    """As the process edge gives it, or as the command ends the process by itself."""
    try:
        return outcome(lambda: trivet.main(["eval", *words], prog_name="trivet", standalone_mode=False))
    except SystemExit as end:
        return int(end.code or 0)


def model_for(answering: Answering) -> Callable[[LedgerCase], Model]:
    """Models that find nothing, and judge the criteria so."""

    def model(case: LedgerCase) -> Model:
        def script(prompt: Prompt) -> Said:
            if issubclass(prompt.answer, LedgerAnswer):
                return answering(case, prompt)
            return confirms_everything()(prompt)

        return ScriptedModel(script)

    return model


# --- the plumbing ---


@pytest.fixture(scope="module")
def plumbing(tmp_path_factory: pytest.TempPathFactory) -> LedgerAccount:
    """The scripted model on the whole set."""
    folder = tmp_path_factory.mktemp("data")
    return evaluate_ledger(Settings(data_dir=folder), scripted=True, parallel=2)


def test_what_is_known_of_the_criteria_comes_through_the_real_review(plumbing: LedgerAccount) -> None:
    (score,) = plumbing.scores
    assert plumbing.unmeasured == ()
    assert score.changes == len(ledger_cases())
    assert score.criteria == sum(len(case.criteria) for case in ledger_cases())
    assert (score.right_share, score.false_met, score.in_place_share) == (1.0, 0, 1.0)
    assert (score.named_share, score.falsely_named) == (1.0, 0)


def test_each_criterion_is_said_in_the_words_of_its_issue(plumbing: LedgerAccount) -> None:
    for one in plumbing.results:
        assert [row.text for row in one.ledger.rows] == [criterion.text for criterion in one.case.criteria]
        assert {row.issue for row in one.ledger.rows} == {one.case.issue.key}


def test_the_command_says_that_the_script_proves_the_plumbing_only(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert exit_code("ledger", "--model", "scripted", "--case", FEW[0], "--case", FEW[2]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("scripted:model: 2 changes, 1 run\n")
    assert SENTENCE in printed.out
    assert re.search(r"^criteria with the right state +100 % \(6 of 6\)$", printed.out, re.MULTILINE)
    assert "2 of 2 reviews made" in printed.err


def test_the_command_writes_json_and_markdown(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("ledger", "--model", "scripted", "--case", FEW[0], "--runs", "2", "--format")
    assert exit_code(*words, "json") == 0
    data = json.loads(capsys.readouterr().out)
    assert [(one["case"], one["run"]) for one in data["ledgers"]] == [(FEW[0], 1), (FEW[0], 2)]
    assert exit_code(*words, "markdown") == 0
    assert "| criteria with the right state | 100 % (median; 100 % to 100 %) |" in capsys.readouterr().out


# --- models that are no good ---


def _all_met(case: LedgerCase, _prompt: Prompt) -> LedgerAnswer:
    return judges(*({"number": number, "state": "met"} for number in range(1, len(case.criteria) + 1)))


def _all_met_by_a_line_that_is_not_there(case: LedgerCase, _prompt: Prompt) -> LedgerAnswer:
    path = next(iter(case.after))
    invented = [(path, 1, "return everything_is_done(for_ever)")]
    return judges(
        *(
            {"number": number, "state": "met", "evidence": invented}
            for number in range(1, len(case.criteria) + 1)
        )
    )


def _all_met_by_some_line(case: LedgerCase, _prompt: Prompt) -> LedgerAnswer:
    path, line = next((one.path, one.line) for truth in case.story.criteria for one in truth.proof)
    proof = [(path, line, case.line(path, line))]
    return judges(
        *(
            {"number": number, "state": "met", "evidence": proof}
            for number in range(1, len(case.criteria) + 1)
        )
    )


@pytest.mark.parametrize("answering", [_all_met, _all_met_by_a_line_that_is_not_there])
def test_met_without_a_line_that_is_there_comes_out_unclear_everywhere(
    settings: Settings, answering: Answering
) -> None:
    account = measured_ledger(settings, model_for(answering), parallel=2)
    (score,) = account.scores
    assert {row.state for one in account.results for row in one.ledger.rows} == {"unclear"}
    assert (score.false_met, score.met_seen) == (0, 0)
    assert score.right == sum(
        truth.state == "unclear" for case in ledger_cases() for truth in case.story.criteria
    )


def test_a_model_that_calls_everything_met_by_a_real_line_is_found_out(settings: Settings) -> None:
    account = measured_ledger(settings, model_for(_all_met_by_some_line), slugs=FEW)
    (score,) = account.scores
    assert score.false_met == score.not_met > 0
    assert score.false_met_share == 1.0
    assert score.met_seen_share == 1.0


def test_a_model_that_says_nothing_of_any_criterion_is_measured_so(settings: Settings) -> None:
    account = measured_ledger(settings, model_for(lambda case, prompt: judges()), slugs=FEW)
    (score,) = account.scores
    assert {row.state for one in account.results for row in one.ledger.rows} == {"unclear"}
    assert score.right == 1
    assert score.named_share == 0.0


def test_what_is_called_outside_and_is_not_is_counted(settings: Settings) -> None:
    def says_so(case: LedgerCase, prompt: Prompt) -> LedgerAnswer:
        changed = next(path for path in case.after if case.before.get(path) != case.after[path])
        return judges(outside=[("the whole thing", changed)])

    account = measured_ledger(settings, model_for(says_so), slugs=FEW[:1])
    assert account.results[0].falsely_named == ["the whole thing (src/main.cpp)"]


# --- what the model is told ---


def test_the_model_reads_the_issue_and_its_criteria_and_not_what_is_known(settings: Settings) -> None:
    (case,) = chosen_ledgers(["retry-after-in-milliseconds"])
    model = true_answers(case)
    assert isinstance(model, ScriptedModel)
    judge_case(settings, case, model)
    assert case.issue.title in model.seen
    assert all(criterion.text in model.seen for criterion in case.criteria)
    assert all(truth.why not in model.seen for truth in case.story.criteria)
    assert "wrong-unit" not in model.seen


def test_the_ledger_stands_in_the_review_that_would_be_published(settings: Settings) -> None:
    (case,) = chosen_ledgers(FEW[:1])
    report = judge_case(settings, case, true_answers(case))
    assert report.ledger is not None
    assert [row.state for row in report.ledger.rows] == ["missing", "met", "met"]
    assert report.findings == ()


# --- what cannot be measured ---


@pytest.mark.parametrize("error", [NoModel("the key is refused"), Unavailable("no answer")])
def test_a_case_whose_model_failed_is_named_and_in_no_figure(settings: Settings, error: Exception) -> None:
    def some(case: LedgerCase) -> Model:
        return ScriptedModel(lambda _: error) if case.slug == FEW[0] else true_answers(case)

    account = measured_ledger(settings, some, slugs=FEW)
    assert [one.slug for one in account.unmeasured] == [FEW[0]]
    assert str(error) in account.unmeasured[0].reason
    (score,) = account.scores
    assert (score.changes, score.right_share) == (2, 1.0)


def test_a_ledger_that_failed_beside_a_review_that_did_not_is_not_measured(settings: Settings) -> None:
    def script(prompt: Prompt) -> Said:
        asked = issubclass(prompt.answer, LedgerAnswer)
        return NoModel("no such model") if asked else confirms_everything()(prompt)

    def some(case: LedgerCase) -> Model:
        return ScriptedModel(script) if case.slug == FEW[1] else true_answers(case)

    account = measured_ledger(settings, some, slugs=FEW)
    assert [one.slug for one in account.unmeasured] == [FEW[1]]


def test_without_a_model_there_is_no_ledger_to_measure(settings: Settings) -> None:
    with pytest.raises(PlatformError, match=r"no change could be measured: .*without a ledger"):
        measured_ledger(settings, lambda case: None, slugs=FEW[:1])


def test_some_unmeasured_cases_end_with_3(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def some(case: LedgerCase) -> Model:
        return ScriptedModel(lambda _: NoModel("refused")) if case.slug == FEW[0] else true_answers(case)

    monkeypatch.setattr("bot.entry.evaluate_ledger.true_answers", some)
    assert exit_code("ledger", "--model", "scripted", "--case", FEW[0], "--case", FEW[1]) == 3
    assert f"  {FEW[0]}, run 1: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--case", "dry-run-inverted", "--model", "scripted"], "there is no case dry-run-inverted"),
        ([], "no model is configured: set TRIVET_MODELS"),
    ],
)
def test_a_wrong_call_is_a_sentence_and_exit_2(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code("ledger", *words) == 2
    assert sentence in capsys.readouterr().err


def test_a_provider_that_judges_nothing_is_measured() -> None:
    with ModelServer() as server:
        done = subprocess.run(
            [sys.executable, "-m", "bot", "eval", "ledger", "--model", "openai:quiet", "--case", FEW[0],
             "--format", "json"],
            env={**os.environ, **server.environ("openai"), "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)
    assert data["model"] == "openai:quiet"
    assert data["figures"]["right"]["median"] == 0.0
    assert data["paid"]["calls"] == 2
