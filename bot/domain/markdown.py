"""What we write on a merge request: templates, and untrusted text put into them so that it shows literally.

The result is not yet safe to post: `bot.domain.sanitize` stands before every write.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from bot.domain.actions import Decision
from bot.domain.findings import Finding
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
OTHER_KINDS = "for other reasons"
CACHED = "{tokens} ({share} % cached)"
COST = "{amount} USD"
COST_TINY = "less than 0.0001 USD"
COST_UNKNOWN = "cost not known"
LOCAL_MODELS = ("ollama:",)  # providers that nobody is paid for
FAILURE = "**Trivet could not finish here.** {sentence}"
RECOVERY = "An earlier run failed here; commit {head} has been reviewed since."
FIXED = "Fixed in {commit}."
REGRESSED = "Back again in {commit}."

SHORT_EVIDENCE: Final = 160  # characters that fit a small line
MOST_KINDS: Final = 6  # of reasons that are told apart
MOST_REPLACED: Final = 100  # lines above and below its own that a suggestion may replace
LONGEST_LINE, LONGEST_CODE = 300, 200  # characters of a one-line text, of a code span
LONGEST_DETAIL, LONGEST_EVIDENCE, LONGEST_SUGGESTION = 2_000, 4_000, 10_000  # characters of a comment's parts

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
        HEADLINE.format(severity=severity_word(finding), title=prose_line(finding.title)),
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


def severity_word(finding: Finding) -> str:
    """As in "Critical"."""
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
    evidence, who = _cut(finding.evidence.strip(), LONGEST_EVIDENCE), said_by(finding)
    if not evidence:
        return SOURCE.format(rule=who)
    if by_model(finding) or ("\n" not in evidence and len(evidence) <= SHORT_EVIDENCE):
        return SOURCE_WITH_EVIDENCE.format(rule=who, evidence=prose_line(evidence))
    folded = DETAILS.format(
        summary="Evidence", content=fence("text", visible(line_ends(evidence)).split("\n"))
    )
    return f"{SOURCE.format(rule=who)}\n\n{folded}"


def said_by(finding: Finding) -> str:
    """The rule, and whether a model found it."""
    rule = code(finding.rule)
    return BY_MODEL.format(rule=rule) if by_model(finding) else rule


# --- notes of one line ---


def failure_note(sentence: str) -> str:
    """What is said once where a run failed. `sentence` is an error's text for a person."""
    return FAILURE.format(sentence=inert(sentence))


def recovery_note(head: str) -> str:
    """What takes the place of a failure note once a run went well. `head` is the commit it read."""
    return RECOVERY.format(head=code(head[:8]))


def fixed_line(commit: str) -> str:
    """What is said in the thread of a finding that the commit fixed, before it is closed.

    Commits stand in a code span: written bare, GitLab would note on the commit that it was mentioned
    (docs.gitlab.com/user/markdown, "GitLab-specific references").
    """
    return FIXED.format(commit=code(commit[:8]))


def regressed_line(commit: str) -> str:
    """What is said in the thread of a finding that the commit brought back, before it is opened again."""
    return REGRESSED.format(commit=code(commit[:8]))


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


def spent(seconds: float) -> str:
    """Wall time for a person: "0.4 s", "12 s", "3 min 5 s"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
