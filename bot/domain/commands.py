"""Commands in comments: `@<bot> review full` or `/trivet review full`, alone at the start of a line.

GitLab shows a quick action it does not know as text, so `/trivet` reaches us. What stands in code, in a quote or
in a comment is talk about a command. Arguments are words from a list, never settings.
"""

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

QUESTION_LIMIT = 2_000  # characters
READ_LIMIT = 50_000  # characters of a comment that are looked at
WORD_LIMIT = 40  # characters of an unknown word that are kept
SLASH = "/trivet"


@dataclass(frozen=True, slots=True)
class Usage:
    """What may follow a command: words from `options`, or, where `free`, any text (one argument)."""

    options: tuple[str, ...] = ()
    free: bool = False


COMMANDS = {
    "review": Usage(options=("full",)),
    "ask": Usage(free=True),
    "explain": Usage(free=True),
    "resolve": Usage(),
    "accept": Usage(),
    "pause": Usage(),
    "resume": Usage(),
    "help": Usage(),
}

FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})(.*)")
SET_APART = re.compile(r" {4}| {0,3}\t| {0,3}>")
COMMENT, COMMENT_END, QUOTE = "<!--", "-->", ">>>"
RAW_HTML = re.compile(r" {0,3}<(pre|script|style|textarea)(?:[\s>]|$)", re.IGNORECASE)
HTML_BLOCK = re.compile(
    r" {0,3}</?(?:address|article|aside|blockquote|center|dd|details|div|dl|dt|fieldset|figure|footer|form|h[1-6]"
    r"|header|hr|li|main|menu|nav|ol|p|section|summary|table|tbody|td|tfoot|th|thead|tr|ul)(?:[\s/>]|$)"
    r"| {0,3}</?[a-z][a-z0-9-]*(?:\s[^<>]*)?/?>\s*$",
    re.IGNORECASE,
)
"""What begins HTML that reaches to its closing tag, and to the next blank line (spec.commonmark.org, HTML blocks)."""
BLANK_LINE = "\n"
INLINE_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
TICKS = re.compile(r"`+")


@dataclass(frozen=True, slots=True)
class Command:
    """A known command with allowed arguments. Names and options are in lower case."""

    name: str
    args: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UnknownCommand:
    """Addressed to us, but no command: the word we stumbled over, and what was probably meant.

    `word`: behind a command, a blank between them, where it is one that the command does not take.
    `text`: all that was said to us on that line, where it begins with no command at all; it may be a question.
    """

    word: str
    did_you_mean: str | None = None
    text: str = ""


def parse_command(body: str, bot: str | None) -> Command | UnknownCommand | None:
    """The first command in a comment; None when there is none. `bot` is our user name, None while unknown.

    A comment that names us nowhere is not taken apart: that takes its time, and a thousand may be read at once.
    """
    said = body[:READ_LIMIT]
    if not _names_us(said.lower(), bot):
        return None
    for line in spoken(said):
        words = _addressed(line.strip(), bot)
        if words is not None:
            return _command(words)
    return None


def aside(body: str, bot: str | None) -> Iterator[str]:
    """The spoken lines that command nothing: those to `/trivet` do, those to our name where a command follows it."""
    return (line for line in spoken(body) if not _commands(line.strip(), bot))


def _names_us(lowered: str, bot: str | None) -> bool:
    return SLASH in lowered or (bot is not None and f"@{bot}".lower() in lowered)


def _commands(line: str, bot: str | None) -> bool:
    words = _addressed(line, bot)
    is_slash = _addressed(line, None) is not None
    return words is not None and (is_slash or isinstance(_command(words), Command))


def _addressed(line: str, bot: str | None) -> str | None:
    """What follows our name on a line that starts with it, None on any other line."""
    first, *rest = line.split(maxsplit=1)[:2] or [""]
    said = rest[0] if rest else ""
    if first.lower() == SLASH:
        return said or "help"
    mentioned = bot is not None and first.rstrip(":,").lower() == f"@{bot}".lower()
    return said if mentioned and said else None


