"""Webhooks out: what is sent, how it is signed, and what happens when nobody answers."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from tests.sandbox_server import SandboxServer

HOOKS = "/projects/acme%2Fshop/hooks"
REQUEST = "/projects/acme%2Fshop/merge_requests/1"
SIGNING_TOKEN = "whsec_" + base64.b64encode(hashlib.sha256(b"a test").digest()).decode()
QUIET = {"push_events": False}


@dataclass(frozen=True)
class Received:
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)


class Receiver:
    """Collects deliveries; answers with `status`."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.status = 202
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hooks/gitlab"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> "Receiver":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.received.append(Received(dict(self.headers), body))
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        return Handler


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        yield server


def sent(sandbox: SandboxServer, receiver: Receiver, number: int) -> list[Received]:
    """The deliveries, once `number` have been answered."""
    sandbox.wait_for(
        lambda state: len([one for one in state["deliveries"] if one["status"] is not None]) >= number
    )
    assert len(receiver.received) == number
    return receiver.received


def test_a_token_is_sent_as_it_is_with_gitlabs_headers(sandbox: SandboxServer, receiver: Receiver) -> None:
    sandbox.add_hook(receiver.url, "a shared secret")
    sandbox.push("feature", {"a": "1\n"})
    [push] = sent(sandbox, receiver, 1)
    assert push.headers["X-Gitlab-Event"] == "Push Hook"
    assert push.headers["X-Gitlab-Token"] == "a shared secret"
    assert push.headers["User-Agent"] == "GitLab/19.2.0"
    assert push.headers["X-Gitlab-Instance"] == sandbox.url
    assert push.headers["Content-Type"] == "application/json"
    assert {"Idempotency-Key", "X-Gitlab-Webhook-UUID", "X-Gitlab-Event-UUID"} <= set(push.headers)
    assert "webhook-signature" not in push.headers


def test_a_signing_token_signs_as_standard_webhooks_do(sandbox: SandboxServer, receiver: Receiver) -> None:
    sandbox.add_hook(receiver.url, SIGNING_TOKEN)
    sandbox.push("feature", {"a": "1\n"})
    [push] = sent(sandbox, receiver, 1)
    assert push.headers["webhook-id"] == push.headers["Idempotency-Key"]
    assert "X-Gitlab-Token" not in push.headers
    Webhook(SIGNING_TOKEN).verify(push.body, {key.lower(): value for key, value in push.headers.items()})
    with pytest.raises(WebhookVerificationError):
        Webhook(SIGNING_TOKEN).verify(
            push.body + b" ", {key.lower(): value for key, value in push.headers.items()}
        )


def test_a_resent_delivery_keeps_its_key_and_body(sandbox: SandboxServer, receiver: Receiver) -> None:
    sandbox.add_hook(receiver.url)
    sandbox.push("feature", {"a": "1\n"})
    sandbox.resend(sandbox.state()["deliveries"][0]["id"])
    first, second = sent(sandbox, receiver, 2)
    assert first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]
    assert first.headers["X-Gitlab-Webhook-UUID"] != second.headers["X-Gitlab-Webhook-UUID"]
    assert first.body == second.body


def test_the_life_of_a_merge_request_is_told_in_order(sandbox: SandboxServer, receiver: Receiver) -> None:
    sandbox.push("feature", {"a": "1\n"})
    sandbox.add_hook(receiver.url)
    sandbox.merge_request(draft=True)
    before = sandbox.merge_request_state(1)["head"]
    sandbox.act(1, "ready")
    sandbox.act(1, "review_request")
    sandbox.act(1, "review_request", reviewer="trivet")
    head = sandbox.push("feature", {"a": "2\n"})
    sandbox.act(1, "close")
    sandbox.act(1, "reopen")
    sandbox.act(1, "merge")
    told = [one.json for one in sent(sandbox, receiver, 10)]
    assert [one["object_kind"] for one in told].count("push") == 2
    told = [one for one in told if one["object_kind"] == "merge_request"]
    actions = [one["object_attributes"]["action"] for one in told]
    assert actions == ["open", "update", "update", "update", "update", "close", "reopen", "merge"]
    assert told[0]["object_attributes"]["draft"] is True
    assert told[1]["changes"]["draft"] == {"previous": True, "current": False}
    asked = told[2]["changes"]["reviewers"]
    assert (asked["previous"], [one["username"] for one in asked["current"]]) == ([], ["trivet"])
    assert [one["re_requested"] for one in told[3]["changes"]["reviewers"]["current"]] == [True]
    assert (told[4]["object_attributes"]["oldrev"], told[4]["object_attributes"]["last_commit"]["id"]) == (
        before,
        head,
    )
    assert all("oldrev" not in one["object_attributes"] for one in told[:4] + told[5:])
    assert told[-1]["object_attributes"]["state"] == "merged"


