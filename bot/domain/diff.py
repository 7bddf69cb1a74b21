"""From the text of a diff to file changes: GitLab's `/diffs` items, and whole `git diff` output as a stream.

We split a whole diff into files ourselves, because names and bounds are where hostile input bites; `unidiff`
reads the hunks, one file at a time. Whatever the input, the only error is ValueError.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from unidiff.errors import UnidiffParseError
from unidiff.patch import PatchSet

from bot.domain.change import FileChange, FileStatus, Hunk, Line, Side

MAX_SECTION = 1_000_000  # bytes of one file's diff: unidiff takes 38 times its input in memory (measured)
MAX_TOTAL = 20_000_000  # bytes of diff kept of one change
MAX_HEADER = (
    65_536  # bytes of the lines before a file's first hunk: two names of 4,096 bytes, quoted, five times
)
MAX_LINES = 50_000  # GitLab's own default limit for a whole diff (administration/diff_limits)

COLLAPSED = "GitLab collapsed its diff"
TOO_LARGE = "GitLab finds its diff too large to show"
HIDDEN = "GitLab shows no lines of it: binary, or too large to show"
BINARY = "a binary file, or one too large for git to compare"
OVERSIZE = "its diff is larger than {limit:,} bytes"
OVERLONG = "its diff has more than {limit:,} lines"
OVER_TOTAL = "the diff is larger than {limit:,} bytes; the files before this one were read"
CUT_OFF = "its diff was cut off"

NO_FILE = "000000"
PLAIN_FILE = "100644"
SIDES = {"+": Side.ADDED, "-": Side.REMOVED, " ": Side.CONTEXT}
NAMES_FOR_UNIDIFF = ("--- a\n", "+++ b\n")

SECTION_START = b"diff --git "
HEADER_FIELDS = (
    SECTION_START,
    b"old mode ",
    b"new mode ",
    b"new file mode ",
    b"deleted file mode ",
    b"rename from ",
    b"rename to ",
    b"copy from ",
    b"copy to ",
    b"index ",
    b"--- ",
    b"+++ ",
)
BODY_START = (b"@@ ", b"Binary files ", b"GIT binary patch")

_HUNK = re.compile(rb"@@ -\d{1,9}(?:,(\d{1,9}))? \+\d{1,9}(?:,(\d{1,9}))? @@")
_BINARY = re.compile(r"Binary files .* differ\n?", re.DOTALL)
_MODE = re.compile(rb"[0-7]{6}")
_QUOTED_PAIR = re.compile(rb'("(?:[^"\\]|\\.)*") ("(?:[^"\\]|\\.)*")')
_ESCAPE = re.compile(rb'\\(?:([abtnvfr"\\])|([0-3][0-7]{2}))')
_ESCAPED = dict(zip(b'abtnvfr"\\', b'\a\b\t\n\v\f\r"\\', strict=True))

Fields = Mapping[bytes, bytes]


# --- one item of GitLab's /diffs ---


def file_change(item: Mapping[str, Any]) -> FileChange:
    """One item of `/diffs`, `/changes` or `/versions/:id` (docs.gitlab.com/api/merge_requests).

    A file whose lines GitLab withholds gets an `unread` reason. An empty diff is otherwise complete where
    something explains it: a rename, a mode, an empty file. Raises ValueError for a malformed item.
    """
    old_path, new_path = _text(item, "old_path"), _text(item, "new_path")
    status = _item_status(item, old_path, new_path)
    diff = _without_names(_text(item, "diff", empty=True))
    old_mode, new_mode = _text(item, "a_mode"), _text(item, "b_mode")
    binary = _BINARY.fullmatch(diff) is not None
    explained = status is not FileStatus.MODIFIED or old_mode != new_mode
    unread = BINARY if binary else _withheld(item, diff, explained=explained)
    return FileChange(
        old_path=new_path if status is FileStatus.ADDED else old_path,
        new_path=old_path if status is FileStatus.DELETED else new_path,
        status=status,
        old_mode=old_mode,
        new_mode=new_mode,
        binary=binary,
        generated=_flag(item, "generated_file"),
        unread=unread,
        hunks=() if unread else hunks(diff),
    )


def hunks(diff: str, *, max_lines: int = MAX_LINES) -> tuple[Hunk, ...]:
    """The hunks of one file's diff, from its first `@@` on, with or without the two lines of names before.

    Only a newline ends a line. Raises ValueError where counts, order or numbers do not fit together.
    """
    text = _without_names(diff)
    if text.count("\n") > max_lines:
        raise ValueError(OVERLONG.format(limit=max_lines))
    found = tuple(_hunk(parsed) for parsed in _parsed([f"{line}\n" for line in _split(text)]))
    _check_numbers(found)
    return found


def first_lines(hunk: Hunk) -> tuple[int, int]:
    """The first old and new line at or after a hunk's start: git numbers an empty side by the line before."""
    old = hunk.old_start + (hunk.old_count == 0)
    new = hunk.new_start + (hunk.new_count == 0)
    return old, new


