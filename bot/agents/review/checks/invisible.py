"""Characters on added lines that hide something from the reader.

Bidirectional controls (Trojan Source, CVE-2021-42574), invisible characters, hidden text in tag characters or
variation selectors, stray controls, and words that mix look-alike letters of two alphabets. What a script or an
emoji needs is left alone. The `re` patterns here are single character classes, so they are linear.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import PurePosixPath

from bot.agents.review.checks.contract import Hit, capped, quoted, readable
from bot.domain.change import ChangeSet, FileChange, Line
from bot.domain.findings import Finding, Severity
from bot.domain.secrets import Redactor
from bot.ports import Snapshot

CRITICAL, MAJOR, MINOR = Severity.CRITICAL, Severity.MAJOR, Severity.MINOR


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to hide. `in_prose` is its severity in text for people, `in_code` everywhere else."""

    rule: str
    in_code: Severity
    in_prose: Severity
    title: str
    detail: str

    def severity(self, prose: bool) -> Severity:
        return self.in_prose if prose else self.in_code


BIDI = Kind(
    "bidi", CRITICAL, MINOR, "Hidden characters change the order in which this line is shown",
    "What a reviewer sees here is not what the machine reads, because of direction controls ({points}). "
    "Delete them; where they are needed in a string, write them as escapes.",
)  # fmt: skip
OVERRIDE = Kind("bidi", CRITICAL, MAJOR, BIDI.title, BIDI.detail)
HIDDEN_TEXT = Kind(
    "hidden-text", MAJOR, MAJOR, "Hidden text on this line",
    "Invisible characters ({points}) carry text that people do not see but programs and language models read. "
    "Delete them unless you know what put them there.",
)  # fmt: skip
SPLIT_WORD = Kind(
    "invisible", MAJOR, MINOR, "An invisible character inside a word",
    "Two names that look the same are different ({points}), so a search, a comparison or a call misses. "
    "Delete it, or write it as an escape if it is meant.",
)  # fmt: skip
STRAY = Kind(
    "invisible", MINOR, MINOR, "An invisible character on this line",
    "It is not shown ({points}), yet it is part of the text and breaks comparisons and copies. "
    "Delete it, or write it as an escape if it is meant.",
)  # fmt: skip
CONTROL = Kind(
    "control", MINOR, MINOR, "A control character on this line",
    "It can hide the rest of the line in a terminal, or end it early for some readers ({points}). "
    "Delete it, or write it as an escape if it is meant.",
)  # fmt: skip
PRIVATE = Kind(
    "private-use", MINOR, MINOR, "A character without a common meaning on this line",
    "It looks different, or like nothing, wherever another font is used ({points}). "
    "Write it as an escape and name it.",
)  # fmt: skip
LOOKALIKE = Kind(
    "lookalike", MAJOR, MAJOR, "A word mixes look-alike letters of two alphabets",
    "It looks like a plain Latin word but is another name ({points}). A call, a search or a comparison with "
    "the Latin spelling misses it. Type the word anew in one alphabet.",
)  # fmt: skip

_PASTED = (SPLIT_WORD, STRAY, CONTROL, PRIVATE)
"""What comes with a text that was copied, on many lines at once. Each of the others hides something else."""

EVIDENCE = "The line reads: {line}"
HIDDEN_EVIDENCE = "The hidden characters spell: {text}"
EVIDENCE_LENGTH = 300  # characters
POINTS_SHOWN = 6
SUSPECTS_A_LINE = 1_000
WORDS_A_LINE = 10_000

_PROSE_NAMES = frozenset((
    ".md", ".markdown", ".mdx", ".rst", ".txt", ".adoc", ".asciidoc", ".org", ".tex", ".po", ".pot",
    ".strings", ".stringsdict", ".xliff", ".xlf", ".resx", ".arb", ".ftl", ".properties", ".html", ".htm",
    ".csv", ".tsv", ".srt", ".vtt",
))  # fmt: skip
_TRANSLATIONS = re.compile(
    r"(?:^|/)(?:locales?|i18n|l10n|lang|langs|languages|translations?|messages|values-[^/]+)/"
)

