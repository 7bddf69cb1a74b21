"""The runs API in this process: a sandbox issues the tokens and answers for GitLab, a real Redis keeps the runs."""

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from typing import Any, Final, cast

import httpx2
import pytest
import redis.asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from bot.domain.actions import Report
from bot.domain.findings import Finding, Severity
from bot.domain.rules import JiraRule, Rules, SpaceRule
from bot.entry import body as body_module
from bot.entry import keys
from bot.entry.ending import Ending
from bot.entry.http_server import UVICORN
from bot.entry.id_tokens import IdTokens
from bot.entry.patience import patient
from bot.entry.queue import run_id
from bot.entry.receiver import Receiver
from bot.entry.run_record import Run
from bot.entry.run_view import RunViews
from bot.entry.runs_api import Runs
from bot.entry.store import Store
from bot.entry.tickets import STARTS_PER_MINUTE, Tickets
from bot.entry.web import MOST_BODY, NO_RUN, create_web, run_web
from bot.errors import Unavailable, UsageError
from bot.gateways.gitlab_api import GitLabApi
from bot.gateways.issuer_keys import issuer_keys
from bot.routing import JobRequest, Routing
from bot.settings import Settings
from tests.id_token_forge import AUDIENCE
from tests.receiving import served
from tests.redis_server import RedisServer
from tests.sandbox_server import PROJECT, SandboxServer

NEVER: Final = "redis://127.0.0.1:9/0"
START: Final = "/api/v1/runs"
SOON: Final = 20  # seconds: longer than anything here takes


@dataclass
class Web:
    """The application over this sandbox and this Redis; each call has an event loop of its own."""

    sandbox: SandboxServer
    url: str
    gitlab_token: str = ""
    projects: tuple[str, ...] = ("acme/**",)
    stopping: Callable[[], bool] = lambda: False

    def __post_init__(self) -> None:
        self.gitlab_token = self.gitlab_token or self.sandbox.token("trivet")
        self.connection = Redis.from_url(self.url, socket_connect_timeout=1, socket_timeout=5)
        self.store = Store(self.connection)
        self.runs = Runs(
            tokens=IdTokens(lambda: (self.sandbox.url,), lambda: AUDIENCE, issuer_keys),
            tickets=Tickets(self.connection),
            store=self.store,
            gitlab=lambda: GitLabApi(self.sandbox.url, self.gitlab_token, "TRIVET_GITLAB__READ_TOKEN"),
            policy=lambda: Routing(self.projects),
        )

    def call(self, method: str, path: str, **options: Any) -> httpx2.Response:
        return asyncio.run(self._call(lambda client: client.request(method, path, **options)))

    async def _call(self, use: Callable[[httpx2.AsyncClient], Awaitable[httpx2.Response]]) -> httpx2.Response:
        async with redis.asyncio.Redis.from_url(self.url) as connection:
            app = create_web(self.runs, RunViews(connection), problem=_fine, stopping=self.stopping)
            transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
            async with httpx2.AsyncClient(transport=transport, base_url="http://web.test") as client:
                return await use(client)

    def token(self, iid: int | None = None, **wanted: Any) -> str:
        return str(self.minted(iid, **wanted)["id_token"])

    def minted(self, iid: int | None = None, **wanted: Any) -> dict[str, Any]:
        target = {} if iid is None else {"iid": iid}
        order = {"audience": AUDIENCE, "user": "ada", **target, **wanted}
        return self.sandbox.call("POST", "/sandbox/id_token", order)

    def start(self, token: str, iid: int, project: str | int = PROJECT) -> httpx2.Response:
        return self.send(
            token, {"agent": "review", "target": {"project": project, "iid": iid}, "options": {}}
        )

    def send(self, token: str, body: Any) -> httpx2.Response:
        return self.call("POST", START, json=body, headers={"authorization": f"Bearer {token}"})

    def read(self, run: str, token: str, wait: float | str = 0, tag: str = "") -> httpx2.Response:
        headers = {"authorization": f"Bearer {token}"} | ({"if-none-match": tag} if tag else {})
        return self.call("GET", f"{START}/{run}?wait={wait}", headers=headers)

    def recorded(self, name: str) -> Run:
        run = self.store.runs.get(name)
        assert run is not None
        return run


async def _fine() -> str | None:
    return None


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer() as server:
        yield server


@pytest.fixture(scope="module")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def web(sandbox: SandboxServer, shared_redis: RedisServer) -> Iterator[Web]:
    web = Web(sandbox, shared_redis.url)
    yield web
    sandbox.clear_faults()
    web.connection.flushall()


