"""Jira's deliveries over HTTP: signed, by a header or by an address; one log line each, which holds no secret."""

import asyncio
import hmac
import http.client
import json
import logging
from collections.abc import Sequence
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from bot.domain.rules import JiraRule, On, Rules
from bot.entry.http_server import UVICORN
from bot.entry.receiver import SOURCES, Receiver, create_receiver
from bot.routing import Routing
from tests.receiving import DictInbox, call, served

SECRET = "jira-" + "Kd9Pq" * 4
GITLAB_SECRET = "gitlab-" + "Zq8Rt" * 4
RULES = Rules(jira=(JiraRule(project="SHOP", on=On(event="created"), do=("summarize",)),))
POLICY = Routing(agents=frozenset({"review", "triage"}), rules=RULES)
HOOK = "/hooks/jira"


def make_app(inbox: DictInbox, secrets: Sequence[str] = (SECRET,)) -> Receiver:
    held = {"gitlab": [GITLAB_SECRET], "jira": list(secrets)}
    return create_receiver(inbox, secrets=lambda source: held[source], policy=lambda: POLICY)


@pytest.fixture
def inbox() -> DictInbox:
    return DictInbox()


@pytest.fixture
def app(inbox: DictInbox) -> Receiver:
    return make_app(inbox)


def created(key: str = "SHOP-41", **more: Any) -> bytes:
    issue = {"id": "10040", "key": key, "fields": {"summary": "the hidden summary"}}
    body = {"timestamp": 1_795_353_336_123, "webhookEvent": "jira:issue_created", "issue": issue}
    return json.dumps(body | more).encode()


def told(**more: Any) -> bytes:
    return json.dumps({"event": "created", "issue_key": "SHOP-41"} | more).encode()


def signed(body: bytes, name: str = "a1b2-c3") -> dict[str, str]:
    signature = "sha256=" + hmac.digest(SECRET.encode(), body, "sha256").hex()
    return {"x-hub-signature": signature, "x-atlassian-webhook-identifier": name}


def deliver(app: Receiver, body: bytes, name: str = "a1b2-c3") -> httpx2.Response:
    return call(app, "POST", HOOK, content=body, headers=signed(body, name))


def send(app: Receiver, body: bytes) -> httpx2.Response:
    return call(app, "POST", HOOK, content=body, headers={"x-trivet-token": SECRET})


def test_a_signed_issue_that_a_rule_speaks_of_is_accepted_and_queued(app: Receiver, inbox: DictInbox) -> None:
    answer = deliver(app, created())
    assert (answer.status_code, answer.json()["status"]) == (202, "accepted")
    assert answer.json()["delivery"] == "jira:a1b2-c3"
    assert [(request.agent, request.issue, request.trigger) for request in inbox.requests] == [
        ("triage", "SHOP-41", "created")
    ]


def test_a_delivery_that_jira_sends_again_is_a_duplicate(app: Receiver, inbox: DictInbox) -> None:
    answers = [deliver(app, created()).json()["status"] for _ in range(3)]
    assert answers == ["accepted", "duplicate", "duplicate"]
    assert len(inbox.requests) == 1


def test_a_server_that_names_no_delivery_is_known_by_what_occurred(app: Receiver) -> None:
    answers = [deliver(app, created(matchedWebhookIds=[hook]), name="").json() for hook in (1, 2)]
    assert [answer["status"] for answer in answers] == ["accepted", "duplicate"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (created("OTHER-1"), "OTHER"),
        (json.dumps({"webhookEvent": "sprint_started"}).encode(), "sprints"),
        (json.dumps({"webhookEvent": "comet_seen"}).encode(), "unknown event: comet_seen"),
    ],
)
def test_an_authentic_event_that_starts_nothing_is_acknowledged_with_the_reason(
    app: Receiver, inbox: DictInbox, body: bytes, words: str
) -> None:
    answer = deliver(app, body)
    assert (answer.status_code, answer.json()["status"]) == (202, "ignored")
    assert words in answer.json()["reason"]
    assert not inbox.deliveries
    assert not inbox.stopped


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", told(issue_key=""), created(issue={"key": "x"})])
def test_an_authentic_body_that_is_no_event_is_malformed(app: Receiver, body: bytes) -> None:
    assert deliver(app, body).status_code == 400


def test_a_rule_shows_the_secret_in_a_header(app: Receiver, inbox: DictInbox) -> None:
    assert send(app, told(id="t-1")).json()["status"] == "accepted"
    assert send(app, told(id="t-1", more=1)).json()["status"] == "duplicate"
    assert inbox.lifetimes == [None]


def test_a_request_that_names_no_occurrence_is_the_same_for_a_minute_only(
    app: Receiver, inbox: DictInbox
) -> None:
    assert send(app, told()).json()["status"] == "accepted"
    assert inbox.lifetimes == [60]


def test_an_old_server_shows_the_secret_in_its_address(app: Receiver) -> None:
    assert call(app, "POST", f"{HOOK}?secret={SECRET}", content=created()).status_code == 202
    for query in (f"secret={SECRET}x", f"secret={SECRET}&secret={SECRET}", "secret=", ""):
        assert call(app, "POST", f"{HOOK}?{query}", content=created()).status_code == 401