_BIDI = "\u202a-\u202e\u2066-\u2069"
_OVERRIDES = "\u202d\u202e"
_MARKS = "\u200e\u200f\u061c"
_JOINERS = "\u200c\u200d"
_TAGS = "\U000e0000-\U000e007f"
_SELECTORS = "\ufe00-\ufe0f\U000e0100-\U000e01ef"
_FILLERS = "\u115f\u1160\u3164\uffa0"
_KHMER_MONGOLIAN = "\u17b4\u17b5\u180b-\u180f"
_OTHER_INVISIBLE = (
    "\u00ad\u034f\u200b\u2060-\u2065\u206a-\u206f\ufeff\ufff0-\ufffb"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0080-\U000e00ff\U000e01f0-\U000e0fff"
)
_CONTROLS = "\\x00-\\x08\\x0b\\x0d-\\x1f\\x7f-\\x9f\u2028\u2029"
_PRIVATE = "\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd"
_SUSPECT = re.compile(
    f"[{_BIDI}{_MARKS}{_JOINERS}{_TAGS}{_SELECTORS}{_FILLERS}{_KHMER_MONGOLIAN}{_OTHER_INVISIBLE}{_CONTROLS}{_PRIVATE}]"
)
# A regional flag: black flag, two to six tag letters or digits, cancel tag.
_FLAG = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{2,6}\U000e007f")

