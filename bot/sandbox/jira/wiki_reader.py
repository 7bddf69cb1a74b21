"""From wiki text to a document, as Cloud does with what version 2 of the API is given.

The notation of jira.atlassian.com/secure/WikiRendererHelpAction.jspa, without images, macros of apps and text effects
that nobody types. What it does not know stays as it is written.
"""

import html
import re
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

HEADING = re.compile(r"h([1-6])\.\s+(.*)")
ITEM = re.compile(r"([*#]+|-)\s+(.*)")
FENCE = re.compile(r"\{(code|noformat|quote|panel)(?::([^}]*))?\}\s*(.*)")
RULE = re.compile(r"-{4,}\s*")
QUOTE = "bq. "
LANGUAGE = re.compile(r"[\w+#-]+")
INLINE = re.compile(
    r"""\\\\(?=\s|$)|\\(?P<escaped>[^\w\s]|_)
    |&\#(?P<entity>\d{1,6});
    |\{\{(?P<code>.+?)\}\}
    |\{color:(?P<color>[^}]+)\}(?P<colored>.*?)\{color\}
    |\[~(?:accountid:)?(?P<mention>[^\]\s]+)\]
    |\[(?:(?P<label>[^\]|\n]+)\|)?(?P<href>(?:https?://|mailto:)[^\]|\s]+)(?:\|[^\]]*)?\]
    |(?P<address>https?://[^\s\[\]{}|]+)
    |(?<!\w)\*(?P<strong>[^\s*](?:[^*\n]*[^\s*\\])?)\*(?!\w)
    |(?<!\w)_(?P<em>[^\s_](?:[^_\n]*[^\s_\\])?)_(?!\w)
    |(?<!\w)-(?P<strike>[^\s-](?:[^-\n]*[^\s\\-])?)-(?!\w)
    |(?<!\w)\+(?P<underline>[^\s+](?:[^+\n]*[^\s+\\])?)\+(?!\w)
    |(?P<break>\n)""",
    re.X,
)
MARKED = ("strong", "em", "strike", "underline")


def document(text: str) -> Json:
    """`{"type": "doc", "version": 1, "content": [...]}`; an empty text has no content."""
    return {"type": "doc", "version": 1, "content": list(_blocks(text.replace("\r\n", "\n").split("\n")))}


def _blocks(lines: list[str]) -> Iterator[Json]:
    while lines:
        line = lines[0].strip()
        if not line:
            lines.pop(0)
        elif fence := FENCE.fullmatch(line):
            yield from _fenced(lines, fence)
        elif heading := HEADING.fullmatch(line):
            lines.pop(0)
            yield _node("heading", inlines(heading[2]), level=int(heading[1]))
        elif RULE.fullmatch(line):
            lines.pop(0)
            yield {"type": "rule"}
        elif line.startswith(QUOTE):
            yield _node("blockquote", [_paragraph(lines.pop(0).strip().removeprefix(QUOTE))])
        elif ITEM.fullmatch(line):
            yield _list(_taken(lines, ITEM), 1)
        elif line.startswith("|"):
            yield _table(lines)
        else:
            yield _paragraph("\n".join(_prose(lines)))


def _fenced(lines: list[str], fence: re.Match[str]) -> Iterator[Json]:
    """Up to the same word in braces, or to the end."""
    name, options, rest = fence.groups()
    lines[0] = rest
    closing = f"{{{name}}}"
    inside: list[str] = []
    while lines and closing not in lines[0]:
        inside.append(lines.pop(0))
    if lines:
        before, _, after = lines[0].partition(closing)
        inside.append(before)
        lines[0] = after
    text = "\n".join(inside).strip("\n")
    if name in ("code", "noformat"):
        yield _code(text, options or "")
    else:
        children = list(_blocks(text.split("\n"))) or [_paragraph("")]
        attributes = {"panelType": "info"} if name == "panel" else {}
        yield _node("panel" if name == "panel" else "blockquote", children, **attributes)


def _code(text: str, options: str) -> Json:
    language = options.split("|")[0]
    content = [{"type": "text", "text": text}] if text else []
    attributes = {"language": language} if LANGUAGE.fullmatch(language) else {}
    return _node("codeBlock", content, **attributes)


