"""A fresh Jira for each test: of Cloud, of Data Center, or of each in turn."""

from collections.abc import Iterator

import pytest

from tests.jira_server import JiraServer


@pytest.fixture
def cloud() -> Iterator[JiraServer]:
    with JiraServer("cloud") as server:
        yield server


@pytest.fixture
def center() -> Iterator[JiraServer]:
    with JiraServer("datacenter") as server:
        yield server


@pytest.fixture(params=["cloud", "datacenter"])
def jira(request: pytest.FixtureRequest) -> Iterator[JiraServer]:
    with JiraServer(request.param) as server:
        yield server
