"""Which finding is which: those of a new review are known again among those of earlier ones.

A finding is known by its agent, its rule, its file and its line's text, wherever that line has gone. A model words its
rules anew each time, so of its findings the rule does not count.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import count
from typing import Final

from bot.domain.findings import SECRETS, Finding, Severity, fingerprint, normalised, spaced
from bot.domain.lifecycle import Known
from bot.domain.markdown import by_model

NEAR: Final = 3  # lines within which two findings may be one
NEAR_IN_WORDS: Final = 20  # lines within which two of much the same title may be one
ALIKE: Final = 0.5  # more than this share of the words of the shorter of two titles
FEWEST_ALIKE: Final = 2  # words
ELSEWHERE: Final = 1e9  # lines between what a change adds and what it removes

Rank = tuple[bool, float]
"""How well two fit, the best first."""

LITTLE_WORDS: Final = (
    "the and but for nor are was were been being has have had having can cannot could may might must will would shall"
    " should does did this that these those there here then than thus when where which while who whom whose what why"
    " how with without within into onto upon from over under after before between about against during through across"
    " its their his her our your they them any all each every both either neither some such other another same own"
    " not never always also only even still just already yet out off via per too very because since until unless if"
    " instead rather one once more most less least"
)
COMMON_WORDS: Final = (
    "add added allow allowed bad bug call called calling cause caused causing change changed check checked checking"
    " code correct crash crashes data defect error exception expected fail failed failing failure fault function get"
    " given handle handled handling ignore ignored improper incorrect incorrectly input invalid issue lack lacking lead"
    " leading let line make mean method miss misses missing need needed new object parameter possible possibly"
    " potential potentially problem properly raise raised raising reach reaches reaching result return returned"
    " returning set throw thrown unchecked unexpected unhandled unsafe untrusted unvalidated use used user using"
    " validate validated validation value variable wrong wrongly"
)
"""What any defect's title may say; such words count only where all words of two titles agree."""

_WORD = re.compile(r"\w{3,}")
_LITTLE = frozenset(LITTLE_WORDS.split())


def _singular(word: str) -> str:
    return word if word.endswith("ss") else word.removesuffix("s")


_COMMON = frozenset(map(_singular, COMMON_WORDS.split()))


def recognised(
    found: Sequence[Finding], known: Sequence[Known], rewritten: Collection[str] = ()
) -> list[Finding]:
    """The findings as they came, those that are known under their known key, no other under a known one.

    Both are of one head: the paths of the known are those there. `rewritten` are the keys of those whose line reads
    otherwise there: each may also be one of its file that is not far and whose title is alike, or, where a model found
    it, one that is near by and no graver. Of several that could be one the nearest is; no key is given twice. What was
    dismissed is known by its very line only, a secret by itself.
    """
    before = {one.key: one for one in reversed(known)}
    keys: dict[int, str] = {}
    for rank in (_as_before, _by_fingerprint, _rewritten(rewritten)):
        left = {nth: one for nth, one in enumerate(found) if nth not in keys}
        unseen = [one for key, one in before.items() if key not in keys.values()]
        keys |= _nearest(left, unseen, rank)
    keys |= _new_names(found, keys, before)
    return [_named(one, keys.get(nth, one.fingerprint)) for nth, one in enumerate(found)]


def is_alike(one: Finding, other: Finding) -> bool:
    """Whether they say much the same, wherever. A blocker is like no other, nor is a secret."""
    is_grave = Severity.BLOCKER in (one.severity, other.severity) or one.rule.startswith(SECRETS)
    return not is_grave and _rule(one) == _rule(other) and titles_alike(one.title, other.title)


def titles_alike(one: str, other: str) -> bool:
    """Whether two words at least, and more than half of the shorter one's, are in the other, or all words of both are.

    Words of one or two letters, those that any sentence has, and those that any defect's title may have do not count.
    """
    first, second = _telling(one), _telling(other)
    if first and first == second:
        return True
    first, second = first - _COMMON, second - _COMMON
    shared = len(first & second)
    return shared >= FEWEST_ALIKE and shared > ALIKE * min(len(first), len(second))


