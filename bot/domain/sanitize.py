"""The one gate before every write to GitLab: Markdown in which nothing can be executed, loaded or notified.

A body is made by our own templates and holds text that strangers wrote. It is taken apart and put together
again from what is known to be harmless; whatever is not known is shown as the characters it is made of.

Three facts decide how (GitLab's lib/gitlab/quick_actions/extractor.rb and lib/banzai/filter):
- Quick actions are looked for in the raw text, `\\r` deleted, by `^/name`. The entity `&#47;` is therefore
  enough to stop one, and no line of the output begins with a slash and a letter.
- References (`@name`, `#1`, ...) are looked for in the rendered page, when entities and backslashes are gone,
  but never inside `<code>`. Only a code span stops them in every version.
- Inside an HTML block Markdown is not read and a code span is none. So our few tags are let through only in
  a form that ends with a blank line.
"""

import html
import re
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from html.entities import html5

import re2

LIMIT = 60_000  # characters; GitLab takes a million, a person does not
RESERVE = 400  # what closing the open details and the sentence below may take
MAX_DEPTH = 8  # details within details
CUT = "_The rest is left out: this comment would be too long to read._"

LANGUAGES = frozenset({"", "text", "diff", "python", "json", "yaml", "toml", "sh", "console"})
"""What a fence may call itself. Anything else may be drawn: GitLab renders some thirty diagram languages,
maths and maps, some of them by asking another host."""

SPACES = {0x0B: "\n", 0x0C: "\n", 0x85: "\n", 0x2028: "\n", 0x2029: "\n", 0x0D: None}
BLANK_LETTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")
EMOJI = "\u2190-\u2bff\U0001f000-\U0001faff"
EMOJI_JOINT = re.compile(f"((?<=[{EMOJI}])\ufe0f|(?<=[{EMOJI}\ufe0f])\u200d(?=[{EMOJI}]))")

LETTER = r"[0-9A-Za-z_\x{80}-\x{10ffff}]"
PATH = r"[0-9A-Za-z_./\-\x{80}-\x{10ffff}]"
END = r"[^\s<>`|\\.,;:!?'\"()*_]"
NAME = rf"(?:\"[^\"`|\\]*\"|[^\s`|\\]*{LETTER}|[^\s`|\\]+)"
REFERENCE = (
    rf"[A-Za-z][A-Za-z0-9+.\-]*://[^\s<>`|\\]*{END}",  # an address of any scheme
    rf"(?i:www)\.[^\s<>`|\\]*{END}",
    rf"(?:{PATH}|\+)*@+{PATH}*{LETTER}",  # a mention, an e-mail address
    rf"(?:{PATH}|\^)*[#!&]\d+(?:\+s?)?",  # issue, merge request, epic, alert; of any project
    rf"{PATH}*%(?:\"[^\"`|\\]*\"|\"|{PATH}+)",  # milestone
    rf"{PATH}*~+{NAME}|~{{3,}}",  # label; a fence of tildes
    rf"{PATH}*\$+{NAME}",  # snippet, maths
    r"\*iteration:[^\s`|\\]+",
    r"\[[a-z_]+:[^\]\s`|\\]+\]",  # [vulnerability:1] and its like
    r"\[\[[^\]`|\\]*\]\]|(?i:\[_?TOC_?\])",  # wiki link, table of contents
    rf"{PATH}+/{PATH}+>",  # project
    r"[A-Z][A-Z0-9_]+-\d+",  # GL-1, and an external tracker's key
    r"[0-9a-fA-F]{7}",  # commit
    rf"(?:{LETTER}|:)*:[a-z0-9_+\-]+:(?:{LETTER}|:)*",  # emoji: a custom one is an image
)
"""GitLab's references, and what it makes a link without being asked (docs.gitlab.com/user/markdown)."""

OWN_ADDRESS = re.compile(
    r"(https?)://([a-z0-9.-]+(?::\d{1,5})?)(/[a-z0-9._~%/+:,;=-]*)?(?:\?[^#]*)?(#[a-z0-9._-]*)?",
    re.IGNORECASE,
)
REFERABLE = re.compile(
    r"/-/(?:issues|work_items|incidents|merge_requests|epics|milestones|commits?|compare|snippets|iterations|designs"
    r"|alert_management|security|feature_flags|boards|releases)\b"
)
"""Pages whose bare address is a reference to GitLab, as `#1` is. A link written out may lead there."""

