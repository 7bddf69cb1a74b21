"""The one gate before a document is written to Jira or Confluence, as `sanitize` is for Markdown on GitLab.

A document holds no markup, so nothing in it can be executed. What is left to take away: characters nobody sees,
secrets, links to places that are not ours, and length.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import accumulate

from bot.domain.document import (
    Block,
    BulletList,
    Code,
    Document,
    Heading,
    Inline,
    Inlines,
    Link,
    NumberedList,
    Panel,
    Paragraph,
    Table,
    TaskList,
    Text,
    paragraph,
)
from bot.domain.visible import line_ends, without_invisible

LONGEST = 32_000  # characters; Jira takes 32,767 of a comment
CUT = "The rest is left out: this would be too long to read."
ADDRESS = re.compile(r"https?://([a-z0-9.-]+(?::\d{1,5})?)(?:[/?#][!#-;=?-\[\]_a-z~]*)?", re.IGNORECASE)
HTTP = re.compile("https?://", re.IGNORECASE)

Redact = Callable[[str], str]


def clean(
    document: Document,
    *,
    redact: Redact,
    hosts: frozenset[str],
    urls: Collection[str] = (),
    longest: int = LONGEST,
) -> Document:
    """The document without invisible characters and secrets, its links only to `hosts`, at most `longest` characters.

    `redact` replaces secrets and is idempotent; a secret may be spread over the neighbouring texts of a line, which
    then lose their marks. `hosts`: "host" or "host:port" as it stands in an address. `urls`: exact addresses that
    people wrote into the text before, which may stay. A link elsewhere, or of another scheme than http(s), becomes its
    text. What is longer ends before a block, an item or a row with a sentence that says so. Cleaning twice changes
    nothing.
    """
    gate = _Gate(redact, frozenset(host.lower() for host in hosts), frozenset(urls))
    return _cut(tuple(gate.block(block) for block in document.blocks), longest)


class _Gate:
    """What every text of one document goes through."""

    def __init__(self, redact: Redact, hosts: frozenset[str], urls: frozenset[str]) -> None:
        self._redact, self._hosts, self._urls = redact, hosts, urls

    def block(self, block: Block) -> Block:
        match block:
            case Heading() | Paragraph():
                return block.model_copy(update={"content": self._line(block.content)})
            case BulletList() | NumberedList() | TaskList():
                return block.model_copy(update={"items": self._lines(block.items)})
            case Table():
                rows = tuple(self._lines(row) for row in block.rows)
                return Table(header=self._lines(block.header), rows=rows)
            case Code():
                return Code(text=self._text(block.text), language=self._text(block.language))
            case Panel():
                inside = tuple(Paragraph(content=self._line(one.content)) for one in block.content)
                return Panel(tone=block.tone, content=inside)

    def _lines(self, lines: tuple[Inlines, ...]) -> tuple[Inlines, ...]:
        return tuple(self._line(line) for line in lines)

    def _line(self, line: Inlines) -> Inlines:
        cleaned = tuple(self._inline(one) for one in line)
        whole = "".join(one.text for one in cleaned)
        bare = self._redact(whole)
        return cleaned if bare == whole else (Text(text=bare),)

    def _inline(self, one: Inline) -> Inline:
        if isinstance(one, Text):
            return one.model_copy(update={"text": self._text(one.text)})
        text = self._redact(" ".join(without_invisible(line_ends(one.text)).split()))
        if isinstance(one, Link) and not self._may_stay(one.url):
            return Text(text=text)
        return one.model_copy(update={"text": text})

    def _text(self, text: str) -> str:
        return self._redact(without_invisible(line_ends(text)))

    def _may_stay(self, url: str) -> bool:
        address = ADDRESS.fullmatch(url)
        ours = address is not None and address[1].lower() in self._hosts
        theirs = url in self._urls and HTTP.match(url) is not None
        return (ours or theirs) and self._redact(url) == url


def _cut(blocks: tuple[Block, ...], longest: int) -> Document:
    document = Document(blocks=blocks)
    if sum(map(len, document.texts())) <= longest:
        return document
    return Document(blocks=(*_fitting(blocks, longest - len(CUT)), paragraph(CUT)))


def _fitting(blocks: tuple[Block, ...], room: int) -> Iterator[Block]:
    for block in blocks:
        size = sum(map(len, Document(blocks=(block,)).texts()))
        if size > room:
            yield from _begun(block, room)
            return
        yield block
        room -= size


def _begun(block: Block, room: int) -> Iterator[Block]:
    """The block with as many items or rows as there is room for."""
    if isinstance(block, BulletList | NumberedList | TaskList):
        number = _fits(map(_size, block.items), room)
        if number:
            yield _first(block, number)
    if isinstance(block, Table):
        rows = block.rows[: _fits((_row_size(row) for row in block.rows), room - _row_size(block.header))]
        if rows:
            yield Table(header=block.header, rows=rows)


def _first(block: BulletList | NumberedList | TaskList, number: int) -> Block:
    if isinstance(block, TaskList):
        return TaskList(items=block.items[:number], done=block.done[:number])
    return type(block)(items=block.items[:number], levels=block.levels[:number])


def _fits(sizes: Iterable[int], room: int) -> int:
    """How many, from the first on."""
    return sum(1 for total in accumulate(sizes) if total <= room)


def _row_size(row: tuple[Inlines, ...]) -> int:
    return sum(map(_size, row))


def _size(line: Inlines) -> int:
    return sum(len(one.text) for one in line)
