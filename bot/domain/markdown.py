"""What we write on a merge request: templates, and untrusted text put into them so that it shows literally.

The result is not yet safe to post: `bot.domain.sanitize` stands before every write.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from bot.domain.actions import Coverage, Decision
from bot.domain.findings import Finding, Severity
from bot.domain.visible import line_ends, on_one_line, visible

HEADLINE = "**{severity}: {title}**"
SOURCE = "<sub>{rule}</sub>"
SOURCE_WITH_EVIDENCE = "<sub>{rule} · {evidence}</sub>"
BY_MODEL = "{rule}, found by the model"
LINE = "Line {line}"
LINES = "Lines {line} to {end}"
LINE_BEFORE = "Line {line} before this change"
QUOTED_LINE = "{place}: {anchor}"
DETAILS = "<details>\n<summary>{summary}</summary>\n\n{content}\n\n</details>"

NOTHING_FOUND = "Nothing to report in {files}."
NOTHING_SEEN = "Nothing to report in what was read of {files}."
NOTHING_CHANGED = "There is nothing to review in this change."
FOUND = "**{findings}** in {files}: {severities}."
NOT_ALL_READ = " {unread} not read."
AREAS = "| Area | Files | Findings |\n|---|--:|--:|\n{rows}"
AREA_ROW = "| {area} | {files} | {findings} |"
TOP_LEVEL = "top level"
OTHER_AREAS = "{areas} more"
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
OTHER_KINDS = "for other reasons"
KEPT_ITEM = "- {about} · {reason}"
ABOUT = "About this review"
ABOUT_HEAD = "- Commit {head}"
ABOUT_CHECKS = "- Checks: {checks}"
ABOUT_MODEL = "- Model: {model}, {used}"
ABOUT_NO_MODEL = "- No model is configured: these are the checks that need none."
ABOUT_KEPT_BACK = "- {findings} not shown: milder than asked for, or more than one note should hold"
ABOUT_TIME = "- {time}"
CACHED = "{tokens} ({share} % cached)"
COST = "{amount} USD"
COST_TINY = "less than 0.0001 USD"
COST_UNKNOWN = "cost not known"
LOCAL_MODELS = ("ollama:",)  # providers that nobody is paid for
FAILURE = "**Trivet could not finish here.** {sentence}"
RECOVERY = "An earlier run failed here; commit {head} has been reviewed since."

SHORT_EVIDENCE: Final = 160  # characters that fit a small line
MOST_AREAS: Final = 8  # rows of the table
MOST_PATHS, FEW_PATHS = 20, 3  # named beside a reason that many files share; so few get an item each
MOST_KEPT, MOST_KINDS = 20, 6  # findings named that are kept back, kinds of reasons
MOST_REPLACED: Final = 100  # lines above and below its own that a suggestion may replace
LONGEST_LINE, LONGEST_CODE = 300, 200  # characters of a one-line text, of a code span
LONGEST_DETAIL, LONGEST_EVIDENCE, LONGEST_SUGGESTION = 2_000, 4_000, 10_000  # characters of a comment's parts
LONGEST_COMPLAINT: Final = 1_000
COMPLAINTS_ROOM, UNPLACED_ROOM, FILES_ROOM, KEPT_ROOM = 6_000, 16_000, 10_000, 8_000
"""Characters that each list of a summary may take: the whole stays below what policy lets through (60,000)."""

SPECIAL = re.compile(r"[\\`*\[\]<>|~&$]|(?<![^\W_])_|_(?![^\W_])")
BLOCK_START = re.compile(r"^(?:(#{1,6}|[-+=:])|(\d{1,9})([.)]))", re.MULTILINE)
ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
TICKS = re.compile(r"`+")
SPAN_OR_SPECIAL = re.compile(rf"(?<![`\\])`(?P<code>[^`\n]{{1,{LONGEST_CODE}}})`(?!`)|{SPECIAL.pattern}")


def inert(text: str) -> str:
    """Untrusted plain text as Markdown that shows it literally: a line, or paragraphs with a blank line between."""
    return _block_safe(SPECIAL.sub(_escaped, _trimmed(text)))


def prose(text: str) -> str:
    """Like `inert`, but what stands between two single backticks is a code span: how people and models quote names."""
    return _block_safe(SPAN_OR_SPECIAL.sub(_span_or_escaped, _trimmed(text)))


def one_line(text: str, limit: int = LONGEST_LINE) -> str:
    """Like `inert`, on one line and at most `limit` characters of the text: for a table, a list, a heading."""
    return inert(_cut(on_one_line(text), limit))


def prose_line(text: str, limit: int = LONGEST_LINE) -> str:
    """Like `prose`, on one line and at most `limit` characters of the text."""
    return prose(_cut(on_one_line(text), limit))


def code(text: str) -> str:
    """A short untrusted text, a path say, in a code span. With a pipe, which would end a table's cell, as text."""
    flat = _cut(on_one_line(text), LONGEST_CODE)
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


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 1].rstrip()}…"


def _trimmed(text: str) -> str:
    return "\n".join(line.strip() for line in visible(line_ends(text)).strip().split("\n"))


def _escaped(found: re.Match[str]) -> str:
    return ENTITIES.get(found[0], f"\\{found[0]}")


def _span_or_escaped(found: re.Match[str]) -> str:
    if found["code"] is None:
        return _escaped(found)
    return code(found["code"]) if found["code"].strip() else "\\`\\`"


