"""Runs, leases and outages as the workers see them."""

import time
from itertools import pairwise
from typing import Any

import pytest
from redis.backoff import NoBackoff
from redis.client import Pipeline
from redis.exceptions import ConnectionError
from redis.retry import Retry

from bot.domain.actions import Report
from bot.domain.change import Seen
from bot.domain.pages import PagePerson
from bot.entry import keys
from bot.entry.lease import Busy, Replaced
from bot.entry.queue import run_id
from bot.entry.store import Run, Store, connect
from bot.errors import Unavailable
from bot.routing import JobRequest
from tests.job_requests import push_request
from tests.redis_server import RedisServer


@pytest.fixture
def store(redis_server: RedisServer) -> Store:
    return Store(connect(redis_server.url))


def started(store: Store, head: str) -> Run:
    run = store.run(store.start(push_request(head), "test"))
    assert run is not None
    return run


def linking(store: Store) -> Run:
    run = store.run(store.start(push_request("aa").model_copy(update={"agent": "link"}), "test"))
    assert run is not None
    return run


def depth(store: Store) -> int:
    return int(store.redis.llen("rq:queue:agents"))


def test_starting_the_same_run_twice_queues_it_once(store: Store) -> None:
    assert started(store, "aa").id == started(store, "aa").id == run_id("review:1:7:aa")
    assert depth(store) == 1


def test_one_run_at_a_time_holds_a_target(store: Store) -> None:
    first, second = started(store, "aa"), started(store, "bb")
    with store.lease(first), pytest.raises(Busy), store.lease(second):
        pass
    with store.lease(second):
        pass


def test_a_second_execution_of_a_run_takes_over_and_the_first_learns_of_it(store: Store) -> None:
    run = started(store, "aa")
    with store.lease(run) as first, store.lease(run) as second:
        second.check()
        with pytest.raises(Replaced):
            first.check()


def test_a_parked_run_is_queued_as_soon_as_the_target_is_free(store: Store) -> None:
    first, second = started(store, "aa"), started(store, "bb")
    with store.lease(first):
        store.park("propose", second)
        assert depth(store) == 2
    assert depth(store) == 3
    assert store.wake_due() == 0


def test_a_dead_execution_holds_its_target_for_seconds_only(store: Store) -> None:
    run = started(store, "aa")
    with store.lease(run):
        assert 0 < store.redis.pttl(keys.lease(run.target_key)) <= 12_000


def test_an_outage_puts_a_run_back_with_growing_pauses_and_gives_up_after_a_day(store: Store) -> None:
    run = started(store, "aa")
    pauses = []
    for _ in range(12):
        pauses.append(store.put_back("propose", run, Unavailable("GitLab failed (502)")))
        run = store.run(run.id) or run
    known = [pause for pause in pauses if pause is not None]
    assert known[0] < 3
    assert all(later > 1.5 * earlier for earlier, later in pairwise(known[:8]))
    assert max(known) <= 720
    store.redis.hset(keys.run(run.id), "first_outage", time.time() - 90_000)
    late = store.run(run.id)
    assert late is not None
    assert store.put_back("propose", late, Unavailable("GitLab failed (502)")) is None


@pytest.mark.parametrize(("hours", "waits"), [(0, True), (23.5, True), (23.8, False), (25, False)])
def test_a_model_is_waited_for_until_the_last_attempts_of_the_day(
    store: Store, hours: float, waits: bool
) -> None:
    run = started(store, "aa")
    if hours:
        store.redis.hset(keys.run(run.id), "first_outage", time.time() - hours * 3600)
    now = store.run(run.id)
    assert now is not None
    assert now.can_wait is waits


def test_a_platform_that_names_a_pause_gets_it(store: Store) -> None:
    pause = store.put_back(
        "propose", started(store, "aa"), Unavailable("GitLab is busy (429)", retry_after=77)
    )
    assert pause is not None
    assert pause >= 77


def test_what_is_due_is_queued_once(store: Store) -> None:
    run = started(store, "aa")
    store.redis.zadd(keys.WAITING, {f"propose:{run.id}": time.time() - 1})
    assert (store.wake_due(), store.wake_due()) == (1, 0)
    assert depth(store) == 2


def test_a_run_whose_job_is_lost_is_seen_as_unattended(store: Store) -> None:
    run = started(store, "aa")
    assert store.is_attended(run)
    store.redis.delete("rq:queue:agents")
    assert not store.is_attended(run)
    assert [lost.id for lost in store.unfinished(older_than=0)] == [run.id]


def told(store: Store, run: Run, *issues: str) -> None:
    report = Report(run=run.id, agent="link", target="acme/shop!7", head="aa")
    store.finish(run, "done", "", report, linked=issues)


