"""What doctor says of GitLab, with each fault made."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.entry.doctor.check import Check
from bot.entry.doctor.gitlab import gitlab_checks
from bot.entry.doctor.gitlab_projects import MOST_PROJECTS
from bot.settings import Settings
from tests.gitlab_receiver import PLAIN_SECRET, SIGNING_TOKEN, receiving
from tests.rig import free_port
from tests.sandbox_server import PROJECT, SandboxServer

OURS = "https://trivet.example.com"
HOOKS = "/projects/acme%2Fshop/hooks"
HOOK = f"webhook of {PROJECT}"
Look = Callable[..., dict[tuple[str, str], Check]]


@pytest.fixture(scope="module")
def running() -> Iterator[SandboxServer]:
    """With tokens that lack something each."""
    with SandboxServer() as server:
        server.add_user("reader", 20, scopes=["read_api", "read_repository"], bot=True)
        server.add_user("half", 20, scopes=["read_user"], bot=True)
        server.add_user("expired", 30, expires_on="2020-01-01", bot=True)
        soon = (datetime.now(UTC).date() + timedelta(days=3)).isoformat()
        server.add_user("soon", 30, expires_on=soon, bot=True)
        yield server


@pytest.fixture
def sandbox(running: SandboxServer) -> Iterator[SandboxServer]:
    """As it was at first, however the last test left it."""
    yield running
    project, state = running.state_object.projects[0], running.state_object
    project.hooks.clear()
    project.archived = False
    state.groups.clear()
    project.groups.clear()
    state.faults.clear()
    running.switch(premium=False, auto_disable=False, clock=0)


@pytest.fixture
def look(sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> Look:
    """What is said, by name and state; the Maintainer's token reads the webhooks. Texts hold no token."""
    monkeypatch.setenv("TRIVET_CONNECT_TOKEN", sandbox.token("grace"))

    def look(
        writer: str | None = "trivet", reader: str | None = "reader", **gitlab: Any
    ) -> dict[tuple[str, str], Check]:
        given: dict[str, Any] = {"url": sandbox.url, "projects": PROJECT, "webhook_secrets": [SIGNING_TOKEN]}
        given |= {"token": sandbox.token(writer)} if writer else {}
        given |= {"read_token": sandbox.token(reader)} if reader else {}
        checks = list(gitlab_checks(Settings(gitlab=given | gitlab, public_url=OURS)))
        assert all(check.cure for check in checks if check.state == "wrong")
        assert sandbox.token("trivet") not in str(checks)
        return {(check.name, check.state): check for check in checks}

    return look


def add_hook(sandbox: SandboxServer, **fields: Any) -> None:
    """Ours and right, but for `fields`. The sandbox calls loopback only, so that the address is set behind its back."""
    events = dict.fromkeys(("merge_requests_events", "note_events", "emoji_events", "tag_push_events"), True)
    body = {"url": "http://127.0.0.1:1/", "signing_token": SIGNING_TOKEN, **events} | fields
    assert sandbox.api("POST", HOOKS, body, user="grace").status == 201
    sandbox.state_object.projects[0].hooks[-1].url = f"{OURS}/hooks/gitlab"


def states(found: dict[tuple[str, str], Check]) -> set[str]:
    return {state for _, state in found}


def test_where_all_is_well_every_line_is_fine(sandbox: SandboxServer, look: Look) -> None:
    add_hook(sandbox)
    found = look()
    assert states(found) == {"fine"}
    assert found["address", "fine"].said == f"{sandbox.url}, version 19.2.0"
    assert found["token that reads", "fine"].said == "@reader, read_api, read_repository, does not expire"
    assert found[PROJECT, "fine"].said == "@trivet is Developer, @reader is Reporter"
    assert found[HOOK, "fine"].said == "tells us of everything, signed"


def test_without_a_gitlab_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRIVET_GITLAB__URL", raising=False)
    assert list(gitlab_checks(Settings())) == []


def test_without_a_token_that_is_a_setting(sandbox: SandboxServer, look: Look) -> None:
    found = look(writer=None, reader=None)
    assert [check.is_setting for check in found.values()] == [True]
    assert found["tokens", "wrong"].cure.startswith("set TRIVET_GITLAB__TOKEN")


def test_who_only_receives_needs_no_token(sandbox: SandboxServer) -> None:
    hooks = {"url": sandbox.url, "webhook_secrets": [PLAIN_SECRET]}
    [found] = gitlab_checks(Settings(gitlab=hooks, redis_url="redis://redis:6379/0"))
    assert (found.name, found.state) == ("tokens", "note")


