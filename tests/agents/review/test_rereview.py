"""A push after a review: what is read again, what becomes of the findings that are there."""

from dataclasses import replace
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from bot.agents.review import SPEC
from bot.agents.review.nodes import MOST_UNITS
from bot.agents.review.schema import LedgerAnswer, RecheckAnswer, ReportedFinding, ReviewAnswer, VerifyAnswer
from bot.domain.actions import React
from bot.domain.background import Background, LinkedIssue
from bot.domain.criteria import Criterion
from bot.domain.findings import Severity
from bot.domain.lifecycle import THUMBS_DOWN
from bot.domain.repo_config import RepoConfig
from bot.domain.reviewed import unit
from bot.entry.checkpoints import StrictSerializer
from bot.errors import OverBudget
from bot.llm.messages import Prompt
from bot.testing import ScriptedModel, answers, confirms_everything, finding, judges, rechecks
from tests.agents.review.pushes import (
    Story,
    lines,
    posts,
    reasons,
    replies,
    sha,
    summary,
    updates,
)
from tests.agents.review.test_review_resumed import Shelf

PATH = "app/orders.py"
ABOVE = [f"# {word}" for word in ("one", "two", "three", "four", "five")]
DEF, LINE = "def first(order):", "    return order.items[0]"
TAIL = ["def last(order): return order.items[-1]", "", "def size(order):", "    return len(order.items)"]
GUARD = "    if not order.items: return None"
CODE = lines(ABOVE, DEF, LINE, "", TAIL)
MENDED = lines(ABOVE, DEF, "    return next(iter(order.items), None)", "", TAIL)
GUARDED = lines(ABOVE, DEF, GUARD, LINE, "", TAIL)
BROKEN = "value = undefined_name\n"
DEFECT = finding(PATH, 7, LINE, title="An empty order raises IndexError")


class Killed(Exception):
    """No error that the review knows: it ends there and then."""


def silent() -> ScriptedModel:
    """Finds nothing, and says of everything earlier that it is still there."""
    return ScriptedModel(confirms_everything())


def says_gone(path: str = "", line: int = 0, quote: str = "") -> ScriptedModel:
    def script(prompt: Prompt) -> Any:
        if prompt.answer is RecheckAnswer:
            return rechecks(prompt, "gone", path, line, quote)
        return confirms_everything()(prompt)

    return ScriptedModel(script)


def reported(*findings: ReportedFinding) -> ScriptedModel:
    return ScriptedModel(confirms_everything(*findings))


def story(code: str = CODE, **other: Any) -> Story:
    """With one finding of the model in a thread."""
    told = Story(**other)
    assert len(posts(told.push({PATH: code}, model=reported(DEFECT)))) == 1
    return told


def checked(**other: str) -> Story:
    """With one finding of a check in a thread."""
    told = Story()
    assert len(posts(told.push({"a.py": BROKEN, **other}))) == 1
    return told


def kinds(model: ScriptedModel) -> list[type]:
    return [prompt.answer for prompt in model.prompts]


# --- what is read ---


def test_only_files_whose_change_is_another_are_read_again() -> None:
    told, files = Story(), {f"m{number}.py": f"value = {number}\n" for number in range(5)}
    told.push(files, model=silent())
    model = silent()
    result = told.push({**files, "m3.py": "value = 33\n"}, model=model)
    assert kinds(model) == [ReviewAnswer]
    assert "=== m3.py" in model.seen
    assert "=== m2.py" not in model.seen
    assert all(one.read and not one.reason for one in result.coverage)
    assert result.reviewed
    assert len(result.reviewed.units) == 5


def test_a_one_file_push_to_twenty_files_takes_less_than_a_fifth_of_the_first_reviews_tokens() -> None:
    told = Story()
    files = {
        f"app/m{number}.py": lines([f"value_{n} = {n} * {number}" for n in range(150)])
        for number in range(20)
    }
    defects = [
        finding(f"app/m{n}.py", 9, f"value_8 = 8 * {n}", title=f"Module {n} is wrong") for n in (1, 3, 5)
    ]
    first = told.push(files, model=reported(*defects)).usage
    changed = files["app/m3.py"].replace("value_9 = 9 * 3", "value_9 = 9 * 4")
    model = silent()
    again = told.push({**files, "app/m3.py": changed}, model=model).usage
    assert kinds(model).count(RecheckAnswer) == 1
    assert again.tokens < first.tokens / 5


