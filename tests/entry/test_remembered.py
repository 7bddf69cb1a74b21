"""What runs leave behind for those after them: told issues, watched pages, and how far all of it goes."""

import time

import pytest

from bot.domain.actions import Report
from bot.domain.change import Seen
from bot.entry import keys
from bot.entry.connection import connect
from bot.entry.ending import Ending, Remembered
from bot.entry.run_record import Run
from bot.entry.store import Store
from bot.routing import JobRequest
from tests.job_requests import push_request
from tests.redis_server import RedisServer


@pytest.fixture
def store(redis_server: RedisServer) -> Store:
    return Store(connect(redis_server.url))


def linking(store: Store) -> Run:
    run = store.runs.get(store.runs.start(push_request("aa").model_copy(update={"agent": "link"}), "test"))
    assert run is not None
    return run


def told(store: Store, run: Run, *issues: str) -> None:
    report = Report(run=run.id, agent="link", target="acme/shop!7", head="aa")
    store.runs.finish(run, Ending("done", "", report, remembered=Remembered(linked=issues)))


def test_the_issues_a_merge_request_was_told_to_are_remembered_the_latest_first(store: Store) -> None:
    run = linking(store)
    told(store, run, "SHOP-1", "SHOP-2")
    told(store, run, "SHOP-2")
    told(store, run)
    assert store.ties.linked(run.target_key) == ["SHOP-2", "SHOP-1"]
    assert store.ties.linked("gitlab:1:8") == []
    assert 29 * keys.DAY < store.redis.ttl(keys.linked(run.target_key)) <= 30 * keys.DAY


def test_a_run_that_published_nothing_told_no_issue(store: Store) -> None:
    run = linking(store)
    store.runs.finish(run, Ending("failed", "Jira is down", remembered=Remembered(linked=["SHOP-1"])))
    assert store.ties.linked(run.target_key) == []


def test_however_many_issues_were_told_a_hundred_are_remembered(store: Store) -> None:
    run = linking(store)
    for nth in range(60):
        told(store, run, f"SHOP-{nth}", f"OPS-{nth}")
    kept = store.ties.linked(run.target_key)
    assert len(kept) == 100
    assert kept[:2] == ["SHOP-59", "OPS-59"]


def held(store: Store, request: JobRequest, *pages: str, state: str = "opened") -> Run:
    run = store.runs.get(store.runs.start(request, "test"))
    assert run is not None
    report = Report(run=run.id, agent="pages", target="acme/shop!7", head="aa")
    remembered = Remembered(seen=Seen(state), pages=pages)
    store.runs.finish(run, Ending("done", "", report, remembered=remembered))
    return run


HELD = push_request("aa").model_copy(update={"agent": "pages", "key": "pages:1:7"})
NOTED = HELD.model_copy(update={"release": "next", "key": "pages:1:notes:7"})


def test_the_merge_requests_that_looked_at_a_page_are_remembered_by_it(store: Store) -> None:
    held(store, HELD, "123", "124")
    held(store, HELD.model_copy(update={"iid": 8, "key": "pages:1:8"}), "123")
    assert [(one.project, one.iid, one.project_id) for one in store.ties.looking("123")] == [
        ("acme/shop", 8, 1),
        ("acme/shop", 7, 1),
    ]
    assert store.ties.looking("999") == []
    assert store.ties.watched_pages() == {"123", "124"}


def test_a_page_that_nobody_has_looked_at_for_a_month_is_watched_no_more(store: Store) -> None:
    held(store, HELD, "123")
    store.redis.zadd(keys.WATCHED, {"123": time.time() - 31 * keys.DAY})
    assert store.ties.watched_pages() == frozenset()


def test_what_was_held_against_pages_is_not_yet_in_the_release_notes(store: Store) -> None:
    held(store, HELD, state="merged")
    assert store.handled.is_told(HELD, Seen("merged"))
    assert not store.handled.is_told(HELD, Seen("opened"))
    assert not store.handled.is_told(NOTED, Seen("merged"))
    held(store, NOTED, state="merged")
    assert store.handled.is_told(NOTED, Seen("merged"))
