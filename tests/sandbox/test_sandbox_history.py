"""The sandbox's tags, commits and merges: what a release is made of."""

import json
from typing import Any

import pytest

from tests.sandbox_server import SandboxServer

SHOP = "/projects/acme%2Fshop"
TAGS = f"{SHOP}/repository/tags"
COMMITS = f"{SHOP}/repository/commits"
REQUESTS = f"{SHOP}/merge_requests"
ZEROS = "0" * 40


def told(sandbox: SandboxServer, event: str) -> list[dict[str, Any]]:
    """The bodies of the webhook deliveries of this kind."""
    sent = sandbox.state_object.seen.deliveries
    return [json.loads(one.body) for one in sent if one.event == event]


# --- tags


def test_python_gitlab_makes_a_tag_lists_it_and_takes_it_away(sandbox: SandboxServer) -> None:
    project = sandbox.client("ada").projects.get("acme/shop")
    tip = project.branches.get("main").commit["id"]
    light = project.tags.create({"tag_name": "v1.0", "ref": "main"})
    assert (light.target, light.commit["id"], light.message) == (tip, tip, "")
    annotated = project.tags.create({"tag_name": "v1.1", "ref": tip, "message": "The second"})
    assert (annotated.commit["id"], annotated.message) == (tip, "The second")
    assert annotated.target != tip
    assert {one.name for one in project.tags.list(get_all=True)} == {"v1.0", "v1.1"}
    assert project.tags.get("v1.1").target == annotated.target
    project.tags.delete("v1.0")
    assert [one.name for one in project.tags.list(get_all=True)] == ["v1.1"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"ref": "main"}, "tag_name is missing"),
        ({"tag_name": "v1"}, "ref is missing"),
        ({"tag_name": "a..b", "ref": "main"}, "Tag name invalid"),
        ({"tag_name": "v1", "ref": "none"}, "Target none is invalid"),
        ({"tag_name": "v0", "ref": "main"}, "Tag v0 already exists"),
    ],
)
def test_a_tag_that_cannot_be_made_is_refused(
    sandbox: SandboxServer, body: dict[str, str], words: str
) -> None:
    sandbox.tag("v0")
    reply = sandbox.api("POST", TAGS, body, user="ada")
    assert (reply.status, words in json.dumps(reply.body)) == (400, True)
    assert sandbox.api("POST", TAGS, {"tag_name": "v2", "ref": "main"}, user="rita").status == 403


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("order_by=name&sort=asc", ["v1.10", "v1.2", "x"]),
        ("order_by=version&sort=desc", ["x", "v1.10", "v1.2"]),
        ("search=^v&order_by=name", ["v1.2", "v1.10"]),
        ("search=0$", ["v1.10"]),
    ],
)
def test_tags_are_listed_in_the_order_asked_for(sandbox: SandboxServer, query: str, names: list[str]) -> None:
    for name in ("v1.2", "v1.10", "x"):
        sandbox.tag(name)
    assert [one["name"] for one in sandbox.api("GET", f"{TAGS}?{query}").body] == names
    assert sandbox.api("GET", f"{TAGS}?order_by=age").status == 400
    assert sandbox.api("GET", TAGS, user="gus").status == 403


def test_a_tag_that_comes_and_goes_is_told(sandbox: SandboxServer) -> None:
    sandbox.add_hook("http://127.0.0.1:1/")
    made = sandbox.tag("v1.0", message="The first")
    sandbox.remove_tag("v1.0")
    come, gone = told(sandbox, "Tag Push Hook")
    assert (come["object_kind"], come["ref"], come["message"]) == (
        "tag_push",
        "refs/tags/v1.0",
        "The first",
    )
    assert (come["before"], come["after"], come["checkout_sha"]) == (ZEROS, made["target"], made["commit"])
    assert [one["id"] for one in come["commits"]] == [made["commit"]]
    assert (gone["before"], gone["after"], gone["checkout_sha"]) == (made["target"], ZEROS, None)


def test_a_hook_is_tested_with_the_newest_tag(sandbox: SandboxServer) -> None:
    hook = sandbox.add_hook("http://127.0.0.1:1/", project="acme/shop")["ids"][0]
    path = f"{SHOP}/hooks/{hook}/test/tag_push_events"
    assert sandbox.api("POST", path, user="grace").status == 422
    sandbox.tag("v1.0")
    refused = sandbox.api("POST", path, user="grace")
    assert (refused.status, "Failed to open TCP connection" in refused.body["message"]) == (422, True)
    assert [one["ref"] for one in told(sandbox, "Tag Push Hook")] == ["refs/tags/v1.0"] * 2


# --- commits


def test_commits_of_a_range_are_those_the_end_has_and_the_beginning_has_not(sandbox: SandboxServer) -> None:
    sandbox.tag("v1.0")
    shas = [sandbox.push("main", {"a": f"{number}\n"}) for number in range(3)]
    listed = sandbox.api("GET", f"{COMMITS}?ref_name=v1.0..main").body
    assert [one["id"] for one in listed] == shas[::-1]
    assert next(one["id"] for one in sandbox.api("GET", f"{COMMITS}?ref_name={shas[0]}").body) == shas[0]
    assert len(sandbox.api("GET", COMMITS).body) == 4


def test_what_is_not_there_has_no_commits(sandbox: SandboxServer) -> None:
    reply = sandbox.api("GET", f"{COMMITS}?ref_name=none")
    assert (reply.status, reply.body) == (200, [])
    assert sandbox.api("GET", f"{COMMITS}/none").status == 404
    assert sandbox.api("GET", f"{COMMITS}?ref_name=-x").status == 400