def test_asked_for_the_whole_everything_is_read_again() -> None:
    told, files = Story(), {f"m{number}.py": f"value = {number}\n" for number in range(3)}
    told.push(files, model=silent())
    model = silent()
    told.push(files, model=model, is_full=True)
    assert all(f"=== m{number}.py" in model.seen for number in range(3))


def test_a_rebase_asks_no_model_and_loses_no_finding() -> None:
    told = story()
    told.base = {"other.py": "x = 1\n"}
    model = ScriptedModel([])
    result = told.push({PATH: CODE, "other.py": "x = 1\n"}, model=model)
    assert model.calls == 0
    assert (posts(result), replies(result), updates(result)) == ([], [], [])
    assert [one.fingerprint for one in result.findings] == [told.known[0].key]


def test_a_file_that_a_model_failed_on_is_read_again_with_the_next_push() -> None:
    told = Story()

    def fails_on_two(prompt: Prompt) -> Any:
        text = "".join(getattr(one, "text", "") for one in prompt.messages)
        return OverBudget("is spent") if "=== m2.py" in text else answers()

    files = {f"m{number}.py": f"value_{number} = len('abcd')\n" * 140 for number in range(4)}
    result = told.push(files, model=ScriptedModel(fails_on_two, window=12_000))
    assert result.reviewed
    assert len(result.reviewed.units) == 3
    model = silent()
    told.push(files, model=model)
    assert "=== m2.py" in model.seen
    assert "=== m1.py" not in model.seen


def test_a_file_that_a_review_had_no_room_for_is_read_with_the_next_push() -> None:
    told = Story()
    files = {f"m{number:03}.py": f"value_{number} = len('abcd')\n" * 80 for number in range(MOST_UNITS + 2)}
    result = told.push(files, model=ScriptedModel(confirms_everything(), window=6_000))
    assert result.reviewed
    left = {file.path for file in told.context().change.files if unit(file) not in result.reviewed.units}
    assert left == {one.path for one in result.coverage if one.reason}
    assert len(left) > 1


def test_a_claim_without_its_second_look_has_its_file_read_again() -> None:
    told = Story()

    def no_second_look(prompt: Prompt) -> Any:
        return OverBudget("is spent") if prompt.answer is VerifyAnswer else answers(DEFECT)

    result = told.push({PATH: CODE, "b.py": "b = 1\n"}, model=ScriptedModel(no_second_look))
    assert result.reviewed
    assert len(result.reviewed.units) == 1
    assert len(posts(told.push({PATH: CODE, "b.py": "b = 1\n"}, model=reported(DEFECT)))) == 1


def test_without_a_model_only_what_no_model_reads_counts_as_read() -> None:
    told = Story()
    result = told.push({"a.py": "a = 1\n", "yarn.lock": "x\n"})
    assert result.reviewed
    assert [one for one in told.context().change.files if unit(one) in result.reviewed.units] == [
        told.context().change.file("yarn.lock")
    ]
    told.push({"a.py": "a = 1\n", "yarn.lock": "x\n"}, model=silent())
    result = told.push({"a.py": "a = 1\n", "yarn.lock": "x\n", "c.py": "c = 1\n"})
    assert result.reviewed
    assert len(result.reviewed.units) == 2, "what a model read before is still read"


def test_the_criteria_are_not_judged_anew_where_neither_they_nor_the_change_are_new() -> None:
    told = Story()
    criterion = Criterion(id="c1", text="An order may be empty")
    issue = LinkedIssue("SHOP-1", "Orders", "", criteria=(criterion,))
    background = Background(issues=(issue,))
    said = ScriptedModel(
        lambda prompt: (
            judges({"number": 1, "state": "missing"}) if prompt.answer is LedgerAnswer else answers()
        )
    )
    first = told.push({"a.py": "a = 1\n"}, model=said, background=background)
    assert LedgerAnswer in kinds(said)
    told.base = {"b.py": "b = 1\n"}
    again = silent()
    kept = replace(background, ledger=first.ledger)
    told.push({"a.py": "a = 1\n", "b.py": "b = 1\n"}, model=again, background=kept)
    assert kinds(again) == []
    more = replace(issue, criteria=(criterion, Criterion(id="c2", text="An order has a date")))
    told.push(told.commits[-1], model=again, background=replace(kept, issues=(more,)))
    assert kinds(again) == [LedgerAnswer]


