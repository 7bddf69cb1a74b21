"""One agent's hand: how its notes are signed, and which notes of its account are its own."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from bot.domain.kept import (
    KeptFinding,
    kept_finding,
    kept_ledger,
    kept_reviewed,
    kept_section,
    without_kept,
)
from bot.domain.ledger import Ledger
from bot.domain.marks import MARK, Kind, Mark, MarkBook, attach, strip
from bot.domain.pages import SectionEdit
from bot.domain.reviewed import Reviewed

Key = tuple[Kind, str]
Kept = Ledger | SectionEdit | Reviewed | KeptFinding

FINDER: Final = "review"  # the agent whose findings threads begin with
STATES: Final = ("fixed:", "regressed:")
"""How the keys of replies begin that say what has become of a finding (see `bot.domain.lifecycle`)."""


@dataclass(frozen=True, slots=True)
class Signer:
    """One agent's hand at one head of one merge request. `clean` is the one sanitizer before every write."""

    agent: str
    head: str
    book: MarkBook
    clean: Callable[[str], str]

    def signed(
        self, body: str, key: Key, *, listed: Iterable[str] = (), kept: Iterable[Kept | None] = ()
    ) -> str:
        """The body as it is written. `listed` are the keys of findings that it shows for want of a better place.

        `kept` is hidden in it for the next run to read.
        """
        keys = [*(("finding", one) for one in listed), key]
        marks = [self.book.write(Mark(self.agent, kind, name, self.head)) for kind, name in keys]
        hidden = filter(None, (*(self._hidden(one) for one in kept if one), *marks))
        return attach(self.clean(body), "\n".join(hidden))

    def with_finding(self, body: str, finding: KeptFinding) -> str:
        """A finding's note that keeps another form of it: what people see and its mark stay as they are."""
        marks = list(MARK.finditer(body))
        kept = self._hidden(finding)
        if not marks or not kept:
            return body
        return attach(self.clean(without_kept(strip(body))), f"{kept}\n{marks[-1][0]}")

    def key_of(self, body: str) -> Key | None:
        """What a note is, if it is ours."""
        mark = self.book.read(body)
        return (mark.kind, mark.key) if mark and self._is_ours(mark) else None

    def draft_key_of(self, body: str) -> Key | None:
        """What a draft is, if it is ours; where nothing is signed, those of earlier heads are ours to clear away."""
        mark = self.book.read(body)
        ours = mark and mark.agent == self.agent and (self._is_ours(mark) or not self.book.signs)
        return (mark.kind, mark.key) if mark and ours else None

    def finding_of(self, body: str) -> str:
        """The key of the finding that a review signed here, whichever agent asks; "" for any other note."""
        mark = self.book.read(body)
        is_finding = mark and mark.signed and (mark.agent, mark.kind) == (FINDER, "finding")
        return mark.key if mark and is_finding else ""

    def state_of(self, body: str) -> str:
        """The key of a reply that says what has become of a finding, signed by any agent; "" for any other note."""
        mark = self.book.read(body)
        return mark.key if mark and mark.signed and is_of_state((mark.kind, mark.key)) else ""

    def listed_in(self, body: str) -> list[str]:
        """The keys of the findings that a note of ours shows for this head."""
        marks = self.book.read_all(body)[:-1]
        return [
            mark.key
            for mark in marks
            if mark.kind == "finding" and self._is_ours(mark) and self._is_now(mark)
        ]

    def _hidden(self, kept: Kept) -> str:
        match kept:
            case Ledger():
                return kept_ledger(kept, self.book)
            case SectionEdit():
                return kept_section(kept, self.book)
            case Reviewed():
                return kept_reviewed(kept, self.book)
            case KeptFinding():
                return kept_finding(kept.finding, kept.around, self.book)

    def _is_ours(self, mark: Mark) -> bool:
        """An unsigned mark says no more than that this head was reviewed."""
        return mark.agent == self.agent and (mark.signed or self._is_now(mark))

    def _is_now(self, mark: Mark) -> bool:
        return mark.head == self.head


def is_of_state(key: Key) -> bool:
    kind, name = key
    return kind == "reply" and name.startswith(STATES)
