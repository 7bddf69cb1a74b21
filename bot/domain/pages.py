"""A Confluence page as read, what stands below it, and changes of a section as data."""

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

from bot.domain.document import Document

PROPERTY = "trivet.section.{section}"
"""The content property that remembers what we wrote into a section, by its `slug`."""


OWNER = "gitlab:{project}"
"""Whose release notes a section holds, by the number of the project."""


def slug(section: str) -> str:
    """A section's name as it stands in boundaries, marks and keys."""
    return section.lower().replace(" ", "-")


Status = Literal["current", "archived", "trashed", "draft"]


@dataclass(frozen=True, slots=True)
class PagePerson:
    """An account: `id` is the accountId on Cloud, the user key on Data Center, whose user name is `username`."""

    id: str
    name: str = ""
    username: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A page at one version. `space` is the space's key, `storage` the body exactly as it was sent.

    `author` is the id of who wrote this version, `url` where a person opens the page, `parent` the id of the page
    above it, "" for none.
    """

    id: str
    space: str
    title: str
    version: int
    storage: str
    url: str
    status: Status = "current"
    author: str = ""
    message: str = ""
    parent: str = ""


@dataclass(frozen=True, slots=True)
class PageComment:
    """A comment in the footer of a page. `storage` as of a page."""

    id: str
    author: str
    storage: str
    version: int = 1


@dataclass(frozen=True, slots=True)
class ChangedPage:
    """A page that a search found. `updated` is ISO 8601."""

    id: str
    space: str
    version: int
    author: str
    updated: str


class BlockEdit(BaseModel):
    """One change of a section. `block` is the 0-based number of one of its blocks; -1: before the first (insert only).

    "insert" puts `body` after the block, "replace" in its place; "delete" has an empty body.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    block: int
    how: Literal["replace", "insert", "delete"]
    body: Document = Document(blocks=())


class Reason(BaseModel):
    """Why a section is not true, in a sentence, and the line of code that shows it.

    `is_removed`: `line` counts in the file before the change. `by_hand`: no edit puts it right, for the block holds
    what we cannot write; `instead` is then the Markdown that should stand there, "" for nothing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    why: str
    path: str
    line: int
    is_removed: bool = False
    by_hand: bool = False
    instead: str = ""


class SectionEdit(BaseModel):
    """A new text for one section, as a difference to the text it stands on.

    `page` is the page's id, `base` the digest of the section that the edits stand on ("" where the page has no such
    section yet), `result` the digest once they are done. Without `edits` there is nothing to accept: `reasons` say
    what is wrong all the same. `of` is a digest of the change that it was worked out from. `after` is the id of the
    newest note that the merge request had then: a command accepts this text only in a later one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    page: str
    section: str
    base: str
    result: str
    edits: tuple[BlockEdit, ...]
    reasons: tuple[Reason, ...] = ()
    of: str = ""
    after: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether the edits that lead to `result` are here: where they cannot be kept they are left out."""
        return bool(self.edits) or self.result == self.base
