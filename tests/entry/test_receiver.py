"""The receiver over HTTP: the documented answer to everything, one log line each, and nothing else."""

import asyncio
import base64
import gc
import gzip
import hmac
import json
import socket
import time
import tracemalloc
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Sequence
from http.client import HTTPConnection
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from bot.entry import body as body_module
from bot.entry.body import MOST_LET_BY
from bot.entry.http_server import UVICORN
from bot.entry.patience import patient
from bot.entry.receiver import Receiver, create_receiver
from bot.entry.recording import StoreDown
from bot.routing import Routing
from tests.receiving import DictInbox, call, called, served

NOW = 1_795_353_336
KEY = bytes(range(32))
SIGNING_TOKEN = "whsec_" + base64.b64encode(KEY).decode()
TOKEN = "plain-" + "t" * 20
POLICY = Routing(projects=("group/*",), bot_id=9, bot_name="trivet")
HEAD = "a" * 40
HOOK = "/hooks/gitlab"


@pytest.fixture
def inbox() -> DictInbox:
    return DictInbox()


@pytest.fixture
def app(inbox: DictInbox) -> Receiver:
    return make_app(inbox)


def make_app(
    inbox: DictInbox, secrets: Sequence[str] = (SIGNING_TOKEN, TOKEN), max_body: int = 100_000
) -> Receiver:
    return create_receiver(
        inbox,
        secrets=lambda source: secrets,
        policy=lambda: POLICY,
        max_body=max_body,
        clock=lambda: float(NOW),
    )


def payload(action: str = "open", project: str = "group/shop", **fields: Any) -> bytes:
    about = {"iid": 3, "action": action, "last_commit": {"id": HEAD}, "updated_at": "2026-11-22 10:00:00 UTC"}
    body = {
        "object_kind": "merge_request",
        "user": {"id": 7, "username": "ann"},
        "project": {"id": 42, "path_with_namespace": project},
        "object_attributes": about | fields,
    }
    return json.dumps(body).encode()


def signed(body: bytes, name: str = "msg-1", at: int = NOW) -> dict[str, str]:
    digest = hmac.digest(KEY, f"{name}.{at}.".encode() + body, "sha256")
    return {
        "content-type": "application/json",
        "webhook-id": name,
        "webhook-timestamp": str(at),
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }


def deliver(app: Receiver, body: bytes, name: str = "msg-1") -> httpx2.Response:
    return call(app, "POST", HOOK, content=body, headers=signed(body, name))


async def pieces(size: int, count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * size


def test_an_opened_merge_request_is_accepted_and_queued(app: Receiver, inbox: DictInbox) -> None:
    answer = deliver(app, payload())
    assert answer.status_code == 202
    assert answer.json() == {
        "status": "accepted",
        "reason": "a run is queued",
        "delivery": "msg-1",
        "run": f"run-review:42:3:{HEAD}",
    }
    assert [request.key for request in inbox.requests] == [f"review:42:3:{HEAD}"]


def test_a_plain_token_is_enough(app: Receiver, inbox: DictInbox) -> None:
    answer = call(
        app, "POST", HOOK, content=payload(), headers={"X-Gitlab-Token": TOKEN, "Idempotency-Key": "k"}
    )
    assert (answer.status_code, answer.json()["delivery"]) == (202, "k")


def test_header_names_are_read_in_any_case(app: Receiver) -> None:
    headers = {name.title(): value for name, value in signed(payload()).items()}
    assert call(app, "POST", HOOK, content=payload(), headers=headers).json()["status"] == "accepted"


def test_fifty_equal_deliveries_at_once_are_one(app: Receiver, inbox: DictInbox) -> None:
    async def burst() -> list[httpx2.Response]:
        body = payload()
        return await asyncio.gather(
            *(called(app, "POST", HOOK, content=body, headers=signed(body)) for _ in range(50))
        )

    answers = [answer.json() for answer in asyncio.run(burst())]
    assert sorted(answer["status"] for answer in answers) == ["accepted"] + ["duplicate"] * 49
    assert len({answer["run"] for answer in answers}) == 1
    assert len(inbox.requests) == 1


def test_a_delivery_without_a_name_is_known_by_its_body(app: Receiver, inbox: DictInbox) -> None:
    answers = [
        call(app, "POST", HOOK, content=payload(), headers={"x-gitlab-token": TOKEN}).json() for _ in range(2)
    ]
    assert [answer["status"] for answer in answers] == ["accepted", "duplicate"]
    assert answers[0]["delivery"] == answers[1]["delivery"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (payload("approved"), "approvals start nothing"),
        (payload(project="other/shop"), "TRIVET_GITLAB__PROJECTS"),
        (b'{"object_kind": "wiki_page"}', "wiki pages"),
        (b'{"object_kind": "comet"}', "unknown event: comet"),
    ],
)
def test_an_authentic_event_that_starts_nothing_is_acknowledged_with_the_reason(
    app: Receiver, inbox: DictInbox, body: bytes, words: str
) -> None:
    answer = deliver(app, body)
    assert (answer.status_code, answer.json()["status"]) == (202, "ignored")
    assert words in answer.json()["reason"]
    assert not inbox.deliveries


