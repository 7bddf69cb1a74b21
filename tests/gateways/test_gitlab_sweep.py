"""What a look at GitLab finds, whatever happens to the list meanwhile."""

import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
import responses

from bot.domain.change import Target
from bot.errors import AccessDenied, NotFound, PlatformError
from bot.gateways.gitlab_api import GitLabApi
from bot.gateways.gitlab_sweep import MAX_CHANGED, MAX_NOTES, GitLabSweep
from tests.reviewing import SETTING, Desk
from tests.sandbox_server import PROJECT

BASE = "https://gitlab.example.com"
START = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


@pytest.fixture
def gitlab() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


def sweep(api: GitLabApi, *projects: str) -> GitLabSweep:
    return GitLabSweep(api, projects, lambda path: path.startswith("acme/"))


def far(url: str = BASE) -> GitLabApi:
    return GitLabApi(url, "token", SETTING)


# --- projects


def test_named_projects_are_not_asked_for(desk: Desk) -> None:
    desk.sandbox.clear_requests()
    assert list(sweep(desk.api, "acme/shop", "other/place").projects()) == ["acme/shop", "other/place"]
    assert desk.sandbox.requests() == []


def test_globs_are_filled_with_the_projects_the_bot_is_a_member_of(desk: Desk) -> None:
    desk.sandbox.add_project("acme/tools", members={"trivet": 30})
    desk.sandbox.add_project("acme/secret", members={"ada": 30})
    desk.sandbox.add_project("else/where", members={"trivet": 30})
    assert sorted(sweep(desk.api, "acme/**").projects()) == ["acme/shop", "acme/tools"]
    assert list(sweep(desk.api, "acme/shop", "acme/t??ls").projects()) == ["acme/shop", "acme/tools"]


# --- merge requests


def test_merge_requests_of_any_state_are_found_the_oldest_change_first(desk: Desk) -> None:
    began = time.time() - 60
    kept, closed, draft = desk.open(), desk.open(), desk.open(draft=True)
    desk.sandbox.act(closed, "close", user="grace")
    desk.sandbox.comment(kept, "hello")
    found = {one.target.iid: one for one in sweep(desk.api).changed(PROJECT, began)}
    read = desk.read(kept)
    assert (found[kept].seen, found[kept].head, found[kept].notes) == (read.seen, read.head, 1)
    assert found[closed].seen.state == "closed"
    assert found[draft].draft
    updates = [one.updated for one in found.values()]
    assert updates == sorted(updates)


def test_what_did_not_change_since_is_not_found(desk: Desk) -> None:
    desk.open()
    assert list(sweep(desk.api).changed(PROJECT, time.time() + 60)) == []


class BusyList:
    """GitLab's list of merge requests, of which one of an early page changes while it is read."""

    def __init__(self, count: int, moves: int = 0) -> None:
        self.updated = {number: START + timedelta(seconds=number) for number in range(1, count + 1)}
        self.moves = moves

    def __call__(self, request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        params: dict[str, Any] = request.params  # type: ignore[attr-defined]
        after = datetime.fromisoformat(params["updated_after"])
        size, page = int(params["per_page"]), int(params["page"])
        due = sorted((when, number) for number, when in self.updated.items() if when >= after)
        shown = due[(page - 1) * size : page * size]
        if self.moves:
            self.moves -= 1
            self.updated[shown[3][1]] = START + timedelta(days=1)
        following = {"X-Next-Page": str(page + 1)} if page * size < len(due) else {}
        return 200, following, json.dumps([listed(number, when) for when, number in shown])


def listed(number: int, when: datetime) -> dict[str, Any]:
    moment = when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"iid": number, "project_id": 42, "title": "", "state": "opened", "source_branch": "a"} | {
        "target_branch": "b",
        "sha": f"{number:040x}",
        "updated_at": moment,
    }


def numbers_in(gitlab: responses.RequestsMock, busy: BusyList) -> list[int]:
    gitlab.add_callback(
        "GET", re.compile(rf"{BASE}/api/v4/projects/acme%2Fshop/merge_requests.*"), callback=busy
    )
    return [one.target.iid for one in sweep(far()).changed(PROJECT, START.timestamp())]


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 250])
def test_lists_of_any_length_are_read_whole_and_once(gitlab: responses.RequestsMock, count: int) -> None:
    assert numbers_in(gitlab, BusyList(count)) == list(range(1, count + 1))


def test_a_merge_request_that_changes_meanwhile_pushes_no_other_out_of_sight(
    gitlab: responses.RequestsMock,
) -> None:
    assert sorted(numbers_in(gitlab, BusyList(250, moves=2))) == list(range(1, 251))


def test_a_flood_is_taken_in_portions(gitlab: responses.RequestsMock) -> None:
    found = numbers_in(gitlab, BusyList(900))
    assert MAX_CHANGED <= len(found) < MAX_CHANGED + 100
    assert found == list(range(1, len(found) + 1))


@pytest.mark.parametrize(("status", "kind"), [(404, NotFound), (403, AccessDenied)])
def test_a_project_that_is_closed_to_us_is_an_error_of_its_own(
    desk: Desk, status: int, kind: type[PlatformError]
) -> None:
    desk.sandbox.fault(path="/merge_requests", status=status)
    with pytest.raises(kind, match="the merge requests of acme/shop"):
        list(sweep(desk.api).changed(PROJECT, 0))


# --- notes


def test_notes_of_people_since_a_moment_come_newest_first(desk: Desk) -> None:
    iid = desk.open()
    began = time.time() - 1
    desk.sandbox.comment(iid, "first")
    desk.sandbox.comment(iid, "/trivet review", user="grace")
    desk.push(iid, {"more.txt": "more\n"})
    found = list(sweep(desk.api).notes(desk.read(iid).target, began))
    assert [(note.body, note.author.username) for note in found] == [
        ("/trivet review", "grace"),
        ("first", "ada"),
    ]
    assert all(note.iid == iid and note.noteable == "MergeRequest" for note in found)
    assert list(sweep(desk.api).notes(desk.read(iid).target, time.time() + 60)) == []


def test_what_stands_in_a_thread_is_told_from_a_note_alone(desk: Desk) -> None:
    iid = desk.open()
    desk.effects().apply(desk.findings(iid, 2))
    (thread,) = desk.threads(iid)
    desk.sandbox.comment(iid, "Why?", discussion=thread)
    desk.sandbox.comment(iid, "Hello")
    found = {note.body: note.threaded for note in sweep(desk.api).notes(desk.read(iid).target, 0)}
    assert (found["Why?"], found["Hello"]) == (True, False)


def test_of_very_many_notes_the_newest_are_looked_at(desk: Desk) -> None:
    iid = desk.open()
    for number in range(MAX_NOTES + 5):
        desk.sandbox.comment(iid, f"remark {number}")
    found = list(sweep(desk.api).notes(Target(PROJECT, iid), 0))
    assert len(found) == MAX_NOTES
    assert found[0].body == f"remark {MAX_NOTES + 4}"


def test_a_note_of_a_deleted_account_commands_nothing(gitlab: responses.RequestsMock) -> None:
    note = {"id": 1, "body": "/trivet review", "author": None, "created_at": "2026-11-22T10:00:00Z"}
    gitlab.add("GET", f"{BASE}/api/v4/projects/42/merge_requests/7/notes", json=[note])
    assert list(sweep(far()).notes(Target(PROJECT, 7, 42), 0)) == []