_QUIET = re2.Options()
_QUIET.log_errors = False
REFERENCES = re2.compile(rf"{LETTER}*(?:{'|'.join(REFERENCE)}){LETTER}*", _QUIET)
"""As whole words: what is left over on either side must be no new word by being cut off."""

TOKEN = re.compile(
    r"""(?P<escape>\\[!-/:-@\[-`{-~])
      | (?P<entity>&(?:\#[0-9]{1,7}|\#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});)
      | (?P<ticks>`+)
      | (?P<comment><!--)
      | (?P<tag></?sub>|<br>)
      | (?P<auto><[A-Za-z][A-Za-z0-9+.\-]{1,31}:[^\s<>`|\\]*>)
      | \[(?P<label>(?:[^\[\]\\`|<]|\\[!-/:-@\[-`{-~]|`[^`|\[\]\\]{1,100}`){1,300})\]
        \((?P<link>https?://[^\s()<>`|\\"'\[\]]{1,2000})\)
      | (?P<plain>[^\\&`<\[\]|$]+)
      | (?P<other>.)""",
    re.VERBOSE,
)
ESCAPED = re.compile(
    r"\\([!-/:-@\[-`{-~])|(&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});)"
)
CELL_END = re.compile(r"(?<!\\)(?:\\\\)*\|")
TICKS = re.compile(r"`+")

FENCE = re.compile(r"(`{3,})(suggestion(?::-\d{1,3}\+\d{1,3})?|[A-Za-z0-9_+.#-]*)[ \t]*")
FENCE_END = re.compile(r"(`{3,})[ \t]*")
SUMMARY = re.compile(r"<summary>(.*)</summary>")

ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;", "`": "&#96;"}
ESCAPABLE = frozenset("!#$%()*+-.:;=?@[]^_{|}~")
LINE_RULES = (
    # front matter, GitLab's include and its fenced quotes
    (re.compile(r"^(\s*)(---|\+\+\+|;;;|::include|>>>)"), lambda found: found[1] + _first_escaped(found[2])),
    # a quick action, also behind any list or quote mark
    (re.compile(r"^([\s>*+\-\d.)]*)/"), lambda found: f"{found[1]}&#47;"),
    # alone on its line a tag starts an HTML block
    (re.compile(r"^([\s>*+\-\d.)]*)<br>$"), lambda found: f"{found[1]}&lt;br&gt;"),
)
"""What a line must not begin with."""


def sanitize(body: str, *, hosts: frozenset[str] = frozenset(), redact: Callable[[str], str]) -> str:
    """The body with everything that GitLab would act on made inert; Markdown of our templates stays.

    `hosts`: the only link targets that stay links, each "host" or "host:port" as it stands in the address.
    The query is taken off. `redact` replaces secrets and is idempotent.

    Sanitizing twice changes nothing. Never raises; takes time linear in the body. At most LIMIT characters
    come out: what is longer is cut at a line, or before a fence, and ends with a sentence that says so.
    """
    lines = visible(_without_secrets(line_ends(body), redact)).strip("\n").split("\n")
    original = frozenset(body.split("\n"))
    page = _Page()
    for block in _blocks(lines):
        _write(block, page, hosts, original)
        if page.full:
            break
    return page.text()


def line_ends(text: str) -> str:
    """Every line end, Unicode's too, as one newline; carriage returns are deleted, as GitLab does."""
    return text.translate(SPACES)


def visible(text: str) -> str:
    """Invisible and bidirectional characters spelled as `\\u{200b}`, undecodable bytes as `\\x80`.

    Control characters but newline and tab are removed. What joins an emoji stays.
    """
    parts = EMOJI_JOINT.split(text)
    parts[::2] = [part.translate(_SPELLING) for part in parts[::2]]
    return "".join(parts)


class _Table(dict[int, str | None]):
    """A table for `str.translate` that works a character out when it is first seen."""

    def __init__(self, rule: Callable[[str], str | None]) -> None:
        super().__init__()
        self._rule = rule

    def __missing__(self, code: int) -> str | None:
        self[code] = made = self._rule(chr(code))
        return made


def _spelled(char: str) -> str | None:
    code, category = ord(char), unicodedata.category(char)
    if char in "\n\t":
        return char
    if category == "Cc":
        return None
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    selector = 0xFE00 <= code <= 0xFE0F or 0xE0000 <= code <= 0xE0FFF
    if category in {"Cf", "Co", "Cs"} or selector or char in BLANK_LETTERS:
        return f"\\u{{{code:x}}}"
    return char


def _seen(char: str) -> str | None:
    return char if _spelled(char) == char else None


_SPELLING = _Table(_spelled)
_WITHOUT = _Table(_seen)


def _without_secrets(text: str, redact: Callable[[str], str]) -> str:
    """Secrets replaced, also those that invisible characters or Markdown's escapes break up."""
    bare = text.translate(_WITHOUT)
    clean = redact(bare)
    text = text if clean == bare else clean
    plain = _unescaped(text)
    if redact(plain) == plain:
        return text
    return "\n".join(_line_without_secrets(line, redact) for line in text.split("\n"))


def _line_without_secrets(line: str, redact: Callable[[str], str]) -> str:
    plain = _unescaped(line)
    clean = redact(plain)
    return line if clean == plain else clean


def _unescaped(text: str) -> str:
    """The characters a reader sees: backslash escapes and entities undone."""
    return ESCAPED.sub(lambda found: found[1] or _entity(found[2]), text)


def _entity(source: str) -> str:
    """The characters an entity stands for; an unknown name stands for itself (CommonMark 6.2)."""
    name = source[1:]
    if not name.startswith("#"):
        return html5.get(name, source)
    code = int(name[2:-1], 16) if name[1] in "xX" else int(name[1:-1])
    valid = 0 < code < 0x110000 and not 0xD800 <= code < 0xE000
    return chr(code) if valid else "\ufffd"


# --- blocks ---


@dataclass(frozen=True, slots=True)
class _Fence:
    info: str
    lines: list[str]


def _blocks(lines: list[str]) -> Iterator[str | _Fence]:
    """Fences as a whole, comments that fill whole lines not at all, everything else line by line."""
    longest = _longest_fence_end(lines)
    last_end = next((at for at in range(len(lines) - 1, -1, -1) if "-->" in lines[at]), -1)
    at = 0
    while at < len(lines):
        line = lines[at]
        opening = FENCE.fullmatch(line)
        if opening and longest[at + 1] >= len(opening[1]):
            end = _fence_end(lines, at + 1, len(opening[1]))
            yield _Fence(opening[2], lines[at + 1 : end])
            at = end + 1
        elif line.startswith("<!--") and "-->" not in line and last_end > at:
            at = next(number for number in range(at + 1, len(lines)) if "-->" in lines[number])
            lines[at] = lines[at].partition("-->")[2]
            longest[at] = max(longest[at + 1], _ticks_of_end(lines[at]))
        else:
            yield line
            at += 1


def _ticks_of_end(line: str) -> int:
    ending = FENCE_END.fullmatch(line) if line.startswith("```") else None
    return len(ending[1]) if ending else 0


