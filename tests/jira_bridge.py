"""The sandbox's Jira behind `requests`, in this process: what is asked of it is seen, and any answer can be lost.

with JiraBridge("cloud", tmp_path) as jira:
    JiraReader(jira.api()).issue("SHOP-12")
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import orjson
import requests
import responses

from bot.domain.issues import IssuePerson
from bot.gateways.jira_api import JiraApi
from bot.gateways.jira_reader import JiraReader
from bot.sandbox.api.engine import Incoming
from bot.sandbox.jira import deeds, texts
from bot.sandbox.jira.api.engine import answer
from bot.sandbox.jira.model import Comment, Deployment, Issue, Person, Site
from bot.sandbox.jira.seed import BOT, seeded
from bot.sandbox.model import State

HOST = "https://jira.example.com"
KEY = "SHOP-12"
Seen = tuple[str, str]


@dataclass
class Fault:
    """For the next request that fits, after `skip` others. `lost`: it is carried out, and its answer never comes."""

    method: str
    path: str
    skip: int = 0
    lost: bool = False
    status: int = 503
    headers: Mapping[str, str] = field(default_factory=dict)


class JiraBridge:
    """`seen`: method and path below `/rest/api/n` of each request, in order; `queries` what followed the "?"."""

    def __init__(self, deployment: Deployment, folder: Path) -> None:
        state = State(folder, url=HOST)
        self.site: Site = seeded(state, deployment)
        state.jira = self.site
        self.seen: list[Seen] = []
        self.queries: list[str] = []
        self.faults: list[Fault] = []
        self._mock = responses.RequestsMock(assert_all_requests_are_fired=False)

    def __enter__(self) -> Self:
        self._mock.start()
        for method in ("GET", "POST", "PUT", "DELETE"):
            self._mock.add_callback(method, re.compile(f"{re.escape(self.site.url)}/rest/.*"), self._answer)
        return self

    def __exit__(self, *_: object) -> None:
        self._mock.stop()
        self._mock.reset()

    # --- the gateways' side

    def api(self, person: str = BOT, pause: Callable[[float], None] = lambda _seconds: None) -> JiraApi:
        who = self.person(person)
        return JiraApi(
            self.site.url,
            token=who.token,
            email=who.email if self.site.cloud else None,
            setting="TRIVET_JIRA__TOKEN",
            pause=pause,
        )

    def reader(self, person: str = BOT) -> JiraReader:
        return JiraReader(self.api(person))

    def me(self, person: str = BOT) -> IssuePerson:
        who = self.person(person)
        if self.site.cloud:
            return IssuePerson(who.account_id, who.display_name)
        return IssuePerson(who.key, who.display_name, who.name)

    @property
    def writes(self) -> list[Seen]:
        return [one for one in self.seen if one[0] != "GET"]

    # --- Jira's side

    def person(self, name: str) -> Person:
        found = self.site.person(name)
        assert found
        return found

    def issue(self, key: str = KEY) -> Issue:
        found = self.site.issue(key)
        assert found
        return found

    def comment(self, body: Any, author: str = "ada", key: str = KEY, **given: Any) -> Comment:
        """`body` as wiki text, or as an ADF document."""
        text = body if isinstance(body, dict) else texts.converted(self.site, body)
        return deeds.add_comment(self.site, self.issue(key), self.person(author), text, **given)

    def shown(self, comment: Comment) -> str:
        """Its text as wiki text."""
        return texts.as_wiki(comment.body)

    def move(self, *to: str, author: str = "ada", key: str = KEY) -> None:
        """Along the workflow, to one status after the other."""
        for name in to:
            way = next(one for one in self.issue(key).transitions() if one.to.name == name)
            deeds.move(self.site, self.issue(key), self.person(author), way, {})

    def fail(self, method: str, path: str, **given: Any) -> None:
        self.faults.append(Fault(method, path, **given))

    def fail_at(self, number: int, **given: Any) -> None:
        """The request after `number` others from now on."""
        self.faults.append(Fault("", "", skip=number, **given))

    def _answer(self, request: requests.PreparedRequest) -> tuple[int, Mapping[str, str], Any]:
        parts = urlsplit(request.url or "")
        path = parts.path.removeprefix("/jira/rest")
        assert request.method
        self.seen.append((request.method, re.sub(r"^/api/\d", "", path)))
        self.queries.append(parts.query)
        fault = self._fault(request.method, path)
        if fault and not fault.lost:
            return fault.status, fault.headers, b"{}"
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = request.body.encode() if isinstance(request.body, str) else request.body or b""
        found = answer(self.site, Incoming(request.method, path, parts.query, headers, body))
        if fault:
            return 0, {}, requests.ConnectionError("the answer is lost")
        shown = found.body if isinstance(found.body, str) else orjson.dumps(found.body)
        return found.status, found.headers, b"" if found.body is None else shown

    def _fault(self, method: str, path: str) -> Fault | None:
        fits = (one for one in self.faults if one.method in ("", method) and re.search(one.path, path))
        fault = next(fits, None)
        if fault is None or fault.skip:
            self.faults = [replace(one, skip=max(one.skip - 1, 0)) for one in self.faults]
            return None
        self.faults.remove(fault)
        return fault
