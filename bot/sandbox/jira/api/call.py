"""One request to Jira as its handler sees it: who asks, what for, in which version of the API, and how to answer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from bot.sandbox.jira import shapes, texts
from bot.sandbox.jira.adf import InvalidDocument
from bot.sandbox.jira.model import Comment, Issue, Json, Person, Project, Site, Text
from bot.sandbox.jira.refusals import (
    INVALID_INPUT,
    INVALID_PAYLOAD,
    NOT_SIGNED_IN,
    TOO_LONG,
    JiraRefusal,
    no_issue,
    no_project,
    refused,
)

T = TypeVar("T")

NOT_VALID = "Comment body is not valid!"


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` None: nothing, as with 204."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    media: str = "application/json"


NO_CONTENT = Answer(status=204)


@dataclass(slots=True)
class Call:
    """`user` None: nobody is signed in. `path` follows `/rest`, `parts` are its `:names`.

    `body`: parsed JSON, None when there was none.
    """

    site: Site
    user: Person | None
    path: str
    version: int
    parts: dict[str, str]
    query: dict[str, str]
    body: Any

    # --- who and what

    @property
    def me(self) -> Person:
        if self.user is None:
            raise not_signed_in(self.site)
        return self.user

    @property
    def issue(self) -> Issue:
        """The one the path names. 404 where whoever asks may not see it."""
        return self.issue_named(self.parts["issue"])

    @property
    def project(self) -> Project:
        return self.project_named(self.parts["project"])

    def issue_named(self, key: str) -> Issue:
        found = self.site.issue(key)
        if found is None or not found.seen_by(self.user):
            raise no_issue()
        return found

    def project_named(self, key: str) -> Project:
        found = self.site.project(key)
        if found is None or not found.allows(self.user, "BROWSE_PROJECTS"):
            raise no_project(key)
        return found

    @property
    def comment(self) -> Comment:
        return self.comment_of(self.issue)

    def comment_of(self, issue: Issue) -> Comment:
        number = self.parts["comment"]
        for one in issue.comments:
            if one.id == number and shapes.may_read(issue, one, self.user):
                return one
        raise refused(404, f"Can not find a comment for the id: {number}.")

    def permitted(self, permission: str, words: str) -> Issue:
        """The issue, where whoever asks may do this to it."""
        issue = self.issue
        if not issue.project.allows(self.user, permission):
            raise refused(403, words)
        return issue

    # --- what was given

    @property
    def given(self) -> Json:
        """The body, which has to be an object."""
        if not isinstance(self.body, dict):
            raise refused(400, INVALID_PAYLOAD)
        return self.body

    def only(self, *names: str) -> Json:
        """The body, which may have these keys only."""
        given = self.given
        if set(given) - set(names):
            raise refused(400, INVALID_PAYLOAD)
        return given

    def number(self, name: str, default: int) -> int:
        value = self.query.get(name, str(default))
        if not value.removeprefix("-").isdigit():
            raise refused(400, f"The value '{value}' of the parameter '{name}' is no number.")
        return int(value)

    def words(self, name: str) -> list[str]:
        """A parameter's values, which commas part."""
        return [word.strip() for word in self.query.get(name, "").split(",") if word.strip()]

    def comment_text(self, given: Any) -> Text:
        """A comment's body in the form that is stored."""
        if self.version == 3 and not isinstance(given, dict):
            raise refused(400, comment=NOT_VALID)
        try:
            text = texts.stored(self.site, given, self.version)
        except InvalidDocument:
            raise refused(400, INVALID_INPUT) from None
        except TypeError:
            raise refused(400, comment=NOT_VALID) from None
        if texts.is_blank(text):
            raise refused(400, comment="Comment body can not be empty!")
        if texts.too_long(text):
            raise refused(400, comment=TOO_LONG)
        return text

    # --- answering

    def page(self, items: Sequence[T], show: Callable[[T], Any], key: str, size: int) -> Json:
        """`{key: [...], startAt, maxResults, total}`, and `isLast` where the list is called `values`."""
        start, size = max(0, self.number("startAt", 0)), self.number("maxResults", size)
        shown = [show(one) for one in items[start : start + size]]
        page: Json = {"startAt": start, "maxResults": size, "total": len(items), key: shown}
        return page | ({"isLast": start + size >= len(items)} if key == "values" else {})


def an_object(given: Any) -> Json:
    """Null is an empty one; anything else that is none is refused."""
    if given is not None and not isinstance(given, dict):
        raise refused(400, INVALID_PAYLOAD)
    return given or {}


def words_or_nothing(given: Any) -> str | None:
    if given is not None and not isinstance(given, str):
        raise refused(400, INVALID_PAYLOAD)
    return given


def not_signed_in(site: Site) -> JiraRefusal:
    """Cloud answers in plain text, Data Center in a JSON of its own."""
    if site.cloud:
        return JiraRefusal(401, NOT_SIGNED_IN, "text/plain", {"WWW-Authenticate": 'OAuth realm="jira"'})
    return JiraRefusal(401, {"message": NOT_SIGNED_IN, "status-code": 401})
