"""JQL and the two searches."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

from tests.jira_server import JiraServer, Reply

REFUSED = {
    "colour = red": "Field 'colour' does not exist or you do not have permission to view it.",
    "project = NOPE": "The value 'NOPE' does not exist for the field 'project'.",
    'status = "Shipped"': "The value 'Shipped' does not exist for the field 'status'.",
    "updated >= yesterday": "Date value 'yesterday' for field 'updated' is invalid.",
    'updated >= "2026-01-01 10:00:30"': "Date value '2026-01-01 10:00:30' for field 'updated' is invalid.",
    "key = SHOP-999": "An issue with key 'SHOP-999' does not exist for field 'key'.",
    "key in (SHOP-12, SHOP-999)": "An issue with key 'SHOP-999' does not exist for field 'key'.",
    "project = SHOP AND": "Expecting a field name before the end of the query.",
    "project = SHOP status": "Expecting either 'OR' or 'AND' but got 'status'. (line 1, character 16)",
    "project = SHOP AND (status = Done": "Expecting ')' before the end of the query.",
    'project = "SHOP': "The quoted string 'SHOP' has not been completed.",
    "project >= SHOP": "The operator '>=' is not supported by the 'project' field.",
    "project = SHOP ORDER BY zzfield": "Field 'zzfield' does not exist",
    "assignee = noSuchFunction()": "Unable to find JQL function 'noSuchFunction()'.",
}


@pytest.fixture(scope="module", params=["cloud", "datacenter"])
def shared(request: pytest.FixtureRequest) -> Iterator[JiraServer]:
    """One for all tests that only read."""
    with JiraServer(request.param) as server:
        yield server


def search(jira: JiraServer, jql: str, user: str = "trivet", **parameters: str | int) -> Reply:
    path = "/search/jql" if jira.deployment == "cloud" else "/search"
    asked = "".join(f"&{name}={quote(str(value))}" for name, value in parameters.items())
    return jira.rest("GET", f"{path}?jql={quote(jql)}{asked}", user=user)


def keys(jira: JiraServer, jql: str, user: str = "trivet") -> list[str]:
    reply = search(jira, jql, user, fields="summary")
    assert reply.status == 200, reply.body
    return [issue["key"] for issue in reply.body["issues"]]


@pytest.mark.parametrize(("jql", "words"), REFUSED.items())
def test_a_query_jira_cannot_answer_is_refused_in_its_words(shared: JiraServer, jql: str, words: str) -> None:
    reply = search(shared, jql)
    assert reply.status == 400
    assert words in reply.body["errorMessages"][0]


def test_issues_are_found_by_project_key_status_and_labels(shared: JiraServer) -> None:
    assert keys(shared, "project = SHOP ORDER BY key ASC") == ["SHOP-12", "SHOP-13"]
    assert keys(shared, "project in (shop) AND issuekey in (SHOP-13)") == ["SHOP-13"]
    assert keys(shared, 'status = "To Do" AND labels = campaigns') == ["SHOP-12"]
    assert keys(shared, "project = SHOP AND NOT labels = campaigns") == ["SHOP-13"]
    assert keys(shared, "labels is EMPTY OR key = SHOP-12 ORDER BY key DESC") == ["SHOP-13", "SHOP-12"]
    assert keys(shared, "statusCategory = Done AND project = SHOP") == []
    assert keys(shared, "resolution = Unresolved AND assignee is not empty") == ["SHOP-12"]


def test_a_date_has_minutes_or_is_a_while_ago(shared: JiraServer) -> None:
    soon = (datetime.now(UTC) + timedelta(minutes=5)).strftime("%Y-%m-%d %H:%M")
    assert len(keys(shared, "updated >= -15m")) == 2
    assert len(keys(shared, f'project = SHOP AND updated < "{soon}"')) == 2
    assert keys(shared, f'updated >= "{soon}"') == []


def test_a_date_is_read_in_the_time_zone_of_whoever_asks(cloud: JiraServer) -> None:
    utc = (datetime.now(UTC) + timedelta(minutes=5)).strftime("%Y-%m-%d %H:%M")
    assert keys(cloud, f'updated >= "{utc}"') == []
    cloud.control("people/trivet", time_zone="Asia/Tokyo")
    assert len(keys(cloud, f'updated >= "{utc}"')) == 2


def test_nobody_finds_what_they_may_not_see(cloud: JiraServer) -> None:
    cloud.act("SHOP-12", "security", level="Internal", people=["grace"])
    assert keys(cloud, "project = SHOP") == ["SHOP-13"]
    assert len(keys(cloud, "project = SHOP", "grace")) == 2


def test_the_old_search_is_gone_on_cloud(cloud: JiraServer) -> None:
    reply = cloud.rest("GET", "/search?jql=project%20%3D%20SHOP")
    assert reply.status == 410
    assert "/rest/api/3/search/jql" in reply.body["errorMessages"][0]


def test_cloud_gives_ids_only_unless_fields_are_asked_for(cloud: JiraServer) -> None:
    [first, _] = search(cloud, "project = SHOP ORDER BY key").body["issues"]
    assert set(first) == {"id"}
    reply = cloud.rest("POST", "/search/jql", {"jql": "key = SHOP-12", "fields": ["status"]})
    assert set(reply.body["issues"][0]["fields"]) == {"status"}


def test_cloud_goes_on_by_token_and_says_when_it_is_the_last_page(cloud: JiraServer) -> None:
    first = search(cloud, "project = SHOP ORDER BY key", maxResults=1, fields="summary").body
    assert (first["isLast"], [one["key"] for one in first["issues"]]) == (False, ["SHOP-12"])
    token = first["nextPageToken"]
    last = search(
        cloud, "project = SHOP ORDER BY key", maxResults=1, fields="summary", nextPageToken=token
    ).body
    assert (last["isLast"], [one["key"] for one in last["issues"]]) == (True, ["SHOP-13"])
    assert "nextPageToken" not in last
    assert "total" not in last


@pytest.mark.parametrize(
    "body",
    [
        {"jql": "ORDER BY key"},
        {"jql": ""},
        {},
        {"jql": "project = SHOP", "maxResults": 0},
        {"jql": "project = SHOP", "startAt": 5},
        {"jql": "project = SHOP", "nextPageToken": "garbage"},
    ],
)
def test_cloud_refuses_a_search_without_bounds_or_with_unknown_parameters(
    cloud: JiraServer, body: object
) -> None:
    assert cloud.rest("POST", "/search/jql", body).status == 400


def test_data_center_counts_pages_by_number(center: JiraServer) -> None:
    reply = search(center, "project = SHOP ORDER BY key", startAt=1, maxResults=1).body
    assert (reply["total"], reply["startAt"], [one["key"] for one in reply["issues"]]) == (2, 1, ["SHOP-13"])
    assert center.rest("GET", "/search/jql?jql=project%20%3D%20SHOP").status == 404