@pytest.fixture
def iid(sandbox: SandboxServer, request: pytest.FixtureRequest) -> int:
    """A merge request of the test's own."""
    branch = f"b{abs(hash(request.node.nodeid))}"
    return sandbox.merge_request(files={f"{branch}.py": "x = 1\n"}, source=branch)


def head(web: Web, iid: int) -> str:
    return str(web.sandbox.merge_request_state(iid)["head"])


def project_id(web: Web, path: str = PROJECT) -> int:
    return next(one["id"] for one in web.sandbox.state()["projects"] if one["path"] == path)


def report(run: Run, *findings: Finding, **fields: Any) -> Report:
    given = {"run": run.id, "agent": "review", "target": "acme/shop!1", "head": run.request.head}
    return Report(**{**given, "findings": findings, **fields})


def finding() -> Finding:
    return Finding(
        agent="review",
        rule="python/F821",
        severity=Severity.CRITICAL,
        path="app.py",
        line=1,
        anchor="x = y",
        title="y is undefined",
        detail="Nothing defines y.",
    )


def test_a_pipeline_starts_the_run_a_delivery_of_its_head_would(web: Web, iid: int) -> None:
    answer = web.start(web.token(iid), iid)
    assert answer.status_code == 202
    given = answer.json()
    assert set(given) == {"run", "token", "state"}
    assert given["run"] == run_id(f"review:{project_id(web)}:{iid}:{head(web, iid)}")
    request = web.recorded(given["run"]).request
    assert (request.project, request.iid, request.trigger) == (PROJECT, iid, "pipeline")
    assert web.connection.llen("rq:queue:agents") == 1


def test_the_project_may_be_named_by_number_or_path_in_any_case(web: Web, iid: int) -> None:
    names = (project_id(web), PROJECT, PROJECT.upper())
    runs = {web.start(web.token(iid), iid, name).json()["run"] for name in names}
    assert len(runs) == 1


def test_the_same_token_and_body_get_the_same_answer_and_ask_gitlab_once(web: Web, iid: int) -> None:
    token = web.token(iid)
    web.sandbox.clear_requests()
    first = web.start(token, iid)
    asked = len(web.sandbox.requests())
    assert web.start(token, iid).json() == first.json()
    assert len(web.sandbox.requests()) == asked == 2
    assert web.connection.llen("rq:queue:agents") == 1


def test_two_jobs_on_one_head_share_the_run_and_each_reads_it_with_its_own_token(web: Web, iid: int) -> None:
    one, other = (web.start(web.token(iid), iid).json() for _ in range(2))
    assert one["run"] == other["run"]
    assert one["token"] != other["token"]
    assert {web.read(each["run"], each["token"]).status_code for each in (one, other)} == {200}


def test_a_token_cannot_be_used_for_anything_else(web: Web, iid: int) -> None:
    token = web.token(iid)
    web.start(token, iid)
    answer = web.start(token, iid + 1)
    assert answer.status_code == 401
    assert "used for another request" in answer.json()["error"]