def _text(item: Mapping[str, Any], key: str, *, empty: bool = False) -> str:
    value = item.get(key)
    if not isinstance(value, str) or not (value or empty):
        raise ValueError(f"a diff item needs text in `{key}`")
    return value


def _flag(item: Mapping[str, Any], key: str) -> bool:
    """A flag that older instances leave out."""
    value = item.get(key) or False
    if not isinstance(value, bool):
        raise ValueError(f"a diff item needs true or false in `{key}`")
    return value


def _item_status(item: Mapping[str, Any], old_path: str, new_path: str) -> FileStatus:
    if _flag(item, "new_file"):
        return FileStatus.ADDED
    if _flag(item, "deleted_file"):
        return FileStatus.DELETED
    renamed = _flag(item, "renamed_file") or old_path != new_path
    return FileStatus.RENAMED if renamed else FileStatus.MODIFIED


def _withheld(item: Mapping[str, Any], diff: str, *, explained: bool) -> str | None:
    """Why an item's lines cannot be read, None when they are all there."""
    if diff:
        return _oversize(len(diff), diff.count("\n"))
    if _flag(item, "too_large"):
        return TOO_LARGE
    if _flag(item, "collapsed"):
        return COLLAPSED
    return None if explained else HIDDEN


def _oversize(size: int, lines: int) -> str | None:
    if size > MAX_SECTION:
        return OVERSIZE.format(limit=MAX_SECTION)
    return OVERLONG.format(limit=MAX_LINES) if lines > MAX_LINES else None


def _without_names(diff: str) -> str:
    """`unidiff=true` puts the two lines of names before the first hunk."""
    if diff.startswith("--- "):
        _old, new, rest = (*diff.split("\n", 2), "", "")[:3]
        return rest if new.startswith("+++ ") else diff
    return diff


# --- hunks ---


def _split(text: str) -> list[str]:
    lines = text.split("\n")
    return lines if lines[-1] else lines[:-1]


def _parsed(lines: list[str]) -> list[Any]:
    """unidiff's hunks, and the certainty that every line went into one of them."""
    if not lines:
        return []
    try:
        files = PatchSet([*NAMES_FOR_UNIDIFF, *lines])
    except UnidiffParseError as error:
        raise ValueError(f"a hunk cannot be read: {str(error)[:100]!r}") from None
    read = [hunk for file in files for hunk in file]
    if len(files) != 1 or sum(1 + len(hunk) for hunk in read) != len(lines):
        raise ValueError("there is text between the hunks")
    return read


def _hunk(parsed: Any) -> Hunk:
    lines = tuple(
        Line(SIDES[line.line_type], line.source_line_no, line.target_line_no, line.value[:-1])
        for line in parsed
        if line.line_type in SIDES
    )
    return Hunk(
        old_start=parsed.source_start,
        old_count=parsed.source_length,
        new_start=parsed.target_start,
        new_count=parsed.target_length,
        lines=lines,
    )


def _check_numbers(found: Iterable[Hunk]) -> None:
    """Between hunks nothing changed, so both sides advance by the same number of lines."""
    old_next = new_next = 1
    for hunk in found:
        old, new = first_lines(hunk)
        if not hunk.lines or old < old_next or old - old_next != new - new_next:
            raise ValueError("the hunks' line numbers do not fit together")
        old_next, new_next = old + hunk.old_count, new + hunk.new_count


