"""The set of kept pages itself: changes that can be made, pages that can be read, truths that fit both."""

from collections import Counter
from pathlib import Path

import pytest
import yaml

from bot.agents.pages.evidence import flat
from bot.domain.change import ChangeSet, MergeRequest, Side, Target
from bot.domain.markdown_reader import read_markdown
from bot.domain.repo_config import matches
from bot.domain.secrets import Redactor
from bot.domain.sections import digest
from bot.domain.storage import to_storage
from bot.entry.case_checkout import CaseReader, check_out
from bot.entry.side_by_side import side_by_side
from bot.errors import UsageError
from bot.evaluation.drift_cases import DriftCase, chosen_drifts, drift_cases, rewritable
from bot.evaluation.drift_texts import has, missing

AT_ONCE = 4  # checkouts: each is a dozen short processes
CASES = drift_cases()
EACH = pytest.mark.parametrize("case", CASES, ids=lambda case: case.slug)
DRIFTS = [case for case in CASES if case.story.truth == "drift"]
EACH_DRIFT = pytest.mark.parametrize("case", DRIFTS, ids=lambda case: case.slug)
ROOT = Path(__file__).parents[2] / "bot" / "evaluation" / "drift"


@pytest.fixture(scope="module")
def changes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[MergeRequest, ChangeSet]]:
    """Each case as it is read from a checkout of it."""
    root = tmp_path_factory.mktemp("drifts")

    def read(case: DriftCase) -> tuple[str, tuple[MergeRequest, ChangeSet]]:
        check_out(case, root / case.slug)
        reader = CaseReader(root / case.slug, case)
        request = reader.merge_request(Target("", 0))
        return case.slug, (request, reader.change_set(request))

    return dict(side_by_side(read, CASES, AT_ONCE))


def test_the_set_is_large_and_varied_enough() -> None:
    truths = Counter(case.story.truth for case in CASES)
    assert truths["drift"] >= 10
    assert truths["harmless"] >= 5
    assert truths["tempting"] >= 5
    assert len({case.story.language for case in CASES}) >= 12
    assert len({case.story.kind for case in CASES}) >= 8
    assert len({case.story.trap for case in CASES if case.story.trap}) >= 8
    assert {wrong.how for case in CASES for wrong in case.story.wrong} == {"replace", "insert", "delete"}


def test_the_pages_are_as_varied_as_real_ones() -> None:
    every = "\n".join(case.page.storage for case in CASES)
    for part in (
        "<ac:inline-comment-marker", "<ac:layout>", "<ac:task-list>", "<ac:link>", "<ac:image", "<table",
        "<colgroup>", "CDATA", "&nbsp;", "&uuml;", "<ol", 'ac:name="expand"', 'ac:name="status"', 'ac:name="code"',
    ):  # fmt: skip
        assert part in every, part
    assert sum(case.section.is_marked for case in CASES) >= 3
    assert sum(not case.section.is_marked for case in CASES) >= 3


def test_some_wrong_blocks_can_only_be_put_right_by_hand() -> None:
    by_hand = [wrong for case in CASES for wrong in case.story.wrong if case.is_by_hand(wrong)]
    assert len(by_hand) >= 3


@EACH
def test_a_case_is_a_small_change_of_a_small_repository(case: DriftCase) -> None:
    assert 2 <= len(case.after) <= 8
    assert all(content.count(b"\n") <= 80 for content in case.after.values())
    assert case.story.title
    assert case.story.description


@EACH
def test_the_diff_is_what_the_case_changes_and_touches_what_the_page_is_tied_to(
    case: DriftCase, changes: dict[str, tuple[MergeRequest, ChangeSet]]
) -> None:
    request, change = changes[case.slug]
    assert (request.title, request.description) == (case.story.title, case.story.description)
    touched = {path for path in {*case.before, *case.after} if case.before.get(path) != case.after.get(path)}
    assert {path for file in change.files for path in (file.old_path, file.new_path)} == touched
    assert any(matches(case.wanted.paths, path) for path in touched)
    assert all(file.unread is None and not file.binary for file in change.files)
    assert ".trivet.yml" not in touched


@EACH
def test_only_drift_makes_a_block_wrong(case: DriftCase) -> None:
    assert bool(case.story.wrong) == (case.story.truth == "drift")
    assert case.story.wrong or (case.story.trap and len(case.story.why) > 20)
    assert len(case.section.blocks) >= 2


