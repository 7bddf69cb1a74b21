"""What is on a merge request already."""

from dataclasses import dataclass
from typing import Final

THREADED: Final = frozenset({"DiscussionNote", "DiffNote"})
"""GitLab's types of notes that stand in threads; those that stand alone have none."""


@dataclass(frozen=True, slots=True)
class Note:
    """One note, in a thread or alone. `resolved` is None where a note cannot be resolved, else `resolver` closed it.

    `new_line`, `old_line`, `path` are of its position, if it has one. `author`, `resolver` are user names, `author_id`
    and `resolver_id` their ids (0: nobody, or an account that is gone). `threaded`: it began a thread, or answers in
    one. `internal`: not for everybody.
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
    author: str = ""
    resolver_id: int = 0
    resolver: str = ""
    threaded: bool = False
    internal: bool = False


@dataclass(frozen=True, slots=True)
class Award:
    """A reaction, by GitLab's emoji name: "thumbsup". `person` is an id, `username` "" where it is not told."""

    name: str
    person: int
    username: str = ""
