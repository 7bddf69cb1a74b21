"""Jira's webhooks: who is told what, the signature, and the retries."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.jira_server import JiraServer, document

SECRET = "It's a " + "Secret to Everybody"
CLOUD_HOOKS = "/rest/webhooks/1.0/webhook"
CENTER_HOOKS = "/rest/jira-webhook/1.0/webhooks"


@dataclass(frozen=True)
class Received:
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)


class Receiver:
    """Answers with what `statuses` holds, one each, then with 202."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.statuses: list[int] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hooks/jira"
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
                self.send_response(receiver.statuses.pop(0) if receiver.statuses else 202)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        return Handler


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        yield server


def all_sent(jira: JiraServer) -> list[dict[str, Any]]:
    return jira.wait_for(
        lambda state: (
            state["deliveries"] and all(one["done"] for one in state["deliveries"]) and state["deliveries"]
        )
    )


def told(jira: JiraServer, receiver: Receiver) -> dict[str, dict[str, Any]]:
    """Event name (with its type) -> body, once everything was sent."""
    all_sent(jira)
    bodies = [one.json for one in receiver.received]
    return {f"{one['webhookEvent']} {one.get('issue_event_type_name', '')}".strip(): one for one in bodies}


def test_a_delivery_is_signed_over_its_raw_body(jira: JiraServer, receiver: Receiver) -> None:
    jira.control("hooks", url=receiver.url, secret=SECRET)
    jira.act("SHOP-12", "move", to="In Progress")
    all_sent(jira)
    [one] = receiver.received
    digest = hmac.new(SECRET.encode(), one.body, hashlib.sha256).hexdigest()
    assert one.headers["X-Hub-Signature"] == f"sha256={digest}"
    assert ("X-Atlassian-Webhook-Identifier" in one.headers) is (jira.deployment == "cloud")
    assert "X-Atlassian-Webhook-Retry" not in one.headers


def test_a_move_tells_the_change_of_the_status(jira: JiraServer, receiver: Receiver) -> None:
    jira.control("hooks", url=receiver.url)
    jira.act("SHOP-12", "move", to="In Progress", user="grace")
    body = told(jira, receiver)["jira:issue_updated issue_generic"]
    [item] = body["changelog"]["items"]
    assert (item["field"], item["fromString"], item["toString"]) == ("status", "To Do", "In Progress")
    assert len(str(body["timestamp"])) == 13
    assert body["issue"]["fields"]["description"].startswith("Marketing wants")
    assert body["user"]["displayName"] == "Grace Okafor"
    assert ("accountId" in body["user"], "name" in body["user"]) == (
        (True, False) if jira.deployment == "cloud" else (False, True)
    )


def test_a_comment_is_told_twice_and_thinly(jira: JiraServer, receiver: Receiver) -> None:
    jira.control("hooks", url=receiver.url)
    jira.act("SHOP-12", "comment", body="Is *this* done?", user="sam")
    bodies = told(jira, receiver)
    thin = bodies["comment_created"]
    assert thin["comment"]["body"] == "Is *this* done?"
    assert "user" not in thin
    if jira.deployment == "cloud":
        fields = {"summary", "issuetype", "project", "assignee", "priority", "status"}
        assert set(thin["issue"]["fields"]) == fields
    else:
        assert "issue" not in thin
        assert f"/issue/{jira.issue()['id']}/comment/" in thin["comment"]["self"]
    assert bodies["jira:issue_updated issue_commented"]["comment"]["id"] == thin["comment"]["id"]


def test_what_the_bot_does_by_the_api_is_told_too_but_no_link(cloud: JiraServer, receiver: Receiver) -> None:
    cloud.control("hooks", url=receiver.url)
    link = {"object": {"url": "http://127.0.0.1/7", "title": "!7"}}
    cloud.rest("POST", "/issue/SHOP-12/remotelink", link)
    cloud.rest("PUT", "/issue/SHOP-12/properties/trivet", {"seen": 1})
    cloud.rest("PUT", "/issue/SHOP-12", {"fields": {"labels": ["codes"]}})
    cloud.rest("POST", "/issue/SHOP-12/comment", {"body": document("hello")})
    bodies = told(cloud, receiver)
    assert sorted(bodies) == [
        "comment_created",
        "issue_property_set",
        "jira:issue_updated issue_commented",
        "jira:issue_updated issue_updated",
    ]
    assert bodies["comment_created"]["comment"]["body"] == "hello"
    assert bodies["issue_property_set"]["property"] == {"key": "trivet", "value": {"seen": 1}}


