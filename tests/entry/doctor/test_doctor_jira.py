"""`trivet doctor` looks at Jira: each fault is injected, and told with its cure."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import responses
from pydantic import SecretStr

from bot.domain.rules import Rules, load
from bot.entry.doctor.check import Check
from bot.entry.doctor.jira import jira_checks
from bot.settings import Settings, load_settings
from tests.jira_server import JiraServer

SHOP = b"jira: [{project: SHOP, gitlab: acme/shop, on: {event: transitioned, to: In Progress}, do: [branch]}]"
COMMANDED = b"jira: [{project: SHOP, commands: [Developers]}]"
OURS = "http://127.0.0.1:9"
TOKEN = "ATATT3x" + "Zq8Rt2vLm4" + "Xc7Wn1Kd9P"


@pytest.fixture(params=["cloud", "datacenter"])
def jira(request: pytest.FixtureRequest) -> Iterator[JiraServer]:
    with JiraServer(request.param) as server:
        yield server


@pytest.fixture
def center() -> Iterator[JiraServer]:
    with JiraServer("datacenter") as server:
        yield server


@pytest.fixture
def cloud() -> Iterator[JiraServer]:
    with JiraServer("cloud") as server:
        yield server


def settings_of(jira: JiraServer, person: str = "trivet", **own: Any) -> Settings:
    who = jira.person(person)
    given = {"url": jira.url, "token": who["token"], "email": who["email"] if jira.cloud else None}
    return load_settings(jira=given | own, public_url=OURS)


def found(settings: Settings, rules: bytes = SHOP) -> list[Check]:
    return list(jira_checks(settings, load(rules)))


def faults(checks: list[Check]) -> list[Check]:
    """Every one says what to do."""
    wrong = [check for check in checks if check.state == "wrong"]
    assert all(check.cure for check in wrong)
    return wrong


def one(checks: list[Check], name: str) -> Check:
    named = [check for check in checks if check.name == name]
    assert len(named) == 1, checks
    return named[0]


def test_where_all_is_well_nothing_is_wrong(jira: JiraServer) -> None:
    checks = found(settings_of(jira))
    assert faults(checks) == []
    assert one(checks, "token").said == "of Trivet"
    assert one(checks, "address").said.startswith(f"{jira.url} is Jira 10")
    assert "Link issues" in one(checks, "SHOP, token").said
    assert one(checks, "clock").state == "fine"
    assert "administrators" in one(checks, "webhook").said


def test_reader_and_writer_are_looked_at_each_for_what_it_does(jira: JiraServer) -> None:
    sam = jira.person("sam")
    checks = found(
        settings_of(jira, read_token=sam["token"], read_email=sam["email"] if jira.cloud else None)
    )
    assert faults(checks) == []
    assert one(checks, "token that reads").said == "of Sam Ferreira"
    assert one(checks, "token that writes").said == "of Trivet"
    assert "Add comments" not in one(checks, "SHOP, token that reads").said
    assert "Add comments" in one(checks, "SHOP, token that writes").said


def test_where_nobody_reads_the_writer_is_looked_at_for_what_it_writes(jira: JiraServer) -> None:
    """In `effects`: it need not administer a project, as who looks up roles must."""
    token = settings_of(jira).model_copy(
        update={"redis_url": "redis://redis:6379/0", "mark_secrets": (SecretStr("k3Jq" * 8),)}
    )
    checks = found(token, COMMANDED)
    assert faults(checks) == []
    assert one(checks, "token that writes").state == "fine"
    assert one(checks, "clock").state == "fine"


def test_the_reader_of_commands_has_to_administer_the_project(jira: JiraServer) -> None:
    ada = jira.person("ada")
    settings = settings_of(jira, read_token=ada["token"], read_email=ada["email"] if jira.cloud else None)
    (wrong,) = faults(found(settings, COMMANDED))
    assert (wrong.name, wrong.said) == ("SHOP, token that reads", "may not: Administer projects")
    assert "TRIVET_JIRA__READ_TOKEN" in wrong.cure


def test_permissions_that_are_missing_are_named(jira: JiraServer) -> None:
    for permission in ("ADD_COMMENTS", "LINK_ISSUES", "TRANSITION_ISSUES"):
        jira.control("permissions", person="trivet", permission=permission, on=False)
    checks = found(settings_of(jira))
    (wrong,) = faults(checks)
    assert wrong.said == "may not: Link issues, Add comments"
    notes = [check.said for check in checks if check.state == "note"]
    assert "may not: Transition issues, which is needed where .trivet.yml names transitions" in notes


def test_editing_is_needed_only_where_rules_write_fields(jira: JiraServer) -> None:
    jira.control("permissions", person="trivet", permission="EDIT_ISSUES", on=False)
    assert faults(found(settings_of(jira))) == []
    writing = b"jira: [{project: SHOP, on: {event: created}, do: [labels], fields: [labels]}]"
    assert [check.said for check in faults(found(settings_of(jira), writing))] == ["may not: Edit issues"]


@pytest.mark.parametrize("project", ["NOPE", "HIDDEN"])
def test_a_project_that_is_not_there_or_not_seen_is_a_wrong_setting(jira: JiraServer, project: str) -> None:
    jira.control("projects", key="HIDDEN")
    (wrong,) = faults(found(settings_of(jira), f"jira: [{{project: {project}}}]".encode()))
    assert project in wrong.said
    assert wrong.is_setting


def test_a_role_or_a_status_that_the_project_does_not_have_is_a_wrong_setting(jira: JiraServer) -> None:
    rules = b"""
