"""Jira issues as read: host-neutral data, texts as Markdown-like plain text whatever the deployment stores."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

PROPERTY: Final = "trivet"  # the entity property in which our comment keeps its key and what it remembers
Category = Literal["new", "indeterminate", "done", "undefined"]


@dataclass(frozen=True, slots=True)
class IssuePerson:
    """Who did something in Jira.

    `id` is the accountId on Cloud, the user key (else the name) on Data Center; `username` is Data Center's name, ""
    on Cloud. `email` is "" where the profile hides it. `kind` is Cloud's account type; "person" on Data Center.
    """

    id: str
    name: str
    username: str = ""
    email: str = ""
    kind: Literal["person", "app", "customer"] = "person"


@dataclass(frozen=True, slots=True)
class IssueStatus:
    """`category` is Jira's key of the status category: the three that every workflow has, in every language."""

    name: str
    category: Category = "undefined"

    def matches(self, wanted: str, names: Collection[str] = ()) -> bool:
        """Whether a configured word means this status: its name, or its category in Jira's or in plain words.

        `names`: of all statuses there are, in lower case; a word that is one of them means no category.
        """
        word = wanted.strip().casefold()
        if word == self.name.strip().casefold():
            return True
        return word not in names and word in CATEGORY_WORDS[self.category]


CATEGORY_WORDS: Mapping[Category, tuple[str, ...]] = {
    "new": ("new", "to do", "todo", "category:new"),
    "indeterminate": ("indeterminate", "in progress", "category:indeterminate"),
    "done": ("done", "complete", "category:done"),
    "undefined": (),
}
RANK: Mapping[Category, int] = {"undefined": 0, "new": 1, "indeterminate": 2, "done": 3}


@dataclass(frozen=True, slots=True)
class IssueLink:
    """Another issue this one is linked to. `relation` in Jira's words, as seen from here: "blocks", "is blocked by"."""

    relation: str
    key: str
    title: str = ""
    status: str = ""


@dataclass(frozen=True, slots=True)
class Issue:
    """One issue as it is now. `key` and `project` are its present ones: it may have moved.

    `description` is plain text with Markdown-like marks (headings "#", items "- ", check items "- [ ] ", fenced code).
    `security` names its security level, None for none. `updated`, `created`: ISO 8601 with offset. `fields`: texts of
    the further fields that were asked for, by field id or name. `url`: where a person opens it.
    """

    id: str
    key: str
    project: str
    type: str
    title: str
    description: str
    status: IssueStatus
    url: str = ""
    labels: tuple[str, ...] = ()
    components: tuple[str, ...] = ()
    priority: str = ""
    resolution: str = ""
    assignee: IssuePerson | None = None
    reporter: IssuePerson | None = None
    security: str | None = None
    parent: str = ""
    links: tuple[IssueLink, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)
    created: str = ""
    updated: str = ""


@dataclass(frozen=True, slots=True)
class IssueComment:
    """`body` is plain text with Markdown-like marks; a mention of the bot is "@" and its user name, else its name.

    `internal`: of Jira Service Management, not for customers. `restricted`: only a role or group may read it.
    `properties` are the values of our own entity properties on it, by key.
    """

    id: str
    author: IssuePerson
    body: str
    created: str = ""
    updated: str = ""
    internal: bool = False
    restricted: bool = False
    mentions_us: bool = False
    properties: Mapping[str, Any] = field(default_factory=dict)


def memory_of(comments: Iterable[IssueComment], key: str, author: str) -> Mapping[str, Any] | None:
    """What the comment with this key remembers; None where there is none. Only those of `author`, an id, count."""
    own = (one.properties.get(PROPERTY) for one in comments if one.author.id == author)
    return next((one for one in own if isinstance(one, Mapping) and one.get("key") == key), None)


@dataclass(frozen=True, slots=True)
class StatusChange:
    """One entry of an issue's history that changed its status. `id` is the changelog's, `at` ISO 8601."""

    id: str
    to: str
    author: IssuePerson | None
    at: str


@dataclass(frozen=True, slots=True)
class Choices:
    """What an issue's fields can hold: names, as Jira shows them."""

    components: tuple[str, ...] = ()
    priorities: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
