"""Who may ask what: tokens, scopes, roles, paths, pages."""

import urllib.request
from collections.abc import Iterator

import gitlab
import pytest

from tests.sandbox_server import PROJECT, SandboxServer

SHOP = "/projects/acme%2Fshop"
REQUEST = f"{SHOP}/merge_requests/1"


@pytest.fixture(scope="module")
def shared() -> Iterator[SandboxServer]:
    """One instance for the tests that only read."""
    with SandboxServer() as server:
        server.merge_request(files={"app.py": "print('hi')\n"})
        for scope in ("read_api", "read_user", "read_repository"):
            server.add_user(f"with_{scope}", 30, scopes=[scope])
        yield server


@pytest.mark.parametrize("token", ["", "wrong", "glpat-" + "x" * 20, "é"])
def test_a_missing_or_wrong_token_is_401(shared: SandboxServer, token: str) -> None:
    reply = shared.api("GET", "/user", token=token.encode().decode("latin-1"))
    assert (reply.status, reply.body) == (401, {"message": "401 Unauthorized"})


def test_a_bearer_token_is_as_good_as_a_private_token(shared: SandboxServer) -> None:
    headers = {"Authorization": f"Bearer {shared.token('ada')}"}
    with urllib.request.urlopen(
        urllib.request.Request(f"{shared.url}/api/v4/user", headers=headers)
    ) as answer:
        assert b'"username":"ada"' in answer.read()


def test_a_private_project_does_not_exist_for_who_is_no_member(shared: SandboxServer) -> None:
    for path in (SHOP, REQUEST, f"{REQUEST}/notes", "/projects/4711"):
        reply = shared.api("GET", path, user="mallory")
        assert (reply.status, reply.body) == (404, {"message": "404 Project Not Found"})


def test_a_public_project_is_read_and_commented_by_everybody(sandbox: SandboxServer) -> None:
    sandbox.add_project("acme/open", {"a": "1\n"}, {"ada": 30}, visibility="public")
    iid = sandbox.merge_request(files={"a": "2\n"}, project="acme/open")
    path = f"/projects/acme%2Fopen/merge_requests/{iid}"
    assert sandbox.api("GET", path, user="mallory").status == 200
    assert sandbox.api("POST", f"{path}/notes", {"body": "Nice"}, user="mallory").status == 201
    assert sandbox.api("POST", f"{path}/approve", {}, user="mallory").status == 403


@pytest.mark.parametrize(
    ("user", "method", "path"),
    [
        ("gus", "GET", REQUEST),
        ("gus", "GET", f"{SHOP}/repository/files/README.md?ref=main"),
        ("rita", "PUT", REQUEST),
        ("rita", "POST", f"{REQUEST}/approve"),
        ("rita", "PUT", f"{REQUEST}/merge"),
        ("rita", "POST", f"{SHOP}/statuses/main"),
        ("trivet", "GET", f"{SHOP}/hooks"),
        ("trivet", "POST", f"{SHOP}/hooks"),
    ],
)
def test_a_role_too_low_is_403(shared: SandboxServer, user: str, method: str, path: str) -> None:
    reply = shared.api(method, path, {} if method != "GET" else None, user=user)
    assert (reply.status, reply.body) == (403, {"message": "403 Forbidden"})


def test_a_reading_token_reads_and_does_not_write(shared: SandboxServer) -> None:
    assert shared.api("GET", REQUEST, user="with_read_api").status == 200
    reply = shared.api("POST", f"{REQUEST}/notes", {"body": "Hello"}, user="with_read_api")
    assert reply.status == 403
    assert reply.body["error"] == "insufficient_scope"
    assert reply.body["scope"] == "api"
    assert not shared.merge_request_state(1)["notes"]


@pytest.mark.parametrize("scope", ["read_user", "read_repository"])
def test_a_scope_for_something_else_reads_nothing_of_a_project(shared: SandboxServer, scope: str) -> None:
    assert shared.api("GET", SHOP, user=f"with_{scope}").status == 403
    assert shared.api("GET", "/personal_access_tokens/self", user=f"with_{scope}").body["scopes"] == [scope]


def test_a_project_is_found_by_number_and_by_encoded_path(shared: SandboxServer) -> None:
    assert shared.api("GET", "/projects/1").body == shared.api("GET", SHOP).body
    assert shared.api("GET", "/projects/acme/shop").body == {"error": "404 Not Found"}


@pytest.mark.parametrize(
    "path", ["", "/nothing", f"{REQUEST}/nothing", "/projects/1/merge_requests/1/notes/"]
)
def test_an_unknown_path_is_404(shared: SandboxServer, path: str) -> None:
    reply = shared.api("GET", path)
    assert (reply.status, reply.body) == (404, {"error": "404 Not Found"})


def test_an_unknown_merge_request_is_404_and_a_bad_number_400(shared: SandboxServer) -> None:
    assert shared.api("GET", f"{SHOP}/merge_requests/99").status == 404
    assert shared.api("GET", f"{SHOP}/merge_requests/one").status == 400


@pytest.mark.parametrize("body", [b"{", b"[]", b'"text"', b"[" * 100_000, b"\xff"])
def test_a_body_that_is_no_json_object_is_400(shared: SandboxServer, body: bytes) -> None:
    reply = shared.api("POST", f"{REQUEST}/notes", body)
    assert (reply.status, reply.body) == (400, {"error": "message body does not match declared format"})