@pytest.mark.parametrize("action", ["merge", "close"])
def test_a_merge_request_that_ends_stops_its_runs(app: Receiver, inbox: DictInbox, action: str) -> None:
    assert deliver(app, payload(action)).json()["status"] == "ignored"
    assert inbox.stopped == ["gitlab:42:3"]


def test_the_end_of_a_merge_request_elsewhere_touches_nothing(app: Receiver, inbox: DictInbox) -> None:
    assert deliver(app, payload("merge", project="other/shop")).json()["status"] == "ignored"
    assert inbox.stopped == []


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"{}", payload(iid="three"), payload(last_commit={"id": "x"})]
)
def test_an_authentic_body_that_is_no_event_is_malformed(
    app: Receiver, inbox: DictInbox, body: bytes
) -> None:
    answer = deliver(app, body)
    assert (answer.status_code, answer.json()["status"]) == (400, "refused")
    assert not inbox.deliveries


def test_a_signature_of_another_body_is_refused(app: Receiver, inbox: DictInbox) -> None:
    headers = signed(payload()) | {"x-gitlab-token": TOKEN}
    answer = call(app, "POST", HOOK, content=payload(iid=4), headers=headers)
    assert (answer.status_code, answer.json()["delivery"]) == (401, "msg-1")
    assert not inbox.deliveries


def test_a_replay_after_six_minutes_is_refused(app: Receiver) -> None:
    body = payload()
    assert call(app, "POST", HOOK, content=body, headers=signed(body, at=NOW - 360)).status_code == 401


@pytest.mark.parametrize("first", [True, False])
def test_a_signed_delivery_with_a_second_name_is_refused(app: Receiver, first: bool) -> None:
    body, other = payload(), [("webhook-id", "msg-2")]
    headers = [*other, *signed(body).items()] if first else [*signed(body).items(), *other]
    assert call(app, "POST", HOOK, content=body, headers=headers).status_code == 401


@pytest.mark.parametrize("secrets", [(), ("",)])
def test_without_a_configured_secret_everything_is_refused(
    inbox: DictInbox, secrets: tuple[str, ...]
) -> None:
    for headers in ({}, {"x-gitlab-token": ""}, signed(payload())):
        answer = call(make_app(inbox, secrets), "POST", HOOK, content=payload(), headers=headers)
        assert answer.status_code == 401
    assert not inbox.deliveries


def test_secrets_are_asked_for_anew_so_that_they_can_rotate(inbox: DictInbox) -> None:
    current = [TOKEN]
    app = create_receiver(inbox, secrets=lambda source: current, policy=lambda: POLICY)
    before = call(app, "POST", HOOK, content=payload(), headers={"x-gitlab-token": TOKEN})
    current[0] = "another-" + "t" * 20
    after = call(app, "POST", HOOK, content=payload(), headers={"x-gitlab-token": TOKEN})
    assert (before.status_code, after.status_code) == (202, 401)


def test_a_body_at_the_limit_is_read_and_one_byte_more_is_not(inbox: DictInbox) -> None:
    body = payload()
    assert deliver(make_app(inbox, max_body=len(body)), body).status_code == 202
    answer = deliver(make_app(inbox, max_body=len(body) - 1), body)
    assert answer.status_code == 413
    assert answer.headers["connection"] == "close"


def test_a_chunked_body_is_counted_while_it_is_read(app: Receiver) -> None:
    answer = call(app, "POST", HOOK, content=pieces(1_000, 101), headers={"x-gitlab-token": TOKEN})
    assert answer.status_code == 413


def test_no_more_than_the_limit_of_a_chunked_body_is_taken(app: Receiver) -> None:
    """Of one without end: the rest goes by, no more of it than may, and takes no memory."""
    came, piece = 0, b"x" * 10_000

    async def receive() -> dict[str, Any]:
        nonlocal came
        came += len(piece)
        return {"type": "http.request", "body": piece, "more_body": True}

    tracemalloc.start()
    try:
        assert asyncio.run(asgi(app, [], receive))[0] == 413
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
    assert came <= 120_000 + MOST_LET_BY


