"""Write the README's table of each component's inputs from the component's own file: `make docs`."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
TEMPLATES = ROOT / "templates"
PLACE = re.compile(
    r"(<!-- inputs of (templates/\w+\.yml), made by `make docs` -->\n).*?(?=<!-- end -->)", re.DOTALL
)
HEAD = "| input | meaning | default |\n|---|---|---|\n"
ROW = "| `{name}` | {meaning} | {default} |\n"


def inputs(template: Path) -> dict[str, dict[str, Any]]:
    """A component's inputs: name -> what `spec:inputs` says of it."""
    header, _ = yaml.safe_load_all(template.read_text("utf-8"))
    return header["spec"]["inputs"]


def table(template: Path) -> str:
    rows = (ROW.format(name=name, **_cells(spec)) for name, spec in inputs(template).items())
    return HEAD + "".join(rows)


def with_tables(text: str) -> str:
    """The text with the table of each template it has a place for."""
    return PLACE.sub(lambda place: place[1] + table(ROOT / place[2]), text)


def _cells(spec: dict[str, Any]) -> dict[str, str]:
    options = (f"`{option}`" for option in spec.get("options", ()))
    unsaid = [option for option in options if option not in spec["description"]]
    meaning = " ".join([spec["description"].strip(), *unsaid])
    return {"meaning": meaning.replace("|", r"\|"), "default": _shown(spec["default"])}


def _shown(value: Any) -> str:
    """As it would be written in a pipeline's file, on one line."""
    if value == "":
        return "–"
    text = yaml.safe_dump(value, default_flow_style=True, width=1000).removesuffix("...\n").strip()
    return f"`{text}`".replace("|", r"\|")


if __name__ == "__main__":
    README.write_text(with_tables(README.read_text("utf-8")), "utf-8")
