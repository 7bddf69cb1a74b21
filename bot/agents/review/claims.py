"""What a model reported, held against the change: a claim on a line that exists, or the reason why there is none.

A model is trusted with words only. Which line it means follows from the text it quotes, as it was shown that text.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from math import inf
from typing import Final, NamedTuple

from bot.agents.review.checks.contract import titled
from bot.agents.review.diff_text import CUT
from bot.agents.review.quotes import LONGEST_QUOTE, Likeness, Lines, flat, quoted_line
from bot.agents.review.schema import ReportedFinding, SuggestedEdit
from bot.agents.review.sides import sides
from bot.agents.shown import safe_text, shown_name
from bot.agents.spec import AgentContext
from bot.domain.change import FileChange, FileStatus, Side, shown_path
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
ON_LINE = "another finding stands on this line"

LONGEST_DETAIL: Final = 900  # characters
LONGEST_EVIDENCE: Final = 300
MOST_SYMBOLS: Final = 5
MOST_ON_A_LINE: Final = 2  # findings: more are noise
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


class _Stands(IntEnum):
    """Where a line is, those first that a finding is more likely about."""

    ADDED = 0
    REMOVED = 1
    CONTEXT = 2
    OUTSIDE = 3


@dataclass(frozen=True)
class _Candidate:
    """A line that may be the one a model means, numbered as it was shown: a removed one by its old number."""

    number: int
    likeness: Likeness
    stands: _Stands

    def rank(self, reported: int) -> tuple[int, ...]:
        """The best first: the whole text before a part of it; the very number, on what has changed; what the diff
        shows before what it does not, and then what stands at head; the nearest.
        """
        apart, stands = abs(self.number - reported), self.stands
        unlike = (self.likeness is Likeness.PART, apart > 0, self.likeness, stands if apart == 0 else 0)
        return (*unlike, stands is _Stands.OUTSIDE, stands is _Stands.REMOVED, apart)


@dataclass
class Source:
    """One changed file as a model saw it: line numbers at head, and those of removed lines, with their text.

    `content` is the file at head, None where it cannot be had.
    """

    file: FileChange
    content: bytes | None
    head: dict[int, str]
    removed: dict[int, str]

    def place(self, quoted: str, reported: int) -> tuple[int, bool] | None:
        """The line that a model means by this text and number: its number, and whether it is a removed one."""
        places = [
            *(
                _Candidate(number, like, self._at_head_as(number))
                for number, like in self.at_head.alike(quoted)
            ),
            *(_Candidate(number, like, _Stands.REMOVED) for number, like in self._before.alike(quoted)),
        ]
        best = min(places, key=lambda place: place.rank(reported), default=None)
        return (best.number, best.stands is _Stands.REMOVED) if best else None

    def mentions(self, name: str) -> bool:
        return any(name in text for lines in (self.head, self.removed) for text in lines.values())

    @cached_property
    def at_head(self) -> Lines:
        return Lines(self.head)

    @cached_property
    def _before(self) -> Lines:
        return Lines(self.removed)

    def _at_head_as(self, number: int) -> "_Stands":
        return self._in_diff.get(number, _Stands.OUTSIDE)

    @cached_property
    def _in_diff(self) -> dict[int, "_Stands"]:
        lines = ((line.new, line.side) for line in self.file.lines())
        return {
            new: _Stands.ADDED if side is Side.ADDED else _Stands.CONTEXT
            for new, side in lines
            if new is not None
        }


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
    answers: Iterable[Sequence[ReportedFinding]], context: AgentContext
) -> tuple[list[Finding], list[Rejected]]:
    """Claims with their fingerprints, of those that are alike the gravest; and what is none, with the reason."""
    sources, claims, rejected = Sources(context), list[_Said](), list[Rejected]()
    reported = ((number, one) for number, answer in enumerate(answers) for one in answer)
    for answer, one in sorted(reported, key=lambda told: -told[1].severity.rank):
        claim, reason = _claim(one, sources)
        said = _Said(answer, claim)
        reason = reason or _said_already(said, claims) or _unknown_symbol(one, claim, sources)
        if reason:
            name = fingerprint(claim, len(rejected))
            rejected.append(Rejected(claim.model_copy(update={"fingerprint": name}), reason))
        else:
            claims.append(said)
    return known_by_line(said.claim for said in claims), rejected


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
    place = source.place(anchor, one.line)
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


class _Said(NamedTuple):
    """A claim and the number of the answer that it is from."""

    answer: int
    claim: Finding


def _said_already(said: _Said, others: Iterable[_Said]) -> str:
    """Why it adds nothing to the others, which are no milder; "" where it does.

    Two defects on one line are two where one answer tells them apart: two readers in other words may mean the same.
    """
    near = [other for other in others if _apart(said.claim, other.claim) <= NEAR]
    if any(_is_same(said.claim, other.claim) for other in near):
        return TWICE
    here = [other for other in near if not _apart(said.claim, other.claim)]
    is_another = all(other.answer == said.answer for other in here) and len(here) < MOST_ON_A_LINE
    return "" if is_another else ON_LINE


def _is_same(one: Finding, other: Finding) -> bool:
    """Of two that are near each other: much the same words, or one kind of defect on one line."""
    is_of_one_kind = one.rule == other.rule and not _apart(one, other)
    return is_of_one_kind or titles_alike(one.title, other.title)


def _apart(one: Finding, other: Finding) -> float:
    """Lines between them; no number of lines where they are of two files, or of two sides of the change."""
    if one.path != other.path or (one.line is None) != (other.line is None):
        return inf
    return abs((one.line or one.old_line or 0) - (other.line or other.old_line or 0))


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
