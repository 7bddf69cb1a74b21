"""A whole new text merged into the old one: what says the same keeps its old bytes, and all that hangs on them.

That is ids, inline comments, widths of columns, which our own writing knows nothing of.
"""

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bot.domain.storage_digest import LINES, VERBATIM, attributes_told, digest_of
from bot.domain.storage_line import TRANSPARENT, Part, nodes_of, parts
from bot.domain.storage_scan import Element, Node, scan

WHOLE = LINES | VERBATIM | {"ac:parameter"}
"""Elements of which no part is kept by itself."""
NO_UNITS = TRANSPARENT | {"td", "th", "ac:rich-text-body", "ac:task-body", "ac:task-status", "ac:parameter"}
"""Elements that mean something only in what they stand in."""

KEEP_TAG = frozenset({"ul", "ol", "table", "ac:task-list"})


def merged(old: str, new: str) -> str:
    """The new text, in which blocks, list items and table rows that the old one has too keep their old bytes.

    A list or table that is not the same, but has an item or row of an old one, keeps that one's tag and columns. What
    the new text says is not changed: its digest stays. Raises Damaged.
    """
    return _Merge(old, new).storage()


@dataclass(eq=False, slots=True)
class _Unit:
    """A block, item, row or line of the old text, used once at most. `around`: the one it stands in."""

    part: Part
    around: "_Unit | None"
    within: "list[_Unit]" = field(default_factory=list)
    is_used: bool = False
    has_given_tag: bool = False


class _Merge:
    def __init__(self, old: str, new: str) -> None:
        self._old, self._new = old.encode(), new.encode()
        self._page = scan(new)
        self._units: defaultdict[str, deque[_Unit]] = defaultdict(deque)
        for unit in _units(scan(old).children, None):
            self._units[digest_of(nodes_of(unit.part))].append(unit)
        self._changes: list[tuple[int, int, bytes]] = []

    def storage(self) -> str:
        self._keep(self._page.children)
        written, reached = [], 0
        for start, end, kept in sorted(self._changes):
            written += [self._new[reached:start], kept]
            reached = end
        return b"".join([*written, self._new[reached:]]).decode()

    def _keep(self, nodes: Sequence[Node]) -> list[_Unit]:
        """Put old units in place of new ones, among the nodes and below; those that stand directly among them."""
        kept: list[_Unit] = []
        for part in parts(nodes):
            unit = self._taken(part)
            if unit:
                self._put(unit, part)
                kept.append(unit)
            elif isinstance(part, Element) and part.name in TRANSPARENT:
                kept += self._keep(part.children)
            elif isinstance(part, Element) and part.name not in WHOLE:
                self._keep_tag(part, self._keep(part.children))
        return kept

    def _taken(self, part: Part) -> _Unit | None:
        """The first old unit that says the same and of which nothing is used yet."""
        alike = self._units.get(digest_of(nodes_of(part))) if _is_unit(part) else None
        while alike:
            unit = alike.popleft()
            if not unit.is_used:
                _use(unit)
                return unit
        return None

    def _put(self, unit: _Unit, part: Part) -> None:
        """A line that stood in no paragraph gets one where the new text has one."""
        old, new = nodes_of(unit.part), nodes_of(part)
        kept = self._old[old[0].start : old[-1].end]
        if isinstance(part, Element) and not isinstance(unit.part, Element):
            kept = b"<p>%b</p>" % kept
        self._changes.append((new[0].start, new[-1].end, kept))

    def _keep_tag(self, new: Element, kept: Sequence[_Unit]) -> None:
        """Give a list or table the start tag, and the columns, of the old one that a kept item or row stood in."""
        around = (unit.around for unit in kept if unit.around and not unit.around.has_given_tag)
        giver = next((one for one in around if _has_tag_for(one.part, new)), None)
        if giver and isinstance(giver.part, Element):
            giver.has_given_tag = True
            tag = self._old[giver.part.start : giver.part.inner_start]
            self._changes.append((new.start, new.inner_start, tag + self._columns(giver.part)))

    def _columns(self, table: Element) -> bytes:
        columns = (one for one in table.children if isinstance(one, Element) and one.name == "colgroup")
        return b"".join(self._old[one.start : one.end] for one in columns)


def _units(nodes: Sequence[Node], around: _Unit | None) -> Iterator[_Unit]:
    """Every unit among the nodes and below, the outer before the inner."""
    for part in parts(nodes):
        unit = around
        if _is_unit(part):
            unit = _Unit(part, around)
            if around:
                around.within.append(unit)
            yield unit
        if isinstance(part, Element) and part.name not in WHOLE:
            yield from _units(part.children, unit)


def _is_unit(part: Part) -> bool:
    return not isinstance(part, Element) or part.name not in NO_UNITS


def _use(unit: _Unit) -> None:
    """Nothing that shares bytes with the unit can be used any more."""
    around = unit.around
    while around:
        around.is_used = True
        around = around.around
    waiting = [unit]
    while waiting:
        one = waiting.pop()
        one.is_used = True
        waiting += one.within


def _has_tag_for(old: Part, new: Element) -> bool:
    if not isinstance(old, Element) or old.name != new.name or new.name not in KEEP_TAG:
        return False
    return attributes_told(old) == attributes_told(new) and not _has_columns(new)


def _has_columns(element: Element) -> bool:
    return any(isinstance(one, Element) and one.name == "colgroup" for one in element.children)
