"""The tools of a reviewing model: it reads the repository at the change's head, a little at a time, and nothing else.

An answer is bounded, holds no secret, and is the same for the same call, so that calls can be made again after a
crash. What cannot be answered is told to the model in a sentence.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import groupby
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError
from pydantic_core import PydanticCustomError

from bot.agents.shown import shown_lines, shown_name, spelled
from bot.domain.markdown import counted
from bot.domain.secrets import Redactor
from bot.errors import PlatformError, Unavailable
from bot.llm.messages import Tool
from bot.ports import Match, NotSearchable, Snapshot

MOST_CHARACTERS: Final = 12_000
MOST_LINES: Final = 200
MOST_MATCHES: Final = 30
MOST_NAMES: Final = 200
MOST_BYTES: Final = 1_000_000
LONGEST_LINE: Final = 400
LONGEST_PATH: Final = 4_000
LONGEST_COMPARED: Final = 255  # characters of a name; comparing takes time that grows with their square
CLOSE_NAMES: Final = 3
BINARY_PREFIX: Final = 8_000  # bytes in which git looks for a NUL, too

UNKNOWN_TOOL = "There is no such tool; there are {tools}."
BAD_ARGUMENT = "{tool} was called wrongly. {where}: {reason}."
TOO_LONG = "it is longer than {most} characters"
NOT_TEXT = "it holds half a character"
NOT_A_LINE = "it is empty, or more than one line"
NO_FILE = "There is no file {path}."
CLOSE = "{sentence} Did you mean {names}?"
NO_FOLDER = "There is no folder {path}."
A_FOLDER = "{path} is a folder: list_folder shows what it holds."
BINARY = "{path} is binary: it has no text to show."
TOO_LARGE = "{path} is larger than 1 MB: it is not shown."
UNREADABLE = "{path} is there, but it cannot be read from here."
EMPTY = "{path} is empty."
OUTSIDE = "{path} has no lines {first} to {last}: it has {length}."
LINES = "{path}, lines {first} to {last} of {length}:"
NOT_ALL_LINES = "(lines {first} to {last} are not shown: at most {most} lines a call)"
NAMES = "{folder} holds:"
NOT_ALL_NAMES = "(and more: only the first {most} names are shown)"
NO_MATCH = "No line {place} holds this text."
MATCHES = "{lines} {place} with this text:"
NOT_ALL_MATCHES = "(and more: only the first {most} lines are shown)"
NOT_SEARCHABLE = "This repository cannot be searched: use list_folder and read_lines."
NO_ANSWER = "This cannot be read: {reason}"
EVERYWHERE, TOP = "in the repository", "The top folder"
CUT = "…"
CUT_HERE = "\n(cut here: ask for less at once)"


def _from_top(path: str) -> str:
    """A path written as people do ("./app/", "/app") as the repository names it ("app"); "" is its top."""
    _text_of_at_most(LONGEST_PATH, path)
    return "/".join(part for part in path.split("/") if part not in ("", "."))


def _within_a_line(text: str) -> str:
    _text_of_at_most(LONGEST_LINE, text)
    if not text or "\n" in text:
        raise PydanticCustomError("not_a_line", NOT_A_LINE)
    return text


def _text_of_at_most(most: int, text: str) -> None:
    if len(text) > most:
        raise PydanticCustomError("too_long", TOO_LONG, {"most": most})
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise PydanticCustomError("not_text", NOT_TEXT) from None


Path = Annotated[str, AfterValidator(_from_top)]


class _Arguments(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        use_attribute_docstrings=True,
        json_schema_extra={"additionalProperties": False},
    )


class ReadLines(_Arguments):
    """Shows lines of a file with their numbers, at most 200 a call."""

    path: Path
    """The file, from the top of the repository."""
    first: int
    """Number of the first line; the file's first is 1."""
    last: int
    """Number of the last line."""


class Search(_Arguments):
    """Finds lines that hold a text exactly as it is written, case included; at most 30 lines."""

    text: Annotated[str, AfterValidator(_within_a_line)]
    """The text, within one line; not a pattern."""
    folder: Path
    """The folder or file to stay in, from the top of the repository; empty for everywhere."""


class ListFolder(_Arguments):
    """Shows the names in a folder; those of folders end with "/"."""

    folder: Path
    """The folder, from the top of the repository; empty for the top."""


@dataclass(frozen=True, slots=True)
class Source:
    """What answers are made from."""

    snapshot: Snapshot
    redactor: Redactor

    def name(self, path: str) -> str:
        return shown_name(path, self.redactor)


def answer(
    call_name: str,
    arguments: dict[str, Any],
    snapshot: Snapshot,
    redactor: Redactor,
    most_characters: int = MOST_CHARACTERS,
) -> str:
    """What the tool says, in at most so many characters. Raises Unavailable; any other trouble is an answer."""
    said = _said(call_name, arguments, Source(snapshot, redactor))
    return _bounded(redactor.redact(said), most_characters)


def _said(call_name: str, arguments: dict[str, Any], source: Source) -> str:
    if call_name not in _TOOLS:
        return UNKNOWN_TOOL.format(tools=", ".join(_TOOLS))
    shape, respond = _TOOLS[call_name]
    try:
        return respond(shape.model_validate(arguments), source)
    except ValidationError as error:
        return _bad_argument(call_name, error)
    except Unavailable:
        raise
    except NotSearchable:
        return NOT_SEARCHABLE
    except PlatformError as error:
        return NO_ANSWER.format(reason=source.name(str(error)))


