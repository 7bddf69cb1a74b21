"""What a reader sees of a text: line ends of every kind as newlines, characters nobody sees spelled out."""

import re
import unicodedata
from collections.abc import Callable

SPACES = {0x0B: "\n", 0x0C: "\n", 0x85: "\n", 0x2028: "\n", 0x2029: "\n", 0x0D: None}
BLANK_LETTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")
EMOJI = "\u2190-\u2bff\U0001f000-\U0001faff"
EMOJI_JOINT = re.compile(f"((?<=[{EMOJI}])\ufe0f|(?<=[{EMOJI}\ufe0f])\u200d(?=[{EMOJI}]))")


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


def on_one_line(text: str) -> str:
    """The text on one line, blanks between words alone, in which nothing hides."""
    return " ".join(visible(line_ends(text)).split())


def without_invisible(text: str) -> str:
    """The text without what `visible` would spell out."""
    return text.translate(_WITHOUT)


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
