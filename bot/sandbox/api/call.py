"""One API request as its handler sees it: who asks, for what, with which parameters, and how to answer."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

from bot.sandbox.model import Group, MergeRequest, Note, Project, State, User
from bot.sandbox.refusals import bad_parameter, not_found

T = TypeVar("T")
Json = dict[str, Any]

PER_PAGE = 20
MOST_PER_PAGE = 100
FLAGS = {"true": True, "t": True, "1": True, "false": False, "f": False, "0": False}


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` None: 200, or 201 for a POST. `body` is JSON unless `media` says otherwise."""

    body: Any = None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    media: str = "application/json"


NO_CONTENT = Answer(status=204)


@dataclass(frozen=True, slots=True)
class Later:
    """The rest of a request that waits for somebody else: done when the state is unlocked again."""

    finish: Callable[[], Any]


@dataclass(slots=True)
class Call:
    """`parts`: the path's `:names`. `fields`: query and body in one, as GitLab's parameters are."""

    state: State
    user: User
    address: str
    parts: dict[str, str]
    fields: Json
    _project: Project | None = None

    @property
    def project(self) -> Project:
        if self._project is None:
            self._project = self.state.project(self.parts["id"])
        if self._project is None:
            raise not_found("Project")
        return self._project

    @property
    def group(self) -> Group:
        return self.found(filter(None, [self.state.group(self.parts["group"])]), "Group")

    @property
    def request(self) -> MergeRequest:
        found = self.project.merge_request(self.part("iid"))
        if found is None:
            raise not_found()
        return found

    @property
    def note(self) -> Note:
        number = self.part("note")
        return self.found(note for note in self.request.notes() if note.id == number)

    def part(self, name: str) -> int:
        """A number in the path."""
        text = self.parts[name]
        if not (text.isascii() and text.isdigit()):
            raise bad_parameter(f"{name} is invalid")
        return int(text)

    def found(self, candidates: Iterable[T], what: str = "") -> T:
        for one in candidates:
            return one
        raise not_found(what)

    def text(self, name: str) -> str | None:
        value = self.fields.get(name)
        if value is not None and not isinstance(value, str):
            raise bad_parameter(f"{name} is invalid")
        return value

    def needed(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            raise bad_parameter(f"{name} is missing")
        return value

    def one_of(self, name: str, values: Sequence[str], default: str) -> str:
        value = self.text(name) or default
        if value not in values:
            raise bad_parameter(f"{name} does not have a valid value")
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        value = self.fields.get(name)
        if value is None:
            return default
        flag = FLAGS.get(str(value).lower())
        if flag is None:
            raise bad_parameter(f"{name} is invalid")
        return flag

    def number(self, name: str, default: int) -> int:
        value = self.fields.get(name, default)
        if isinstance(value, str) and value.isascii() and value.isdigit():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise bad_parameter(f"{name} is invalid")
        return value

    def moment(self, name: str) -> datetime | None:
        """An ISO 8601 time."""
        text = self.text(name)
        try:
            when = datetime.fromisoformat(text) if text else None
        except ValueError:
            raise bad_parameter(f"{name} is invalid") from None
        return when.replace(tzinfo=UTC) if when and when.tzinfo is None else when

    def words(self, name: str) -> list[str] | None:
        """A list, or text with commas."""
        value = self.fields.get(name)
        if value is None:
            return None
        items = value.split(",") if isinstance(value, str) else value
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise bad_parameter(f"{name} is invalid")
        return [item.strip() for item in items if item.strip()]

    def is_searched(self, name: str) -> bool:
        """Whether the name fits `search`: a part of it; "^term" begins with it, "term$" ends with it."""
        search = self.text("search") or ""
        if search.startswith("^"):
            return name.startswith(search[1:])
        return name.endswith(search[:-1]) if search.endswith("$") else search.lower() in name.lower()

    def page(self, items: Sequence[T], show: Callable[[T], Any]) -> Answer:
        """One page of a list, with GitLab's paging headers (docs.gitlab.com/api/rest, "Pagination")."""
        page, size = self.window()
        pages = max(1, -(-len(items) // size))
        shown = [show(item) for item in items[(page - 1) * size : page * size]]
        return Answer(shown, headers=self._paging(page, size, pages, len(items)))

    def window(self) -> tuple[int, int]:
        """The page asked for, from 1, and its size."""
        page, size = self.number("page", 1), min(self.number("per_page", PER_PAGE), MOST_PER_PAGE)
        if page < 1 or size < 1:
            raise bad_parameter(f"{'page' if page < 1 else 'per_page'} does not have a valid value")
        return page, size

    def uncounted(self, page: int, size: int, shown: int) -> dict[str, str]:
        """The headers of a page of a list whose length GitLab does not find out."""
        following = page + 1 if shown == size else None
        link = {"Link": f'<{self._link(page=following, per_page=size)}>; rel="next"'} if following else {}
        return link | {
            "X-Page": str(page),
            "X-Per-Page": str(size),
            "X-Next-Page": str(following or ""),
            "X-Prev-Page": str(page - 1 if page > 1 else ""),
        }

    def keyset(self, items: Sequence[T], key: Callable[[T], str], show: Callable[[T], Any]) -> Answer:
        """The items after the one whose key is `page_token`; a page number says nothing here."""
        size, token = min(self.number("per_page", PER_PAGE), MOST_PER_PAGE), self.text("page_token")
        keys = [key(item) for item in items]
        if size < 1 or (token is not None and token not in keys):
            raise bad_parameter(f"{'per_page' if size < 1 else 'page_token'} does not have a valid value")
        start = 0 if token is None else keys.index(token) + 1
        end = start + size
        more = {} if end >= len(items) else {"Link": f'<{self._link(page_token=keys[end - 1])}>; rel="next"'}
        return Answer([show(item) for item in items[start:end]], headers=more)

    def _paging(self, page: int, size: int, pages: int, total: int) -> dict[str, str]:
        near = {"prev": page - 1 if 1 < page <= pages else None, "next": page + 1 if page < pages else None}
        links = {
            relation: self._link(page=number, per_page=size) for relation, number in near.items() if number
        }
        links |= {
            "first": self._link(page=1, per_page=size),
            "last": self._link(page=pages, per_page=size),
        }
        return {
            "Link": ", ".join(f'<{url}>; rel="{relation}"' for relation, url in links.items()),
            "X-Page": str(page),
            "X-Per-Page": str(size),
            "X-Next-Page": str(near["next"] or ""),
            "X-Prev-Page": str(near["prev"] or ""),
            "X-Total": str(total),
            "X-Total-Pages": str(pages),
        }

    def _link(self, **other: int | str) -> str:
        """The same request with other parameters."""
        given = {key: value for key, value in self.fields.items() if key != "private_token"}
        return f"{self.address}?{urlencode(given | other, doseq=True)}"
