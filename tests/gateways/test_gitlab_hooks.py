"""Webhooks of GitLab: which are ours, what they lack, and in which state they are."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from bot.errors import Forbidden, NotFound, Unavailable
from bot.gateways.gitlab_api import GitLabApi
from bot.gateways.gitlab_hooks import (
    EVENTS,
    GitLabHooks,
    HookSecrets,
    HookShape,
    best,
    hook_states,
    repairs,
    wanted_fields,
)
from bot.gateways.gitlab_instance import instance
from bot.gateways.gitlab_place import Place, find_place
from bot.gateways.gitlab_token import NOBODY, bearer, role
from tests.gitlab_receiver import PLAIN_SECRET, SIGNING_TOKEN
from tests.sandbox_server import PROJECT, SandboxServer

ADDRESS = "http://127.0.0.1:9/hooks/gitlab"
BOTH = HookSecrets(SIGNING_TOKEN, PLAIN_SECRET)


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer() as server:
        yield server


def api(sandbox: SandboxServer, user: str = "grace") -> GitLabApi:
    return GitLabApi(sandbox.url, sandbox.token(user), "TRIVET_GITLAB__TOKEN")


def hooks(sandbox: SandboxServer, user: str = "grace") -> GitLabHooks:
    access = api(sandbox, user)
    return GitLabHooks(access, find_place(access, PROJECT))


def shape(**fields: Any) -> HookShape:
    return HookShape(**({"id": 1, "url": ADDRESS} | wanted_fields(ADDRESS) | fields))


def test_what_was_made_needs_no_repair_and_is_found_again(sandbox: SandboxServer) -> None:
    ours = hooks(sandbox)
    made = ours.create(ADDRESS, BOTH)
    assert repairs(made, ADDRESS) == {}
    assert ours.ours(f"{ADDRESS}/") == [made]
    assert (made.missed, BOTH.fit(made), made.token_present) == ([], True, False)


@pytest.mark.parametrize(
    ("url", "address", "same"),
    [
        ("https://t.example/hooks/gitlab/", "https://T.example:443/hooks/gitlab", True),
        ("http://t.example:80/hooks/gitlab", "http://t.example/hooks/gitlab", True),
        ("http://t.example/hooks/gitlab", "https://t.example/hooks/gitlab", False),
        ("https://t.example/hooks/gitlab?a=1", "https://t.example/hooks/gitlab", False),
        ("https://t.example:{port}/hooks/gitlab", "https://t.example/hooks/gitlab", False),
        ("https://t.example/pre/hooks/gitlab", "https://t.example/hooks/gitlab", False),
        ("https://other.example/hooks/gitlab/", None, True),
        ("https://other.example/hooks/jira", None, False),
    ],
)
def test_an_address_is_ours_however_it_is_written(
    sandbox: SandboxServer, url: str, address: str | None, same: bool
) -> None:
    ours = hooks(sandbox)
    ours.create(ADDRESS, BOTH)
    sandbox.state_object.projects[0].hooks[0].url = url
    assert bool(ours.ours(address)) is same


@given(st.dictionaries(st.sampled_from([*EVENTS, "push_events"]), st.sampled_from([True, False, None])))
@hypothesis(max_examples=40)
def test_after_its_repair_a_webhook_needs_none(fields: dict[str, bool | None]) -> None:
    hook = shape(**fields)
    repaired = hook.model_copy(update=repairs(hook, ADDRESS))
    assert repairs(repaired, ADDRESS) == {}
    assert repaired.missed == []


def test_a_kind_of_event_that_a_version_has_not_is_no_fault() -> None:
    assert repairs(shape(emoji_events=None), ADDRESS) == {}
    assert repairs(shape(emoji_events=False), ADDRESS) == {"emoji_events": True}


def test_the_certificate_is_checked_where_there_is_one() -> None:
    https = ADDRESS.replace("http:", "https:")
    assert repairs(shape(url=https), https) == {"enable_ssl_verification": True}
    assert repairs(shape(enable_ssl_verification=True), ADDRESS) == {}


@pytest.mark.parametrize(
    ("signs", "token", "signing", "plain", "accepted", "fits"),
    [
        (True, False, SIGNING_TOKEN, "", True, True),
        (True, True, "", PLAIN_SECRET, False, False),  # judged by its signature alone
        (False, True, SIGNING_TOKEN, PLAIN_SECRET, True, False),  # could sign
        (False, True, "", PLAIN_SECRET, True, True),
        (False, True, SIGNING_TOKEN, "", False, False),
        (False, False, "", PLAIN_SECRET, False, False),
        (None, None, "", PLAIN_SECRET, True, True),  # an older version tells nothing
    ],
)
def test_a_webhook_has_to_prove_itself_in_a_way_we_know(
    signs: bool | None, token: bool | None, signing: str, plain: str, accepted: bool, fits: bool
) -> None:
    hook, secrets = shape(signing_token_present=signs, token_present=token), HookSecrets(signing, plain)
    assert (secrets.accept(hook), secrets.fit(hook)) == (accepted, fits)
    assert SIGNING_TOKEN not in repr(secrets)


def test_the_first_secret_of_each_kind_is_chosen() -> None:
    given = ["one", SIGNING_TOKEN, "two"]
    assert HookSecrets.among(given, can_sign=True) == HookSecrets(SIGNING_TOKEN, "one")
    assert HookSecrets.among(given, can_sign=False) == HookSecrets("", "one")


def test_what_is_not_allowed_or_not_there_is_raised(sandbox: SandboxServer) -> None:
    with pytest.raises(Forbidden):
        hooks(sandbox, "trivet").ours(ADDRESS)
    hook = hooks(sandbox).create(ADDRESS, BOTH)
    sandbox.fault(path="/test/", status=429)
    with pytest.raises(Unavailable):
        hooks(sandbox).test(hook)
    sandbox.state_object.version = "16.10.0"
    with pytest.raises(NotFound):
        hooks(sandbox).test(hook)


def test_a_failed_test_tells_the_words_and_the_status(sandbox: SandboxServer) -> None:
    ours = hooks(sandbox)
    hook = ours.create(f"{sandbox.url}/hooks/gitlab", BOTH)
    tried = ours.test(hook)
    assert (tried.event, tried.arrived, tried.status) == ("push_events", False, "404")
    sandbox.state_object.version = "17.2.0"
    assert ours.test(hook).status == ""


def test_states_are_told_by_project_and_left_out_where_nobody_may_know(sandbox: SandboxServer) -> None:
    sandbox.add_project("acme/till", members={"grace": 40})
    hooks(sandbox).create(ADDRESS, BOTH)
    asked = [PROJECT, "acme/till", "acme/nothing"]
    assert hook_states(api(sandbox), asked, ADDRESS) == {PROJECT: "fine", "acme/till": "missing"}
    assert hook_states(api(sandbox), asked, "http://127.0.0.1:8/hooks/gitlab")[PROJECT] == "missing"
    assert hook_states(api(sandbox), asked)[PROJECT] == "fine"
    assert hook_states(api(sandbox, "trivet"), asked, ADDRESS) == {}
    with pytest.raises(Unavailable):
        hook_states(GitLabApi("http://127.0.0.1:1", "x", "TRIVET_GITLAB__TOKEN"), asked, ADDRESS)


def test_of_two_webhooks_the_one_that_works_counts() -> None:
    off, rests, works = (
        shape(id=id, alert_status=said)
        for id, said in enumerate(("disabled", "temporarily_disabled", "executable"))
    )
    assert best([off, rests, works]) == works
    assert best([off, rests]) == rests
    assert best([]) is None


def test_a_path_is_a_project_before_it_is_a_group(sandbox: SandboxServer) -> None:
    sandbox.add_group("acme", {"grace": 50})
    access = api(sandbox)
    assert find_place(access, "/acme/").kind == "group"
    assert find_place(access, PROJECT) == find_place(access, "1")
    assert find_place(access, PROJECT).hooks_page == f"{sandbox.url}/acme/shop/-/hooks"
    with pytest.raises(NotFound, match="no project or group acme/none"):
        find_place(access, "acme/none")


def test_who_a_token_is_is_told_as_far_as_it_may_be(sandbox: SandboxServer) -> None:
    number = sandbox.add_user("git", 20, scopes=["read_repository"])["id"]
    who = bearer(api(sandbox, "git"))
    assert (who.id, who.name, who.lacks(frozenset({"read_api", "read_repository"}))) == (
        number,
        "",
        ["read_api"],
    )
    admin = sandbox.add_user("root", admin=True, bot=True)["id"]
    root = bearer(api(sandbox, "root"))
    assert (root.id, root.is_admin, root.is_bot, root.expires) == (admin, True, True, None)
    assert root.lacks(frozenset({"read_api", "read_repository", "api"})) == []


def test_a_role_counts_for_who_is_an_active_member(sandbox: SandboxServer) -> None:
    place = Place("project", 1, PROJECT, "")
    numbers = {one["username"]: one["id"] for one in sandbox.call("GET", "/sandbox/users")}
    assert role(api(sandbox), place, numbers["rita"]) == 20
    assert role(api(sandbox), place, numbers["mallory"]) == NOBODY
    blocked = sandbox.add_user("blocked", 30, blocked=True)["id"]
    assert role(api(sandbox), place, blocked) == NOBODY


@pytest.mark.parametrize(
    ("said", "version"), [("17.11.2-ee", (17, 11)), ("19.2.0-pre", (19, 2)), ("?", (0, 0))]
)
def test_a_version_is_read_off_its_name(sandbox: SandboxServer, said: str, version: tuple[int, int]) -> None:
    sandbox.state_object.version = said
    there = instance(api(sandbox))
    assert (there.name, there.version) == (said, version)
    assert there.ahead is not None
    assert abs(there.ahead) < 5
