"""The receiver: verifies, parses, records and answers deliveries. Calls no platform and imports no agent.

A delivery passes size, encoding, signature, shape, routing and record, in this order. The answers: 202 for
every authentic event, as GitLab switches off a hook that fails; 400, 401, 408, 413, 415; and 503 when the
record could not be made durable. Nothing else, whatever is sent.
"""

import asyncio
import gc
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

import orjson
import structlog
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric as Family
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from bot.domain.events import Event, GitLabEvent, Ignored, PageChanged, VersionReleased
from bot.entry.body import UNREAD, Headers, read_body
from bot.entry.error_tracking import origin, report_error
from bot.entry.exposition import CONTENT_TYPE, rendered
from bot.entry.health import alive, json_answer, readiness
from bot.entry.meters import own_counter, own_gauge, own_histogram
from bot.entry.passage import closed
from bot.entry.recording import Inbox, StoreDown
from bot.errors import BadDelivery
from bot.routing import Routing, ends, route
from bot.sources.confluence import (
    delivery_key_confluence,
    delivery_name_confluence,
    lifetime_confluence,
    parse_confluence,
)
from bot.sources.gitlab import delivery_key, delivery_name, parse_gitlab
from bot.sources.jira import delivery_key_jira, delivery_name_jira, lifetime_jira, parse_jira
from bot.sources.signatures import verify_confluence, verify_gitlab, verify_jira

STARTED = "a run is queued"
SEEN = "this delivery was recorded before"
NOT_RECORDED = "the delivery could not be recorded: send it again later"
BROKEN = "the delivery could not be handled: send it again later"
STOPPING = "the receiver is stopping: send it again later"
NO_STORE = "the store does not answer"

LEVELS: Final = {202: logging.INFO, 503: logging.ERROR}
OWN_PART: Final = "own"
REMEMBERED_KINDS: Final = 100

LOG = structlog.get_logger("trivet.receiver")


class Source(NamedTuple):
    """One platform's functions: check a delivery, read it, name it, and say for how many seconds its key holds.

    `lifetime` None, or its answer None: as long as any.
    """

    verify: Callable[[Headers, str, bytes, Sequence[str], float], None]
    parse: Callable[[Headers, bytes], Event | Ignored]
    name: Callable[[Headers], str]
    key: Callable[[Headers, bytes], str]
    lifetime: Callable[[Headers, bytes], int | None] | None = None


