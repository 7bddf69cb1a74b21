"""`trivet doctor` looks at Confluence: each fault is injected, and told with its cure."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import responses
from pydantic import SecretStr

from bot.domain.rules import load
from bot.entry.doctor.check import Check
from bot.entry.doctor.confluence import confluence_checks
from bot.settings import Settings, load_settings
from tests.confluence_server import ConfluenceServer

DOC = b"spaces: [{space: DOC, gitlab: acme/shop}]"
OURS = "http://127.0.0.1:9"
TOKEN = "ATATT3x" + "Pw5Ls0kNb2" + "Vf8Qm3Jc6T"


@pytest.fixture(params=["cloud", "datacenter"])
def wiki(request: pytest.FixtureRequest) -> Iterator[ConfluenceServer]:
    with ConfluenceServer(request.param) as server:
        yield server


@pytest.fixture
def center() -> Iterator[ConfluenceServer]:
    with ConfluenceServer("datacenter") as server:
        yield server


@pytest.fixture
def cloud() -> Iterator[ConfluenceServer]:
    with ConfluenceServer("cloud") as server:
        yield server


def settings_of(wiki: ConfluenceServer, person: str = "trivet", **own: Any) -> Settings:
    who = wiki.person(person)
    given = {"url": wiki.url, "token": who["token"], "email": who["email"] if wiki.cloud else None}
    return load_settings(confluence=given | own, public_url=OURS)


def found(settings: Settings, rules: bytes = DOC) -> list[Check]:
    return list(confluence_checks(settings, load(rules)))


def faults(checks: list[Check]) -> list[Check]:
    """Every one says what to do."""
    wrong = [check for check in checks if check.state == "wrong"]
    assert all(check.cure for check in wrong)
    return wrong


def one(checks: list[Check], name: str) -> Check:
    named = [check for check in checks if check.name == name]
    assert len(named) == 1, checks
    return named[0]


def test_where_all_is_well_nothing_is_wrong(wiki: ConfluenceServer) -> None:
    checks = found(settings_of(wiki))
    assert faults(checks) == []
    assert one(checks, "token").said == "of Trivet"
    deployment = "Cloud" if wiki.cloud else "Data Center 9.2"
    assert one(checks, "address").said == f"{wiki.url} is Confluence {deployment}"
    assert one(checks, "DOC, token").said == "may view and write pages, and comment"
    assert one(checks, "clock").state == "fine"


def test_cloud_is_polled(cloud: ConfluenceServer) -> None:
    assert "asking every 180 s" in one(found(settings_of(cloud)), "webhook").said


def test_reader_and_writer_are_looked_at_each_for_what_it_does(wiki: ConfluenceServer) -> None:
    sam = wiki.person("sam")
    checks = found(
        settings_of(wiki, read_token=sam["token"], read_email=sam["email"] if wiki.cloud else None)
    )
    assert faults(checks) == []
    assert one(checks, "token that reads").said == "of Sam Ferreira"
    assert one(checks, "DOC, token that reads").said == "may view pages"
    assert one(checks, "DOC, token that writes").said == "may view and write pages, and comment"


def test_where_nobody_reads_the_writer_is_looked_at_alone(wiki: ConfluenceServer) -> None:
    shared = {"redis_url": "redis://redis:6379/0", "mark_secrets": (SecretStr("k3Jq" * 8),)}
    checks = found(settings_of(wiki).model_copy(update=shared))
    assert faults(checks) == []
    assert one(checks, "token that writes").state == "fine"
    assert one(checks, "clock").state == "fine"


@pytest.mark.parametrize(("permission", "what"), [("edit", "write pages"), ("comment", "comment")])
def test_what_the_writer_may_not_is_named(wiki: ConfluenceServer, permission: str, what: str) -> None:
    wiki.control("permissions", person="trivet", permission=permission, on=False)
    (wrong,) = faults(found(settings_of(wiki)))
    assert wrong.said == f"may not {what}"
    assert "TRIVET_CONFLUENCE__TOKEN" in wrong.cure


def test_one_page_that_only_others_may_edit_says_nothing_of_the_space(center: ConfluenceServer) -> None:
    center.act("Docs", "restrict", operation="update", people=["ada"])
    assert faults(found(settings_of(center))) == []


@pytest.mark.parametrize("space", ["NOPE", "OPS"])
def test_a_space_that_is_not_there_or_not_seen_is_a_wrong_setting(wiki: ConfluenceServer, space: str) -> None:
    (wrong,) = faults(found(settings_of(wiki), f"spaces: [{{space: {space}, gitlab: a/b}}]".encode()))
    assert space in wrong.said
    assert wrong.is_setting


def test_an_empty_space_of_a_data_center_tells_nothing(center: ConfluenceServer) -> None:
    center.control("spaces", key="NEW", people=["trivet"])
    checks = found(settings_of(center), b"spaces: [{space: NEW, gitlab: a/b}]")
    assert one(checks, "NEW, token").state == "note"
    assert faults(checks) == []


def test_no_rule_is_a_note(wiki: ConfluenceServer) -> None:
    assert one(found(settings_of(wiki), b"jira: []"), "rules").state == "note"


# --- tokens


def test_a_token_that_is_not_accepted_is_to_be_renewed(wiki: ConfluenceServer) -> None:
    settings = settings_of(wiki)
    wiki.control("people/trivet", token="renewed-" + "Tz81")
    (wrong,) = faults(found(settings))
    assert wrong.name == "token"
    assert "renew" in wrong.cure


def test_an_email_address_beside_a_personal_access_token_is_too_much(center: ConfluenceServer) -> None:
    (wrong,) = faults(found(settings_of(center, email="trivet@shop.example", deployment="datacenter")))
    assert wrong.cure.startswith("unset TRIVET_CONFLUENCE__EMAIL")
    assert wrong.is_setting


def test_a_cloud_token_without_its_email_address_is_too_little(cloud: ConfluenceServer) -> None:
    (wrong,) = faults(found(settings_of(cloud, email=None, deployment="cloud")))
    assert wrong.cure.startswith("set TRIVET_CONFLUENCE__EMAIL")
    assert wrong.is_setting


def test_the_expiry_of_a_personal_access_token_is_told(center: ConfluenceServer) -> None:
    expires = datetime.now(UTC) + timedelta(days=3, hours=1)
    center.control("people/trivet", token_expires=expires.isoformat())
    check = one(found(settings_of(center)), "expiry of the token")
    assert (check.state, "in 3 days" in check.said) == ("note", True)


def test_without_any_token_that_is_all_there_is_to_say() -> None:
    (check,) = found(load_settings(confluence={"url": "https://wiki.example.com"}))
    assert (check.state, check.name) == ("note", "token")


# --- the address


def test_nobody_at_the_address() -> None:
    (wrong,) = faults(found(load_settings(confluence={"url": OURS, "token": TOKEN})))
    assert (wrong.name, wrong.is_setting) == ("address", False)


def test_something_else_at_the_address(wiki: ConfluenceServer) -> None:
    (wrong,) = faults(found(load_settings(confluence={"url": f"{wiki.root}/jira", "token": TOKEN})))
    assert wrong.said.startswith("something else than Confluence answers")
    assert wrong.is_setting


def test_a_deployment_that_is_set_wrong(wiki: ConfluenceServer) -> None:
    said = "datacenter" if wiki.cloud else "cloud"
    (wrong,) = faults(found(settings_of(wiki, deployment=said)))
    assert (wrong.name, wrong.is_setting) == ("deployment", True)


def test_a_token_with_scopes_is_for_the_gateway() -> None:
    url = "https://shop.atlassian.net"
    with responses.RequestsMock() as mock:
        mock.add("GET", f"{url}/wiki/rest/api/user/current", status=401, json={"message": "Unauthorized"})
        settings = load_settings(confluence={"url": url, "token": TOKEN, "email": "bot@shop.example"})
        (wrong,) = faults(found(settings))
    assert "https://api.atlassian.com/ex/confluence/CLOUDID" in wrong.cure
    assert TOKEN not in wrong.said + wrong.cure


def test_a_gateways_address_that_is_jiras() -> None:
    url = "https://api.atlassian.com/ex/jira/1f2a-3b"
    with responses.RequestsMock() as mock:
        mock.add("GET", f"{url}/wiki/rest/api/user/current", status=404, json={})
        settings = load_settings(confluence={"url": url, "token": TOKEN, "email": "bot@shop.example"})
        checks = found(settings)
    assert [check.name for check in faults(checks)] == ["address", "address"]


# --- the webhook


def test_who_does_not_administer_does_not_see_the_webhook(center: ConfluenceServer) -> None:
    check = one(found(settings_of(center)), "webhook")
    assert (check.state, "administrators" in check.said) == ("note", True)


@pytest.mark.parametrize(
    ("flaw", "said"),
    [
        ({"active": False}, "switched off"),
        ({"events": ["page_updated", "page_moved"]}, "does not tell of page_restored"),
    ],
)
def test_a_webhook_with_a_flaw_is_wrong(center: ConfluenceServer, flaw: dict[str, Any], said: str) -> None:
    center.control("hooks", url=f"{OURS}/hooks/confluence", secret="s3" + "cret")
    center.state_object.confluence.hooks[0].events += ["page_restored"]
    settings = settings_of(center, "grace")
    assert one(found(settings), "webhook").state == "fine"
    for name, value in flaw.items():
        setattr(center.state_object.confluence.hooks[0], name, value)
    check = one(found(settings), "webhook")
    assert check.state == "wrong"
    assert said in check.said


def test_a_webhook_that_is_not_there_is_noted(center: ConfluenceServer) -> None:
    check = one(found(settings_of(center, "grace")), "webhook")
    assert (check.state, "trivet connect confluence" in check.cure) == ("note", True)


def test_deliveries_that_fail_are_told(center: ConfluenceServer) -> None:
    center.control("hooks", url=f"{OURS}/hooks/confluence")
    center.act("API guide", "edit", append="<p>x</p>")
    center.wait_for(lambda state: state["deliveries"] and all(one["status"] for one in state["deliveries"]))
    check = one(found(settings_of(center, "grace")), "webhook")
    assert (check.state, "0 arrived" in check.said) == ("wrong", True)


def test_a_confluence_before_7_7_is_polled(center: ConfluenceServer) -> None:
    center.control("version", version="7.4.17")
    check = one(found(settings_of(center, "grace")), "webhook")
    assert (check.state, "Confluence 7.4 has no webhooks" in check.said) == ("note", True)


def test_a_fault_in_the_middle_is_a_line_of_its_own(wiki: ConfluenceServer) -> None:
    wiki.fault(path="/operations" if wiki.cloud else "/rest/api/content", status=500)
    (wrong,) = faults(found(settings_of(wiki)))
    assert (wrong.name, "failed (500)" in wrong.said) == ("space DOC", True)
