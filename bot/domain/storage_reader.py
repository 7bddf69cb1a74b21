"""Storage read as Markdown, for a model and for people, and whether one of our documents can hold it.

The Markdown is that of `bot.domain.markdown_reader`, which reads the plain blocks back. Of everything else it shows
the texts, and in brackets the name of what has none.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Final

from bot.domain.markdown_reader import read_markdown
from bot.domain.plain_text import fenced, quoted
from bot.domain.storage import to_storage
from bot.domain.storage_digest import digest, digest_of
from bot.domain.storage_line import (
    CODE,
    MACROS,
    MARKS,
    TRANSPARENT,
    UNSEEN_ELEMENTS,
    Part,
    Run,
    flat,
    line,
    line_text,
    macro_name,
    parts,
)
from bot.domain.storage_scan import Element, Node, elements, scan, text_of

ALERTS: Final = {"info": "NOTE", "note": "IMPORTANT", "warning": "WARNING", "tip": "TIP"}
COLORS: Final = frozenset({"grey", "blue", "green", "yellow", "red"})
GREY: Final = "grey"
LOZENGE = "{{{{status:{color}|{title}}}}}"

MACRO, MENTION, LINKED_PAGE, FILE = "[macro: {name}]", "[mention]", "[page: {name}]", "[file: {name}]"
IMAGE, NAMED_IMAGE, ELEMENT = "[image]", "[image: {name}]", "[{name}]"
RULE = "---"
BREAK = "\\\n"
TABLE_RULE = "---"
TICKED, UNTICKED = "- [x] ", "- [ ] "
SIGNS: Final = {"strong": "**", "em": "_", "del": "~~"}  # from the outside to the inside
WITHIN_WORD = "*"

PLAIN = frozenset(
    {*MARKS, *TRANSPARENT, *UNSEEN_ELEMENTS, *MACROS, "a", "br", "p", "h1", "h2", "h3", "h4", "h5", "h6"}
    | {"ul", "ol", "li", "table", "tr", "th", "td", "ac:parameter", "ac:plain-text-body", "ac:rich-text-body"}
    | {"ac:task-list", "ac:task", "ac:task-status", "ac:task-body"}
)
"""Elements that our documents may be written with; whether they hold a certain one, reading it back tells."""
LOOKS = frozenset({"style", "data-highlight-colour"})
"""Attributes by which people give a text colours and the like, which our documents have none of."""
NO_LOOKS = UNSEEN_ELEMENTS | {"table"}  # where these hold widths only

SPECIAL = re.compile(
    r"[\\`*\[\]]|(?<![^\W_])_|_(?![^\W_])"
    r"|&(?=#?\w+;)|<(?=[A-Za-z][A-Za-z0-9+.-]*:|[^\s<>@]+@)|\{(?=\{)|~(?=~)|!$"
)
LINE_START = re.compile(r"^(?:([#+\-=>|:~])|(\d{1,9})([.)]))", re.MULTILINE)
LEADING = re.compile(
    r"^[^\S \n]+", re.MULTILINE
)  # blanks that Confluence shows, and Markdown's readers do not
HEADING_END = re.compile(r"(#+)$")
ADDRESS_END = re.compile(r"[\\()<>]|&(?=#?\w+;)")
TICKS = re.compile(r"`+")


def to_markdown(fragment: str) -> str:
    """A piece of storage as Markdown. Raises Damaged."""
    return markdown_of(scan(fragment).children)


def markdown_of(nodes: Iterable[Node]) -> str:
    """Nodes that follow each other as Markdown, a blank line between the blocks."""
    return "\n\n".join(filter(None, map(_part, parts(flat(nodes)))))


def is_plain(nodes: Sequence[Node], markdown: str) -> bool:
    """Whether one of our documents can say all of it: `markdown`, its own, read back and written, has its digest."""
    if not all(_may_be_plain(element) for element in elements(nodes)):
        return False
    return digest(to_storage(read_markdown(markdown))) == digest_of(nodes)


def _may_be_plain(element: Element) -> bool:
    has_looks = element.name not in NO_LOOKS and not LOOKS.isdisjoint(element.attributes)
    return element.name in PLAIN and not has_looks


# --- blocks ---


def _part(part: Part) -> str:
    return _block(part) if isinstance(part, Element) else _paragraph(part)


def _block(element: Element) -> str:
    name = macro_name(element)
    if name:
        return MACRO_READERS.get(name, _read_macro)(element)
    return BLOCK_READERS.get(element.name, _read_unknown)(element)


def _paragraph(nodes: Iterable[Node]) -> str:
    return _safe_lines(_line(line(nodes), BREAK))


def _read_paragraph(paragraph: Element) -> str:
    return _paragraph(paragraph.children)


def _read_heading(heading: Element) -> str:
    text = HEADING_END.sub(r"\\\1", _line(line(heading.children), " "))
    return f"{'#' * int(heading.name[1])} {text}"


def _read_list(element: Element) -> str:
    items = [child for child in element.children if isinstance(child, Element)]
    marks = [f"{number}. " if element.name == "ol" else "- " for number in range(1, len(items) + 1)]
    return "\n".join(_item(mark, item.children) for mark, item in zip(marks, items, strict=True))


def _item(mark: str, nodes: Iterable[Node]) -> str:
    """The lists within an item stand close to its text, other blocks of it apart."""
    text = ""
    for part in parts(flat(nodes)):
        is_list = isinstance(part, Element) and part.name in {"ul", "ol", "ac:task-list"}
        text += ("\n" if is_list else "\n\n") * bool(text) + _part(part)
    return (mark + _indented(text, len(mark))).rstrip()


def _indented(text: str, width: int) -> str:
    return re.sub(r"\n(?=.)", "\n" + " " * width, text)


def _read_tasks(tasks: Element) -> str:
    return "\n".join(_task(child) for child in tasks.children if isinstance(child, Element))


def _task(task: Element) -> str:
    """A task, or a list of tasks within."""
    if task.name != "ac:task":
        return "  " + _indented(_block(task), 2)
    inside = {one.name: one.children for one in task.children if isinstance(one, Element)}
    done = text_of(inside.get("ac:task-status", [])).strip() == "complete"
    mark = TICKED if done else UNTICKED
    return mark + _indented(markdown_of(inside.get("ac:task-body", [])), 2)


def _read_table(table: Element) -> str:
    rows = [_cells(row) for row in flat(table.children) if isinstance(row, Element) and row.name == "tr"]
    width = max(map(len, rows), default=0)
    lines = [f"| {' | '.join(cells + [''] * (width - len(cells)))} |" for cells in rows]
    return "\n".join([*lines[:1], f"|{f' {TABLE_RULE} |' * width}" if lines else "", *lines[1:]])


def _cells(row: Element) -> list[str]:
    return [_cell(cell.children) for cell in row.children if isinstance(cell, Element)]


def _cell(nodes: Iterable[Node]) -> str:
    """A cell has one line; each pipe in it has a backslash, in code too."""
    blocks = (
        _block(part) if isinstance(part, Element) and part.name != "p" else _line(line(_inside(part)), "<br>")
        for part in parts(flat(nodes))
    )
    return "<br>".join(" ".join(block.split("\n")) for block in blocks).replace("|", "\\|")


def _inside(part: Part) -> Iterable[Node]:
    return part.children if isinstance(part, Element) else part


def _read_quote(quote: Element) -> str:
    return quoted(markdown_of(quote.children))


def _read_preformatted(element: Element) -> str:
    return fenced(text_of(element.children))


def _read_rule(_rule: Element) -> str:
    return RULE


def _read_unknown(element: Element) -> str:
    return markdown_of(element.children) or ELEMENT.format(name=_named(element.name))


# --- macros ---


def _read_macro(macro: Element) -> str:
    """Its name, and the text in it."""
    shown = MACRO.format(name=_named(macro_name(macro)))
    return "\n\n".join(filter(None, (shown, markdown_of(_body(macro, "ac:rich-text-body")))))


def _read_code(macro: Element) -> str:
    return fenced(text_of(_body(macro, "ac:plain-text-body")), _parameter(macro, "language"))


def _read_panel(macro: Element) -> str:
    alert = ALERTS.get(macro_name(macro))
    title = _escaped(_parameter(macro, "title"))
    head = "\n".join(filter(None, (f"[!{alert}]" if alert else "", f"**{title}**\n" if title else "")))
    return quoted("\n".join(filter(None, (head, markdown_of(_body(macro, "ac:rich-text-body"))))))


def _body(macro: Element, kind: str) -> list[Node]:
    bodies = (child for child in macro.children if isinstance(child, Element) and child.name == kind)
    return [node for body in bodies for node in body.children]


def _parameter(macro: Element, name: str) -> str:
    named = (child for child in macro.children if isinstance(child, Element) and child.name == "ac:parameter")
    values = (text_of(one.children) for one in named if one.attributes.get("ac:name", "") == name)
    return " ".join(next(values, "").split())


# --- lines ---


def _line(runs: Sequence[Run], line_break: str) -> str:
    """Runs as Markdown, links outermost. Not yet safe at its beginning, where a dash would be a list's."""
    pieces = []
    for link, some in groupby(runs, _link_of):
        text = _marked(list(some), tuple(SIGNS), line_break)
        pieces.append(f"[{text}]({ADDRESS_END.sub(_backslashed, link)})" if link and text else text)
    return LEADING.sub(lambda found: "".join(f"&#{ord(char)};" for char in found[0]), "".join(pieces))


