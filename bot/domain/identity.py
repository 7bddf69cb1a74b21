"""Which finding is which: those of a new review are known again among those of earlier ones.

A finding is known by its agent, its rule, its file and its line's text, wherever that line has gone. A model words its
rules anew each time, so of its findings the rule does not count.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import count
from typing import Final

from bot.domain.findings import Finding, Severity, fingerprint, normalised
from bot.domain.lifecycle import Known

NEAR: Final = 3  # lines within which two findings may be one
ALIKE: Final = 0.5  # of the words of two titles
ELSEWHERE: Final = 1e9  # lines between what a change adds and what it removes

Rank = tuple[bool, float]
"""How well two fit, the best first."""

_WORD = re.compile(r"\w{3,}")


def recognised(
    found: Sequence[Finding], known: Sequence[Known], rewritten: Collection[str] = ()
) -> list[Finding]:
    """The findings as they came, those that are known under their known key, no other under a known one.

    Both are of one head: the paths of the known are those there. `rewritten` are the keys of those whose line reads
    otherwise there: each may also be one of its file whose title is alike, or that is near by. Of several that could
    be one the nearest is; no key is given twice.
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
    """Whether they say much the same, wherever. A blocker is like no other."""
    is_grave = Severity.BLOCKER in (one.severity, other.severity)
    return not is_grave and _rule(one) == _rule(other) and titles_alike(one.title, other.title)


def titles_alike(one: str, other: str) -> bool:
    """Half of the words of the shorter one are in the other; words of one or two letters do not count."""
    first, second = (frozenset(_WORD.findall(title.casefold())) for title in (one, other))
    return bool(first and second) and len(first & second) / min(len(first), len(second)) >= ALIKE


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
    is_same = before.anchor == found.anchor or normalised(before.anchor) == normalised(found.anchor)
    return (False, _apart(before, found)) if is_same else None


def _by_fingerprint(known: Known, found: Finding) -> Rank | None:
    """All that is left to know one by whose note keeps nothing of it."""
    return (False, 0) if not known.finding.rule and known.key == found.fingerprint else None


def _rewritten(keys: Collection[str]) -> Callable[[Known, Finding], Rank | None]:
    def rank(known: Known, found: Finding) -> Rank | None:
        before = known.finding
        if known.key not in keys or not _is_of_one_kind(before, found):
            return None
        is_other, apart = not _says_the_same(before, found), _apart(before, found)
        return None if is_other and apart > NEAR else (is_other, apart)

    return rank


def _is_of_one_kind(one: Finding, other: Finding) -> bool:
    return one.path == other.path and one.agent == other.agent and _rule(one) == _rule(other)


def _says_the_same(one: Finding, other: Finding) -> bool:
    """A check casts all its titles in one mould: of two that are not equal each says something else."""
    return one.title == other.title if _rule(one) else titles_alike(one.title, other.title)


def _rule(finding: Finding) -> str:
    """A check's rule, which names the check before a slash; "" of a model's finding."""
    return finding.rule if "/" in finding.rule else ""


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
