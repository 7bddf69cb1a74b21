"""The sandbox as a web server on 127.0.0.1: the APIs of GitLab, Jira and Confluence, git, the control API, the page."""

import socket
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect

from bot.sandbox import control, git_http, model_api, oidc, page
from bot.sandbox.api import engine
from bot.sandbox.confluence import control as confluence_control
from bot.sandbox.confluence import seed as confluence_seed
from bot.sandbox.confluence import webhooks as confluence_webhooks
from bot.sandbox.confluence.api import engine as confluence_engine
from bot.sandbox.confluence.api.call import Answer as ConfluenceAnswer
from bot.sandbox.confluence.model import Flavour
from bot.sandbox.gate import Gate
from bot.sandbox.git_http import GitAnswer
from bot.sandbox.jira import control as jira_control
from bot.sandbox.jira import seed as jira_seed
from bot.sandbox.jira import webhooks as jira_webhooks
from bot.sandbox.jira.api import engine as jira_engine
from bot.sandbox.jira.api.call import Answer as JiraAnswer
from bot.sandbox.jira.model import Deployment
from bot.sandbox.model import State
from bot.sandbox.refusals import Refusal
from bot.sandbox.seed import seed
from bot.sandbox.webhooks import Courier

LOOPBACK = "127.0.0.1"
API = "/api/v4"
JIRA = "/jira/rest"
CONFLUENCE = "/confluence"
CONFLUENCE_APIS = ("/rest/{path:path}", "/wiki/rest/{path:path}", "/wiki/api/{path:path}")
METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH"]
BACKLOG = 512
CLIENT_GONE = 499


def create_app(state: State) -> FastAPI:
    app = FastAPI(title="Sandbox GitLab", docs_url=None, redoc_url=None, openapi_url=None)
    _answer_what_is_raised(app)
    _serve_platforms(app, state)
    _serve_git(app, state)
    app.include_router(oidc.router(state))
    app.include_router(jira_control.router(state))
    app.include_router(confluence_control.router(state))
    app.include_router(control.router(state))
    app.include_router(model_api.router())
    app.include_router(page.router(state))
    return app


def _answer_what_is_raised(app: FastAPI) -> None:
    @app.exception_handler(Refusal)
    async def refused(_: Request, refusal: Refusal) -> JSONResponse:
        return JSONResponse(refusal.body, refusal.status)

    @app.exception_handler(ClientDisconnect)
    async def gone(_: Request, __: ClientDisconnect) -> Response:
        return Response(status_code=CLIENT_GONE)


def _serve_platforms(app: FastAPI, state: State) -> None:
    @app.api_route(API + "/{path:path}", methods=METHODS)
    async def api(request: Request) -> Response:
        return await run_in_threadpool(_api_answer, state, await _incoming(request, API))

    @app.api_route(JIRA + "/{path:path}", methods=METHODS)
    async def jira(request: Request) -> Response:
        incoming = await _incoming(request, JIRA)
        return _atlassian_response(await run_in_threadpool(jira_engine.answer, state.jira, incoming))

    async def confluence(request: Request) -> Response:
        incoming = await _incoming(request, CONFLUENCE)
        answer = await run_in_threadpool(confluence_engine.answer, state.confluence, incoming)
        return _atlassian_response(answer)

    for path in CONFLUENCE_APIS:
        app.add_api_route(CONFLUENCE + path, confluence, methods=METHODS)


def _serve_git(app: FastAPI, state: State) -> None:
    @app.get("/{project:path}.git/info/refs")
    def refs(project: str, request: Request, service: str = "") -> Response:
        return _git_response(git_http.advertise(state, project, service, _headers(request)))

    @app.post("/{project:path}.git/{service}")
    async def pack(project: str, service: str, request: Request) -> Response:
        body = await request.body()
        answer = await run_in_threadpool(git_http.fetch, state, project, service, _headers(request), body)
        return _git_response(answer)