# --- fixed ---


def test_a_checks_finding_that_is_gone_is_called_fixed_by_the_commit_that_did_it() -> None:
    told = checked()
    result = told.push({"a.py": "value = 1\n"}, {"a.py": "value = 1\n", "b.py": "b = 1\n"})
    (reply,) = replies(result)
    assert (reply.thread, reply.resolves, reply.finding) == ("thread1", True, told.known[0].key)
    assert reply.key.endswith(f":{sha(2)}")
    assert result.findings == ()


def test_a_check_that_is_satisfied_elsewhere_calls_its_finding_fixed() -> None:
    told = checked()
    result = told.push({"a.py": "undefined_name = 1\n" + BROKEN})
    assert [one.key for one in replies(result)] == [f"fixed:{told.known[0].key}:{sha(2)}"]


@pytest.mark.parametrize("head", [{"a.py": BROKEN + "more = 1\n"}, {"a.py": BROKEN, "b.py": "b = 1\n"}])
def test_a_line_that_the_target_has_by_now_is_not_called_fixed(head: dict[str, str]) -> None:
    told = checked()
    told.base = {"a.py": BROKEN}
    result = told.push(head)
    assert (replies(result), posts(result), updates(result)) == ([], [], [])
    assert result.findings == (), "it is outdated"
    assert result.reviewed
    assert result.reviewed.gone == ()


def test_a_check_that_did_not_run_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    told = checked()
    monkeypatch.setattr("bot.agents.review.checks.python._sources", lambda files, snapshot: iter(()))
    result = told.push({"a.py": "value = 1\n"})
    assert replies(result) == []
    assert result.findings == (), "its line is gone: it is outdated"
    assert told.known[0].state == "open"


def test_a_check_that_shows_only_the_worst_proves_nothing_of_the_rest() -> None:
    """A secret that moved down is not shown any more; nor is the one that was taken out known to be gone."""
    told = Story()
    told.push({"a.txt": secrets(5)})
    assert len(told.known) == 5
    result = told.push({"a.txt": secrets(9, first=5) + secrets(5, first=1)})
    assert replies(result) == []
    assert [one.finding.rule for one in posts(result)].count("secrets/more") == 1


def secrets(count: int, first: int = 0) -> str:
    tokens = [
        "glpat-" + "Zq8Rt2vLm4" + f"Xc7Wn1Kd9{chr(ord('A') + number)}"
        for number in range(first, first + count)
    ]
    return lines([f'key_{number} = "{token}"' for number, token in enumerate(tokens, first)])


def test_what_counts_the_rest_of_a_checks_findings_stays_one_finding() -> None:
    told = Story()
    told.push({"a.txt": secrets(8)})
    assert len(told.known) == 6
    result = told.push({"a.txt": secrets(7) + lines("# nothing") + secrets(3, first=7)})
    assert (posts(result), replies(result)) == ([], [])
    fixed = told.push({"a.txt": secrets(5)})
    assert [one.finding for one in replies(fixed)] == [
        one.key for one in told.known if one.finding.rule == "secrets/more"
    ]


def test_a_file_that_is_taken_out_of_the_change_takes_its_findings_along() -> None:
    told = story()
    model = silent()
    result = told.push({"b.md": "b\n"}, model=model)
    assert [one.key for one in replies(result)] == [f"fixed:{told.known[0].key}:{sha(2)}"]
    assert kinds(model) == [ReviewAnswer]


def test_a_file_that_went_as_another_of_its_kind_came_may_be_that_other_one() -> None:
    told = story()
    result = told.push({"renamed.py": CODE.replace(LINE, f"{LINE}  # soon")}, model=silent())
    assert replies(result) == []


