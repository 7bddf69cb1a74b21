"""Text that tells a reviewer what to conclude: a finding whatever a model makes of it.

This tells people, it guards nothing: whoever wants to can phrase an appeal that no pattern knows. What keeps an appeal
from having an effect is that text of a merge request is data to every agent. So precision comes first: what people
write to each other ("please approve"), and what code about prompts or processors says, is left alone.

Each text is read as it would look with its hidden characters gone, letters written in tag characters spelled out,
and letters in compatibility forms (full width, mathematical) as plain ones. Patterns run on RE2: time is linear.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import accumulate

from bot.agents.review.appeal_phrases import PHRASES
from bot.agents.review.checks.contract import quoted, readable
from bot.domain.background import Commit
from bot.domain.change import ChangeSet, FileChange, Hunk, Line, MergeRequest, Side, shown_path
from bot.domain.findings import Finding, Severity, normalised
from bot.domain.sanitize import line_ends, visible
from bot.domain.secrets import Redactor

RULE = "appeals/reviewer-instruction"
MOST = 3  # findings
LONGEST = 200  # characters of a quotation
BATCH = 1_000  # names searched as one text: some forty patterns on each name alone take twenty times as long

TITLE = "{carrier} tells the reviewer what to conclude"
DETAIL = (
    "It was not followed: text in a merge request is read as data, whoever it speaks to. "
    "A person should look at it, and at what it wants to be overlooked."
)

_TAGS = range(0xE0020, 0xE007F)
_NAME_GAPS = re.compile(r"[-_.+]+")
_WORD = re.compile(r"\w")
_SENTENCE_START = re.compile(r"[.!?]\s|\n")
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)|\n")


def appeals(
    request: MergeRequest, commits: Sequence[Commit], change: ChangeSet, redactor: Redactor
) -> list[Finding]:
    """At most three findings, one a carrier, those about the merge request's own text (path "") first.

    Major there and in file names; minor in source, where only the strongest patterns count.
    """
    found: dict[str, Finding] = {}
    for finding in _all(request, commits, change, redactor):
        found.setdefault(normalised(finding.anchor), finding)
        if len(found) == MOST:
            break
    return list(found.values())


def _all(
    request: MergeRequest, commits: Sequence[Commit], change: ChangeSet, redactor: Redactor
) -> Iterator[Finding]:
    for carrier, texts in _carriers(request, commits):
        yield from _in_texts(carrier, texts, redactor)
    yield from _in_names(change, redactor)
    for file in readable(change):
        yield from _in_source(file, redactor)


def _carriers(request: MergeRequest, commits: Sequence[Commit]) -> tuple[tuple[str, list[str]], ...]:
    """What of a merge request people write, by what it is called at the start of a sentence."""
    return (
        ("The title", [request.title]),
        ("The description", [request.description]),
        ("A commit message", [one.message for one in commits]),
        ("The branch name", [_words(request.source_branch)]),
        ("A label", [_words(label) for label in request.labels]),
        ("An author's name", [_words(name) for name in (request.author, *(one.author for one in commits))]),
    )


def _in_texts(carrier: str, texts: Sequence[str], redactor: Redactor) -> Iterator[Finding]:
    quote = next(filter(None, (_quotation(text, redactor) for text in dict.fromkeys(texts))), "")
    if quote:
        yield Finding(
            rule=RULE,
            severity=Severity.MAJOR,
            path="",
            anchor=quote,
            title=TITLE.format(carrier=carrier),
            detail=DETAIL,
        )


def _in_names(change: ChangeSet, redactor: Redactor) -> Iterator[Finding]:
    """The first file whose name speaks."""
    for file, words in _likely(change.files):
        if quote := _quotation(words, redactor):
            yield Finding(
                rule=RULE,
                severity=Severity.MAJOR,
                path=file.path,
                anchor=quote,
                title=TITLE.format(carrier="A file name"),
                detail=DETAIL,
            )
            return


def _in_source(file: FileChange, redactor: Redactor) -> Iterator[Finding]:
    """The first added line of a file that speaks."""
    line = next(filter(None, map(_speaking_line, file.hunks)), None)
    if line:
        yield Finding(
            rule=RULE,
            severity=Severity.MINOR,
            path=file.path,
            line=line.new,
            anchor=quoted(line.text, redactor),
            title=TITLE.format(carrier="Added text"),
            detail=DETAIL,
        )


# --- reading ---


def _likely(files: Sequence[FileChange]) -> Iterator[tuple[FileChange, str]]:
    """The files, with their names as words, of those batches in which a phrase occurs at all."""
    for first in range(0, len(files), BATCH):
        batch = files[first : first + BATCH]
        names = [_words(shown_path(file.path)) for file in batch]
        text = _plain("\n".join(names))
        if any(phrase.occurs(text) for phrase in PHRASES):
            yield from zip(batch, names, strict=True)


def _words(name: str) -> str:
    """A name that cannot hold blanks, as words: parts of a path are lines."""
    return _NAME_GAPS.sub(" ", name).replace("/", "\n")


def _plain(text: str) -> str:
    """The text a model could read into it: hidden characters gone, tag and compatibility letters plain."""
    plain = {char: _plain_character(char) for char in set(text)}
    changed = {ord(char): one for char, one in plain.items() if char != one}
    return text.translate(changed) if changed else text


@lru_cache(maxsize=4096)
def _plain_character(char: str) -> str:
    if ord(char) in _TAGS:
        return chr(ord(char) - 0xE0000)
    return "".join(one for one in unicodedata.normalize("NFKC", line_ends(char)) if visible(one) == one)


def _quotation(text: str, redactor: Redactor) -> str:
    """The sentence that speaks to the reviewer, redacted and cut; empty where none does.

    Redacted as a whole before it is cut: half a secret is not recognised.
    """
    plain = _plain(text)
    if _first(plain, in_code=False) is None:
        return ""
    clean = redactor.redact(plain)
    span = _first(clean, in_code=False)
    return _sentence(clean, *span) if span else clean[:LONGEST]


def _sentence(text: str, start: int, end: int) -> str:
    """The sentence in which text[start:end] speaks, on one line and at most LONGEST characters of it."""
    word = _WORD.search(text, start, end)
    start = word.start() if word else start
    before = [found.end() for found in _SENTENCE_START.finditer(text, max(0, start - LONGEST), start)]
    after = _SENTENCE_END.search(text, max(start, end - 1))
    first = before[-1] if before else max(0, start - LONGEST // 2)
    said = " ".join(text[first : after.end() if after else None].split())
    return said if len(said) <= LONGEST else f"{said[: LONGEST - 1]}…"


def _speaking_line(hunk: Hunk) -> Line | None:
    """The added line at which a sentence that speaks begins; it may go on over the next ones."""
    lines = [line for line in hunk.lines if line.side is Side.ADDED]
    span = _first(_plain("\n".join(line.text for line in lines)), in_code=True)
    if span is None:
        return None
    ends = accumulate(len(_plain(line.text)) + 1 for line in lines)
    return next(line for line, end in zip(lines, ends, strict=True) if span[0] < end)


def _first(text: str, *, in_code: bool) -> tuple[int, int] | None:
    """Where the first appeal in the text stands."""
    spans = (phrase.span(text) for phrase in PHRASES if phrase.in_code or not in_code)
    return min(filter(None, spans), default=None)