# --- whole git diffs, as a stream ---


@dataclass(slots=True)
class Section:
    """One file's part of a git diff, growing line by line; `missing` says why `body` is not all of it.

    `header` holds the lines before the first hunk. Content is told from structure by counting: a hunk's own
    numbers say how many lines belong to it.
    """

    max_bytes: int
    too_big: str
    header: list[bytes] = field(default_factory=list)
    body: list[bytes] = field(default_factory=list)
    missing: str | None = None
    size: int = 0
    old_left: int = 0
    new_left: int = 0

    @property
    def inside_hunk(self) -> bool:
        return self.old_left > 0 or self.new_left > 0

    def add(self, line: bytes) -> None:
        if self.inside_hunk:
            self._count(line)
        elif match := _HUNK.match(line):
            self.old_left, self.new_left = (int(count or 1) for count in match.groups())
        self._keep(line)

    def close(self) -> "Section":
        if self.inside_hunk:
            self._drop(CUT_OFF)
        return self

    def _count(self, line: bytes) -> None:
        kind = line[:1]
        if kind in (b" ", b"", b"\r"):
            self.old_left -= 1
            self.new_left -= 1
        elif kind == b"-":
            self.old_left -= 1
        elif kind == b"+":
            self.new_left -= 1
        elif kind != b"\\":
            raise ValueError("a hunk has fewer lines than it says")
        if self.old_left < 0 or self.new_left < 0:
            raise ValueError("a hunk has more lines than it says")

    def _keep(self, line: bytes) -> None:
        if self.missing:
            return
        self.size += len(line) + 1
        if not self.body and not line.startswith(BODY_START):
            self._keep_header(line)
        elif self.size > self.max_bytes:
            self._drop(self.too_big)
        elif len(self.body) > MAX_LINES:
            self._drop(OVERLONG.format(limit=MAX_LINES))
        else:
            self.body.append(line)

    def _keep_header(self, line: bytes) -> None:
        if self.size > MAX_HEADER:
            raise ValueError("a file has too long a header")
        self.header.append(line)

    def _drop(self, reason: str) -> None:
        self.missing = reason
        self.body = self.body[:1]


def parse_git_diff(
    data: bytes, *, max_section: int = MAX_SECTION, max_total: int = MAX_TOTAL
) -> list[FileChange]:
    """Every file of a whole `git diff` (or GitLab's `raw_diffs`), in its order; see `parse_sections`."""
    return list(parse_sections([data], max_section=max_section, max_total=max_total))


def parse_sections(
    chunks: Iterable[bytes], *, max_section: int = MAX_SECTION, max_total: int = MAX_TOTAL
) -> Iterator[FileChange]:
    """The files of a git diff that arrives in pieces; a file beyond a limit, or cut off, is yielded unread.

    A change of type (file to symbolic link) is two entries of one path, deleted then added, as git has it.
    Raises ValueError for anything that is not a git diff with `a/` and `b/` names.
    """
    for section in iter_sections(chunks, max_section=max_section, max_total=max_total):
        yield _section_change(section)


def iter_sections(
    chunks: Iterable[bytes], *, max_section: int = MAX_SECTION, max_total: int = MAX_TOTAL
) -> Iterator[Section]:
    """One section a file, never more than one held, each at most `max_section` bytes, `max_total` in all."""
    section: Section | None = None
    left, foreword = max_total, False
    for line in _lines(chunks, max_section):
        if line.startswith(SECTION_START) and not (section and section.inside_hunk):
            if section:
                yield section.close()
                left -= 0 if section.missing else section.size
            section = _opened(max_section, left, max_total)
        if section:
            section.add(line)
        foreword = foreword or bool(line.strip())
    if section:
        yield section.close()
    elif foreword:
        raise ValueError("this is not a git diff")


def _opened(max_section: int, left: int, max_total: int) -> Section:
    if left < max_section:
        return Section(left, OVER_TOTAL.format(limit=max_total))
    return Section(max_section, OVERSIZE.format(limit=max_section))