def test_a_body_in_tiny_pieces_takes_no_more_memory_than_a_whole_one(inbox: DictInbox) -> None:
    left = 100_000

    async def receive() -> dict[str, Any]:
        nonlocal left
        left -= 1
        return {"type": "http.request", "body": bytes([left % 256, 0]), "more_body": left > 0}

    tracemalloc.start()
    try:
        assert asyncio.run(asgi(make_app(inbox, max_body=1_000_000), [], receive))[0] == 401
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("length", [str(MOST_LET_BY + 1), "9" * 30, "9" * 5_000])
def test_a_declared_length_far_over_the_limit_is_refused_unread(app: Receiver, length: str) -> None:
    async def receive() -> dict[str, Any]:
        pytest.fail("the body was read")

    assert asyncio.run(asgi(app, [(b"content-length", length.encode())], receive))[0] == 413


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "GZIP", "identity, gzip", "x"])
def test_a_compressed_body_is_refused(app: Receiver, inbox: DictInbox, encoding: str) -> None:
    body = gzip.compress(payload())
    answer = call(app, "POST", HOOK, content=body, headers=signed(body) | {"content-encoding": encoding})
    assert (answer.status_code, answer.json()["status"]) == (415, "refused")
    assert not inbox.deliveries


def test_the_identity_encoding_and_any_content_type_are_read(app: Receiver) -> None:
    headers = signed(payload()) | {"content-encoding": "identity", "content-type": "text/plain"}
    assert call(app, "POST", HOOK, content=payload(), headers=headers).status_code == 202


def test_size_comes_before_encoding_and_encoding_before_signature(app: Receiver) -> None:
    both = {"content-encoding": "gzip"}
    assert call(app, "POST", HOOK, content=b"x" * 100_001, headers=both).status_code == 413
    assert call(app, "POST", HOOK, content=b"x", headers=both).status_code == 415


def test_a_sender_who_hangs_up_records_nothing(app: Receiver, inbox: DictInbox) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    with capture_logs() as lines:
        assert asyncio.run(asgi(app, [], receive))[0] == 400
    assert len(lines) == 1
    assert not inbox.deliveries


@pytest.mark.parametrize("body", [payload(), payload("merge")])
def test_what_cannot_be_made_durable_is_not_acknowledged(
    app: Receiver, inbox: DictInbox, body: bytes
) -> None:
    inbox.down = True
    answer = deliver(app, body)
    assert (answer.status_code, answer.json()["delivery"]) == (503, "msg-1")
    assert "could not be recorded" in answer.json()["reason"]
    inbox.down = False
    assert deliver(app, body).status_code == 202


def test_an_unexpected_error_is_a_503_that_repeats_nothing(app: Receiver, inbox: DictInbox) -> None:
    inbox.broken = ValueError("the hidden text")
    with capture_logs() as lines:
        answer = deliver(app, payload())
    assert answer.status_code == 503
    assert [line["log_level"] for line in lines] == ["error"]
    assert lines[0]["error"].startswith("ValueError in _check at ")
    assert "hidden" not in answer.text + str(lines)


def test_a_delivery_is_one_log_line_without_secrets_or_body(app: Receiver) -> None:
    with capture_logs() as lines:
        deliver(app, payload(title="the hidden title"))
    assert len(lines) == 1
    line = lines[0]
    assert {name: line[name] for name in ("source", "status", "code", "delivery", "kind", "project")} == {
        "source": "gitlab",
        "status": "accepted",
        "code": 202,
        "delivery": "msg-1",
        "kind": "merge_request",
        "project": "group/shop",
    }
    assert 0 < line["ms"] < 10_000
    for hidden in ("hidden title", signed(payload())["webhook-signature"], TOKEN, SIGNING_TOKEN):
        assert hidden not in str(lines)


def test_a_refusal_is_one_warning_without_the_token(app: Receiver) -> None:
    with capture_logs() as lines:
        answer = call(app, "POST", HOOK, content=b"{}", headers={"x-gitlab-token": "wrong-" + "w" * 20})
    assert [(line["log_level"], line["code"]) for line in lines] == [("warning", 401)]
    assert "wrong-" not in str(lines) + answer.text