def test_where_nobody_reads_the_token_that_writes_serves_for_nothing_else(
    sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {"url": sandbox.url, "token": sandbox.token("trivet")}
    effects = Settings(gitlab=own, redis_url="redis://redis:6379/0", mark_secrets=["k3Jq" * 8])
    assert "token that reads" not in {check.name for check in gitlab_checks(effects)}
    monkeypatch.setenv("OPENAI_API_KEY", "sk-" + "b7Yd" * 8)
    assert "token that reads" in {check.name for check in gitlab_checks(effects)}


@pytest.mark.parametrize("nobody", ["http://127.0.0.1:{port}", "{sandbox}/sandbox/state?"])
def test_what_is_no_gitlab_is_said_to_be_none(sandbox: SandboxServer, look: Look, nobody: str) -> None:
    address = nobody.format(port=free_port(), sandbox=sandbox.url).rstrip("?")
    found = look(url=address)
    assert list(found) == [("address", "wrong")]


def test_what_an_old_version_lacks_is_named(
    sandbox: SandboxServer, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox.state_object, "version", "17.4.1")
    found = look(webhook_secrets=[PLAIN_SECRET])
    assert "webhooks are not signed" in found["version", "note"].said
    assert "a thumbs-up" in found["version", "note"].said
    assert "cannot be tried" not in found["version", "note"].said


@pytest.mark.parametrize(("ahead", "state"), [(0, "fine"), (-29, "fine"), (45, "note"), (-400, "wrong")])
def test_a_clock_that_is_off_is_said_by_how_much(
    sandbox: SandboxServer, look: Look, ahead: int, state: str
) -> None:
    sandbox.switch(clock=ahead)
    said = look()["clock", state].said
    assert state == "fine" or ("ahead of" if ahead > 0 else "behind") in said


def test_an_expired_token_is_wrong_and_the_other_is_looked_at_all_the_same(look: Look) -> None:
    found = look(writer="expired")
    assert "set TRIVET_GITLAB__TOKEN" in found["token that writes", "wrong"].cure
    assert ("token that reads", "fine") in found
    assert found[PROJECT, "fine"].said == "@reader is Reporter"


def test_a_token_that_expires_soon_is_noted(look: Look) -> None:
    assert "in 3 days" in look(writer="soon")["token that writes", "note"].said


def test_scopes_that_are_missing_are_wrong(look: Look) -> None:
    found = look(writer="reader", reader="half")
    assert "lacks api" in found["token that writes", "wrong"].said
    assert "lacks read_api, read_repository" in found["token that reads", "wrong"].said


def test_a_reader_that_may_write_is_noted(look: Look) -> None:
    assert (
        "TRIVET_GITLAB__READ_TOKEN may write as well" in look(reader="soon")["token that reads", "note"].said
    )


def test_a_person_is_noted(look: Look) -> None:
    assert "belongs to @ada, no bot" in look(writer="ada")["token that writes", "note"].said


@pytest.mark.parametrize(
    ("reader", "said"),
    [
        (None, "there is none: "),
        ("trivet", "TRIVET_GITLAB__READ_TOKEN is the same token as TRIVET_GITLAB__TOKEN"),
    ],
    ids=["unset", "the same"],
)
def test_one_token_for_both_is_noted(look: Look, reader: str | None, said: str) -> None:
    found = look(reader=reader)
    check = found["token that reads", "note"]
    assert check.said.startswith(said)
    assert "not kept apart" in check.said
    assert "TRIVET_GITLAB__READ_TOKEN to a token of its own" in (check.cure or "")
    assert [name for name, _ in found].count("token that writes") == 1


def test_an_oauth_token_tells_no_scopes(sandbox: SandboxServer, look: Look) -> None:
    body = '{"message": "400 Bad request - This endpoint requires token type to be a personal access token"}'
    sandbox.fault(path="personal_access_tokens/self", user="trivet", status=400, body=body)
    found = look()
    assert "cannot be asked for" in found["token that writes", "note"].said


def test_a_gitlab_that_fails_in_the_middle_is_said_where_it_does(sandbox: SandboxServer, look: Look) -> None:
    add_hook(sandbox)
    sandbox.fault(path="/members/all/", status=502, times=9)
    sandbox.fault(path="/hooks", status=502, times=9)
    found = look()
    assert {name for name, state in found if state == "wrong"} == {PROJECT, HOOK}


def test_roles_that_are_missing_are_wrong(look: Look) -> None:
    found = look(writer="rita")
    assert "@rita is Reporter in acme/shop: writing reviews takes a Developer" in found[PROJECT, "wrong"].said


def test_a_project_that_is_not_there_is_wrong(look: Look) -> None:
    assert "does not find project acme/nothing" in look(projects="acme/nothing")["acme/nothing", "wrong"].said
    assert ("projects", "wrong") in look(projects="other/**")


def test_an_archived_project_is_noted(sandbox: SandboxServer, look: Look) -> None:
    sandbox.archive()
    assert "archived" in look()[PROJECT, "note"].said


def test_no_webhook_is_wrong_and_connect_is_the_cure(look: Look) -> None:
    assert "`trivet connect gitlab acme/shop`" in look()[HOOK, "wrong"].cure


def test_a_webhook_elsewhere_is_not_ours(sandbox: SandboxServer, look: Look) -> None:
    add_hook(sandbox)
    sandbox.state_object.projects[0].hooks[-1].url = "https://elsewhere.example.com/hooks/gitlab"
    assert "no webhook leads here" in look()[HOOK, "wrong"].said


def test_a_developer_is_not_told_of_webhooks(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRIVET_CONNECT_TOKEN")
    assert "TRIVET_CONNECT_TOKEN" in look()[HOOK, "note"].cure


@pytest.mark.parametrize(
    ("failures", "said"), [(4, "passes it over until"), (40, "switched it off for good")]
)
def test_a_webhook_that_is_off_is_wrong(sandbox: SandboxServer, look: Look, failures: int, said: str) -> None:
    add_hook(sandbox)
    sandbox.switch(auto_disable=True)
    hook = sandbox.state_object.projects[0].hooks[0]
    hook.failures, hook.disabled_until = failures, datetime.now(UTC) + timedelta(hours=1)
    found = look()[HOOK, "wrong"]
    assert (said in found.said, "mend what answers" in found.cure) == (True, True)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"note_events": False, "emoji_events": False}, "does not tell of comments, reactions"),
        ({"custom_webhook_template": "{}"}, "custom template"),
        ({"signing_token": None, "token": PLAIN_SECRET}, "proves itself by nothing"),
        ({"signing_token": None}, "proves itself by nothing"),
    ],
)
def test_a_webhook_of_no_use_is_wrong(
    sandbox: SandboxServer, look: Look, fields: dict[str, Any], said: str
) -> None:
    add_hook(sandbox, **fields)
    assert said in look()[HOOK, "wrong"].said


