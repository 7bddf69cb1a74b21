"""`trivet connect confluence`: Data Center by its API, and Cloud, which has no webhooks."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.entry.connect.arrival import WAIT_SECONDS
from bot.entry.connect.confluence import connect_confluence
from bot.errors import UsageError
from bot.settings import Settings, load_settings
from bot.sources.signatures import verify_confluence
from tests.authentic import AuthenticReceiver
from tests.confluence_server import ConfluenceServer
from tests.redis_server import RedisServer

SECRET = "mV4" + "-secret-of-the-wiki-" + "77Qa"
EVENTS = ["page_updated", "page_moved", "page_restored", "content_permissions_updated"]


@pytest.fixture
def center() -> Iterator[ConfluenceServer]:
    with ConfluenceServer("datacenter") as server:
        yield server


@pytest.fixture
def receiver() -> Iterator[AuthenticReceiver]:
    with AuthenticReceiver("confluence", verify_confluence, SECRET) as server:
        yield server


def settings_of(
    wiki: ConfluenceServer, folder: Path, person: str = "grace", secret: str = SECRET
) -> Settings:
    who = wiki.person(person)
    email = {"email": who["email"]} if wiki.cloud else {}
    own: dict[str, Any] = {"url": wiki.url, "token": who["token"], "webhook_secrets": [secret], **email}
    return load_settings(confluence=own, data_dir=folder)


def stored(wiki: ConfluenceServer) -> list[Any]:
    hooks: list[Any] = wiki.state_object.confluence.hooks
    return hooks


def test_an_administrators_token_makes_the_webhook_and_has_a_test_sent(
    center: ConfluenceServer,
    receiver: AuthenticReceiver,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert connect_confluence(settings_of(center, tmp_path), receiver.url) == 0
    (hook,) = stored(center)
    assert (hook.url, hook.events, hook.secret) == (f"{receiver.url}/hooks/confluence", EVENTS, SECRET)
    center.wait_for(lambda _state: receiver.statuses)
    assert receiver.statuses == [401]  # the test is signed with nothing
    center.act("API guide", "edit", append="<p>x</p>")
    center.wait_for(lambda _state: len(receiver.statuses) == 2)
    assert receiver.statuses[1] == 202
    said = capsys.readouterr().out
    assert "Confluence 9.2, and the token is Grace Okafor's" in said
    assert "Confluence was made to send a test" in said
    assert SECRET not in said


def test_a_broken_webhook_is_put_right(
    center: ConfluenceServer,
    receiver: AuthenticReceiver,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    center.control("hooks", url=f"{receiver.url}/hooks/confluence", events=["comment_created"])
    stored(center)[0].active = False
    assert connect_confluence(settings_of(center, tmp_path), receiver.url) == 0
    (hook,) = stored(center)
    assert (hook.active, hook.events, hook.secret) == (True, [*EVENTS, "comment_created"], SECRET)
    assert "put right: it is switched off; it does not tell of page_updated" in capsys.readouterr().out


def test_what_a_person_chose_beside_is_kept(
    center: ConfluenceServer, receiver: AuthenticReceiver, tmp_path: Path
) -> None:
    center.control("hooks", url=f"{receiver.url}/hooks/confluence", events=["comment_created", *EVENTS])
    (hook,) = stored(center)
    hook.name = "Pages (ask Grace)"
    assert connect_confluence(settings_of(center, tmp_path), receiver.url) == 0
    assert (hook.name, set(hook.events)) == ("Pages (ask Grace)", {"comment_created", *EVENTS})


def test_nobody_waits_for_a_test_that_no_receiver_takes(
    center: ConfluenceServer,
    receiver: AuthenticReceiver,
    redis_server: RedisServer,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It is signed with nothing; somebody's change of a page in between proves nothing of it either."""
    settings = settings_of(center, tmp_path).model_copy(update={"redis_url": redis_server.url})
    begun = time.monotonic()
    assert connect_confluence(settings, receiver.url) == 0
    assert time.monotonic() - begun < WAIT_SECONDS
    said = capsys.readouterr().out
    assert "proved itself" not in said
    assert "whether deliveries arrive was not tried" in said


def test_who_may_not_is_told_every_step_and_no_secret(
    center: ConfluenceServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert connect_confluence(settings_of(center, tmp_path, "trivet"), "http://127.0.0.1:9") == 3
    said = capsys.readouterr().out
    assert stored(center) == []
    assert "http://127.0.0.1:9/hooks/confluence" in said
    assert "the first of TRIVET_CONFLUENCE__WEBHOOK_SECRETS" in said
    assert ", ".join(EVENTS) in said
    assert SECRET not in said


def test_cloud_has_none_and_what_can_tell_instead_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ConfluenceServer("cloud") as wiki:
        assert connect_confluence(settings_of(wiki, tmp_path), "https://trivet.example.com") == 0
    said = capsys.readouterr().out
    assert "as it was  Confluence Cloud has no webhooks" in said
    assert "changes are asked for every 180 s" in said
    assert "https://trivet.example.com/hooks/confluence, with the header X-Trivet-Token" in said
    assert '{"event": "updated", "page_id": "{{page.id}}"' in said


def test_a_confluence_before_7_7_has_none(
    center: ConfluenceServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    center.control("version", version="7.4.17")
    assert connect_confluence(settings_of(center, tmp_path), "http://127.0.0.1:9") == 0
    assert "as it was  Confluence 7.4 has no webhooks" in capsys.readouterr().out


def test_a_test_that_confluence_refuses_to_send_is_told(
    center: ConfluenceServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    center.fault(path="/webhooks/test", status=500)
    assert connect_confluence(settings_of(center, tmp_path), "http://127.0.0.1:9") == 3
    assert "Confluence could not send a test" in capsys.readouterr().out


def test_a_secret_that_confluence_does_not_take_is_told_before_anything_is_made(
    center: ConfluenceServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = settings_of(center, tmp_path, secret="x1" * 200)
    assert connect_confluence(settings, "http://127.0.0.1:9") == 3
    assert "more than 255 characters" in capsys.readouterr().out
    assert stored(center) == []


@pytest.mark.parametrize("url", ["t.example.com", "https://t.example.com?a=b"])
def test_an_address_that_is_none_is_a_usage_error(url: str) -> None:
    own = {"url": "https://confluence.example.com", "token": "tok" + "en", "webhook_secrets": [SECRET]}
    with pytest.raises(UsageError, match="--url: must be"):
        connect_confluence(load_settings(confluence=own), url)


@pytest.mark.parametrize("missing", ["address", "webhook_secrets", "token", "url"])
def test_a_missing_setting_is_a_usage_error(missing: str) -> None:
    own: dict[str, Any] = {
        "url": "https://wiki.example.com",
        "token": "tok" + "en",
        "webhook_secrets": [SECRET],
    }
    own.pop(missing, None)
    with pytest.raises(UsageError, match="Give --url" if missing == "address" else "is not set"):
        connect_confluence(
            load_settings(confluence=own), None if missing == "address" else "https://us.example.com"
        )
