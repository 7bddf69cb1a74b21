r"""Jira's wiki text, as Data Center stores it: our documents written in it. `to_text` reads anybody's.

How Jira reads the notation, from the renderer's classes (com.atlassian.renderer.v2) and Jira's MentionFinderImpl:
- Macros are taken first, then links and addresses, then backslashes and entities, then phrases. A brace behind a
  backslash is a bare one again before phrases are looked for, so `\{\{x\}\}` is still monospaced; an entity is left
  alone by every step. So what structure is made of (braces, brackets, pipes, backslashes) is written as an entity.
- A phrase (`*b*`, `_i_`, `-d-`, `+u+`, `^s^`, `~s~`, `??c??`, `!image!`) begins with a sign that has no letter or
  digit before it and no blank behind it. Only such signs get a backslash.
- An address ends at no markup, so its colon is written as an entity, too. Emoticons are signs like `(x)` and `:)`.
- Mentions are looked for in the source by `\[[~@][^\\,]+?\]`, in code as well.
- In `{code}` and `{noformat}` nothing is read but the end mark, unless a backslash stands before it.
"""

import re
from collections.abc import Iterable, Mapping
from itertools import pairwise

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
)
from bot.domain.wiki_reader import to_text

__all__ = ["escaped", "to_text", "to_wiki"]

PANELS = {"info": "#deebff", "note": "#eae6ff", "warning": "#fffae6", "success": "#e3fcef"}
COLORS = {"grey": "#42526e", "blue": "#0747a6", "green": "#006644", "yellow": "#974f0c", "red": "#bf2600"}
NAMES = """
    bash c c# c++ css erlang go groovy haskell html java javascript json lua objc perl php python r ruby scala sql
    swift xml yaml
"""
LANGUAGES = frozenset(NAMES.split())
"""Those the code macro colours. It shows an error in place of any other."""

BOXES = {False: "☐", True: "☑"}
BREAK = r" \\ "  # a line break where a newline would end the item or the row
JOINT = "&#8203;"  # a space of no width, where a letter would touch a phrase's sign

STRUCTURE = frozenset(r"{}[]|\&:;")
LIVE = re.compile(
    r"""[{}\[\]|\\]
      | &(?=[\#A-Za-z0-9]{0,8}(?:;|\Z))
      | [:;](?=-?[)(PpDd]|//|\Z) | (?:(?<=mailto)|(?<=file)):
      | (?<![A-Za-z0-9_])[A-Z][A-Z0-9_]{1,20}-\d{1,10}[*_+^~?!-]  # an issue's key becomes a link, no letters
      | (?<![A-Za-z0-9])[*_+^~?!-](?![ \t\n])
      | \((?=(?:on|off|flag|flagoff|[yni/x!+?-]|\*[rgby]?)\)|\Z)""",
    re.VERBOSE,
)
IN_PHRASE = re.compile(r"[{}\[\]|\\&:;*_+^~?!()#-]")
IN_LINK = re.compile(r"[^\w\s.,/'\"=<>$%-]|_|(?<![A-Za-z0-9])-")
LIST_START = re.compile(r"^(?=[*#-]+[ \t])")
BLOCK_START = re.compile(r"^(h[1-6]|bq)\.")
NOT_IN_ADDRESS = re.compile(r"[^!#$%&'()*+,\-./0-9:;=?@A-Z_a-z~]")
END_OF_NOFORMAT = re.compile(r"(\\*)(\{noformat)")
MENTION_IN_CODE = re.compile(r"\[(?=[~@])")


def to_wiki(document: Document, made: Mapping[str, str] | None = None) -> str:
    """The document in Data Center's notation, in which every `Text` is shown as it is written.

    `made`: addresses by a `Made`'s action; without one its text stands alone.
    """
    return "\n\n".join(filter(None, (_block(block, made or {}) for block in document.blocks)))


def _block(block: Block, made: Mapping[str, str]) -> str:
    match block:
        case Heading():
            title = _line(block.content, made, " ")
            return f"h{block.level}. {title}" if title else ""
        case Paragraph():
            return _line(block.content, made, "\n")
        case BulletList():
            return _list("*", block.nested(), made)
        case NumberedList():
            return _list("#", block.nested(), made)
        case TaskList():
            return _tasks(block, made)
        case Table():
            return "\n".join((_row(block.header, "||", made), *(_row(one, "|", made) for one in block.rows)))
        case Code():
            return _code(block)
        case Panel():
            return _panel(block, made)


def _list(sign: str, items: Iterable[tuple[int, Inlines]], made: Mapping[str, str]) -> str:
    return "\n".join(f"{sign * (level + 1)} {_line(item, made, BREAK)}" for level, item in items)


