"""What we write on a merge request: templates, and untrusted text put into them so that it shows literally.

The result is not yet safe to post: `bot.domain.sanitize` stands before every write.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.domain.actions import Coverage
from bot.domain.findings import Finding, Severity
from bot.domain.sanitize import line_ends, visible

HEADLINE = "**{severity}: {title}**"
SOURCE = "<sub>{rule}</sub>"
SOURCE_WITH_EVIDENCE = "<sub>{rule} · {evidence}</sub>"
LINE = "Line {line}"
LINES = "Lines {line} to {end}"
LINE_BEFORE = "Line {line} before this change"
QUOTED_LINE = "{place}: {anchor}"
DETAILS = "<details>\n<summary>{summary}</summary>\n\n{content}\n\n</details>"

NOTHING_FOUND = "Nothing to report in {files}."
NOTHING_CHANGED = "There is nothing to review in this change."
FOUND = "**{findings}** in {files}: {severities}."
NOT_ALL_READ = " {unread} not read."
AREAS = "| Area | Files | Findings |\n|---|--:|--:|\n{rows}"
AREA_ROW = "| {area} | {files} | {findings} |"
TOP_LEVEL = "top level"
OTHER_AREAS = "{areas} more"
UNPLACED = "**Not shown on a line**"
UNPLACED_ITEM = "- **{severity}: {title}** {place}"
COVERED = "{read} of {files} read"
UNREAD_ITEM = "- {path}: {reason}"
MORE = "- and {more}"
COMPLAINT = "- ⚠ {complaint}"
ABOUT = "About this review"
ABOUT_HEAD = "- Commit {head}"
ABOUT_CHECKS = "- Checks: {checks}"
ABOUT_MODEL = "- Model: {model}, {calls}, {tokens} tokens{cost}"
ABOUT_NO_MODEL = "- No model is configured: these are the checks that need none."
ABOUT_KEPT_BACK = "- {findings} not shown: milder than asked for, or more than one note should hold"
ABOUT_TIME = "- {time}"
FAILURE = "**Trivet could not finish here.** {sentence}"
RECOVERY = "An earlier run failed here; commit {head} has been reviewed since."

SHORT_EVIDENCE = 160  # characters that fit a small line
MOST_AREAS, MOST_UNREAD = 8, 200  # rows of the table, items of the list
MOST_REPLACED = 100  # lines above and below its own that a suggestion may replace
LONGEST_LINE = 300  # characters of a one-line text

SPECIAL = re.compile(r"[\\`*\[\]<>|~&$]|(?<![^\W_])_|_(?![^\W_])")
BLOCK_START = re.compile(r"^(?:(#{1,6}|[-+=:])|(\d{1,9})([.)]))", re.MULTILINE)
ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
TICKS = re.compile(r"`+")


def inert(text: str) -> str:
    """Untrusted plain text as Markdown that shows it literally: a line, or paragraphs with a blank line between."""
    lines = (line.strip() for line in visible(line_ends(text)).strip().split("\n"))
    escaped = SPECIAL.sub(lambda found: ENTITIES.get(found[0], f"\\{found[0]}"), "\n".join(lines))
    return BLOCK_START.sub(lambda found: f"\\{found[1]}" if found[1] else f"{found[2]}\\{found[3]}", escaped)


def one_line(text: str, limit: int = LONGEST_LINE) -> str:
    """Like `inert`, on one line and at most `limit` characters of the text: for a table, a list, a heading."""
    flat = " ".join(visible(line_ends(text)).split())
    return inert(flat if len(flat) <= limit else f"{flat[: limit - 1].rstrip()}…")


def code(text: str) -> str:
    """A short untrusted text, a path say, in a code span. With a pipe, which would end a table's cell, as text."""
    flat = " ".join(visible(line_ends(text)).split())
    if "|" in flat or not flat:
        return inert(flat)
    bar = _bar(flat, shortest=1)
    pad = " " if flat.startswith("`") or flat.endswith("`") else ""
    return f"{bar}{pad}{flat}{pad}{bar}"


