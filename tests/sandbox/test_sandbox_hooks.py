"""Hooks in the API as GitLab has them: who may, what is refused, how they fail, and what a test of one says."""

from collections.abc import Iterator

import pytest

from tests.gitlab_receiver import SIGNING_TOKEN, receiving
from tests.sandbox_server import SandboxServer

HOOKS = "/projects/acme%2Fshop/hooks"
GROUP_HOOKS = "/groups/acme/hooks"
NOWHERE = "http://127.0.0.1:1/"


@pytest.fixture
def address() -> Iterator[str]:
    with receiving([SIGNING_TOKEN]) as url:
        yield f"{url}/hooks/gitlab"


def hook(sandbox: SandboxServer, url: str, **fields: object) -> str:
    """The path of a new hook."""
    made = sandbox.api("POST", HOOKS, {"url": url, **fields}, user="grace")
    assert made.status == 201
    return f"{HOOKS}/{made.body['id']}"


def failed(sandbox: SandboxServer, number: int) -> str:
    """The path of a hook that has failed so often; its deliveries are counted as the real ones are."""
    sandbox.switch(auto_disable=True)
    path = hook(sandbox, NOWHERE, push_events=True)
    one = sandbox.state_object.projects[0].hooks[-1]
    one.failures = number - 1
    sandbox.push("feature", {"a": f"{number}\n"})
    sandbox.wait_for(lambda state: [log for log in state["deliveries"] if log["status"]])
    return path


@pytest.mark.parametrize("user", ["ada", "rita", "gus"])
def test_below_maintainer_nobody_sees_hooks_or_their_log(sandbox: SandboxServer, user: str) -> None:
    path = hook(sandbox, NOWHERE)
    for method, where in (
        ("GET", HOOKS),
        ("GET", path),
        ("GET", f"{path}/events"),
        ("PUT", path),
        ("DELETE", path),
    ):
        assert sandbox.api(method, where, {} if method == "PUT" else None, user=user).status == 403
    assert sandbox.api("POST", f"{path}/test/push_events", user=user).status == 403


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"url": "ftp://127.0.0.1/"}, 422),
        ({"url": "http://10.0.0.1/"}, 422),
        ({}, 400),
        ({"url": NOWHERE, "token": "two\nlines"}, 422),
        ({"url": NOWHERE, "signing_token": "whsec_" + "dG9vIHNob3J0"}, 422),
        ({"url": NOWHERE, "signing_token": ""}, 422),
    ],
)
def test_what_cannot_be_a_hook_is_refused(
    sandbox: SandboxServer, fields: dict[str, str], status: int
) -> None:
    assert sandbox.api("POST", HOOKS, fields, user="grace").status == status
    assert sandbox.api("GET", HOOKS, user="grace").body == []


def test_a_hook_of_a_project_is_changed_with_its_address(sandbox: SandboxServer) -> None:
    path = hook(sandbox, NOWHERE)
    assert sandbox.api("PUT", path, {"note_events": True}, user="grace").status == 400
    changed = sandbox.api("PUT", path, {"url": NOWHERE, "note_events": True, "token": ""}, user="grace").body
    assert (changed["note_events"], changed["token_present"]) == (True, False)


def test_before_signing_tokens_nothing_is_told_of_secrets() -> None:
    with SandboxServer(version="18.10.3") as old:
        made = old.api("POST", HOOKS, {"url": NOWHERE, "token": "x"}, user="grace").body
        assert not {"token_present", "signing_token_present"} & set(made)


def test_a_test_says_what_the_receiver_said(sandbox: SandboxServer, address: str) -> None:
    signed, wrong = (
        hook(sandbox, address, signing_token=SIGNING_TOKEN),
        hook(sandbox, address, token="another"),
    )
    assert sandbox.api("POST", f"{signed}/test/push_events", user="grace").status == 201
    refused = sandbox.api("POST", f"{wrong}/test/push_events", user="grace")
    assert (refused.status, "X-Gitlab-Token matches no secret" in refused.body["message"]) == (422, True)
    [logged] = sandbox.api("GET", f"{wrong}/events", user="grace").body
    assert (logged["response_status"], logged["trigger"]) == ("401", "push_hooks")
    assert "another" not in str(logged)


def test_a_test_says_what_there_is_nothing_of(sandbox: SandboxServer, address: str) -> None:
    path = hook(sandbox, address, signing_token=SIGNING_TOKEN)
    refused = sandbox.api("POST", f"{path}/test/merge_requests_events", user="grace")
    assert (refused.status, refused.body) == (422, {"message": "Ensure the project has merge requests."})
    assert sandbox.api("POST", f"{path}/test/spring_events", user="grace").status == 400
    assert sandbox.api("GET", f"{path}/events", user="grace").body == []


def test_a_sixth_test_in_a_minute_is_refused(sandbox: SandboxServer, address: str) -> None:
    path = hook(sandbox, address, signing_token=SIGNING_TOKEN)
    statuses = [sandbox.api("POST", f"{path}/test/push_events", user="grace").status for _ in range(6)]
    assert statuses == [201] * 5 + [429]


def test_nobody_who_waits_for_a_receiver_holds_up_the_others(sandbox: SandboxServer) -> None:
    """The hook points at the sandbox itself, which can answer only while its state is not locked."""
    path = hook(sandbox, f"{sandbox.url}/sandbox/state")
    assert sandbox.api("POST", f"{path}/test/push_events", user="grace").status == 422
    assert sandbox.api("GET", f"{path}/events", user="grace").body[0]["response_status"] == "405"


