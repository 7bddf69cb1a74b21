"""Stand-ins that several tests share: a repository in a dictionary, and change sets made from text."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from bot.domain.change import (
    ChangeSet,
    DiffRefs,
    FileChange,
    FileStatus,
    Hunk,
    Line,
    MergeRequest,
    Side,
    Target,
)
from bot.ports import Match

REFS = DiffRefs(base="b" * 40, start="b" * 40, head="a" * 40)
REQUEST = MergeRequest(
    target=Target("acme/shop", 7, 1),
    title="Change the shop",
    description="",
    state="opened",
    draft=False,
    author="ada",
    source_branch="feature",
    target_branch="main",
    head=REFS.head,
    refs=REFS,
)


class DictSnapshot:
    """A repository at one commit: path -> content, text as UTF-8. Every entry is a regular file."""

    def __init__(self, files: Mapping[str, bytes | str] | None = None, commit: str = REFS.head) -> None:
        self.commit = commit
        self.files = {
            path: content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content
            for path, content in (files or {}).items()
        }
        self.asked: list[str] = []

    def read(self, path: str, limit: int = 1_000_000) -> bytes | None:
        self.asked.append(path)
        content = self.files.get(path)
        return None if content is None or len(content) > limit else content

    def size(self, path: str) -> int | None:
        return len(self.files[path]) if path in self.files else None

    def list(self, folder: str = "", limit: int = 200) -> Sequence[str]:
        within = f"{folder}/" if folder else ""
        inside = (path.removeprefix(within) for path in self.files if path.startswith(within))
        names = {name + slash for name, slash, _rest in (path.partition("/") for path in inside)}
        return sorted(names)[:limit]

    def search(self, text: str, paths: str = "", limit: int = 50) -> Sequence[Match]:
        return tuple(islice(self._matches(text, paths), limit)) if text else ()

    def _matches(self, text: str, paths: str) -> Iterator[Match]:
        for path, content in sorted(self.files.items()):
            if paths in ("", path) or path.startswith(f"{paths}/"):
                yield from _lines_with(text, path, content)


def _lines_with(text: str, path: str, content: bytes) -> Iterator[Match]:
    if len(content) <= 1_000_000 and b"\0" not in content[:8_000]:
        for number, line in enumerate(content.decode("utf-8", "surrogateescape").split("\n"), 1):
            if text in line:
                yield Match(path, number, line[:400])


def added_lines(text: str, start: int = 1) -> Hunk:
    """One hunk that adds every line of `text`, the first as line `start`."""
    lines = tuple(
        Line(Side.ADDED, None, number, line)
        for number, line in enumerate(text.removesuffix("\n").split("\n"), start)
    )
    return Hunk(old_start=start - 1, old_count=0, new_start=start, new_count=len(lines), lines=lines)


def added_file(path: str, text: str, *, generated: bool = False) -> FileChange:
    """A new text file."""
    return FileChange(path, path, FileStatus.ADDED, "0", generated=generated, hunks=(added_lines(text),))


def added_binary(path: str) -> FileChange:
    return FileChange(path, path, FileStatus.ADDED, "0", binary=True)


def edited_file(path: str, text: str, added: Iterable[int]) -> FileChange:
    """A changed file that reads `text` at head, of which the lines with the numbers `added` are new."""
    new, lines, old = set(added), [], 0
    for number, line in enumerate(text.removesuffix("\n").split("\n"), 1):
        if number in new:
            lines.append(Line(Side.ADDED, None, number, line))
        else:
            old += 1
            lines.append(Line(Side.CONTEXT, old, number, line))
    return FileChange(
        path, path, FileStatus.MODIFIED, hunks=(Hunk(1, old, 1, len(lines), tuple(lines)),)
    )  # fmt: skip


def change_of(*files: FileChange) -> ChangeSet:
    return ChangeSet(refs=REFS, files=files)