def fence(info: str, lines: Sequence[str]) -> str:
    """A fenced block that its content cannot end."""
    bar = _bar("\n".join(lines), shortest=3)
    return "\n".join((bar + info, *lines, bar))


def _bar(text: str, shortest: int) -> str:
    return "`" * max(shortest, 1 + max((len(run) for run in TICKS.findall(text)), default=0))


# --- one finding ---


def finding_comment(finding: Finding, *, on_file: bool = False) -> str:
    """The comment on a finding's line: what breaks, the detail, the suggestion, why we believe it.

    `on_file`: the comment stands on the file as a whole, so it names and quotes the line, and suggests nothing.
    """
    parts = (
        HEADLINE.format(severity=_severity(finding), title=one_line(finding.title)),
        _quoted_line(finding) if on_file else "",
        inert(finding.detail),
        "" if on_file else _suggestion(finding),
        _source(finding),
    )
    return "\n\n".join(filter(None, parts))


def _quoted_line(finding: Finding) -> str:
    """Which line a comment on the whole file means; nothing where it means the file."""
    line, end = finding.line or finding.old_line, finding.end_line
    if line is None:
        return ""
    form = LINE_BEFORE if finding.line is None else LINES if end and end > line else LINE
    place, anchor = form.format(line=line, end=end), finding.anchor.strip()
    return QUOTED_LINE.format(place=place, anchor=code(anchor)) if anchor else place


def _severity(finding: Finding) -> str:
    return finding.severity.value.capitalize()


def _suggestion(finding: Finding) -> str:
    """GitLab counts the replaced lines from the comment's own line, which is a span's last one."""
    suggestion, last = finding.suggestion, finding.end_line or finding.line
    if suggestion is None or last is None or not suggestion.start <= last <= suggestion.end:
        return ""
    above, below = last - suggestion.start, suggestion.end - last
    if max(above, below) > MOST_REPLACED:
        return ""
    return fence(f"suggestion:-{above}+{below}", suggestion.lines)


def _source(finding: Finding) -> str:
    evidence = finding.evidence.strip()
    rule = code(finding.rule)
    if not evidence:
        return SOURCE.format(rule=rule)
    if "\n" not in evidence and len(evidence) <= SHORT_EVIDENCE:
        return SOURCE_WITH_EVIDENCE.format(rule=rule, evidence=one_line(evidence))
    folded = DETAILS.format(
        summary="Evidence", content=fence("text", visible(line_ends(evidence)).split("\n"))
    )
    return f"{SOURCE.format(rule=rule)}\n\n{folded}"


# --- the summary ---


@dataclass(frozen=True, slots=True)
class Summary:
    """What the summary note tells. `findings` are all that are shown, `unplaced` those of them without a line.

    `head` is the commit, `checks` the names of the checks that ran, `kept_back` how many findings policy left out,
    `model` is empty where none is configured. `seconds` are wall time, 0 where they are not told.
    """

    head: str
    findings: tuple[Finding, ...] = ()
    unplaced: tuple[Finding, ...] = ()
    coverage: tuple[Coverage, ...] = ()
    complaints: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    kept_back: int = 0
    model: str = ""
    model_calls: int = 0
    tokens: int = 0
    cost_usd: float = 0.0
    seconds: float = 0.0


def summary_note(summary: Summary) -> str:
    """The one note about the whole change: the verdict first, what is for the curious folded away."""
    parts = (
        "\n".join(COMPLAINT.format(complaint=inert(one)) for one in summary.complaints),
        _verdict(summary),
        _areas(summary),
        _unread(summary.coverage),
        DETAILS.format(summary=ABOUT, content=_about(summary)),
    )
    return with_unplaced("\n\n".join(filter(None, parts)), summary.unplaced)