@pytest.mark.parametrize("refused", ["a merge request that is not there", "another commit", "too often"])
def test_a_request_that_is_refused_leaves_its_token_good(web: Web, iid: int, refused: str) -> None:
    token = web.token(iid)
    if refused == "a merge request that is not there":
        assert web.start(token, 4711).status_code == 422
    elif refused == "another commit":
        other = web.sandbox.merge_request(files={"another.py": "x = 1\n"}, source=f"another-{iid}")
        assert web.start(token, other).status_code == 403
    else:
        window = int(time.time() // 60)
        names = [keys.starts(project_id(web), minute) for minute in (window, window + 1)]
        web.connection.mset(dict.fromkeys(names, STARTS_PER_MINUTE))
        assert web.start(token, iid).status_code == 429
        web.connection.delete(*names)
    assert web.connection.keys("trivet:run:*") == []
    assert web.start(token, iid).status_code == 202
    assert web.start(token, 4711).status_code == 401


def together(web: Web, agents: tuple[str, str], iid: int) -> list[httpx2.Response]:
    """The answers to two requests with one token, neither of which goes on before GitLab is asked for both."""
    met, gitlab = threading.Barrier(len(agents)), web.runs.gitlab

    def asked_for_both() -> GitLabApi:
        met.wait(SOON)
        return gitlab()

    policy = Routing(web.projects, agents=frozenset(agents))
    web.runs = replace(web.runs, gitlab=asked_for_both, policy=lambda: policy)
    token, target = web.token(iid), {"project": PROJECT, "iid": iid}
    with ThreadPoolExecutor(len(agents)) as pool:
        return list(pool.map(lambda agent: web.send(token, {"agent": agent, "target": target}), agents))


def test_of_two_requests_at_once_with_one_token_one_is_granted(web: Web, iid: int) -> None:
    answers = together(web, ("review", "link"), iid)
    assert sorted(one.status_code for one in answers) == [202, 401]
    assert len(web.connection.keys("trivet:run:*")) == web.connection.llen("rq:queue:agents") == 1


def test_the_same_request_twice_at_once_is_one_run(web: Web, iid: int) -> None:
    one, other = together(web, ("review", "review"), iid)
    assert one.status_code == 202
    assert one.json() == other.json()
    assert web.connection.llen("rq:queue:agents") == 1


def test_redis_holds_no_token_that_could_be_used(web: Web, iid: int) -> None:
    token = web.token(iid)
    reading = web.start(token, iid).json()["token"]
    held = b"".join(web.connection.dump(key) or b"" for key in web.connection.keys("*"))
    held += b" ".join(web.connection.keys("*"))
    assert reading.encode() not in held
    assert not any(part.encode() in held for part in token.split("."))


def test_a_run_whose_record_is_gone_starts_anew(web: Web, iid: int) -> None:
    token = web.token(iid)
    run = web.start(token, iid).json()["run"]
    web.connection.delete(keys.run(run))
    again = web.start(token, iid)
    assert (again.status_code, again.json()["run"]) == (202, run)
    assert web.recorded(run).state == "queued"


@pytest.mark.parametrize("missing", ["redis_url", "public_url", "gitlab_url", "gitlab_token"])
def test_what_is_not_configured_is_named_before_anything_is_served(missing: str) -> None:
    token = None if missing == "gitlab_token" else "glpat-" + "Zq8Rt2vLm4"
    given = {
        "redis_url": NEVER,
        "public_url": AUDIENCE,
        "gitlab": {"url": None if missing == "gitlab_url" else "https://gitlab.example.test", "token": token},
    }
    with pytest.raises(UsageError, match=f"TRIVET_({missing.replace('_', '_+')}|GITLAB__READ_TOKEN)".upper()):
        run_web(Settings(**{name: value for name, value in given.items() if name != missing}))


# --- who may ask for what ---


def test_without_a_token_the_answer_says_what_to_send(web: Web, iid: int) -> None:
    for headers in ({}, {"authorization": "Basic abc"}, {"authorization": "Bearer "}):
        answer = web.call("POST", START, json={}, headers=headers)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert "ID token" in answer.json()["error"]


def test_another_project_than_the_tokens_is_forbidden(web: Web, iid: int) -> None:
    web.sandbox.add_project("acme/other", {"a.txt": "a\n"})
    answer = web.start(web.token(project="acme/other"), iid)
    assert answer.status_code == 403
    assert "direct mode" in answer.json()["error"]
    assert web.start(web.token(iid), iid, project_id(web) + 1).status_code == 403


def test_a_project_that_is_not_served_is_forbidden_whatever_case_it_comes_in(web: Web, iid: int) -> None:
    web.projects = ("acme/elsewhere",)
    answer = web.start(web.token(iid), iid)
    assert answer.status_code == 403
    assert "TRIVET_GITLAB__PROJECTS" in answer.json()["error"]
    assert web.connection.keys("trivet:run:*") == []


def test_a_fork_may_not_start_runs_in_its_parent(web: Web) -> None:
    sandbox = web.sandbox
    sandbox.add_project("acme/fork-of-shop", {"a.txt": "a\n"})
    iid = sandbox.merge_request(files={"fork.py": "x = 1\n"}, source="from-fork", fork="acme/fork-of-shop")
    token = web.token(iid, project="acme/fork-of-shop", of=PROJECT)
    answer = web.start(token, iid)
    assert answer.status_code == 403
    assert "forks" in answer.json()["error"]


def test_a_forks_pipeline_with_its_parents_claims_is_found_out(web: Web) -> None:
    """As in gitlab-org/gitlab#548165."""
    sandbox = web.sandbox
    sandbox.add_project("acme/lying-fork", {"a.txt": "a\n"})
    iid = sandbox.merge_request(files={"lie.py": "x = 1\n"}, source="a-lie", fork="acme/lying-fork")
    parent = {"project_id": str(project_id(web)), "project_path": PROJECT, "ref_protected": "true"}
    answer = web.start(web.token(iid, project="acme/lying-fork", of=PROJECT, claims=parent), iid)
    assert answer.status_code == 403
    assert "pipelines of forks" in answer.json()["error"]
    assert web.connection.keys("trivet:run:*") == []


def test_a_pipeline_that_gitlab_does_not_know_is_not_believed(web: Web, iid: int) -> None:
    answer = web.start(web.token(iid, claims={"pipeline_id": "999999"}), iid)
    assert answer.status_code == 403


def test_a_member_may_run_a_forks_pipeline_in_the_parent(web: Web) -> None:
    sandbox = web.sandbox
    sandbox.add_project("acme/good-fork", {"a.txt": "a\n"})
    iid = sandbox.merge_request(files={"good.py": "x = 1\n"}, source="good-fork", fork="acme/good-fork")
    assert web.start(web.token(iid), iid).status_code == 202


@pytest.mark.parametrize("kind", ["merged_result", "merge_train"])
def test_a_pipeline_on_the_merge_of_the_head_is_one_of_the_head(web: Web, iid: int, kind: str) -> None:
    minted = web.minted(iid, kind=kind)
    assert minted["sha"] != head(web, iid)
    run = web.start(minted["id_token"], iid).json()["run"]
    assert web.recorded(run).request.head == head(web, iid)


def test_a_branch_pipeline_on_the_head_is_one_of_the_merge_request(web: Web, iid: int) -> None:
    branch = web.sandbox.merge_request_state(iid)["source_branch"]
    assert web.start(web.token(branch=branch), iid).status_code == 202


@pytest.mark.parametrize("of", ["main", "other merge request", "other merge result"])
def test_a_pipeline_of_something_else_may_not_ask_for_this_merge_request(web: Web, iid: int, of: str) -> None:
    other = web.sandbox.merge_request(files={"o.py": f"# {of}\n"}, source=f"other-{of}".replace(" ", "-"))
    minted = {
        "main": lambda: web.token(branch="main"),
        "other merge request": lambda: web.token(other),
        "other merge result": lambda: web.token(other, kind="merged_result"),
    }[of]()
    answer = web.start(minted, iid)
    assert answer.status_code == 403
    assert f"none of {PROJECT}!{iid}" in answer.json()["error"]


def test_a_commit_the_pipeline_never_ran_on_is_not_believed(web: Web, iid: int) -> None:
    assert web.start(web.token(iid, claims={"sha": "ab" * 20}), iid).status_code == 403


def test_a_pipeline_of_a_head_that_was_left_asks_for_that_head(web: Web, iid: int) -> None:
    """The run finds out that the merge request moved on, and says so."""
    token, left = web.token(iid), head(web, iid)
    branch = web.sandbox.merge_request_state(iid)["source_branch"]
    web.sandbox.push(branch, {"more.py": "y = 2\n"})
    run = web.start(token, iid).json()["run"]
    assert web.recorded(run).request.head == left != head(web, iid)


def test_a_project_of_another_name_with_our_number_is_not_ours(web: Web, iid: int) -> None:
    token = web.token(iid, claims={"project_path": "acme/renamed"})
    answer = web.start(token, iid, project_id(web))
    assert answer.status_code == 403
    assert "acme/renamed" in answer.json()["error"]
    assert web.connection.keys("trivet:run:*") == []


def test_a_merge_request_that_is_not_there_is_named(web: Web, iid: int) -> None:
    answer = web.start(web.token(iid), 4711)
    assert answer.status_code == 422
    assert "acme/shop!4711" in answer.json()["error"]


# --- what is sent ---


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b"[" * 20_000,
        b'{"agent": "review"}',
        b'{"agent": "review", "target": {"project": "acme/shop"}}',
        b'{"agent": "review", "target": {"project": "acme/shop", "iid": 0}}',
        b'{"agent": "review", "target": {"project": "acme/shop", "iid": "1"}}',
        b'{"agent": "review", "target": {"project": "acme/shop", "iid": 1e400}}',
        b'{"agent": "review", "target": {"project": "acme/shop", "iid": 99999999999999999999}}',
        b'{"agent": "review", "target": {"project": "", "iid": 1}}',
        b'{"agent": "review", "target": {"project": true, "iid": 1}}',
        b'{"agent": "review", "target": {"project": "acme/shop", "iid": 1}, "options": {"model": "x"}}',
        b'{"agent": "review", "target": {"project": "acme/shop", "iid": 1}, "more": 1}',
        b'{"agent": "merge", "target": {"project": "acme/shop", "iid": 1}}',
        b'{"agent": "review", "target": {"issue": "SHOP-1"}}',
    ],
)
def test_a_body_that_is_no_order_is_refused_with_the_place(web: Web, body: bytes) -> None:
    headers = {"authorization": f"Bearer {web.token()}", "content-type": "application/json"}
    answer = web.call("POST", START, content=body, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["error"].startswith("the body is not a request for a run: ")
    assert len(answer.json()["error"]) < 300


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.binary(max_size=200), token=st.text(max_size=80).map(lambda one: one.encode("utf-8", "replace"))
)
def test_whatever_is_sent_is_never_our_fault(web: Web, body: bytes, token: bytes) -> None:
    headers = [
        (b"authorization", b"Bearer " + bytes(byte for byte in token if byte >= 32 and byte != 127)),
        (b"content-type", b"application/json"),
    ]
    answer = web.call("POST", START, content=body, headers=headers)
    assert answer.status_code == 401
    assert set(answer.json()) == {"error"}


