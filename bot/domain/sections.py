"""Our sections of a Confluence page: found by their boundary, cut out and put in, everything else byte for byte."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import unified_diff
from itertools import islice
from typing import Any, Final

from bot.domain.boundary import Place, place_of, wrapped
from bot.domain.inline_comments import is_commented, lost_comments, reanchored
from bot.domain.pages import BlockEdit
from bot.domain.storage import to_storage
from bot.domain.storage_digest import digest, digest_of
from bot.domain.storage_line import nodes_of, parts
from bot.domain.storage_merge import merged
from bot.domain.storage_reader import is_plain, markdown_of, to_markdown
from bot.domain.storage_scan import Element, Node, scan

__all__ = [
    "LONGEST_SECTION",
    "Block",
    "Kept",
    "Section",
    "append",
    "difference",
    "digest",
    "edited",
    "find",
    "is_ours",
    "kept_of",
    "lost_comments",
    "merged",
    "reanchored",
    "splice",
    "wrapped",
]

LAYOUT = "ac:layout"
ROW = '<ac:layout-section ac:type="single"><ac:layout-cell>{inside}</ac:layout-cell></ac:layout-section>'

ALREADY_THERE = "the section {name!r} is on the page already"
NO_SUCH_BLOCK = "the section has no block {block}"
CHANGED_TWICE = "block {block} is replaced or deleted twice"

LARGEST_PAGE: Final = 1_000_000  # bytes: about what Cloud takes of a body, by those who tried
LONGEST_SECTION: Final = 100_000  # characters of a section's storage
MOST_DIGESTS: Final = 5
LONGEST_DIGEST, LONGEST_SOURCE, LONGEST_OWNER = 64, 500, 100  # characters
LONGEST_VALUE: Final = 30_000  # characters of a property as JSON; Confluence takes 32,768


@dataclass(frozen=True, slots=True)
class Block:
    """A top-level element of a section, or a line that stands in none. `markdown` shows it to a model and to people.

    `is_plain`: what our own documents can hold, so that it can be replaced without losing anything. `is_commented`:
    an inline comment hangs on it. `before`: the storage between the block before and this one, which shows nothing.
    """

    storage: str
    markdown: str
    is_plain: bool
    is_commented: bool
    before: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A section of a page. `start` and `end` are the bytes of its text in the page's storage, boundary excluded.

    `is_marked`: our boundary stands around it; else it is what people wrote below the heading of its name. `digest`
    names its meaning, whatever Confluence rewrites. `after`: the storage behind the last block, which shows nothing.
    """

    name: str
    start: int
    end: int
    is_marked: bool
    digest: str
    blocks: tuple[Block, ...]
    after: str = ""

    @property
    def markdown(self) -> str:
        return "\n\n".join(block.markdown for block in self.blocks)

    @property
    def storage(self) -> str:
        """The section's text as it stands on the page."""
        return "".join(block.before + block.storage for block in self.blocks) + self.after


@dataclass(frozen=True, slots=True)
class Kept:
    """What a section's property remembers. `digests`: of our text that stands there and of those about to, newest last.

    `is_made`: the boundary has stood on the page; one that is missing since was taken away by a person. `owner`: whose
    section it is, see `WriteSection`.
    """

    digests: tuple[str, ...] = ()
    is_made: bool = False
    source: str = ""
    memory: dict[str, Any] | None = None
    owner: str = ""

    def with_digest(self, digest: str) -> "Kept":
        """With one more text that may stand there; the oldest are forgotten."""
        others = self.without_digest(digest).digests
        return replace(self, digests=(*others, digest)[-MOST_DIGESTS:])

    def without_digest(self, digest: str) -> "Kept":
        """With this text no longer one that may stand there."""
        return replace(self, digests=tuple(one for one in self.digests if one != digest))

    def value(self) -> dict[str, Any]:
        """As a property's value, which `kept_of` reads; without the memory where that would be too long."""
        value = {
            "digests": list(self.digests),
            "made": self.is_made,
            "source": self.source[:LONGEST_SOURCE],
            "owner": self.owner[:LONGEST_OWNER],
        }
        whole = value | {"memory": self.memory}
        return whole if self.memory is not None and len(json.dumps(whole)) < LONGEST_VALUE else value


def kept_of(value: Mapping[str, Any] | None) -> Kept | None:
    """What a property of ours says, whoever has changed it since; None for what is none of ours."""
    digests = value.get("digests") if isinstance(value, Mapping) else None
    if value is None or not isinstance(digests, list):
        return None
    source, memory, owner = value.get("source"), value.get("memory"), value.get("owner")
    usable = [one for one in digests if isinstance(one, str) and len(one) <= LONGEST_DIGEST]
    return Kept(
        digests=tuple(usable[-MOST_DIGESTS:]),
        is_made=value.get("made") is True,
        source=source[:LONGEST_SOURCE] if isinstance(source, str) else "",
        memory=dict(memory) if isinstance(memory, Mapping) else None,
        owner=owner[:LONGEST_OWNER] if isinstance(owner, str) else "",
    )