def _longest_fence_end(lines: list[str]) -> list[int]:
    """For every line: how many backticks the longest closing fence from there on has."""
    longest = [0] * (len(lines) + 1)
    for at in range(len(lines) - 1, -1, -1):
        longest[at] = max(longest[at + 1], _ticks_of_end(lines[at]))
    return longest


def _fence_end(lines: list[str], start: int, ticks: int) -> int:
    return next(at for at in range(start, len(lines)) if _ticks_of_end(lines[at]) >= ticks)


@dataclass(slots=True)
class _Page:
    """The output so far: which details are open, whether a blank line is due, and where it may be cut."""

    lines: list[str] = field(default_factory=list)
    size: int = 0
    depth: int = 0
    blank_due: bool = False
    full: bool = False
    cut_at: tuple[int, int] = (0, 0)  # lines and open details where a cut last left room to close

    def add(self, *lines: str, tag: bool = False) -> None:
        """Append one block. `tag`: it starts an HTML block, which must end with a blank line."""
        if self.blank_due and lines[0]:
            lines = ("", *lines)
        self.lines += lines
        self.size += sum(len(line) + 1 for line in lines)
        self.blank_due = tag
        self.full = self.size > LIMIT

    def mark(self) -> None:
        if self.size <= LIMIT - RESERVE:
            self.cut_at = (len(self.lines), self.depth)

    def open(self) -> None:
        self.add("<details>", tag=True)
        self.depth += 1

    def close(self) -> None:
        self.add("</details>", tag=True)
        self.depth -= 1

    def text(self) -> str:
        while self.depth:
            self.close()
        if self.full:
            kept, self.depth = self.cut_at
            self.lines, self.blank_due = self.lines[:kept], True
            while self.depth:
                self.close()
            self.add(CUT)
        return "\n".join(self.lines).strip("\n")