def _taken(lines: list[str], pattern: re.Pattern[str]) -> list[tuple[str, str]]:
    """(bullets, text) of the items of one list, which begin with the same sign."""
    items: list[tuple[str, str]] = []
    while lines and (found := pattern.fullmatch(lines[0].strip())):
        bullets = found[1].replace("-", "*")
        if items and items[0][0][0] != bullets[0]:
            break
        items.append((bullets, found[2]))
        lines.pop(0)
    return items


def _list(items: list[tuple[str, str]], depth: int) -> Json:
    """Items of this depth, each with the deeper ones behind it as a list of its own."""
    name = "orderedList" if items[0][0][min(depth, len(items[0][0])) - 1] == "#" else "bulletList"
    children: list[Json] = []
    while items:
        bullets, text = items.pop(0)
        below: list[tuple[str, str]] = []
        while items and len(items[0][0]) > len(bullets):
            below.append(items.pop(0))
        nested = [_list(below, depth + 1)] if below else []
        children.append({"type": "listItem", "content": [_paragraph(text), *nested]})
    return {"type": name, "content": children}


def _table(lines: list[str]) -> Json:
    rows: list[Json] = []
    while lines and lines[0].strip().startswith("|"):
        line = lines.pop(0).strip()
        header = line.startswith("||")
        cells = [cell.strip() for cell in line.strip("|").split("||" if header else "|")]
        name = "tableHeader" if header else "tableCell"
        rows.append(_node("tableRow", [_node(name, [_paragraph(cell)]) for cell in cells]))
    return _node("table", rows)


def _prose(lines: list[str]) -> Iterator[str]:
    """The lines up to one that is empty or begins another block."""
    yield lines.pop(0).strip()
    while lines and lines[0].strip() and not _begins_block(lines[0].strip()):
        yield lines.pop(0).strip()


def _begins_block(line: str) -> bool:
    patterns = (HEADING, ITEM, FENCE, RULE)
    return line.startswith(("|", QUOTE)) or any(pattern.fullmatch(line) for pattern in patterns)


def _paragraph(text: str) -> Json:
    return _node("paragraph", inlines(text))


def inlines(text: str, marks: tuple[Json, ...] = ()) -> list[Json]:
    """The nodes of one paragraph's text, each with `marks`."""
    nodes: list[Json] = []
    start = 0
    for found in INLINE.finditer(text):
        _append(nodes, text[start : found.start()], marks)
        _append_found(nodes, found, marks)
        start = found.end()
    _append(nodes, text[start:], marks)
    return nodes


def _append_found(nodes: list[Json], found: re.Match[str], marks: tuple[Json, ...]) -> None:
    groups = {name: value for name, value in found.groupdict().items() if value is not None}
    if "escaped" in groups:
        _append(nodes, groups["escaped"], marks)
    elif "entity" in groups:
        _append(nodes, html.unescape(found[0]), marks)
    elif "code" in groups:
        links = tuple(mark for mark in marks if mark["type"] == "link")
        _append(nodes, groups["code"], (*links, {"type": "code"}))
    elif "mention" in groups:
        nodes.append({"type": "mention", "attrs": {"id": groups["mention"]}})
    elif "href" in groups or "address" in groups:
        href = groups.get("href") or groups["address"]
        nodes += inlines_in_link(groups.get("label") or href, href, marks)
    elif "color" in groups:
        nodes += inlines(groups["colored"], marks)
    elif name := next((name for name in MARKED if name in groups), None):
        nodes += inlines(groups[name], _with(marks, {"type": name}))
    else:
        nodes.append({"type": "hardBreak"})


def inlines_in_link(label: str, href: str, marks: tuple[Json, ...]) -> list[Json]:
    link = {"type": "link", "attrs": {"href": href}}
    if label == href:
        return [{"type": "text", "text": href, "marks": list(_with(marks, link))}]
    return inlines(label, _with(marks, link))


def _with(marks: tuple[Json, ...], mark: Json) -> tuple[Json, ...]:
    return (*(one for one in marks if one["type"] != mark["type"]), mark)


def _append(nodes: list[Json], text: str, marks: tuple[Json, ...]) -> None:
    """Text goes on the last node when that has the same marks."""
    if not text:
        return
    if nodes and nodes[-1]["type"] == "text" and nodes[-1].get("marks", []) == list(marks):
        nodes[-1]["text"] += text
    else:
        nodes.append({"type": "text", "text": text} | ({"marks": list(marks)} if marks else {}))


def _node(name: str, content: list[Json], **attributes: Any) -> Json:
    return {"type": name} | ({"attrs": attributes} if attributes else {}) | {"content": content}
