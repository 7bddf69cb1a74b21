"""What tells a real secret from what only stands in for one: entropy, made-up words, code, the look of chance.

Pure predicates over ASCII text that has the format of a credential; such text is never empty.
"""

import re
from collections.abc import Iterable
from math import log2
from operator import eq, ne


def _one_of(texts: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, texts)))


# Words that only made-up values contain; the short ones count between separators only.
_MADE_UP = _one_of((
    "example", "placeholder", "changeme", "change-me", "change_me", "changethis", "replaceme", "replace-me",
    "replace_", "dummy", "sample", "redacted", "your-", "your_", "yourtoken", "yourkey", "insert", "fixme",
    "notreal", "not-real", "not_real", "fake", "password", "passwd", "secret", "xxxx", "****", "....",
))  # fmt: skip
_MADE_UP_SHORT = frozenset(("test", "mock", "stub", "demo", "todo", "foo", "bar", "none", "null"))
# The value is code, computed or filled in elsewhere.
_COMPUTED = _one_of((
    *"\\(){}[]<", "%s", "&lt;", "://", "os.environ", "process.env", "getenv", "import.meta.env",
))  # fmt: skip
# Values printed in public documentation (jwt.io, the Stripe and Standard Webhooks guides), without prefixes.
_PUBLISHED = _one_of(("SflKxwRJSMeKKF2QT4", "4eC39HqLyjWDarjtT1zdp7dc", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
_WORDS_UP_TO = 200  # longer values hold any short word by chance
_SCRAMBLED_FROM = 16  # letters; of fewer, capitals and small letters alternate by chance

_IS_UUID = re.compile("(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_WORD = r"(?:[A-Za-z]+[0-9]{0,2}|[A-Za-z]{3,8}[0-9][A-Za-z]{3,8}|[0-9]{1,4}|)"
_IS_WORDS = re.compile(rf"{_WORD}(?:[-_./:+=@]{_WORD})*")
_IS_ATTRIBUTE = re.compile(r"[a-z_][a-z0-9_]*(?:\.[A-Za-z_]\w*)+")
_BESIDE_WORDS = re.compile(r"[^a-z0-9]")


def _kind(byte: int) -> str:
    """A digit, a capital, a small letter or a symbol: `0 A a -`."""
    char = chr(byte)
    return "0" if char.isdigit() else "A" if char.isupper() else "a" if char.isalpha() else "-"


_KINDS = "".join(_kind(byte) if byte < 128 else "-" for byte in range(256)).encode("ascii")
_SUCCESSORS = bytes((*range(1, 256), 0))


def entropy(text: str) -> float:
    """Shannon entropy in bits a character: 0 for one repeated character, 6 for evenly used base64."""
    repeated = [count * log2(count) for count in map(text.count, set(text)) if count > 1]
    return log2(len(text)) - sum(repeated) / len(text) if text else 0.0


def has_entropy(text: str, least: float) -> bool:
    """Whether it has at least these bits a character, which is plain where few characters are repeated."""
    size = len(text)
    most_repeated = size - len(set(text)) + 1
    return log2(size) - most_repeated * log2(most_repeated) / size >= least or entropy(text) >= least


def is_placeholder(value: str) -> bool:
    """True of what only stands in for a secret: made-up words, counting characters, published samples."""
    if _PUBLISHED.search(value) or _counts_up(value):
        return True
    if len(value) > _WORDS_UP_TO:
        return False
    lowered = value.lower()
    return bool(_MADE_UP.search(lowered)) or not _MADE_UP_SHORT.isdisjoint(_BESIDE_WORDS.split(lowered))


def looks_random(value: str) -> bool:
    """A literal that chance made, neither an identifier nor code."""
    return not _is_computed(value) and looks_generated(value)


def looks_generated(value: str) -> bool:
    """Letters, most often with digits, not in the order of words: one neighbour in four is of another kind."""
    kinds = value.encode("ascii").translate(_KINDS)
    if 4 * sum(map(ne, kinds, kinds[1:])) < len(kinds) - 1:
        return False
    is_name = reads_as_words(value) or _IS_UUID.fullmatch(value)
    return _is_scrambled(kinds) or (_is_mixed(kinds) and not is_name)


def looks_chosen(value: str) -> bool:
    """A password a person would choose: letters, with a digit or an inner symbol, and not words."""
    has_letters = value.upper() != value.lower()
    return has_letters and not value[1:-1].isalpha() and not _is_computed(value) and not reads_as_words(value)


def looks_strong(value: str) -> bool:
    """Not the plain word of a development set-up, as in `postgres://postgres:postgres@localhost`."""
    return not (value.isalpha() and value.islower()) and not reads_as_words(value)


def is_no_text(value: str) -> bool:
    """Neither words nor a path."""
    return not reads_as_words(value)


def reads_as_words(value: str) -> bool:
    """Words, numbers, or both, between separators."""
    return _IS_WORDS.fullmatch(value) is not None


def _counts_up(value: str) -> bool:
    """Half of the neighbours or more are successors, as in "abcdef" or "123456"."""
    raw = value.encode("ascii")
    return len(raw) >= 8 and 2 * sum(map(eq, raw.translate(_SUCCESSORS), raw[1:])) >= len(raw) - 1


def _is_mixed(kinds: bytes) -> bool:
    return b"0" in kinds and (b"a" in kinds or b"A" in kinds)


def _is_scrambled(kinds: bytes) -> bool:
    """Capitals and small letters in turn, neither under a third: names in camel case have fewer capitals."""
    capitals, smalls = kinds.count(b"A"), kinds.count(b"a")
    letters = capitals + smalls
    return b"-" not in kinds and letters >= _SCRAMBLED_FROM and 3 * min(capitals, smalls) >= letters


def _is_computed(value: str) -> bool:
    """An interpolation, a path or code, not a literal secret."""
    return value[0] in "/.$" or bool(_COMPUTED.search(value) or _IS_ATTRIBUTE.fullmatch(value))
