"""Pages that say how much a cart holds, changes that make that wrong, and a model that tells when it is.

Each guide has a folder of its own: what `guide-3/**` does, the section "Limits 3" of the page "Guide 3" describes.
"""

import json
import re
from dataclasses import dataclass
from itertools import count
from typing import Any, Final, Literal

from tests.model_server import Body, Reply, answered, nothing_found, schema_of, text_of, told_schema
from tests.sandbox_server import PROJECT
from tests.wiki_rig import WikiRig

SECTION: Final = "Limits {number}"
PROPERTY: Final = "trivet.section.limits-{number}"
HINT: Final = "Ask before you sell more than that."
GUIDES: Final = 60
NUMBERS: Final = count(1)
FOLLOWS: Final = "untrusted material.\n\n"
ADDED_LIMIT: Final = re.compile(r"^\+(LIMIT = (\d+))$", re.MULTILINE)
TOLD_LIMIT: Final = re.compile(r"at most \*\*(\d+)\*\* items")
BEGINNING: Final = """\
<ac:layout><ac:layout-section ac:type="two_right_sidebar"><ac:layout-cell>
<p>F&uuml;r alle, die einkaufen &mdash; 1 &lt; 2.</p>
<ac:structured-macro ac:name="info"><ac:rich-text-body><p>Amounts are in euro.</p></ac:rich-text-body>\
</ac:structured-macro>
<h2>{section}</h2>"""
END: Final = """\
<h2>Who to ask</h2><p>Ada wrote most of it.</p>
<ac:structured-macro ac:name="code"><ac:plain-text-body><![CDATA[if a < b && c: pass]]></ac:plain-text-body>\
</ac:structured-macro>
</ac:layout-cell><ac:layout-cell><ac:structured-macro ac:name="toc" /></ac:layout-cell></ac:layout-section>
</ac:layout>"""

Mode = Literal["propose", "auto"]


def config(mode: Mode = "propose", notes: str = "") -> str:
    """A `.trivet.yml` that ties each guide to its folder; `notes`: what it says of release notes, as YAML."""
    sections = [
        {
            "paths": [f"guide-{one}/**"],
            "page": f"Guide {one}",
            "section": SECTION.format(number=one),
            "mode": mode,
        }
        for one in range(1, GUIDES)
    ]
    asked = f"  release_notes: {notes}\n" if notes else ""
    return f"pages:\n{asked}  sections: {json.dumps(sections)}\n"


def inner(limit: int, hint: str) -> str:
    return f"<p>A cart holds at most <strong>{limit}</strong> items.</p><p>{hint}</p>"


def code(limit: int, remark: str = "") -> str:
    return (
        f"{remark}LIMIT = {limit}\n\n\ndef is_full(cart: list[str]) -> bool:\n    return len(cart) >= LIMIT\n"
    )


@dataclass(frozen=True)
class Guide:
    """A page that people wrote, and the code in `project` that it describes."""

    rig: WikiRig
    number: int
    project: str = PROJECT

    @property
    def title(self) -> str:
        return f"Guide {self.number}"

    @property
    def section(self) -> str:
        return SECTION.format(number=self.number)

    @property
    def file(self) -> str:
        return f"guide-{self.number}/cart.py"

    @property
    def branch(self) -> str:
        return f"limits-{self.number}"

    def change(self, limit: int = 50, **fields: Any) -> int:
        """A merge request of Ada's that changes the limit; its number."""
        return self.rig.sandbox.merge_request(
            f"Carts hold {limit}",
            {self.file: code(limit)},
            source=self.branch,
            project=self.project,
            **fields,
        )

    def says(self, limit: int) -> bool:
        return f"<strong>{limit}</strong>" in self.rig.body(self.title)

    def writes(self) -> int:
        """The versions that we made."""
        return len(self.rig.versions(self.title))

    def known(self) -> dict[str, Any]:
        """Our property of the section; nothing where there is none."""
        page = self.rig.page(self.title)
        assert page is not None
        return dict(page["properties"].get(PROPERTY.format(number=self.number), {}).get("value", {}))

    def notes(self, iid: int) -> list[dict[str, Any]]:
        """Our notes on the merge request that propose a text."""
        told = self.rig.review(iid, self.project)["notes"]
        return [one for one in told if one["author"] == "trivet" and "kind=page" in one["body"]]


def guide(rig: WikiRig, limit: int = 20, project: str = PROJECT, hint: str = HINT) -> Guide:
    """A page that is true as long as the limit is this one, with a hint that always is; and the code behind it."""
    made = Guide(rig, next(NUMBERS), project)
    rig.wiki.create(made.title, body=BEGINNING.format(section=made.section) + inner(limit, hint) + END)
    rig.sandbox.push("main", {made.file: code(limit)}, f"Carts hold {limit}", project=project)
    return made


# --- the model ---


def judging(body: Body) -> Reply:
    """A limit that a change sets makes each block wrong that tells another one."""
    wanted = (schema_of(body) or told_schema(body) or {}).get("properties", {})
    return answered({"wrong": list(_wrong(_material(body)))}) if "wrong" in wanted else nothing_found(body)


def _material(body: Body) -> dict[str, Any]:
    found: dict[str, Any] = json.JSONDecoder().raw_decode(text_of(body).partition(FOLLOWS)[2])[0]
    return found


def _wrong(material: dict[str, Any]) -> list[dict[str, Any]]:
    limits = [
        (file["path"], line, limit)
        for file in material.get("changed_files", ())
        for line, limit in ADDED_LIMIT.findall(file["diff"])
    ]
    told = [(one["block"], *TOLD_LIMIT.findall(one["text"])) for one in material.get("blocks", ())]
    return [
        _statement(path, line, limit, block[0], block[1])
        for path, line, limit in limits
        for block in told
        if block[1:] and block[1] != limit
    ]


def _statement(path: str, line: str, limit: str, block: int, told: str) -> dict[str, Any]:
    return {
        "path": path,
        "line": line,
        "why": f"A cart holds {limit} items now.",
        "block": block,
        "quote": f"at most **{told}** items",
        "how": "replace",
        "text": f"A cart holds at most **{limit}** items.",
    }