def test_a_models_finding_is_fixed_where_its_line_is_gone_and_a_model_says_so() -> None:
    told = story()
    result = told.push(
        {PATH: CODE, "b.py": "b = 1\n"}, {PATH: MENDED}, {PATH: MENDED, "c.py": "c = 1\n"}, model=says_gone()
    )
    assert [one.key for one in replies(result)] == [f"fixed:{told.known[0].key}:{sha(3)}"]
    assert result.findings == ()


def test_a_fix_beside_the_line_needs_a_quoted_line_that_is_there() -> None:
    told = story()
    result = told.push({PATH: GUARDED}, model=says_gone(PATH, 7, GUARD))
    assert [one.key for one in replies(result)] == [f"fixed:{told.known[0].key}:{sha(2)}"]


@pytest.mark.parametrize("quote", ["", "    if order.items is None: return", LINE])
def test_without_a_line_that_prevents_it_a_finding_stays(quote: str) -> None:
    told = story()
    result = told.push({PATH: GUARDED}, model=says_gone(PATH, 8, quote))
    assert replies(result) == []
    assert [(one.line, one.fingerprint) for one in result.findings] == [(8, told.known[0].key)]


@pytest.mark.parametrize("said", ["unsure", "there"])
def test_no_proof_no_word(said: str) -> None:
    told = story()
    model = ScriptedModel(
        lambda prompt: rechecks(prompt, said) if prompt.answer is RecheckAnswer else answers()
    )
    result = told.push({PATH: MENDED}, model=model)
    assert (replies(result), posts(result)) == ([], [])
    assert result.findings == ()
    assert not [one for one in result.actions if isinstance(one, React) and one.emoji]


def test_a_recheck_that_fails_says_nothing_and_is_made_up_for_with_the_next_push() -> None:
    told = story()
    model = ScriptedModel(
        lambda prompt: OverBudget("is spent") if prompt.answer is RecheckAnswer else answers()
    )
    result = told.push({PATH: MENDED}, model=model)
    assert replies(result) == []
    again = told.push({PATH: MENDED, "b.py": "b = 1\n"}, model=says_gone())
    assert [one.key for one in replies(again)] == [f"fixed:{told.known[0].key}:{sha(2)}"]


def test_what_a_fresh_reader_reports_again_is_not_called_fixed() -> None:
    told = story()

    def of_two_minds(prompt: Prompt) -> Any:
        if prompt.answer is RecheckAnswer:
            return rechecks(prompt, "gone", PATH, 7, GUARD)
        return answers(finding(PATH, 8, LINE, title="An empty order raises IndexError"))

    result = told.push({PATH: GUARDED}, model=ScriptedModel(of_two_minds))
    assert (replies(result), posts(result)) == ([], [])
    assert len(result.findings) == 1


def test_a_thread_that_a_person_opened_again_is_for_people_to_close() -> None:
    told = story()
    told.says(told.known[0].key, is_theirs=True)
    model = says_gone()
    result = told.push({PATH: MENDED}, model=model)
    assert replies(result) == []
    assert RecheckAnswer not in kinds(model)


# --- still there ---


def test_a_finding_that_moved_is_the_same_one_and_nothing_is_said() -> None:
    told = story()
    moved = lines(["# new"] * 30) + CODE
    model = ScriptedModel(confirms_everything(finding(PATH, 37, LINE, title="Boom on an empty order")))
    result = told.push({PATH: moved}, model=model)
    assert (posts(result), replies(result), updates(result)) == ([], [], [])
    assert [(one.line, one.title) for one in result.findings] == [(37, "An empty order raises IndexError")]
    assert VerifyAnswer not in kinds(model), "no second look is paid for"


def test_a_renamed_file_keeps_its_findings() -> None:
    told = story()
    result = told.push({"app/sales.py": CODE}, model=silent())
    assert (posts(result), replies(result)) == ([], [])
    assert [(one.path, one.line) for one in result.findings] == [("app/sales.py", 7)]
    assert [one.finding.path for one in updates(result)] == ["app/sales.py"]
    again = told.push({"app/sales.py": CODE, PATH: "# something else\n"}, model=silent())
    assert [one.path for one in again.findings] == ["app/sales.py"]


