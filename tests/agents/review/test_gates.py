"""What is not shown is marked with a reason, and nothing is lost on the way."""

from hypothesis import given
from hypothesis import strategies as st

from bot.agents.review.gates import (
    CHECK_SAYS_IT,
    PERSON_SAYS_IT,
    at_most,
    passed,
    put_aside,
    said_by_a_check,
    said_by_a_person,
    severity_floor,
    worst_first,
)
from bot.domain.findings import Finding, Severity
from bot.domain.lifecycle import Known
from bot.domain.notes import Note
from bot.domain.secrets import Redactor

findings = st.builds(
    Finding,
    rule=st.just("defect"),
    severity=st.sampled_from(Severity),
    path=st.sampled_from(["a.py", "b.py"]),
    line=st.integers(1, 9),
    title=st.just("Breaks"),
    fingerprint=st.uuids().map(str),
)


def claim(line: int | None = 10, path: str = "a.py", old_line: int | None = None) -> Finding:
    return Finding(
        rule="defect",
        severity=Severity.MAJOR,
        path=path,
        line=line,
        old_line=old_line,
        title="Breaks",
        fingerprint="f",
    )


def thread(line: int | None, *, resolved: bool | None = False, old_line: int | None = None) -> Note:
    return Note(1, 7, "Is this right?", "d", resolved=resolved, path="a.py", new_line=line, old_line=old_line)


@given(st.lists(findings, max_size=30), st.sampled_from(Severity), st.integers(0, 10))
def test_whatever_goes_in_comes_out_shown_or_with_a_reason(
    found: list[Finding], floor: Severity, most: int
) -> None:
    through, mild = passed(worst_first(found), [severity_floor(floor)])
    shown, many = at_most(through, most)
    decided = [decision.key for decision in (*mild, *many)]
    assert sorted([one.fingerprint for one in shown] + decided) == sorted(one.fingerprint for one in found)
    assert all(decision.reason and not decision.allowed and decision.about for decision in (*mild, *many))
    assert len(shown) <= most
    assert [one.severity.rank for one in shown] == sorted((one.severity.rank for one in shown), reverse=True)


def test_what_a_check_says_on_the_line_is_not_said_again() -> None:
    gate = said_by_a_check([claim(line=11)])
    assert gate(claim(line=11)) == CHECK_SAYS_IT
    assert gate(claim(line=10)) == ""
    assert gate(claim(line=11, path="b.py")) == ""


def test_a_persons_open_thread_is_not_talked_over() -> None:
    gate = said_by_a_person([thread(12)])
    assert gate(claim(line=10)) == PERSON_SAYS_IT
    assert gate(claim(line=20)) == ""


def test_a_thread_that_was_resolved_does_not_silence_a_finding() -> None:
    assert said_by_a_person([thread(10, resolved=True)])(claim(line=10)) == ""


def test_a_thread_on_a_removed_line_is_about_that_line() -> None:
    gate = said_by_a_person([thread(None, old_line=5)])
    assert gate(claim(line=None, old_line=5)) == PERSON_SAYS_IT
    assert gate(claim(line=5)) == ""


def test_a_finding_without_a_line_is_never_a_duplicate_of_one_with_a_line() -> None:
    assert said_by_a_check([claim(line=None)])(claim(line=None)) == ""


def test_a_persons_words_are_told_without_their_secrets() -> None:
    secret = "glpat-" + "Zq8Rt2vLm4" + "Xc7Wn1Kd9P"
    one = Known("f", claim(), state="dismissed", by=f"ada {secret}", why=f"by design,\nsee {secret}")
    _, (decision,) = passed([claim()], [put_aside([one], (), Redactor())])
    assert decision.reason.startswith("dismissed by ada <REDACTED:")
    assert "by design, see <REDACTED:" in decision.reason
    assert secret not in decision.reason


def test_on_a_line_that_another_tells_of_only_what_names_the_same_is_said_by_the_check() -> None:
    checked = Finding(
        rule="python/F821",
        severity=Severity.CRITICAL,
        path="a.py",
        line=3,
        title='Undefined name "price"',
        fingerprint="3",
    )
    same = checked.model_copy(update={"title": "price is never imported", "rule": "missing"})
    other = checked.model_copy(update={"title": "The total is counted twice", "rule": "twice"})
    assert [said_by_a_check([checked])(one) for one in (same, other)] == [CHECK_SAYS_IT, CHECK_SAYS_IT]
    assert [said_by_a_check([checked], {"3"})(one) for one in (same, other)] == [CHECK_SAYS_IT, ""]


def test_a_name_of_one_letter_is_not_in_every_title() -> None:
    checked = claim(line=3).model_copy(update={"title": 'Undefined name "x"', "fingerprint": "3"})
    second = claim(line=3).model_copy(update={"title": 'Undefined name "price"', "fingerprint": "4"})
    other = claim(line=3).model_copy(update={"title": "Unhandled exception in the parser"})
    same = claim(line=3).model_copy(update={"title": "x is never imported"})
    gate = said_by_a_check([checked, second], {"3", "4"})
    assert [gate(one) for one in (other, same)] == ["", CHECK_SAYS_IT]
