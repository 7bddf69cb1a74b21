"""Work begun on the sandbox: branches, statuses of commits, merge requests opened over the API, and people."""

import json
from typing import Any

import pytest

from tests.sandbox_server import SandboxServer

SHOP = "/projects/acme%2Fshop"
BRANCHES = f"{SHOP}/repository/branches"
REQUESTS = f"{SHOP}/merge_requests"


def told(sandbox: SandboxServer) -> list[dict[str, Any]]:
    """The bodies of all webhook deliveries."""
    return [json.loads(one.body) for one in sandbox.state_object.seen.deliveries]


# --- branches


def test_python_gitlab_makes_a_branch_and_lists_it(sandbox: SandboxServer) -> None:
    project = sandbox.client("ada").projects.get("acme/shop")
    made = project.branches.create({"branch": "topic/a b".replace(" ", "-"), "ref": "main"})
    assert made.commit["id"] == project.branches.get("main").commit["id"]
    assert made.web_url == f"{sandbox.url}/acme/shop/-/tree/topic/a-b"
    assert [one.name for one in project.branches.list(get_all=True)] == ["main", "topic/a-b"]
    assert [one.name for one in project.branches.list(search="^top", get_all=True)] == ["topic/a-b"]
    assert project.branches.list(search="top$", get_all=True) == []


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"branch": "x"}, 400, "ref is missing"),
        ({"ref": "main"}, 400, "branch is missing"),
        ({"branch": "a..b", "ref": "main"}, 400, "Branch name is invalid"),
        ({"branch": "-x", "ref": "main"}, 400, "Branch name is invalid"),
        ({"branch": "refs/heads/x", "ref": "main"}, 400, "Branch name is invalid"),
        ({"branch": "main", "ref": "main"}, 400, "Branch already exists"),
        ({"branch": "x", "ref": "none"}, 400, "Failed to create branch 'x': invalid reference name 'none'"),
        ({"branch": "main/x", "ref": "main"}, 400, "Branch name conflicts with existing branch hierarchy"),
    ],
)
def test_a_branch_that_cannot_be_made_is_refused(
    sandbox: SandboxServer, body: dict[str, str], status: int, words: str
) -> None:
    reply = sandbox.api("POST", BRANCHES, body, user="ada")
    assert reply.status == status
    assert words in json.dumps(reply.body)
    assert [one["name"] for one in sandbox.api("GET", BRANCHES).body] == ["main"]


def test_a_reporter_makes_no_branch(sandbox: SandboxServer) -> None:
    assert sandbox.api("POST", BRANCHES, {"branch": "x", "ref": "main"}, user="rita").status == 403


def test_a_new_branch_is_told_as_a_push_from_nothing(sandbox: SandboxServer) -> None:
    sandbox.add_hook("http://127.0.0.1:1/")
    sandbox.api("POST", BRANCHES, {"branch": "x", "ref": "main"}, user="ada")
    (push,) = told(sandbox)
    assert (push["object_kind"], push["ref"], push["before"]) == ("push", "refs/heads/x", "0" * 40)


# --- commit statuses


@pytest.mark.parametrize(
    ("before", "to", "event"),
    [
        ("pending", "pending", "enqueue"),
        ("running", "pending", "enqueue"),
        ("running", "running", "run"),
        ("running", "skipped", "skip"),
    ],
)
def test_a_status_that_has_not_ended_goes_only_forward(
    sandbox: SandboxServer, before: str, to: str, event: str
) -> None:
    sha = sandbox.push("main", {"a": "1\n"})
    path = f"{SHOP}/statuses/{sha}"
    assert sandbox.api("POST", path, {"state": before, "name": "x"}).status == 201
    reply = sandbox.api("POST", path, {"state": to, "name": "x"})
    words = f'Cannot transition status via :{event} from :{before} (Reason(s): Status cannot transition via "{event}")'
    assert (reply.status, reply.body) == (400, {"message": words})
    ended = sandbox.api("POST", path, {"state": "success", "name": "x", "description": "Done"})
    assert (ended.status, ended.body["description"]) == (201, "Done")