def test_a_rewritten_line_with_the_same_defect_keeps_its_thread() -> None:
    told = story()
    line = "    return list(order.items)[0]"
    result = told.push(
        {PATH: CODE.replace(LINE, line)},
        model=reported(finding(PATH, 7, line, title="IndexError for an order without items")),
    )
    assert (posts(result), replies(result)) == ([], [])
    (update,) = updates(result)
    assert (update.key, update.finding.anchor, update.finding.line) == (told.known[0].key, line.strip(), 7)
    assert update.finding.title == "An empty order raises IndexError"


def test_a_recheck_may_name_the_line_that_still_does_it() -> None:
    told = story()
    line = "    items = list(order.items); return items[0]"

    def script(prompt: Prompt) -> Any:
        return rechecks(prompt, "there", PATH, 7, line) if prompt.answer is RecheckAnswer else answers()

    result = told.push({PATH: CODE.replace(LINE, line)}, model=ScriptedModel(script))
    assert [(one.line, one.anchor) for one in result.findings] == [(7, line.strip())]
    assert len(updates(result)) == 1


def test_a_finding_that_was_looked_at_is_not_asked_about_again_until_it_changes() -> None:
    told = story()
    told.push({PATH: GUARDED}, model=silent())
    model = silent()
    told.push({PATH: GUARDED + "# and more\n" * 9}, model=model)
    assert kinds(model) == [ReviewAnswer]


def answering(word: str) -> ScriptedModel:
    """Finds nothing, and says this of everything earlier."""
    return ScriptedModel(
        lambda prompt: rechecks(prompt, word) if prompt.answer is RecheckAnswer else answers()
    )


@pytest.mark.parametrize("code", [MENDED, GUARDED])
def test_what_a_model_cannot_tell_it_is_asked_again_when_the_lines_change(code: str) -> None:
    told = story()
    first = answering("unsure")
    assert len(updates(told.push({PATH: code}, model=first))) == 1
    assert RecheckAnswer in kinds(first)
    for same in (code + "# and more\n" * 9, lines("# new") * 30 + code + "# and more\n"):
        model = answering("unsure")
        told.push({PATH: same}, model=model)
        assert kinds(model) == [ReviewAnswer]
    for changed in (same.replace(DEF, f"{DEF}  # oh"), same.replace(DEF, f"{DEF}  # well")):
        model = answering("unsure")
        assert len(updates(told.push({PATH: changed}, model=model))) == 1
        assert RecheckAnswer in kinds(model)
    model = answering("unsure")
    told.push({PATH: changed + "# the end\n"}, model=model)
    assert kinds(model) == [ReviewAnswer]


def test_what_took_the_place_of_a_line_is_looked_at_when_it_changes() -> None:
    told = story()
    told.push({PATH: MENDED}, model=answering("unsure"))
    result = told.push({PATH: MENDED.replace("None)", "0)")}, model=says_gone())
    assert [one.key for one in replies(result)] == [f"fixed:{told.known[0].key}:{sha(2)}"]


def test_a_line_that_comes_back_after_nobody_could_tell_stands_again() -> None:
    told = story()
    told.push({PATH: MENDED}, model=answering("unsure"))
    result = told.push({PATH: CODE}, model=silent())
    assert [(one.fingerprint, one.line) for one in result.findings] == [(told.known[0].key, 7)]


@pytest.mark.parametrize("code", [MENDED, GUARDED])
def test_what_a_model_cannot_tell_of_a_closed_thread_it_is_not_asked_again_either(code: str) -> None:
    told = story()
    told.says(told.known[0].key, state="dismissed", by="ada", why="")
    assert len(updates(told.push({PATH: code}, model=answering("unsure")))) == 1
    model = answering("unsure")
    told.push({PATH: code + "# and more\n" * 9}, model=model)
    assert kinds(model) == [ReviewAnswer]