def test_a_member_is_shown_with_the_level_and_a_stranger_is_404(shared: SandboxServer) -> None:
    people = {user["username"]: user["id"] for user in shared.call("GET", "/sandbox/users")}
    assert shared.api("GET", f"{SHOP}/members/all/{people['grace']}").body["access_level"] == 40
    assert shared.api("GET", f"{SHOP}/members/all/{people['mallory']}").status == 404


def test_lists_come_in_pages_with_links_to_the_requests_own_host(sandbox: SandboxServer) -> None:
    sandbox.merge_request(files={f"{number:03}.txt": "x\n" for number in range(45)})
    reply = sandbox.api("GET", f"{REQUEST}/diffs?page=2")
    assert len(reply.body) == 20
    names = ("X-Page", "X-Per-Page", "X-Next-Page", "X-Prev-Page", "X-Total", "X-Total-Pages")
    assert [reply.headers[name] for name in names] == ["2", "20", "3", "1", "45", "3"]
    link = f"<{sandbox.url}/api/v4{REQUEST}/diffs?page=3&per_page=20>"
    assert f'{link}; rel="next"' in reply.headers["Link"]
    assert f'{link}; rel="last"' in reply.headers["Link"]
    assert 'rel="next"' not in sandbox.api("GET", f"{REQUEST}/diffs?page=3").headers["Link"]


def test_no_page_is_longer_than_a_hundred(sandbox: SandboxServer) -> None:
    iid = sandbox.merge_request(files={f"{number:03}.txt": "x\n" for number in range(120)})
    assert len(sandbox.api("GET", f"{REQUEST}/diffs?per_page=1000").body) == 100
    client = sandbox.client("trivet")
    listed = client.http_list(f"/projects/1/merge_requests/{iid}/diffs", per_page=100, iterator=True)
    assert len({file["new_path"] for file in listed}) == 120
    assert sandbox.api("GET", f"{REQUEST}/diffs?per_page=0").status == 400


def test_python_gitlab_reads_the_instance(shared: SandboxServer) -> None:
    client = shared.client("trivet")
    client.auth()
    assert client.user is not None
    assert (client.user.username, client.user.attributes["bot"]) == ("trivet", True)
    assert client.version()[0] == "19.2.0"
    assert [one.path_with_namespace for one in client.projects.list(membership=True, get_all=True)] == [
        PROJECT
    ]
    project = client.projects.get(PROJECT)
    assert project.permissions["project_access"]["access_level"] == 30
    assert project.branches.get("main").commit["title"] == "First commit"
    assert project.files.get("README.md", ref="main").decode().startswith(b"# Shop")
    assert project.files.raw("README.md", ref="feature") == b"# Shop\n\nA small shop.\n"


def test_files_and_commits_that_are_not_there_are_404(shared: SandboxServer) -> None:
    def message(path: str) -> str:
        return str(shared.api("GET", f"{SHOP}/repository/{path}").body["message"])

    assert message("files/none.txt?ref=main") == "404 File Not Found"
    assert message("files/README.md?ref=none") == "404 Commit Not Found"
    assert message("files/README.md/raw?ref=--help") == "404 Commit Not Found"
    assert message("branches/none") == "404 Branch Not Found"
    assert shared.api("GET", f"{SHOP}/repository/files/README.md").body == {"error": "ref is missing"}


def test_a_comparison_has_commits_and_diffs(shared: SandboxServer) -> None:
    compared = shared.client("trivet").projects.get(PROJECT).repository_compare("main", "feature")
    assert [commit["title"] for commit in compared["commits"]] == ["Change the shop"]
    assert [diff["new_path"] for diff in compared["diffs"]] == ["app.py"]


def test_merge_requests_are_listed_by_state_and_time(sandbox: SandboxServer) -> None:
    first = sandbox.merge_request("First", {"a": "1\n"}, source="one")
    second = sandbox.merge_request("Second", {"b": "1\n"}, source="two")
    sandbox.act(first, "close")
    moment = sandbox.merge_request_state(second)["updated_at"]
    project = sandbox.client("trivet").projects.get(PROJECT)

    def listed(**filters: str) -> list[int]:
        return [one.iid for one in project.mergerequests.list(get_all=True, **filters)]

    assert listed() == [second, first]
    assert listed(order_by="updated_at", sort="desc") == [first, second]
    assert listed(state="opened") == [second]
    assert listed(updated_after=moment, order_by="updated_at", sort="asc") == [second, first]
    assert listed(updated_after="2100-01-01T00:00:00Z") == []
    assert sandbox.client("trivet").mergerequests.list(get_all=True) == []
    assert len(sandbox.client("ada").mergerequests.list(get_all=True)) == 2
    assert len(sandbox.client("trivet").mergerequests.list(scope="all", get_all=True)) == 2
    with pytest.raises(gitlab.GitlabListError, match="state does not have a valid value"):
        listed(state="broken")


def test_a_commit_status_is_recorded_once(sandbox: SandboxServer) -> None:
    sha = sandbox.push("main", {"a": "1\n"})
    commit = {"state": "running", "name": "trivet"}
    assert sandbox.api("POST", f"{SHOP}/statuses/{sha}", commit).body["status"] == "running"
    assert sandbox.api("POST", f"{SHOP}/statuses/{sha}", commit).status == 400
    assert sandbox.api("POST", f"{SHOP}/statuses/{sha}", commit | {"state": "success"}).status == 201
    assert sandbox.api("POST", f"{SHOP}/statuses/{'0' * 40}", commit).status == 404
