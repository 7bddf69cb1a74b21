"""The one note about a whole change: the verdict first, what is for the curious folded away.

Like every text of ours it is not yet safe to post: `bot.domain.sanitize` stands before every write.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from bot.domain.actions import Coverage, Decision
from bot.domain.findings import Finding, Severity
from bot.domain.markdown import (
    DETAILS,
    QUOTED_LINE,
    code,
    counted,
    kinds,
    one_line,
    prose_line,
    said_by,
    severity_word,
    spent,
    used,
)

NOTHING_FOUND = "Nothing to report in {files}."
NOTHING_SEEN = "Nothing to report in what was read of {files}."
NOTHING_CHANGED = "There is nothing to review in this change."
FOUND = "**{findings}** in {files}: {severities}."
NOT_ALL_READ = " {unread} not read."
AREAS = "| Area | Files | Findings |\n|---|--:|--:|\n{rows}"
AREA_ROW = "| {area} | {files} | {findings} |"
TOP_LEVEL = "top level"
OTHER_AREAS = "{areas} more"
COURSE = "{said}."
UNPLACED = "**Not shown on a line**"
UNPLACED_ITEM = "- **{severity}: {title}** {place}<br>{said}"
OWN_TEXT = "in the merge request's own text"
COVERED = "{read} of {files} read"
COVERED_BY_CHECKS = "{read} of {files} read, {checked} by the checks only"
NOT_READ, CHECKED = "Not read:", "Read by the checks only:"
FILE_ITEM = "- {path} · {reason}"
FILES_ITEM = "- {files} · {reason}<br>{paths}"
MORE_PATHS = "{paths} and {more:,} more"
MORE = "- and {more}"
COMPLAINT = "- ⚠ {complaint}"
KEPT_BACK = "{findings} kept back"
KEPT_ITEM = "- {about} · {reason}"
ABOUT = "About this review"
ABOUT_HEAD = "- Commit {head}"
ABOUT_AGAIN = "- Read again: {read:,} of {files}"
ABOUT_CHECKS = "- Checks: {checks}"
ABOUT_MODEL = "- Model: {model}, {used}"
ABOUT_NO_MODEL = "- No model is configured: these are the checks that need none."
ABOUT_KEPT_BACK = "- {findings} not shown: milder than asked for, or more than one note should hold"
ABOUT_TIME = "- {time}"

MOST_AREAS: Final = 8  # rows of the table
MOST_PATHS, FEW_PATHS = 20, 3  # named beside a reason that many files share; so few get an item each
MOST_KEPT: Final = 20  # findings named that are kept back
LONGEST_COMPLAINT: Final = 1_000  # characters
COMPLAINTS_ROOM, UNPLACED_ROOM, NITS_ROOM, FILES_ROOM, KEPT_ROOM = 6_000, 12_000, 4_000, 10_000, 8_000
"""Characters that each list of a summary may take: the whole stays below what policy lets through (60,000)."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What the summary note tells. `findings` are all that are open, `unplaced` and `nits` those without a line.

    `head` is the commit, `ledger` the table of `bot.domain.ledger_table`, `checks` the names of the checks that ran.
    `failures` are what a model did not do; the complaints tell it, too. `left_out`: what was decided of findings that
    are not shown. `kept_back` is their number, where that is all that is known. `fixed`, `dismissed`, `outdated`: how
    many findings of earlier reviews have become that. `read_again`: how many of the files had changed since they were
    read, None at a first review. `model` is empty where none is configured. `cached_tokens` are part of `tokens`.
    `seconds` are wall time, 0 where they are not told.
    """

    head: str
    findings: tuple[Finding, ...] = ()
    unplaced: tuple[Finding, ...] = ()
    nits: tuple[Finding, ...] = ()
    fixed: int = 0
    dismissed: int = 0
    outdated: int = 0
    ledger: str = ""
    coverage: tuple[Coverage, ...] = ()
    complaints: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    kept_back: int = 0
    left_out: tuple[Decision, ...] = ()
    read_again: int | None = None
    model: str = ""
    model_calls: int = 0
    tokens: int = 0
    cached_tokens: int = 0
    cost_usd: float = 0.0
    seconds: float = 0.0


def summary_note(summary: Summary) -> str:
    """The one note about the whole change: the verdict first, what is for the curious folded away."""
    parts = (
        _complaints(summary.complaints),
        _verdict(summary),
        _course(summary),
        _areas(summary),
        summary.ledger,
        _nits(summary.nits),
        _files(summary.coverage),
        _left_out(summary.left_out),
        DETAILS.format(summary=ABOUT, content=_about(summary)),
    )
    items = _fitting(map(_unplaced_item, summary.unplaced), UNPLACED_ROOM, "more finding")
    return _with_items("\n\n".join(filter(None, parts)), items)


def with_unplaced(body: str, findings: Sequence[Finding]) -> str:
    """A rendered summary with findings that got no line on the merge request, before what is folded away.

    Those it lists already are not added again.
    """
    return _with_items(body, map(_unplaced_item, findings))


def _with_items(body: str, items: Iterable[str]) -> str:
    listed = frozenset(body.split("\n"))
    new = [item for item in items if item not in listed]
    if not new:
        return body
    visible_part, folded, rest = body.partition("\n\n<details>")
    section = "" if f"\n\n{UNPLACED}\n\n" in visible_part else f"\n\n{UNPLACED}\n"
    return "\n".join((visible_part + section, *new)) + folded + rest


def _complaints(complaints: Sequence[str]) -> str:
    items = (COMPLAINT.format(complaint=one_line(one, LONGEST_COMPLAINT)) for one in complaints)
    return "\n".join(_fitting(items, COMPLAINTS_ROOM, "more complaint"))


def _verdict(summary: Summary) -> str:
    files, unread = len(summary.coverage), sum(not one.read for one in summary.coverage)
    if not files and not summary.findings:
        return NOTHING_CHANGED
    nothing = NOTHING_SEEN if summary.failures else NOTHING_FOUND
    said = nothing.format(files=counted(files, "changed file"))
    if summary.findings:
        said = FOUND.format(
            findings=counted(len(summary.findings), "finding"),
            files=counted(files, "changed file"),
            severities=_severities(summary.findings),
        )
    return said + (NOT_ALL_READ.format(unread=f"{counted(unread, 'file')} {_was(unread)}") if unread else "")


def _course(summary: Summary) -> str:
    """As in "2 fixed, 1 dismissed."; nothing where there is nothing of the kind."""
    counts = {"fixed": summary.fixed, "dismissed": summary.dismissed, "outdated": summary.outdated}
    said = ", ".join(f"{count:,} {state}" for state, count in counts.items() if count)
    return COURSE.format(said=said) if said else ""


def _severities(findings: Iterable[Finding]) -> str:
    counts = Counter(finding.severity for finding in findings)
    return ", ".join(f"{counts[one]} {one.value}" for one in reversed(Severity) if counts[one])


def _areas(summary: Summary) -> str:
    """A table of the top folders, those with most findings first; nothing where there is but one."""
    files = Counter(_area(one.path) for one in summary.coverage)
    found = Counter(_area(finding.path) for finding in summary.findings if finding.path)
    areas = sorted(files | found, key=lambda area: (-found[area], -files[area], area))
    if len(areas) < 2:
        return ""
    shown, others = areas[:MOST_AREAS], areas[MOST_AREAS:]
    rows = [_area_row(f"{code(area)}" if area else TOP_LEVEL, files[area], found[area]) for area in shown]
    if others:
        name = OTHER_AREAS.format(areas=f"{len(others):,}")
        rows.append(_area_row(name, sum(files[area] for area in others), sum(found[area] for area in others)))
    return AREAS.format(rows="\n".join(rows))


def _area(path: str) -> str:
    return f"{path.split('/', 1)[0]}/" if "/" in path else ""


def _area_row(area: str, files: int, findings: int) -> str:
    return AREA_ROW.format(area=area, files=f"{files:,}", findings=findings or "")


def _unplaced_item(finding: Finding) -> str:
    said = f"{prose_line(finding.detail)} <sub>{said_by(finding)}</sub>"
    return UNPLACED_ITEM.format(
        severity=severity_word(finding),
        title=prose_line(finding.title),
        place=_place(finding),
        said=said.strip(),
    )


def _nits(nits: Sequence[Finding]) -> str:
    """Folded: what is no more than a remark."""
    items = "\n".join(_fitting(map(_unplaced_item, nits), NITS_ROOM, "more nit"))
    return DETAILS.format(summary=counted(len(nits), "nit"), content=items) if nits else ""


def _place(finding: Finding) -> str:
    """Where a finding is, in a list. Without a path it is about the merge request's own text, which is quoted."""
    line, anchor = finding.line or finding.old_line, finding.anchor.strip()
    if not finding.path:
        return QUOTED_LINE.format(place=OWN_TEXT, anchor=code(anchor)) if anchor else OWN_TEXT
    return f"{code(finding.path)}, line {line}" if line else code(finding.path)