def with_unplaced(body: str, findings: Sequence[Finding]) -> str:
    """A rendered summary with findings that got no line on the merge request, before what is folded away.

    Those it lists already are not added again.
    """
    listed = frozenset(body.split("\n"))
    items = [item for item in map(_unplaced_item, findings) if item not in listed]
    if not items:
        return body
    visible_part, folded, rest = body.partition("\n\n<details>")
    section = "" if f"\n\n{UNPLACED}\n\n" in visible_part else f"\n\n{UNPLACED}\n"
    return "\n".join((visible_part + section, *items)) + folded + rest


def failure_note(sentence: str) -> str:
    """What is said once where a run failed. `sentence` is an error's text for a person."""
    return FAILURE.format(sentence=inert(sentence))


def recovery_note(head: str) -> str:
    """What takes the place of a failure note once a run went well. `head` is the commit it read."""
    return RECOVERY.format(head=code(head[:8]))


def _verdict(summary: Summary) -> str:
    files, unread = len(summary.coverage), sum(not one.read for one in summary.coverage)
    if not files and not summary.findings:
        return NOTHING_CHANGED
    said = NOTHING_FOUND.format(files=counted(files, "changed file"))
    if summary.findings:
        said = FOUND.format(
            findings=counted(len(summary.findings), "finding"),
            files=counted(files, "changed file"),
            severities=_severities(summary.findings),
        )
    return said + (NOT_ALL_READ.format(unread=f"{counted(unread, 'file')} {_was(unread)}") if unread else "")


def _severities(findings: Iterable[Finding]) -> str:
    counts = Counter(finding.severity for finding in findings)
    return ", ".join(f"{counts[one]} {one.value}" for one in reversed(Severity) if counts[one])


def _areas(summary: Summary) -> str:
    """A table of the top folders, those with most findings first; nothing where there is but one."""
    files = Counter(_area(one.path) for one in summary.coverage)
    found = Counter(_area(finding.path) for finding in summary.findings)
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
    place = code(finding.path)
    line = finding.line or finding.old_line
    place += f", line {line}" if line else ""
    head = UNPLACED_ITEM.format(severity=_severity(finding), title=one_line(finding.title), place=place)
    return f"{head}<br>{one_line(finding.detail)}" if finding.detail.strip() else head


def _unread(coverage: Sequence[Coverage]) -> str:
    unread = [one for one in coverage if not one.read]
    if not unread:
        return ""
    items = [UNREAD_ITEM.format(path=code(one.path), reason=one_line(one.reason)) for one in unread]
    heading = COVERED.format(read=len(coverage) - len(unread), files=counted(len(coverage), "file"))
    more = [MORE.format(more=counted(len(items) - MOST_UNREAD, "more file"))] if items[MOST_UNREAD:] else []
    return DETAILS.format(summary=heading, content="\n".join(items[:MOST_UNREAD] + more))


def _about(summary: Summary) -> str:
    lines = (
        ABOUT_HEAD.format(head=code(summary.head[:8])) if summary.head else "",
        ABOUT_CHECKS.format(checks=one_line(", ".join(summary.checks))) if summary.checks else "",
        ABOUT_KEPT_BACK.format(findings=counted(summary.kept_back, "finding")) if summary.kept_back else "",
        _model(summary),
        ABOUT_TIME.format(time=spent(summary.seconds)) if summary.seconds else "",
    )
    return "\n".join(filter(None, lines))


def _model(summary: Summary) -> str:
    if not summary.model:
        return ABOUT_NO_MODEL
    return ABOUT_MODEL.format(
        model=code(summary.model),
        calls=counted(summary.model_calls, "call"),
        tokens=f"{summary.tokens:,}",
        cost=f", {summary.cost_usd:.2f} USD" if summary.cost_usd else "",
    )


def counted(number: int, noun: str) -> str:
    """The number with its noun: "1 file", "2 files"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _was(number: int) -> str:
    return "was" if number == 1 else "were"


def spent(seconds: float) -> str:
    """Wall time for a person: "0.4 s", "12 s", "3 min 5 s"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
