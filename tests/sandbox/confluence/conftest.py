"""A fresh Confluence for each test: of Cloud, of Data Center, or of each in turn."""

from collections.abc import Iterator

import pytest

from tests.confluence_server import ConfluenceServer


@pytest.fixture
def cloud() -> Iterator[ConfluenceServer]:
    with ConfluenceServer("cloud") as server:
        yield server


@pytest.fixture
def center() -> Iterator[ConfluenceServer]:
    with ConfluenceServer("datacenter") as server:
        yield server


@pytest.fixture(params=["cloud", "datacenter"])
def confluence(request: pytest.FixtureRequest) -> Iterator[ConfluenceServer]:
    with ConfluenceServer(request.param) as server:
        yield server
