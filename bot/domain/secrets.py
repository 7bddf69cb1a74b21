"""Secrets in text: find them, and put a stable placeholder in their place.

Two kinds are found: strings in a credential format (`secret_rules`), and our own live secrets, exactly,
encoded or cut. The rules run on google-re2, so time is linear in the text whoever wrote it; the two `re`
patterns here are linear too.
"""

import base64
import functools
import hmac
import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, NamedTuple
from urllib.parse import quote

import re2

from bot.domain.findings import Severity
from bot.domain.secret_rules import OWN, RULES

# A rule's rank is its place here: from the best to the worst name for a secret, and our own, at -1, before them all
_BY_RANK = (*RULES, OWN)
_OWN_RANK = -1
# All keywords, and first the empty word, which every text has: a search that does not find it has failed
_KEYWORDS = ("", *sorted({keyword for rule in RULES for keyword in rule.keywords}))
# For each keyword the ranks of the rules that need it
_RANKS = tuple(
    tuple(rank for rank, rule in enumerate(RULES) if keyword in rule.keywords) for keyword in _KEYWORDS
)
_PERCENT = re.compile(r"%[0-9A-F]{2}")
_PLACEHOLDER = re.compile("<REDACTED:([a-z0-9-]+):[0-9a-f]{8}>")
_IDS = frozenset(rule.id for rule in _BY_RANK)
_TOKEN_BYTES = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")
_RE2 = re2._re2.RE2  # asked directly: what `re2` puts around it takes as long again for each match
_ANYWHERE, _NOWHERE = _RE2.Anchor.UNANCHORED, (-1, -1)
_OWN_SHORTEST = 8  # characters
_RUN_SHORTEST, _RUN_SHARE = 12, 0.6
_RE2_MEMORY = 4 << 20  # bytes a rule's automaton may take; the default is twice that


@dataclass(frozen=True, slots=True)
class SecretMatch:
    """Text[start:end] is a secret. `rule` is the rule's id, `title` says in words what it is."""

    start: int
    end: int
    rule: str
    title: str
    severity: Severity


# Start, end, rank: text[start:end] breaks the rule of that rank; where two overlap the lower rank gives the name.
# Plain, as one text may have a hundred thousand.
_Candidate = tuple[int, int, int]


class Redactor:
    """Finds secrets and replaces them. `own` are live secrets of ours, those under 8 characters are ignored.

    `key` keys the placeholders' hash: processes that must name a secret alike share it. Without it a
    placeholder still tells secrets apart, but whoever guesses a weak one can confirm the guess.
    """

    __slots__ = ("_hash", "_own")

    def __init__(self, own: Iterable[str] = (), key: bytes = b"") -> None:
        self._own = tuple(_needle(form) for form in sorted({form for one in own for form in _forms(one)}))
        self._hash = hmac.new(key, digestmod="sha256")

    def __repr__(self) -> str:
        return "Redactor()"

    def find(self, text: str) -> list[SecretMatch]:
        """Every secret in order, none overlapping. Placeholders that are there already are not secrets."""
        return [_match(*one) for one in self._found(text)]

    def redact(self, text: str) -> str:
        """The text with `<REDACTED:rule:hash8>` for each secret.

        Redacting twice changes nothing more. Line numbers stay: a secret of several lines leaves its newlines.
        """
        while found := self._found(text):
            text = self._replaced(text, found)
        return text

    def _found(self, text: str) -> list[_Candidate]:
        shown = _without_placeholders(text)
        ascii_text = shown.encode("ascii", "replace")  # one byte a character: offsets stay those of `text`
        own = ((*run, _OWN_RANK) for needle in self._own for run in _runs(needle, shown))
        return _merged(ascii_text, [*own, *_formats(ascii_text)])

    def _replaced(self, text: str, found: list[_Candidate]) -> str:
        pieces: list[str] = []
        last = 0
        for start, end, rank in found:
            secret = text[start:end]
            shown = self._placeholder(_BY_RANK[rank].id, secret)
            pieces += (text[last:start], shown, "\n" * secret.count("\n"))
            last = end
        return "".join((*pieces, text[last:]))

    def _placeholder(self, rule: str, secret: str) -> str:
        keyed = self._hash.copy()
        keyed.update(secret.encode("utf-8", "surrogatepass"))
        return f"<REDACTED:{rule}:{keyed.hexdigest()[:8]}>"


def _match(start: int, end: int, rank: int) -> SecretMatch:
    rule = _BY_RANK[rank]
    return SecretMatch(start, end, rule.id, rule.title, rule.severity)


@functools.cache
def _engine(pattern: str) -> Any:
    engine = _RE2(pattern.encode("ascii"), _options())
    if not engine.ok():
        raise ValueError(engine.error())
    return engine


def _options() -> Any:
    """For RE2 over bytes, one byte a character. Where memory is used up it goes on, slower, and need not say so."""
    options = re2.Options()
    options.log_errors = False
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = _RE2_MEMORY
    return options


