"""`trivet connect jira` against Cloud, Data Center and a server before 10."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from bot.entry.connect import hooks
from bot.entry.connect.jira import connect_jira, wanted_hook
from bot.entry.rules_file import read_rules
from bot.errors import UsageError
from bot.settings import Settings, load_settings
from bot.sources.signatures import verify_jira
from tests.authentic import AuthenticReceiver
from tests.jira_server import Deployment, JiraServer
from tests.redis_server import RedisServer

SECRET = "kR7" + "-a webhook/secret & more-" + "9qXz"
OURS = "http://127.0.0.1:9/trivet"
RULES = "jira: [{project: SHOP, gitlab: acme/shop, commands: [Developers]}]\n"


@pytest.fixture(params=["cloud", "datacenter"])
def jira(request: pytest.FixtureRequest) -> Iterator[JiraServer]:
    with JiraServer(request.param) as server:
        yield server


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    file = tmp_path / "rules.yml"
    file.write_text(RULES, "utf-8")
    return file


def settings_of(jira: JiraServer, rules: Path | None, person: str = "grace", **more: Any) -> Settings:
    who = jira.person(person)
    email = {"email": who["email"]} if jira.cloud else {}
    own = {"url": jira.url, "token": who["token"], "webhook_secrets": [SECRET, "old" + "-one"], **email}
    data = {"data_dir": rules.parent} if rules else {}
    return load_settings(jira=own, rules=rules, **data, **more)


def stored(jira: JiraServer) -> list[Any]:
    found: list[Any] = jira.state_object.jira.hooks
    return found


def test_an_administrators_token_makes_the_webhook_that_the_rules_need(
    jira: JiraServer, rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert connect_jira(settings_of(jira, rules), OURS) == 0
    (hook,) = stored(jira)
    assert (hook.url, hook.jql, hook.secret) == (f"{OURS}/hooks/jira", 'project in ("SHOP")', SECRET)
    assert hook.events == [
        "jira:issue_created",
        "jira:issue_updated",
        "comment_created",
        "jira:version_released",
    ]
    assert hook.enabled
    assert not hook.exclude_body
    said = capsys.readouterr().out
    assert "the token is Grace Okafor's" in said
    assert "change or comment on an issue of SHOP" in said
    assert SECRET not in said


def test_a_second_time_nothing_is_made_and_the_secret_is_set_again(
    jira: JiraServer, rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    connect_jira(settings_of(jira, rules), OURS)
    stored(jira)[0].secret = "another" + "-secret"
    capsys.readouterr()
    assert connect_jira(settings_of(jira, rules), f"{OURS}/") == 0
    (hook,) = stored(jira)
    assert hook.secret == SECRET
    assert "was as it should be" in capsys.readouterr().out


def test_a_broken_webhook_is_put_right_and_what_was_wrong_is_said(
    jira: JiraServer, rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    connect_jira(settings_of(jira, rules), OURS)
    (hook,) = stored(jira)
    hook.enabled, hook.exclude_body, hook.jql = False, True, "project = SHOP AND key = SHOP-13"
    hook.events = ["comment_created"]
    assert connect_jira(settings_of(jira, rules), OURS) == 0
    said = capsys.readouterr().out
    assert "put right: it is switched off; it does not tell of jira:issue_created" in said
    assert "it leaves out the body; it tells of other issues than those of the rules" in said
    assert (hook.enabled, hook.exclude_body, hook.jql, len(hook.events)) == (
        True,
        False,
        'project in ("SHOP")',
        4,
    )


def test_what_a_person_chose_beside_is_kept(
    jira: JiraServer, rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    connect_jira(settings_of(jira, rules), OURS)
    (hook,) = stored(jira)
    hook.name, hook.jql = "Reviews (ask Grace)", "project IN (SHOP)"
    hook.events = [*hook.events, "comment_deleted", "comment_updated"]
    chosen = (hook.name, hook.jql, set(hook.events))
    assert connect_jira(settings_of(jira, rules), OURS) == 0
    assert (hook.name, hook.jql, set(hook.events)) == chosen
    hook.enabled = False
    assert connect_jira(settings_of(jira, rules), OURS) == 0
    assert (hook.name, hook.jql, set(hook.events), hook.enabled) == (*chosen, True)


def test_a_slash_behind_the_address_is_taken_away_and_said(
    jira: JiraServer, rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The receiver knows no such path."""
    connect_jira(settings_of(jira, rules), OURS)
    (hook,) = stored(jira)
    hook.url += "/"
    assert connect_jira(settings_of(jira, rules), OURS) == 0
    assert hook.url == f"{OURS}/hooks/jira"
    assert f"put right: its address is {OURS}/hooks/jira/" in capsys.readouterr().out