def test_a_milder_finding_than_is_wanted_now_is_not_among_the_open_ones() -> None:
    told = story()
    told.config = RepoConfig.model_validate({"review": {"min_severity": Severity.BLOCKER}})
    result = told.push({PATH: CODE, "b.py": "b = 1\n"}, model=silent())
    assert result.findings == ()
    assert replies(result) == []


def test_a_finding_of_the_summary_stays_in_it_or_goes_without_a_word() -> None:
    told = Story(config=RepoConfig.model_validate({"review": {"max_comments": 0}}))
    told.push({"a.py": BROKEN, "b.py": "b = 1\n"})
    (listed,) = told.listed()
    stays = told.push({"a.py": BROKEN, "b.py": "b = 2\n"})
    assert (posts(stays), [one.fingerprint for one in stays.findings]) == ([], [listed.key])
    goes = told.push({"a.py": "value = 1\n", "b.py": "b = 2\n"})
    assert (goes.findings, replies(goes)) == ((), [])


# --- dismissed, taken away ---


@pytest.mark.parametrize(
    ("why", "reason"), [("won't fix", "dismissed by ada: won't fix"), ("", "dismissed by ada")]
)
def test_what_was_dismissed_is_never_shown_again(why: str, reason: str) -> None:
    told = story()
    told.says(told.known[0].key, state="dismissed", by="ada", why=why)
    result = told.push({PATH: lines("# new") + CODE}, model=reported(replace_line(DEFECT, 8)))
    assert (posts(result), replies(result), result.findings) == ([], [], ())
    assert reason in reasons(result)


def replace_line(one: ReportedFinding, line: int) -> ReportedFinding:
    return one.model_copy(update={"line": line})


@pytest.mark.parametrize("severity", ["minor", "major", "critical"])
def test_beside_what_was_dismissed_another_defect_of_the_same_line_is_shown(severity: str) -> None:
    other = finding(PATH, 7, LINE, title="Refunds are counted twice", rule="refunds", severity=severity)
    told = story()
    told.says(told.known[0].key, state="dismissed", by="ada", why="won't fix")
    result = told.push({PATH: CODE + "# more\n"}, model=reported(DEFECT, other))
    assert [(post.finding.title, post.finding.line) for post in posts(result)] == [(other.title, 7)]
    assert all(post.position for post in posts(result))
    assert reasons(result) == ["dismissed by ada: won't fix"]


def test_a_dismissed_finding_of_a_check_is_never_shown_again() -> None:
    told = checked()
    told.says(told.known[0].key, state="dismissed", by="ada", why=THUMBS_DOWN)
    result = told.push({"a.py": "# new\n" + BROKEN})
    assert (posts(result), result.findings) == ([], ())
    assert reasons(result) == [f"dismissed by ada: {THUMBS_DOWN}"]


def test_what_is_much_like_a_dismissed_one_goes_to_the_summary() -> None:
    told = story()
    told.says(told.known[0].key, state="dismissed", by="ada", why="by design")
    code = "def f(order): return order.items[0]"
    other = finding("b.py", 1, code, title="An empty order raises an IndexError")
    result = told.push({PATH: CODE, "b.py": lines(code)}, model=reported(other))
    (post,) = [one for one in posts(result) if one.finding.rule == "wrong-result"]
    assert post.position is None


def test_a_finding_whose_note_was_taken_away_is_not_shown_again() -> None:
    told = story()
    told.known = []
    result = told.push({PATH: CODE + "# more\n"}, model=reported(DEFECT))
    assert (posts(result), result.findings) == ([], ())
    assert reasons(result) == ["its note was taken away"]


def test_a_thread_that_was_closed_without_a_word_is_remembered_once_its_defect_is_gone() -> None:
    told = checked()
    told.says(told.known[0].key, state="dismissed", by="ada", why="")
    result = told.push({"a.py": "value = 1\n"})
    assert replies(result) == []
    assert result.reviewed
    assert result.reviewed.gone == (told.known[0].key,)
    told.says(told.known[0].key, state="fixed", by="", commit="")
    kept = told.push({"a.py": "value = 2\n"})
    assert kept.reviewed
    assert kept.reviewed.gone == (told.known[0].key,)
    back = told.push({"a.py": BROKEN})
    assert [one.resolves for one in replies(back)] == [False]
    assert back.reviewed
    assert back.reviewed.gone == ()


