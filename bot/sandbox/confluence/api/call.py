"""One request to Confluence as its handler sees it: who asks, what for, and how to answer."""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlencode

from bot.sandbox.confluence.content_shapes import Expand
from bot.sandbox.confluence.model import Comment, Json, Page, Person, Site
from bot.sandbox.confluence.refusals import Refused, forbidden, invalid, no_content

T = TypeVar("T")

NOT_VALID = "Provided value {{{value}}} for '{name}' is not the correct type. Expected type is {kind}"
LARGEST_PAGE = 250
USUAL_PAGE = 25


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
    """`path`: after the base of the links. `parts`: its `:names`. `body`: parsed JSON, None when there was none."""

    site: Site
    me: Person
    path: str
    parts: dict[str, str]
    query: dict[str, list[str]]
    body: Any

    # --- what it is about

    @property
    def page(self) -> Page:
        """The one the path names, in whatever status. 404 where whoever asks may not see it."""
        return self.page_named(self.parts["id"])

    def page_named(self, number: Any) -> Page:
        found = self.site.page(self.checked_id(number))
        if found is None or not found.seen_by(self.me):
            raise no_content(str(number))
        return found

    @property
    def comment(self) -> Comment:
        return self.comment_named(self.parts["id"])

    def comment_named(self, number: Any) -> Comment:
        found = self.site.comment(self.checked_id(number))
        if found is None or not found.page.seen_by(self.me):
            raise no_content(str(number))
        return found

    def checked_id(self, given: Any) -> str:
        """Ids are 64-bit numbers, and v2 says so; v1 knows no content of another name."""
        text = str(given)
        if (
            not isinstance(given, str | int)
            or isinstance(given, bool)
            or not text.isdecimal()
            or int(text) >= 2**63
        ):
            raise invalid(NOT_VALID.format(value=text, name="id", kind="long"))
        return text

    def editable(self, page: Page) -> Page:
        if not page.edited_by(self.me):
            raise forbidden(f"Could not update Content of type : page with id : {page.id}")
        return page

    # --- what was given

    @property
    def given(self) -> Json:
        """The body, which has to be an object."""
        if not isinstance(self.body, dict):
            raise invalid("The request body is missing or is no JSON object.")
        return self.body

    def only(self, given: Any, *names: str) -> Json:
        """An object that may have these keys only."""
        if not isinstance(given, dict):
            raise invalid("An object was expected.")
        unknown = sorted(set(given) - set(names))
        if unknown:
            raise invalid(
                f'Unrecognized field "{unknown[0]}", not marked as ignorable ({len(names)} known properties)'
            )
        return given

    def text(self, given: Json, name: str) -> str:
        value = given.get(name)
        if not isinstance(value, str) or not value.strip():
            raise invalid(f"{name} is required and has to be a string.")
        return value

    def first(self, name: str) -> str | None:
        return next(iter(self.query.get(name, [])), None)

    def words(self, name: str) -> list[str]:
        """A parameter's values, given several times or parted by commas."""
        parts = [word for value in self.query.get(name, []) for word in value.split(",")]
        return [word.strip() for word in parts if word.strip()]

    def number(self, name: str, default: int, least: int = 0) -> int:
        text = self.first(name)
        if text is None:
            return default
        if not text.isdecimal() or int(text) < least:
            raise invalid(NOT_VALID.format(value=text, name=name, kind="integer"))
        return int(text)

    @property
    def expand(self) -> Expand:
        return Expand(self.words("expand"))

    def with_body(self) -> bool:
        """v2's `body-format`: the sandbox keeps storage only."""
        form = self.first("body-format")
        if form not in (None, "storage"):
            raise invalid(f"The sandbox has bodies in the storage format only, and not in '{form}'.")
        return form == "storage"

    def next_version(self, given: Any, current: int) -> Json:
        """The `version` of an update, which has to be the one after the current."""
        if not isinstance(given, dict) or not isinstance(given.get("number"), int):
            raise invalid("Must supply an incremented version when updating Content. No version supplied.")
        if given["number"] != current + 1:
            raise Refused(409, self._stale(given["number"], current))
        message = given.get("message", "")
        if message is not None and not isinstance(message, str):
            raise invalid("version.message has to be a string.")
        return given | {"message": message or ""}

    def _stale(self, given: int, current: int) -> str:
        if self.site.cloud:
            return (
                f"Version must be incremented when updating a page. Current version: [{current}]. "
                f"Provided version: [{given}]"
            )
        return f"Version must be incremented on update. Current version is: {current}"

    # --- answering

    def v2_page(self, items: Sequence[T], show: Callable[[T], Json]) -> Answer:
        """`{results, _links}`. `next` is a path of the site's own host, as the real one has it behind a gateway, too:
        only its cursor is good everywhere."""
        limit = self.number("limit", USUAL_PAGE, 1)
        if limit > LARGEST_PAGE:
            raise invalid(f"limit has to be at most {LARGEST_PAGE}.")
        start = self.cursor()
        body: Json = {"results": [show(one) for one in items[start : start + limit]]}
        links = {"base": self.site.base}
        if start + limit >= len(items):
            return Answer(body | {"_links": links})
        query = [(name, value) for name, values in self.query.items() if name != "cursor" for value in values]
        following = f"/wiki{self.path}?{urlencode([*query, ('cursor', self.cursor_at(start + limit))])}"
        headers = {"Link": f'<{following}>; rel="next", <{self.site.base}>; rel="base"'}
        return Answer(body | {"_links": links | {"next": following}}, headers=headers)

    def v1_page(self, items: Sequence[T], show: Callable[[T], Json], size: int = USUAL_PAGE) -> Json:
        """`{results, start, limit, size, _links}`; more than 200 are never sent at once."""
        start, limit = self.number("start", 0), min(self.number("limit", size), 200)
        found = [show(one) for one in items[start : start + limit]]
        query = [(name, value) for name, values in self.query.items() for value in values]
        links = {"self": f"{self.site.base}{self.path}", "base": self.site.base, "context": self._context()}
        if start + limit < len(items):
            rest = [pair for pair in query if pair[0] not in ("start", "limit")]
            links["next"] = f"{self.path}?{urlencode([*rest, ('limit', limit), ('start', start + limit)])}"
        return {"results": found, "start": start, "limit": limit, "size": len(found), "_links": links}

    def single(self, shown: Json) -> Json:
        """v2's answer of one thing says what its links follow."""
        return shown | {"_links": shown.get("_links", {}) | {"base": self.site.base}}

    def _context(self) -> str:
        return "/wiki" if self.site.cloud else "/confluence"

    def cursor(self) -> int:
        """The number of the first one that is wanted."""
        text = self.first("cursor")
        if text is None:
            return 0
        try:
            return int(json.loads(base64.urlsafe_b64decode(text))["start"])
        except (binascii.Error, ValueError, TypeError, KeyError):
            raise invalid("The cursor is invalid.") from None

    @staticmethod
    def cursor_at(start: int) -> str:
        return base64.urlsafe_b64encode(json.dumps({"start": start}).encode()).decode()
