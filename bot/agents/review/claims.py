"""What a model reported, held against the change: a claim on a line that exists, or the reason why there is none.

A model is trusted with words only. Which line it means follows from the text it quotes, as it was shown that text.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from bot.agents.review.checks.contract import titled
from bot.agents.review.diff_text import CUT
from bot.agents.review.quotes import LONGEST_QUOTE, Lines, flat, quoted_line
from bot.agents.review.schema import ReportedFinding, SuggestedEdit
from bot.agents.review.sides import sides
from bot.agents.shown import safe_text, shown_name
from bot.agents.spec import AgentContext
from bot.domain.change import FileChange, FileStatus, shown_path
from bot.domain.findings import Finding, Suggestion, fingerprint, identified
from bot.domain.identity import NEAR, titles_alike
from bot.domain.secrets import Redactor
from bot.ports import NotSearchable

NO_FILE = "it names a file that is not part of this change"
NO_ANCHOR = "it quotes no line"
NOT_THERE = "it quotes a line that is not in the file"
NO_WORDS = "it does not say what breaks"
NO_SYMBOL = "it names something that is nowhere in the repository: {symbol}"
TWICE = "another finding says the same"

LONGEST_DETAIL: Final = 900  # characters
LONGEST_EVIDENCE: Final = 300
MOST_SYMBOLS: Final = 5
MOST_REPLACED: Final = 20  # lines
LONGEST_REPLACEMENT: Final = 4_000  # characters, well below where an answer is cut
IDENTITY: Final = "model"  # a model words its rules anew each time: a claim is known by its line

_RULE = re.compile(r"[^a-z0-9]+")
_NAME = re.compile(r"[A-Za-z_$][\w$]*")


@dataclass(frozen=True)
class Rejected:
    """A reported finding that stands on nothing, with the reason."""

    finding: Finding
    reason: str


@dataclass
class Source:
    """One changed file as a model saw it: line numbers at head, and those of removed lines, with their text.

    `content` is the file at head, None where it cannot be had.
    """

    file: FileChange
    content: bytes | None
    head: dict[int, str]
    removed: dict[int, str]

    def places(self, quoted: str) -> Iterator[tuple[int, bool]]:
        """Where the quoted text stands: line number, and whether that is in the old file."""
        for lines, old in ((self.at_head, False), (self._before, True)):
            yield from ((number, old) for number in lines.places(quoted))

    def mentions(self, name: str) -> bool:
        return any(name in text for lines in (self.head, self.removed) for text in lines.values())

    @cached_property
    def at_head(self) -> Lines:
        return Lines(self.head)

    @cached_property
    def _before(self) -> Lines:
        return Lines(self.removed)


@dataclass
class Sources:
    """The changed files, each read at most once, and what the repository was searched for."""

    context: AgentContext
    _read: dict[str, Source] = field(default_factory=dict)
    _found: dict[str, bool] = field(default_factory=dict)

    def of(self, path: str) -> Source | None:
        """By the path as shown; one that lost or gained leading folders is found where that is unmistakable."""
        file = self._file(path)
        if file and file.path not in self._read:
            self._read[file.path] = _source(self.context, file)
        return self._read[file.path] if file else None

    def know(self, name: str) -> bool:
        """Whether the name occurs in the change or the repository; True, too, where nobody can tell."""
        if name not in self._found:
            self._found[name] = self._changed(name) or self._searched(name)
        return self._found[name]

    def _file(self, path: str) -> FileChange | None:
        wanted = path.strip().removeprefix("./").strip("`")
        ends = [name for name in self._shown if wanted and (_ends(wanted, name) or _ends(name, wanted))]
        exact = self._shown.get(path) or self._shown.get(wanted)
        return exact or (self._shown[ends[0]] if len(ends) == 1 else None)

    @cached_property
    def _shown(self) -> dict[str, FileChange]:
        """By name as shown. Of a change of type, a deletion and an addition of one path, the addition comes last."""
        files = sorted(self.context.change.files, key=lambda file: file.status is not FileStatus.DELETED)
        return {shown_name(file.path, self.context.redactor): file for file in files}

    def _changed(self, name: str) -> bool:
        return any(name in line.text for file in self.context.change.files for line in file.lines())

    def _searched(self, name: str) -> bool:
        try:
            return bool(self.context.snapshot.search(name, limit=1))
        except NotSearchable:
            return True


def _ends(path: str, end: str) -> bool:
    return f"/{path}".endswith(f"/{end}")


def placed(
    reported: Iterable[ReportedFinding], context: AgentContext
) -> tuple[list[Finding], list[Rejected]]:
    """Claims with their fingerprints, of those that are alike the gravest; and what is none, with the reason."""
    sources, claims, rejected = Sources(context), list[Finding](), list[Rejected]()
    for one in sorted(reported, key=lambda finding: -finding.severity.rank):
        claim, reason = _claim(one, sources)
        reason = reason or _said_already(claim, claims) or _unknown_symbol(one, claim, sources)
        if reason:
            name = fingerprint(claim, len(rejected))
            rejected.append(Rejected(claim.model_copy(update={"fingerprint": name}), reason))
        else:
            claims.append(claim)
    return known_by_line(claims), rejected


def known_by_line(claims: Iterable[Finding]) -> list[Finding]:
    """By file and line, with fingerprints over these only."""
    ordered = sorted(claims, key=lambda claim: (claim.path, claim.line or claim.old_line or 0))
    named = identified(claim.model_copy(update={"rule": IDENTITY}) for claim in ordered)
    return [
        claim.model_copy(update={"fingerprint": one.fingerprint})
        for claim, one in zip(ordered, named, strict=True)
    ]


def _claim(one: ReportedFinding, sources: Sources) -> tuple[Finding, str]:
    """The finding as it may be stored and shown, and why it cannot be placed, if so."""
    source = sources.of(one.path)
    finding = _worded(one, sources.context, source)
    anchor = quoted_line(one.anchor)
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
    edit = None if old else _suggestion(one.suggestion, line, source, sources.context.redactor)
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
        title=titled(flat(safe(one.title, 200))),
        detail=safe(one.detail, LONGEST_DETAIL),
        evidence=flat(safe(one.evidence, LONGEST_EVIDENCE)),
    )


def _source(context: AgentContext, file: FileChange) -> Source:
    shown = sides(context, file)
    gone = {line.old: shown.text(line) for line in file.lines() if line.new is None and line.old is not None}
    return Source(file, shown.content, dict(shown.new), gone)


# --- what a claim may not do ---


def _alike(one: Finding, other: Finding) -> bool:
    """On the same line, or near it in much the same words."""
    if one.path != other.path or (one.line is None) != (other.line is None):
        return False
    apart = abs((one.line or one.old_line or 0) - (other.line or other.old_line or 0))
    return apart == 0 or (apart <= NEAR and titles_alike(one.title, other.title))


def _said_already(claim: Finding, claims: Iterable[Finding]) -> str:
    return TWICE if any(_alike(claim, other) for other in claims) else ""


def _unknown_symbol(one: ReportedFinding, claim: Finding, sources: Sources) -> str:
    """A name that is nowhere was made up, and so was what is said of it."""
    names = [_NAME.findall(symbol[:200])[-1:] for symbol in one.symbols[:MOST_SYMBOLS]]
    source = sources.of(shown_path(claim.path))
    for name in (found[0] for found in names if found):
        if not (source and source.mentions(name)) and not sources.know(name):
            return NO_SYMBOL.format(symbol=safe_text(name, sources.context.redactor)[:80])
    return ""


def _suggestion(
    edit: SuggestedEdit | None, line: int, source: Source, redactor: Redactor
) -> Suggestion | None:
    """Only what replaces whole lines around the finding's own, none of which we showed otherwise than they are."""
    if edit is None or not 1 <= edit.first_line <= line <= edit.last_line < edit.first_line + MOST_REPLACED:
        return None
    text = _as_written(source.content)
    replaced = tuple(text[edit.first_line - 1 : edit.last_line])
    lines = tuple(edit.replacement.removesuffix("\n").split("\n")) if edit.replacement else ()
    shown = tuple(source.head.get(number, "") for number in range(edit.first_line, edit.last_line + 1))
    if replaced != shown or lines == replaced or not _is_exact(edit.replacement, redactor):
        return None
    return Suggestion(start=edit.first_line, end=edit.last_line, replaces=replaced, lines=lines)


def _as_written(content: bytes | None) -> list[str]:
    """The file's lines; none of a file that is not UTF-8, which a suggestion would damage."""
    try:
        return (content or b"").decode("utf-8").removesuffix("\n").split("\n")
    except UnicodeDecodeError:
        return []


def _is_exact(replacement: str, redactor: Redactor) -> bool:
    """Whether it may be put into a file as it is: nothing hidden, taken out or cut off."""
    honest = safe_text(replacement, redactor) == replacement and "<REDACTED:" not in replacement
    return honest and len(replacement) <= LONGEST_REPLACEMENT