def _write(block: str | _Fence, page: _Page, hosts: frozenset[str], original: frozenset[str]) -> None:
    if isinstance(block, _Fence):
        page.add(*_fenced(block, original))
    elif len(block) > LIMIT:
        page.full = True
    elif not _wrote_tag(block.rstrip(), page):
        page.add(_line(block.rstrip(), hosts))
    page.mark()


def _wrote_tag(line: str, page: _Page) -> bool:
    """Let our block tags through: a line each, balanced, the summary right after its details."""
    if line.startswith("<details><summary>") and page.depth < MAX_DEPTH and SUMMARY.fullmatch(line[9:]):
        return _wrote_tag("<details>", page) and _wrote_tag(line[9:], page)
    summary = SUMMARY.fullmatch(line)
    if line == "<details>" and page.depth < MAX_DEPTH:
        page.open()
    elif line == "</details>" and page.depth:
        page.close()
    elif summary and page.lines and page.lines[-1] == "<details>":
        page.blank_due = False
        page.add(f"<summary>{_html_text(summary[1])}</summary>", tag=True)
    else:
        return False
    return True


def _html_text(source: str) -> str:
    """Text inside our own HTML tag. It cannot hold code, so a reference is left out where it stands."""
    shown = visible(html.unescape(source)).replace("\n", " ")
    kept, at = "", 0
    for found in REFERENCES.finditer(shown):
        kept += f"{shown[at : found.start()]}…"
        at = found.end()
    return html.escape(kept + shown[at:], quote=False)


def _fenced(fence: _Fence, original: frozenset[str]) -> list[str]:
    """The fence with more backticks than it holds. A suggestion stays one only if nothing in it changed."""
    lines = [_unexecutable(line) for line in fence.lines]
    intact = lines == fence.lines and original.issuperset(lines)
    known = intact if fence.info.startswith("suggestion") else fence.info in LANGUAGES
    ticks = max((len(run) for line in lines for run in TICKS.findall(line)), default=0)
    bar = "`" * max(3, ticks + 1)
    return [bar + (fence.info if known else "text"), *lines, bar]


def _unexecutable(line: str) -> str:
    """Not every extractor knows every fence: a command's slash leaves the first column; an include too."""
    return f" {line}" if re.match(r"/[^\W\d_]|::include", line) else line


