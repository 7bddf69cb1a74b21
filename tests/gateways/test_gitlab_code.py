"""A GitLab project beside any merge request: what it is, its branches, and who is who."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import responses

from bot.domain.flow import CodeProject
from bot.errors import AccessDenied, NotFound, PlatformError, Unavailable
from bot.gateways.git import GitCache
from bot.gateways.gitlab_api import GitLabApi
from bot.gateways.gitlab_code import GitLabCode
from bot.ports import NotSearchable
from tests.reviewing import SETTING, Desk
from tests.sandbox_server import PROJECT

BASE = "https://gitlab.example.com"
GIT = r"\.git/"


@pytest.fixture
def code(desk: Desk, tmp_path: Path) -> GitLabCode:
    return GitLabCode(desk.api, GitCache(tmp_path))


@pytest.fixture
def gitlab() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def written(tmp_path: Path) -> GitLabCode:
    """Of a GitLab whose answers the test writes."""
    return GitLabCode(GitLabApi(BASE, "token", SETTING), GitCache(tmp_path))


# --- the project


def test_a_project_is_read_with_what_decides_about_its_texts(desk: Desk, code: GitLabCode) -> None:
    assert code.project(PROJECT) == CodeProject(
        1, PROJECT, "private", "main", f"{desk.sandbox.url}/{PROJECT}"
    )
    desk.sandbox.add_project("acme/open", visibility="public")
    assert code.project("acme/open").visibility == "public"


def test_a_project_that_may_not_be_seen_is_not_found(desk: Desk, code: GitLabCode) -> None:
    desk.sandbox.add_project("acme/hidden")
    with pytest.raises(NotFound, match="project acme/hidden"):
        code.project("acme/hidden")


def test_a_renamed_project_is_told_by_its_present_path(
    gitlab: responses.RequestsMock, written: GitLabCode
) -> None:
    data = {"id": 4, "path_with_namespace": "acme/store", "visibility": "internal", "default_branch": None}
    gitlab.add("GET", f"{BASE}/api/v4/projects/acme%2Fshop", json=data)
    assert written.project("acme/shop") == CodeProject(4, "acme/store", "internal")


@pytest.mark.parametrize("visibility", [None, "secret"])
def test_a_visibility_we_do_not_know_is_not_guessed(
    gitlab: responses.RequestsMock, written: GitLabCode, visibility: str | None
) -> None:
    data = {"id": 4, "path_with_namespace": "acme/shop", "visibility": visibility}
    gitlab.add("GET", f"{BASE}/api/v4/projects/acme%2Fshop", json=data)
    with pytest.raises(PlatformError, match="visibility"):
        written.project("acme/shop")


# --- its branches


def test_a_branch_is_read_at_its_tip_and_searched(desk: Desk, code: GitLabCode) -> None:
    first = desk.sandbox.push("release/1", {"shop/cart.py": "def total(): ...\n"})
    project = code.project(PROJECT)
    tree = code.branch(project, "release/1")
    assert (tree.commit, tree.read("shop/cart.py")) == (first, b"def total(): ...\n")
    assert [match.path for match in tree.search("total")] == ["shop/cart.py"]
    second = desk.sandbox.push("release/1", {"shop/cart.py": "def sum(): ...\n"})
    assert code.branch(project, "release/1").commit == second
    assert tree.read("shop/cart.py") == b"def total(): ...\n"


def test_a_branch_may_come_to_lie_below_the_name_of_one_that_is_gone(desk: Desk, code: GitLabCode) -> None:
    project = code.project(PROJECT)
    desk.sandbox.push("topic", {"a.txt": "1\n"})
    assert code.branch(project, "topic").read("a.txt") == b"1\n"
    desk.sandbox.state_object.projects[0].repository.delete_ref("refs/heads/topic")
    desk.sandbox.push("topic/below", {"a.txt": "2\n"})
    assert code.branch(project, "topic/below").read("a.txt") == b"2\n"


@pytest.mark.parametrize("name", ["none", "bad..name", "-x", "with blank"])
def test_a_branch_that_is_not_there_is_not_found(code: GitLabCode, name: str) -> None:
    with pytest.raises(NotFound, match="branch"):
        code.branch(code.project(PROJECT), name)


def test_the_branch_of_an_empty_repository_is_not_found(desk: Desk, code: GitLabCode) -> None:
    desk.sandbox.add_project("acme/empty", members={"trivet": 30})
    with pytest.raises(NotFound):
        code.branch(code.project("acme/empty"), "main")


def test_where_git_is_refused_files_are_read_over_the_api(desk: Desk, code: GitLabCode) -> None:
    tip = desk.sandbox.push("main", {"read.txt": "me\n"})
    desk.sandbox.fault(path=GIT, status=403, times=9)
    tree = code.branch(code.project(PROJECT), "main")
    assert (tree.commit, tree.read("read.txt"), "read.txt" in tree.list()) == (tip, b"me\n", True)
    with pytest.raises(NotSearchable):
        tree.search("me")


def test_where_neither_is_allowed_access_is_denied(desk: Desk, code: GitLabCode) -> None:
    project = code.project(PROJECT)
    desk.sandbox.fault(path=GIT, status=403, times=9)
    desk.sandbox.fault(path="/repository/branches/", status=403)
    with pytest.raises(AccessDenied):
        code.branch(project, "main")


def test_a_git_that_is_down_is_no_reason_to_ask_the_api(desk: Desk, code: GitLabCode) -> None:
    project = code.project(PROJECT)
    desk.sandbox.fault(path=GIT, status=503, times=9)
    with pytest.raises(Unavailable):
        code.branch(project, "main")


# --- people


@pytest.fixture(scope="module")
def people(shared_desk: Desk) -> Desk:
    add = shared_desk.sandbox.add_user
    add("lin", public_email="lin@example.test")
    add("shy")
    add("gone", blocked=True, public_email="gone@example.test")
    add("robot", bot=True, public_email="robot@example.test")
    add("liar", name="boss@example.test")
    add("boss", public_email="Boss@Example.test")
    add("twin-one", public_email="twin@example.test")
    add("twin-two", public_email="twin@example.test")
    return shared_desk


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"username": "lin"}, "lin"),
        ({"username": "LIN"}, "lin"),
        ({"username": "li"}, ""),
        ({"username": "gone"}, ""),
        ({"username": "robot"}, ""),
        ({"username": "nobody"}, ""),
        ({"email": "lin@example.test"}, "lin"),
        ({"email": "LIN@example.test"}, "lin"),
        ({"email": "lin@example"}, ""),
        ({"email": "shy@example.test"}, ""),
        ({"email": "gone@example.test"}, ""),
        ({"email": "robot@example.test"}, ""),
        ({"email": "boss@example.test"}, "boss"),
        ({"email": "twin@example.test"}, ""),
        ({"username": "nobody", "email": "lin@example.test"}, "lin"),
        ({"username": "shy", "email": "lin@example.test"}, "shy"),
        ({}, ""),
    ],
)
def test_a_person_is_found_exactly_or_not_at_all(
    people: Desk, tmp_path: Path, asked: dict[str, str], found: str
) -> None:
    assert GitLabCode(people.api, GitCache(tmp_path)).username(**asked) == found


def test_nobody_is_asked_for_where_nothing_is_asked(people: Desk, tmp_path: Path) -> None:
    people.sandbox.clear_requests()
    GitLabCode(people.api, GitCache(tmp_path)).username()
    assert people.sandbox.requests() == []


def test_a_token_that_may_not_look_people_up_finds_nobody(people: Desk, code: GitLabCode) -> None:
    people.sandbox.fault(path="/users", status=403)
    assert code.username(username="lin") == ""


def test_an_account_that_goes_between_two_looks_is_nobody(
    gitlab: responses.RequestsMock, written: GitLabCode
) -> None:
    listed: dict[str, Any] = {"id": 3, "username": "lin", "state": "active"}
    gitlab.add("GET", f"{BASE}/api/v4/users", json=[listed])
    gitlab.add("GET", f"{BASE}/api/v4/users/3", status=404, json={"message": "404 User Not Found"})
    assert written.username(username="lin") == ""


def test_an_older_gitlab_that_lists_no_addresses_is_asked_for_the_account(
    gitlab: responses.RequestsMock, written: GitLabCode
) -> None:
    listed: dict[str, Any] = {"id": 3, "username": "lin", "state": "active"}
    gitlab.add("GET", f"{BASE}/api/v4/users", json=[listed])
    gitlab.add("GET", f"{BASE}/api/v4/users/3", json=listed | {"public_email": "lin@example.test"})
    assert written.username(email="lin@example.test") == "lin"
