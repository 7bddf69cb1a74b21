"""`trivet eval drift` from outside: the real pages agent holds the set's changes against their pages, and the score."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.agents.pages.schema import SectionAnswer, Statement
from bot.domain.actions import UpsertNote
from bot.domain.sections import edited, splice
from bot.entry.cli import trivet
from bot.entry.cli.edge import outcome
from bot.entry.evaluate_drift import (
    evaluate_drift,
    measured_drift,
    propose_case,
    statement,
    true_statements,
)
from bot.errors import NoModel, PlatformError, Unavailable
from bot.evaluation.drift_account import DriftAccount
from bot.evaluation.drift_cases import DriftCase, chosen_drifts, drift_cases
from bot.llm.messages import Model
from bot.settings import Settings
from bot.testing import ScriptedModel
from tests.model_server import ModelServer
from tests.rig import clean_environment

ROOT = Path(__file__).parents[2]
FEW = ("comment-put-right", "pool-size-default", "upload-limit-raised")
QUIET, POOL, UPLOADS = FEW
SENTENCE = "this proves the plumbing only and says nothing about a model"

Saying = Callable[[DriftCase], list[Statement]]


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


def says(saying: Saying) -> Callable[[DriftCase], Model]:
    return lambda case: ScriptedModel([SectionAnswer(wrong=saying(case))])


def known(case: DriftCase, **fields: Any) -> list[Statement]:
    """What is known to be wrong, with other words in place of some."""
    return [statement(case, wrong).model_copy(update=fields) for wrong in case.story.wrong]


# --- the plumbing ---


@pytest.fixture(scope="module")
def plumbing(tmp_path_factory: pytest.TempPathFactory) -> DriftAccount:
    """The scripted model on the whole set."""
    folder = tmp_path_factory.mktemp("data")
    return evaluate_drift(Settings(data_dir=folder), scripted=True, parallel=2)


def test_what_is_known_of_the_pages_comes_through_the_real_agent(plumbing: DriftAccount) -> None:
    (score,) = plumbing.scores
    assert plumbing.unmeasured == ()
    assert score.changes == score.right_changes == len(drift_cases())
    assert (score.seen_share, score.silence, score.recall, score.precision) == (1.0, 1.0, 1.0, 1.0)
    assert (score.right_share, score.kept_share) == (1.0, 1.0)
    assert [one.dropped for one in plumbing.results if one.dropped] == []


def test_what_cannot_be_rewritten_is_told_and_not_edited(plumbing: DriftAccount) -> None:
    for one in plumbing.results:
        by_hand = [wrong for wrong in one.case.story.wrong if one.case.is_by_hand(wrong)]
        assert sum(remark.block is None for remark in one.said) == len(by_hand)


def test_all_that_is_true_keeps_every_byte(plumbing: DriftAccount) -> None:
    for one in plumbing.results:
        if one.edit is None or not one.edit.edits:
            continue
        section, touched = one.case.section, {edit.block for edit in one.edit.edits}
        old = one.case.page.storage.encode()
        page = splice(one.case.page.storage, section, edited(section, one.edit.edits)).encode()
        assert page.startswith(old[: section.start])
        assert page.endswith(old[section.end :])
        true = [block for number, block in enumerate(section.blocks) if number not in touched]
        assert all(block.storage.encode() in page for block in true)


def test_the_command_says_that_the_script_proves_the_plumbing_only(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert exit_code("drift", "--model", "scripted", "--case", QUIET, "--case", UPLOADS) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("scripted:model: 2 changes, 1 run\n")
    assert SENTENCE in printed.out
    assert re.search(r"^wrong blocks found +100 % \(3 of 3\)$", printed.out, re.MULTILINE)
    assert re.search(rf"^{UPLOADS} +drift +found +3 of 3 +3 of 3 +0 ", printed.out, re.MULTILINE)
    assert "2 of 2 reviews made" in printed.err


def test_the_command_writes_json_and_markdown(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("drift", "--model", "scripted", "--case", POOL, "--runs", "2", "--format")
    assert exit_code(*words, "json") == 0
    data = json.loads(capsys.readouterr().out)
    assert [(one["case"], one["run"], one["verdict"]) for one in data["drifts"]] == [
        (POOL, 1, "found"),
        (POOL, 2, "found"),
    ]
    assert exit_code(*words, "markdown") == 0
    assert "| wrong blocks found | 100 % (median; 100 % to 100 %) |" in capsys.readouterr().out


# --- models that are no good ---


def test_a_model_that_writes_another_value_is_found_out(settings: Settings) -> None:
    def off(case: DriftCase) -> list[Statement]:
        return [one.model_copy(update={"text": one.text.replace("25", "20")}) for one in known(case)]

    account = measured_drift(settings, says(off), slugs=[POOL])
    (held,) = account.results[0].held
    (score,) = account.scores
    assert (held.is_found, held.missing) == (True, ["IMPORT_POOL_SIZE | 25"])
    assert (score.recall, score.right_share, score.right_changes_share) == (1.0, 0.0, 0.0)


def test_a_model_that_says_nothing_misses_all_drift_and_is_silent_elsewhere(settings: Settings) -> None:
    account = measured_drift(settings, says(lambda case: []), slugs=FEW)
    (score,) = account.scores
    assert (score.seen_share, score.recall, score.precision, score.silence) == (0.0, 0.0, None, 1.0)
    assert {one.case.slug: one.verdict for one in account.results} == {
        QUIET: "silent",
        POOL: "missed",
        UPLOADS: "missed",
    }


def _changed_line(case: DriftCase) -> tuple[str, str]:
    """Some line that the change brought in: what a model can point at for anything it says."""
    for path, content in case.after.items():
        old = set(case.before.get(path, b"").decode().split("\n"))
        new = next(
            (line for line in content.decode().split("\n") if len(line.strip()) > 12 and line not in old), ""
        )
        if new:
            return path, new
    raise AssertionError("the case adds no line")


def _all_wrong(case: DriftCase) -> list[Statement]:
    path, line = _changed_line(case)
    return [
        Statement(path=path, line=line, why="It is another now.", block=number, quote=block.markdown[:10],
                  how="replace", text="Nobody knows.")
        for number, block in enumerate(case.section.blocks, 1)
    ]  # fmt: skip


def test_a_model_that_calls_everything_wrong_by_a_real_line_is_found_out(settings: Settings) -> None:
    account = measured_drift(settings, says(_all_wrong), slugs=FEW)
    (score,) = account.scores
    said = sum(len(case.section.blocks) for case in chosen_drifts(FEW))
    wrong = sum(len(case.story.wrong) for case in chosen_drifts(FEW))
    assert (score.recall, score.silence, score.told) == (1.0, 0.0, said)
    assert score.precision == wrong / said < 0.5
    assert (score.right, score.right_changes) == (0, 0)


# --- the agent's gates ---


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"line": "everything := different(forever)"}, "no proof: "),
        ({"quote": "words that stand nowhere on the page"}, "no such quote: "),
        ({"block": 99}, "no such block: "),
        ({"why": " "}, "no reason: "),
    ],
)
def test_what_page_and_code_do_not_bear_out_is_kept_back_and_named(
    settings: Settings, fields: dict[str, Any], reason: str
) -> None:
    account = measured_drift(settings, says(lambda case: known(case, **fields)), slugs=[POOL])
    (one,) = account.results
    assert (one.verdict, len(one.dropped)) == ("missed", 1)
    assert one.dropped[0].startswith(reason)


def test_what_the_score_counts_is_what_a_note_on_the_merge_request_proposes(settings: Settings) -> None:
    (case,) = chosen_drifts([POOL])
    proposal = propose_case(settings, case, true_statements(case))
    (note,) = [one for one in proposal.actions if isinstance(one, UpsertNote)]
    assert "| `IMPORT_POOL_SIZE` | 25 |" in note.body
    assert note.section is not None
    assert note.key.startswith(f"page:{note.section.page}:settings:")


# --- what the model is told ---


def test_the_model_reads_page_and_change_and_not_what_is_known(settings: Settings) -> None:
    for case in chosen_drifts(["login-attempts-not-payments", POOL]):
        model = true_statements(case)
        assert isinstance(model, ScriptedModel)
        propose_case(settings, case, model)
        assert case.story.title in model.seen
        assert case.section.blocks[0].markdown.split("\n")[0] in model.seen
        assert all(wrong.why not in model.seen for wrong in case.story.wrong)
        assert case.story.why not in model.seen
        assert case.story.trap not in model.seen
        assert case.slug not in model.seen


# --- what cannot be measured ---


@pytest.mark.parametrize("error", [NoModel("the key is refused"), Unavailable("no answer")])
def test_a_case_whose_model_failed_is_named_and_in_no_figure(settings: Settings, error: Exception) -> None:
    def some(case: DriftCase) -> Model:
        return ScriptedModel(lambda _: error) if case.slug == POOL else true_statements(case)

    account = measured_drift(settings, some, slugs=FEW)
    assert [one.slug for one in account.unmeasured] == [POOL]
    assert str(error) in account.unmeasured[0].reason
    (score,) = account.scores
    assert (score.changes, score.right_changes) == (2, 2)


def test_without_a_model_silence_is_not_taken_for_an_answer(settings: Settings) -> None:
    with pytest.raises(PlatformError, match="no change could be measured: no model was asked about the page"):
        measured_drift(settings, lambda case: None, slugs=[QUIET])


def test_some_unmeasured_cases_end_with_3(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def some(case: DriftCase) -> Model:
        return ScriptedModel(lambda _: NoModel("refused")) if case.slug == POOL else true_statements(case)

    monkeypatch.setattr("bot.entry.evaluate_drift.true_statements", some)
    assert exit_code("drift", "--model", "scripted", "--case", POOL, "--case", QUIET) == 3
    assert f"  {POOL}, run 1: " in capsys.readouterr().out


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
    assert exit_code("drift", *words) == 2
    assert sentence in capsys.readouterr().err


def test_a_provider_that_finds_nothing_wrong_is_measured() -> None:
    with ModelServer() as server:
        done = subprocess.run(
            [sys.executable, "-m", "bot", "eval", "drift", "--model", "openai:quiet", "--case", POOL,
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
    assert data["figures"]["recall"]["median"] == 0.0
    assert data["drifts"][0]["verdict"] == "missed"