def _command(words: str) -> Command | UnknownCommand:
    word, *rest = words.split(maxsplit=1)
    name, said = word.rstrip(".!?,:").lower(), rest[0] if rest else ""
    usage = COMMANDS.get(name)
    if usage is None:
        return UnknownCommand(word[:WORD_LIMIT], _closest(name, list(COMMANDS)), words[:QUESTION_LIMIT])
    if usage.free:
        return Command(name, (said[:QUESTION_LIMIT],) if said else ())
    return _with_options(name, usage, said.split())


def _with_options(name: str, usage: Usage, said: list[str]) -> Command | UnknownCommand:
    for word in said:
        if word.lower() not in usage.options:
            option = _closest(word.lower(), list(usage.options))
            return UnknownCommand(f"{name} {word[:WORD_LIMIT]}", f"{name} {option}" if option else name)
    return Command(name, tuple(dict.fromkeys(word.lower() for word in said)))


def _closest(word: str, known: list[str]) -> str | None:
    return next(iter(difflib.get_close_matches(word[:WORD_LIMIT], known, n=1)), None)


def spoken(body: str) -> Iterator[str]:
    """The lines that are neither code nor quote nor comment."""
    lines = _outside_blocks(body.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
    for blank, paragraph in groupby(lines, lambda line: not line.strip()):
        if not blank:
            text = _without_comments(_without_code_spans("\n".join(paragraph)))
            yield from (line for line in text.split("\n") if not SET_APART.match(line))


def _outside_blocks(lines: Iterable[str]) -> Iterator[str]:
    """Lines outside fenced code, GitLab's `>>>` quotes, HTML and comments; each of these leaves a blank line."""
    inside: str | None = None
    for line in lines:
        if inside:
            inside = None if _ends(line, inside) else inside
            continue
        inside = _begun(line)
        yield "" if inside else line


def _begun(line: str) -> str | None:
    """The mark of the block that this line begins, None if it begins none."""
    fence = FENCE.fullmatch(line)
    if fence:
        return fence[1]
    if line.rstrip() == QUOTE:
        return QUOTE
    raw = RAW_HTML.match(line)
    if raw:
        return None if f"</{raw[1]}>".lower() in line.lower() else f"</{raw[1].lower()}>"
    if HTML_BLOCK.match(line):
        return BLANK_LINE
    return COMMENT if line.lstrip(" ").startswith(COMMENT) and COMMENT_END not in line else None


def _ends(line: str, mark: str) -> bool:
    """A fence is closed by at least as many of its characters, a comment or a tag by its end wherever it stands."""
    if mark == COMMENT:
        return COMMENT_END in line
    if mark == BLANK_LINE:
        return not line.strip()
    if mark.startswith("</"):
        return mark in line.lower()
    closing = line.strip()
    return closing.startswith(mark) and not closing.strip(mark[0])


def _without_code_spans(paragraph: str) -> str:
    """Code spans may reach over lines: what they hold becomes backticks, so that no line starts with it."""
    runs = list(TICKS.finditer(paragraph))
    last = {len(run[0]): nth for nth, run in enumerate(runs)}
    kept, at, nth = [], 0, 0
    while nth < len(runs):
        run = runs[nth]
        nth += 1
        if last[len(run[0])] < nth:
            continue
        while runs[nth][0] != run[0]:
            nth += 1
        kept += [paragraph[at : run.start()], _blotted(paragraph[run.start() : runs[nth].end()])]
        at = runs[nth].end()
        nth += 1
    return "".join((*kept, paragraph[at:]))


def _without_comments(paragraph: str) -> str:
    before, arrow, after = paragraph.rpartition(COMMENT_END)
    return INLINE_COMMENT.sub(lambda found: _blotted(found[0]), before + arrow) + after


def _blotted(text: str) -> str:
    return re.sub(r"[^\n]+", "`", text)
