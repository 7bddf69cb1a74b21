"""The life of a finding across pushes, derived from what stands on GitLab: marks, threads, emoji.

open ──fixed, by proof──► fixed ──back again──► regressed ──fixed──► ...
  ├──a person closes it, says "won't fix", or gives a thumbs-down──► dismissed
  └──its line is gone, and nobody can say that the defect is──► outdated
"""

import hashlib
import html
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from bot.domain.findings import Finding, Severity, normalised
from bot.domain.kept import finding_in, without_kept
from bot.domain.marks import Mark, MarkBook, strip
from bot.domain.notes import Note
from bot.domain.reviewed import Reviewed
from bot.domain.threads import Told, finding_threads

State = Literal["open", "fixed", "dismissed", "outdated", "regressed"]

FIXED = "fixed:{finding}:{commit}"
REGRESSED = "regressed:{finding}:{commit}"
DISMISSED = "dismissed:{note}"
ANSWER = "answer:{note}"
"""The keys of our replies: what one says of its thread's finding, or the note of a person that it answers.

A dismissal is an answer, too: the person of that note was right, or asked for it.
"""

THUMBS_DOWN: Final = "thumbs-down"  # why

AROUND: Final = 3  # lines above and below
AROUND_DIGITS: Final = 12
LONGEST_TITLE: Final = 200  # characters
HEADLINE: Final = re.compile(r"\*\*(?P<severity>[A-Z][a-z]+): (?P<title>.+)\*\*")  # see `bot.domain.markdown`
SOURCE: Final = re.compile(r"^<sub>`(?P<rule>[^`\n]+)`", re.MULTILINE)
FENCED: Final = re.compile(r"^(?P<bar>`{3,})[^`\n]*\n.*?^(?P=bar)$", re.MULTILINE | re.DOTALL)
ESCAPED: Final = re.compile(r"\\([^\w\s])")


@dataclass(frozen=True, slots=True)
class Known:
    """A finding of an earlier review. `key` is what it was posted under, whatever has become of its line since.

    `finding` is as it was last seen: its path and line may be those of an earlier head. `state` is what threads and
    emoji tell; whether its line still stands at head they do not. `by`: the user name of who dismissed it, "" where
    nobody knows; `why`: that person's words, "" for none. `commit`: what fixed it or brought it back, "" for neither.
    `thread`: GitLab's discussion id, "" where it stands in the summary only; `note` the id of its note. `around`: the
    digest of the lines around it when it was last seen. `is_theirs`: a person opened its thread again, or wishes that
    it be closed, so that it is for people to close.
    """

    key: str
    finding: Finding
    state: State = "open"
    by: str = ""
    why: str = ""
    commit: str = ""
    thread: str = ""
    note: int = 0
    around: str = ""
    is_theirs: bool = False

    @property
    def is_open(self) -> bool:
        return self.state in ("open", "regressed", "outdated")


class Course(BaseModel):
    """What has become of the findings of earlier reviews at this head, by the keys that they were posted under.

    `fixed` by which commit, `back` by which one: their threads are closed and opened again. `standing` are all that are
    open, those that came back among them, as they stand now, each with its key as fingerprint; of `rewritten` the line,
    what is around it or the path is another than it was. `outdated`: their line is gone, and nobody can say that the
    defect is. `gone`: people closed them without saying why, and the defect is not there now.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    fixed: dict[str, str] = {}
    back: dict[str, str] = {}
    standing: tuple[Finding, ...] = ()
    rewritten: tuple[str, ...] = ()
    outdated: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()


def around(lines: Mapping[int, str], line: int) -> str:
    """The digest of what is next to a line: 12 hex digits, "" where nothing is.

    Of the three lines on either side those that are not empty; neither indentation nor the line itself counts.
    """
    above = _texts(lines, range(line - AROUND, line))
    below = _texts(lines, range(line + 1, line + AROUND + 1))
    if not above and not below:
        return ""
    raw = "\0".join(("\n".join(above), "\n".join(below))).encode("utf-8", "surrogatepass")
    return hashlib.sha256(raw).hexdigest()[:AROUND_DIGITS]


def _texts(lines: Mapping[int, str], numbers: Iterable[int]) -> list[str]:
    return [text for number in numbers if (text := normalised(lines.get(number, "")))]


def known_findings(
    notes: Iterable[Note],
    book: MarkBook,
    me: int,
    reviewed: Reviewed | None,
    voted: Callable[[int], str],
    counts: Callable[[int], bool] = lambda _person: True,
) -> list[Known]:
    """The findings of earlier reviews: those with a thread, the oldest first, then those of the summary.

    `me` is the bot's id. `voted` gives the user name of who gave a note of ours a thumbs-down that counts, "" for
    nobody; it is asked of what nobody has closed. `counts` tells by a person's id whether their words and commands do;
    it is asked, maybe more than once, only about people on whose words something depends. Of two threads with one key
    the oldest counts.
    """
    known: dict[str, Known] = {}
    gone = reviewed.gone if reviewed else ()
    for note, mark, told in finding_threads(notes, book, me, gone, counts):
        known.setdefault(mark.key, _known(note, mark, told, book))
    return [*(_voted_down(one, voted) for one in known.values()), *_listed(known, reviewed)]


def taken_away(known: Iterable[Known], reviewed: Reviewed | None) -> frozenset[str]:
    """The keys of findings that once had a thread and have none now: somebody deleted our note."""
    return frozenset(reviewed.told if reviewed else ()) - {one.key for one in known if one.thread}


def _known(note: Note, mark: Mark, told: Told, book: MarkBook) -> Known:
    kept = finding_in(note.body, book)
    return Known(
        key=mark.key,
        finding=kept.finding.model_copy(update={"fingerprint": mark.key}) if kept else _shown(note, mark),
        state=told.state,
        by=told.by,
        why=told.why,
        commit=told.commit,
        thread=note.discussion,
        note=note.id,
        around=kept.around if kept else "",
        is_theirs=told.is_theirs,
    )


def _shown(note: Note, mark: Mark) -> Finding:
    """What can be read of a finding whose note keeps none: an older version wrote it, or somebody edited it."""
    shown = strip(without_kept(note.body)).strip()
    first = shown.partition("\n")[0]
    headline = HEADLINE.match(first)
    title = html.unescape(ESCAPED.sub(r"\1", headline["title"] if headline else first))
    return Finding(
        agent=mark.agent,
        rule=_rule(shown),
        severity=_severity(headline["severity"] if headline else ""),
        path=note.path or "",
        line=note.new_line,
        old_line=note.old_line if note.new_line is None else None,
        title=title[:LONGEST_TITLE],
        fingerprint=mark.key,
    )


def _rule(shown: str) -> str:
    """As the small line tells it, "" where none does. What is in a fence, a suggestion or evidence, is a file's."""
    source = SOURCE.search(FENCED.sub("", shown))
    return source["rule"] if source else ""


def _severity(word: str) -> Severity:
    return next((one for one in Severity if one == word.lower()), Severity.MINOR)


def _voted_down(known: Known, voted: Callable[[int], str]) -> Known:
    by = voted(known.note) if known.is_open else ""
    if not by:
        return known
    return replace(known, state="dismissed", by=by, why=THUMBS_DOWN, commit="", is_theirs=False)


def _listed(known: Mapping[str, Known], reviewed: Reviewed | None) -> list[Known]:
    if reviewed is None:
        return []
    elsewhere = {*known, *reviewed.told}
    listed = {one.fingerprint: one for one in reviewed.listed if one.fingerprint not in elsewhere}
    return [Known(key, finding) for key, finding in listed.items()]
