"""Write the table of the chart's values in chart/README.md from chart/values.yaml: `make docs`.

A value is a key with a sentence, or sentences, in the comment lines right above it; what stands below such a key is
its default. A key without one is a heading of those below it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parents[2] / "chart"
VALUES = CHART / "values.yaml"
README = CHART / "README.md"
PLACE = re.compile(r"(<!-- values, made by `make docs` -->\n).*?(?=<!-- end -->)", re.DOTALL)
HEAD = "| value | meaning | default |\n|---|---|---|\n"
ROW = "| `{name}` | {meaning} | {default} |\n"
COMMENT = re.compile(r"\s*# ?(.*)")


@dataclass(frozen=True)
class Value:
    """`name` with dots; `meaning` "" where nothing says it; `default` as it is written on one line."""

    name: str
    meaning: str
    default: str


def values(text: str) -> list[Value]:
    """Every value in the order of the file: what has a sentence, and what is neither said nor a heading."""
    return list(_values(yaml.compose(text), text.splitlines()))


def _values(node: Any, lines: list[str], above: str = "") -> Iterator[Value]:
    for key, inner in node.value:
        name, meaning = f"{above}{key.value}", _said(lines, key.start_mark.line)
        has_more = isinstance(inner, yaml.MappingNode) and inner.value and not inner.flow_style
        if has_more and (not meaning or _any_said(inner, lines)):
            yield from _values(inner, lines, f"{name}.")
        else:
            yield Value(name, meaning, _written(inner))


def _any_said(node: yaml.MappingNode, lines: list[str]) -> bool:
    """Whether the keys below have sentences of their own: then the comment above them is of the group."""
    return any(_said(lines, key.start_mark.line) for key, _ in node.value)


def _said(lines: list[str], number: int) -> str:
    """The comment right above a line."""
    said: list[str] = []
    while number and (comment := COMMENT.fullmatch(lines[number - 1])):
        said.insert(0, comment[1])
        number -= 1
    return " ".join(said)


def _written(node: Any) -> str:
    content = yaml.serialize(node)
    plain = yaml.safe_load(content)
    if plain in ("", None):
        return ""
    text = yaml.safe_dump(plain, default_flow_style=True, width=10_000, sort_keys=False)
    return text.removesuffix("...\n").strip()


def table(text: str) -> str:
    rows = (ROW.format(name=one.name, **_cells(one)) for one in values(text))
    return HEAD + "".join(rows)


def _cells(value: Value) -> dict[str, str]:
    default = f"`{value.default}`" if value.default else "–"
    return {"meaning": value.meaning.replace("|", r"\|"), "default": default.replace("|", r"\|")}


def with_table(readme: str, text: str) -> str:
    """The page with the table in its place."""
    return PLACE.sub(lambda place: place[1] + table(text), readme)


if __name__ == "__main__":
    README.write_text(with_table(README.read_text("utf-8"), VALUES.read_text("utf-8")), "utf-8")
