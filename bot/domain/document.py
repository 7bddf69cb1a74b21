"""What we write to Jira and Confluence, before it is ADF, wiki text or storage: a small tree of plain texts.

Nothing in it is markup. A text that a model or a person wrote stands in `Text` and is shown as it is written; only
our own code makes headings, links and tables.
"""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


# --- within a line ---


class Text(_Frozen):
    """Plain text; a newline in it is a line break."""

    kind: Literal["text"] = "text"
    text: str
    strong: bool = False
    emphasis: bool = False
    code: bool = False


class Link(_Frozen):
    """`url` is an http(s) address of our own making, never one that a model or a person wrote."""

    kind: Literal["link"] = "link"
    text: str
    url: str


class Lozenge(_Frozen):
    """A short coloured label: "MERGED"."""

    kind: Literal["lozenge"] = "lozenge"
    text: str
    color: Literal["grey", "blue", "green", "yellow", "red"] = "grey"


class Made(_Frozen):
    """What another action of the same proposal makes, as a link: only the gateway learns its address.

    `action` is that action's key. `text` is shown with or without the link.
    """

    kind: Literal["made"] = "made"
    action: str
    text: str


Inline = Annotated[Text | Link | Lozenge | Made, Field(discriminator="kind")]
Inlines = tuple[Inline, ...]


# --- blocks ---


class Heading(_Frozen):
    kind: Literal["heading"] = "heading"
    level: int = Field(ge=1, le=6)
    content: Inlines


class Paragraph(_Frozen):
    kind: Literal["paragraph"] = "paragraph"
    content: Inlines


class BulletList(_Frozen):
    kind: Literal["bullets"] = "bullets"
    items: tuple[Inlines, ...] = Field(min_length=1)


class NumberedList(_Frozen):
    kind: Literal["numbers"] = "numbers"
    items: tuple[Inlines, ...] = Field(min_length=1)


class Table(_Frozen):
    """`header` and every row have the same number of cells."""

    kind: Literal["table"] = "table"
    header: tuple[Inlines, ...] = Field(min_length=1)
    rows: tuple[tuple[Inlines, ...], ...]


class Code(_Frozen):
    """Shown as it is. `language` is a word like "python", or empty."""

    kind: Literal["code"] = "code"
    text: str
    language: str = ""


class Panel(_Frozen):
    """A box around a paragraph or two."""

    kind: Literal["panel"] = "panel"
    tone: Literal["info", "note", "warning", "success"] = "info"
    content: tuple[Paragraph, ...] = Field(min_length=1)


Block = Annotated[
    Heading | Paragraph | BulletList | NumberedList | Table | Code | Panel, Field(discriminator="kind")
]


class Document(_Frozen):
    blocks: tuple[Block, ...]

    def texts(self) -> Iterator[str]:
        """Every text in it, in order."""
        for block in self.blocks:
            yield from _texts(block)


def paragraph(*content: Inline | str) -> Paragraph:
    return Paragraph(content=inlines(*content))


def inlines(*content: Inline | str) -> Inlines:
    """Texts and inlines mixed, as one line."""
    return tuple(Text(text=one) if isinstance(one, str) else one for one in content)


def _texts(block: Block) -> Iterator[str]:
    if isinstance(block, Code):
        yield block.text
        return
    for line in lines_of(block):
        yield from (one.text for one in line)


def lines_of(block: Block) -> tuple[Inlines, ...]:
    """The lines, items or cells a block has; none for code."""
    match block:
        case Heading() | Paragraph():
            return (block.content,)
        case BulletList() | NumberedList():
            return block.items
        case Table():
            return (*block.header, *(cell for row in block.rows for cell in row))
        case Panel():
            return tuple(one.content for one in block.content)
        case _:
            return ()
