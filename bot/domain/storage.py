"""Confluence's storage format: our documents written in it.

Storage is XHTML with macros (`ac:structured-macro`), the same on Cloud and Data Center. The elements:
confluence.atlassian.com/doc/confluence-storage-format-790796544.html. What is written is what both keep when they save
it: a mark ends at a line break, code has no other mark.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from bot.domain.document import (
    Block,
    BulletList,
    Code,
    Document,
    Heading,
    Inline,
    Inlines,
    Link,
    Lozenge,
    Made,
    NumberedList,
    Panel,
    Paragraph,
    Table,
    TaskList,
    Text,
    joined,
)

PANELS: Final = {"info": "info", "note": "note", "warning": "warning", "success": "tip"}
"""The macro of each tone. Cloud shows them in blue, yellow, red and green."""

COLORS: Final = {"grey": "Grey", "blue": "Blue", "green": "Green", "yellow": "Yellow", "red": "Red"}

NAMES: Final = """
    actionscript3 as3 applescript bash shell c cpp c# c-sharp csharp css coldfusion cf delphi pascal pas diff patch erl
    erlang groovy java javafx jfx javascript js jscript perl pl php plain text powershell ps py python rails rb ror ruby
    sass scss scala sql vb vbnet html xhtml xml xslt yaml yml
"""
LANGUAGES: Final = frozenset(NAMES.split())
"""Those the code macro of Data Center knows, and Cloud's too. In place of any other Data Center shows an error."""

NOT_IN_XML: Final = re.compile("[^\t\n\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, and the carriage return, which it reads as a line end."""

END_OF_CDATA: Final = "]]>"
CDATA_GOES_ON: Final = "]]]]><![CDATA[>"


def to_storage(document: Document, made: Mapping[str, str] | None = None) -> str:
    """The document as well-formed XML of several root elements, in which every text is shown as it is written.

    Characters that XML cannot hold are left out. `made`: addresses by a `Made`'s action; without one its text stands
    alone.
    """
    return "".join(_block(block, made or {}) for block in document.blocks)


def _block(block: Block, made: Mapping[str, str]) -> str:
    match block:
        case Heading():
            return _element(f"h{block.level}", _line(block.content, made))
        case Paragraph():
            return _paragraph(block, made)
        case BulletList():
            return "".join(_nested("ul", block.nested(), made))
        case NumberedList():
            return "".join(_nested("ol", block.nested(), made))
        case TaskList():
            return _tasks(block, made)
        case Table():
            return _table(block, made)
        case Code():
            return _code(block)
        case Panel():
            inside = "".join(_paragraph(one, made) for one in block.content)
            return _macro(PANELS[block.tone], _element("ac:rich-text-body", inside))


def _paragraph(paragraph: Paragraph, made: Mapping[str, str]) -> str:
    return _element("p", _line(paragraph.content, made))


def _nested(kind: str, items: Iterable[tuple[int, Inlines]], made: Mapping[str, str]) -> Iterator[str]:
    """An item is closed by what follows it: a list below stands in it."""
    depth = -1
    for level, item in items:
        yield f"<{kind}>" if level > depth else "</li>" + f"</{kind}></li>" * (depth - level)
        yield f"<li>{_line(item, made)}"
        depth = level
    yield f"</li></{kind}>" * (depth + 1)


def _tasks(tasks: TaskList, made: Mapping[str, str]) -> str:
    return _element(
        "ac:task-list",
        "".join(_task(item, done, made) for item, done in zip(tasks.items, tasks.done, strict=True)),
    )


def _task(item: Inlines, done: bool, made: Mapping[str, str]) -> str:
    status = _element("ac:task-status", "complete" if done else "incomplete")
    return _element("ac:task", status + _element("ac:task-body", _element("span", _line(item, made))))


def _table(table: Table, made: Mapping[str, str]) -> str:
    rows = (_row("th", table.header, made), *(_row("td", row, made) for row in table.rows))
    return _element("table", _element("tbody", "".join(rows)))


def _row(cell: str, cells: tuple[Inlines, ...], made: Mapping[str, str]) -> str:
    return _element("tr", "".join(_element(cell, _line(one, made)) for one in cells))


def _code(code: Code) -> str:
    language = code.language.lower()
    text = NOT_IN_XML.sub("", code.text).replace(END_OF_CDATA, CDATA_GOES_ON)
    return _macro(
        "code",
        _parameter("language", language) if language in LANGUAGES else "",
        _element("ac:plain-text-body", f"<![CDATA[{text}]]>"),
    )


def _line(content: Inlines, made: Mapping[str, str]) -> str:
    return "".join(_inline(one, made) for one in joined(content))


def _inline(one: Inline, made: Mapping[str, str]) -> str:
    match one:
        case Text():
            return "<br/>".join(_marked(one, line) for line in one.text.split("\n"))
        case Link():
            return _link(one.text, one.url)
        case Made():
            return _link(one.text, made[one.action]) if made.get(one.action) else _lines(one.text)
        case Lozenge():
            return _lozenge(one)


def _marked(text: Text, line: str) -> str:
    marks = ("code",) if text.code else ("em",) * text.emphasis + ("strong",) * text.strong
    written = _escaped(line)
    for mark in marks if written else ():
        written = _element(mark, written)
    return written


def _lozenge(lozenge: Lozenge) -> str:
    title = _escaped(" ".join(lozenge.text.split()))
    colour = _parameter("colour", COLORS[lozenge.color])
    return _macro("status", _parameter("title", title), colour) if title else ""


def _link(text: str, url: str) -> str:
    return f"<a href={quoteattr(NOT_IN_XML.sub('', url))}>{_lines(text)}</a>"


def _lines(text: str) -> str:
    return "<br/>".join(map(_escaped, text.split("\n")))


def _macro(name: str, *inside: str) -> str:
    return (
        f'<ac:structured-macro ac:name="{name}" ac:schema-version="1">{"".join(inside)}</ac:structured-macro>'
    )


def _parameter(name: str, value: str) -> str:
    return f'<ac:parameter ac:name="{name}">{value}</ac:parameter>'


def _element(name: str, inside: str) -> str:
    return f"<{name}>{inside}</{name}>"


def _escaped(text: str) -> str:
    return escape(NOT_IN_XML.sub("", text))