def test_sizes_and_kinds_of_bodies_are_checked_first(web: Web) -> None:
    whole = {"authorization": "Bearer x", "content-type": "application/json"}
    large = web.call("POST", START, content=b"x" * (MOST_BODY + 1), headers=whole)
    assert (large.status_code, large.headers["connection"]) == (413, "close")
    assert str(MOST_BODY) in large.json()["error"]
    squeezed = web.call("POST", START, content=b"x", headers={**whole, "content-encoding": "gzip"})
    form = web.call("POST", START, data={"a": "b"}, headers={"authorization": "Bearer x"})
    assert (squeezed.status_code, form.status_code) == (415, 415)


@pytest.mark.parametrize(
    ("code", "headers"),
    [
        (413, {"authorization": "Bearer x", "content-type": "application/json"}),
        (415, {"authorization": "Bearer x"}),
        (401, {"content-type": "application/json"}),
    ],
)
def test_who_sends_a_large_body_before_reading_gets_the_answer_every_time(
    web: Web, monkeypatch: pytest.MonkeyPatch, code: int, headers: dict[str, str]
) -> None:
    monkeypatch.setattr(body_module, "LET_BY_SECONDS", 9.0)  # however busy the machine is
    app = create_web(web.runs, RunViews(redis.asyncio.Redis.from_url(NEVER)), problem=_fine)
    with served(cast(Receiver, app), **UVICORN, **patient()) as port:
        for _ in range(5):
            client = HTTPConnection("127.0.0.1", port, timeout=SOON)
            with closing(client):
                client.request("POST", START, b"x" * 8_000_000, headers)
                answer = client.getresponse()
                assert (answer.status, set(json.loads(answer.read()))) == (code, {"error"})