class Running:
    """A sandbox that serves from a thread of its own until the `with` ends. Everything it holds is in `state`.

    `port` 0 takes a free one; `listener`: a listening socket of the caller's in its place; `folder` keeps the
    repositories. `jira`: the deployment of a Jira beside it, always with its seed; `confluence`: a Confluence's.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int = 0,
        listener: socket.socket | None = None,
        version: str = "19.2.0",
        seeded: bool = False,
        webhook: str | None = None,
        secret: str | None = None,
        jira: Deployment | None = None,
        jira_webhook: str | None = None,
        jira_secret: str | None = None,
        confluence: Flavour | None = None,
        confluence_webhook: str | None = None,
        confluence_secret: str | None = None,
    ) -> None:
        self.state = State(folder, version)
        self._port = port
        self._listener = listener
        self._seeded = seeded
        self._webhook = webhook
        self._secret = secret
        self._jira = jira
        self._jira_webhook = jira_webhook
        self._jira_secret = jira_secret
        self._confluence = confluence
        self._confluence_webhook = confluence_webhook
        self._confluence_secret = confluence_secret
        self._couriers: list[Courier | jira_webhooks.Courier | confluence_webhooks.Courier] = [
            Courier(self.state)
        ]
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        listener = self._listener or _listening(self._port)
        self.state.url = f"http://{LOOPBACK}:{listener.getsockname()[1]}"
        if self._seeded:
            seed(self.state)
        if self._webhook:
            for project in self.state.projects:
                control.add_hook(self.state, project, self._webhook, self._secret)
        if self._jira:
            self._open_jira(self._jira)
        if self._confluence:
            self._open_confluence(self._confluence)
        self._serve(listener)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.state.closing = True
        if self._server and self._thread:
            self._server.should_exit = True
            self._thread.join()
        for courier in self._couriers:
            courier.stop()

    def _open_jira(self, deployment: Deployment) -> None:
        self.state.jira = site = jira_seed.seeded(self.state, deployment)
        if self._jira_webhook:
            jira_control.add_hook(site, self._jira_webhook, self._jira_secret)
        self._couriers.append(jira_webhooks.Courier(site))

    def _open_confluence(self, flavour: Flavour) -> None:
        self.state.confluence = site = confluence_seed.seeded(self.state, flavour)
        if self._confluence_webhook:
            confluence_control.add_hook(site, self._confluence_webhook, self._confluence_secret)
        self._couriers.append(confluence_webhooks.Courier(site))

    def _serve(self, listener: socket.socket) -> None:
        application = Gate(create_app(self.state), self.state)
        settings = uvicorn.Config(
            application,
            log_level="warning",
            access_log=False,
            date_header=False,
            ws="none",
            lifespan="off",
            timeout_graceful_shutdown=2,
        )
        self._server = uvicorn.Server(settings)
        self._thread = threading.Thread(
            target=self._server.run, args=([listener],), name="sandbox", daemon=True
        )
        for courier in self._couriers:
            courier.start()
        self._thread.start()


def _listening(port: int) -> socket.socket:
    """Bound and listening: whoever connects from now on is served as soon as the server runs."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((LOOPBACK, port))
    listener.listen(BACKLOG)
    return listener


async def _incoming(request: Request, prefix: str) -> engine.Incoming:
    path = request.scope["raw_path"].decode("latin-1").partition("?")[0].removeprefix(prefix)
    return engine.Incoming(request.method, path, request.url.query, _headers(request), await request.body())


def _api_answer(state: State, incoming: engine.Incoming) -> Response:
    answer = engine.answer(state, incoming)
    headers, status = dict(answer.headers), answer.status or 200
    if status == 204:
        return Response(status_code=status, headers=headers)
    if answer.media == "application/json":
        return JSONResponse(answer.body, status, headers)
    return Response(answer.body, status, headers, answer.media)


def _atlassian_response(answer: JiraAnswer | ConfluenceAnswer) -> Response:
    headers = dict(answer.headers)
    if answer.status == 204:
        return Response(status_code=204, headers=headers)
    if answer.media == "application/json":
        return JSONResponse(answer.body, answer.status, headers)
    return Response(answer.body, answer.status, headers, answer.media)


def _git_response(answer: GitAnswer) -> Response:
    return Response(answer.body, answer.status, dict(answer.headers or {}), answer.media)


def _headers(request: Request) -> Mapping[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}
