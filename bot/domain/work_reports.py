"""The account of a run that reviews nothing: what was done, what was not and why, as text or Markdown."""

from collections.abc import Iterable
from typing import Final

from bot.domain.actions import Outcome, Report
from bot.domain.markdown import one_line
from bot.domain.visible import on_one_line

NAME: Final = "Trivet"
NOTHING = "Nothing to do."
DONE, UNCHANGED, MISSED, HELD = "Done:", "As it was:", "Did not succeed:", "Not done:"
WOULD = "Would be done, or is there already:"
TRIED = "dry run"
FAILED, COMPLAINTS = "What failed:", "Complaints:"
TOOK = "{agent} of {target}, {seconds:.1f} s"
PAID = ", {tokens:,} tokens by {model}"


def work_text(report: Report) -> str:
    """For a shell: every text on one line, but what was only described, which stands as it would be written."""
    head = on_one_line(report.target) + (f"\n{on_one_line(report.url)}" if report.url else "")
    parts = (head, on_one_line(report.message), *_lists(report), _paid(report))
    return "\n\n".join(filter(None, parts)) + "\n"


def work_markdown(report: Report) -> str:
    """The same account, every text literal."""
    lists = "\n\n".join(filter(None, _lists(report, marked=True)))
    parts = (
        f"## {NAME}: {one_line(report.target)}",
        one_line(report.message) if report.message else "",
        lists,
        one_line(_paid(report)),
    )
    return "\n\n".join(filter(None, parts)) + "\n"


def _lists(report: Report, *, marked: bool = False) -> list[str]:
    is_try = all(one.reason.startswith(TRIED) for one in report.outcomes)
    kinds = (
        (DONE, ("done",)),
        (WOULD if is_try else UNCHANGED, ("unchanged",)),
        (MISSED, ("refused", "failed")),
    )
    by_result = {name: [one for one in report.outcomes if one.result in results] for name, results in kinds}
    held = [f"{one.key}: {one.reason}" for one in report.decisions if not one.allowed]
    lists = [_listed(name, map(_outcome, some), marked) for name, some in by_result.items()]
    lists += [
        _listed(HELD, held, marked),
        _listed(FAILED, report.failures, marked),
        _listed(COMPLAINTS, (one for one in report.complaints if one not in report.failures), marked),
    ]
    is_idle = not any(lists) and not report.message
    return [NOTHING] if is_idle else lists


def _outcome(outcome: Outcome) -> str:
    what = outcome.about.removesuffix(":") or outcome.key
    said = f"{what}: {outcome.reason}" if outcome.reason else what
    return f"{said} ({outcome.url})" if outcome.url else said


def _listed(title: str, items: Iterable[str], marked: bool) -> str:
    lines = [f"- {one_line(item)}" if marked else f"- {_indented(item)}" for item in items]
    gap = "\n\n" if marked else "\n"
    return f"{title}{gap}" + "\n".join(lines) if lines else ""


def _indented(item: str) -> str:
    first, *more = (on_one_line(line) for line in item.split("\n"))
    return "\n".join([first, *(f"  {line}" if line else "" for line in more)])


def _paid(report: Report) -> str:
    took = TOOK.format(agent=report.agent, target=report.target, seconds=report.seconds)
    paid = PAID.format(tokens=report.tokens, model=report.model) if report.model_calls else ""
    return on_one_line(took + paid)
