"""`trivet connect gitlab` against the sandbox GitLab and our own receiver."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from bot.entry.connect import gitlab
from bot.entry.connect.gitlab import connect_gitlab, new_signing_token
from bot.entry.connect.gitlab_answers import explained, is_about_the_secret
from bot.errors import UsageError
from bot.gateways.gitlab_hooks import Tried
from bot.settings import Settings
from bot.sources.signatures import check_secret
from tests.gitlab_receiver import PLAIN_SECRET, SIGNING_TOKEN, receiving
from tests.redis_server import RedisServer
from tests.sandbox_server import PROJECT, SandboxServer

HOOKS = "/projects/acme%2Fshop/hooks"
OURS = ("merge_requests_events", "note_events", "emoji_events", "tag_push_events")
EARLIER = "an-earlier-" + "kX92mQ"


@dataclass
class Shop:
    """A sandbox GitLab, the command on it, and what the command said."""

    sandbox: SandboxServer
    folder: Path
    told: Callable[[], str]
    said: str = ""

    def connect(
        self,
        ours: str | None,
        target: str = PROJECT,
        secrets: tuple[str, ...] = (SIGNING_TOKEN,),
        **more: Any,
    ) -> int:
        redis_url = more.pop("redis_url", None)
        given = {
            "url": self.sandbox.url,
            "token": self.sandbox.token("trivet"),
            "projects": "acme/**",
            "webhook_secrets": list(secrets),
        }
        settings = Settings(gitlab=given | more, data_dir=self.folder, redis_url=redis_url)
        code = connect_gitlab(settings, target, ours)
        self.said = self.told()
        assert not [secret for secret in (*secrets, *self.tokens()) if secret in self.said]
        return code

    def tokens(self) -> list[str]:
        return [self.sandbox.token(name) for name in ("trivet", "grace")]

    def hooks(self, of: str = HOOKS) -> list[dict[str, Any]]:
        found = self.sandbox.api("GET", of, user="grace").body
        assert isinstance(found, list)
        return found

    def add_hook(self, url: str, of: str = HOOKS, **fields: Any) -> str:
        """The path of the new hook."""
        return f"{of}/{self.sandbox.api('POST', of, {'url': url, **fields}, user='grace').body['id']}"


@pytest.fixture(scope="module")
def running() -> Iterator[SandboxServer]:
    with SandboxServer() as server:
        yield server


@pytest.fixture
def shop(
    running: SandboxServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Shop]:
    """With a Maintainer's token for the webhooks, and none there yet."""
    monkeypatch.setenv("TRIVET_CONNECT_TOKEN", running.token("grace"))
    yield Shop(running, tmp_path, lambda: capsys.readouterr().out)
    for project in running.state_object.projects:
        project.hooks.clear()
        project.archived = False
    for group in running.state_object.groups:
        group.hooks.clear()
    running.state_object.hook_tests.clear()
    running.switch(premium=False, auto_disable=False, drop_hooks=False, clock=0)


@pytest.fixture
def address() -> Iterator[str]:
    with receiving([SIGNING_TOKEN, PLAIN_SECRET]) as url:
        yield url


def test_a_project_gets_a_signed_webhook_that_tells_of_what_we_use(shop: Shop, address: str) -> None:
    assert shop.connect(address) == 0
    [hook] = shop.hooks()
    assert (hook["url"], hook["signing_token_present"]) == (f"{address}/hooks/gitlab", True)
    assert [event for event in OURS if not hook[event]] == []
    assert hook["push_events"] is False
    assert "a webhook of acme/shop" in shop.said
    assert "a test event (push) of acme/shop was taken" in shop.said


def test_the_second_time_nothing_changes(shop: Shop, address: str) -> None:
    shop.connect(address)
    before = shop.hooks()
    shop.sandbox.clear_requests()
    assert shop.connect(f"{address}/") == 0
    assert shop.hooks() == before
    assert shop.sandbox.requests("PUT") == []
    assert "as it was  the webhook of acme/shop" in shop.said


