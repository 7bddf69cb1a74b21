"""The schedule's look at the webhooks: a state for each project, of the hook that points to us."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.entry.connection import connect
from bot.entry.hook_watch import watch_hooks
from bot.entry.store import Store
from bot.settings import Settings
from tests.redis_server import RedisServer
from tests.sandbox_server import PROJECT, SandboxServer

OURS = "http://127.0.0.1:9/hooks/gitlab"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxServer]:
    with SandboxServer(folder=Path(tmp_path_factory.mktemp("sandbox"))) as server:
        yield server


@pytest.fixture
def store(redis_server: RedisServer) -> Store:
    return Store(connect(redis_server.url))


def settings(sandbox: SandboxServer, who: str) -> Settings:
    gitlab = {"url": sandbox.url, "read_token": sandbox.token(who), "projects": (PROJECT,)}
    return Settings.model_validate({"gitlab": gitlab, "public_url": "http://127.0.0.1:9"})


def test_a_project_without_our_hook_is_missing_it_until_it_has_one(
    sandbox: SandboxServer, store: Store
) -> None:
    watch_hooks(settings(sandbox, "grace"), store)
    assert store.signs.hooks() == {"gitlab": {PROJECT: "missing"}}
    sandbox.add_hook(OURS, "Vq7" + "Tn2Lk9Rw")
    watch_hooks(settings(sandbox, "grace"), store)
    assert store.signs.hooks() == {"gitlab": {PROJECT: "fine"}}


def test_a_token_that_may_not_see_hooks_leaves_no_state(sandbox: SandboxServer, store: Store) -> None:
    store.signs.remember_hooks("gitlab", {PROJECT: "fine"})
    watch_hooks(settings(sandbox, "trivet"), store)
    assert store.signs.hooks() == {}
