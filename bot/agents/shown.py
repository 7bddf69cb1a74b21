"""Text as a model is shown it and as it may be kept: no secret, nothing invisible, each line still where it was."""

import re
from functools import lru_cache
from typing import Final

from bot.domain.change import shown_path
from bot.domain.sanitize import visible
from bot.domain.secrets import Redactor

FILES_KEPT: Final = (
    16  # every turn of a model tells the earlier answers anew, and redacting a megabyte takes 0.4 s
)
SEPARATORS = {code: f"\\u{{{code:x}}}" for code in (0x2028, 0x2029)}
ON_ONE_LINE = {ord("\n"): "\\n", ord("\r"): "\\r", ord("\t"): "\\t"}
HALF = re.compile("[\ud800-\udc7f\udd00-\udfff]")
"""Half a character: JSON can hold one, UTF-8 cannot. The others of their kind stand for bytes that are not UTF-8."""


def shown_lines(content: bytes, redactor: Redactor) -> list[str]:
    """A file's lines, line 1 first. Not cut; bytes that are not UTF-8 are replaced."""
    return list(_shown_lines(content, redactor))


@lru_cache(maxsize=FILES_KEPT)
def _shown_lines(content: bytes, redactor: Redactor) -> tuple[str, ...]:
    text = content.decode("utf-8", "replace")
    return tuple(shown_text(text.removesuffix("\n"), redactor).split("\n")) if text else ()


def shown_text(text: str, redactor: Redactor) -> str:
    """Text of any number of lines, which stay as many; their carriage returns go.

    A secret is found over several lines, too, and where invisible characters break it up.
    """
    text = text.replace("\r\n", "\n")
    seen, bare = spelled(text), _bare(text)
    clean = redactor.redact(bare)
    if seen == bare:
        return clean
    if clean != bare:
        lines = zip(seen.split("\n"), bare.split("\n"), clean.split("\n"), strict=True)
        seen = "\n".join(shown if before == after else after for shown, before, after in lines)
    return redactor.redact(seen)


def safe_text(text: str, redactor: Redactor) -> str:
    """`shown_text` of a text from anywhere, whatever it is made of."""
    return shown_text(whole(text), redactor)


def shown_name(path: str, redactor: Redactor) -> str:
    """A path on one line, whatever it is made of."""
    return shown_text(whole(path).translate(ON_ONE_LINE), redactor)


def whole(text: str) -> str:
    """Of whole characters: bytes that are not UTF-8 are spelled out, as in `caf\\xe9.py`, half characters replaced."""
    return shown_path(HALF.sub("\ufffd", text))


def spelled(text: str) -> str:
    """The text with what a reader does not see spelled out, also Unicode's own line ends."""
    return visible(text).translate(SEPARATORS)


def _bare(text: str) -> str:
    """The text without what a reader does not see."""
    return text.translate({ord(char): None for char in set(text) if spelled(char) != char})