def is_ours(section: Section, kept: Kept | None) -> bool:
    """Whether the section's text is what we wrote last, and nobody has changed it since; or nobody wrote any yet."""
    is_known = kept is not None and section.digest in kept.digests
    is_untouched = not section.blocks and not (kept and kept.is_made)
    return section.is_marked and (is_known or is_untouched)


# --- finding a section ---


def find(storage: str, name: str) -> Section | None:
    """The section of this name: within our boundary, else below the one heading of that name; None for neither.

    Raises Damaged where a boundary is not whole, or the name stands in several headings.
    """
    page = scan(storage)
    place = place_of(page, name)
    return _section(storage.encode(), name, place) if place else None


def _section(data: bytes, name: str, place: Place) -> Section:
    nodes = [node for node in place.container.children if place.start <= node.start and node.end <= place.end]
    blocks: list[Block] = []
    reached = place.start
    for part in parts(nodes):
        shown = nodes_of(part)
        blocks.append(_block(data, shown, reached))
        reached = shown[-1].end
    after = data[reached : place.end].decode()
    return Section(name, place.start, place.end, place.is_marked, digest_of(nodes), tuple(blocks), after)


def _block(data: bytes, nodes: Sequence[Node], reached: int) -> Block:
    start, end = nodes[0].start, nodes[-1].end
    markdown = markdown_of(nodes)
    return Block(
        storage=data[start:end].decode(),
        markdown=markdown,
        is_plain=is_plain(nodes, markdown),
        is_commented=is_commented(nodes),
        before=data[reached:start].decode(),
    )


# --- changing a section's text ---


def edited(section: Section | None, edits: Sequence[BlockEdit]) -> str:
    """The section's new storage: the edits done, every other byte as it was. None: the page has no such section yet.

    Several inserts behind one block stand in their order, and behind what replaces it; items and rows of a replaced
    block that say the same stay as they were. Raises ValueError for a block that is not there, or that is replaced or
    deleted twice.
    """
    blocks = section.blocks if section else ()
    _check(edits, len(blocks))
    written = [_inserted(edits, -1)]
    for number, block in enumerate(blocks):
        written += [block.before, _changed(block, number, edits), _inserted(edits, number)]
    return "".join(written) + (section.after if section else "")


def _check(edits: Sequence[BlockEdit], count: int) -> None:
    changed: set[int] = set()
    for edit in edits:
        if not (-1 if edit.how == "insert" else 0) <= edit.block < count:
            raise ValueError(NO_SUCH_BLOCK.format(block=edit.block))
        if edit.how != "insert" and edit.block in changed:
            raise ValueError(CHANGED_TWICE.format(block=edit.block))
        if edit.how != "insert":
            changed.add(edit.block)


def _inserted(edits: Sequence[BlockEdit], number: int) -> str:
    return "".join(to_storage(edit.body) for edit in edits if edit.block == number and edit.how == "insert")


def _changed(block: Block, number: int, edits: Sequence[BlockEdit]) -> str:
    change = next((edit for edit in edits if edit.block == number and edit.how != "insert"), None)
    if change is None:
        return block.storage
    return merged(block.storage, to_storage(change.body)) if change.how == "replace" else ""


# --- writing a section into a page ---


def splice(storage: str, section: Section, inner: str) -> str:
    """The page with another text in this section of it, and with our boundary around where there is none."""
    data = storage.encode()
    text = inner if section.is_marked else wrapped(section.name, inner)
    return (data[: section.start] + text.encode() + data[section.end :]).decode()


def append(storage: str, name: str, inner: str) -> str:
    """The page with the section at its end; in a page of columns below them, in a row of its own.

    Raises ValueError where the page has the section already, and Damaged as `find` does.
    """
    page = scan(storage)
    if place_of(page, name):
        raise ValueError(ALREADY_THERE.format(name=name))
    text = wrapped(name, inner)
    layout = next((one for one in reversed(page.children) if isinstance(one, Element)), None)
    if layout is None or layout.name != LAYOUT or layout.inner_end == layout.end:
        return storage + text
    data = storage.encode()
    row = ROW.format(inside=text)
    return (data[: layout.inner_end] + row.encode() + data[layout.inner_end :]).decode()


def difference(before: str, after: str) -> str:
    """What changes between two pieces of storage: a unified diff of their Markdown, "" for nothing. Raises Damaged."""
    old, new = (to_markdown(one).split("\n") for one in (before, after))
    return "\n".join(islice(unified_diff(old, new, lineterm=""), 2, None))
