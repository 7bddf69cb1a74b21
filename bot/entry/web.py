"""`trivet web`: the runs API, for pipelines. Every refusal is `{"error": sentence}`, and none is a 500."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import anyio
import redis.asyncio
import structlog
import uvicorn
from anyio import to_thread
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.entry import listen
from bot.entry.access import reading_api
from bot.entry.body import let_go_by, read_body
from bot.entry.exposition import CONTENT_TYPE, rendered
from bot.entry.health import alive, json_answer, readiness
from bot.entry.http_server import UVICORN, beating, serve_until_told
from bot.entry.id_tokens import IdTokens
from bot.entry.inbox import RedisInbox
from bot.entry.meters import own_counter, own_gauge, own_histogram
from bot.entry.patience import patient
from bot.entry.process import begin
from bot.entry.redis_check import check_redis, require_redis
from bot.entry.refusals import AGAIN_SECONDS, refusal, unrouted
from bot.entry.rules_file import RulesFile
from bot.entry.run_view import RunViews, View
from bot.entry.runs_api import Runs
from bot.entry.store import Store
from bot.entry.tickets import Tickets
from bot.errors import BadDelivery, Denied, UsageError
from bot.gateways.issuer_keys import issuer_keys
from bot.routing import Routing
from bot.settings import NO_PUBLIC_URL, Settings
from bot.settings.rotation import SettingsFile

MOST_BODY: Final = 65_536  # bytes
MOST_WAIT: Final = 50.0  # seconds: what stands between us and a pipeline seldom lets a request last a minute
MOST_WAITING: Final = 500
AT_ONCE: Final = 16  # runs being started; each asks GitLab
MOST_IN_LINE: Final = 64
REDIS_SECONDS: Final = 2.0
CONNECT_SECONDS: Final = 0.5
WAIT: Final = re.compile(r"\d{1,4}(?:\.\d{1,3})?", re.ASCII)

NO_TOKEN = (
    "the Authorization header is missing: send `Bearer` and the ID token, or the run's token to read a run"  # noqa: S105
)
NOT_JSON = "send the request as application/json"
TOO_LARGE = f"the body is larger than {MOST_BODY} bytes"
NO_RUN = "there is no such run, or the token does not read it"
NOT_SECONDS = f"wait must be a number of seconds, {MOST_WAIT:.0f} at most"
BUSY = "too many requests at once: ask again in a moment"

Handler = Callable[[Request], Awaitable[Response]]

log = structlog.get_logger("trivet.web")


class Metrics:
    """Counters of one application, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = own_counter("trivet_api_requests", self.registry)
        self.seconds = own_histogram("trivet_api_start_seconds", self.registry)
        self.waiting = own_gauge("trivet_api_waiting", self.registry)


@dataclass(frozen=True)
class Api:
    """The two routes. `line`: who starts runs at once; `seats`: who may wait; `stopping`: nobody may any more."""

    runs: Runs
    views: RunViews
    metrics: Metrics
    line: anyio.CapacityLimiter
    seats: anyio.Semaphore
    stopping: Callable[[], bool]

    async def start(self, request: Request) -> Response:
        token = _bearer(request)
        body = await _body(request)
        if self.line.statistics().tasks_waiting >= MOST_IN_LINE:
            raise Denied(503, BUSY, AGAIN_SECONDS)
        with self.metrics.seconds.time():
            started = await to_thread.run_sync(self.runs.start, token, body, limiter=self.line)
        log.info("asked for", run=started.run, state=started.state)
        return json_answer(202, {"run": started.run, "token": started.token, "state": started.state})

    async def read(self, request: Request) -> Response:
        """With `wait`, once the run differs from what `If-None-Match` names, or from what it is now."""
        token, seconds = _bearer(request), _seconds(request)
        view = await self.views.look(request.path_params["run"], token)
        if view is None:
            raise Denied(404, NO_RUN)
        if seconds and not view.over:
            view = await self._waited(view, token, seconds, request)
        headers = {"etag": view.tag, "cache-control": "no-store"}
        if _known(request) == view.tag:
            return Response(status_code=304, headers=headers)
        return Response(view.body(), headers=headers, media_type="application/json")

    async def _waited(self, view: View, token: str, seconds: float, request: Request) -> View:
        async def hopeless() -> bool:
            return self.stopping() or await request.is_disconnected()

        try:
            self.seats.acquire_nowait()
        except anyio.WouldBlock:
            raise Denied(503, BUSY, AGAIN_SECONDS) from None
        try:
            with self.metrics.waiting.track_inprogress():
                return await self.views.changed(view, token, _known(request), seconds, hopeless)
        finally:
            self.seats.release()


