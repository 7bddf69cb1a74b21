"""What a sweep finds for pages: merges that are in no release notes yet, and new tags."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest

from bot.domain.change import Seen, Target
from bot.domain.releases import Tag
from bot.entry.connection import connect
from bot.entry.run_record import Run
from bot.entry.store import Store
from bot.entry.sweep import Sweep
from bot.gateways.gitlab_sweep import Changed
from bot.routing import Routing
from tests.redis_server import RedisServer

HEAD = "a" * 40
BEGAN = time.time()


@dataclass
class Shop:
    """A GitLab where acme/shop!7 was merged a moment ago."""

    known: Sequence[Tag] = ()
    merged_at: float = BEGAN

    def projects(self) -> Iterator[str]:
        yield "acme/shop"

    def changed(self, project: str, since: float) -> Iterator[Changed]:
        yield Changed(Target(project, 7, 1), Seen("merged"), HEAD, False, 0, self.merged_at)

    def tags(self, project: str) -> Sequence[Tag]:
        return self.known

    def number(self, project: str) -> int:
        return 1


@pytest.fixture
def store(redis_server: RedisServer) -> Store:
    return Store(connect(redis_server.url))


def swept(store: Store, shop: Shop, agents: frozenset[str] = frozenset({"review", "pages"})) -> list[Run]:
    """The runs that are under way then."""
    Sweep(store, shop, lambda: Routing(("acme/shop",), agents=agents))()  # type: ignore[arg-type]
    return store.attendance.unfinished(older_than=-1)


def test_a_merge_that_nobody_told_of_is_held_against_pages_and_noted(store: Store) -> None:
    runs = swept(store, Shop())
    assert sorted(run.request.release for run in runs) == ["", "next"]
    assert len(swept(store, Shop())) == 2


def test_a_tag_that_appears_between_two_looks_is_a_release(store: Store) -> None:
    old, new = Tag("v1.0.0", HEAD), Tag("v1.1.0", "b" * 40)
    before = {run.request.release for run in swept(store, Shop([old]))}
    after = {run.request.release for run in swept(store, Shop([old, new]))}
    assert after - before == {"v1.1.0"}
    assert len(swept(store, Shop([old, new]))) == 3


def test_without_a_confluence_no_tags_are_looked_at(store: Store) -> None:
    class Tagless(Shop):
        def tags(self, project: str) -> Sequence[Tag]:
            raise AssertionError("nobody needs them")

    assert swept(store, Tagless(), frozenset({"review"})) == []
