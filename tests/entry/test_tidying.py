"""What reviews leave behind goes once an hour, and nothing that is still needed."""

import asyncio
import os
import shutil
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.runnables import RunnableConfig
from structlog.testing import capture_logs

from bot.domain.findings import Finding, Severity
from bot.entry import keys
from bot.entry.checkpoints import FILE, Checkpoints, checkpoints
from bot.entry.connection import connect
from bot.entry.store import Store
from bot.entry.tidying import CACHE_BYTES, EVERY_SECONDS, cache_limit, has_proposed, tidy
from bot.routing import JobRequest
from bot.settings import Settings
from tests.redis_server import RedisServer

GIBIBYTE = 1024**3
STATES = {
    "queued": False,
    "running": False,
    "applying": True,
    "done": True,
    "failed": True,
    "superseded": True,
}


@pytest.fixture
def store(redis_server: RedisServer) -> Store:
    return Store(connect(redis_server.url))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data")


def begun(store: Store, state: str) -> str:
    """A run in this state."""
    request = JobRequest(
        agent="review", project="acme/shop", project_id=1, iid=7, trigger="pushed", key=state, head="a" * 40
    )
    name = store.runs.start(request, "test")
    store.redis.hset(keys.run(name), "state", state)
    return name


def keep(kept: Checkpoints, run: str) -> None:
    """A step of a run."""

    async def put() -> None:
        async with kept.memory(run).opened() as saver:
            place: RunnableConfig = {
                "configurable": {"thread_id": run, "checkpoint_ns": "", "checkpoint_id": "1"}
            }
            await saver.aput_writes(
                place, [("found", Finding(rule="r", severity=Severity.MINOR, path="p", title="t"))], "task"
            )

    asyncio.run(put())


def threads(kept: Checkpoints) -> set[str]:
    seen: set[str] = set()

    def noted(run: str) -> bool:
        seen.add(run)
        return False

    kept.prune(noted)
    return seen


@pytest.mark.parametrize(("state", "is_over"), STATES.items())
def test_a_run_takes_no_more_steps_once_it_has_proposed(store: Store, state: str, is_over: bool) -> None:
    assert has_proposed(store, begun(store, state)) is is_over


def test_the_steps_of_runs_under_way_stay_and_those_of_all_others_go(
    store: Store, settings: Settings
) -> None:
    kept = checkpoints(settings)
    runs = {state: begun(store, state) for state in STATES}
    for run in (*runs.values(), "of-another-life"):
        keep(kept, run)
    tidy(settings, store, kept)
    assert threads(kept) == {runs["queued"], runs["running"]}


def test_it_is_done_once_an_hour(store: Store, settings: Settings) -> None:
    kept = checkpoints(settings)
    tidy(settings, store, kept)
    keep(kept, "later")
    tidy(settings, store, kept)
    assert threads(kept) == {"later"}
    an_hour_ago = time.time() - EVERY_SECONDS - 1
    os.utime(settings.data_dir / "pruned", (an_hour_ago, an_hour_ago))
    tidy(settings, store, kept)
    assert threads(kept) == set()


def test_a_database_that_fails_keeps_no_job_from_running(store: Store, settings: Settings) -> None:
    settings.data_dir.mkdir()
    (settings.data_dir / FILE).write_bytes(b"no database at all, and long enough to be looked at " * 20)
    with capture_logs() as logs:
        tidy(settings, store, checkpoints(settings))
    assert logs[-1]["event"] == "not tidied"


def copied(settings: Settings, *names: str) -> None:
    """A repository of each name with 500 000 bytes in it, each last used a day after the one before, long ago."""
    for day, name in enumerate(names):
        folder = settings.data_dir / "repositories" / f"{name}.git"
        folder.mkdir(parents=True)
        (folder / "pack").write_bytes(os.urandom(500_000))
        os.utime(folder, (day * 86_400, day * 86_400))


def test_repositories_keep_to_their_part_of_a_small_volume(
    store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a pod would be evicted, or a disk full, in the middle of a review."""
    copied(settings, "oldest", "older", "newer")
    volume = shutil.disk_usage(settings.data_dir)._replace(total=2_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: {settings.data_dir: volume}[folder])
    tidy(settings, store, checkpoints(settings))
    left = {folder.stem for folder in (settings.data_dir / "repositories").glob("*.git")}
    assert left == {"older", "newer"}


def test_repositories_have_their_five_gigabytes_on_the_volume_that_the_chart_asks_for() -> None:
    assert cache_limit(8 * GIBIBYTE) == CACHE_BYTES
    assert cache_limit(1 * GIBIBYTE) < 0.7 * GIBIBYTE


@given(st.integers(0, 2**50))
def test_repositories_never_get_a_whole_volume(volume: int) -> None:
    limit = cache_limit(volume)
    assert limit <= CACHE_BYTES
    assert 0 <= 100 * limit <= 60 * volume