def test_an_unknown_kind_is_a_warning_once(app: Receiver) -> None:
    with capture_logs() as lines:
        for kind in ("comet", "comet", "meteor", "wiki_page"):
            deliver(app, json.dumps({"object_kind": kind}).encode())
    assert [line["log_level"] for line in lines] == ["warning", "info", "warning", "info"]


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", HOOK, 405),
        ("PUT", HOOK, 405),
        ("POST", "/healthz", 405),
        ("GET", "/hooks/jira", 405),
        ("POST", "/hooks/bitbucket", 404),
        ("POST", "/hooks/gitlab/", 404),
        ("GET", "/", 404),
        ("GET", "/docs", 404),
        ("GET", "/redoc", 404),
        ("GET", "/openapi.json", 404),
    ],
)
def test_any_other_path_or_method_is_refused_in_the_same_shape(
    app: Receiver, method: str, path: str, code: int
) -> None:
    answer = call(app, method, path)
    assert answer.status_code == code
    assert answer.json()["status"] == "refused"
    assert answer.json()["reason"]


def test_health_says_that_the_process_lives_whatever_the_store_does(app: Receiver, inbox: DictInbox) -> None:
    inbox.down = True
    assert call(app, "GET", "/healthz").status_code == 200


def test_readiness_follows_the_store(
    app: Receiver, inbox: DictInbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call(app, "GET", "/readyz").status_code == 200

    async def forgetful() -> str:
        return "the store keeps nothing"

    monkeypatch.setattr(inbox, "ready", forgetful)
    answer = call(app, "GET", "/readyz")
    assert (answer.status_code, answer.json()["reason"]) == (503, "the store keeps nothing")


@pytest.mark.parametrize("fault", [StoreDown(), OSError("boom")])
@pytest.mark.parametrize("path", ["/readyz", "/metrics"])
def test_the_other_routes_never_answer_500_either(
    app: Receiver, inbox: DictInbox, path: str, fault: Exception
) -> None:
    inbox.broken = fault
    answer = call(app, "GET", path)
    assert answer.status_code in (200, 503)
    assert "boom" not in answer.text


def test_metrics_count_deliveries_by_result_and_show_the_queues(app: Receiver) -> None:
    deliver(app, payload())
    deliver(app, payload())
    call(app, "POST", HOOK, content=b"{}")
    text = call(app, "GET", "/metrics").text
    assert 'trivet_deliveries_total{code="202",result="accepted",source="gitlab"} 1.0' in text
    assert 'trivet_deliveries_total{code="202",result="duplicate",source="gitlab"} 1.0' in text
    assert 'trivet_deliveries_total{code="401",result="refused",source="gitlab"} 1.0' in text
    assert 'trivet_delivery_seconds_count{source="gitlab"} 3.0' in text
    assert 'trivet_queue_depth{queue="agents"} 1.0' in text


def test_two_applications_count_for_themselves(inbox: DictInbox) -> None:
    first, second = make_app(inbox), make_app(inbox)
    deliver(first, payload())
    assert "accepted" not in call(second, "GET", "/metrics").text


def test_at_start_the_heap_is_frozen(app: Receiver) -> None:
    async def start() -> int:
        async with app.rest.router.lifespan_context(app.rest):
            return gc.get_freeze_count()

    try:
        assert asyncio.run(start()) > 1_000
    finally:
        gc.unfreeze()


async def asgi(app: Receiver, headers: Sequence[tuple[bytes, bytes]], receive: Any) -> tuple[int, bytes]:
    """One raw request, with header bytes no client would send: status and body of the answer."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": HOOK,
        "raw_path": HOOK.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": list(headers),
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


HEADER_NAMES = st.sampled_from(
    (
        b"content-length",
        b"content-encoding",
        b"content-type",
        b"host",
        b"idempotency-key",
        b"webhook-id",
        b"webhook-signature",
        b"webhook-timestamp",
        b"x-gitlab-event",
        b"x-gitlab-token",
    )
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
KINDS = st.sampled_from(["merge_request", "note", "emoji", "push", "tag_push", "pipeline", "issue", "comet"])
EVENTS = st.builds(
    lambda kind, parts: {"object_kind": kind} | parts,
    KINDS,
    st.dictionaries(
        st.sampled_from(["object_attributes", "project", "user", "changes", "merge_request", "ref", "after"]),
        JSON,
    ),
)
BODIES = st.one_of(
    st.binary(max_size=200),
    JSON.map(lambda value: json.dumps(value).encode()),
    EVENTS.map(lambda value: json.dumps(value).encode()),
    st.integers(1, 3_000).map(lambda depth: b'{"object_kind": "push", "x": ' + b"[" * depth),
)


@settings(max_examples=300, deadline=None)
@given(
    headers=st.lists(st.tuples(HEADER_NAMES, st.binary(max_size=40)), max_size=6),
    body=BODIES,
    ours=st.booleans(),
)
def test_garbage_never_gives_a_server_error(
    headers: list[tuple[bytes, bytes]], body: bytes, ours: bool
) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    if ours:
        headers = [(name.encode(), value.encode()) for name, value in signed(body).items()]
    inbox = DictInbox()
    with capture_logs() as lines:
        code, answer = asyncio.run(asgi(make_app(inbox), headers, receive))
    assert code in (202, 400, 401, 408, 413, 415)
    assert not ours or code in (202, 400)
    assert json.loads(answer).keys() >= {"status", "reason", "delivery"}
    assert len(lines) == 1
    assert not inbox.requests


def test_over_a_real_socket_a_huge_body_is_refused_before_it_is_sent(app: Receiver) -> None:
    head = f"POST {HOOK} HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000000\r\n\r\n"
    with served(app) as port, socket.create_connection(("127.0.0.1", port), 10) as client:
        client.sendall(head.encode())
        answer = b"".join(iter(lambda: client.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 413")
    assert b'"status":"refused"' in answer


BODIES_SENT_WHOLE = {
    "413 of 5.3 MB": (413, 5_300_000, {}),
    "413 of 8 MB": (413, 8_000_000, {}),
    "413 of 30 MB": (413, 30_000_000, {}),
    "413 in chunks": (413, 8_000_000, {"transfer-encoding": "chunked"}),
    "415": (415, 4_000_000, {"content-encoding": "gzip"}),
    "401": (401, 4_000_000, {}),
}


@pytest.mark.parametrize("how", BODIES_SENT_WHOLE)
@pytest.mark.parametrize("client", ["http.client", "urllib"])
def test_who_sends_a_whole_body_before_reading_gets_the_answer_every_time(
    inbox: DictInbox, monkeypatch: pytest.MonkeyPatch, client: str, how: str
) -> None:
    monkeypatch.setattr(body_module, "LET_BY_SECONDS", 9.0)  # however busy the machine is
    code, size, headers = BODIES_SENT_WHOLE[how]
    post = {"http.client": by_http_client, "urllib": by_urllib}[client]
    with served(make_app(inbox, max_body=5_000_000), **UVICORN, **patient()) as port:
        answers = [post(port, b"x" * size, headers) for _ in range(5)]
    assert answers == [(code, "refused")] * 5


def by_http_client(port: int, content: bytes, headers: dict[str, str]) -> tuple[int, str]:
    client = HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        client.request("POST", HOOK, content, headers, encode_chunked="transfer-encoding" in headers)
        answer = client.getresponse()
        return answer.status, json.loads(answer.read())["status"]
    finally:
        client.close()


def by_urllib(port: int, content: bytes, headers: dict[str, str]) -> tuple[int, str]:
    """Raises HTTPError's status as an answer, as its callers see it; what is in chunks it makes of an iterator."""
    sent = iter([content]) if "transfer-encoding" in headers else content
    asked = urllib.request.Request(f"http://127.0.0.1:{port}{HOOK}", sent, headers)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(asked, timeout=20)
    with caught.value as answer:
        return answer.code, json.loads(answer.read())["status"]


def test_who_waits_to_be_told_to_go_on_is_refused_at_once_and_never_told(app: Receiver) -> None:
    head = f"POST {HOOK} HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\nExpect: 100-continue\r\n\r\n"
    began = time.monotonic()
    with served(app) as port, socket.create_connection(("127.0.0.1", port), 10) as client:
        client.sendall(head.encode())
        answer = b"".join(iter(lambda: client.recv(4096), b""))
        assert time.monotonic() - began < body_module.LET_BY_SECONDS
    assert answer.startswith(b"HTTP/1.1 413")


def test_over_a_real_socket_one_connection_carries_many_deliveries(app: Receiver, inbox: DictInbox) -> None:
    with served(app) as port, httpx2.Client(base_url=f"http://127.0.0.1:{port}") as client:
        for number in range(5):
            body = payload(iid=number + 1)
            answer = client.post(HOOK, content=body, headers=signed(body, f"msg-{number}"))
            assert answer.json()["status"] == "accepted"
    assert [request.iid for request in inbox.requests] == [1, 2, 3, 4, 5]
