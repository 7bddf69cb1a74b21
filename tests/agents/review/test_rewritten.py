"""A claim near a known finding whose line is gone: the same defect in other words, or another one."""

from typing import Any

import pytest

from bot.agents.review.schema import RecheckAnswer, ReportedFinding, VerifyAnswer
from bot.domain.findings import Severity
from bot.llm.messages import Prompt
from bot.testing import ScriptedModel, confirms_everything, finding, rechecks
from tests.agents.review.pushes import Story, lines, posts, reasons, replies, sha, updates
from tests.agents.review.test_rereview import ABOVE, DEF, PATH, TAIL, checked, kinds, reported, story

NOW = "    return list(order.items)[0]"
CODE = lines(ABOVE, DEF, NOW, "", TAIL)
ALIKE, OTHER = "IndexError for an order without items", "The lock is never released"
FAR = [f"x{number} = {number}" for number in range(60)]


def claim(
    title: str, line: int = 7, quote: str = NOW, severity: Severity = Severity.MAJOR
) -> ReportedFinding:
    return finding(PATH, line, quote, title=title).model_copy(update={"severity": severity})


def says(word: str, one: ReportedFinding, quote: str = "", *, refuted: bool = False) -> ScriptedModel:
    """Of what was found earlier it says `word`, and it reports one defect."""

    def script(prompt: Prompt) -> Any:
        if prompt.answer is RecheckAnswer:
            return rechecks(prompt, word, PATH, 7, quote)
        if refuted and prompt.answer is VerifyAnswer:
            return VerifyAnswer(verdicts=[])
        return confirms_everything(one)(prompt)

    return ScriptedModel(script)


def dismissed(told: Story) -> Story:
    told.says(told.known[0].key, state="dismissed", by="ada", why="won't fix")
    return told


@pytest.mark.parametrize("severity", [Severity.MAJOR, Severity.BLOCKER])
def test_another_defect_where_a_dismissed_one_was_has_a_thread_of_its_own(severity: Severity) -> None:
    result = dismissed(story()).push({PATH: CODE}, model=reported(claim(OTHER, severity=severity)))
    assert [(one.finding.title, bool(one.position)) for one in posts(result)] == [(OTHER, True)]


def test_a_dismissed_finding_does_not_hide_one_elsewhere_in_its_file() -> None:
    line = "    order.wire(5)"
    code = lines(ABOVE, DEF, "    return None", "", TAIL, FAR, "def run(order):", line)
    other = claim("An anonymous order wires money", code.splitlines().index(line) + 1, line)
    result = dismissed(story()).push({PATH: code}, model=reported(other))
    assert len(posts(result)) == 1


def test_a_dismissed_defect_on_a_line_that_was_rewritten_goes_to_the_summary() -> None:
    result = dismissed(story()).push({PATH: CODE}, model=reported(claim(ALIKE)))
    assert [one.position for one in posts(result)] == [None]


def test_a_defect_that_takes_the_place_of_one_that_is_gone_is_new_and_the_old_one_fixed() -> None:
    told = story()
    model = says("gone", claim(ALIKE))
    result = told.push({PATH: CODE}, model=model)
    assert [one.key for one in replies(result)] == [f"fixed:{told.known[0].key}:{sha(2)}"]
    assert [one.finding.title for one in posts(result)] == [ALIKE]
    assert [one.title for one in result.findings] == [ALIKE]
    assert VerifyAnswer in kinds(model)


def test_a_defect_far_away_does_not_keep_a_fixed_one_open() -> None:
    line = "    order.wire(5)"
    code = lines(ABOVE, DEF, "    return None", "", TAIL, FAR, "def run(order):", line)
    far = claim("An empty order raises no IndexError and is wired", code.splitlines().index(line) + 1, line)
    told = story()
    result = told.push({PATH: code}, model=says("gone", far))
    assert (len(posts(result)), len(replies(result))) == (1, 1)


@pytest.mark.parametrize("word", ["unsure", "there"])
def test_the_same_defect_in_other_words_keeps_its_thread(word: str) -> None:
    told = story()
    model = says(word, claim(ALIKE))
    result = told.push({PATH: CODE}, model=model)
    assert (posts(result), replies(result)) == ([], [])
    assert [one.fingerprint for one in result.findings] == [told.known[0].key]
    assert [(one.key, one.finding.anchor) for one in updates(result)] == [(told.known[0].key, NOW.strip())]
    assert VerifyAnswer in kinds(model), "nobody has looked twice at what is on this line"


def test_where_nobody_can_tell_another_title_is_another_defect() -> None:
    told = story()
    result = told.push({PATH: CODE}, model=says("unsure", claim(OTHER)))
    assert [one.finding.title for one in posts(result)] == [OTHER]
    assert replies(result) == []
    assert [one.title for one in result.findings] == [OTHER], "the old one is outdated"


@pytest.mark.parametrize(("quote", "same"), [("", True), (NOW, True), (TAIL[0], False)])
def test_a_model_that_sees_it_there_says_on_which_line(quote: str, same: bool) -> None:
    told = story()
    result = told.push({PATH: CODE}, model=says("there", claim(OTHER), quote))
    assert [one.finding.title for one in posts(result)] == ([] if same else [OTHER])
    (line,) = [one.line for one in result.findings if one.fingerprint == told.known[0].key]
    assert line == (7 if same else 9)


@pytest.mark.parametrize("word", ["unsure", "there", "gone"])
def test_what_is_graver_is_another_defect(word: str) -> None:
    told = story()
    graver = claim(ALIKE, severity=Severity.BLOCKER)
    result = told.push({PATH: CODE}, model=says(word, graver, NOW))
    assert [one.finding.severity for one in posts(result)] == [Severity.BLOCKER]
    assert [one.severity for one in result.findings] == [Severity.BLOCKER], "it is told once"
    assert len(replies(result)) == (word == "gone")


def test_a_refuted_claim_says_nothing_of_the_finding_it_may_have_been() -> None:
    told = story()
    result = told.push({PATH: CODE}, model=says("unsure", claim(ALIKE), refuted=True))
    assert (posts(result), replies(result), result.findings) == ([], [], ())
    assert len(reasons(result)) == 1


def test_a_check_that_says_the_same_of_the_rewritten_line_of_a_closed_finding_says_so_in_the_summary() -> (
    None
):
    told = checked()
    told.says(told.known[0].key, state="dismissed", by="ada", why="")
    result = told.push({"a.py": "other = undefined_name\n"})
    assert [one.position for one in posts(result)] == [None]
    assert result.reviewed
    assert result.reviewed.gone == ()


def test_a_checks_open_finding_keeps_its_thread_where_its_line_was_rewritten() -> None:
    told = checked()
    result = told.push({"a.py": "other = undefined_name\n"})
    assert (posts(result), replies(result)) == ([], [])
    assert [one.finding.anchor for one in updates(result)] == ["other = undefined_name"]
