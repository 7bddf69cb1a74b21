"""A change as a model is shown it: both line numbers, a sign, the line. What a model quotes can be found again."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from bot.agents.review.schema import Segment
from bot.agents.review.sides import Sides, sides
from bot.agents.shown import shown_name
from bot.agents.spec import AgentContext
from bot.domain.change import FileChange, FileStatus, Hunk, Line, Side

LONGEST_LINE: Final = 400  # characters
CUT: Final = "…"
GAP: Final = "             ⋮"
SIGNS: Final = {Side.ADDED: "+", Side.REMOVED: "-", Side.CONTEXT: " "}
HEADINGS: Final = {
    FileStatus.ADDED: "=== {path} (new file)",
    FileStatus.DELETED: "=== {path} (deleted)",
    FileStatus.MODIFIED: "=== {path}",
    FileStatus.RENAMED: "=== {path} (renamed from {old})",
}
PART: Final = "{heading}, part of a longer change"


def diff_text(context: AgentContext, segments: Sequence[Segment]) -> str:
    """The segments of the diff, file by file."""
    files = context.change.files
    shown = (_segment(files[place], first, last, context) for place, first, last in segments)
    return "\n\n".join("\n".join(lines) for lines in shown)


def _segment(file: FileChange, first: int, last: int, context: AgentContext) -> Iterator[str]:
    path, old = shown_name(file.path, context.redactor), shown_name(file.old_path, context.redactor)
    heading = HEADINGS[file.status].format(path=path, old=old)
    whole = first == 0 and last >= sum(len(hunk.lines) for hunk in file.hunks)
    yield heading if whole else PART.format(heading=heading)
    start, shown = 0, sides(context, file)
    for hunk in file.hunks:
        wanted = range(max(first - start, 0), min(last - start, len(hunk.lines)))
        if wanted:
            yield GAP
            yield from _numbered(hunk, wanted, shown)
        start += len(hunk.lines)


def _numbered(hunk: Hunk, wanted: Iterable[int], shown: Sides) -> Iterator[str]:
    return (_row(line, cut(shown.text(line))) for line in (hunk.lines[number] for number in wanted))


def cut(text: str) -> str:
    """A line as it is shown."""
    return text if len(text) <= LONGEST_LINE else text[:LONGEST_LINE] + CUT


def _row(line: Line, text: str) -> str:
    return f"{line.old or '':>6} {line.new or '':>6} {SIGNS[line.side]} {text}"