def _link_of(run: Run) -> str:
    return next((mark[1] for mark in run.marks if mark[0] == "a"), "")


def _backslashed(found: re.Match[str]) -> str:
    return f"\\{found[0]}"


def _marked(runs: Sequence[Run], marks: tuple[str, ...], line_break: str) -> str:
    if not marks:
        return "".join(_run(run, line_break) for run in runs)
    groups = [
        (_marked(list(some), marks[1:], line_break), is_marked)
        for is_marked, some in groupby(runs, lambda run: (marks[0],) in run.marks)
    ]
    texts = ["", *(text for text, _ in groups), ""]
    around = zip(texts, texts[2:], strict=False)
    return "".join(
        _signed(text, _sign(marks[0], *beside)) if is_marked else text
        for (text, is_marked), beside in zip(groups, around, strict=True)
    )


def _sign(mark: str, before: str, after: str) -> str:
    """Emphasis within a word needs an asterisk; elsewhere an underscore is told from the asterisks of strong text."""
    is_within_word = mark == "em" and (before[-1:].isalnum() or after[:1].isalnum())
    return WITHIN_WORD if is_within_word else SIGNS[mark]


def _signed(text: str, sign: str) -> str:
    """A sign has no blank on its inner side."""
    core = text.strip()
    before, _, after = text.partition(core) if core else (text, "", "")
    return f"{before}{sign}{core}{sign}{after}" if core else text


