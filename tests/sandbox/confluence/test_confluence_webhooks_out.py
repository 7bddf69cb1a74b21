"""Data Center's webhooks: who is told what, and the signature."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.confluence_server import ConfluenceServer

SECRET = "It's a " + "Secret to Everybody"
HOOKS = "/rest/api/webhooks"


@dataclass(frozen=True)
class Received:
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)


class Receiver:
    def __init__(self, status: int = 202) -> None:
        self.received: list[Received] = []
        self.status = status
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hooks/confluence"
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


def all_sent(center: ConfluenceServer) -> list[dict[str, Any]]:
    return center.wait_for(
        lambda state: (
            state["deliveries"]
            and all(one["status"] is not None for one in state["deliveries"])
            and state["deliveries"]
        )
    )


def test_a_delivery_tells_ids_only_and_is_signed(center, receiver):
    center.control("hooks", url=receiver.url, secret=SECRET)
    page = center.page()["id"]
    center.act("API guide", "edit", append="<p>x</p>")
    all_sent(center)
    (sent,) = receiver.received
    told = sent.json
    assert told.keys() == {"timestamp", "event", "userKey", "page"}
    assert told["event"] == "page_updated"
    assert told["page"] == {"id": int(page)}
    assert told["userKey"] == center.person("ada")["key"]
    digest = hmac.new(SECRET.encode(), sent.body, hashlib.sha256).hexdigest()
    assert sent.headers["X-Hub-Signature"] == f"sha256={digest}"


def test_each_deed_has_its_event(center, receiver):
    center.control("hooks", url=receiver.url)
    center.create("Draft", status="draft")
    page = center.create("New")
    center.act(page, "edit", append="<p>x</p>")
    center.act(page, "move", parent="Releases")
    center.act(page, "restrict", people=["ada"])
    number = center.act(page, "comment", body="<p>x</p>")["id"]
    center.act(page, "edit_comment", comment=number, body="<p>y</p>")
    center.act(page, "delete_comment", comment=number)
    center.act(page, "trash")
    center.act(page, "restore")
    center.act(page, "delete")
    all_sent(center)
    assert [one.json["event"] for one in receiver.received] == [
        "page_created",
        "page_updated",
        "page_moved",
        "content_permissions_updated",
        "comment_created",
        "comment_updated",
        "comment_removed",
        "page_trashed",
        "page_restored",
        "page_removed",
    ]
    assert receiver.received[4].json["comment"] == {"id": int(number)}
    assert "X-Hub-Signature" not in receiver.received[0].headers


def test_a_move_tells_where_the_page_was(center, receiver):
    center.control("hooks", url=receiver.url, events=["page_moved"])
    home = center.page("Docs")["id"]
    center.act("API guide", "move", parent="Releases")
    all_sent(center)
    assert receiver.received[0].json["oldParent"] == {"id": int(home)}


def test_the_bots_own_writes_are_told_as_any(center, receiver):
    center.control("hooks", url=receiver.url)
    page = center.page()["id"]
    body = {"storage": {"representation": "storage", "value": "<p>x</p>"}}
    given = {"type": "page", "title": "API guide", "version": {"number": 3}, "body": body}
    center.rest("PUT", f"/rest/api/content/{page}", given)
    all_sent(center)
    assert receiver.received[0].json["userKey"] == center.person("trivet")["key"]


def test_a_delivery_that_fails_is_not_sent_again(center):
    with Receiver(500) as receiver:
        center.control("hooks", url=receiver.url)
        center.act("API guide", "edit", append="<p>x</p>")
        (failed,) = all_sent(center)
        center.act("Releases", "edit", append="<p>x</p>")
        assert [one["status"] for one in all_sent(center)] == [500, 500]
        assert len(receiver.received) == 2
    assert failed["status"] == 500


def test_cloud_sends_nothing(cloud, receiver):
    cloud.control("hooks", url=receiver.url)
    cloud.act("API guide", "edit", append="<p>x</p>")
    assert cloud.state()["deliveries"] == []
    assert cloud.rest("GET", HOOKS, user="grace").status == 404


def test_a_webhook_is_made_by_an_administrator_and_keeps_its_secret(center, receiver):
    given = {
        "name": "trivet",
        "events": ["page_updated"],
        "configuration": {"secret": SECRET},
        "url": receiver.url,
        "active": True,
    }
    assert center.rest("POST", HOOKS, given).status == 403
    made = center.rest("POST", HOOKS, given, user="grace")
    assert (made.status, made.body["configuration"]) == (201, {})
    listed = center.rest("GET", HOOKS, user="grace").body
    assert [one["id"] for one in listed["results"]] == [made.body["id"]]
    assert SECRET not in json.dumps(listed)
    center.act("API guide", "edit", append="<p>x</p>")
    all_sent(center)
    assert "X-Hub-Signature" in receiver.received[0].headers
    assert center.rest("DELETE", f"{HOOKS}/{made.body['id']}", user="grace").status == 204
    assert center.rest("GET", HOOKS, user="grace").body["results"] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"url": "https://example.test/"},
        {"url": "nowhere"},
        {"events": ["page_imagined"]},
        {"events": []},
        {"configuration": {"secret": "x" * 256}},
        {"novel": 1},
    ],
)
def test_a_webhook_is_checked(center, wrong):
    given = {"name": "trivet", "events": ["page_updated"], "url": "http://127.0.0.1:9/"}
    assert center.rest("POST", HOOKS, given | wrong, user="grace").status == 400


def test_a_test_request_is_sent_where_it_is_wanted(center, receiver):
    assert center.rest("POST", f"{HOOKS}/test?url={receiver.url}", {}, user="grace").status == 200
    all_sent(center)
    assert receiver.received[0].json == {"test": True}


def test_what_arrived_and_what_did_not_is_counted(center, receiver):
    given = {"name": "trivet", "events": ["page_updated"], "url": receiver.url}
    made = center.rest("POST", HOOKS, given, user="grace").body
    own = f"{HOOKS}/{made['id']}"
    assert center.rest("GET", f"{own}/latest", user="grace").status == 204
    center.act("API guide", "edit", append="<p>x</p>")
    all_sent(center)
    receiver.status = 401
    center.act("API guide", "edit", append="<p>y</p>")
    all_sent(center)
    said = center.rest("GET", f"{own}/statistics", user="grace").body
    assert (said["counts"]["successes"], said["counts"]["failures"]) == (1, 1)
    assert said["lastFailure"]["result"] == {"outcome": "FAILURE", "description": "401"}
    assert center.rest("GET", f"{own}/statistics").status == 403


def test_before_7_7_there_are_none(center):
    center.control("version", version="7.6.3")
    assert center.rest("GET", HOOKS, user="grace").status == 404
