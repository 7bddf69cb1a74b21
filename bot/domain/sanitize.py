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
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from bot.domain.inline import TICKS, inert_line, unescaped
from bot.domain.references import REFERENCES
from bot.domain.visible import line_ends, visible, without_invisible

__all__ = ["CUT", "LIMIT", "line_ends", "sanitize", "visible"]

LIMIT = 60_000  # characters; GitLab takes a million, a person does not
RESERVE = 400  # what closing the open details and the sentence below may take
MAX_DEPTH = 8  # details within details
CUT = "_The rest is left out: this comment would be too long to read._"

LANGUAGES = frozenset({"", "text", "diff", "python", "json", "yaml", "toml", "sh", "console"})
"""What a fence may call itself. Anything else may be drawn: GitLab renders some thirty diagram languages,
maths and maps, some of them by asking another host."""

FENCE = re.compile(r"(`{3,})(suggestion(?::-\d{1,3}\+\d{1,3})?|[A-Za-z0-9_+.#-]*)[ \t]*")
FENCE_END = re.compile(r"(`{3,})[ \t]*")
SUMMARY = re.compile(r"<summary>(.*)</summary>")


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


def _without_secrets(text: str, redact: Callable[[str], str]) -> str:
    """Secrets replaced, also those that invisible characters or Markdown's escapes break up."""
    bare = without_invisible(text)
    clean = redact(bare)
    text = text if clean == bare else clean
    plain = unescaped(text)
    if redact(plain) == plain:
        return text
    return "\n".join(_line_without_secrets(line, redact) for line in text.split("\n"))


def _line_without_secrets(line: str, redact: Callable[[str], str]) -> str:
    plain = unescaped(line)
    clean = redact(plain)
    return line if clean == plain else clean


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
        page.add(inert_line(block.rstrip(), hosts))
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