def test_a_thread_that_was_closed_without_a_word_while_the_defect_is_there_stays_closed() -> None:
    told = checked()
    told.says(told.known[0].key, state="dismissed", by="ada", why="")
    result = told.push({"a.py": "# new\n" + BROKEN})
    assert result.reviewed
    assert (replies(result), result.findings, result.reviewed.gone) == ([], (), ())


# --- back again ---


def test_a_checks_finding_that_is_back_opens_its_thread_again() -> None:
    told = checked()
    told.push({"a.py": "value = 1\n"})
    result = told.push({"a.py": "value = 1\n", "b.py": "b = 1\n"}, {"a.py": BROKEN, "b.py": "b = 1\n"})
    assert [(one.key, one.resolves) for one in replies(result)] == [
        (f"regressed:{told.known[0].key}:{sha(4)}", False)
    ]
    assert posts(result) == []
    assert [one.fingerprint for one in result.findings] == [told.known[0].key]


def test_a_reverted_fix_opens_the_thread_again_without_a_call_about_it() -> None:
    told = story()
    told.push({PATH: MENDED}, model=says_gone())
    model = silent()
    result = told.push({PATH: CODE}, model=model)
    assert [one.key for one in replies(result)] == [f"regressed:{told.known[0].key}:{sha(3)}"]
    assert kinds(model) == [ReviewAnswer]
    fixed = told.push({PATH: MENDED}, model=says_gone())
    assert [one.key for one in replies(fixed)] == [f"fixed:{told.known[0].key}:{sha(4)}"]


def test_a_guard_that_is_taken_away_brings_the_finding_back() -> None:
    told = story()
    told.push({PATH: GUARDED}, model=says_gone(PATH, 7, GUARD))
    assert told.known[0].state == "fixed"
    result = told.push({PATH: GUARDED, "b.py": "b = 1\n"}, {PATH: CODE, "b.py": "b = 1\n"}, model=silent())
    assert [one.key for one in replies(result)] == [f"regressed:{told.known[0].key}:{sha(4)}"]


def test_a_fixed_finding_whose_surroundings_are_as_at_its_fix_is_left_alone() -> None:
    told = story()
    told.push({PATH: GUARDED}, model=says_gone(PATH, 7, GUARD))
    model = silent()
    result = told.push({PATH: GUARDED + "# and more\n" * 9}, model=model)
    assert replies(result) == []
    assert kinds(model) == [ReviewAnswer]


def test_what_was_called_fixed_while_its_lines_stood_is_not_back_because_they_stand() -> None:
    """Somebody convinced the bot in the thread: the lines never changed."""
    told = story()
    told.says(told.known[0].key, state="fixed", commit=sha(1))
    result = told.push({PATH: CODE + "# more\n"}, model=silent())
    assert (replies(result), result.findings) == ([], ())


def test_a_fixed_finding_that_is_reported_again_needs_a_second_look() -> None:
    told = story()
    told.says(told.known[0].key, state="fixed", commit=sha(1))
    model = reported(DEFECT)
    result = told.push({PATH: CODE + "# more\n"}, model=model)
    assert VerifyAnswer in kinds(model)
    assert [one.resolves for one in replies(result)] == [False]
    assert posts(result) == []


def test_something_new_where_a_fixed_finding_was_has_a_thread_of_its_own() -> None:
    told = story()
    told.push({PATH: MENDED}, model=says_gone())
    line = "    return next(iter(order.items))"
    other = finding(PATH, 7, line, title="StopIteration escapes from here")
    result = told.push({PATH: CODE.replace(LINE, line)}, model=reported(other))
    assert replies(result) == []
    assert [one.finding.title for one in posts(result)] == ["StopIteration escapes from here"]


def test_a_refuted_claim_does_not_bring_a_finding_back() -> None:
    told = story()
    told.says(told.known[0].key, state="fixed", commit=sha(1))

    def refutes(prompt: Prompt) -> Any:
        if prompt.answer is VerifyAnswer:
            return VerifyAnswer(verdicts=[])
        return answers(DEFECT)

    result = told.push({PATH: CODE + "# more\n"}, model=ScriptedModel(refutes))
    assert (replies(result), posts(result), result.findings) == ([], [], ())