def test_each_note_of_a_review_is_told_and_an_edit_too(sandbox: SandboxServer, receiver: Receiver) -> None:
    sandbox.merge_request(files={"a": "1\n"})
    sandbox.add_hook(receiver.url)
    for text in ("One", "Two"):
        sandbox.api("POST", f"{REQUEST}/draft_notes", {"note": text})
    sandbox.api("POST", f"{REQUEST}/draft_notes/bulk_publish")
    sandbox.api("PUT", f"{REQUEST}/notes/1", {"body": "One!"})
    told = [one.json for one in sent(sandbox, receiver, 3)]
    shown = [(one["object_attributes"]["note"], one["object_attributes"]["action"]) for one in told]
    assert shown == [("One", "create"), ("Two", "create"), ("One!", "update")]
    assert {one["user"]["username"] for one in told} == {"trivet"}
    assert told[0]["merge_request"]["iid"] == 1
    assert told[0]["object_attributes"]["noteable_type"] == "MergeRequest"
    assert len(told[0]["object_attributes"]["discussion_id"]) == 40


def test_internal_notes_reactions_and_pipelines_are_told(sandbox: SandboxServer, receiver: Receiver) -> None:
    sandbox.merge_request(files={"a": "1\n"})
    sandbox.add_hook(receiver.url)
    note = sandbox.api("POST", f"{REQUEST}/notes", {"body": "Psst", "internal": True}).body["id"]
    sandbox.act(1, "award", name="thumbsup", note=note)
    award = sandbox.api("POST", f"{REQUEST}/award_emoji", {"name": "eyes"}).body["id"]
    sandbox.api("DELETE", f"{REQUEST}/award_emoji/{award}")
    sandbox.act(1, "pipeline", status="failed")
    told = sent(sandbox, receiver, 5)
    names = [one.headers["X-Gitlab-Event"] for one in told]
    assert names == ["Confidential Note Hook", "Emoji Hook", "Emoji Hook", "Emoji Hook", "Pipeline Hook"]
    assert [one.json["event_type"] for one in told[:4]] == ["confidential_note", "award", "award", "revoke"]
    assert told[1].json["note"]["id"] == note
    assert told[4].json["object_attributes"]["status"] == "failed"


def test_a_failed_delivery_is_not_tried_again_and_holds_up_nothing(
    sandbox: SandboxServer, receiver: Receiver
) -> None:
    sandbox.add_hook("http://127.0.0.1:1/nobody")
    sandbox.add_hook(receiver.url)
    receiver.status = 500
    sandbox.push("one", {"a": "1\n"})
    sandbox.push("two", {"a": "2\n"})
    sandbox.wait_for(lambda state: all(one["status"] is not None for one in state["deliveries"]))
    statuses = [one["status"] for one in sandbox.state()["deliveries"]]
    assert statuses == ["ConnectionRefusedError", 500, "ConnectionRefusedError", 500]
    assert [one.json["ref"] for one in receiver.received] == ["refs/heads/one", "refs/heads/two"]


