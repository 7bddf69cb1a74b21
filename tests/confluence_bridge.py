"""The sandbox's Confluence behind `requests`, in this process: what is asked of it is seen, and any answer can be lost.

wiki = ConfluenceBridge("cloud", tmp_path)
ConfluenceReader(wiki.api()).page(wiki.page("API guide").id)
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import orjson
import requests

from bot.domain.pages import PagePerson
from bot.gateways.confluence_api import ConfluenceApi
from bot.sandbox.api.engine import Incoming
from bot.sandbox.confluence import deeds
from bot.sandbox.confluence.api.call import Answer
from bot.sandbox.confluence.api.engine import answer
from bot.sandbox.confluence.model import Comment, Flavour, Page, Person, Site
from bot.sandbox.confluence.seed import BOT, KEY, seeded
from bot.sandbox.model import State

HOST = "https://confluence.example.com"
Seen = tuple[str, str]


@dataclass
class Fault:
    """For the next request that fits, after `skip` others. `lost`: it is carried out, and its answer never comes."""

    method: str
    path: str
    skip: int = 0
    lost: bool = False
    status: int = 503


class ConfluenceBridge:
    """`seen`: method and path of each request, in order. `before`: called with each before it is carried out."""

    def __init__(self, flavour: Flavour, folder: Path) -> None:
        state = State(folder, url=HOST)
        self.site: Site = seeded(state, flavour)
        self.seen: list[Seen] = []
        self.faults: list[Fault] = []
        self.before: Callable[[str], None] = lambda _request: None

    # --- the gateways' side

    def api(self, person: str = BOT) -> ConfluenceApi:
        return self.asking(self.person(person).token, self.site.flavour)

    def asking(self, token: str, deployment: Literal["auto", "cloud", "datacenter"]) -> ConfluenceApi:
        """With any token; "auto": without being told which deployment it is."""
        api = ConfluenceApi(
            self.site.url,
            token=token,
            email=self.person(BOT).email if self.site.cloud else None,
            setting="TRIVET_CONFLUENCE__TOKEN",
            deployment=deployment,
            pause=lambda _seconds: None,
        )
        session = api._wire._session
        session.trust_env = False
        session.mount(self.site.url, _Adapter(self))
        return api

    def me(self, person: str = BOT) -> PagePerson:
        who = self.person(person)
        if self.site.cloud:
            return PagePerson(who.account_id, who.display_name)
        return PagePerson(who.key, who.display_name, who.name)

    @property
    def writes(self) -> list[Seen]:
        return [one for one in self.seen if one[0] != "GET"]

    # --- Confluence's side

    def person(self, name: str) -> Person:
        found = self.site.person(name)
        assert found
        return found

    def page(self, title: str, space: str = KEY) -> Page:
        return next(one for one in self.site.pages if one.title == title and one.space.key == space)

    def titled(self, title: str) -> list[Page]:
        return [one for one in self.site.pages if one.title == title]

    def add_page(self, title: str, body: str, author: str = "ada", parent: Page | None = None) -> Page:
        space = self.site.space(KEY)
        assert space
        return deeds.create(self.site, self.person(author), space, title, body, parent)

    def edit(self, page: Page, body: str, author: str = "ada", **given: Any) -> None:
        deeds.update(self.site, self.person(author), page, body=body, **given)

    def change(self, page: Page, old: str, new: str, author: str = "ada") -> None:
        """One place of the body edited by a person."""
        assert page.now.body.count(old) == 1, (old, page.now.body)
        self.edit(page, page.now.body.replace(old, new), author)

    def comment(self, page: Page, body: str, author: str = "ada") -> Comment:
        return deeds.comment(self.site, self.person(author), page, body)

    def comment_inline(self, page: Page, words: str, author: str = "ada") -> Comment:
        return deeds.comment_inline(self.site, self.person(author), page, "<p>Really?</p>", words)

    def written(self, page: Page, author: str = BOT) -> Counter[str]:
        """How often this account wrote what of the page."""
        return Counter({what: count for (who, what), count in page.writes.items() if who == author})

    def fail(self, method: str, path: str, **given: Any) -> None:
        self.faults.append(Fault(method, path, **given))

    def fail_at(self, number: int, **given: Any) -> None:
        """The request after `number` others from now on."""
        self.faults.append(Fault("", "", skip=number, **given))

    def answer(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Raises `requests.ConnectionError` where the answer is lost."""
        parts = urlsplit(url)
        path = parts.path.removeprefix("/confluence")
        self.before(f"{method} {path}")
        self.seen.append((method, path))
        fault = self._fault(method, path)
        if fault and not fault.lost:
            return Answer({}, fault.status)
        told = {name.lower(): value for name, value in headers.items()}
        found = answer(self.site, Incoming(method, path, parts.query, told, body))
        if fault:
            raise requests.ConnectionError("the answer is lost")
        return found

    def _fault(self, method: str, path: str) -> Fault | None:
        fits = (one for one in self.faults if one.method in ("", method) and re.search(one.path, path))
        fault = next(fits, None)
        if fault is None or fault.skip:
            self.faults = [replace(one, skip=max(one.skip - 1, 0)) for one in self.faults]
            return None
        self.faults.remove(fault)
        return fault


class _Adapter(requests.adapters.BaseAdapter):
    """The transport of `requests`, which asks the bridge."""

    def __init__(self, bridge: ConfluenceBridge) -> None:
        super().__init__()
        self._bridge = bridge

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        assert request.method
        assert request.url
        body = request.body.encode() if isinstance(request.body, str) else bytes(request.body or b"")
        found = self._bridge.answer(request.method, request.url, request.headers, body)
        shown = requests.Response()
        shown.status_code, shown.request, shown.url = found.status, request, request.url
        shown.headers.update({**found.headers, "Content-Type": found.media})
        shown._content = _bytes(found.body)
        return shown

    def close(self) -> None:
        """Nothing is open."""


def _bytes(body: Any) -> bytes:
    if body is None:
        return b""
    return body.encode() if isinstance(body, str) else orjson.dumps(body)
