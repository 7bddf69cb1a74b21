"""Which commit of a merge request mended a defect or brought it back: what its file reads like, commit by commit.

The commits are taken as they are listed, newest first, those that merge the target like any other.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, TypeVar

from bot.agents.review.quotes import Lines
from bot.agents.shown import shown_text
from bot.agents.spec import AgentContext
from bot.domain.change import shown_path
from bot.domain.lifecycle import Known, around
from bot.domain.secrets import Redactor
from bot.errors import PlatformError, Unavailable
from bot.ports import Snapshot

MOST_COMMITS: Final = 10  # each may have to be fetched first

Seen = TypeVar("Seen")


class _Unreadable(Exception):
    """A commit cannot be had, so that nothing can be told by it."""


@dataclass(frozen=True)
class _View:
    """A finding's file at one commit. `places` are the digests of what is around the lines that read as its own."""

    content: bytes | None
    places: tuple[str, ...]


@dataclass
class History:
    """The files at the merge request's commits, each read at most once. Raises Unavailable."""

    context: AgentContext
    _snapshots: dict[str, Snapshot] = field(default_factory=dict)
    _contents: dict[tuple[str, str], bytes | None] = field(default_factory=dict)
    _lines: dict[bytes, Lines] = field(default_factory=dict)

    def turn(self, known: Known, path: str, *, back: bool = False) -> str:
        """The commit that mended the finding, or brought it `back`; the head where no commit tells.

        It is the one with which the finding's line went, or came. Where the line stands as ever, it is the newest
        with which the lines around it changed, else the newest that changed the file. `path` is the file's at head.
        """
        commits = self._commits(known.commit if back else "")
        came = back is not (known.finding.old_line is not None)
        try:
            views = _Views(lambda commit: self._view(commit, known, path), commits)
            found = views.line_turned(came=came) or views.around_turned() or views.content_turned()
        except _Unreadable:
            found = ""
        return found or self.context.request.head

    def is_as_at(self, commit: str, known: Known, path: str, around_now: str) -> bool:
        """Whether the finding's line stood at that commit with the same lines around it; False if nobody can tell."""
        try:
            return bool(commit) and around_now in self._view(commit, known, path).places
        except _Unreadable:
            return False

    def had_line(self, commit: str, path: str, quote: str) -> bool | None:
        """Whether the file had a line that reads so at that commit; None if nobody can tell."""
        try:
            content = self._content(commit, path) if commit else None
        except _Unreadable:
            return None
        return None if content is None else bool(self._numbered(content).same(quote))

    def _commits(self, until: str) -> list[str]:
        """The commits, newest first, to `until` if it is one of them."""
        every = [commit.sha for commit in self.context.background.commits[:MOST_COMMITS]]
        return every[: every.index(until) + 1] if until in every else every

    def _view(self, commit: str, known: Known, path: str) -> _View:
        paths = dict.fromkeys((path, known.finding.path))
        content = next((one for name in paths if (one := self._content(commit, name)) is not None), None)
        lines = self._numbered(content or b"")
        places = sorted(around(lines.shown, number) for number in lines.same(known.finding.anchor))
        return _View(content, tuple(places))

    def _numbered(self, content: bytes) -> Lines:
        if content not in self._lines:
            self._lines[content] = Lines(numbered(content, self.context.redactor))
        return self._lines[content]

    def _content(self, commit: str, path: str) -> bytes | None:
        if (commit, path) not in self._contents:
            self._contents[commit, path] = self._read(commit, path)
        return self._contents[commit, path]

    def _read(self, commit: str, path: str) -> bytes | None:
        if self.context.snapshot_at is None:
            raise _Unreadable
        try:
            if commit not in self._snapshots:
                self._snapshots[commit] = self.context.snapshot_at(commit)
            return self._snapshots[commit].read(path)
        except Unavailable:
            raise
        except PlatformError as error:
            raise _Unreadable from error


@dataclass(frozen=True)
class _Views:
    """One file along the commits, newest first. Each question is answered with a commit, "" where none is the one."""

    of: Callable[[str], _View]
    commits: Sequence[str]

    def line_turned(self, *, came: bool) -> str:
        """Since when the line stands more often than before (`came`), or less often."""
        newer, now, older = next(self._turns(lambda view: len(view.places)), ("", 0, 0))
        return newer if (now > older) is came else ""

    def around_turned(self) -> str:
        """Since when what is around the line reads so, as long as the line itself stands there."""
        newer, now, older = next(self._turns(lambda view: view.places), ("", (), ()))
        return newer if len(now) == len(older) else ""

    def content_turned(self) -> str:
        return next((newer for newer, _, _ in self._turns(lambda view: view.content)), "")

    def _turns(self, seen: Callable[[_View], Seen]) -> Iterator[tuple[str, Seen, Seen]]:
        """Where two commits differ, newest first: the newer one, and what is seen in both."""
        for newer, older in pairwise(self.commits):
            now, before = seen(self.of(newer)), seen(self.of(older))
            if now != before:
                yield newer, now, before


def numbered(content: bytes, redactor: Redactor) -> dict[int, str]:
    """A file's lines as a model is shown them (`sides`), by number."""
    text = content.decode("utf-8", "surrogateescape").removesuffix("\n")
    return dict(enumerate(shown_text(shown_path(text), redactor).split("\n"), 1)) if text else {}
