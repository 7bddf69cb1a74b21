"""`trivet eval` from outside: what is measured, what is said, and with which exit code it ends."""

import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

from bot.agents.review.schema import ReportedFinding, Verdict, VerifyAnswer
from bot.domain.findings import Finding, Severity
from bot.entry.cli import trivet
from bot.entry.cli.edge import outcome
from bot.entry.evaluate import evaluate, measured, planted_answers, review_case
from bot.entry.side_by_side import side_by_side
from bot.errors import NoModel, PlatformError, Unavailable, UsageError
from bot.evaluation.account import Account
from bot.evaluation.cases import Case, cases, chosen
from bot.llm.messages import Model
from bot.settings import Settings
from bot.testing import ScriptedModel, answers, confirms_everything, finding
from tests.model_server import ModelServer, failed
from tests.rig import clean_environment

ROOT = Path(__file__).parents[2]
FEW = ("dry-run-inverted", "price-cache-key", "reformatted-only")
SENTENCE = "this proves the plumbing only and says nothing about a model"


@pytest.fixture(autouse=True)
def nothing_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither settings nor keys of who runs the tests."""
    kept = clean_environment()
    monkeypatch.setattr("os.environ", {name: kept[name] for name in kept if not name.endswith("_API_KEY")})


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


def run(*words: str) -> int:
    """The exit code, as the process edge gives it."""
    return outcome(lambda: trivet.main(["eval", *words], prog_name="trivet", standalone_mode=False))


def exit_code(*words: str) -> int:
    """The same where the command ends the process by itself."""
    try:
        return run(*words)
    except SystemExit as end:
        return int(end.code or 0)


# --- the plumbing ---


@pytest.fixture(scope="module")
def plumbing(tmp_path_factory: pytest.TempPathFactory) -> Account:
    """The scripted model on the whole set."""
    folder = tmp_path_factory.mktemp("data")
    return evaluate(Settings(data_dir=folder), scripted=True, parallel=2)


def test_the_scripted_model_finds_every_planted_defect(plumbing: Account) -> None:
    (score,) = plumbing.scores
    assert plumbing.unmeasured == ()
    assert score.changes == len(cases())
    assert (score.recall, score.precision) == (1.0, 1.0)
    assert score.cost.calls > score.planted


def test_the_scripted_model_keeps_quiet_on_clean_changes(plumbing: Account) -> None:
    clean = [one for one in plumbing.reviews if one.case.is_clean]
    assert len(clean) >= 16
    assert [one.by_model for one in clean] == [[] for _ in clean]


def test_the_command_says_that_the_script_proves_the_plumbing_only(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert exit_code("review", "--model", "scripted", "--case", FEW[0], "--case", FEW[2]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("scripted:model: 2 changes, 1 run\n")
    assert SENTENCE in printed.out
    assert re.search(r"^recall +100 % \(1 of 1\)$", printed.out, re.MULTILINE)
    assert "2 of 2 reviews made" in printed.err
    assert "reviews made" not in printed.out


def test_the_command_writes_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("--model", "scripted", "--case", FEW[0], "--runs", "2", "--format", "json") == 0
    data = json.loads(capsys.readouterr().out)
    assert data["runs"] == 2
    assert [(one["case"], one["run"]) for one in data["reviews"]] == [(FEW[0], 1), (FEW[0], 2)]
    assert data["figures"]["recall"] == {"median": 1.0, "low": 1.0, "high": 1.0}


# --- models that are no good ---


def test_a_model_that_finds_nothing_has_recall_0(settings: Settings) -> None:
    account = measured(settings, lambda case: ScriptedModel(confirms_everything()), slugs=FEW)
    (score,) = account.scores
    assert score.recall == 0.0
    assert score.precision is None
    assert score.silence == 1.0


def test_a_model_that_reports_rubbish_has_precision_0(settings: Settings) -> None:
    account = measured(settings, lambda case: ScriptedModel(confirms_everything(_rubbish(case))), slugs=FEW)
    (score,) = account.scores
    assert score.comments == len(FEW)
    assert (score.precision, score.recall, score.silence) == (0.0, 0.0, 0.0)


def _rubbish(case: Case) -> ReportedFinding:
    """About a line of the case that no defect is near."""
    path = case.defects[0].path if case.defects else "src/basket.ts"
    return finding(path, 1, case.line(path, 1), title="A module should not have this name")


def test_a_finding_that_does_not_stand_up_to_the_second_look_is_not_counted(settings: Settings) -> None:
    (case,) = chosen(["dry-run-inverted"])
    defect = case.defects[0]
    reported = finding(defect.path, defect.line, case.line(defect.path, defect.line), severity="blocker")
    assert [one.severity for one in _reviewed(settings, case, reported, "confirmed")] == [Severity.BLOCKER]
    assert _reviewed(settings, case, reported, "refuted") == []


def _reviewed(settings: Settings, case: Case, reported: ReportedFinding, verdict: str) -> list[Finding]:
    judged = Verdict.model_validate({"claim": 1, "verdict": verdict, "reason": "The call says so."})
    model = ScriptedModel([answers(reported), VerifyAnswer(verdicts=[judged])])
    return list(review_case(settings, case, model).findings)


def test_the_model_is_told_what_the_author_wrote(settings: Settings) -> None:
    (case,) = chosen(["dry-run-inverted"])
    model = ScriptedModel(confirms_everything())
    review_case(settings, case, model)
    assert case.story.title in model.seen
    assert "says what would be deleted" in model.seen
    assert "planted" not in model.seen
    assert case.defects[0].about not in model.seen


# --- what cannot be measured ---


@pytest.mark.parametrize("error", [NoModel("the key is refused"), Unavailable("no answer")])
def test_a_case_whose_model_failed_is_named_and_in_no_figure(settings: Settings, error: Exception) -> None:
    def model_for(case: Case) -> Model:
        return ScriptedModel(lambda _: error) if case.slug == FEW[0] else planted_answers(case)

    account = measured(settings, model_for, slugs=FEW)
    assert [one.slug for one in account.unmeasured] == [FEW[0]]
    assert str(error) in account.unmeasured[0].reason
    (score,) = account.scores
    assert (score.changes, score.planted, score.recall) == (2, 1, 1.0)


def test_where_every_case_failed_there_is_no_result(settings: Settings) -> None:
    with pytest.raises(PlatformError, match=r"no change could be measured: .*the key is refused"):
        measured(settings, lambda case: ScriptedModel(lambda _: NoModel("the key is refused")), slugs=FEW[:1])


def command(server: ModelServer, *words: str) -> subprocess.CompletedProcess[str]:
    """The real command, with a provider that the server stands in for."""
    return subprocess.run(
        [sys.executable, "-m", "bot", "eval", *words],
        env={**os.environ, **server.environ("openai"), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_provider_that_has_no_such_model_ends_with_3_and_nothing_on_standard_output() -> None:
    with ModelServer() as server:
        server.reply = lambda body: failed(404, "no such model", code="model_not_found")
        done = command(server, "--model", "openai:none", "--case", FEW[0])
    assert done.returncode == 3
    assert "no change could be measured" in done.stderr
    assert done.stdout == ""


def test_a_provider_that_finds_nothing_is_measured_with_recall_0() -> None:
    with ModelServer() as server:
        done = command(
            server, "--model", "openai:quiet", "--case", FEW[0], "--case", FEW[2], "--format", "json"
        )
    data = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert data["model"] == "openai:quiet"
    assert data["note"] == ""
    assert data["figures"]["recall"]["median"] == 0.0
    assert data["figures"]["silence"]["median"] == 1.0
    assert data["figures"]["cost_usd"] is None
    assert data["paid"]["calls"] == 2
    assert data["paid"]["tokens"] > 1_000


def test_some_unmeasured_cases_end_with_3(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    def model_for(case: Case) -> Model:
        return ScriptedModel(lambda _: NoModel("refused")) if case.slug == FEW[0] else planted_answers(case)

    monkeypatch.setattr("bot.entry.evaluate.planted_answers", model_for)
    assert exit_code("--model", "scripted", "--case", FEW[0], "--case", FEW[1]) == 3
    assert f"  {FEW[0]}, run 1: " in capsys.readouterr().out


# --- usage ---


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--case", "nonsense", "--model", "scripted"], "there is no case nonsense"),
        ([], "no model is configured: set TRIVET_MODELS"),
        (["--model", "nonsense"], "each must be like openai:NAME"),
        (["drifts"], "'drifts' is not"),
        (["--runs", "0"], "0 is not in the range"),
        (["--parallel", "0"], "0 is not in the range"),
        (["--format", "sarif"], "'sarif' is not one of"),
    ],
)
def test_a_wrong_call_is_a_sentence_and_exit_2(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(*words) == 2
    assert sentence in capsys.readouterr().err


def test_nothing_is_reviewed_without_a_model(settings: Settings) -> None:
    with pytest.raises(UsageError, match="--model PROVIDER:NAME"):
        evaluate(settings, scripted=False, slugs=FEW[:1])


# --- several at a time ---


def test_at_most_so_many_run_at_a_time() -> None:
    together, lock, running, most = threading.Barrier(3, timeout=20), threading.Lock(), 0, 0

    def task(number: int) -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        together.wait()
        with lock:
            running -= 1
        together.wait()
        return number

    assert sorted(side_by_side(task, range(6), 3)) == [0, 1, 2, 3, 4, 5]
    assert most == 3


def test_the_error_of_a_task_is_raised() -> None:
    def task(number: int) -> int:
        if number == 2:
            raise UsageError("two")
        return number

    with pytest.raises(UsageError, match="two"):
        list(side_by_side(task, range(4), 2))


# --- the wheel ---


@pytest.mark.parametrize("name", ["review", "ledger"])
def test_the_wheel_holds_the_set(name: str) -> None:
    packed = {
        file.distribution_path
        for file in WheelBuilder(str(ROOT)).recurse_included_files()
        if file.distribution_path.startswith(f"bot/evaluation/{name}/")
    }
    folder = ROOT / "bot" / "evaluation" / name
    there = {path.relative_to(ROOT).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert packed == there
