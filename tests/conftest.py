"""What several tests start, and the flag by which a skipped test is a failed run."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.redis_server import RedisServer

if TYPE_CHECKING:
    from tests.reviewing import Desk


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fail-on-skip", action="store_true", help="a skipped test fails the run")


def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if session.config.getoption("--fail-on-skip") and skipped:
        reporter.write_line(f"{len(skipped)} tests were skipped: install what they need", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path) as server:
        yield server


@pytest.fixture(scope="module")
def shared_desk(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Desk]":
    """One sandbox for all tests of a file. Imported here, as most tests do without GitLab's client."""
    from tests.reviewing import Desk
    from tests.sandbox_server import SandboxServer

    with SandboxServer() as sandbox:
        yield Desk(sandbox, tmp_path_factory.mktemp("cache"))


@pytest.fixture
def desk(shared_desk: "Desk") -> "Iterator[Desk]":
    """Leaves no fault and no limit to the next test."""
    yield shared_desk
    shared_desk.sandbox.clear_faults()
    shared_desk.sandbox.limits(collapse_bytes=20_480, too_large_bytes=204_800, files=1000)