def _files(coverage: Sequence[Coverage]) -> str:
    """Folded: what was not read, and what no model was shown, each with its reason; nothing where there is none."""
    unread = [one for one in coverage if not one.read]
    checked = [one for one in coverage if one.read and one.reason]
    if not unread and not checked:
        return ""
    form, whole = COVERED_BY_CHECKS if checked else COVERED, counted(len(coverage), "file")
    heading = form.format(read=len(coverage) - len(unread), files=whole, checked=len(checked))
    return DETAILS.format(summary=heading, content=_unread_and_checked(unread, checked))


def _unread_and_checked(unread: Sequence[Coverage], checked: Sequence[Coverage]) -> str:
    """Two lists; with only one of them the heading above says what it is."""
    if not unread or not checked:
        return _by_reason([*unread, *checked], FILES_ROOM)
    half = FILES_ROOM // 2
    return "\n\n".join((NOT_READ, _by_reason(unread, half), CHECKED, _by_reason(checked, half)))


def _by_reason(coverage: Sequence[Coverage], room: int) -> str:
    """An item for each reason that many files share, and for every other file one of its own."""
    paths: dict[str, list[str]] = {}
    for one in coverage:
        paths.setdefault(one.reason, []).append(one.path)
    items = (item for reason, some in paths.items() for item in _reason_items(reason, some))
    return "\n".join(_fitting(items, room, "more item"))