SOURCES: Final[dict[str, Source]] = {
    "gitlab": Source(verify_gitlab, parse_gitlab, delivery_name, delivery_key),
    "jira": Source(verify_jira, parse_jira, delivery_name_jira, delivery_key_jira, lifetime_jira),
    "confluence": Source(
        verify_confluence,
        parse_confluence,
        delivery_name_confluence,
        delivery_key_confluence,
        lifetime_confluence,
    ),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What one delivery is answered, and what its log line says beyond that."""

    code: int
    status: Literal["accepted", "duplicate", "ignored", "refused"]
    reason: str
    delivery: str = ""
    run: str = ""
    kind: str = ""
    project: str = ""
    issue: str = ""
    unknown: bool = False
    error: str = ""

    def body(self) -> bytes:
        content = {"status": self.status, "reason": self.reason, "delivery": self.delivery}
        return orjson.dumps(content | {"run": self.run} if self.run else content)


class Metrics:
    """Counters of one application, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.deliveries = own_counter("trivet_deliveries", self.registry)
        self.seconds = own_histogram("trivet_delivery_seconds", self.registry)
        self.redis = own_gauge("trivet_redis_up", self.registry)


@dataclass(frozen=True, eq=False)
class Hook:
    """The ASGI endpoint of one source: a request in, one answer, one log line."""

    name: str
    inbox: Inbox
    secrets: Callable[[str], Sequence[str]]
    policy: Callable[[], Routing]
    max_body: int
    clock: Callable[[], float]
    metrics: Metrics
    heard: Callable[[str, str], None]
    reported: set[str] = field(default_factory=set)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        headers = _headers(scope)
        try:
            query = scope["query_string"].decode("latin-1")
            answer = await self._answer(SOURCES[self.name], headers, query, receive)
        except asyncio.CancelledError:  # the process stops, and has waited long enough for this one
            answer = Answer(503, "refused", STOPPING, SOURCES[self.name].name(headers))
        except Exception as error:  # noqa: BLE001 - the edge of the process: no request may end in a 500
            report_error(error)
            answer = Answer(503, "refused", BROKEN, SOURCES[self.name].name(headers), error=origin(error))
        seconds = time.perf_counter() - started
        await _send(send, answer)
        asyncio.get_running_loop().call_soon(self._account, answer, seconds)

    async def _answer(self, source: Source, headers: Headers, query: str, receive: Receive) -> Answer:
        try:
            body = await read_body(headers, receive, self.max_body)
            source.verify(headers, query, body, self.secrets(self.name), self.clock())
            event = source.parse(headers, body)
        except BadDelivery as refusal:
            return Answer(refusal.status, "refused", str(refusal), source.name(headers))
        delivery = source.key(headers, body)
        if isinstance(event, Ignored):
            return Answer(202, "ignored", event.reason, delivery, project=event.place, unknown=event.unknown)
        lifetime = source.lifetime(headers, body) if source.lifetime else None
        return await self._handle(event, delivery, lifetime)

    async def _handle(self, event: Event, delivery: str, lifetime: int | None) -> Answer:
        """Make the event's consequences durable; only then it may be acknowledged."""
        kind, (project, issue) = event.kind, whereabouts(event)
        policy = self.policy()
        decision = route(event, policy)
        try:
            if (target := ends(event)) and policy.serves(project):
                await self.inbox.ended(target)
            if isinstance(decision, Ignored):
                return Answer(202, "ignored", decision.reason, delivery, "", kind, project, issue)
            receipt = await self.inbox.accept(delivery, event, decision, lifetime)
        except StoreDown:
            return Answer(503, "refused", NOT_RECORDED, delivery, "", kind, project, issue)
        reason = STARTED if receipt.status == "accepted" else SEEN
        run = next(iter(receipt.runs), "")
        return Answer(202, receipt.status, reason, delivery, run, kind, project, issue)

    def _account(self, answer: Answer, seconds: float) -> None:
        """Count the delivery and write its one line: never a header, a query, a body or a secret.

        Called once the answer is on its way: several in a row cost half of what each costs alone.
        """
        self.metrics.deliveries.labels(self.name, answer.status, answer.code).inc()
        self.metrics.seconds.labels(self.name).observe(seconds)
        if answer.code == 202:
            self.heard(self.name, answer.project)
        LOG.log(
            self._level(answer),
            "delivery",
            source=self.name,
            status=answer.status,
            code=answer.code,
            reason=answer.reason,
            delivery=answer.delivery,
            kind=answer.kind,
            project=answer.project,
            ms=round(seconds * 1000, 2),
            **({"page" if answer.kind == "page" else "issue": answer.issue} if answer.issue else {}),
            **({"error": answer.error} if answer.error else {}),
        )

    def _level(self, answer: Answer) -> int:
        """An unknown kind is a warning the first time; many new ones at once are not remembered."""
        if answer.unknown and answer.reason not in self.reported and len(self.reported) < REMEMBERED_KINDS:
            self.reported.add(answer.reason)
            return logging.WARNING
        return LEVELS.get(answer.code, logging.WARNING)


@dataclass(frozen=True, slots=True)
class Receiver:
    """An ASGI application: deliveries go straight to their hook, everything else through `rest`.

    A hook answers whatever happens, so that the middleware around routes has nothing to do for it but take its time.
    """

    hooks: Mapping[str, Hook]
    rest: FastAPI

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_post = scope["type"] == "http" and scope["method"] == "POST"
        hook = self.hooks.get(scope["path"]) if is_post else None
        await (hook or self.rest)(scope, receive, send)


def create_receiver(
    inbox: Inbox,
    *,
    secrets: Callable[[str], Sequence[str]],
    policy: Callable[[], Routing],
    max_body: int = 5_000_000,
    clock: Callable[[], float] = time.time,
    api: ASGIApp = closed,
    heard: Callable[[str, str], None] = lambda source, place: None,
) -> Receiver:
    """The application. `secrets` (by a name of `SOURCES`) and `policy` are asked anew for each delivery.

    `clock`: Unix seconds. `api` answers what is below `/api/`. `heard` is told of each authentic delivery: its source,
    and the project or space it is about, "" where that is not told.
    """
    metrics = Metrics()
    hooks = {
        f"/hooks/{name}": Hook(name, inbox, secrets, policy, max_body, clock, metrics, heard)
        for name in SOURCES
    }
    rest = FastAPI(
        routes=[
            *(Route(path, hook, methods=["POST"]) for path, hook in hooks.items()),
            Route("/healthz", alive),
            Route("/readyz", readiness(_problem(inbox))),
            Route("/metrics", _exposition(inbox, metrics)),
            Mount("/api", api),
        ],
        exception_handlers={HTTPException: _refuse, Exception: _fail},
        lifespan=_frozen_heap,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    return Receiver(hooks, rest)


@asynccontextmanager
async def _frozen_heap(app: FastAPI) -> AsyncIterator[None]:
    """What start-up made is never collected: walking it made the slowest answers (p99 31 ms, now 2)."""
    gc.collect()
    gc.freeze()
    yield


def _problem(inbox: Inbox) -> Callable[[], Awaitable[str | None]]:
    async def problem() -> str | None:
        try:
            return await inbox.ready()
        except StoreDown:
            return NO_STORE

    return problem


def _exposition(inbox: Inbox, metrics: Metrics) -> Callable[[Request], Awaitable[Response]]:
    """With `?part=own` without what all processes count together, so that several receivers do not tell it each."""

    async def exposition(request: Request) -> Response:
        common: Iterable[Family] = ()
        try:
            metrics.redis.set(await inbox.ready() is None)
            if request.query_params.get("part") != OWN_PART:
                common = await inbox.common()
        except StoreDown:
            metrics.redis.set(0)
        page = await asyncio.to_thread(rendered, metrics.registry.collect(), common)
        return Response(page, headers={"content-type": CONTENT_TYPE})

    return exposition


async def _refuse(request: Request, error: Exception) -> Response:
    """Unknown paths and wrong methods, in the shape of every other refusal."""
    assert isinstance(error, HTTPException)
    return json_answer(error.status_code, {"status": "refused", "reason": error.detail}, error.headers)


async def _fail(request: Request, error: Exception) -> Response:
    return json_answer(503, {"status": "refused", "reason": BROKEN})


def _headers(scope: Scope) -> Headers:
    """Names in lower case, as ASGI has them, values as Latin-1; one sent twice is joined, as HTTP has it."""
    headers: dict[str, str] = {}
    for raw, value in scope["headers"]:
        name, text = raw.decode("latin-1"), value.decode("latin-1")
        headers[name] = f"{headers[name]}, {text}" if name in headers else text
    return headers


async def _send(send: Send, answer: Answer) -> None:
    """A body that was not read to its end ends the connection, else the server would have to swallow it."""
    body = answer.body()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    if answer.code in UNREAD:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": answer.code, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def whereabouts(event: Event) -> tuple[str, str]:
    """The project or space an event is about, and the issue or page; "" for what there is none of, or is not told."""
    if isinstance(event, GitLabEvent):
        return event.project.path, ""
    if isinstance(event, PageChanged):
        return event.space, event.page
    return event.project, "" if isinstance(event, VersionReleased) else event.issue