def test_beside_a_status_that_has_ended_a_new_one_takes_its_place(sandbox: SandboxServer) -> None:
    sha = sandbox.push("main", {"a": "1\n"})
    for state in ("failed", "success", "success"):
        assert sandbox.api("POST", f"{SHOP}/statuses/{sha}", {"state": state, "context": "x"}).status == 201
    path = f"{SHOP}/repository/commits/{sha}/statuses"
    assert [one["status"] for one in sandbox.api("GET", path).body] == ["success"]
    every = sandbox.api("GET", f"{path}?all=true").body
    assert [one["status"] for one in every] == ["failed", "success", "success"]
    assert sandbox.api("GET", f"{path}?name=y").body == []
    assert sandbox.api("GET", f"{SHOP}/repository/commits/{'0' * 40}/statuses").status == 404


def test_somebody_elses_running_status_is_not_ours_to_end(sandbox: SandboxServer) -> None:
    sha = sandbox.push("main", {"a": "1\n"})
    path = f"{SHOP}/statuses/{sha}"
    first = sandbox.api("POST", path, {"state": "running"}, user="ada").body["id"]
    assert sandbox.api("POST", path, {"state": "running"}, user="trivet").body["id"] != first


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"state": "done"}, 400),
        ({}, 400),
        ({"state": "failed", "description": "x" * 256}, 400),
        ({"state": "failed", "target_url": "https://" + "x" * 256}, 400),
        ({"state": "failed", "target_url": "javascript:alert(1)"}, 400),
        ({"state": "failed", "pipeline_id": 4711}, 404),
        ({"state": "failed", "description": "x" * 255, "target_url": "https://x.example/"}, 201),
    ],
)
def test_a_status_gitlab_would_not_take_is_refused(
    sandbox: SandboxServer, fields: dict[str, Any], status: int
) -> None:
    sha = sandbox.push("main", {"a": "1\n"})
    assert sandbox.api("POST", f"{SHOP}/statuses/{sha}", fields).status == status


def test_a_status_makes_the_pipeline_that_the_merge_request_then_shows(sandbox: SandboxServer) -> None:
    iid = sandbox.merge_request(files={"a": "1\n"})
    read = sandbox.api("GET", f"{REQUESTS}/{iid}").body
    assert read["head_pipeline"] is None
    status = sandbox.api("POST", f"{SHOP}/statuses/{read['sha']}", {"state": "failed", "ref": "feature"}).body
    shown = sandbox.api("GET", f"{REQUESTS}/{iid}").body["head_pipeline"]
    assert (shown["id"], shown["source"], shown["sha"]) == (status["pipeline_id"], "external", read["sha"])


# --- merge requests


def opened(sandbox: SandboxServer, **fields: Any) -> Any:
    given = {"source_branch": "feature", "target_branch": "main", "title": "Draft: Baskets"}
    return sandbox.api("POST", REQUESTS, given | fields)


def test_an_empty_branch_may_have_a_draft_and_its_opening_is_told(sandbox: SandboxServer) -> None:
    sandbox.api("POST", BRANCHES, {"branch": "feature", "ref": "main"})
    sandbox.add_hook("http://127.0.0.1:1/")
    people = {user["username"]: user["id"] for user in sandbox.call("GET", "/sandbox/users")}
    ids = {"assignee_id": people["ada"], "labels": "one,two", "remove_source_branch": True}
    reply = opened(sandbox, description="To do", **ids)
    assert (reply.status, reply.body["draft"], reply.body["changes_count"]) == (201, True, "0")
    assert [one["username"] for one in reply.body["assignees"]] == ["ada"]
    (hook,) = told(sandbox)
    about = hook["object_attributes"]
    assert (about["action"], about["title"], hook["user"]["username"]) == ("open", "Draft: Baskets", "trivet")
    assert ([one["title"] for one in hook["labels"]], hook["assignees"][0]["username"]) == (
        ["one", "two"],
        "ada",
    )


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"source_branch": "none"}, 400, "does not exist"),
        ({"target_branch": "feature"}, 422, "same project/branch"),
        ({"title": " "}, 400, "can't be blank"),
        ({"title": "x" * 256}, 400, "too long"),
        ({"title": None}, 400, "title is missing"),
    ],
)
def test_a_merge_request_that_cannot_be_is_refused(
    sandbox: SandboxServer, fields: dict[str, Any], status: int, words: str
) -> None:
    sandbox.push("feature", {"a": "1\n"})
    reply = opened(sandbox, **fields)
    assert (reply.status, words in json.dumps(reply.body)) == (status, True)
    assert sandbox.state()["merge_requests"] == []


