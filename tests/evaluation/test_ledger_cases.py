"""The set of judged criteria itself: a change that can be made, an issue that names its criteria, proofs at head."""

from collections import Counter
from pathlib import Path

import pytest
import yaml

from bot.agents.review.ledger_proof import SAYS_SOMETHING
from bot.domain.change import ChangeSet, MergeRequest, Target
from bot.domain.secrets import Redactor
from bot.entry.case_checkout import CaseReader, check_out
from bot.entry.side_by_side import side_by_side
from bot.errors import UsageError
from bot.evaluation.ledger_cases import LedgerCase, chosen_ledgers, ledger_cases
from bot.evaluation.ledger_score import PROVEN, STATES

AT_ONCE = 4  # checkouts: each is a dozen short processes
CASES = ledger_cases()
EACH = pytest.mark.parametrize("case", CASES, ids=lambda case: case.slug)
ROOT = Path(__file__).parents[2] / "bot" / "evaluation" / "ledger"


@pytest.fixture(scope="module")
def changes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[MergeRequest, ChangeSet]]:
    """Each case as it is read from a checkout of it."""
    root = tmp_path_factory.mktemp("ledgers")

    def read(case: LedgerCase) -> tuple[str, tuple[MergeRequest, ChangeSet]]:
        check_out(case, root / case.slug)
        reader = CaseReader(root / case.slug, case)
        request = reader.merge_request(Target("", 0))
        return case.slug, (request, reader.change_set(request))

    return dict(side_by_side(read, CASES, AT_ONCE))


def test_the_set_is_large_and_varied_enough() -> None:
    truths = [truth for case in CASES for truth in case.story.criteria]
    states = Counter(truth.state for truth in truths)
    assert len(CASES) >= 20
    assert len(truths) >= 60
    assert len({case.story.language for case in CASES}) >= 12
    assert len({case.story.form for case in CASES}) >= 12
    assert len({truth.trap for truth in truths if truth.trap}) >= 20
    assert all(states[state] >= 5 for state in STATES)
    assert states["met"] <= 0.65 * len(truths)


def test_no_two_issues_have_one_key() -> None:
    assert len({case.issue.key for case in CASES}) == len(CASES)


@EACH
def test_a_case_is_a_small_change_of_a_small_repository(case: LedgerCase) -> None:
    assert 2 <= len(case.story.criteria) <= 6
    assert 1 <= len(case.after) <= 8
    assert all(content.count(b"\n") <= 80 for content in case.after.values())
    assert case.story.title
    assert case.story.description
    assert len(case.issue.description) > 80


@EACH
def test_the_diff_is_what_the_case_changes(
    case: LedgerCase, changes: dict[str, tuple[MergeRequest, ChangeSet]]
) -> None:
    request, change = changes[case.slug]
    assert (request.title, request.description) == (case.story.title, case.story.description)
    touched = {path for path in {*case.before, *case.after} if case.before.get(path) != case.after.get(path)}
    assert {path for file in change.files for path in (file.old_path, file.new_path)} == touched
    assert all(file.unread is None and not file.binary for file in change.files)
    changed = [line for file in change.files for line in file.lines() if None in (line.old, line.new)]
    assert len(changed) <= 75


@EACH
def test_the_change_names_its_issue_and_not_what_is_known(case: LedgerCase) -> None:
    told = "\n".join((case.story.title, case.story.description, case.issue.title, case.issue.description))
    assert case.issue.key in case.story.title
    assert all(truth.why not in told for truth in case.story.criteria)


@EACH
def test_every_state_is_explained(case: LedgerCase) -> None:
    for truth in case.story.criteria:
        assert len(truth.why) > 10
        assert truth.state not in truth.also
        assert "met" not in truth.also
        assert truth.state not in ("met", "unclear") or not truth.also


@EACH
def test_a_proof_stands_at_head(case: LedgerCase) -> None:
    for truth in case.story.criteria:
        assert bool(truth.proof) == (truth.state in PROVEN)
        for proof in truth.proof:
            assert SAYS_SOMETHING.search(case.line(proof.path, proof.line))


@EACH
def test_what_lies_outside_is_in_the_change(case: LedgerCase) -> None:
    changed = {path for path, content in case.after.items() if case.before.get(path) != content}
    named = {path for part in case.story.outside for path in part.paths}
    assert named <= changed
    assert set(case.story.tolerated) <= changed - named


def test_some_changes_do_more_than_the_issue_asks() -> None:
    assert sum(len(case.story.outside) for case in CASES) >= 4
    assert sum(bool(case.story.tolerated) for case in CASES) >= 2


def test_an_issue_whose_criteria_are_not_those_judged_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(folder: Path) -> object:
        story = yaml.safe_load((folder / "case.yml").read_text("utf-8"))
        return story | {"criteria": story["criteria"][1:]}

    monkeypatch.setattr("bot.evaluation.ledger_cases.read_story", cut)
    with pytest.raises(
        ValueError, match=r"alarm-at-exactly-85: the issue's criteria are \[.*, the case judges \["
    ):
        ledger_cases()


def test_nothing_in_the_set_looks_like_a_secret() -> None:
    redactor = Redactor([])
    for case in CASES:
        for path, content in {**case.before, **case.after}.items():
            assert redactor.find(content.decode()) == [], f"{case.slug}: {path}"


def test_no_file_of_the_set_is_taken_for_our_own_source() -> None:
    assert {path.suffix for path in ROOT.rglob("*") if path.is_file()} == {".txt", ".yml"}


def test_cases_are_chosen_by_name() -> None:
    assert [case.slug for case in chosen_ledgers(["alarm-at-exactly-85"])] == ["alarm-at-exactly-85"]
    assert len(chosen_ledgers([])) == len(CASES)


def test_a_case_that_does_not_exist_is_named_with_those_that_do() -> None:
    with pytest.raises(UsageError, match="no case nonsense; there are alarm-at-exactly-85, "):
        chosen_ledgers(["nonsense"])