def test_a_signature_of_another_body_is_refused_whatever_else_is_shown(
    app: Receiver, inbox: DictInbox
) -> None:
    headers = signed(created()) | {"x-trivet-token": SECRET}
    answer = call(app, "POST", f"{HOOK}?secret={SECRET}", content=created("SHOP-42"), headers=headers)
    assert (answer.status_code, answer.json()["delivery"]) == (401, "jira:a1b2-c3")
    assert not inbox.deliveries


@pytest.mark.parametrize("header", ["x-hub-signature", "x-trivet-token"])
def test_a_proof_that_is_sent_twice_is_refused(app: Receiver, header: str) -> None:
    value = signed(created())["x-hub-signature"] if header == "x-hub-signature" else SECRET
    answer = call(app, "POST", HOOK, content=created(), headers=[(header, value), (header, value)])
    assert answer.status_code == 401


def test_each_platform_has_its_own_secrets(app: Receiver) -> None:
    gitlab_here = call(app, "POST", HOOK, content=created(), headers={"x-trivet-token": GITLAB_SECRET})
    jira_there = call(app, "POST", "/hooks/gitlab", content=created(), headers={"x-gitlab-token": SECRET})
    assert (gitlab_here.status_code, jira_there.status_code) == (401, 401)


@pytest.mark.parametrize("secrets", [(), ("",)])
def test_without_a_configured_secret_everything_is_refused(inbox: DictInbox, secrets: Sequence[str]) -> None:
    app = make_app(inbox, secrets)
    answers = [
        call(app, "POST", HOOK + query, content=created(), headers=headers)
        for query in ("", "?secret=")
        for headers in ({}, {"x-trivet-token": ""}, signed(created()))
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert all("TRIVET_JIRA__WEBHOOK_SECRETS" in answer.json()["reason"] for answer in answers)


def test_what_cannot_be_made_durable_is_not_acknowledged(app: Receiver, inbox: DictInbox) -> None:
    inbox.down = True
    assert deliver(app, created()).status_code == 503
    inbox.down = False
    assert deliver(app, created()).json()["status"] == "accepted"


def test_a_delivery_is_one_log_line_that_names_project_and_issue(app: Receiver) -> None:
    with capture_logs() as lines:
        deliver(app, created())
    assert len(lines) == 1
    wanted = {"source": "jira", "status": "accepted", "kind": "issue", "project": "SHOP", "issue": "SHOP-41"}
    assert wanted.items() <= lines[0].items()
    assert "hidden" not in str(lines)


def test_a_released_version_is_logged_with_its_projects_number(app: Receiver) -> None:
    version = {"id": "1", "name": "2.4.0", "projectId": 10000}
    with capture_logs() as lines:
        deliver(app, json.dumps({"webhookEvent": "jira:version_released", "version": version}).encode())
    assert (lines[0]["kind"], lines[0]["project"], "issue" in lines[0]) == ("version", "10000", False)


@pytest.mark.parametrize(
    ("code", "method", "path", "more"),
    [
        (202, "POST", HOOK, ""),
        (401, "POST", HOOK, "x"),
        (404, "POST", HOOK + "/", ""),
        (405, "GET", HOOK, ""),
    ],
)
def test_a_secret_in_the_address_reaches_no_log(
    app: Receiver, caplog: pytest.LogCaptureFixture, code: int, method: str, path: str, more: str
) -> None:
    with caplog.at_level(logging.DEBUG), capture_logs() as lines, served(app, **UVICORN) as port:
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        client.request(method, f"{path}?secret={SECRET}{more}", body=created())
        assert client.getresponse().status == code
        client.close()
    assert SECRET not in caplog.text + str(lines)


HEADERS = st.sampled_from(
    [
        b"x-hub-signature",
        b"x-trivet-token",
        b"x-atlassian-webhook-identifier",
        b"content-length",
        b"content-encoding",
    ]
)
VALUES = st.binary(max_size=40) | st.sampled_from([SECRET.encode(), b"sha256=", b"sha256=" + b"0" * 64])
QUERIES = st.binary(max_size=40) | st.sampled_from([f"secret={SECRET}".encode(), b"secret=%zz&secret"])
BODIES = st.binary(max_size=200) | st.sampled_from(
    [created(), told(), b'{"webhookEvent": "comment_created", "comment": ' + b"[" * 300 + b"]" * 300 + b"}"]
)


@settings(max_examples=200, deadline=None)
@given(
    headers=st.lists(st.tuples(HEADERS, VALUES), max_size=5), query=QUERIES, body=BODIES, ours=st.booleans()
)
def test_garbage_never_gives_a_server_error(
    headers: list[tuple[bytes, bytes]], query: bytes, body: bytes, ours: bool
) -> None:
    async def exchange() -> tuple[int, bytes]:
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def answer(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": HOOK, "query_string": query, "headers": headers}
        await make_app(DictInbox())(scope, receive, answer)
        return sent[0]["status"], sent[1]["body"]

    if ours:
        headers = [(name.encode(), value.encode()) for name, value in signed(body).items()]
    with capture_logs() as lines:
        code, said = asyncio.run(exchange())
    assert code in (202, 400, 401, 408, 413, 415)
    assert not ours or code in (202, 400)
    assert json.loads(said).keys() >= {"status", "reason", "delivery"}
    assert len(lines) == 1


def test_every_source_has_a_hook(app: Receiver) -> None:
    assert set(app.hooks) == {f"/hooks/{name}" for name in SOURCES}
