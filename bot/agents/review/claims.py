"""What a model reported, held against the change: a claim on a line that exists, or the reason why there is none.

A model is trusted with words only. Which line it means follows from the text it quotes, as it was shown that text.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from bot.agents.review.checks.contract import titled
from bot.agents.review.diff_text import CUT, LONGEST_LINE, safe_text, shown_hunk
from bot.agents.review.schema import ReportedFinding, SuggestedEdit
from bot.agents.review.shown import shown_lines, shown_name
from bot.agents.spec import AgentContext
from bot.domain.change import FileChange, FileStatus, shown_path
from bot.domain.findings import Finding, Suggestion, identified
from bot.errors import PlatformError, Unavailable
from bot.ports import NotSearchable

NO_FILE = "it names a file that is not part of this change"
NO_ANCHOR = "it quotes no line"
NOT_THERE = "it quotes a line that is not in the file"
NO_WORDS = "it does not say what breaks"
NO_SYMBOL = "it names something that is nowhere in the repository: {symbol}"
TWICE = "another finding says the same"

LONGEST_DETAIL: Final = 900  # characters
LONGEST_EVIDENCE: Final = 300
LONGEST_QUOTE: Final = 400
SHORTEST_PART: Final = 12  # characters of a line that stand for the line
NEAR: Final = 3  # lines within which two findings may be one
ALIKE: Final = 0.5  # of the words of two titles
MOST_SYMBOLS: Final = 5
MOST_REPLACED: Final = 20  # lines
IDENTITY: Final = "model"  # a model words its rules anew each time: a claim is known by its line

_RULE = re.compile(r"[^a-z0-9]+")
_NUMBERED = re.compile(r"^\s*(?:\d+\s+){0,2}[+-]?\s?")
_SPACES = re.compile(r"\s+")
_NAME = re.compile(r"[A-Za-z_$][\w$]*")
_WORD = re.compile(r"\w{3,}")


@dataclass(frozen=True)
class Rejected:
    """A reported finding that stands on nothing, with the reason."""

    finding: Finding
    reason: str


@dataclass
class Source:
    """One changed file as a model saw it: line numbers at head, and those of removed lines, with their text."""

    file: FileChange
    head: dict[int, str]
    removed: dict[int, str]

    def places(self, anchor: str) -> Iterator[tuple[int, bool]]:
        """Where the quoted text stands: line number, and whether that is in the old file."""
        for lines, old in ((self.head, False), (self.removed, True)):
            exact = [number for number, text in lines.items() if _same(text, anchor)]
            part = [number for number, text in lines.items() if _holds(text, anchor)] if not exact else []
            yield from ((number, old) for number in exact or part)


def _ends(path: str, end: str) -> bool:
    return f"/{path}".endswith(f"/{end}")


@dataclass
class Sources:
    """The changed files, each read at most once."""

    context: AgentContext
    _known: dict[str, Source | None] = field(default_factory=dict)

    def of(self, path: str) -> Source | None:
        """By the path as shown; one that lost or gained leading folders is found where that is unmistakable."""
        if path not in self._known:
            file = self._file(path)
            self._known[path] = _source(self.context, file) if file else None
        return self._known[path]

    def _file(self, path: str) -> FileChange | None:
        shown = {shown_name(file.path, self.context.redactor): file for file in self.context.change.files}
        wanted = path.strip().removeprefix("./").strip("`")
        ends = [
            file
            for name, file in shown.items()
            if f"/{wanted}".endswith(f"/{name}") or name.endswith(f"/{wanted}")
        ]
        return shown.get(path) or shown.get(wanted) or (ends[0] if wanted and len(ends) == 1 else None)


def placed(
    reported: Iterable[ReportedFinding], context: AgentContext
) -> tuple[list[Finding], list[Rejected]]:
    """Claims with their fingerprints, the gravest first, each once; and what is none, with the reason."""
    sources, claims, rejected = Sources(context), list[Finding](), list[Rejected]()
    for one in sorted(reported, key=lambda finding: -finding.severity.rank):
        claim, reason = _claim(one, sources)
        reason = reason or _unknown_symbol(one, claim, sources)
        if not reason and any(_alike(claim, other) for other in claims):
            reason = TWICE
        if reason:
            rejected.append(Rejected(_marked(claim, len(rejected)), reason))
        else:
            claims.append(claim)
    return known_by_line(claims), rejected


def known_by_line(claims: Sequence[Finding]) -> list[Finding]:
    """With fingerprints over file and line only."""
    named = identified([claim.model_copy(update={"rule": IDENTITY}) for claim in claims])
    return [
        claim.model_copy(update={"fingerprint": one.fingerprint})
        for claim, one in zip(claims, named, strict=True)
    ]


def _claim(one: ReportedFinding, sources: Sources) -> tuple[Finding, str]:
    """The finding as it may be stored and shown, and why it cannot be placed, if so."""
    source = sources.of(one.path)
    finding = _worded(one, sources.context, source)
    anchor = _anchor(one.anchor)
    if not finding.title:
        return finding, NO_WORDS
    if source is None:
        return finding, NO_FILE
    if not anchor:
        return finding, NO_ANCHOR
    place = min(source.places(anchor), key=lambda place: (place[1], abs(place[0] - one.line)), default=None)
    if place is None:
        return finding, NOT_THERE
    line, old = place
    quote = (source.removed if old else source.head)[line].strip()[:LONGEST_QUOTE]
    update = {"anchor": quote, ("old_line" if old else "line"): line}
    edit = None if old else _suggestion(one.suggestion, line, source, sources.context)
    return finding.model_copy(update={**update, "suggestion": edit}), ""


def _worded(one: ReportedFinding, context: AgentContext, source: Source | None) -> Finding:
    def safe(text: str, limit: int) -> str:
        flat = safe_text(text[: 2 * limit], context.redactor).strip()
        return flat if len(flat) <= limit else flat[: limit - 1].rstrip() + CUT

    path = source.file.path if source else safe(one.path, LONGEST_QUOTE)
    return Finding(
        rule=_RULE.sub("-", safe(one.rule, 80).lower()).strip("-")[:40] or "defect",
        severity=one.severity,
        path=path,
        anchor=safe(one.anchor, LONGEST_QUOTE),
        title=titled(_SPACES.sub(" ", safe(one.title, 200))),
        detail=safe(one.detail, LONGEST_DETAIL),
        evidence=_SPACES.sub(" ", safe(one.evidence, LONGEST_EVIDENCE)),
    )


def _marked(finding: Finding, number: int) -> Finding:
    """Kept back, so never posted: a name of its own is enough."""
    return identified([finding.model_copy(update={"rule": f"rejected-{number}"})])[0].model_copy(
        update={"rule": finding.rule}
    )


# --- text as it was shown ---


def _source(context: AgentContext, file: FileChange) -> Source:
    content = None if file.status is FileStatus.DELETED else _content(context, file)
    head = dict(enumerate(shown_lines(content, context.redactor), 1)) if content else {}
    removed: dict[int, str] = {}
    for hunk in file.hunks:
        for line, text in zip(hunk.lines, shown_hunk(hunk, context.redactor), strict=True):
            if line.new is not None:
                head[line.new] = text
            elif line.old is not None:
                removed[line.old] = text
    return Source(file, head, removed)


def _content(context: AgentContext, file: FileChange) -> bytes | None:
    """None, too, where the platform will not give the file: then its diff has to do."""
    try:
        return context.snapshot.read(file.path)
    except Unavailable:
        raise
    except PlatformError:
        return None


def _anchor(quoted: str) -> str:
    """The first line that says something, without the columns of the diff should they have been copied along."""
    lines = (line for line in quoted.split("\n") if line.strip(" \t+-`"))
    return _flat(next(lines, ""))


def _flat(text: str) -> str:
    return _SPACES.sub(" ", text).strip()


def _same(text: str, anchor: str) -> bool:
    shown = _flat(text[:LONGEST_LINE])
    return bool(shown) and shown in (
        anchor,
        anchor.removesuffix(CUT),
        _flat(_NUMBERED.sub("", anchor, count=1)),
    )


def _holds(text: str, anchor: str) -> bool:
    wanted = anchor.removesuffix(CUT).strip("` ")
    return len(wanted) >= SHORTEST_PART and wanted in _flat(text[:LONGEST_LINE])


# --- what a claim may not do ---


def _alike(one: Finding, other: Finding) -> bool:
    """On the same line, or near it in much the same words."""
    if one.path != other.path or (one.line is None) != (other.line is None):
        return False
    apart = abs((one.line or one.old_line or 0) - (other.line or other.old_line or 0))
    return apart == 0 or (
        apart <= NEAR and (one.rule == other.rule or _shared_words(one.title, other.title) >= ALIKE)
    )


def _shared_words(one: str, other: str) -> float:
    first, second = set(_WORD.findall(one.lower())), set(_WORD.findall(other.lower()))
    return len(first & second) / max(1, min(len(first), len(second)))


def _unknown_symbol(one: ReportedFinding, claim: Finding, sources: Sources) -> str:
    """A name that is nowhere was made up, and so was what is said of it."""
    names = [_NAME.findall(symbol[:200])[-1:] for symbol in one.symbols[:MOST_SYMBOLS]]
    for name in (found[0] for found in names if found):
        if not _occurs(name, claim, sources):
            return NO_SYMBOL.format(symbol=safe_text(name, sources.context.redactor)[:80])
    return ""


def _occurs(name: str, claim: Finding, sources: Sources) -> bool:
    source = sources.of(shown_path(claim.path))
    if source and any(name in text for lines in (source.head, source.removed) for text in lines.values()):
        return True
    if any(name in line.text for file in sources.context.change.files for line in file.lines()):
        return True
    try:
        return bool(sources.context.snapshot.search(name, limit=1))
    except NotSearchable:
        return True


def _suggestion(
    edit: SuggestedEdit | None, line: int, source: Source, context: AgentContext
) -> Suggestion | None:
    """Only what replaces whole lines around the finding's own, none of which we showed otherwise than they are."""
    if edit is None or not 1 <= edit.first_line <= line <= edit.last_line < edit.first_line + MOST_REPLACED:
        return None
    content = _content(context, source.file)
    text = (content or b"").decode("utf-8", "replace").removesuffix("\n").split("\n")
    replaced = tuple(text[edit.first_line - 1 : edit.last_line])
    lines = tuple(edit.replacement.removesuffix("\n").split("\n")) if edit.replacement else ()
    shown = tuple(source.head.get(number, "") for number in range(edit.first_line, edit.last_line + 1))
    honest = replaced == shown and safe_text(edit.replacement, context.redactor) == edit.replacement
    if not honest or lines == replaced or "<REDACTED:" in edit.replacement:
        return None
    return Suggestion(start=edit.first_line, end=edit.last_line, replaces=replaced, lines=lines)