# --- inline ---


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of a line. `kind`: "text" (stays Markdown), "literal" (characters to show), "tag" or "done"."""

    kind: str
    text: str


def _line(line: str, hosts: frozenset[str]) -> str:
    """One line of text, safe whichever block it turns out to be in, and whatever the lines around it hold."""
    safe = _inline(line, hosts).rstrip()
    for pattern, replacement in LINE_RULES:
        safe = pattern.sub(replacement, safe)
    return safe


def _first_escaped(text: str) -> str:
    return ENTITIES.get(text[0], f"\\{text[0]}") + text[1:]


def _inline(line: str, hosts: frozenset[str]) -> str:
    pieces: list[str] = []
    shown, literal = "", ""
    for piece in _balanced(_pieces(line, hosts)):
        if piece.kind in {"text", "literal"}:
            shown += piece.text
            literal += ("1" if piece.kind == "literal" else "0") * len(piece.text)
            continue
        pieces += (*_text(shown, literal, hosts), piece.text)
        shown, literal = "", ""
    return _joined((*pieces, *_text(shown, literal, hosts)))


def _joined(pieces: Iterable[str]) -> str:
    """Code spans must not run together; a dollar before one makes it maths, a mark before a link an image."""
    out: list[str] = []
    for piece in filter(None, pieces):
        if out and out[-1][-1] + piece[0] in {"``", "$`", "!["}:
            out.append(" ")
        out.append(piece)
    return "".join(out)


def _pieces(line: str, hosts: frozenset[str]) -> Iterator[_Piece]:
    spans = _CodeSpans(line)
    at, before = 0, ""
    while at < len(line):
        token = TOKEN.match(line, at)
        assert token is not None, "the last alternative takes any character"
        end = token.end()
        kind, source = token.lastgroup, token[0]
        if kind == "ticks":
            end = spans.end(at, len(source)) or end
            yield _Piece("done" if end > token.end() else "literal", line[at:end])
        elif kind == "comment":
            close = line.find("-->", at + 4) if at < spans.last_comment_end else -1
            end = close + 3 if close >= 0 else at + 1
            yield _Piece("literal", "" if close >= 0 else "<")
        elif kind == "link" and (before == "!" or not _own_address(token["link"], hosts)):
            end = at + 1
            yield _Piece("literal", "[")
        else:
            yield _piece(kind, token, hosts)
        before, at = source[-1] if kind in {"plain", "other"} else "", end


def _piece(kind: str | None, token: re.Match[str], hosts: frozenset[str]) -> _Piece:
    source = token[0]
    if kind == "link":
        label = _inline(token["label"], frozenset())
        return _Piece("done", f"[{label}]({_own_address(token['link'], hosts)})")
    if kind == "auto":
        return _Piece("done", _address(source[1:-1], hosts) or f"`{source}`")
    if kind == "escape":
        return _Piece("literal", source[1])
    if kind == "entity":
        return _Piece("literal", visible(_entity(source)).replace("\n", " "))
    if kind == "other" and source != "|":
        return _Piece("literal", source)
    return _Piece("tag" if kind == "tag" else "text", source)


class _CodeSpans:
    """Where the code spans of one line end. A pipe ends every span, for the line may be a table's row."""

    def __init__(self, line: str) -> None:
        self.last_comment_end = line.rfind("-->")
        self._borders = [found.end() - 1 for found in CELL_END.finditer(line)]
        self._runs: dict[int, list[int]] = {}
        for run in TICKS.finditer(line):
            self._runs.setdefault(len(run[0]), []).append(run.start())

    def end(self, start: int, ticks: int) -> int | None:
        """Where the span that `ticks` backticks open at `start` ends, None if it does not."""
        runs = self._runs.get(ticks, [])
        nth = bisect_left(runs, start + ticks)
        if nth == len(runs):
            return None
        border = bisect_left(self._borders, start)
        inside = border == len(self._borders) or runs[nth] < self._borders[border]
        return runs[nth] + ticks if inside else None


def _balanced(pieces: Iterable[_Piece]) -> list[_Piece]:
    """`<sub>` with its `</sub>` and `<br>` as tags, any other tag as text."""
    found = list(pieces)
    opened: list[int] = []
    for at, piece in enumerate(found):
        if piece.kind != "tag":
            continue
        if piece.text == "<sub>":
            opened.append(at)
        elif piece.text == "</sub>" and opened:
            found[opened.pop()] = _Piece("done", "<sub>")
            found[at] = _Piece("done", piece.text)
        else:
            found[at] = _Piece("done" if piece.text == "<br>" else "literal", piece.text)
    for at in opened:
        found[at] = _Piece("literal", "<sub>")
    return found


def _text(shown: str, literal: str, hosts: frozenset[str]) -> Iterator[str]:
    """Text with its references in code. `literal` has a "1" for each character to be shown as it is."""
    at = 0
    for found in REFERENCES.finditer(shown):
        yield _spelled_out(shown[at : found.start()], literal[at : found.start()])
        yield _address(found[0], hosts) or f"`{found[0]}`"
        at = found.end()
    yield _spelled_out(shown[at:], literal[at:])


def _spelled_out(shown: str, literal: str) -> str:
    if "1" not in literal:
        return shown
    following = [*shown[1:], ""]
    return "".join(
        _literal(char, after) if flag == "1" else char
        for char, after, flag in zip(shown, following, literal, strict=True)
    )


def _literal(char: str, after: str) -> str:
    """A character as Markdown that shows it. A backslash stays where nothing follows that it could escape."""
    if char == "$" and after and after in "`|\\":
        return "\\$ "
    if char == "\\":
        return char if after.isalnum() else "&#92;"
    return ENTITIES.get(char) or (f"\\{char}" if char in ESCAPABLE else char)


def _address(text: str, hosts: frozenset[str]) -> str | None:
    """A bare address as a link, None where it must not be one."""
    own = _own_address(text, hosts)
    return f"<{own}>" if own and not REFERABLE.search(own) else None


def _own_address(text: str, hosts: frozenset[str]) -> str | None:
    """The address without its query if its host is ours, else None. No user name or port hides the host."""
    found = OWN_ADDRESS.fullmatch(text)
    if not found or found[2].lower() not in hosts:
        return None
    return f"{found[1].lower()}://{found[2].lower()}{found[3] or ''}{found[4] or ''}"
