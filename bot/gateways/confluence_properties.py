"""What we remember of a section, in a content property of its page: one for each section, with versions of its own.

Two writers may change it at once: what one of them added, the other one keeps.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import quote

from bot.domain.actions import WriteSection
from bot.domain.pages import PROPERTY, slug
from bot.domain.sections import Kept, kept_of
from bot.errors import Refused
from bot.gateways.confluence_api import ConfluenceApi, content_path, page_path
from bot.gateways.confluence_reader import ConfluenceReader
from bot.gateways.confluence_shapes import PropertyShape
from bot.gateways.confluence_tries import settled
from bot.gateways.http import Conflict

LAST: Final = "last"


@dataclass(frozen=True, slots=True)
class Write:
    """Our last write: the digest of the text that was asked for, the section's digest then, the page's version.

    `is_done` False: it was about to be done, and nothing was told after it.
    """

    wanted: str
    digest: str
    version: int
    is_done: bool = False

    def value(self) -> list[Any]:
        return [self.wanted, self.digest, self.version, self.is_done]


@dataclass(frozen=True, slots=True)
class Remembered:
    """The property's value. `last` None: it tells of no write."""

    kept: Kept = field(default_factory=Kept)
    last: Write | None = None

    def value(self) -> dict[str, Any]:
        return {**self.kept.value(), **({LAST: self.last.value()} if self.last else {})}

    def with_write(self, write: Write) -> "Remembered":
        """With a text of ours that stands on the page, or is about to.

        Once it stands, no other text is ours any more: an earlier one comes back only by a person. What was written
        before a write that is known already changes nothing of that.
        """
        last = self.last
        if not write.is_done:
            is_later = last is None or last.is_done or last.version <= write.version
            return Remembered(self.kept.with_digest(write.digest), write if is_later else last)
        if last is None or last.version <= write.version:
            return Remembered(replace(self.kept, digests=(write.digest,), is_made=True), write)
        kept = self.kept if last.is_done else self.kept.with_digest(write.digest)
        return Remembered(replace(kept, is_made=True), last)

    def without_write(self, write: Write) -> "Remembered":
        """With the text that stood before this write, which we took back."""
        kept = replace(self.kept.without_digest(write.digest), is_made=True)
        is_later = self.last is not None and self.last.version > write.version
        return Remembered(kept, self.last if is_later else None)

    def told(self, action: WriteSection) -> "Remembered":
        """With what the text was made from, and whose it is."""
        kept = replace(
            self.kept,
            source=action.source,
            memory=action.memory or None,
            owner=action.owner or self.kept.owner,
        )
        return replace(self, kept=kept)


def remembered(reader: ConfluenceReader, page: str, section: str) -> Remembered | None:
    """None where nothing is remembered, or only what is no use."""
    found = reader.property(page, _key(section))
    return _remembered(found.value) if found else None


def remember(
    api: ConfluenceApi,
    reader: ConfluenceReader,
    page: str,
    section: str,
    change: Callable[[Remembered], Remembered],
) -> None:
    """Bring the property to what `change` makes of it; nothing is written where that is what it holds already.

    Raises Conflict where others kept changing it.
    """
    settled(lambda: _changed(api, reader, page, _key(section), change))


def _changed(
    api: ConfluenceApi,
    reader: ConfluenceReader,
    page: str,
    key: str,
    change: Callable[[Remembered], Remembered],
) -> None:
    found = reader.property(page, key)
    value = change((_remembered(found.value) if found else None) or Remembered()).value()
    if found and found.value == value:
        return
    if found:
        _update(api, page, key, found, value)
    else:
        _create(api, reader, page, key, value)


def _create(api: ConfluenceApi, reader: ConfluenceReader, page: str, key: str, value: dict[str, Any]) -> None:
    """Raises Conflict where somebody made it in the same moment, which Cloud calls a bad request."""
    what, data = _what(page), {"key": key, "value": value}
    try:
        if api.is_cloud:
            api.v2.post(f"{page_path(page)}/properties", what, data)
        else:
            api.v1.post(f"{content_path(page)}/property", what, data)
    except Refused as error:
        if reader.property(page, key) is None:
            raise
        raise Conflict(str(error)) from error


def _update(api: ConfluenceApi, page: str, key: str, found: PropertyShape, value: dict[str, Any]) -> None:
    what, data = _what(page), {"key": key, "value": value, "version": {"number": found.version.number + 1}}
    if api.is_cloud:
        api.v2.put(f"{page_path(page)}/properties/{quote(found.id, safe='')}", what, data)
    else:
        api.v1.put(f"{content_path(page)}/property/{quote(key, safe='')}", what, data)


def _remembered(value: Any) -> Remembered | None:
    if not isinstance(value, Mapping):
        return None
    kept, last = kept_of(value), _write(value.get(LAST))
    return None if kept is None else Remembered(kept, last)


def _write(value: Any) -> Write | None:
    """Tolerant: who may edit the page may edit the property, too."""
    match value:
        case [str(wanted), str(digest), int(version), bool(is_done)] if is_done or version > 1:
            return Write(wanted, digest, version, is_done)
        case _:
            return None


def _key(section: str) -> str:
    return PROPERTY.format(section=slug(section))


def _what(page: str) -> str:
    return f"a property of page {page}"
