"""What several tests start, and the flags: a skipped test fails the run, real models are asked."""

import logging
import os
import sys
import threading
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import structlog
from hypothesis import settings

from bot.entry.logs import Forwarder
from bot.llm.providers import PROVIDERS
from tests import canaries, prompt_servers
from tests.redis_server import RedisServer

if TYPE_CHECKING:
    from tests.reviewing import Desk

settings.register_profile("trivet", deadline=None)  # a busy machine is no wrong answer
settings.load_profile("trivet")

LIVE = Path(__file__).parent / "live"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fail-on-skip", action="store_true", help="a skipped test fails the run")
    parser.addoption("--live", action="store_true", help="collect tests/live, too, which asks real models")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """What costs money or needs a model is run on purpose only: `--live`, or TRIVET_LIVE=1."""
    wanted = config.getoption("--live") or os.environ.get("TRIVET_LIVE") == "1"
    return True if collection_path.is_relative_to(LIVE) and not wanted else None


def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    if session.config.getoption("--fail-on-skip") and reporter and skipped:
        reporter.write_line(f"{len(skipped)} tests were skipped: install what they need", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    canaries.judge(report)
    return report


@pytest.fixture(scope="session", autouse=True)
def no_secret_comes_out() -> Iterator[None]:
    """Of no test: see `canaries`."""
    with canaries.listening():
        yield


@pytest.fixture(scope="session", autouse=True)
def servers_end_promptly() -> Iterator[None]:
    """Of this process: see `prompt_servers`."""
    with prompt_servers.ending_promptly():
        yield


@pytest.fixture(autouse=True)
def no_models_of_the_person_who_tests(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the live tests may spend somebody's key."""
    if request.path.is_relative_to(LIVE):
        return
    for provider in PROVIDERS.values():
        for name in filter(None, (provider.key_variable, provider.url_variable)):
            monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def logging_stays_as_it_was() -> Iterator[None]:
    """A command that a test runs in this process sets logging up, and would for every test after it."""
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    yield
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    structlog.reset_defaults()
    logging.captureWarnings(False)
    for handler in [one for one in logging.root.handlers if isinstance(one, Forwarder)]:
        logging.root.removeHandler(handler)


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