def _reason_items(reason: str, paths: Sequence[str]) -> list[str]:
    said = one_line(reason)
    if len(paths) <= FEW_PATHS:
        return [FILE_ITEM.format(path=code(path), reason=said) for path in paths]
    named, more = ", ".join(map(code, paths[:MOST_PATHS])), len(paths) - MOST_PATHS
    shown = MORE_PATHS.format(paths=named, more=more) if more > 0 else named
    return [FILES_ITEM.format(files=counted(len(paths), "file"), reason=said, paths=shown)]


def _left_out(decisions: Sequence[Decision]) -> str:
    """Folded: how many findings were kept back and for which reasons, and what they were."""
    if not decisions:
        return ""
    named = [one for one in decisions if one.about]
    items = [
        KEPT_ITEM.format(about=prose_line(one.about), reason=prose_line(one.reason))
        for one in named[:MOST_KEPT]
    ]
    if named[MOST_KEPT:]:
        items.append(MORE.format(more=f"{len(named) - MOST_KEPT:,} more"))
    content = (
        f"{one_line(kinds(decisions), LONGEST_COMPLAINT)}.",
        "\n".join(_fitting(items, KEPT_ROOM, "more finding")),
    )
    heading = KEPT_BACK.format(findings=counted(len(decisions), "finding"))
    return DETAILS.format(summary=heading, content="\n\n".join(filter(None, content)))


def _about(summary: Summary) -> str:
    kept_back = 0 if summary.left_out else summary.kept_back
    lines = (
        ABOUT_HEAD.format(head=code(summary.head[:8])) if summary.head else "",
        _read_again(summary),
        ABOUT_CHECKS.format(checks=one_line(", ".join(summary.checks))) if summary.checks else "",
        ABOUT_KEPT_BACK.format(findings=counted(kept_back, "finding")) if kept_back else "",
        _model(summary),
        ABOUT_TIME.format(time=spent(summary.seconds)) if summary.seconds else "",
    )
    return "\n".join(filter(None, lines))


def _read_again(summary: Summary) -> str:
    files = counted(len(summary.coverage), "file")
    return "" if summary.read_again is None else ABOUT_AGAIN.format(read=summary.read_again, files=files)


def _model(summary: Summary) -> str:
    if not summary.model:
        return ABOUT_NO_MODEL
    said = used(summary.model, summary.model_calls, summary.tokens, summary.cached_tokens, summary.cost_usd)
    return ABOUT_MODEL.format(model=code(summary.model), used=said)


def _fitting(items: Iterable[str], room: int, noun: str) -> list[str]:
    """The items that `room` characters hold, and how many more there are."""
    shown: list[str] = []
    more = 0
    for item in items:
        room -= len(item) + 1
        if room >= 0:
            shown.append(item)
        else:
            more += 1
    return [*shown, MORE.format(more=counted(more, noun))] if more else shown


def _was(number: int) -> str:
    return "was" if number == 1 else "were"