@EACH_DRIFT
def test_a_block_is_wrong_for_one_reason_and_some_block_is_not(case: DriftCase) -> None:
    places = [case.place(wrong.quote) for wrong in case.story.wrong]
    assert len(set(places)) == len(places)
    assert len(places) < len(case.section.blocks)
    assert not {case.place(quote) for quote in case.story.tolerated} & set(places)


@EACH_DRIFT
def test_what_shows_that_a_block_is_wrong_is_in_the_change(
    case: DriftCase, changes: dict[str, tuple[MergeRequest, ChangeSet]]
) -> None:
    _, change = changes[case.slug]
    for wrong in case.story.wrong:
        files = [file for file in change.files if wrong.path in (file.old_path, file.new_path)]
        changed = {
            flat(line.text) for file in files for line in file.lines() if line.side is not Side.CONTEXT
        }
        assert flat(wrong.line) in changed
        assert len(wrong.why) > 10


@EACH_DRIFT
def test_the_known_right_text_says_what_it_should_and_the_old_one_does_not(case: DriftCase) -> None:
    for wrong in case.story.wrong:
        block = case.section.blocks[case.place(wrong.quote)]
        right = case.right_text(wrong)
        assert missing(wrong.has, right) == []
        assert not [words for words in wrong.gone if has(right, words)]
        if wrong.how == "insert":
            assert missing(wrong.has, case.section.markdown) != []
        else:
            assert wrong.has or wrong.gone
            old_is_wrong = missing(wrong.has, block.markdown) or [
                one for one in wrong.gone if has(block.markdown, one)
            ]
            assert old_is_wrong or case.is_by_hand(wrong)


@EACH_DRIFT
def test_the_known_right_text_is_one_that_a_page_can_hold(case: DriftCase) -> None:
    for wrong in case.story.wrong:
        if wrong.how == "replace" and not case.is_by_hand(wrong):
            written = to_storage(read_markdown(case.right_text(wrong)))
            old = case.section.blocks[case.place(wrong.quote)]
            assert digest(written) != digest(old.storage)


@EACH
def test_the_change_does_not_tell_what_is_known(case: DriftCase) -> None:
    told = "\n".join((case.story.title, case.story.description))
    assert case.story.why == "" or case.story.why not in told
    assert all(wrong.why not in told for wrong in case.story.wrong)


def test_a_case_whose_quote_is_in_no_block_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def astray(folder: Path) -> object:
        return yaml.safe_load((folder / "case.yml").read_text("utf-8")) | {
            "tolerated": ["nowhere on the page"]
        }

    monkeypatch.setattr("bot.evaluation.drift_cases.read_story", astray)
    with pytest.raises(
        ValueError, match="apply-instead-of-dry-run: 0 blocks hold 'nowhere on the page', not one"
    ):
        drift_cases()


def test_words_that_stand_twice_in_a_block_cannot_be_put_right() -> None:
    (case,) = chosen_drifts(["pool-size-default"])
    (wrong,) = case.story.wrong
    twice = wrong.model_copy(update={"change": (("10", "25"),)})
    with pytest.raises(ValueError, match="pool-size-default: '10' stands 2 times in the block, not once"):
        case.right_text(twice)


def test_a_block_under_a_comment_or_with_a_macro_is_not_rewritable() -> None:
    (commented,), (macro,) = (
        chosen_drifts([slug]) for slug in ("backup-days-under-a-comment", "steps-in-an-expander")
    )
    assert [rewritable(block) for block in commented.section.blocks] == [False, True, True]
    assert [rewritable(block) for block in macro.section.blocks] == [True, False, True]


def test_nothing_in_the_set_looks_like_a_secret() -> None:
    redactor = Redactor([])
    for case in CASES:
        texts = {path: content.decode() for path, content in {**case.before, **case.after}.items()}
        for path, text in {**texts, "page.txt": case.page.storage}.items():
            assert redactor.find(text) == [], f"{case.slug}: {path}"


def test_no_file_of_the_set_is_taken_for_our_own_source() -> None:
    assert {path.suffix for path in ROOT.rglob("*") if path.is_file()} == {".txt", ".yml"}


def test_cases_are_chosen_by_name() -> None:
    assert [case.slug for case in chosen_drifts(["pool-size-default"])] == ["pool-size-default"]
    assert len(chosen_drifts([])) == len(CASES)


def test_a_case_that_does_not_exist_is_named_with_those_that_do() -> None:
    with pytest.raises(UsageError, match="no case nonsense; there are apply-instead-of-dry-run, "):
        chosen_drifts(["nonsense"])