def test_the_log_has_twenty_lines_a_page_and_the_newest_first(sandbox: SandboxServer) -> None:
    path = hook(sandbox, NOWHERE)
    assert sandbox.api("GET", f"{path}/events?per_page=21", user="grace").status == 400
    for branch in ("one", "two"):
        sandbox.push(branch, {"a": f"{branch}\n"})
    sandbox.wait_for(lambda state: sum(bool(log["status"]) for log in state["deliveries"]) == 2)
    logged = sandbox.api("GET", f"{path}/events?per_page=20", user="grace").body
    assert [one["request_data"]["ref"] for one in logged] == ["refs/heads/two", "refs/heads/one"]
    assert {one["response_status"] for one in logged} == {"internal error"}
    assert sandbox.api("GET", f"{path}/events?status=successful", user="grace").body == []


@pytest.mark.parametrize(
    ("failures", "status"),
    [(3, "executable"), (4, "temporarily_disabled"), (39, "temporarily_disabled"), (40, "disabled")],
)
def test_a_hook_that_fails_rests_and_in_the_end_is_off(
    sandbox: SandboxServer, failures: int, status: str
) -> None:
    path = failed(sandbox, failures)
    assert sandbox.api("GET", path, user="grace").body["alert_status"] == status


def test_a_hook_that_rests_is_passed_over_until_a_test_succeeds(sandbox: SandboxServer, address: str) -> None:
    path = failed(sandbox, 40)
    sandbox.push("feature", {"a": "again\n"})
    assert len(sandbox.state()["deliveries"]) == 1
    mended = {"url": address, "signing_token": SIGNING_TOKEN}
    assert sandbox.api("PUT", path, mended, user="grace").body["alert_status"] == "disabled"
    assert sandbox.api("POST", f"{path}/test/push_events", user="grace").status == 201
    shown = sandbox.api("GET", path, user="grace").body
    assert (shown["alert_status"], shown["disabled_until"]) == ("executable", None)


def test_only_premium_has_hooks_of_groups_and_only_their_owners_see_them(sandbox: SandboxServer) -> None:
    sandbox.add_group("acme", {"grace": 50, "ada": 40})
    assert sandbox.api("GET", GROUP_HOOKS, user="grace").status == 404
    sandbox.switch(premium=True)
    assert sandbox.api("GET", GROUP_HOOKS, user="ada").status == 403
    assert sandbox.api("POST", GROUP_HOOKS, {"url": NOWHERE}, user="grace").status == 201


def test_a_hook_of_a_group_hears_of_its_projects(sandbox: SandboxServer, address: str) -> None:
    sandbox.add_group("acme", {"grace": 50})
    sandbox.switch(premium=True)
    body = {"url": address, "signing_token": SIGNING_TOKEN}
    made = sandbox.api("POST", GROUP_HOOKS, body, user="grace").body
    sandbox.push("feature", {"a": "1\n"})
    sandbox.wait_for(lambda state: [log for log in state["deliveries"] if log["status"] == 202])
    assert sandbox.api("POST", f"{GROUP_HOOKS}/{made['id']}/test/push_events", user="grace").status == 201


def test_members_of_a_group_are_members_of_its_projects(sandbox: SandboxServer) -> None:
    mona = sandbox.add_user("mona")["id"]
    path = f"/projects/acme%2Fshop/members/all/{mona}"
    assert sandbox.api("GET", path).status == 404
    sandbox.add_group("acme", {"mona": 30})
    assert sandbox.api("GET", path).body["access_level"] == 30
    assert sandbox.api("GET", f"/groups/acme/members/all/{mona}", user="mona").body["access_level"] == 30
    assert [
        one["path_with_namespace"] for one in sandbox.api("GET", "/groups/acme/projects", user="mona").body
    ] == ["acme/shop"]
    assert sandbox.api("GET", "/groups/acme", user="ada").status == 404


def test_a_token_is_refused_from_the_day_it_expires(sandbox: SandboxServer) -> None:
    sandbox.add_user("late", 30, expires_on="2020-01-01")
    sandbox.add_user("early", 30, expires_on="2099-01-01")
    assert sandbox.api("GET", "/user", user="late").body["error"] == "invalid_token"
    assert sandbox.api("GET", "/personal_access_tokens/self", user="early").body["expires_at"] == "2099-01-01"


def test_nothing_is_written_in_an_archived_project(sandbox: SandboxServer) -> None:
    sandbox.archive()
    assert sandbox.api("POST", HOOKS, {"url": NOWHERE}, user="grace").status == 403
    assert sandbox.api("GET", "/projects/acme%2Fshop").body["archived"] is True
    assert sandbox.api("GET", "/projects?archived=false").body == []


def test_answers_carry_the_time_of_gitlabs_own_clock(sandbox: SandboxServer) -> None:
    before = sandbox.api("GET", "/version").headers.get_all("Date")  # type: ignore[attr-defined]
    sandbox.switch(clock=86_400)
    after = sandbox.api("GET", "/version").headers.get_all("Date")  # type: ignore[attr-defined]
    assert len(before) == len(after) == 1
    assert before[0][:16] != after[0][:16]
