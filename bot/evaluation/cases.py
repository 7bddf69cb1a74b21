"""The changes of the set, read from folders: `review/<slug>/case.yml`, and the files in `before/` and `after/`.

`before` holds the whole small repository, `after` what the change adds or alters. Every file there is stored with
".txt" after its name, so that nobody's tools take it for source code of ours.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

import yaml
from pydantic import BaseModel, ConfigDict, field_validator

from bot.domain.findings import Severity
from bot.errors import UsageError

SUFFIX = ".txt"
UNKNOWN = "there is no case {slug}; there are {known}"

Span = tuple[int, int]
Tree = Mapping[str, bytes]
"""A repository's files: path from its top -> content."""


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Place(_Data):
    """Lines of a file at head, first and last, both counted from 1."""

    path: str
    lines: Span


class Defect(_Data):
    """Something wrong that the change brings in.

    `line` at head is where a comment would stand best, `lines` all it is about (None: that line only), `removed` what
    it is about in the old file, `also` other places where it may rightly be told, a caller say. A finding that stands
    on no line is about this defect when it holds one of the `keywords`.
    """

    path: str
    line: int
    lines: Span | None = None
    removed: Span | None = None
    also: tuple[Place, ...] = ()
    kind: str
    severity: Severity
    about: str
    keywords: tuple[str, ...]

    @property
    def span(self) -> Span:
        return self.lines or (self.line, self.line)

    @property
    def places(self) -> tuple[Place, ...]:
        return (Place(path=self.path, lines=self.span), *self.also)


class Story(_Data):
    """What `case.yml` holds. `kind` names the defect, or what a clean change looks like."""

    title: str
    description: str
    language: str
    kind: str
    deleted: tuple[str, ...] = ()
    defects: tuple[Defect, ...] = ()

    @field_validator("kind", "language")
    @classmethod
    def _named(cls, name: str) -> str:
        if not name:
            raise ValueError("must not be empty")
        return name


@dataclass(frozen=True)
class Case:
    """One change of the set. `before` and `after` are whole repositories."""

    slug: str
    story: Story
    before: Tree
    after: Tree

    @property
    def defects(self) -> tuple[Defect, ...]:
        return self.story.defects

    @property
    def is_clean(self) -> bool:
        return not self.defects

    def line(self, path: str, number: int) -> str:
        """A line at head, counted from 1."""
        return self.after[path].decode().split("\n")[number - 1]


def cases() -> list[Case]:
    """The whole set, by slug."""
    folders = sorted((one for one in _root().iterdir() if one.is_dir()), key=lambda folder: folder.name)
    return [_case(folder) for folder in folders]


def chosen(slugs: Collection[str]) -> list[Case]:
    """These cases, all of them where none is named. Raises UsageError for one that does not exist."""
    every = {case.slug: case for case in cases()}
    for slug in slugs:
        if slug not in every:
            raise UsageError(UNKNOWN.format(slug=slug, known=", ".join(every)))
    return [case for slug, case in every.items() if not slugs or slug in slugs]


def _root() -> Traversable:
    return files("bot.evaluation") / "review"


def _case(folder: Traversable) -> Case:
    story = Story.model_validate(yaml.safe_load((folder / "case.yml").read_text("utf-8")))
    before, changed = (dict(_tree(folder / side)) for side in ("before", "after"))
    kept = {path: content for path, content in before.items() if path not in story.deleted}
    return Case(folder.name, story, before, kept | changed)


def _tree(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, bytes]]:
    if not folder.is_dir():
        return
    for one in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if one.is_dir():
            yield from _tree(one, f"{prefix}{one.name}/")
        else:
            yield prefix + one.name.removesuffix(SUFFIX), one.read_bytes()