def test_a_full_page_of_commits_is_always_said_to_have_a_next_one(sandbox: SandboxServer) -> None:
    sandbox.push("main", {"a": "1\n"})
    full = sandbox.api("GET", f"{COMMITS}?per_page=2")
    assert (len(full.body), full.headers["X-Next-Page"], full.headers["X-Total"]) == (2, "2", None)
    rest = sandbox.api("GET", f"{COMMITS}?per_page=2&page=2")
    assert (rest.body, rest.headers["X-Next-Page"]) == ([], "")


def test_a_commit_is_found_by_the_name_of_a_tag_or_branch(sandbox: SandboxServer) -> None:
    sha = sandbox.push("topic/a", {"a": "1\n"})
    sandbox.tag("v1.0", "topic/a", "annotated")
    for name in (sha, "topic%2Fa", "v1.0"):
        assert sandbox.api("GET", f"{COMMITS}/{name}").body["id"] == sha


# --- merges


def listed(sandbox: SandboxServer, project: str = "acme%2Fshop") -> dict[str, Any]:
    (found,) = sandbox.api("GET", f"/projects/{project}/merge_requests?state=merged").body
    return found


def test_a_merge_is_told_by_its_commit_its_time_and_who_did_it(sandbox: SandboxServer) -> None:
    iid = sandbox.merge_request(files={"a": "1\n"})
    before = sandbox.api("GET", f"{REQUESTS}/{iid}").body
    assert [before[name] for name in ("merge_commit_sha", "merged_at", "merge_user")] == [None, None, None]
    sandbox.act(iid, "merge", user="grace")
    merged = listed(sandbox)
    tip = sandbox.api("GET", f"{COMMITS}/main").body
    assert (merged["merge_commit_sha"], merged["squash_commit_sha"]) == (tip["id"], None)
    assert tip["parent_ids"][1] == merged["sha"]
    assert merged["merge_user"]["username"] == "grace"
    assert merged["merged_at"] <= merged["updated_at"]


def test_a_squashed_merge_request_is_one_commit_of_the_merge(sandbox: SandboxServer) -> None:
    iid = sandbox.merge_request(files={"a": "1\n"})
    sandbox.push("feature", {"a": "2\n"})
    reply = sandbox.api("PUT", f"{REQUESTS}/{iid}/merge", {"squash": True}, user="grace")
    assert reply.body["squash"] is True
    merged = listed(sandbox)
    tip = sandbox.api("GET", f"{COMMITS}/main").body
    assert tip["parent_ids"][1] == merged["squash_commit_sha"] != merged["sha"]
    history = [one["id"] for one in sandbox.api("GET", COMMITS).body]
    assert merged["sha"] not in history
    assert sandbox.api("GET", f"{SHOP}/repository/files/a/raw?ref=main").body == "2\n"


def test_a_fast_forward_merge_makes_no_commit(sandbox: SandboxServer) -> None:
    members = {"grace": 40, "trivet": 30}
    sandbox.add_project("acme/line", {"a": "0\n"}, members, merge_method="ff")
    iid = sandbox.merge_request(files={"b": "1\n"}, project="acme/line", author="grace")
    sandbox.act(iid, "merge", project="acme/line", user="grace")
    merged = listed(sandbox, "acme%2Fline")
    assert (merged["merge_commit_sha"], merged["squash_commit_sha"]) == (None, None)
    assert sandbox.api("GET", "/projects/acme%2Fline/repository/commits/main").body["id"] == merged["sha"]


def test_a_branch_that_is_behind_cannot_be_fast_forwarded(sandbox: SandboxServer) -> None:
    sandbox.add_project("acme/line", {"a": "0\n"}, {"grace": 40}, merge_method="ff")
    iid = sandbox.merge_request(files={"b": "1\n"}, project="acme/line", author="grace")
    sandbox.push("main", {"c": "1\n"}, project="acme/line", user="grace")
    path = f"/projects/acme%2Fline/merge_requests/{iid}/merge"
    assert sandbox.api("PUT", path, user="grace").status == 405


def test_a_merge_of_another_head_than_the_one_meant_is_refused(sandbox: SandboxServer) -> None:
    iid = sandbox.merge_request(files={"a": "1\n"})
    path = f"{REQUESTS}/{iid}/merge"
    assert sandbox.api("PUT", path, {"sha": "f" * 40}, user="grace").status == 409
    head = sandbox.merge_request_state(iid)["head"]
    assert sandbox.api("PUT", path, {"sha": head}, user="grace").status == 200


# --- reactions on notes


def test_a_thumb_on_a_note_is_listed_on_the_note_and_told(sandbox: SandboxServer) -> None:
    sandbox.add_hook("http://127.0.0.1:1/")
    iid = sandbox.merge_request(files={"a": "1\n"})
    note = sandbox.comment(iid, "A proposal", user="trivet")["id"]
    sandbox.act(iid, "award", user="grace", name="thumbsup", note=note)
    (award,) = sandbox.api("GET", f"{REQUESTS}/{iid}/notes/{note}/award_emoji").body
    assert (award["name"], award["user"]["username"], award["awardable_type"]) == (
        "thumbsup",
        "grace",
        "Note",
    )
    assert sandbox.api("GET", f"{REQUESTS}/{iid}/award_emoji").body == []
    (event,) = told(sandbox, "Emoji Hook")
    assert (event["object_attributes"]["awardable_id"], event["note"]["id"]) == (note, note)
