"""Stands before the application: keeps the transcript of requests to GitLab, git, Jira and Confluence, and makes
ordered faults happen."""

import asyncio
import http
import json
import time
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any
from urllib.parse import unquote

from bot.sandbox.confluence.api.engine import person_of as confluence_person_of
from bot.sandbox.faults import Fault, next_fault
from bot.sandbox.jira.api.engine import person_of
from bot.sandbox.model import State
from bot.sandbox.tokens import api_token, git_token

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

JIRA = "/jira/rest/"
CONFLUENCE = ("/confluence/rest/", "/confluence/wiki/rest/", "/confluence/wiki/api/")
PLAIN_BODIES = {429: "Retry later"}


class Gate:
    """An ASGI application around another one."""

    def __init__(self, application: Application, state: State) -> None:
        self._application = application
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _watched(scope["path"]):
            await self._application(scope, receive, self._dated(send))
            return
        user = self._user(scope)
        path = _shown_path(scope)
        with self._state.lock:
            fault = next_fault(self._state.faults, scope["method"], path, user)
        started = time.perf_counter()
        status = await self._pass(scope, receive, send, fault or Fault())
        self._record(scope["method"], path, status, user, time.perf_counter() - started)

    async def _pass(self, scope: Scope, receive: Receive, send: Send, fault: Fault) -> int:
        """The status answered; 0 where the connection was cut."""
        if fault.hang:
            receive = await _taken_in(receive)
            await asyncio.sleep(fault.hang)
        if fault.drop_answer:
            await self._application(scope, receive, _nowhere)
            await asyncio.sleep(fault.hold)
            if fault.status is None:
                _cut(send)
                return 0
        if fault.status is not None:
            await _answer(self._dated(send), fault, fault.status)
            return fault.status
        return await self._watch(scope, receive, send)

    async def _watch(self, scope: Scope, receive: Receive, send: Send) -> int:
        seen, dated = [0], self._dated(send)

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen[0] = message["status"]
            await dated(message)

        await self._application(scope, receive, watched)
        return seen[0]

    def _dated(self, send: Send) -> Send:
        """Every answer says when it was given, by GitLab's own clock."""

        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                date = formatdate(time.time() + self._state.switches.clock, usegmt=True)
                message = {**message, "headers": [*message.get("headers", []), (b"date", date.encode())]}
            await send(message)

        return dated

    def _user(self, scope: Scope) -> str | None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if scope["path"].startswith(JIRA):
            known = person_of(self._state.jira, headers) if self._state.jira else None
            return known.name if known else None
        if scope["path"].startswith(CONFLUENCE):
            site = self._state.confluence
            reader = confluence_person_of(site, headers) if site else None
            return reader.name if reader else None
        token = api_token(headers) or git_token(headers)
        person = self._state.user_by_token(token) if token else None
        return person.username if person else None

    def _record(self, method: str, path: str, status: int, user: str | None, seconds: float) -> None:
        """`at`: when the answer had been sent; `ms`: how long the request took until then."""
        at = datetime.now(UTC).isoformat(timespec="microseconds")
        seen = {"method": method, "path": path, "status": status, "user": user, "at": at}
        with self._state.lock:
            self._state.seen.requests.append(seen | {"ms": round(seconds * 1000, 3)})


def _watched(path: str) -> bool:
    return path.startswith(("/api/", JIRA, *CONFLUENCE)) or ".git/" in path


def _shown_path(scope: Scope) -> str:
    query = scope["query_string"].decode("latin-1")
    return unquote(scope["raw_path"].decode("latin-1")) + (f"?{query}" if query else "")


async def _taken_in(receive: Receive) -> Receive:
    """Has the whole request before anything else, so that it counts even if the client gives up meanwhile."""
    messages = [await receive()]
    while messages[-1].get("more_body"):
        messages.append(await receive())

    async def replay() -> Message:
        return messages.pop(0) if messages else await receive()

    return replay


async def _nowhere(message: Message) -> None:
    """Takes an answer nobody will get."""


def _cut(send: Send) -> None:
    """Closes the connection with no answer: uvicorn's `send` is a method of the object that holds the transport."""
    send.__self__.transport.abort()  # type: ignore[attr-defined]


async def _answer(send: Send, fault: Fault, status: int) -> None:
    text = fault.body if fault.body is not None else _default_body(status)
    given = {"content-type": "application/json", "content-length": str(len(text.encode()))} | fault.headers
    headers = [(name.lower().encode(), value.encode()) for name, value in given.items()]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})


def _default_body(status: int) -> str:
    return PLAIN_BODIES.get(status) or json.dumps({"message": f"{status} {http.HTTPStatus(status).phrase}"})
