"""What we write to Jira and Confluence, before it is ADF, wiki text or storage: a small tree of plain texts.

Nothing in it is markup. A text that a model or a person wrote stands in `Text` and is shown as it is written; only
our own code makes headings, links and tables.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby, pairwise
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator


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


def _levels(levels: tuple[int, ...]) -> tuple[int, ...]:
    """Depths that fit each other; () where nothing is nested."""
    if any(level < 0 or level > before + 1 for before, level in pairwise((-1, *levels))):
        raise ValueError("a list begins at level 0 and goes at most one level deeper from item to item")
    return levels if any(levels) else ()


Levels = Annotated[tuple[int, ...], AfterValidator(_levels)]


class _List(_Frozen):
    """`levels`: how deep each item is nested, 0 the outermost, none more than one below the item before; () : all 0."""

    items: tuple[Inlines, ...] = Field(min_length=1)
    levels: Levels = ()

    @model_validator(mode="after")
    def _has_a_level_each(self) -> Self:
        if self.levels and len(self.levels) != len(self.items):
            raise ValueError("a list has as many levels as items, or none")
        return self

    def nested(self) -> Iterator[tuple[int, Inlines]]:
        """Every item with its level, in order."""
        return zip(self.levels or (0,) * len(self.items), self.items, strict=True)


class BulletList(_List):
    """Items with a point before each."""

    kind: Literal["bullets"] = "bullets"


class NumberedList(_List):
    """Items with a number before each, counted anew in every list within."""

    kind: Literal["numbers"] = "numbers"


class TaskList(_Frozen):
    """Boxes to tick. `done` is as long as `items`."""

    kind: Literal["tasks"] = "tasks"
    items: tuple[Inlines, ...] = Field(min_length=1)
    done: tuple[bool, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _says_of_each_whether_it_is_done(self) -> Self:
        if len(self.done) != len(self.items):
            raise ValueError("a task list says of each item whether it is done")
        return self


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
    Heading | Paragraph | BulletList | NumberedList | TaskList | Table | Code | Panel,
    Field(discriminator="kind"),
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


def joined(line: Inlines) -> Inlines:
    """The same line, neighbouring texts of the same marks as one; empty texts are left out."""
    return tuple(
        one
        for marks, run in groupby((one for one in line if one.text), key=_marks)
        for one in (run if marks is None else (_one_text(run),))
    )


def _marks(one: Inline) -> tuple[bool, ...] | None:
    return (one.strong, one.emphasis, one.code) if isinstance(one, Text) else None


def _one_text(run: Iterable[Inline]) -> Text:
    first, *others = (one for one in run if isinstance(one, Text))
    return first.model_copy(update={"text": first.text + "".join(one.text for one in others)})


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
        case BulletList() | NumberedList() | TaskList():
            return block.items
        case Table():
            return (*block.header, *(cell for row in block.rows for cell in row))
        case Panel():
            return tuple(one.content for one in block.content)
        case _:
            return ()