def test_a_webhook_whose_last_delivery_was_refused_is_wrong(sandbox: SandboxServer, look: Look) -> None:
    add_hook(sandbox)
    hook = sandbox.state_object.projects[0].hooks[-1]
    with receiving([PLAIN_SECRET]) as url:
        hook.url = f"{url}/hooks/gitlab"
        assert sandbox.api("POST", f"{HOOKS}/{hook.id}/test/push_events", user="grace").status == 422
    hook.url = f"{OURS}/hooks/gitlab"
    found = look()[HOOK, "wrong"]
    assert found.said == "its last delivery was answered 401"
    assert "trivet connect gitlab" in found.cure


def test_a_webhook_that_checks_no_certificate_is_noted(sandbox: SandboxServer, look: Look) -> None:
    add_hook(sandbox, enable_ssl_verification=False)
    assert "certificate" in look()[HOOK, "note"].said


def test_a_webhook_of_the_group_serves_the_project(sandbox: SandboxServer, look: Look) -> None:
    sandbox.add_group("acme", {"grace": 50})
    sandbox.switch(premium=True)
    assert ("no webhook leads here" in look()[HOOK, "wrong"].said) is True
    add_hook(sandbox)
    project = sandbox.state_object.projects[0]
    sandbox.state_object.groups[0].hooks.append(project.hooks.pop())
    assert (HOOK, "fine") in look()


def test_a_group_that_is_not_ours_to_see_leaves_it_open(sandbox: SandboxServer, look: Look) -> None:
    sandbox.add_group("acme", {"grace": 40})
    sandbox.switch(premium=True)
    assert "Owner" in look()[HOOK, "note"].said


def test_of_many_projects_only_the_first_are_looked_at(sandbox: SandboxServer, look: Look) -> None:
    many = ",".join(f"acme/none-{number}" for number in range(MOST_PROJECTS + 5))
    found = look(projects=many)
    assert len([state for name, state in found if name.startswith("acme/none")]) == MOST_PROJECTS
    assert "not the others" in found["projects", "note"].said