def test_other_paths_and_methods_are_refused_in_the_same_shape(web: Web) -> None:
    for method, path, code in (("GET", START, 405), ("POST", f"{START}/x", 405), ("GET", "/api/v2", 404)):
        answer = web.call(method, path)
        assert (answer.status_code, set(answer.json())) == (code, {"error"})


def test_a_project_that_asks_too_often_is_told_when_to_come_back(web: Web, iid: int) -> None:
    window = int(time.time() // 60)
    for minute in (window, window + 1):
        web.connection.set(keys.starts(project_id(web), minute), STARTS_PER_MINUTE)
    answer = web.start(web.token(iid), iid)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 60
    assert web.connection.keys("trivet:run:*") == []


# --- when others fail ---


def test_a_gitlab_that_fails_is_an_outage_and_the_token_can_be_used_again(web: Web, iid: int) -> None:
    token = web.token(iid)
    web.sandbox.fault(path="/merge_requests/", status=502, times=1)
    failed = web.start(token, iid)
    assert failed.status_code == 503
    assert "GitLab" in failed.json()["error"]
    assert int(failed.headers["retry-after"]) > 0
    assert web.start(token, iid).status_code == 202


def test_a_read_token_that_gitlab_refuses_is_our_fault(web: Web, iid: int) -> None:
    broken = Web(web.sandbox, web.url, gitlab_token="glpat-" + "Zq8Rt2vLm4" + "Xc7Wn1Kd9P")
    answer = broken.start(broken.token(iid), iid)
    assert answer.status_code == 503
    assert "TRIVET_GITLAB__READ_TOKEN" in answer.json()["error"]


def test_an_issuer_that_is_down_is_an_outage(web: Web, iid: int) -> None:
    def down(issuer: str) -> Any:
        raise Unavailable(f"the keys of {issuer} cannot be read: ConnectionError")

    web.runs = Runs(
        IdTokens(lambda: (web.sandbox.url,), lambda: AUDIENCE, down),
        *(web.runs.tickets, web.runs.store, web.runs.gitlab, web.runs.policy),
    )
    answer = web.start(web.token(iid), iid)
    assert answer.status_code == 503
    assert "cannot be read" in answer.json()["error"]


def test_a_redis_that_is_down_is_an_outage_for_both_routes(web: Web, iid: int) -> None:
    gone = Web(web.sandbox, NEVER)
    started = gone.start(gone.token(iid), iid)
    looked = gone.read("ab" * 12, "token")
    assert (started.status_code, looked.status_code) == (503, 503)
    assert "Redis" in started.json()["error"]


def test_an_error_nobody_foresaw_is_no_500_and_tells_nothing(web: Web, iid: int) -> None:
    def broken() -> Routing:
        raise KeyError("a secret")

    tickets = web.runs.tickets
    web.runs = Runs(web.runs.tokens, tickets, web.runs.store, web.runs.gitlab, broken)
    answer = web.start(web.token(iid), iid)
    assert answer.status_code == 503
    assert "secret" not in answer.text


def test_health_readiness_and_metrics_are_served(web: Web, iid: int) -> None:
    assert web.call("GET", "/healthz").json() == {"status": "alive"}
    assert web.call("GET", "/readyz").json() == {"status": "ready"}
    assert "trivet_api_waiting 0.0" in web.call("GET", "/metrics").text


# --- reading a run ---


@pytest.fixture
def started(web: Web, iid: int) -> dict[str, str]:
    given: dict[str, str] = web.start(web.token(iid), iid).json()
    return given


def test_nobody_learns_which_runs_there_are(web: Web, started: dict[str, str]) -> None:
    other = web.sandbox.merge_request(files={"z.py": "z = 1\n"}, source="another-run")
    foreign = web.start(web.token(other), other).json()
    asked = [
        (started["run"], foreign["token"]),
        (started["run"], "x"),
        ("ab" * 12, started["token"]),
        ("..%2e", started["token"]),
        (started["run"].upper(), started["token"]),
    ]
    answers = [web.read(run, token) for run, token in asked]
    assert {(answer.status_code, answer.json()["error"]) for answer in answers} == {(404, NO_RUN)}


def test_a_run_is_told_in_one_line_until_it_has_a_report(web: Web, started: dict[str, str]) -> None:
    run = web.recorded(started["run"])

    def shown() -> dict[str, Any]:
        return dict(web.read(**started_args(started)).json())

    assert shown() == {
        "run": run.id,
        "state": "queued",
        "progress": "waiting for a worker",
        "message": "",
        "report": None,
    }
    web.store.runs.begin(run, "running")
    web.store.runs.tell(run, "reading the diff")
    assert (shown()["state"], shown()["progress"]) == ("running", "reading the diff")
    web.store.waiting.put_back("propose", run, Unavailable("GitLab is busy"))
    assert shown()["progress"] == "waiting: GitLab is busy"
    web.store.runs.finish(run, Ending("done", "", report(run, finding(), state="done")))
    ended = shown()
    assert (ended["state"], ended["progress"], ended["message"]) == ("done", "", "")
    assert Report.model_validate(ended["report"]).findings == (finding(),)


def started_args(started: dict[str, str]) -> dict[str, str]:
    return {"run": started["run"], "token": started["token"]}


def test_a_failed_run_says_why_and_is_started_again_by_another_job(web: Web, iid: int) -> None:
    first = web.start(web.token(iid), iid).json()
    web.store.runs.finish(web.recorded(first["run"]), Ending("failed", "the diff cannot be read"))
    seen = web.read(first["run"], first["token"]).json()
    assert (seen["state"], seen["message"]) == ("failed", "the diff cannot be read")
    assert web.start(web.token(iid), iid).json()["state"] == "queued"


def test_what_a_command_reviewed_before_is_told_with_its_findings(web: Web, iid: int) -> None:
    asked = JobRequest(
        agent="review",
        project=PROJECT,
        project_id=project_id(web),
        iid=iid,
        trigger="command",
        key=f"review:{project_id(web)}:{iid}:note:5",
        head=head(web, iid),
    )
    before = web.recorded(web.store.runs.start(asked, "test"))
    web.store.runs.finish(before, Ending("done", "", report(before, finding(), state="done")))
    started = web.start(web.token(iid), iid).json()
    web.store.runs.finish(web.recorded(started["run"]), Ending("done", "it is already reviewed"))
    seen = web.read(started["run"], started["token"]).json()
    assert (seen["state"], seen["message"]) == ("done", "it is already reviewed")
    assert Report.model_validate(seen["report"]).findings == (finding(),)


def test_a_run_that_had_nothing_to_do_still_has_a_report(web: Web, started: dict[str, str]) -> None:
    web.store.runs.finish(web.recorded(started["run"]), Ending("done", "it is a draft", again=True))
    seen = web.read(**started_args(started)).json()
    assert (seen["message"], seen["report"]["findings"]) == ("it is a draft", [])


@pytest.mark.parametrize(
    "change",
    [
        lambda store, run: store.runs.begin(run, "running"),
        lambda store, run: store.runs.tell(run, "reading the diff"),
        lambda store, run: store.runs.finish(run, Ending("done", "")),
    ],
    ids=["state", "progress", "end"],
)
def test_who_waits_is_woken_by_a_change(
    web: Web, started: dict[str, str], change: Callable[[Store, Run], None]
) -> None:
    run = web.recorded(started["run"])
    later = threading.Timer(0.5, change, (web.store, run))
    later.start()
    began = time.monotonic()
    answer = web.read(**started_args(started), wait=SOON)
    later.join()
    assert 0.4 < time.monotonic() - began < SOON / 2
    assert answer.status_code == 200
    assert (answer.json()["state"], answer.json()["progress"]) != ("queued", "waiting for a worker")


def test_a_change_between_two_looks_is_not_missed(web: Web, started: dict[str, str]) -> None:
    seen = web.read(**started_args(started))
    web.store.runs.begin(web.recorded(started["run"]), "running")
    began = time.monotonic()
    answer = web.read(**started_args(started), wait=SOON, tag=seen.headers["etag"])
    assert time.monotonic() - began < SOON / 2
    assert answer.json()["state"] == "running"


@pytest.mark.parametrize("weak", ["", "W/"])
def test_no_change_is_said_without_a_body_when_the_time_is_up(
    web: Web, started: dict[str, str], weak: str
) -> None:
    seen = web.read(**started_args(started))
    began = time.monotonic()
    answer = web.read(**started_args(started), wait=0.6, tag=weak + seen.headers["etag"])
    assert time.monotonic() - began >= 0.6
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == seen.headers["etag"]


def test_a_run_that_is_over_keeps_nobody_waiting(web: Web, started: dict[str, str]) -> None:
    web.store.runs.finish(web.recorded(started["run"]), Ending("superseded", "it moved on"))
    began = time.monotonic()
    seen = web.read(**started_args(started), wait=SOON)
    assert seen.json()["state"] == "superseded"
    assert web.read(**started_args(started), wait=SOON, tag=seen.headers["etag"]).status_code == 304
    assert time.monotonic() - began < SOON / 2


def test_a_process_that_shall_stop_lets_everybody_go(web: Web, started: dict[str, str]) -> None:
    web.stopping = lambda: True
    began = time.monotonic()
    assert web.read(**started_args(started), wait=SOON).status_code == 200
    assert time.monotonic() - began < SOON / 2


@pytest.mark.parametrize("wait", ["-1", "x", "nan", "1e3", "²", "99999"])
def test_a_wait_that_is_no_number_of_seconds_is_refused(web: Web, started: dict[str, str], wait: str) -> None:
    answer = web.read(**started_args(started), wait=wait)
    assert (answer.status_code, "wait" in answer.json()["error"]) == (422, True)


# --- the other agents ---


ON_ISSUE = {"agent": "triage", "target": {"issue": "SHOP-12"}}


def with_jira(web: Web) -> None:
    rules = Rules(jira=(JiraRule(project="SHOP", gitlab=PROJECT),))
    policy = Routing(web.projects, agents=frozenset({"review", "link", "triage"}), rules=rules)
    web.runs = replace(web.runs, policy=lambda: policy)


def test_a_pipeline_has_its_merge_request_linked_again_as_often_as_it_runs(web: Web, iid: int) -> None:
    with_jira(web)
    order = {"agent": "link", "target": {"project": PROJECT, "iid": iid}, "options": {}}
    first = web.send(web.token(iid), order)
    run = web.recorded(first.json()["run"])
    assert (first.status_code, run.request.agent, run.request.iid) == (202, "link", iid)
    web.store.runs.finish(run, Ending("done", ""))
    again = web.send(web.token(iid), order)
    assert web.recorded(again.json()["run"]).state == "queued"


def test_a_pipeline_has_an_issue_of_a_mapped_project_worked_on(web: Web, iid: int) -> None:
    with_jira(web)
    answer = web.send(web.token(iid), ON_ISSUE)
    assert answer.status_code == 202
    request = web.recorded(answer.json()["run"]).request
    assert (request.issue, request.project) == ("SHOP-12", PROJECT)


@pytest.mark.parametrize("claims", [{"pipeline_id": "999999"}, {"sha": "0" * 40}, {"project_id": "999"}])
def test_a_pipeline_that_the_mapped_project_does_not_have_starts_no_work_on_an_issue(
    web: Web, iid: int, claims: dict[str, str]
) -> None:
    with_jira(web)
    answer = web.send(web.token(iid, claims=claims), ON_ISSUE)
    assert (answer.status_code, "pipelines of forks" in answer.json()["error"]) == (403, True)


@pytest.mark.parametrize(
    ("order", "code", "said"),
    [
        ({"agent": "triage", "target": {"issue": "OPS-1"}}, 403, "OPS-1 is not mapped to acme/shop"),
        ({"agent": "triage", "target": {"issue": "shop 1"}}, 422, "not a request for a run"),
        ({"agent": "triage", "target": {"project": PROJECT, "iid": 1}}, 422, "takes an issue"),
        ({"agent": "link", "target": {"issue": "SHOP-12"}}, 422, "takes an issue"),
    ],
)
def test_an_issue_that_is_none_of_the_projects_is_not_worked_on(
    web: Web, iid: int, order: dict[str, Any], code: int, said: str
) -> None:
    with_jira(web)
    answer = web.send(web.token(iid), order)
    assert answer.status_code == code
    assert said in answer.json()["error"]


def test_without_a_jira_only_reviews_are_made(web: Web, iid: int) -> None:
    order = {"agent": "link", "target": {"project": PROJECT, "iid": iid}}
    answer = web.send(web.token(iid), order)
    assert answer.status_code == 422
    assert "TRIVET_JIRA__URL" in answer.json()["error"]


ON_PAGE = {"agent": "pages", "target": {"page": "123"}}


def with_confluence(web: Web, path: str = PROJECT) -> None:
    rules = Rules(spaces=(SpaceRule(space="DOC", gitlab=path),))
    policy = Routing(web.projects, agents=frozenset({"review", "pages"}), rules=rules)
    web.runs = replace(web.runs, policy=lambda: policy)


def test_a_pipeline_has_pages_held_against_its_merge_request(web: Web, iid: int) -> None:
    with_confluence(web)
    answer = web.send(web.token(iid), {"agent": "pages", "target": {"project": PROJECT, "iid": iid}})
    request = web.recorded(answer.json()["run"]).request
    assert (answer.status_code, request.agent, request.iid, request.release) == (202, "pages", iid, "")


def test_a_pipeline_of_a_mapped_project_has_a_page_looked_at_again(web: Web, iid: int) -> None:
    with_confluence(web)
    answer = web.send(web.token(iid), ON_PAGE)
    request = web.recorded(answer.json()["run"]).request
    assert (answer.status_code, request.page, request.project) == (202, "123", PROJECT)


@pytest.mark.parametrize(
    ("order", "path", "code", "said"),
    [
        (ON_PAGE, "acme/other", 403, "no space is mapped to acme/shop"),
        ({"agent": "pages", "target": {"page": "../1"}}, PROJECT, 422, "not a request for a run"),
        ({"agent": "review", "target": {"page": "123"}}, PROJECT, 422, "a page"),
        ({"agent": "triage", "target": {"issue": "SHOP-12"}}, PROJECT, 422, "TRIVET_JIRA__URL"),
    ],
)
def test_a_page_that_is_none_of_the_projects_is_not_looked_at(
    web: Web, iid: int, order: dict[str, Any], path: str, code: int, said: str
) -> None:
    with_confluence(web, path)
    answer = web.send(web.token(iid), order)
    assert answer.status_code == code
    assert said in answer.json()["error"]


def test_without_a_confluence_its_setting_is_named(web: Web, iid: int) -> None:
    with_jira(web)
    answer = web.send(web.token(iid), ON_PAGE)
    assert (answer.status_code, "TRIVET_CONFLUENCE__URL" in answer.json()["error"]) == (422, True)
