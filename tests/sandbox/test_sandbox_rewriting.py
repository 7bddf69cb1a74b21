"""What git people do beside committing: amend, rebase, merge the target; each is a push with a webhook."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.sandbox_server import SandboxServer

REQUEST = "/projects/acme%2Fshop/merge_requests/1"
HOOK = "http://127.0.0.1:9/hook"


@pytest.fixture
def opened() -> Iterator[SandboxServer]:
    """Merge request 1 with two commits, on a target that has moved on since."""
    with SandboxServer() as sandbox:
        sandbox.add_hook(HOOK)
        sandbox.drop_hooks()
        sandbox.push("feature", {"app.py": "one\n"}, "First")
        sandbox.push("feature", {"app.py": "one\ntwo\n", "more.py": "more\n"}, "Second")
        sandbox.merge_request(source="feature")
        sandbox.push("main", {"other.py": "other\n"}, "Meanwhile", user="grace")
        yield sandbox


def files(sandbox: SandboxServer) -> dict[str, str]:
    return {file["new_path"]: file["diff"] for file in sandbox.merge_request_state(1)["files"]}


def titles(sandbox: SandboxServer) -> list[str]:
    return [commit["title"] for commit in sandbox.merge_request_state(1)["commits"]]


def told(sandbox: SandboxServer) -> dict[str, Any]:
    """The newest webhook of a merge request."""
    events = (one for one in reversed(sandbox.state_object.seen.deliveries))
    return dict(json.loads(next(one.body for one in events if one.event == "Merge Request Hook")))


def test_a_rebase_keeps_the_change_and_its_commits_and_moves_its_base(opened: SandboxServer) -> None:
    before, diff = opened.merge_request_state(1)["head"], files(opened)
    after = opened.rebase("feature")
    assert opened.merge_request_state(1)["head"] == after != before
    assert files(opened) == diff
    assert titles(opened) == ["Second", "First"]
    assert told(opened)["object_attributes"]["oldrev"] == before
    versions = opened.api("GET", f"{REQUEST}/versions").body
    assert [one["head_commit_sha"] for one in versions] == [after, before]
    assert versions[0]["base_commit_sha"] != versions[1]["base_commit_sha"]


def test_an_amended_commit_takes_the_place_of_the_newest(opened: SandboxServer) -> None:
    diff = files(opened)
    opened.push("feature", {}, "Second, reworded", amend=True)
    assert (files(opened), titles(opened)) == (diff, ["Second, reworded", "First"])
    opened.push("feature", {"more.py": None}, "Second, less", amend=True)
    assert (list(files(opened)), titles(opened)) == (["app.py"], ["Second, less", "First"])


def test_merging_the_target_adds_a_commit_and_changes_no_file_of_the_change(opened: SandboxServer) -> None:
    before, diff = opened.merge_request_state(1)["head"], files(opened)
    after = opened.merge_into("feature")
    assert files(opened) == diff
    assert "Merge branch 'main' into 'feature'" in titles(opened)
    parents = opened.api("GET", f"/projects/acme%2Fshop/repository/commits/{after}").body["parent_ids"]
    assert parents[0] == before
    assert told(opened)["object_attributes"]["oldrev"] == before


def test_what_conflicts_is_refused_and_the_branch_stays(opened: SandboxServer) -> None:
    opened.push("main", {"app.py": "another\n"}, user="grace")
    before = opened.merge_request_state(1)["head"]
    for attempt in (opened.rebase, opened.merge_into):
        with pytest.raises(AssertionError, match="422"):
            attempt("feature")
    assert opened.merge_request_state(1)["head"] == before


def test_a_thread_follows_its_line_over_a_rebase(opened: SandboxServer) -> None:
    refs = opened.api("GET", REQUEST).body["diff_refs"]
    place = {"position_type": "text", "old_path": "app.py", "new_path": "app.py", "new_line": 2} | refs
    opened.comment(1, "Why two?", position=place)
    opened.rebase("feature")
    [thread] = opened.merge_request_state(1)["discussions"]
    assert (thread["outdated"], thread["position"]["new_line"]) == (False, 2)
    assert thread["position"]["head_sha"] == opened.merge_request_state(1)["head"]