def test_a_second_one_for_the_same_branches_is_409_while_the_first_is_open(sandbox: SandboxServer) -> None:
    sandbox.push("feature", {"a": "1\n"})
    first = opened(sandbox).body["iid"]
    again = opened(sandbox)
    words = f"Another open merge request already exists for this source branch: !{first}"
    assert (again.status, again.body) == (409, {"message": [words]})
    sandbox.act(first, "close")
    assert opened(sandbox).status == 201


def test_quick_actions_in_a_description_run_and_are_taken_out(sandbox: SandboxServer) -> None:
    sandbox.push("feature", {"a": "1\n"})
    reply = opened(sandbox, description="Hello\n/label ~bug\n/close")
    assert (reply.body["description"], reply.body["labels"], reply.body["state"]) == (
        "Hello",
        ["bug"],
        "closed",
    )
    assert [one["command"] for one in sandbox.state()["executed"]] == ["label", "close"]


def test_a_reporter_opens_none(sandbox: SandboxServer) -> None:
    given = {"source_branch": "feature", "target_branch": "main", "title": "x"}
    assert sandbox.api("POST", REQUESTS, given, user="rita").status == 403


def test_a_branch_that_is_to_go_goes_with_the_merge(sandbox: SandboxServer) -> None:
    sandbox.push("feature", {"a": "1\n"})
    iid = opened(sandbox, title="Baskets", remove_source_branch=True).body["iid"]
    sandbox.add_hook("http://127.0.0.1:1/")
    assert sandbox.api("PUT", f"{REQUESTS}/{iid}/merge").status == 200
    assert [one["name"] for one in sandbox.api("GET", BRANCHES).body] == ["main"]
    kinds = [(one["object_kind"], one.get("ref")) for one in told(sandbox)]
    assert kinds == [("merge_request", None), ("push", "refs/heads/main"), ("push", "refs/heads/feature")]
    assert told(sandbox)[0]["object_attributes"]["action"] == "merge"
    assert sandbox.api("GET", f"{REQUESTS}/{iid}").body["state"] == "merged"


def test_other_words_and_states_over_the_api_are_told_as_changes(sandbox: SandboxServer) -> None:
    iid = sandbox.merge_request("Baskets", {"a": "1\n"}, author="trivet")
    sandbox.add_hook("http://127.0.0.1:1/")
    path = f"{REQUESTS}/{iid}"
    sandbox.api("PUT", path, {"title": "SHOP-12: Baskets"})
    sandbox.api("PUT", path, {"description": "For SHOP-12"})
    sandbox.api("PUT", path, {"title": "SHOP-12: Baskets"})
    sandbox.api("PUT", path, {"state_event": "close"})
    sandbox.api("PUT", path, {"state_event": "reopen"})
    changed = [(one["object_attributes"]["action"], sorted(one["changes"])) for one in told(sandbox)]
    assert changed == [
        ("update", ["title"]),
        ("update", ["description"]),
        ("close", ["state_id"]),
        ("reopen", ["state_id"]),
    ]
    assert told(sandbox)[0]["changes"]["title"] == {"previous": "Baskets", "current": "SHOP-12: Baskets"}


# --- people


def test_people_are_listed_by_name_and_by_what_they_made_public(sandbox: SandboxServer) -> None:
    sandbox.add_user("lin", name="Lin Ada", public_email="lin@example.test")
    sandbox.add_user("gone", blocked=True)

    def names(query: str) -> list[str]:
        return [one["username"] for one in sandbox.api("GET", f"/users?{query}").body]

    assert names("username=ADA") == ["ada"]
    assert names("username=ad") == []
    assert sorted(names("search=ada")) == ["ada", "lin"]
    assert names("search=lin@example.test") == ["lin"]
    assert names("search=lin@example") == []
    assert names("username=gone") == ["gone"]
    assert names("username=gone&active=true") == []
    assert names("username=trivet&humans=true") == []
    number = sandbox.api("GET", "/users?username=trivet").body[0]["id"]
    assert sandbox.api("GET", f"/users/{number}").body["bot"] is True
    assert sandbox.api("GET", "/users/4711").status == 404
