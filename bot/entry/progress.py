"""What is going on, for who waits: one line that changes on a terminal, a line for each step elsewhere."""

import os
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Final, Self

import click

from bot.domain.background import Commit
from bot.domain.change import ChangeSet, MergeRequest, Target
from bot.domain.notes import Award, Note
from bot.ports import MergeRequestReader, Snapshot
from bot.proposing.means import Means

ERASE: Final = "\r\x1b[K"
MORE: Final = " …"
READING = "reading {target}"
DIFF = "reading the diff"
NOTES = "reading the discussion"
RULES = "reading the rules of {branch}"
COMMITS = "reading the changed files"
HISTORY = "reading the commit messages"

Say = Callable[[str], None]


class Progress:
    """Speaks on standard error, so that standard output holds the report alone. Leaves no line behind on a terminal."""

    def __init__(self) -> None:
        self._moving = sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._erase()

    def say(self, step: str) -> None:
        if not self._moving:
            click.echo(f"trivet: {step}", err=True)
            return
        room = shutil.get_terminal_size().columns - len(MORE) - 1
        click.echo(f"{ERASE}{step[:room]}{MORE}", err=True, nl=False)

    def tell(self, fact: str) -> None:
        """What is to be read afterwards, too."""
        self._erase()
        click.echo(f"trivet: {fact}", err=True)

    def _erase(self) -> None:
        if self._moving:
            click.echo(ERASE, err=True, nl=False)


def narrated(means: Means, say: Say) -> Means:
    """The same means, each step told before it is taken."""
    return replace(means, reader=NarratedReader(means.reader, say), tell=say)


@dataclass(frozen=True)
class NarratedReader:
    """The port `MergeRequestReader` that tells what it is about to read."""

    reader: MergeRequestReader
    say: Say

    def merge_request(self, target: Target) -> MergeRequest:
        if target.project:
            self.say(READING.format(target=target))
        return self.reader.merge_request(target)

    def change_set(self, request: MergeRequest) -> ChangeSet:
        self.say(DIFF)
        return self.reader.change_set(request)

    def notes(self, target: Target) -> Iterable[Note]:
        self.say(NOTES)
        return self.reader.notes(target)

    def thread(self, target: Target, thread: str) -> Sequence[Note]:
        self.say(NOTES)
        return self.reader.thread(target, thread)

    def awards(self, target: Target, note: int) -> Sequence[Award]:
        return self.reader.awards(target, note)

    def snapshot(self, request: MergeRequest) -> Snapshot:
        self.say(COMMITS)
        return self.reader.snapshot(request)

    def snapshot_at(self, request: MergeRequest, commit: str) -> Snapshot:
        return self.reader.snapshot_at(request, commit)

    def target_branch(self, request: MergeRequest) -> Snapshot:
        self.say(RULES.format(branch=request.target_branch))
        return self.reader.target_branch(request)

    def commits(self, request: MergeRequest) -> Sequence[Commit]:
        self.say(HISTORY)
        return self.reader.commits(request)

    def pushes(self, request: MergeRequest) -> Sequence[float]:
        return self.reader.pushes(request)

    def is_bot(self, user_id: int) -> bool:
        return self.reader.is_bot(user_id)

    def access_level(self, target: Target, user_id: int) -> int:
        return self.reader.access_level(target, user_id)