def test_the_test_event_is_seen_to_arrive_in_redis(shop: Shop, redis_server: RedisServer) -> None:
    with receiving([SIGNING_TOKEN], redis_server.client()) as url:
        assert shop.connect(url, redis_url=redis_server.url) == 0
    assert (
        f"a test event (push) of acme/shop was taken at {url}/hooks/gitlab, and a delivery of acme/shop arrived"
        in shop.said
    )


def test_an_answer_that_is_not_our_receivers_is_no_arrival(
    shop: Shop, address: str, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gitlab, "PATIENCE", 0.2)
    assert shop.connect(address, redis_url=redis_server.url) == 3
    assert "no receiver of this Redis has heard of it" in shop.said


def test_a_webhook_is_set_right_in_everything(shop: Shop, address: str) -> None:
    wrong: dict[str, Any] = {
        "push_events": True,
        "token": EARLIER,
        "custom_webhook_template": '{"a": "{{object_kind}}"}',
    }
    shop.add_hook(f"{address}/hooks/gitlab/", **wrong)
    assert shop.connect(address) == 0
    [hook] = shop.hooks()
    assert (hook["url"], hook["signing_token_present"]) == (f"{address}/hooks/gitlab", True)
    assert (hook["custom_webhook_template"], [event for event in OURS if not hook[event]]) == ("", [])
    assert "the custom template (emptied)" in shop.said


def test_a_secret_that_differs_is_set_anew(shop: Shop, address: str) -> None:
    shop.connect(address, secrets=(PLAIN_SECRET,))
    path = f"{HOOKS}/{shop.hooks()[0]['id']}"
    shop.sandbox.api("PUT", path, {"url": f"{address}/hooks/gitlab", "token": EARLIER}, user="grace")
    assert shop.connect(address, secrets=(PLAIN_SECRET,)) == 0
    assert "its secret was another one: set anew" in shop.said


def test_a_webhook_that_signs_with_an_unknown_token_is_replaced(shop: Shop, address: str) -> None:
    old = shop.add_hook(f"{address}/hooks/gitlab", signing_token=new_signing_token())
    assert shop.connect(address, secrets=(PLAIN_SECRET,)) == 0
    [hook] = shop.hooks()
    assert (hook["signing_token_present"], hook["token_present"]) == (False, True)
    assert shop.sandbox.api("GET", old, user="grace").status == 404


def test_a_new_one_that_proves_nothing_takes_nobodys_place(shop: Shop, address: str) -> None:
    old = shop.add_hook(f"{address}/hooks/gitlab", signing_token=new_signing_token())
    made = shop.add_hook("http://127.0.0.1:9/made")
    number = int(made.rpartition("/")[2])
    unproven = {"id": number, "url": address, "token_present": False, "signing_token_present": False}
    shop.sandbox.fault(path="hooks$", method="POST", status=201, body=json.dumps(unproven))
    shop.sandbox.fault(path=f"hooks/{number}$", method="PUT", status=200, body=json.dumps(unproven))
    assert shop.connect(address, secrets=(PLAIN_SECRET,)) == 3
    assert "took neither a signing token nor a secret" in shop.said
    assert [f"{HOOKS}/{hook['id']}" for hook in shop.hooks()] == [old]