def _block_safe(text: str) -> str:
    """No line begins a heading, a list, a rule or a quote."""
    return BLOCK_START.sub(lambda found: f"\\{found[1]}" if found[1] else f"{found[2]}\\{found[3]}", text)


# --- one finding ---


def by_model(finding: Finding) -> bool:
    """Whether a model says it, not a check: the rule of a check names the check before a slash, as "python/F821"."""
    return "/" not in finding.rule


def finding_comment(finding: Finding, *, on_file: bool = False) -> str:
    """The comment on a finding's line: what breaks, when and why, the suggestion, who says it and what shows it.

    `on_file`: the comment stands on the file as a whole, so it names and quotes the line, and suggests nothing.
    """
    parts = (
        HEADLINE.format(severity=_severity(finding), title=prose_line(finding.title)),
        _quoted_line(finding) if on_file else "",
        prose(_cut(finding.detail, LONGEST_DETAIL)),
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
    if max(above, below) > MOST_REPLACED or sum(map(len, suggestion.lines)) > LONGEST_SUGGESTION:
        return ""
    return fence(f"suggestion:-{above}+{below}", suggestion.lines)


def _source(finding: Finding) -> str:
    """Small: the rule, whether a model found it, and the evidence, a tool's longer output folded away."""
    evidence, who = _cut(finding.evidence.strip(), LONGEST_EVIDENCE), _who(finding)
    if not evidence:
        return SOURCE.format(rule=who)
    if by_model(finding) or ("\n" not in evidence and len(evidence) <= SHORT_EVIDENCE):
        return SOURCE_WITH_EVIDENCE.format(rule=who, evidence=prose_line(evidence))
    folded = DETAILS.format(
        summary="Evidence", content=fence("text", visible(line_ends(evidence)).split("\n"))
    )
    return f"{SOURCE.format(rule=who)}\n\n{folded}"


def _who(finding: Finding) -> str:
    rule = code(finding.rule)
    return BY_MODEL.format(rule=rule) if by_model(finding) else rule


# --- the summary ---


@dataclass(frozen=True, slots=True)
class Summary:
    """What the summary note tells. `findings` are all that are shown, `unplaced` those of them without a line.

    `head` is the commit, `ledger` the table of `bot.domain.ledger_table`, `checks` the names of the checks that ran.
    `failures` are what a model did not do; the complaints tell it, too. `left_out`: what was decided of findings that
    are not shown. `kept_back` is their number, where that is all that is known. `model` is empty where none is
    configured. `cached_tokens` are part of `tokens`. `seconds` are wall time, 0 where they are not told.
    """

    head: str
    findings: tuple[Finding, ...] = ()
    unplaced: tuple[Finding, ...] = ()
    ledger: str = ""
    coverage: tuple[Coverage, ...] = ()
    complaints: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    kept_back: int = 0
    left_out: tuple[Decision, ...] = ()
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
        _areas(summary),
        summary.ledger,
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


def failure_note(sentence: str) -> str:
    """What is said once where a run failed. `sentence` is an error's text for a person."""
    return FAILURE.format(sentence=inert(sentence))


def recovery_note(head: str) -> str:
    """What takes the place of a failure note once a run went well. `head` is the commit it read."""
    return RECOVERY.format(head=code(head[:8]))


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
    said = f"{prose_line(finding.detail)} <sub>{_who(finding)}</sub>"
    return UNPLACED_ITEM.format(
        severity=_severity(finding), title=prose_line(finding.title), place=_place(finding), said=said.strip()
    )


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
        ABOUT_CHECKS.format(checks=one_line(", ".join(summary.checks))) if summary.checks else "",
        ABOUT_KEPT_BACK.format(findings=counted(kept_back, "finding")) if kept_back else "",
        _model(summary),
        ABOUT_TIME.format(time=spent(summary.seconds)) if summary.seconds else "",
    )
    return "\n".join(filter(None, lines))


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


# --- numbers as people say them ---


def kinds(decisions: Iterable[Decision]) -> str:
    """How often each kind of reason, most frequent first: "2 × refuted in the second look, 1 × a check says it"."""
    counts = Counter(decision.reason.partition(": ")[0] for decision in decisions).most_common()
    others = sum(number for _, number in counts[MOST_KINDS:])
    named = [*counts[:MOST_KINDS], *([(OTHER_KINDS, others)] if others else [])]
    return ", ".join(f"{number:,} × {kind}" for kind, number in named)


def used(model: str, calls: int, tokens: int, cached: int, cost_usd: float) -> str:
    """What a model was asked and paid: "14 calls, 81,204 tokens (62 % cached), 0.21 USD"."""
    if not calls:
        return counted(0, "call")
    counts = counted(tokens, "token")
    parts = (
        counted(calls, "call"),
        CACHED.format(tokens=counts, share=round(100 * cached / tokens)) if cached and tokens else counts,
        cost(cost_usd) if cost_usd else "" if model.startswith(LOCAL_MODELS) else COST_UNKNOWN,
    )
    return ", ".join(filter(None, parts))


def cost(usd: float) -> str:
    """Money with at least two digits that tell something: "12.40 USD", "0.21 USD", "0.0042 USD"."""
    if usd < 0.0001:
        return COST_TINY
    digits = max(2, 1 - math.floor(math.log10(usd)))
    return COST.format(amount=f"{usd:,.{digits}f}")


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