# --- eight pushes ---


def test_eight_pushes_have_no_thread_twice_and_name_the_right_commits() -> None:
    told = Story(base={"README.md": "Shop\n"})
    readme = {"README.md": "Shop\n"}
    said = [
        told.push({**readme, "a.py": BROKEN, PATH: CODE}, model=reported(DEFECT)),  # add
        told.push({**readme, "a.py": "value = 1\n", PATH: CODE}, model=silent()),  # fix
        told.push({**readme, "a.py": "value = 1\n", PATH: "# new\n" * 20 + CODE}, model=silent()),  # move
        told.push(
            {**readme, "a.py": "value = 1\n", "app/sales.py": "# new\n" * 20 + CODE}, model=silent()
        ),  # rename
    ]
    told.base = {"README.md": "Shop 2\n"}
    last = {**told.commits[-1], "README.md": "Shop 2\n"}
    said.append(told.push(last, model=ScriptedModel([])))  # rebase
    said.append(told.push(last, model=ScriptedModel([])))  # force-push
    said.append(told.push({**last, "a.py": BROKEN}, model=silent()))  # revert a fix
    told.base = {"README.md": "Shop 3\n"}
    said.append(
        told.push({**last, "a.py": BROKEN, "README.md": "Shop 3\n"}, model=ScriptedModel([]))
    )  # merge
    assert [len(posts(one)) for one in said] == [2, 0, 0, 0, 0, 0, 0, 0]
    keys = [[one.key.split(":")[0::2] for one in replies(result)] for result in said]
    assert keys == [[], [["fixed", sha(2)]], [], [], [], [], [["regressed", sha(7)]], []]
    assert [len(one.findings) for one in said] == [2, 1, 1, 1, 1, 1, 2, 2]


def test_a_run_that_knows_something_else_begins_anew() -> None:
    told, shelf = story(), Shelf()
    told.commits.append({PATH: CODE + "# more\n"})
    first, second, third = silent(), silent(), silent()
    SPEC.run(told.context(first, memory=shelf))
    SPEC.run(told.context(second, memory=shelf))
    assert (first.calls, second.calls) == (1, 0)
    told.says(told.known[0].key, state="dismissed", by="ada")
    SPEC.run(told.context(third, memory=shelf))
    assert third.calls == 1


@pytest.mark.parametrize("dies_at", range(3))
def test_a_rereview_that_is_stopped_goes_on_with_all_that_it_knew(dies_at: int) -> None:
    """With the serializer that is used in earnest."""
    told = story()
    told.commits += [{PATH: MENDED, "b.py": "b = 1\n"}]
    other = finding("b.py", 1, "b = 1", title="It is never called")

    def script(prompt: Prompt) -> Any:
        return (
            rechecks(prompt, "gone") if prompt.answer is RecheckAnswer else confirms_everything(other)(prompt)
        )

    expected = SPEC.run(told.context(ScriptedModel(script)))
    assert len(replies(expected)) == 1
    shelf, left = Shelf(saver=InMemorySaver(serde=StrictSerializer())), [dies_at]

    def mortal(prompt: Prompt) -> Any:
        left[0] -= 1
        return Killed() if left[0] == -1 else script(prompt)

    dying = ScriptedModel(mortal)
    with pytest.raises(Killed):
        SPEC.run(told.context(dying, memory=shelf))
    after = ScriptedModel(script)
    assert SPEC.run(told.context(after, memory=shelf)).actions == expected.actions
    assert after.calls <= 3 - dies_at + 1, "what was answered is not asked again"


def test_an_empty_memory_is_no_reason_to_post_again() -> None:
    """The summary was deleted: threads are the truth."""
    told = story()
    told.reviewed = None
    result = told.push({PATH: CODE}, model=reported(DEFECT))
    assert (posts(result), len(result.findings)) == ([], 1)
    assert summary(result).reviewed == result.reviewed