def test_nothing_that_gitlab_says_moves_the_cursor_or_shows_a_secret(
    shop: Shop, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = f"\x1b[2J\x1b]0;mine\x07 {PLAIN_SECRET} \u202eno"
    shop.sandbox.fault(path="hooks$", method="POST", status=422, body=json.dumps({"message": words}))
    assert shop.connect(address, secrets=(PLAIN_SECRET,)) == 3
    assert [char for char in shop.said if not char.isprintable() and char != "\n"] == []
    shop.sandbox.fault(path="/version", method="GET", status=400, body=json.dumps({"message": words}))
    assert shop.connect(address, secrets=(PLAIN_SECRET,)) == 3
    assert [char for char in shop.said if not char.isprintable() and char != "\n"] == []


def test_the_end_of_a_line_behind_the_token_for_this_call_does_no_harm(
    shop: Shop, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIVET_CONNECT_TOKEN", f"{shop.sandbox.token('grace')}\n")
    assert shop.connect(address) == 0
    monkeypatch.setenv("TRIVET_CONNECT_TOKEN", f"{shop.sandbox.token('grace')}\nmore")
    with pytest.raises(UsageError, match="TRIVET_CONNECT_TOKEN holds a blank"):
        shop.connect(address)


def test_a_webhook_that_was_switched_off_is_on_again(shop: Shop, address: str) -> None:
    shop.connect(address)
    shop.sandbox.switch(auto_disable=True)
    shop.sandbox.state_object.projects[0].hooks[0].failures = 40
    assert shop.hooks()[0]["alert_status"] == "disabled"
    assert shop.connect(address) == 0
    assert shop.hooks()[0]["alert_status"] == "executable"
    assert "it is on again" in shop.said


def test_a_second_webhook_to_the_same_address_is_named(shop: Shop, address: str) -> None:
    for _ in range(2):
        shop.add_hook(f"{address}/hooks/gitlab", signing_token=SIGNING_TOKEN)
    assert shop.connect(address) == 0
    second = shop.hooks()[1]["id"]
    assert f"delete the webhook {second} at {shop.sandbox.url}/acme/shop/-/hooks" in shop.said


def test_who_is_no_maintainer_is_told_so_and_nothing_is_made(
    shop: Shop, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRIVET_CONNECT_TOKEN")
    assert shop.connect(address) == 3
    assert "@trivet is Developer in acme/shop: setting webhooks takes a Maintainer" in shop.said
    assert "TRIVET_CONNECT_TOKEN" in shop.said
    assert shop.hooks() == []


def test_a_token_without_the_scope_is_told_so(
    shop: Shop, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not shop.sandbox.state_object.user("reading"):
        shop.sandbox.add_user("reading", 40, scopes=["read_api"])
    monkeypatch.setenv("TRIVET_CONNECT_TOKEN", shop.sandbox.call("GET", "/sandbox/users")[-1]["token"])
    assert shop.connect(address) == 3
    assert "of @reading, has the scopes read_api and lacks api" in shop.said
    assert shop.hooks() == []


def test_what_the_bots_own_tokens_lack_is_said_and_the_webhook_is_made_all_the_same(
    shop: Shop, address: str
) -> None:
    weak: dict[str, Any] = {"token": shop.sandbox.token("rita"), "read_token": shop.sandbox.token("gus")}
    assert shop.connect(address, **weak) == 3
    assert "@rita is Reporter in acme/shop: writing reviews takes a Developer" in shop.said
    assert "@gus is Guest in acme/shop: reading changes takes a Reporter" in shop.said
    assert len(shop.hooks()) == 1


def test_a_project_that_is_not_served_is_said_to_be(shop: Shop, address: str) -> None:
    assert shop.connect(address, projects="other/*") == 0
    assert "add acme/shop to TRIVET_GITLAB__PROJECTS" in shop.said


def test_an_archived_project_gets_no_webhook(shop: Shop, address: str) -> None:
    shop.sandbox.archive()
    assert shop.connect(address) == 3
    assert "acme/shop is archived" in shop.said


def test_without_a_secret_a_fresh_one_is_shown_that_works(
    shop: Shop, address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shop.connect(address, secrets=()) == 2
    fresh = shop.said.rpartition("TRIVET_GITLAB__WEBHOOK_SECRETS=")[2].strip()
    assert (fresh.startswith("whsec_"), check_secret(fresh), shop.hooks()) == (True, None, [])
    assert shop.connect(address, secrets=(fresh,)) == 3  # the receiver does not know it
    assert "the receiver that runs holds another secret" in shop.said


def test_a_gitlab_that_cannot_sign_takes_the_plain_secret(
    shop: Shop, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shop.sandbox.state_object, "version", "18.4.0")
    assert shop.connect(address, secrets=(SIGNING_TOKEN,)) == 2
    assert "GitLab 18.4.0 knows no signing tokens" in shop.said
    assert shop.connect(address, secrets=(SIGNING_TOKEN, PLAIN_SECRET)) == 0
    assert shop.connect(address, secrets=(SIGNING_TOKEN, PLAIN_SECRET)) == 0
    assert "as it was  the webhook of acme/shop" in shop.said


def test_where_signing_tokens_are_passed_over_in_silence_the_plain_secret_is_set(
    shop: Shop, address: str
) -> None:
    """As with the feature switched off: the token goes in, and is not there afterwards."""
    hook = {"id": 7, "url": f"{address}/hooks/gitlab", "token_present": False, "signing_token_present": False}
    shop.sandbox.fault(path="hooks$", method="POST", status=201, body=json.dumps(hook))
    shop.sandbox.fault(
        path="hooks/7$", method="PUT", status=200, body=json.dumps(hook | {"token_present": True})
    )
    shop.sandbox.fault(path="hooks/7/test", method="POST", status=201, body="{}")
    assert shop.connect(address, secrets=(SIGNING_TOKEN, PLAIN_SECRET)) == 0
    assert "with a plain secret" in shop.said
    shop.sandbox.fault(path="hooks$", method="POST", status=201, body=json.dumps(hook))
    assert shop.connect(address) == 3
    assert "took neither a signing token nor a secret" in shop.said


def test_an_address_in_gitlabs_own_network_is_said_to_be_refused(shop: Shop) -> None:
    assert shop.connect("http://10.1.2.3:8080") == 3
    assert "Outbound requests" in shop.said


def test_nobody_at_the_address_is_said_with_what_gitlab_said(shop: Shop) -> None:
    assert shop.connect("http://127.0.0.1:1") == 3
    assert "GitLab cannot reach http://127.0.0.1:1/hooks/gitlab: Failed to open TCP connection" in shop.said


def test_somebody_else_at_the_address_is_said_to_be_somebody_else(shop: Shop) -> None:
    assert shop.connect(shop.sandbox.url) == 3
    assert f"{shop.sandbox.url}/hooks/gitlab answers GitLab 404, and not as our receiver does" in shop.said


def test_clocks_that_differ_are_named_as_the_reason(shop: Shop, address: str) -> None:
    shop.sandbox.switch(clock=1_000)
    assert shop.connect(address) == 3
    assert "by NTP" in shop.said


def test_a_gitlab_that_lets_no_more_be_tried_is_waited_for(shop: Shop, address: str) -> None:
    shop.connect(address)
    shop.sandbox.fault(path="/test/", method="POST", status=429)
    assert shop.connect(address) == 0
    assert "five tests a minute" in shop.said


def test_an_empty_project_cannot_be_tried(shop: Shop, address: str) -> None:
    if not shop.sandbox.state_object.project("acme/new"):
        shop.sandbox.add_project("acme/new", members={"grace": 40, "trivet": 30})
    assert shop.connect(address, "acme/new") == 0
    assert "acme/new has neither a merge request nor a commit" in shop.said


def test_a_project_is_found_by_its_number_and_an_unknown_one_is_not(shop: Shop, address: str) -> None:
    number = shop.sandbox.state_object.projects[0].id
    assert shop.connect(address, str(number)) == 0
    assert shop.connect(address, "acme/nothing") == 3
    assert "no project or group acme/nothing" in shop.said


def group_of(sandbox: SandboxServer) -> None:
    if not sandbox.state_object.group("acme"):
        sandbox.add_group("acme", {"grace": 50, "trivet": 30})


def test_a_group_of_premium_gets_one_webhook(shop: Shop, address: str) -> None:
    group_of(shop.sandbox)
    shop.sandbox.switch(premium=True)
    assert shop.connect(address, "acme") == 0
    [hook] = shop.hooks("/groups/acme/hooks")
    assert (hook["url"], shop.hooks()) == (f"{address}/hooks/gitlab", [])
    assert shop.connect(address, "acme") == 0
    assert len(shop.hooks("/groups/acme/hooks")) == 1


def test_a_group_that_can_have_none_gets_one_in_each_project_that_is_served(shop: Shop, address: str) -> None:
    group_of(shop.sandbox)
    if not shop.sandbox.state_object.project("acme/secret"):
        shop.sandbox.add_project("acme/secret", {"a": "1\n"}, members={"grace": 40})
    assert shop.connect(address, "acme", projects="acme/shop") == 0
    assert (len(shop.hooks()), shop.hooks("/projects/acme%2Fsecret/hooks")) == (1, [])
    assert "each project gets one" in shop.said


@pytest.mark.parametrize(
    ("url", "gitlab", "sentence"),
    [
        (None, {}, "--url, or set TRIVET_PUBLIC_URL"),
        ("trivet.example.com", {}, "--url: must be"),
        ("https://trivet.example.com", {"url": None}, "TRIVET_GITLAB__URL is not set"),
    ],
)
def test_what_is_not_set_is_asked_for(
    shop: Shop, url: str | None, gitlab: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(UsageError, match=sentence):
        shop.connect(url, **gitlab)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("URL is blocked: Requests to the local network are not allowed", "in its local network"),
        ("execution expired", "no answer from"),
        ("Net::ReadTimeout with #<TCPSocket:(closed)>", "no answer from"),
        ("SSL_connect returned=1 errno=0 state=error: certificate verify failed", "certificate"),
        ("getaddrinfo: Name or service not known", "resolve"),
        ("Failed to open TCP connection to a:1 (Connection refused - connect(2))", "cannot reach"),
        ("Silent mode enabled", "silent mode"),
        ("Recursive webhook blocked", "loop"),
    ],
)
def test_what_keeps_gitlab_away_is_told_apart(said: str, sentence: str) -> None:
    told, cure = explained(
        Tried("push_events", False, said, "internal error"), "https://t.example/hooks/gitlab"
    )
    assert sentence in told
    assert cure


@given(st.text(max_size=400), st.sampled_from(["", "502", "internal error"]))
@hypothesis(max_examples=50)
def test_whatever_gitlab_says_is_explained_in_one_short_line(said: str, status: str) -> None:
    told, cure = explained(Tried("push_events", False, said, status), "https://t.example/hooks/gitlab")
    assert "\n" not in told
    assert not re.search(r"[\x00-\x1f\x7f-\x9f]", told)
    assert len(told) < 400
    assert cure


def test_a_refusal_of_ours_for_the_secret_is_told_from_others() -> None:
    def refused(reason: str) -> Tried:
        return Tried("push_events", False, json.dumps({"status": "refused", "reason": reason}), "401")

    assert is_about_the_secret(refused("webhook-signature matches no configured signing token"))
    assert not is_about_the_secret(refused("webhook-timestamp is more than 300 s ago: check both clocks"))
    assert not is_about_the_secret(refused("the delivery could not be recorded: send it again later"))
    assert not is_about_the_secret(Tried("push_events", False, "webhook-signature? no!", "401"))


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("acme/shop", "acme/shop"),
        ("42", "42"),
        ("https://gitlab.example.com/acme/shop", "acme/shop"),
        ("https://gitlab.example.com/acme/shop/-/merge_requests/7", "acme/shop"),
        ("https://gitlab.example.com/groups/acme/-/hooks", "acme"),
        ("https://gitlab.example.com/acme/", "acme"),
    ],
)
def test_a_page_of_gitlab_names_its_project_or_group(target: str, path: str) -> None:
    assert gitlab.path_of(target, "https://gitlab.example.com") == path