def _formats(text: bytes) -> Iterator[_Candidate]:
    """Every string in a credential format.

    What lies wholly in a secret that a better rule found is not looked at again.
    """
    covered = bytearray(len(text))
    for rank in _ranks(text):
        rule = RULES[rank]
        for start, end in _values(_engine(rule.pattern), text):
            if covered.find(0, start, end) != -1 and rule.matches(text[start:end].decode("ascii")):
                covered[start:end] = b"\1" * (end - start)
                yield start, end, rank


def _ranks(text: bytes) -> list[int]:
    """The rules of which the text has a keyword, by rank; all of them should the search have failed."""
    fitting = _keywords().Match(text.lower())
    if fitting is None:
        return [*range(len(RULES))]
    return sorted({rank for index in fitting for rank in _RANKS[index]})


@functools.cache
def _keywords() -> Any:
    """All keywords as one automaton."""
    keywords = re2.Set.SearchSet(_options())
    for keyword in _KEYWORDS:
        keywords.Add(re.escape(keyword).encode("ascii"))
    keywords.Compile()
    return keywords


def _values(engine: Any, text: bytes) -> Iterator[tuple[int, int]]:
    """Spans in the format, in order. What follows one may belong to the next: its end is where the search goes on."""
    group = min(engine.NumberOfCapturingGroups(), 1)
    end = 0
    while (span := engine.Match(_ANYWHERE, text, end, len(text))[group]) != _NOWHERE:
        yield span
        end = span[1]


def _merged(text: bytes, candidates: list[_Candidate]) -> list[_Candidate]:
    """Non-overlapping candidates in order. Those that overlap become one, named by the best rule."""
    merged: list[_Candidate] = []
    floor = 0
    for start, end, rank in sorted(candidates):
        if start < floor:
            first, last, best = merged.pop()
            merged.append((first, max(last, end), min(best, rank)))
        else:
            whole = (start, end) if rank == _OWN_RANK else _whole_token(text, start, end, floor)
            merged.append((*whole, rank))
        floor = merged[-1][1]
    return merged


def _whole_token(text: bytes, start: int, end: int, floor: int) -> tuple[int, int]:
    """Start and end of the run of word characters that text[start:end] stands in, not below `floor`.

    Else what is left beside a placeholder could look like a new token, one more at each redaction.
    """
    while start > floor and text[start] in _TOKEN_BYTES and text[start - 1] in _TOKEN_BYTES:
        start -= 1
    while end < len(text) and text[end - 1] in _TOKEN_BYTES and text[end] in _TOKEN_BYTES:
        end += 1
    return start, end


def _without_placeholders(text: str) -> str:
    """The text with our placeholders blanked by NULs, which no rule accepts. Length and offsets stay."""
    return _PLACEHOLDER.sub(_blanked, text)


def _blanked(found: re.Match[str]) -> str:
    """NULs for a placeholder of ours; what has its shape alone may hold a secret where the rule's id is."""
    return "\0" * len(found[0]) if found[1] in _IDS else found[0]


def _forms(secret: str) -> Iterator[str]:
    """A live secret as it may appear: plain, or encoded as a log, a request or an evasive model would."""
    if len(secret) < _OWN_SHORTEST or "\0" in secret:  # NUL is what placeholders are blanked with
        return
    raw = secret.encode("utf-8", "surrogatepass")
    yield from (secret, secret[::-1], " ".join(secret), raw.hex(), raw.hex().upper())
    yield from (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1].replace("/", "\\/"))
    yield from (quote(raw, safe=""), _PERCENT.sub(lambda found: found[0].lower(), quote(raw, safe="")))
    yield from _base64_forms(raw)


def _base64_forms(raw: bytes) -> Iterator[str]:
    """The part of the secret's base64, in both alphabets, that its neighbours do not change."""
    for before in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            encoded = encode(b"\0" * before + raw).decode("ascii")
            yield encoded[(0, 2, 3)[before] : (len(raw) + before) * 8 // 6]


class _Needle(NamedTuple):
    """A secret, cut for the search: every unbroken run of `shortest` characters of it holds the whole of `core`."""

    head: str
    core: str
    tail: str
    shortest: int


def _needle(secret: str) -> _Needle:
    """Of a secret 60 % count as the secret, at least 12 characters."""
    shortest = min(len(secret), max(_RUN_SHORTEST, math.ceil(len(secret) * _RUN_SHARE)))
    margin = len(secret) - shortest
    return _Needle(secret[:margin], secret[margin:shortest], secret[shortest:], shortest)


def _runs(needle: _Needle, text: str) -> Iterator[tuple[int, int]]:
    """Spans of `text` that hold the secret, or enough of it."""
    head, core, tail, shortest = needle
    at = text.find(core)
    while at != -1:
        after = at + len(core)
        start = at - _same(reversed(text[max(0, at - len(head)) : at]), reversed(head))
        end = after + _same(text[after : after + len(tail)], tail)
        if end - start >= shortest:
            yield start, end
        at = text.find(core, end if end - start >= shortest else at + 1)


def _same(one: Iterable[str], other: Iterable[str]) -> int:
    """How many characters agree before the first difference."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