def _tasks(tasks: TaskList, made: Mapping[str, str]) -> str:
    """The notation has no boxes to tick: a sign shows whether it is done."""
    items = zip(tasks.done, tasks.items, strict=True)
    return "\n".join(f"* {BOXES[done]} {_line(item, made, BREAK)}" for done, item in items)


def _row(cells: tuple[Inlines, ...], wall: str, made: Mapping[str, str]) -> str:
    return wall + wall.join(f" {_line(cell, made, BREAK)} " for cell in cells) + wall


def _panel(panel: Panel, made: Mapping[str, str]) -> str:
    inside = "\n\n".join(_line(one.content, made, "\n") for one in panel.content)
    return f"{{panel:bgColor={PANELS[panel.tone]}}}\n{inside}\n{{panel}}"


def _code(code: Code) -> str:
    """In the macro whose end mark the text does not hold; where it holds both, a backslash keeps the macro open."""
    text = MENTION_IN_CODE.sub("[ ", code.text)
    colored = code.language in LANGUAGES
    if "{code" not in text and (colored or "{noformat" in text):
        return f"{{code:{code.language}}}\n{text}\n{{code}}" if colored else f"{{code}}\n{text}\n{{code}}"
    return f"{{noformat}}\n{END_OF_NOFORMAT.sub(_kept_open, text)}\n{{noformat}}"


def _kept_open(found: re.Match[str]) -> str:
    """One backslash more where their number is even: those before it escape each other."""
    return found[1] + "\\" * (1 - len(found[1]) % 2) + found[2]


def _line(content: Inlines, made: Mapping[str, str], newline: str) -> str:
    """The inlines as one item, cell or paragraph. Nothing in it begins a block, whoever wrote it."""
    written = "".join(
        _joint(before, one) + _inline(one, made) for before, one in pairwise((None, *content)) if one
    )
    lines = (_not_a_block(line.strip()) for line in written.split("\n"))
    return newline.join(lines if newline == "\n" else filter(None, lines))


def _joint(before: Inline | None, one: Inline) -> str:
    """A phrase's sign counts only where no letter or digit touches it on the outside."""
    touched = before and (
        (_is_phrase(one) and before.text[-1:].isalnum()) or (_is_phrase(before) and one.text[:1].isalnum())
    )
    return JOINT if touched else ""


def _is_phrase(one: Inline) -> bool:
    return isinstance(one, Text) and (one.strong or one.emphasis or one.code)


def _not_a_block(line: str) -> str:
    return BLOCK_START.sub(r"\1&#46;", LIST_START.sub(r"\\", line))


def _inline(one: Inline, made: Mapping[str, str]) -> str:
    match one:
        case Text():
            return "\n".join(_text(one, line) for line in one.text.split("\n"))
        case Link():
            return _link(one.text, one.url)
        case Made():
            return _link(one.text, made[one.action]) if made.get(one.action) else escaped(one.text)
        case Lozenge():
            return _lozenge(one)


def _text(text: Text, line: str) -> str:
    """One line of it in its marks, blanks outside of them."""
    core = line.strip()
    if not core or not _is_phrase(text):
        return escaped(line)
    before, after = line[: line.index(core)], line[line.index(core) + len(core) :]
    written = IN_PHRASE.sub(_inert, core)
    if text.code:
        return f"{before}{{{{{written}}}}}{after}"
    signs = "*" * text.strong + "_" * text.emphasis
    return before + signs + written + signs[::-1] + after


def _lozenge(lozenge: Lozenge) -> str:
    text = IN_PHRASE.sub(_inert, " ".join(lozenge.text.split()))
    return f"{{color:{COLORS[lozenge.color]}}}*{text}*{{color}}" if text else ""


def _link(text: str, url: str) -> str:
    shown = IN_LINK.sub(_entity, " ".join(text.split()))
    address = NOT_IN_ADDRESS.sub(_percent, url)
    return f"[{shown}|{address}]" if shown else f"[{address}]"


def escaped(text: str) -> str:
    """The text with entities and backslashes where Jira would find markup, a mention, an address or an emoticon."""
    return LIVE.sub(_inert, text)


def _inert(found: re.Match[str]) -> str:
    """Structure as an entity; a backslash before a sign, which may stand behind an issue's key."""
    return _entity(found) if found[0] in STRUCTURE else f"{found[0][:-1]}\\{found[0][-1]}"


def _entity(found: re.Match[str]) -> str:
    return f"&#{ord(found[0])};"


def _percent(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "replace"))