def test_new_deleted_and_released_are_told(jira: JiraServer, receiver: Receiver) -> None:
    jira.control("hooks", url=receiver.url)
    key = jira.create("Show the price", description="h2. Why\n\nPeople ask.", user="sam")
    jira.act(key, "delete")
    jira.control("release", version="2031.1")
    bodies = told(jira, receiver)
    assert bodies["jira:issue_created issue_created"]["issue"]["key"] == key == "SHOP-14"
    assert bodies["jira:issue_created issue_created"]["issue"]["fields"]["description"].startswith("h2. Why")
    assert "jira:issue_deleted issue_deleted" in bodies
    version = bodies["jira:version_released"]["version"]
    assert (version["name"], version["released"]) == ("2031.1", True)


def test_cloud_tries_again_under_the_same_identifier(cloud: JiraServer, receiver: Receiver) -> None:
    receiver.statuses = [503, 429, 409]
    cloud.control("hooks", url=receiver.url, secret=SECRET)
    cloud.act("SHOP-12", "move", to="In Progress")
    [delivery] = all_sent(cloud)
    assert delivery["statuses"] == [503, 429, 409, 202]
    assert len({one.headers["X-Atlassian-Webhook-Identifier"] for one in receiver.received}) == 1
    assert len({one.body for one in receiver.received}) == 1
    retries = [one.headers.get("X-Atlassian-Webhook-Retry") for one in receiver.received]
    assert retries == [None, "1", "2", "3"]


def test_cloud_gives_up_after_five_retries_and_never_retries_a_refusal(
    cloud: JiraServer, receiver: Receiver
) -> None:
    cloud.state_object.jira.retry_seconds = (0.01,) * 5
    receiver.statuses = [500] * 6 + [401]
    cloud.control("hooks", url=receiver.url)
    cloud.act("SHOP-12", "move", to="In Progress")
    assert [one["statuses"] for one in all_sent(cloud)] == [[500] * 6]
    cloud.act("SHOP-12", "move", to="Done")
    cloud.wait_for(lambda state: [one["statuses"] for one in state["deliveries"]] == [[500] * 6, [401]])


def test_data_center_tries_once(center: JiraServer, receiver: Receiver) -> None:
    receiver.statuses = [503]
    center.control("hooks", url=receiver.url)
    center.act("SHOP-12", "move", to="In Progress")
    assert [one["statuses"] for one in all_sent(center)] == [[503]]


def test_a_delivery_can_be_sent_again_as_it_was(cloud: JiraServer, receiver: Receiver) -> None:
    cloud.control("hooks", url=receiver.url)
    cloud.act("SHOP-12", "move", to="In Progress")
    [delivery] = all_sent(cloud)
    cloud.control(f"deliveries/{delivery['id']}/resend")
    all_sent(cloud)
    [first, second] = receiver.received
    assert first.body == second.body
    assert first.headers["X-Atlassian-Webhook-Identifier"] == second.headers["X-Atlassian-Webhook-Identifier"]


def wanted(
    jira: JiraServer, url: str, query: str = "", events: tuple[str, ...] = ("jira:issue_updated",)
) -> Any:
    """A webhook in the form that the deployment takes."""
    filters = {"issue-related-events-section": query}
    same: dict[str, Any] = {"name": "Trivet", "url": url, "events": list(events)}
    if jira.cloud:
        return same | {"filters": filters, "secret": SECRET}
    return same | {
        "configuration": {"FILTERS": json.dumps(filters), "SECRET": SECRET, "EXCLUDE_BODY": "false"}
    }


def test_administrators_register_webhooks_and_never_see_the_secret_again(
    jira: JiraServer, receiver: Receiver
) -> None:
    path = CLOUD_HOOKS if jira.cloud else CENTER_HOOKS
    body = wanted(jira, receiver.url, "project = SHOP AND key = SHOP-13")
    assert jira.rest("POST", path, body).status == 403
    made = jira.rest("POST", path, body, user="grace")
    assert made.status == 201
    assert SECRET not in json.dumps([made.body, jira.rest("GET", path, user="grace").body])
    jira.act("SHOP-12", "move", to="In Progress")
    jira.act("SHOP-13", "comment", body="for another event, too")
    assert list(told(jira, receiver)) == ["jira:issue_updated issue_commented"]
    own = f"{path}/{number_of(made.body)}"
    assert jira.rest("DELETE", own, user="grace").status == 204
    assert jira.rest("GET", own, user="grace").status == 404