def _telling(title: str) -> frozenset[str]:
    return frozenset(map(_singular, frozenset(_WORD.findall(title.casefold())) - _LITTLE))


def _nearest(
    found: Mapping[int, Finding], known: Sequence[Known], rank: Callable[[Known, Finding], Rank | None]
) -> dict[int, str]:
    """By their number the found with the key that each is known by: the best pairs, everyone in one at most."""
    pairs = [
        (fit, one.key, finding.fingerprint, nth)
        for nth, finding in found.items()
        for one in known
        if (fit := rank(one, finding)) is not None
    ]
    keys: dict[int, str] = {}
    taken: set[str] = set()
    for _, key, _, nth in sorted(pairs):
        if nth not in keys and key not in taken:
            keys[nth] = key
            taken.add(key)
    return keys


def _as_before(known: Known, found: Finding) -> Rank | None:
    before = known.finding
    if not _is_of_one_kind(before, found):
        return None
    is_itself = known.state == "dismissed" and found.rule.startswith(SECRETS)
    text = spaced if is_itself else normalised
    is_same = before.anchor == found.anchor or text(before.anchor) == text(found.anchor)
    return (False, _apart(before, found)) if is_same else None


def _by_fingerprint(known: Known, found: Finding) -> Rank | None:
    """All that is left to know one by whose note keeps nothing of it."""
    before = known.finding
    if before.anchor or before.path not in ("", found.path):
        return None
    return (False, 0) if known.key == found.fingerprint else None


def _rewritten(keys: Collection[str]) -> Callable[[Known, Finding], Rank | None]:
    def rank(known: Known, found: Finding) -> Rank | None:
        before, apart = known.finding, _apart(known.finding, found)
        could = known.key in keys and known.state != "dismissed" and _is_of_one_kind(before, found)
        if could and apart <= NEAR_IN_WORDS and _says_the_same(before, found):
            return (False, apart)
        is_near = apart <= NEAR and not _rule(before) and before.severity.at_least(found.severity)
        return (True, apart) if could and is_near else None

    return rank


def _is_of_one_kind(one: Finding, other: Finding) -> bool:
    return one.path == other.path and one.agent == other.agent and _rule(one) == _rule(other)


def _says_the_same(one: Finding, other: Finding) -> bool:
    """A check casts all its titles in one mould: of two that are not equal each says something else."""
    return one.title == other.title if _rule(one) else titles_alike(one.title, other.title)


def _rule(finding: Finding) -> str:
    """A check's rule, which names the check before a slash; "" of a model's finding."""
    return "" if by_model(finding) else finding.rule


def _apart(one: Finding, other: Finding) -> float:
    """Lines between them."""
    lines = abs((one.line or one.old_line or 0) - (other.line or other.old_line or 0))
    return lines if (one.line is None) == (other.line is None) else ELSEWHERE + lines


def _new_names(found: Sequence[Finding], keys: Mapping[int, str], before: Collection[str]) -> dict[int, str]:
    """For who is not known, and bears a known key: fingerprints that nobody has."""
    bearers = [nth for nth, one in enumerate(found) if nth not in keys and one.fingerprint in before]
    taken = {*before, *(one.fingerprint for one in found)}
    names: dict[int, str] = {}
    for nth in sorted(bearers, key=lambda nth: found[nth].fingerprint):
        unused = (fingerprint(found[nth], occurrence) for occurrence in count(1))
        names[nth] = next(name for name in unused if name not in taken)
        taken.add(names[nth])
    return names


def _named(finding: Finding, name: str) -> Finding:
    return finding if finding.fingerprint == name else finding.model_copy(update={"fingerprint": name})