_RIGHT_TO_LEFT = re.compile(
    "[\u0590-\u061b\u061d-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
# Scripts whose spelling needs joiners or fillers: Arabic to Sinhala, Thai to Tibetan, Myanmar, Khmer, Mongolian, ...
_JOINING = re.compile(
    "[\u0600-\u08ff\u0900-\u0dff\u0e00-\u109f\u1780-\u18af\ua840-\ua8ff\ufb50-\ufdff\ufe70-\ufefc]"
)
_NO_SPACES = re.compile("[\u0e00-\u109f\u1780-\u17ff\u1950-\u1aaf\u3040-\u30ff\u3400-\u9fff\ua980-\ua9df]")
_SELECTOR = re.compile(f"[{_SELECTORS}]")
_HANGUL = re.compile("[\u1100-\u11ff\u3131-\u3163\u3165-\u318e\ua960-\ua97f\uac00-\ud7ff\uffa1-\uffdc]")
_IDEOGRAPH = re.compile("[\u3000-\u303f\u3400-\u9fff\uf900-\ufaff\uff00-\uff60\U00020000-\U0003ffff]")
_VARIED = re.compile("[\u1000-\u109f\u2190-\u22ff\u2900-\u2aff\ua840-\ua877]")  # with standardised variants
_EMOJI = re.compile(
    "[#*0-9\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u2460-\u24ff\u25a0-\u27bf\u2900-\u297f"
    "\u2b00-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]"
)
_EMOJI_END = re.compile("[\ufe0f\u20e3]")

# Letters of other alphabets that look like a Latin one, in most fonts exactly.
_CYRILLIC = (
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u04bb\u0501\u051b\u051d\u04cf\u0475"
    + (
        "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425\u0406\u0408\u0405\u04ae\u050c\u051a\u051c"
    )
)
_GREEK = (
    "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03bf\u03f2\u03f3"
)
_LOOKALIKE = re.compile(f"[{_CYRILLIC}{_GREEK}]")
_MIXED_WORD = re.compile(f"[A-Za-z0-9_{_CYRILLIC}{_GREEK}]+")
_LATIN = re.compile("[A-Za-z]")
_FOREIGN_LETTER = re.compile("[\u0370-\u052f]")
_SHORTEST_WORD = 3  # letters: shorter ones come from classes and escapes such as [a-zа-я] and "\nа"


@dataclass(frozen=True, slots=True)
class _Text:
    """One added line without its line end. `right_to_left`: it holds letters of a script written that way."""

    line: str
    prose: bool
    right_to_left: bool

    def neighbours(self, at: int) -> tuple[str, str]:
        """The characters before and after, empty at the ends."""
        return self.line[at - 1 : at] if at else "", self.line[at + 1 : at + 2]


def check(change: ChangeSet, snapshot: Snapshot, redactor: Redactor) -> Iterator[Finding]:
    """One finding a line, for the worst that hides on it."""
    for file in readable(change):
        prose = is_prose(file.path)
        yield from capped(hit for line in file.added() if (hit := _hit(file, line, prose, redactor)))


def is_prose(path: str) -> bool:
    """Text for people: documents and translations, where right-to-left text and soft hyphens are at home."""
    return PurePosixPath(path.lower()).suffix in _PROSE_NAMES or bool(_TRANSLATIONS.search(path.lower()))


def _hit(file: FileChange, line: Line, prose: bool, redactor: Redactor) -> Hit | None:
    text = line.text.removesuffix("\r")
    if text.isascii() and not _SUSPECT.search(text):
        return None
    hidden = [*_hidden(text, prose, first=line.new == 1), *_lookalikes(text, prose)]
    if not hidden:
        return None
    kind = max((kind for _, kind in hidden), key=lambda kind: kind.severity(prose).rank)
    describe = partial(_finding, file, line, kind, prose, hidden, redactor)
    return Hit(kind.severity(prose), line.new, describe, kind.title if kind in _PASTED else "")


def _finding(
    file: FileChange, line: Line, kind: Kind, prose: bool, hidden: list[tuple[int, Kind]], redactor: Redactor
) -> Finding:
    text = line.text.removesuffix("\r")
    return Finding(
        rule=f"invisible/{kind.rule}",
        severity=kind.severity(prose),
        path=file.path,
        line=line.new,
        anchor=_anchor(text, redactor),
        title=kind.title,
        detail=kind.detail.format(points=_points([text[at] for at, one in hidden if one.rule == kind.rule])),
        evidence=_evidence(text, [at for at, _ in hidden], redactor),
    )


def _hidden(line: str, prose: bool, first: bool) -> Iterator[tuple[int, Kind]]:
    """(index, kind) of the characters that hide something, of the first thousand that could."""
    text = _Text(line, prose, _RIGHT_TO_LEFT.search(line) is not None)
    flags = {at for flag in _FLAG.finditer(line) for at in range(*flag.span())}
    for found in islice(_SUSPECT.finditer(line), SUSPECTS_A_LINE):
        at = found.start()
        byte_order_mark = first and at == 0 and line[0] == "\ufeff"
        if at not in flags and not byte_order_mark and (kind := _judge(text, at)):
            yield at, kind


def _judge(text: _Text, at: int) -> Kind | None:
    return next((judge(text, at) for members, judge in _JUDGES if members.match(text.line, at)), STRAY)


def _of_direction(text: _Text, at: int) -> Kind | None:
    if text.line[at] in _OVERRIDES:
        return OVERRIDE
    return None if text.prose and text.right_to_left else BIDI


def _of_mark(text: _Text, at: int) -> Kind | None:
    if not text.right_to_left:
        return BIDI
    return None if text.prose else STRAY


def _of_joiner(text: _Text, at: int) -> Kind | None:
    before, after = text.neighbours(at)
    joins_emoji = (_EMOJI.match(before) or _EMOJI_END.match(before)) and _EMOJI.match(after)
    joins_letters = _JOINING.match(before) or _JOINING.match(after)
    return None if joins_emoji or joins_letters else _in_word(before, after)


def _of_selector(text: _Text, at: int) -> Kind | None:
    """A selector belongs right after a character that has variants; a row of them is data."""
    selector, (before, after) = text.line[at], text.neighbours(at)
    if selector in "\ufe0e\ufe0f" and _EMOJI.match(before):
        return None
    if _IDEOGRAPH.match(before) or (selector <= "\ufe0f" and _VARIED.match(before)):
        return None
    in_a_row = _SELECTOR.match(before) or _SELECTOR.match(after)
    return HIDDEN_TEXT if in_a_row or selector > "\uffff" else STRAY


def _of_filler(text: _Text, at: int) -> Kind | None:
    """A Hangul filler is a letter to compilers: alone it makes an invisible name."""
    before, after = text.neighbours(at)
    return None if _HANGUL.match(before) or _HANGUL.match(after) else SPLIT_WORD


def _of_script(text: _Text, at: int) -> Kind | None:
    before, after = text.neighbours(at)
    return None if _JOINING.match(before) or _JOINING.match(after) else _in_word(before, after)


def _of_space(text: _Text, at: int) -> Kind | None:
    """Zero-width spaces break lines in scripts without spaces; a soft hyphen belongs inside a word of prose."""
    char, (before, after) = text.line[at], text.neighbours(at)
    if char == "\u200b" and (_NO_SPACES.match(before) or _NO_SPACES.match(after)):
        return None
    if char == "\u00ad" and text.prose and before.isalpha() and after.isalpha():
        return None
    return _in_word(before, after)


def _in_word(before: str, after: str) -> Kind:
    return SPLIT_WORD if _is_word(before) and _is_word(after) else STRAY


def _is_word(char: str) -> bool:
    return char.isalnum() or char == "_"


_JUDGES: tuple[tuple[re.Pattern[str], Callable[[_Text, int], Kind | None]], ...] = (
    (re.compile(f"[{_BIDI}]"), _of_direction),
    (re.compile(f"[{_MARKS}]"), _of_mark),
    (re.compile(f"[{_TAGS}]"), lambda text, at: HIDDEN_TEXT),
    (re.compile(f"[{_JOINERS}]"), _of_joiner),
    (re.compile(f"[{_SELECTORS}]"), _of_selector),
    (re.compile(f"[{_FILLERS}]"), _of_filler),
    (re.compile(f"[{_KHMER_MONGOLIAN}]"), _of_script),
    (re.compile(f"[{_CONTROLS}]"), lambda text, at: CONTROL),
    (re.compile(f"[{_PRIVATE}]"), lambda text, at: PRIVATE),
    (re.compile(f"[{_OTHER_INVISIBLE}]"), _of_space),
)


def _lookalikes(text: str, prose: bool) -> Iterator[tuple[int, Kind]]:
    """(index, kind) of look-alike letters in words that are Latin otherwise. Only in code: prose mixes on purpose."""
    if prose or not _LOOKALIKE.search(text):
        return
    for word in islice(_MIXED_WORD.finditer(text), WORDS_A_LINE):
        start = word.start() + (text[word.start() - 1 : word.start()] in ("\\", "%"))
        beside = text[word.start() - 1 : word.start()] + text[word.end() : word.end() + 1]
        if _is_disguised(text[start : word.end()]) and not _FOREIGN_LETTER.search(beside):
            yield from ((start + at, LOOKALIKE) for at in _lookalike_places(text[start : word.end()]))


def _is_disguised(word: str) -> bool:
    letters = [char for char in word if char.isalpha()]
    return len(letters) >= _SHORTEST_WORD and bool(_LATIN.search(word)) and bool(_LOOKALIKE.search(word))


def _lookalike_places(word: str) -> list[int]:
    return [found.start() for found in _LOOKALIKE.finditer(word)]


def _points(chars: list[str]) -> str:
    """The distinct code points as people write them, "U+202E, U+2066 and 3 more"."""
    distinct = list(dict.fromkeys(f"U+{ord(char):04X}" for char in chars))
    more = len(distinct) - POINTS_SHOWN
    return ", ".join(distinct[:POINTS_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _evidence(text: str, places: list[int], redactor: Redactor) -> str:
    if redactor.find(_bare(text)):
        return ""
    spelled = "".join(
        chr(ord(text[at]) - 0xE0000) for at in places if "\U000e0020" <= text[at] <= "\U000e007e"
    )
    if spelled:
        return redactor.redact(HIDDEN_EVIDENCE.format(text=spelled))[:EVIDENCE_LENGTH]
    hidden = set(places)
    shown = "".join(f"\\u{{{ord(char):X}}}" if at in hidden else char for at, char in enumerate(text))
    return redactor.redact(EVIDENCE.format(line=shown.strip()))[:EVIDENCE_LENGTH]


def _anchor(text: str, redactor: Redactor) -> str:
    """The line; without what hides on it where that would keep a secret from being recognised."""
    bare = _bare(text)
    return quoted(bare if redactor.find(bare) else text, redactor)


def _bare(text: str) -> str:
    return _SUSPECT.sub("", text)