def _run(run: Run, line_break: str) -> str:
    if run.is_break:
        return line_break
    if run.element:
        return _inline(run.element)
    return _code_span(run.text) if CODE in run.marks else _escaped(run.text)


def _code_span(text: str) -> str:
    flat_text = text.replace("\n", " ")
    bar = "`" * (1 + max((len(run) for run in TICKS.findall(text)), default=0))
    is_padded = flat_text.strip() and (flat_text[0] in " `" or flat_text[-1] in " `")
    return f"{bar} {flat_text} {bar}" if is_padded else f"{bar}{flat_text}{bar}"


def _escaped(text: str) -> str:
    return SPECIAL.sub(r"\\\g<0>", text)


def _safe_lines(text: str) -> str:
    """No line begins a heading, a list, a quote, a rule or a table, none loses what it begins with."""
    return LINE_START.sub(lambda found: f"\\{found[1]}" if found[1] else f"{found[2]}\\{found[3]}", text)


def _named(name: str) -> str:
    return _escaped(" ".join(name.split()))


def _inline(element: Element) -> str:
    name = macro_name(element)
    if name:
        return _inline_macro(element, name)
    return INLINE_READERS.get(element.name, _read_inside)(element)


def _inline_macro(macro: Element, name: str) -> str:
    if name == "status":
        return _lozenge(macro)
    return "" if name == "anchor" else MACRO.format(name=_named(name))


def _lozenge(macro: Element) -> str:
    title = re.sub(r"[\\{}]", r"\\\g<0>", _parameter(macro, "title"))
    color = _parameter(macro, "colour").casefold()
    return LOZENGE.format(color=color if color in COLORS else GREY, title=title) if title else ""


def _read_link(link: Element) -> str:
    """A link by Confluence's own means: what it shows, and what it leads to."""
    bodies = {"ac:link-body", "ac:plain-text-link-body"}
    inside = [child for child in link.children if isinstance(child, Element)]
    shown = " ".join(_escaped(line_text(one.children)) for one in inside if one.name in bodies)
    return " ".join(filter(None, (shown, *(_target(one) for one in inside if one.name not in bodies))))


def _target(element: Element) -> str:
    match element.name:
        case "ri:page" | "ri:blog-post" | "ri:content-entity":
            return LINKED_PAGE.format(name=_named(element.attributes.get("ri:content-title", "")))
        case "ri:attachment":
            return FILE.format(name=_named(element.attributes.get("ri:filename", "")))
        case "ri:user":
            return MENTION
        case name:
            return ELEMENT.format(name=_named(name.removeprefix("ri:")))


def _read_image(image: Element) -> str:
    sources = [child.attributes for child in image.children if isinstance(child, Element)]
    name = next((source["ri:filename"] for source in sources if "ri:filename" in source), "")
    return NAMED_IMAGE.format(name=_named(name)) if name else IMAGE


def _read_emoticon(emoticon: Element) -> str:
    name = emoticon.attributes.get("ac:name", "")
    return _escaped(emoticon.attributes.get("ac:emoji-fallback") or f":{name}:")


def _read_time(time: Element) -> str:
    return _escaped(time.attributes.get("datetime", ""))


def _read_inside(element: Element) -> str:
    return _escaped(" ".join(text_of(element.children).split())) or ELEMENT.format(name=_named(element.name))


BLOCK_READERS: Final[Mapping[str, Callable[[Element], str]]] = {
    "p": _read_paragraph,
    **dict.fromkeys(("h1", "h2", "h3", "h4", "h5", "h6"), _read_heading),
    "ul": _read_list,
    "ol": _read_list,
    "ac:task-list": _read_tasks,
    "table": _read_table,
    "blockquote": _read_quote,
    "pre": _read_preformatted,
    "hr": _read_rule,
}
MACRO_READERS: Final[Mapping[str, Callable[[Element], str]]] = {
    "code": _read_code,
    "noformat": _read_code,
    **dict.fromkeys((*ALERTS, "panel"), _read_panel),
}
INLINE_READERS: Final[Mapping[str, Callable[[Element], str]]] = {
    "ac:link": _read_link,
    "ac:image": _read_image,
    "img": _read_image,
    "ac:emoticon": _read_emoticon,
    "time": _read_time,
}
