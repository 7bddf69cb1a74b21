"""The control API: acting as people, faults, the transcript, live news, and the sandbox as a process."""

import json
import urllib.request

import pytest
import requests

from tests.sandbox_server import SandboxServer

REQUEST = "/projects/acme%2Fshop/merge_requests/1"
NOTES = f"/api/v4{REQUEST}/notes"


@pytest.fixture
def request_open(sandbox: SandboxServer) -> SandboxServer:
    sandbox.merge_request(files={"app.py": "1\n"})
    sandbox.clear_requests()
    return sandbox


def post_note(sandbox: SandboxServer, text: str = "Hello", timeout: float = 10) -> requests.Response:
    headers = {"PRIVATE-TOKEN": sandbox.token("trivet")}
    return requests.post(sandbox.url + NOTES, json={"body": text}, headers=headers, timeout=timeout)


def bodies(sandbox: SandboxServer) -> list[str]:
    return [note["body"] for note in sandbox.merge_request_state(1)["notes"]]


def test_the_state_has_what_the_page_needs(request_open: SandboxServer) -> None:
    state = request_open.state()
    assert state["instance"] == {"url": request_open.url, "version": "19.2.0"}
    assert state["projects"] == [{"id": 1, "path": "acme/shop"}]
    [shown] = state["merge_requests"]
    assert shown["web_url"] == f"{request_open.url}/acme/shop/-/merge_requests/1"
    assert [file["diff"] for file in shown["files"]] == ["@@ -0,0 +1 @@\n+1\n"]
    assert [commit["author"] for commit in shown["commits"]] == ["Ada"]
    lists = ("executed", "mentions", "references", "external", "notifications", "deliveries")
    assert all(state[name] == [] for name in lists)


def test_a_status_is_answered_as_often_as_ordered_and_nothing_done(request_open: SandboxServer) -> None:
    request_open.fault(method="POST", path="/notes$", status=429, times=2, headers={"Retry-After": "7"})
    first, second, third = (post_note(request_open) for _ in range(3))
    assert (first.status_code, first.text, first.headers["Retry-After"]) == (429, "Retry later", "7")
    assert (second.status_code, third.status_code) == (429, 201)
    assert bodies(request_open) == ["Hello"]


def test_a_lost_answer_is_of_a_deed_done(request_open: SandboxServer) -> None:
    request_open.fault(path="/notes", drop_answer=True)
    with pytest.raises(requests.ConnectionError):
        post_note(request_open, "Cut")
    request_open.fault(path="/notes", drop_answer=True, status=502)
    assert post_note(request_open, "Bad gateway").status_code == 502
    assert bodies(request_open) == ["Cut", "Bad gateway"]
    assert [one["status"] for one in request_open.requests("POST")] == [0, 502]


def test_a_hanging_request_is_done_late(request_open: SandboxServer) -> None:
    request_open.fault(path="/notes", hang=0.5)
    with pytest.raises(requests.Timeout):
        post_note(request_open, "Late", timeout=0.1)
    request_open.wait_for(lambda state: state["merge_requests"][0]["notes"])


def test_faults_choose_by_method_path_and_user_and_can_be_cleared(request_open: SandboxServer) -> None:
    request_open.fault(method="PUT", status=500)
    request_open.fault(path="/discussions", status=500)
    request_open.fault(user="ada", status=500)
    assert post_note(request_open).status_code == 201
    assert request_open.api("GET", REQUEST, user="ada").body == {"message": "500 Internal Server Error"}
    request_open.clear_faults()
    assert request_open.api("GET", f"{REQUEST}/discussions").status == 200


def test_the_transcript_says_who_asked_what(request_open: SandboxServer) -> None:
    request_open.api("GET", f"{REQUEST}?x=1")
    request_open.api("GET", "/user", token="wrong")
    told = [(one["method"], one["path"], one["status"], one["user"]) for one in request_open.requests()]
    assert told == [
        ("GET", "/api/v4/projects/acme/shop/merge_requests/1?x=1", 200, "trivet"),
        ("GET", "/api/v4/user", 401, None),
    ]
    request_open.clear_requests()
    assert request_open.requests() == []


def test_a_mistaken_order_is_refused_with_its_reason(sandbox: SandboxServer) -> None:
    with pytest.raises(AssertionError, match="branch is missing"):
        sandbox.call("POST", "/sandbox/push", {"files": {}})
    with pytest.raises(AssertionError, match="colour is unknown"):
        sandbox.fault(colour="red")
    with pytest.raises(AssertionError, match="Merge Request Not Found"):
        sandbox.act(9, "merge")
    with pytest.raises(AssertionError, match="dance Not Found"):
        sandbox.act(sandbox.merge_request(files={"a": "1\n"}), "dance")


def test_every_change_is_news(request_open: SandboxServer) -> None:
    with urllib.request.urlopen(f"{request_open.url}/sandbox/events", timeout=10) as events:
        assert events.headers["Content-Type"].startswith("text/event-stream")
        first = revision(events.readline())
        request_open.comment(1, "News")
        assert events.readline() == b"\n"
        assert revision(events.readline()) > first


def revision(line: bytes) -> int:
    return int(json.loads(line.removeprefix(b"data: "))["revision"])


def test_it_runs_as_a_process_with_its_demo() -> None:
    with SandboxServer(process=True, seed=True, version="18.0.0") as sandbox:
        state = sandbox.state()
        assert sandbox.url.startswith("http://127.0.0.1:")
        assert state["instance"]["version"] == "18.0.0"
        assert state["merge_requests"][0]["files"]
