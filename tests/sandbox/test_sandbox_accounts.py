"""People who are blocked, removed, or given another role; and notes where nobody reads them."""

import json

import pytest

from tests.sandbox_server import PROJECT, SandboxServer

REQUEST = "/projects/acme%2Fshop/merge_requests/1"
HOOK = "http://127.0.0.1:9/hook"


def member(sandbox: SandboxServer, name: str) -> str:
    people = {one["username"]: one["id"] for one in sandbox.call("GET", "/sandbox/users")}
    return f"/projects/acme%2Fshop/members/all/{people[name]}"


def test_who_is_blocked_stays_a_member_and_does_nothing(sandbox: SandboxServer) -> None:
    sandbox.merge_request(files={"app.py": "1\n"})
    sandbox.block("ada")
    refused = sandbox.api("GET", "/user", user="ada")
    assert (refused.status, refused.body) == (
        403,
        {"message": "403 Forbidden - Your account has been blocked."},
    )
    with pytest.raises(AssertionError, match="403"):
        sandbox.comment(1, "Still here", user="ada")
    told = sandbox.api("GET", member(sandbox, "ada")).body
    assert (told["access_level"], told["state"]) == (30, "blocked")
    sandbox.block("ada", on=False)
    assert sandbox.api("GET", "/user", user="ada").status == 200


def test_who_is_taken_out_of_the_project_is_no_member(sandbox: SandboxServer) -> None:
    path = member(sandbox, "ada")
    sandbox.set_access("ada", 10)
    assert sandbox.api("GET", path).body["access_level"] == 10
    sandbox.set_access("ada", 0)
    assert sandbox.api("GET", path).status == 404
    assert sandbox.api("GET", "/projects/acme%2Fshop", user="ada").status == 404


def test_what_a_removed_person_wrote_is_the_ghosts(sandbox: SandboxServer) -> None:
    sandbox.merge_request(files={"app.py": "1\n"})
    key = sandbox.comment(1, "Hm", user="ada", threaded=True)["discussion"]
    sandbox.act(1, "resolve", discussion=key)
    sandbox.act(1, "award", name="eyes")
    path = member(sandbox, "ada")
    sandbox.remove_user("ada")
    note = sandbox.api("GET", f"{REQUEST}/discussions/{key}").body["notes"][0]
    assert (note["author"]["username"], note["resolved_by"]["username"]) == ("ghost", "ghost")
    assert sandbox.merge_request_state(1)["awards"] == [{"name": "eyes", "user": "ghost"}]
    assert sandbox.api("GET", path).status == 404
    assert sandbox.api("GET", f"/users/{path.rpartition('/')[2]}").status == 404


@pytest.mark.parametrize(("on", "about"), [("Issue", "issue"), ("Commit", "commit")])
def test_a_note_elsewhere_is_told_by_a_webhook_that_names_no_merge_request(
    sandbox: SandboxServer, on: str, about: str
) -> None:
    sandbox.add_hook(HOOK, project=PROJECT)
    sandbox.drop_hooks()
    sandbox.note_elsewhere("@trivet review", on)
    [delivery] = sandbox.state_object.seen.deliveries
    body = json.loads(delivery.body)
    assert (delivery.event, body["object_attributes"]["noteable_type"]) == ("Note Hook", on)
    assert about in body
    assert "merge_request" not in body


def test_an_edit_that_changes_nothing_is_told_to_nobody(sandbox: SandboxServer) -> None:
    sandbox.add_hook(HOOK, project=PROJECT)
    sandbox.drop_hooks()
    sandbox.merge_request(files={"app.py": "1\n"})
    note = sandbox.comment(1, "The same")["id"]
    before = len(sandbox.state()["deliveries"])
    sandbox.act(1, "edit_note", note=note, body="The same")
    assert len(sandbox.state()["deliveries"]) == before
    sandbox.act(1, "edit_note", note=note, body="Another")
    assert len(sandbox.state()["deliveries"]) == before + 1