def _lines(chunks: Iterable[bytes], limit: int) -> Iterator[bytes]:
    """Lines without their newline; one longer than `limit` loses its middle and stays longer than `limit`."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
        rest = rest[: limit + 1]
    if rest:
        yield rest


def _section_change(section: Section) -> FileChange:
    fields = _header_fields(section.header)
    old_name, new_name = _names(fields)
    old_mode, new_mode = _modes(fields)
    binary = bool(section.body) and not section.body[0].startswith(b"@@ ")
    unread = BINARY if binary else section.missing
    return FileChange(
        old_path=_decoded(old_name),
        new_path=_decoded(new_name),
        status=_section_status(fields, old_name, new_name),
        old_mode=old_mode,
        new_mode=new_mode,
        binary=binary,
        unread=unread,
        hunks=() if unread else hunks(b"\n".join(section.body).decode("utf-8", "replace")),
    )


def _header_fields(header: Iterable[bytes]) -> Fields:
    fields: dict[bytes, bytes] = {}
    for line in header:
        for key in HEADER_FIELDS:
            if line.startswith(key):
                fields.setdefault(key, line[len(key) :])
    return fields


def _section_status(fields: Fields, old_name: bytes, new_name: bytes) -> FileStatus:
    if b"new file mode " in fields:
        return FileStatus.ADDED
    if b"deleted file mode " in fields:
        return FileStatus.DELETED
    return FileStatus.RENAMED if old_name != new_name else FileStatus.MODIFIED


def _modes(fields: Fields) -> tuple[str, str]:
    """Old and new mode; git does not print the mode of a file that was renamed and not changed."""
    if added := fields.get(b"new file mode "):
        return NO_FILE, _mode(added)
    if deleted := fields.get(b"deleted file mode "):
        return _mode(deleted), NO_FILE
    kept = fields.get(b"index ", b"").partition(b" ")[2] or PLAIN_FILE.encode()
    return _mode(fields.get(b"old mode ", kept)), _mode(fields.get(b"new mode ", kept))


def _mode(text: bytes) -> str:
    if not _MODE.fullmatch(text):
        raise ValueError("a file mode is six octal digits")
    return text.decode("ascii")


def _names(fields: Fields) -> tuple[bytes, bytes]:
    """Old and new name. Only a rename has two; they are the same on a side where the file does not exist."""
    for verb in (b"rename", b"copy"):
        pair = fields.get(verb + b" from "), fields.get(verb + b" to ")
        if pair[0] and pair[1]:
            return _unquoted(pair[0]), _unquoted(pair[1])
    old = _side_name(fields.get(b"--- "), b"a/")
    new = _side_name(fields.get(b"+++ "), b"b/")
    name = new or old or _common_name(fields[SECTION_START])
    return old or name, new or name


def _side_name(text: bytes | None, prefix: bytes) -> bytes | None:
    """The name in a `---` or `+++` line; git ends a name that holds a blank with a tab."""
    if text is None or text.rstrip(b"\t") == b"/dev/null":
        return None
    return _unprefixed(_unquoted(text.removesuffix(b"\t")), prefix)


def _common_name(text: bytes) -> bytes:
    """The name in `a/name b/name`, which may hold blanks: it is the one that both halves agree on."""
    if match := _QUOTED_PAIR.fullmatch(text):
        old, new = _unquoted(match[1]), _unquoted(match[2])
    else:
        middle = len(text) // 2
        old, new = text[:middle], text[middle + 1 :]
    if _unprefixed(old, b"a/") != _unprefixed(new, b"b/"):
        raise ValueError("a file has two names and is not renamed")
    return old[2:]


def _unprefixed(name: bytes, prefix: bytes) -> bytes:
    if not name.startswith(prefix) or name == prefix:
        raise ValueError("a file name lacks its `a/` or `b/`")
    return name[2:]


def _unquoted(name: bytes) -> bytes:
    """git's C-style quoting undone; any other name is itself."""
    if len(name) < 2 or not (name.startswith(b'"') and name.endswith(b'"')):
        return name
    return _ESCAPE.sub(_byte, name[1:-1])


def _byte(escape: re.Match[bytes]) -> bytes:
    letter, octal = escape.groups()
    return bytes([_ESCAPED[letter[0]] if letter else int(octal, 8)])


def _decoded(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")
