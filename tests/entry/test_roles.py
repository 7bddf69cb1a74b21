"""What an agents worker's parent does before its first job, and what it refuses to begin with."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from bot.domain.events import Person
from bot.entry import keys, roles
from bot.entry.connection import connect
from bot.entry.store import Store
from bot.settings import load_settings
from tests.job_requests import push_request
from tests.redis_server import RedisServer
from tests.rig import clean_environment

ROOT = Path(__file__).parents[2]
KEY = "sk-" + "Rk4vT9wq" + "Lm2XcB7nPz5Ys8Hd"
PROGRAM = """
import sys
from redis import Redis
from bot.entry import roles
from bot.entry.store import Store
from bot.errors import UsageError
from bot.settings import load_settings

class Unopened(Redis):
    def execute_command(self, *words, **options):
        raise AssertionError("nothing is opened before the fork")

roles.Introduction.attempt = lambda self: None
try:
    roles._agents(load_settings(), Store(Unopened()))
except UsageError as error:
    sys.exit(str(error))
print(" ".join(sorted({name.split(".")[0] for name in sys.modules})))
"""


def parent(folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """The modules a parent has imported, or why it does not begin."""
    environment = clean_environment() | {"TRIVET_DATA_DIR": str(folder / "data")} | settings
    return subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("settings", "sdks"),
    [
        ({}, set()),
        ({"OPENAI_API_KEY": KEY}, {"openai"}),
        ({"ANTHROPIC_API_KEY": KEY}, {"anthropic"}),
        ({"TRIVET_MODELS": "ollama:small"}, {"openai"}),
    ],
    ids=["no model", "openai", "anthropic", "ollama"],
)
def test_what_is_heavy_is_there_before_the_first_job_and_no_sdk_that_is_not_used(
    tmp_path: Path, settings: dict[str, str], sdks: set[str]
) -> None:
    done = parent(tmp_path, **settings)
    loaded = set(done.stdout.split())
    assert {"langgraph", "aiosqlite", "gitlab"} <= loaded, done.stderr
    assert loaded & {"openai", "anthropic"} == sdks
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"TRIVET_DATABASE_URL": "mysql://db/trivet"}, "TRIVET_DATABASE_URL"),
        ({"TRIVET_MODELS": "openai:best"}, "OPENAI_API_KEY"),
        ({"TRIVET_MODELS": "nobody:best"}, "nobody:best"),
    ],
)
def test_a_worker_that_could_review_nothing_does_not_begin(
    tmp_path: Path, settings: dict[str, str], sentence: str
) -> None:
    done = parent(tmp_path, **settings)
    assert done.returncode == 1
    assert sentence in done.stderr


@pytest.mark.parametrize(("hours", "waits"), [(1, True), (25, False)])
def test_a_queued_run_waits_for_its_models_for_a_day(
    redis_server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hours: int, waits: bool
) -> None:
    for name, value in {
        "TRIVET_DATA_DIR": str(tmp_path / "data"),
        "TRIVET_GITLAB__URL": "http://127.0.0.1:9",
        "TRIVET_GITLAB__TOKEN": "glpat-" + "Zq8Rt2vLm4" + "Xc7Wn1Kd9P",
        "TRIVET_MARK_SECRETS": "Hn5sYq" * 8,
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(roles.Introduction, "attempt", lambda _self: None)
    store = Store(connect(redis_server.url))
    store.identities.introduce("gitlab", Person(id=99, username="trivet"))
    name = store.runs.start(push_request("aa"), "test")
    store.redis.hset(keys.run(name), "first_outage", time.time() - hours * 3600)
    run, jobs = store.runs.get(name), roles._agents(load_settings(), store)
    assert run is not None
    assert jobs.means is not None
    assert jobs.means(run).can_wait is waits
