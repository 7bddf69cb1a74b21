"""From a Cloud document to wiki text, as version 2 of the API and webhooks tell it.

A node it does not know gives the text of its children: Jira itself makes nodes that it documents nowhere.
"""

import re
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

ADDRESS = re.compile(r"(https?://[^\s\[\]{}|]+)")
MARKUP = re.compile(r"[{}\[\]*_!|^~]|(?<!\w)[-+](?=\S)|\?(?=\?)")
ENTITIES = str.maketrans({"\\": "&#92;", "&": "&#38;"})
BLOCK_START = re.compile(r"^(h[1-6]|bq|)([.#]|-(?=\s))", re.M)
AROUND = {"strong": "*", "em": "_", "strike": "-", "underline": "+"}
BULLETS = {"bulletList": "*", "orderedList": "#"}
CHECKED = {"DONE": "[x]", "TODO": "[ ]"}
QUOTED = {"blockquote": "quote", "panel": "panel"}


def wiki_text(document: Json) -> str:
    return "\n\n".join(_blocks(document))


def _blocks(parent: Json) -> Iterator[str]:
    for node in parent.get("content", []):
        written = _block(node)
        if written:
            yield written


def _block(node: Json) -> str:
    name, attributes = node["type"], node.get("attrs", {})
    match name:
        case "paragraph":
            return BLOCK_START.sub(r"\1\\\2", _line(node))
        case "heading":
            return f"h{attributes['level']}. {_line(node)}"
        case "bulletList" | "orderedList":
            return "\n".join(_items(node, BULLETS[name]))
        case "taskList":
            return "\n".join(_tasks(node))
        case "codeBlock":
            return _code(node, attributes.get("language", ""))
        case "blockquote" | "panel":
            return f"{{{QUOTED[name]}}}\n{wiki_text(node)}\n{{{QUOTED[name]}}}"
        case "rule":
            return "----"
        case "table":
            return "\n".join(_row(row) for row in node["content"])
        case "expand" | "nestedExpand":
            return "\n\n".join(filter(None, [f"*{_escaped(attributes.get('title', ''))}*", wiki_text(node)]))
        case "blockCard" | "embedCard":
            return f"[{attributes.get('url', '')}]"
        case "media":
            return f"!{attributes.get('id') or attributes.get('url') or 'media'}!"
    return _inline(node) if "text" in node else wiki_text(node)


def _items(node: Json, bullets: str) -> Iterator[str]:
    for item in node["content"]:
        for number, child in enumerate(item["content"]):
            if child["type"] in BULLETS:
                yield from _items(child, bullets + BULLETS[child["type"]])
            else:
                yield f"{bullets} {_block(child)}" if number == 0 else _block(child)


def _tasks(node: Json, bullets: str = "*") -> Iterator[str]:
    for item in node["content"]:
        if item["type"] == "taskList":
            yield from _tasks(item, bullets + "*")
        else:
            yield f"{bullets} {CHECKED[item['attrs']['state']]} {_line(item)}"


def _code(node: Json, language: str) -> str:
    text = "".join(child["text"] for child in node.get("content", []))
    return f"{{code:{language}}}\n{text}\n{{code}}" if language else f"{{code}}\n{text}\n{{code}}"


def _row(row: Json) -> str:
    written, end = "", "|"
    for cell in row["content"]:
        end = "||" if cell["type"] == "tableHeader" else "|"
        written += f"{end} {wiki_text(cell)} "
    return written + end


def _line(node: Json) -> str:
    return "".join(_inline(child) for child in node.get("content", []))


def _inline(node: Json) -> str:
    attributes = node.get("attrs", {})
    match node["type"]:
        case "text":
            return _marked(node)
        case "hardBreak":
            return "\n"
        case "mention":
            return f"[~accountid:{attributes['id']}]"
        case "emoji":
            return str(attributes.get("text") or attributes["shortName"])
        case "status":
            return f"*{_escaped(attributes['text'])}*"
        case "inlineCard":
            return f"[{attributes.get('url', '')}]"
        case "date":
            return str(attributes["timestamp"])
    return _line(node)


def _marked(node: Json) -> str:
    marks = {mark["type"]: mark.get("attrs", {}) for mark in node.get("marks", [])}
    text = f"{{{{{node['text']}}}}}" if "code" in marks else _escaped(node["text"])
    for name, sign in AROUND.items():
        if name in marks:
            text = f"{sign}{text}{sign}"
    if "textColor" in marks:
        text = f"{{color:{marks['textColor']['color']}}}{text}{{color}}"
    if "link" in marks:
        href = marks["link"]["href"]
        text = f"[{href}]" if node["text"] == href else f"[{text}|{href}]"
    return text


def _escaped(text: str) -> str:
    """Every sign that could begin markup with a backslash before it; addresses stay as they are.

    Two backslashes are a line break, so a backslash is written as an entity.
    """
    parts = ADDRESS.split(text)
    parts[::2] = [_escaped_part(part) for part in parts[::2]]
    return "".join(parts)


def _escaped_part(text: str) -> str:
    plain = text.translate(ENTITIES) if "\\" in text or "&#" in text else text
    return MARKUP.sub(r"\\\g<0>", plain)