def create_web(
    runs: Runs,
    views: RunViews,
    *,
    problem: Callable[[], Awaitable[str | None]],
    stopping: Callable[[], bool] = lambda: False,
) -> FastAPI:
    """The application. `problem`: why nothing can be recorded, None while it can."""
    metrics = Metrics()
    api = Api(runs, views, metrics, anyio.CapacityLimiter(AT_ONCE), anyio.Semaphore(MOST_WAITING), stopping)
    return FastAPI(
        routes=[
            Route("/api/v1/runs", _answered("start", api.start, metrics), methods=["POST"]),
            Route("/api/v1/runs/{run}", _answered("read", api.read, metrics), methods=["GET"]),
            Route("/healthz", alive),
            Route("/readyz", readiness(problem)),
            Route("/metrics", _exposition(metrics)),
        ],
        exception_handlers={HTTPException: unrouted},
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )


def run_web(settings: Settings, descriptor: int | None = None) -> None:
    """Serve until told to stop. `descriptor`: of a socket that is open already, as `up` keeps it."""
    url = require_redis(settings)
    reading_api(settings)
    if not settings.public_url:
        raise UsageError(NO_PUBLIC_URL)
    check_redis(url, settings, must_answer=False)
    begin(settings, "web")
    door = listen.opened(settings.host, settings.web_port, descriptor)
    current = SettingsFile()
    inbox = RedisInbox(url, volatile_ok=settings.redis_volatile_ok)
    app = create_web(
        _runs(url, settings.public_url, current),
        RunViews(
            redis.asyncio.Redis.from_url(url, **_patience(), retry=redis.asyncio.retry.Retry(NoBackoff(), 1))
        ),
        problem=inbox.ready,
        stopping=lambda: server.should_exit,
    )
    server = uvicorn.Server(uvicorn.Config(app, **UVICORN, **patient(), **beating("web")))
    serve_until_told(server, door)


def _runs(url: str, audience: str, current: Callable[[], Settings]) -> Runs:
    connection = Redis.from_url(url, **_patience(), retry=Retry(NoBackoff(), 1))
    rules = RulesFile(current().rules)
    return Runs(
        tokens=IdTokens(lambda: current().issuers, lambda: current().public_url or audience, issuer_keys),
        tickets=Tickets(connection),
        store=Store(connection),
        gitlab=lambda: reading_api(current()),
        policy=lambda: Routing(current().gitlab.projects, agents=current().agents, rules=rules()),
    )


def _patience() -> dict[str, Any]:
    """Short: a pipeline is told at once that Redis is down."""
    return {"socket_connect_timeout": CONNECT_SECONDS, "socket_timeout": REDIS_SECONDS}


def _answered(name: str, handler: Handler, metrics: Metrics) -> Handler:
    """The same handler, whatever it raises turned into an answer, and counted."""

    async def answered(request: Request) -> Response:
        try:
            answer = await handler(request)
        except Exception as error:  # noqa: BLE001 - the edge of the process: no request may end in a 500
            answer = refusal(error)
        metrics.requests.labels(name, answer.status_code).inc()
        return answer

    return answered


def _bearer(request: Request) -> str:
    """Raises Denied (401)."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Denied(401, NO_TOKEN)
    return token.strip()


async def _body(request: Request) -> bytes:
    """Raises Denied (400, 408, 413, 415, 503)."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/json":
        await let_go_by(request.headers, request.receive)
        raise Denied(415, NOT_JSON)
    try:
        return await read_body(request.headers, request.receive, MOST_BODY)
    except BadDelivery as error:
        raise Denied(error.status, TOO_LARGE if error.status == 413 else str(error)) from None


def _known(request: Request) -> str | None:
    """The tag of what was seen last; a proxy that compresses makes it a weak one."""
    said = request.headers.get("if-none-match")
    return said.removeprefix("W/") if said else None


def _seconds(request: Request) -> float:
    """How long to wait for a change. Raises Denied (422)."""
    said = request.query_params.get("wait", "0")
    if not WAIT.fullmatch(said):
        raise Denied(422, NOT_SECONDS)
    return min(float(said), MOST_WAIT)


def _exposition(metrics: Metrics) -> Handler:
    async def exposition(request: Request) -> Response:
        return Response(rendered(metrics.registry.collect()), headers={"content-type": CONTENT_TYPE})

    return exposition
