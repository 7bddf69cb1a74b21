"""What is on a merge request already."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Note:
    """One note, in a thread or alone. `resolved` is None where a note cannot be resolved.

    `new_line`, `old_line`, `path` are of its position, if it has one.
    """

    id: int
    author_id: int
    body: str
    discussion: str
    system: bool = False
    resolved: bool | None = None
    path: str | None = None
    new_line: int | None = None
    old_line: int | None = None


@dataclass(frozen=True, slots=True)
class Award:
    """A reaction, by GitLab's emoji name: "thumbsup"."""

    name: str
    person: int
