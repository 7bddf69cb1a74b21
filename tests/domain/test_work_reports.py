"""The account of a run that reviews nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.actions import Decision, Outcome, Report
from bot.domain.reports import FORMATS
from bot.domain.work_reports import work_markdown, work_text

REPORT = Report(
    run="r",
    agent="link",
    target="acme/shop!7",
    url="https://gitlab.example.com/acme/shop/-/merge_requests/7",
    state="done",
    outcomes=(
        Outcome(key="link:SHOP-12", result="done", about="link SHOP-12 to !7", url="https://jira/SHOP-12"),
        Outcome(key="mr:1:7", result="unchanged", reason="dry run: not written\n- A line", about="comment:"),
        Outcome(key="move", result="refused", about="move SHOP-12 to Done", reason="no transition leads"),
    ),
    decisions=(Decision(key="edit", allowed=False, reason="proposed twice"),),
    failures=("the model failed",),
    complaints=("SHOP-9 cannot be read", "the model failed"),
)


def test_what_was_done_what_was_not_and_why_are_told_apart() -> None:
    text = work_text(REPORT)
    for part in (
        "acme/shop!7\nhttps://gitlab.example.com",
        "Done:\n- link SHOP-12 to !7 (https://jira/SHOP-12)",
        "As it was:\n- comment: dry run: not written\n  - A line",
        "Did not succeed:\n- move SHOP-12 to Done: no transition leads",
        "Not done:\n- edit: proposed twice",
        "What failed:\n- the model failed",
        "Complaints:\n- SHOP-9 cannot be read",
    ):
        assert part in text
    assert text.count("the model failed") == 1


def test_a_run_with_nothing_to_do_says_so() -> None:
    assert "Nothing to do." in work_text(Report(run="r", agent="link", target="acme/shop!7", state="done"))


@given(st.text(), st.text())
def test_what_others_wrote_is_one_line_and_no_markup_of_a_page(about: str, reason: str) -> None:
    outcome = Outcome(key="k", result="done", about=about, reason=reason)
    page = work_markdown(Report(run="r", agent="triage", target="SHOP-1", state="done", outcomes=(outcome,)))
    assert len([line for line in page.splitlines() if line.startswith("- ")]) == 1
    assert "<script" not in page


@pytest.mark.parametrize("form", ["text", "json", "markdown"])
def test_every_format_of_the_command_tells_it(form: str) -> None:
    assert "SHOP-12" in FORMATS[form](REPORT)