def test_dropped_deliveries_are_on_record_and_never_sent(sandbox: SandboxServer, receiver: Receiver) -> None:
    sandbox.add_hook(receiver.url)
    sandbox.drop_hooks()
    sandbox.push("lost", {"a": "1\n"})
    sandbox.drop_hooks(on=False)
    sandbox.push("told", {"a": "1\n"})
    assert [one.json["ref"] for one in sent_besides_dropped(sandbox, receiver)] == ["refs/heads/told"]
    assert [one["status"] for one in sandbox.state()["deliveries"]] == ["dropped", 202]


def sent_besides_dropped(sandbox: SandboxServer, receiver: Receiver) -> list[Received]:
    sandbox.wait_for(lambda state: all(one["status"] is not None for one in state["deliveries"]))
    return receiver.received


def test_python_gitlab_manages_hooks_and_never_sees_a_secret(
    sandbox: SandboxServer, receiver: Receiver
) -> None:
    hooks = sandbox.client("grace").projects.get("acme/shop").hooks
    made = hooks.create({"url": receiver.url, "token": "secret", "note_events": True, **QUIET})
    assert (made.token_present, made.signing_token_present) == (True, False)
    made.signing_token = SIGNING_TOKEN
    made.emoji_events = True
    made.save()
    shown = hooks.get(made.id)
    assert (shown.signing_token_present, shown.note_events, shown.emoji_events) == (True, True, True)
    assert (shown.push_events, shown.merge_requests_events) == (False, False)
    assert "secret" not in json.dumps(shown.attributes)
    assert SIGNING_TOKEN not in json.dumps(shown.attributes)
    made.delete()
    assert hooks.list(get_all=True) == []


def test_a_hook_gets_only_what_it_wants(sandbox: SandboxServer, receiver: Receiver) -> None:
    sandbox.api("POST", HOOKS, {"url": receiver.url, "note_events": True, **QUIET}, user="grace")
    sandbox.merge_request(files={"a": "1\n"})
    sandbox.comment(1, "Hello")
    assert [one.headers["X-Gitlab-Event"] for one in sent(sandbox, receiver, 1)] == ["Note Hook"]


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1/x", "http://example.test/", "ftp://127.0.0.1", "x", "http://[", ""]
)
def test_a_hook_to_anywhere_but_this_machine_is_refused(sandbox: SandboxServer, url: str) -> None:
    reply = sandbox.api("POST", HOOKS, {"url": url}, user="grace")
    assert (reply.status, reply.body) == (422, {"error": "Invalid url given"})


@pytest.mark.parametrize(
    "token", ["whsec_", "whsec_short", "x" * 50, "whsec_" + base64.b64encode(b"x").decode()]
)
def test_a_signing_token_of_another_shape_is_refused(sandbox: SandboxServer, token: str) -> None:
    body = {"url": "http://127.0.0.1:1/", "signing_token": token}
    assert sandbox.api("POST", HOOKS, body, user="grace").status == 422
    assert sandbox.api("GET", HOOKS, user="grace").body == []


def test_before_19_1_a_signing_token_is_passed_over() -> None:
    with SandboxServer(version="18.11.0") as old:
        body = {"url": "http://127.0.0.1:1/", "signing_token": SIGNING_TOKEN}
        assert old.api("POST", HOOKS, body, user="grace").body["signing_token_present"] is False


def test_a_test_delivery_is_sent(sandbox: SandboxServer, receiver: Receiver) -> None:
    hook = sandbox.api("POST", HOOKS, {"url": receiver.url, **QUIET}, user="grace").body["id"]
    path = f"{HOOKS}/{hook}/test"
    assert sandbox.api("POST", f"{path}/merge_requests_events", user="grace").status == 422
    assert sandbox.api("POST", f"{path}/nonsense", user="grace").status == 400
    sandbox.merge_request(files={"a": "1\n"})
    assert sandbox.api("POST", f"{path}/merge_requests_events", user="grace").status == 201
    assert sandbox.api("POST", f"{path}/push_events", user="grace").status == 201
    assert [one.json["object_kind"] for one in sent(sandbox, receiver, 2)] == ["merge_request", "push"]