def test_a_key_that_is_a_word_of_jql_is_a_key(rules: Path) -> None:
    rules.write_text("jira: [{project: SHOP}, {project: OR}]\n", "utf-8")
    assert wanted_hook(OURS, read_rules(rules)).query == 'project in ("OR", "SHOP")'


def test_a_second_webhook_to_the_same_place_is_told_of(
    jira: JiraServer, rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    jira.control("hooks", url=f"{OURS}/hooks/jira")
    jira.control("hooks", url=f"{OURS}/hooks/jira/")
    assert connect_jira(settings_of(jira, rules), OURS) == 0
    assert "leads to the same address" in capsys.readouterr().out
    assert len(stored(jira)) == 2


def test_who_may_not_is_told_every_step_and_no_secret(
    jira: JiraServer, rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert connect_jira(settings_of(jira, rules, "trivet"), OURS) == 3
    said = capsys.readouterr().out
    assert stored(jira) == []
    for part in (
        "TRIVET_CONNECT_TOKEN",
        f"{OURS}/hooks/jira",
        "the first of TRIVET_JIRA__WEBHOOK_SECRETS",
        'project in ("SHOP")',
        "X-Trivet-Token",
        '{"event": "transitioned", "issue_key": "{{issue.key}}"',
        "{{initiator.accountId}}" if jira.cloud else "{{initiator.key}}",
    ):
        assert part in said
    assert SECRET not in said
    assert jira.person("trivet")["token"] not in said


def test_a_token_for_connecting_alone_goes_before_the_bots(
    jira: JiraServer, rules: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    grace = jira.person("grace")
    monkeypatch.setenv("TRIVET_CONNECT_TOKEN", grace["token"])
    monkeypatch.setenv("TRIVET_CONNECT_EMAIL", grace["email"] if jira.cloud else "")
    assert connect_jira(settings_of(jira, rules, "trivet"), OURS) == 0
    assert len(stored(jira)) == 1
    assert grace["token"] not in capsys.readouterr().out


def test_the_end_of_a_line_behind_that_token_does_no_harm(
    jira: JiraServer, rules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grace = jira.person("grace")
    monkeypatch.setenv("TRIVET_CONNECT_TOKEN", f"{grace['token']}\n")
    monkeypatch.setenv("TRIVET_CONNECT_EMAIL", f"{grace['email']}\n" if jira.cloud else "")
    assert connect_jira(settings_of(jira, rules, "trivet"), OURS) == 0


def test_a_token_that_is_not_accepted_ends_it(
    jira: JiraServer, rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = settings_of(jira, rules)
    jira.control("people/grace", token="renewed-" + "Tz81")
    assert connect_jira(settings, OURS) == 3
    assert "renew TRIVET_JIRA__TOKEN" in capsys.readouterr().out


def test_a_project_that_jira_does_not_have_is_refused_by_its_name(
    jira: JiraServer, rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules.write_text("jira: [{project: NOPE}]\n", "utf-8")
    assert connect_jira(settings_of(jira, rules), OURS) == 3
    assert "NOPE" in capsys.readouterr().out
    assert stored(jira) == []


def test_without_rules_the_webhook_tells_of_everything_and_a_rule_is_asked_for(
    jira: JiraServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert connect_jira(settings_of(jira, None, data_dir=tmp_path), OURS) == 0
    assert stored(jira)[0].jql == ""
    assert "TRIVET_RULES names no Jira project" in capsys.readouterr().out


def test_a_server_before_10_gets_the_secret_in_the_address_and_nobody_is_shown_it(
    rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with JiraServer("datacenter") as jira:
        jira.control("version", version="9.12.2")
        assert connect_jira(settings_of(jira, rules), OURS) == 0
        assert connect_jira(settings_of(jira, rules), OURS) == 0
        (hook,) = stored(jira)
        assert hook.secret is None
        headers: dict[str, str] = {}
        verify_jira(headers, hook.url.partition("?")[2], b"{}", [SECRET], 0)
    said = capsys.readouterr().out
    assert "this Jira signs nothing" in said
    assert "secret=" not in said


@pytest.mark.parametrize("form", ["address", "plain"])
def test_a_jira_that_quotes_the_address_with_the_secret_shows_it_to_nobody(
    form: str, rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    quoted = f"{OURS}/hooks/jira?secret={quote(SECRET, safe='')}" if form == "address" else SECRET
    with JiraServer("datacenter") as jira:
        jira.control("version", version="9.12.2")
        said = json.dumps({"errorMessages": [f"{quoted} is \x1b[31mno address"]})
        jira.fault(path="/webhooks/1.0/webhook", method="POST", status=400, body=said)
        assert connect_jira(settings_of(jira, rules), OURS) == 3
    shown = capsys.readouterr().out
    assert "no address" in shown
    assert [hidden for hidden in (SECRET, quote(SECRET, safe=""), "\x1b") if hidden in shown] == []


@pytest.mark.parametrize("url", ["t.example.com", "https://t.example.com?a=b"])
def test_an_address_that_is_none_is_a_usage_error(url: str, rules: Path) -> None:
    own = {"url": "https://jira.example.com", "token": "tok" + "en", "webhook_secrets": [SECRET]}
    with pytest.raises(UsageError, match="--url: must be"):
        connect_jira(load_settings(jira=own, rules=rules), url)


@pytest.mark.parametrize("missing", ["address", "secret", "token", "url"])
def test_a_missing_setting_is_a_usage_error(missing: str, rules: Path) -> None:
    own: dict[str, Any] = {
        "url": "https://jira.example.com",
        "token": "tok" + "en",
        "webhook_secrets": [SECRET],
    }
    own.pop({"secret": "webhook_secrets"}.get(missing, missing), None)
    with pytest.raises(UsageError, match="Give --url" if missing == "address" else "is not set"):
        connect_jira(load_settings(jira=own, rules=rules), None if missing == "address" else OURS)


def test_cloud_itself_is_given_https_only(
    rules: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with JiraServer("cloud") as jira:
        monkeypatch.setattr("bot.entry.connect.jira.is_cloud_host", lambda url: url == jira.url)
        assert connect_jira(settings_of(jira, rules), OURS) == 3
        assert stored(jira) == []
    assert "is not https" in capsys.readouterr().out


@pytest.mark.parametrize("deployment", ["cloud", "datacenter"])
def test_while_somebody_watches_the_first_delivery_is_waited_for(
    deployment: Deployment,
    rules: Path,
    redis_server: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What is signed with the secret that was set is what counts."""
    monkeypatch.setattr(hooks, "patience", lambda: 20.0)
    receiver = AuthenticReceiver("jira", verify_jira, SECRET, redis_server.client())
    with JiraServer(deployment) as jira, receiver:
        person = threading.Thread(target=_comment_when_connected, args=[jira])
        person.start()
        settings = settings_of(jira, rules, redis_url=redis_server.url)
        assert connect_jira(settings, receiver.url) == 0
        person.join()
    assert "a delivery of Jira's arrived and proved itself" in capsys.readouterr().out
    assert set(receiver.statuses) == {202}


def _comment_when_connected(jira: JiraServer) -> None:
    jira.wait_for(lambda _state: stored(jira))
    jira.act("SHOP-12", "comment", body="Does it arrive?")


def test_a_delivery_that_never_comes_is_told_with_what_may_keep_it(
    rules: Path,
    redis_server: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(hooks, "patience", lambda: 0.2)
    with JiraServer("cloud") as jira:
        assert connect_jira(settings_of(jira, rules, redis_url=redis_server.url), OURS) == 3
    assert "can Jira reach" in capsys.readouterr().out
