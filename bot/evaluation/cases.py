"""The changes of the sets, read from folders: `review/<slug>/case.yml`, and the files in `before/` and `after/`.

`before` holds the whole small repository, `after` what the change adds or alters. Every file there is stored with
".txt" after its name, so that nobody's tools take it for source code of ours.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, field_validator

from bot.domain.findings import Severity
from bot.errors import UsageError

SUFFIX = ".txt"
UNKNOWN = "there is no case {slug}; there are {known}"

Span = tuple[int, int]
Tree = Mapping[str, bytes]
"""A repository's files: path from its top -> content."""


class Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Told(Data):
    """What every `case.yml` holds: what the author says of the change, its language, the files it deletes."""

    title: str
    description: str
    language: str
    deleted: tuple[str, ...] = ()

    @field_validator("language")
    @classmethod
    def _named(cls, name: str) -> str:
        return _not_empty(name)


@dataclass(frozen=True)
class Change:
    """One change of a set. `before` and `after` are whole repositories."""

    slug: str
    story: Told
    before: Tree
    after: Tree

    def line(self, path: str, number: int) -> str:
        """A line at head, counted from 1."""
        return self.after[path].decode().split("\n")[number - 1]


SomeChange = TypeVar("SomeChange", bound=Change)


# --- the set of planted defects ---


class Place(Data):
    """Lines of a file at head, first and last, both counted from 1."""

    path: str
    lines: Span


class Defect(Data):
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


class Story(Told):
    """`kind` names the defect, or what a clean change looks like."""

    kind: str
    defects: tuple[Defect, ...] = ()

    @field_validator("kind")
    @classmethod
    def _kind_named(cls, name: str) -> str:
        return _not_empty(name)


@dataclass(frozen=True)
class Case(Change):
    """A change with planted defects, or a clean one."""

    story: Story

    @property
    def defects(self) -> tuple[Defect, ...]:
        return self.story.defects

    @property
    def is_clean(self) -> bool:
        return not self.defects


def cases() -> list[Case]:
    """The whole set, by slug."""
    return [_case(folder) for folder in folders("review")]


def chosen(slugs: Collection[str]) -> list[Case]:
    """These cases, all of them where none is named. Raises UsageError for one that does not exist."""
    return named(cases(), slugs)


def _case(folder: Traversable) -> Case:
    story = Story.model_validate(read_story(folder))
    return Case(folder.name, story, *trees(folder, story.deleted))


# --- what every set is read by ---


def folders(name: str) -> list[Traversable]:
    """One for each case of a set, by slug."""
    root = files("bot.evaluation") / name
    return sorted((one for one in root.iterdir() if one.is_dir()), key=lambda folder: folder.name)


def read_story(folder: Traversable) -> Any:
    """What `case.yml` holds."""
    return yaml.safe_load((folder / "case.yml").read_text("utf-8"))


def trees(folder: Traversable, deleted: Collection[str]) -> tuple[Tree, Tree]:
    """The repository before the change, and after it."""
    before, changed = (dict(_tree(folder / side)) for side in ("before", "after"))
    kept = {path: content for path, content in before.items() if path not in deleted}
    return before, kept | changed


def named(every: Iterable[SomeChange], slugs: Collection[str]) -> list[SomeChange]:
    """Those of these slugs, all where there is none. Raises UsageError for one that does not exist."""
    known = {case.slug: case for case in every}
    for slug in slugs:
        if slug not in known:
            raise UsageError(UNKNOWN.format(slug=slug, known=", ".join(known)))
    return [case for slug, case in known.items() if not slugs or slug in slugs]


def _tree(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, bytes]]:
    if not folder.is_dir():
        return
    for one in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if one.is_dir():
            yield from _tree(one, f"{prefix}{one.name}/")
        else:
            yield prefix + one.name.removesuffix(SUFFIX), one.read_bytes()


def _not_empty(name: str) -> str:
    if not name:
        raise ValueError("must not be empty")
    return name
