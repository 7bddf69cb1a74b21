"""A fresh sandbox for each test."""

from collections.abc import Iterator

import pytest

from tests.sandbox_server import SandboxServer


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer() as server:
        yield server
