"""Tags that are named like versions, in their order: which release comes before which."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from bot.domain.releases import Tag

VERSION: Final = re.compile(
    r"(?P<name>(?:.*?[^0-9A-Za-z.])??)[vV]?(?P<numbers>[0-9]{1,9}(?:\.[0-9]{1,9})+)(?P<rest>(?:[^0-9.].*)?)"
)
PRERELEASE: Final = re.compile(
    r"[-.]?(?:a|alpha|b|beta|c|rc|pre|preview|dev|snapshot|m)[-.]?[0-9]*", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Version:
    """`name` is what stands before the number, "api/" of "api/v1.2.0"; `is_final`: no release candidate or its like.

    `rest` is what follows the numbers, "-rc.1".
    """

    name: str
    numbers: tuple[int, ...]
    rest: str
    is_final: bool

    @property
    def same(self) -> tuple[str, tuple[int, ...], str]:
        """What versions that only differ in spelling have in common."""
        return self.name, _plain(self.numbers), self.rest

    @property
    def order(self) -> tuple[tuple[int, ...], bool, tuple[tuple[int, str], ...]]:
        """A candidate comes before its release; the numbers in its name count as numbers."""
        parts = re.findall(r"[0-9]+|[^0-9]+", self.rest)
        rest = tuple((int(part), "") if part.isdigit() else (-1, part.casefold()) for part in parts)
        return _plain(self.numbers), self.is_final, rest


def version_of(tag: str) -> Version | None:
    """None for a tag that is not named like a version."""
    found = VERSION.fullmatch(tag)
    if not found:
        return None
    numbers = tuple(map(int, found["numbers"].split(".")))
    is_final = not PRERELEASE.match(found["rest"])
    return Version(found["name"], numbers, found["rest"], is_final)


def same_version(tags: Iterable[Tag], version: str) -> Tag | None:
    """The tag of a version that may be written with or without a "v", None for none: "1.4.0" is the tag "v1.4.0"."""
    wanted = version_of(version)
    named = {tag.name: tag for tag in tags}
    if version in named or wanted is None:
        return named.get(version)
    return next(
        (tag for name, tag in named.items() if (one := version_of(name)) and one.same == wanted.same), None
    )


def newest(tags: Iterable[Tag]) -> Tag | None:
    """Of the releases whose tags have no name before the number, or else of all, the highest final one."""
    known = [(version, tag) for tag in tags if (version := version_of(tag.name)) and version.is_final]
    plain = [one for one in known if not one[0].name]
    return max(plain or known, key=lambda one: one[0].order, default=(None, None))[1]


def before(tags: Iterable[Tag], version: str) -> Tag | None:
    """The release before this one, of the same name; before a final one no candidate. None for the first."""
    wanted = version_of(version)
    if wanted is None:
        return newest(tags)
    earlier = [
        (one, tag)
        for tag in tags
        if (one := version_of(tag.name))
        if one.name == wanted.name and one.order < wanted.order
        if one.is_final or not wanted.is_final
    ]
    return max(earlier, key=lambda found: found[0].order, default=(None, None))[1]


def spellings(version: str) -> tuple[str, ...]:
    """How else people write a version: with a "v" and without."""
    bare = version[1:] if re.match(r"[vV][0-9]", version) else version
    return tuple(dict.fromkeys((version, bare, f"v{bare}"))) if bare[:1].isdigit() else (version,)


def _plain(numbers: tuple[int, ...]) -> tuple[int, ...]:
    """1.2 is 1.2.0."""
    while numbers and not numbers[-1]:
        numbers = numbers[:-1]
    return numbers