def _bad_argument(tool: str, error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "arguments"
    return BAD_ARGUMENT.format(tool=tool, where=where, reason=first["msg"])


def _bounded(text: str, most: int) -> str:
    """The text, cut after a line where it is too long."""
    if len(text) <= most:
        return text
    kept = text[: max(0, most - len(CUT_HERE))]
    return (kept.rpartition("\n")[0] + CUT_HERE)[:most]


def _cut(line: str, at: int = 0) -> str:
    """The line; of a long one at most 400 characters, with the place `at` among them."""
    if len(line) <= LONGEST_LINE:
        return line
    start = max(0, at - LONGEST_LINE // 4)
    end = start + LONGEST_LINE - 2 * len(CUT)
    return CUT * (start > 0) + line[start:end] + CUT * (end < len(line))


# --- read_lines ---


def _read_lines(call: ReadLines, source: Source) -> str:
    path = _real(call.path, source)
    content = source.snapshot.read(path, MOST_BYTES)
    if content is None:
        return _unread(path, source)
    if b"\0" in content[:BINARY_PREFIX]:
        return BINARY.format(path=source.name(path))
    return _numbered(call, source.name(path), shown_lines(content, source.redactor))


def _real(path: str, source: Source) -> str:
    """The repository's own path for a file whose name had to be shown in another form."""
    if source.snapshot.size(path) is not None:
        return path
    folder, slash, name = path.rpartition("/")
    names = (one for one in source.snapshot.list(folder, MOST_NAMES) if source.name(one) == name)
    return folder + slash + next(names, name)


def _unread(path: str, source: Source) -> str:
    if source.snapshot.size(path) is not None:
        return TOO_LARGE.format(path=source.name(path))
    if source.snapshot.list(path, 1):
        return A_FOLDER.format(path=source.name(path) or TOP)
    folder, slash, name = path.rpartition("/")
    names = source.snapshot.list(folder, MOST_NAMES)
    if name in names:
        return UNREADABLE.format(path=source.name(path))
    sentence, close = NO_FILE.format(path=source.name(path)), _close(name, names)
    shown = ", ".join(source.name(folder + slash + one) for one in close)
    return CLOSE.format(sentence=sentence, names=shown) if close else sentence


def _close(name: str, names: Sequence[str]) -> list[str]:
    """Up to three of the files whose names are nearly the one asked for, the nearest first."""
    files = [one for one in names if len(one) <= LONGEST_COMPARED and not one.endswith("/")]
    return get_close_matches(name[:LONGEST_COMPARED], files, CLOSE_NAMES)


def _numbered(call: ReadLines, path: str, lines: Sequence[str]) -> str:
    first, last = max(1, call.first), min(call.last, len(lines))
    if not lines:
        return EMPTY.format(path=path)
    if last < first:
        return OUTSIDE.format(path=path, first=call.first, last=call.last, length=counted(len(lines), "line"))
    end = min(last, first + MOST_LINES - 1)
    width = len(str(end))
    shown = [f"{number:>{width}}  {_cut(lines[number - 1])}" for number in range(first, end + 1)]
    rest = [NOT_ALL_LINES.format(first=end + 1, last=last, most=MOST_LINES)] if last > end else []
    head = LINES.format(path=path, first=first, last=end, length=len(lines))
    return "\n".join([head, *shown, *rest])


# --- search ---


def _search(call: Search, source: Source) -> str:
    place = f"in {source.name(call.folder)}" if call.folder else EVERYWHERE
    matches = source.snapshot.search(call.text, call.folder, MOST_MATCHES + 1)
    shown = list(_shown(matches[:MOST_MATCHES], spelled(call.text), source))
    if not shown:
        return _no_match(call.folder, place, source)
    rest = [NOT_ALL_MATCHES.format(most=MOST_MATCHES)] if len(matches) > MOST_MATCHES else []
    return "\n".join([MATCHES.format(lines=counted(len(shown), "line"), place=place), *shown, *rest])


def _shown(matches: Sequence[Match], text: str, source: Source) -> Iterator[str]:
    """`path:line  text`, as the file's lines are shown; a search does not tell what a secret is made of."""
    for path, found in groupby(matches, lambda match: match.path):
        lines = shown_lines(source.snapshot.read(path, MOST_BYTES) or b"", source.redactor)
        name = source.name(path)
        for match in found:
            line = lines[match.line - 1] if match.line <= len(lines) else ""
            if text in line:
                yield f"{name}:{match.line}  {_cut(line, line.index(text))}"


def _no_match(folder: str, place: str, source: Source) -> str:
    there = not folder or source.snapshot.size(folder) is not None or source.snapshot.list(folder, 1)
    return NO_MATCH.format(place=place) if there else NO_FOLDER.format(path=source.name(folder))


# --- list_folder ---


def _list_folder(call: ListFolder, source: Source) -> str:
    names = source.snapshot.list(call.folder, MOST_NAMES + 1)
    if not names:
        return NO_FOLDER.format(path=source.name(call.folder)) if call.folder else EMPTY.format(path=TOP)
    rest = [NOT_ALL_NAMES.format(most=MOST_NAMES)] if len(names) > MOST_NAMES else []
    shown = [_cut(source.name(name)) for name in names[:MOST_NAMES]]
    return "\n".join([NAMES.format(folder=source.name(call.folder) or TOP), *shown, *rest])


_TOOLS: dict[str, tuple[type[_Arguments], Callable[[Any, Source], str]]] = {
    "read_lines": (ReadLines, _read_lines),
    "search": (Search, _search),
    "list_folder": (ListFolder, _list_folder),
}


def _tool(name: str, shape: type[_Arguments]) -> Tool:
    schema = shape.model_json_schema()
    return Tool(name, schema.pop("description"), schema)


TOOLS: Final = tuple(_tool(name, shape) for name, (shape, _respond) in _TOOLS.items())
