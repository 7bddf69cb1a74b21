"""Findings as they stand at the newest commit, where no review runs."""

from typing import Any

import pytest

from bot.domain.findings import Finding, Severity
from bot.domain.lifecycle import Known
from bot.domain.secrets import Redactor
from bot.proposing.at_head import at_head
from bot.proposing.means import Means
from tests.agents.review.pushes import Files, change_between
from tests.doubles import REQUEST, DictSnapshot
from tests.test_run import BOT, Agent, Reader

PATH, LINE = "a.py", "value = undefined_name"


class Host(Reader):
    files: Files

    def snapshot(self, request: Any) -> DictSnapshot:
        return DictSnapshot(self.files)


def placed(base: Files, head: Files, rule: str = "python/F821", **other: Any) -> Known:
    finding = Finding(
        rule=rule, severity=Severity.MAJOR, path=PATH, line=1, anchor=LINE, title="Undefined", fingerprint="k"
    )
    host = Host()
    host.files = head
    means = Means(reader=host, agent=Agent().spec, redactor=Redactor(), me=BOT)
    known = Known("k", finding, thread="t", **other)
    (one,) = at_head([known], REQUEST, change_between(base, head), means)
    return one


def test_a_finding_has_the_line_it_stands_on_now() -> None:
    one = placed({}, {PATH: f"# new\n{LINE}\n"})
    assert (one.state, one.finding.line) == ("open", 2)


def test_what_is_open_and_has_lost_its_line_is_outdated() -> None:
    assert placed({}, {PATH: "value = 1\n"}).state == "outdated"
    assert placed({}, {PATH: "value = 1\n"}, state="fixed").state == "fixed"


@pytest.mark.parametrize(("rule", "state"), [("python/F821", "outdated"), ("wrong-name", "open")])
def test_what_a_check_found_on_a_line_that_the_target_has_by_now_is_outdated(rule: str, state: str) -> None:
    assert placed({PATH: f"{LINE}\n"}, {PATH: f"{LINE}\nmore = 1\n"}, rule).state == state
    assert placed({PATH: f"{LINE}\n"}, {PATH: f"{LINE}\n", "b.py": "b = 1\n"}, rule).state == state