def number_of(hook: dict[str, Any]) -> str:
    """Cloud names a webhook in its address alone."""
    return str(hook.get("id") or hook["self"].rpartition("/")[2])


def test_cloud_takes_a_change_of_one_field_and_keeps_the_secret(
    cloud: JiraServer, receiver: Receiver
) -> None:
    made = cloud.rest("POST", CLOUD_HOOKS, wanted(cloud, receiver.url), user="grace").body
    assert ("id" in made, made["isSigned"]) == (False, True)
    own = f"{CLOUD_HOOKS}/{number_of(made)}"
    changed = cloud.rest("PUT", own, {"events": ["comment_created"]}, user="grace").body
    assert (changed["isSigned"], changed["events"], changed["url"]) == (
        True,
        ["comment_created"],
        receiver.url,
    )


def test_data_center_takes_whole_webhooks_and_heeds_their_configuration_alone(
    center: JiraServer, receiver: Receiver
) -> None:
    beside = wanted(center, receiver.url) | {"configuration": {}, "secret": SECRET, "excludeBody": True}
    beside["filters"] = {"issue-related-events-section": "project = SHOP AND key = SHOP-13"}
    made = center.rest("POST", CENTER_HOOKS, beside, user="grace").body
    assert made["configuration"] == {
        "FILTERS": '{"issue-related-events-section": ""}',
        "EXCLUDE_BODY": "false",
    }
    center.act("SHOP-12", "move", to="In Progress")
    all_sent(center)
    assert "X-Hub-Signature" not in receiver.received[0].headers
    own = f"{CENTER_HOOKS}/{made['id']}"
    assert center.rest("PUT", own, {"events": ["comment_created"]}, user="grace").status == 400
    assert center.rest("PUT", own, wanted(center, receiver.url), user="grace").status == 200
    center.act("SHOP-12", "move", to="To Do")
    all_sent(center)
    assert "X-Hub-Signature" in receiver.received[1].headers


def test_a_server_before_10_has_webhooks_elsewhere_and_signs_nothing(
    center: JiraServer, receiver: Receiver
) -> None:
    assert center.rest("GET", CLOUD_HOOKS, user="grace").status == 404
    center.control("version", version="9.12.2")
    assert center.rest("GET", CENTER_HOOKS, user="grace").status == 404
    body = {"name": "x", "url": receiver.url, "events": ["jira:issue_updated"], "secret": SECRET}
    assert "isSigned" not in center.rest("POST", CLOUD_HOOKS, body, user="grace").body
    center.act("SHOP-12", "move", to="In Progress")
    all_sent(center)
    assert "X-Hub-Signature" not in receiver.received[0].headers


def test_data_center_counts_what_arrived_and_what_did_not(center: JiraServer, receiver: Receiver) -> None:
    made = center.rest("POST", CENTER_HOOKS, wanted(center, receiver.url), user="grace").body
    own = f"{CENTER_HOOKS}/{made['id']}"
    assert center.rest("GET", f"{own}/latest", user="grace").status == 204
    receiver.statuses = [202, 503]
    center.act("SHOP-12", "move", to="In Progress")
    center.act("SHOP-12", "move", to="To Do")
    all_sent(center)
    said = center.rest("GET", f"{own}/statistics", user="grace").body
    assert {name: said["counts"][name] for name in ("successes", "failures", "errors")} == {
        "successes": 1,
        "failures": 1,
        "errors": 0,
    }
    assert said["lastFailure"]["result"] == {"outcome": "FAILURE", "description": "503"}
    assert center.rest("GET", f"{own}/latest", user="grace").body["result"]["description"] == "503"
    assert center.rest("GET", f"{own}/statistics").status == 403


@pytest.mark.parametrize(
    "change",
    [
        {"events": ["jira:nothing"]},
        {"events": []},
        {"url": "https://example.com"},
        {"name": ""},
        {"filters": {"issue-related-events-section": "colour = red"}},
    ],
)
def test_a_webhook_that_makes_no_sense_is_refused(cloud: JiraServer, change: dict[str, Any]) -> None:
    body = {"name": "x", "url": "http://127.0.0.1:9/x", "events": ["jira:issue_created"]} | change
    assert cloud.rest("POST", CLOUD_HOOKS, body, user="grace").status == 400
