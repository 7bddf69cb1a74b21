"""A thread in which a person speaks to the bot, or may: which notes of it are ours, and what this one wants."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from bot.domain.commands import Command, UnknownCommand, parse_command
from bot.domain.lifecycle import ANSWER, DISMISSED, Known, known_findings
from bot.domain.marks import Mark, MarkBook
from bot.domain.notes import Note
from bot.domain.replies import is_courtesy, is_dismissal
from bot.errors import Stopped
from bot.routing import COMMANDS, REPLY

ASK, DISMISSAL, UNKNOWN = "ask", "dismissal", ""
"""What is wanted besides commands and replies: a mention with a question, a finding left alone, nothing we know."""
BEGINNINGS: Final = frozenset({"finding", "summary", REPLY})
"""The kinds of our notes that a reply speaks to us below."""
MOST_REPLIES: Final = 10  # of ours in one thread
FEW_WORDS: Final = 2  # that may be a command with a slip in it

COURTESY = "the note is thanks or the like: there is nothing to answer"
NOT_OURS = "the note is no command, and stands in no thread of the bot's"
ENOUGH = f"the bot has replied {MOST_REPLIES} times in this thread: it leaves the rest to people"
ELSEWHERE = "the note was edited: `{name}` is a command for another agent"


@dataclass(frozen=True)
class Wish:
    """What a note wants, in the words of `bot.agents.spec.AskContext`."""

    name: str
    text: str = ""
    word: str = ""
    meant: str = ""


@dataclass(frozen=True)
class Thread:
    """The notes of a thread, oldest first, and the one that asks. Ours are signed by `book` and by the account `me`.

    `counts`: whether a person's words do, by their id (see `bot.domain.lifecycle.known_findings`).
    """

    notes: Sequence[Note]
    asking: Note
    book: MarkBook | None
    me: int
    counts: Callable[[int], bool]

    @cached_property
    def until_now(self) -> Sequence[Note]:
        """Up to the note that asks, without what GitLab wrote; of internal ones only what answers an internal one."""
        notes = [note for note in self.notes if not note.system and note.id <= self.asking.id]
        return [note for note in notes if self.asking.internal or not note.internal]

    @property
    def speaks_with_us(self) -> bool:
        """Whether it began with a note of ours that takes replies: in people's threads only commands are for us."""
        first = self._mark(self.until_now[0])
        return first is not None and first.kind in BEGINNINGS

    @property
    def replies(self) -> int:
        return sum(1 for _ in self._replies())

    @property
    def is_answered(self) -> bool:
        """Whether a reply of ours answers the note that asks."""
        return any(mark.key in self.answers for mark in self._replies())

    @property
    def answers(self) -> frozenset[str]:
        """The keys of replies that answer the note that asks."""
        return frozenset(form.format(note=self.asking.id) for form in (ANSWER, DISMISSED))

    @cached_property
    def finding(self) -> Known | None:
        """The finding that it began with, as it stood before the note that asks."""
        if self.book is None:
            return None
        others = [note for note in self.notes if note.id != self.asking.id]
        found = known_findings(others, self.book, self.me, None, lambda _note: "", self.counts)
        return next((one for one in found if one.thread == self.asking.discussion), None)

    def _replies(self) -> Iterator[Mark]:
        marks = (self._mark(note) for note in self.notes)
        return (mark for mark in marks if mark and mark.kind == REPLY)

    def _mark(self, note: Note) -> Mark | None:
        """Its mark, if it is ours: others can copy one, and it counts only where we have signed it."""
        mark = self.book.read(note.body) if self.book and note.author_id == self.me else None
        return mark if mark and mark.signed else None


def wish(thread: Thread, bot: str | None) -> Wish:
    """What the note wants, as it reads now. Raises Stopped where that is nothing. `bot` is our user name."""
    said = parse_command(thread.asking.body, bot)
    if isinstance(said, Command):
        return _commanded(said)
    if is_courtesy(said.text if said else thread.asking.body):
        raise Stopped(COURTESY)
    if said is None or _is_talk(said, thread):
        return _replied(thread)
    if said.text.rstrip().endswith("?"):
        return Wish(ASK, text=said.text)
    return Wish(UNKNOWN, word=said.word, meant=said.did_you_mean or "")


def _commanded(command: Command) -> Wish:
    if command.name in COMMANDS:
        raise Stopped(ELSEWHERE.format(name=command.name))
    return Wish(command.name, text=command.args[0] if command.args else "")


def _is_talk(said: UnknownCommand, thread: Thread) -> bool:
    """In a thread with us a mention is how people begin a sentence; a word or two may be a command with a slip."""
    is_slip = said.did_you_mean is not None and len(said.text.split()) <= FEW_WORDS
    return bool(said.text) and not is_slip and thread.speaks_with_us


def _replied(thread: Thread) -> Wish:
    if not thread.speaks_with_us:
        raise Stopped(NOT_OURS)
    text = thread.asking.body
    if thread.finding is not None and is_dismissal(text):
        return Wish(DISMISSAL, text=text)
    if thread.replies >= MOST_REPLIES:
        raise Stopped(ENOUGH)
    return Wish(REPLY, text=text)


def names_in(notes: Iterable[Note]) -> dict[int, str]:
    """User names by the ids of the people who wrote the notes."""
    return {note.author_id: note.author for note in notes}