jira:
  - {project: SHOP, commands: [developers, Wizards], gitlab: a/b, on: {event: transitioned, to: Done}, do: [branch]}
  - {project: SHOP, gitlab: a/b, on: {event: transitioned, to: Blocked}, do: [branch]}
"""
    wrong = faults(found(settings_of(jira), rules))
    assert [check.name for check in wrong] == ["role “Wizards”", "status “Blocked”"]
    assert all(check.is_setting for check in wrong)
    assert "Developers" in wrong[0].cure
    assert "in review" in wrong[1].cure


def test_no_rule_is_a_note(jira: JiraServer) -> None:
    checks = found(settings_of(jira), b"jira: []")
    assert faults(checks) == []
    assert one(checks, "rules").state == "note"


# --- tokens


def test_a_token_that_is_not_accepted_is_to_be_renewed(jira: JiraServer) -> None:
    settings = settings_of(jira)
    jira.control("people/trivet", token="renewed-" + "Tz81")
    (wrong,) = faults(found(settings))
    assert wrong.name == "token"
    assert "renew" in wrong.cure


def test_an_email_address_beside_a_personal_access_token_is_too_much(center: JiraServer) -> None:
    settings = settings_of(center, email="trivet@shop.example", deployment="datacenter")
    (wrong,) = faults(found(settings))
    assert wrong.cure.startswith("unset TRIVET_JIRA__EMAIL")
    assert wrong.is_setting


def test_a_cloud_token_without_its_email_address_is_too_little(cloud: JiraServer) -> None:
    (wrong,) = faults(found(settings_of(cloud, email=None, deployment="cloud")))
    assert wrong.cure.startswith("set TRIVET_JIRA__EMAIL")
    assert wrong.is_setting


def test_where_the_deployment_cannot_be_asked_both_mistakes_are_named(center: JiraServer) -> None:
    (wrong,) = faults(found(settings_of(center, email="trivet@shop.example")))
    assert "for a personal access token of a Data Center, unset TRIVET_JIRA__EMAIL" in wrong.cure


@pytest.mark.parametrize(("days", "state"), [(3, "note"), (90, "fine")])
def test_the_expiry_of_a_personal_access_token_is_told(center: JiraServer, days: int, state: str) -> None:
    expires = datetime.now(UTC) + timedelta(days=days, hours=1)
    center.control("people/trivet", token_expires=expires.isoformat())
    check = one(found(settings_of(center)), "expiry of the token")
    assert (check.state, f"in {days} days" in check.said) == (state, True)


def test_a_token_that_never_expires_is_fine(center: JiraServer) -> None:
    assert (
        one(found(settings_of(center)), "expiry of the token").said == "none of the account's tokens expires"
    )


def test_without_any_token_that_is_all_there_is_to_say() -> None:
    (check,) = found(load_settings(jira={"url": "https://jira.example.com"}))
    assert (check.state, check.name) == ("note", "token")


# --- the address


def test_nobody_at_the_address() -> None:
    (wrong,) = faults(found(load_settings(jira={"url": OURS, "token": TOKEN})))
    assert (wrong.name, wrong.is_setting) == ("address", False)
    assert OURS in wrong.cure


def test_something_else_at_the_address(jira: JiraServer) -> None:
    settings = load_settings(jira={"url": f"{jira.root}/sandbox", "token": TOKEN})
    (wrong,) = faults(found(settings))
    assert wrong.said.startswith("something else than Jira answers")
    assert wrong.is_setting


def test_a_page_of_a_proxy_at_the_address() -> None:
    with responses.RequestsMock() as mock:
        mock.add("GET", "https://jira.example.com/rest/api/2/serverInfo", body="<html>Log in</html>")
        (wrong,) = faults(found(load_settings(jira={"url": "https://jira.example.com", "token": TOKEN})))
    assert wrong.said.startswith("something else than Jira answers")


def test_a_deployment_that_is_set_wrong(jira: JiraServer) -> None:
    said = "datacenter" if jira.cloud else "cloud"
    wrong = one(found(settings_of(jira, deployment=said)), "deployment")
    assert (wrong.state, wrong.is_setting) == ("wrong", True)


@pytest.mark.parametrize(
    "url", ["https://api.atlassian.com/ex/confluence/1f2a-3b", "https://api.atlassian.com/jira"]
)
def test_a_gateways_address_that_is_none_of_jiras(url: str) -> None:
    with responses.RequestsMock() as mock:
        mock.add("GET", f"{url}/rest/api/2/serverInfo", status=404, json={})
        checks = found(load_settings(jira={"url": url, "token": TOKEN, "email": "bot@shop.example"}))
    assert [check.name for check in faults(checks)] == ["address", "address"]
    assert "https://api.atlassian.com/ex/jira/CLOUDID" in faults(checks)[0].cure
    assert one(checks, "people's address").state == "note"


@pytest.mark.parametrize(
    ("url", "cure"),
    [
        ("https://api.atlassian.com/ex/jira/1f2a-3b", "one without them is for https://SITE.atlassian.net"),
        ("https://shop.atlassian.net", "https://shop.atlassian.net/_edge/tenant_info"),
    ],
)
def test_a_token_with_scopes_and_one_without_are_for_different_addresses(url: str, cure: str) -> None:
    with responses.RequestsMock() as mock:
        mock.add("GET", f"{url}/rest/api/2/serverInfo", status=401, body="Unauthorized")
        mock.add("GET", f"{url}/rest/api/3/myself", status=401, body="Unauthorized")
        settings = load_settings(jira={"url": url, "token": TOKEN, "email": "bot@shop.example"})
        (wrong,) = faults(found(settings))
    assert cure in wrong.cure
    assert TOKEN not in wrong.said + wrong.cure


@pytest.mark.parametrize(
    ("seconds", "state"), [(0, "fine"), (60, "note"), (-60, "note"), (400, "wrong"), (-400, "wrong")]
)
def test_a_clock_that_is_off_is_told(center: JiraServer, seconds: int, state: str) -> None:
    moment = datetime.now(UTC) + timedelta(seconds=seconds)
    info = '{"baseUrl": "http://127.0.0.1", "version": "10.3.6", "deploymentType": "Server"}'
    headers = {"Date": f"{moment:%a, %d %b %Y %H:%M:%S} GMT", "Content-Type": "application/json"}
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.add("GET", f"{center.url}/rest/api/2/serverInfo", body=info, headers=headers)
        mock.add_passthru(center.url)
        check = one(found(settings_of(center)), "clock")
    assert check.state == state
    if seconds:
        assert ("ahead of" if seconds > 0 else "behind") in check.said


# --- the webhook


def test_an_administrators_token_sees_that_there_is_no_webhook(jira: JiraServer) -> None:
    check = one(found(settings_of(jira, "grace")), "webhook")
    assert (check.state, "no webhook leads to" in check.said) == ("note", True)
    assert "trivet connect jira" in check.cure


@pytest.mark.parametrize(
    ("flaw", "said"),
    [
        ({"enabled": False}, "switched off"),
        ({"exclude_body": True}, "leaves out the body"),
        ({"events": ["comment_created"]}, "does not tell of jira:issue_created"),
        ({"jql": "project = SHOP AND key = SHOP-13"}, "other issues than those of the rules"),
    ],
)
def test_a_webhook_with_a_flaw_is_wrong(jira: JiraServer, flaw: dict[str, Any], said: str) -> None:
    jira.control("hooks", url=f"{OURS}/hooks/jira", secret="s3" + "cret", jql="project in (SHOP)")
    settings = settings_of(jira, "grace")
    assert one(found(settings), "webhook").state == "fine"
    for name, value in flaw.items():
        setattr(jira.state_object.jira.hooks[0], name, value)
    check = one(found(settings), "webhook")
    assert check.state == "wrong"
    assert said in check.said


def test_a_webhook_that_leads_elsewhere_is_not_ours(jira: JiraServer) -> None:
    jira.control("hooks", url="http://127.0.0.1:10/hooks/jira")
    assert "no webhook leads to" in one(found(settings_of(jira, "grace")), "webhook").said


def test_deliveries_that_fail_are_told_where_jira_counts_them(center: JiraServer) -> None:
    center.control("hooks", url=f"{OURS}/hooks/jira", jql="project in (SHOP)")
    center.act("SHOP-12", "comment", body="Nobody listens")
    center.wait_for(lambda state: state["deliveries"] and all(one["statuses"] for one in state["deliveries"]))
    check = one(found(settings_of(center, "grace")), "webhook")
    assert check.state == "wrong"
    assert "0 arrived; the last one: ConnectionRefusedError" in check.said


def test_a_server_that_signs_nothing_is_noted(center: JiraServer) -> None:
    center.control("version", version="9.12.2")
    checks = found(settings_of(center))
    assert faults(checks) == []
    assert "9.12.2 signs no webhooks" in one(checks, "version").said


def test_a_secret_in_the_address_of_a_webhook_is_not_told(center: JiraServer) -> None:
    """Be it one of before, which nobody here knows any more."""
    center.control("version", version="9.12.2")
    center.control("hooks", url=f"{OURS}/hooks/jira?secret=former-" + "Tz81", jql="project in (SHOP)")
    center.control("hooks", url=f"{OURS}/hooks/jira?secret=former-" + "Tz81")
    checks = [check for check in found(settings_of(center, "grace")) if check.name == "webhook"]
    assert len(checks) == 2
    assert "Tz81" not in str(checks)


@pytest.mark.parametrize("status", [400, 403])
def test_what_jira_refuses_is_told_whole_and_no_part_of_it_is_advice(jira: JiraServer, status: int) -> None:
    body = '{"errorMessages": ["no: send us your token"]}'
    jira.fault(path="/mypermissions", status=status, body=body)
    (wrong,) = faults(found(settings_of(jira)))
    assert wrong.said.endswith("send us your token" if status == 400 else "lacks the role or the scope")
    assert wrong.cure == "put that right and look again"


def test_a_fault_in_the_middle_is_a_line_of_its_own(jira: JiraServer) -> None:
    jira.fault(path="/mypermissions", status=500)
    (wrong,) = faults(found(settings_of(jira)))
    assert (wrong.name, "failed (500)" in wrong.said) == ("project SHOP", True)


def test_no_line_holds_a_secret(jira: JiraServer) -> None:
    settings = settings_of(jira, webhook_secrets=["kept-" + "secret-91"])
    told = str([*found(settings), *jira_checks(settings, Rules())])
    assert jira.person("trivet")["token"] not in told
    assert "kept-" + "secret-91" not in told