def test_the_issues_a_merge_request_was_told_to_are_remembered_the_latest_first(store: Store) -> None:
    run = linking(store)
    told(store, run, "SHOP-1", "SHOP-2")
    told(store, run, "SHOP-2")
    told(store, run)
    assert store.linked(run.target_key) == ["SHOP-2", "SHOP-1"]
    assert store.linked("gitlab:1:8") == []
    assert 29 * keys.DAY < store.redis.ttl(keys.linked(run.target_key)) <= 30 * keys.DAY


def test_a_run_that_published_nothing_told_no_issue(store: Store) -> None:
    run = linking(store)
    store.finish(run, "failed", "Jira is down", linked=["SHOP-1"])
    assert store.linked(run.target_key) == []


def test_however_many_issues_were_told_a_hundred_are_remembered(store: Store) -> None:
    run = linking(store)
    for nth in range(60):
        told(store, run, f"SHOP-{nth}", f"OPS-{nth}")
    kept = store.linked(run.target_key)
    assert len(kept) == 100
    assert kept[:2] == ["SHOP-59", "OPS-59"]


def test_notes_are_paced_below_gitlabs_limit(store: Store) -> None:
    def write_many() -> None:
        for _ in range(402):
            store.pace()

    with pytest.raises(Unavailable) as stop:
        write_many()
    assert 0 < (stop.value.retry_after or 0) <= 60


def held(store: Store, request: JobRequest, *pages: str, state: str = "opened") -> Run:
    run = store.run(store.start(request, "test"))
    assert run is not None
    report = Report(run=run.id, agent="pages", target="acme/shop!7", head="aa")
    store.finish(run, "done", "", report, seen=Seen(state), pages=pages)
    return run


HELD = push_request("aa").model_copy(update={"agent": "pages", "key": "pages:1:7"})
NOTED = HELD.model_copy(update={"release": "next", "key": "pages:1:notes:7"})


def test_the_merge_requests_that_looked_at_a_page_are_remembered_by_it(store: Store) -> None:
    held(store, HELD, "123", "124")
    held(store, HELD.model_copy(update={"iid": 8, "key": "pages:1:8"}), "123")
    assert [(one.project, one.iid, one.project_id) for one in store.looking("123")] == [
        ("acme/shop", 8, 1),
        ("acme/shop", 7, 1),
    ]
    assert store.looking("999") == []
    assert store.watched_pages() == {"123", "124"}


def test_a_page_that_nobody_has_looked_at_for_a_month_is_watched_no_more(store: Store) -> None:
    held(store, HELD, "123")
    store.redis.zadd(keys.WATCHED, {"123": time.time() - 31 * keys.DAY})
    assert store.watched_pages() == frozenset()


def test_what_was_held_against_pages_is_not_yet_in_the_release_notes(store: Store) -> None:
    held(store, HELD, state="merged")
    assert store.is_told(HELD, Seen("merged"))
    assert not store.is_told(HELD, Seen("opened"))
    assert not store.is_told(NOTED, Seen("merged"))
    held(store, NOTED, state="merged")
    assert store.is_told(NOTED, Seen("merged"))


def test_tags_that_were_there_at_the_first_look_are_not_new(store: Store) -> None:
    assert store.new_tags("acme/shop", ["v1.0.0"]) == []
    store.remember_tags("acme/shop", ["v1.0.0"])
    assert store.new_tags("acme/shop", ["v1.0.0", "v1.1.0"]) == ["v1.1.0"]
    assert store.new_tags("acme/other", ["v1.1.0"]) == []


def test_the_first_tag_of_a_project_that_had_none_is_new(store: Store) -> None:
    store.remember_tags("acme/shop", [])
    assert store.new_tags("acme/shop", ["v0.1.0"]) == ["v0.1.0"]


def test_every_process_learns_who_the_bot_is_in_confluence(store: Store) -> None:
    assert store.wiki() is None
    store.introduce_wiki(PagePerson("acc-1", "Trivet Bot", "trivet"))
    assert store.wiki() == PagePerson("acc-1", "Trivet Bot", "trivet")


def test_a_transaction_whose_answer_is_lost_is_not_sent_again(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(connect(redis_server.url))
    store.redis.set_retry(Retry(NoBackoff(), 3))  # as a worker's connection has it
    run, lost, sent = (
        started(store, "aa"),
        [ConnectionError("the answer was lost")],
        Pipeline._execute_transaction,
    )

    def lossy(pipe: Pipeline, *words: Any) -> Any:
        answer = sent(pipe, *words)
        if lost:
            raise lost.pop()
        return answer

    monkeypatch.setattr(Pipeline, "_execute_transaction", lossy)
    with pytest.raises(ConnectionError):
        store.queue_job("apply", run)
    assert store.redis.llen("rq:queue:effects") == 1
