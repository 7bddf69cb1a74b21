"""Runs, and what else the processes keep together."""

from typing import Any

import pytest
from redis.backoff import NoBackoff
from redis.client import Pipeline
from redis.exceptions import ConnectionError
from redis.retry import Retry

from bot.domain.events import Person
from bot.domain.pages import PagePerson
from bot.entry import keys
from bot.entry.connection import connect
from bot.entry.queue import run_id
from bot.entry.store import Store
from bot.errors import Unavailable
from tests.pushed_runs import depth, started
from tests.redis_server import RedisServer


@pytest.fixture
def store(redis_server: RedisServer) -> Store:
    return Store(connect(redis_server.url))


def test_starting_the_same_run_twice_queues_it_once(store: Store) -> None:
    assert started(store, "aa").id == started(store, "aa").id == run_id("review:1:7:aa")
    assert depth(store) == 1


def test_a_run_whose_job_is_lost_is_seen_as_unattended(store: Store) -> None:
    run = started(store, "aa")
    assert store.attendance.is_attended(run)
    store.redis.delete("rq:queue:agents")
    assert not store.attendance.is_attended(run)
    assert [lost.id for lost in store.attendance.unfinished(older_than=0)] == [run.id]


@pytest.mark.parametrize(
    "rubbish",
    [{"request": b"\xff"}, {"created": "soon"}, {"state": None}, {"outages": "many"}, None],
    ids=["no UTF-8", "no time", "no state", "no number", "no hash"],
)
def test_a_run_that_nobody_can_read_keeps_no_other_from_being_seen(
    store: Store, rubbish: dict[str, bytes | str | None] | None
) -> None:
    broken, whole = started(store, "aa"), started(store, "bb")
    name = keys.run(broken.id)
    if rubbish is None:
        store.redis.set(name, "rubbish")
    for field, value in (rubbish or {}).items():
        store.redis.hdel(name, field) if value is None else store.redis.hset(name, field, value)
    assert [run.id for run in store.attendance.unfinished(older_than=-1)] == [whole.id]


@pytest.mark.parametrize(
    "said", ["{", "7", "[]", '{"id": 7}', b"\xff", '{"id": 7, "username": "", "name": ""}']
)
def test_an_account_that_is_none_is_not_known(store: Store, said: str | bytes) -> None:
    store.redis.hset(keys.IDENTITIES, mapping={keys.TRACKER: said, keys.WIKI: said})
    assert (store.identities.tracker(), store.identities.wiki()) == (None, None)


@pytest.mark.parametrize("name", ["x`\n\n## Notice", "", "two words", "@grace", "a" * 300])
def test_a_name_that_gitlab_gives_nobody_is_not_the_bots(store: Store, name: str) -> None:
    store.identities.introduce("gitlab", Person(id=7, username=name))
    assert store.identities.who() is None


def test_notes_are_paced_below_gitlabs_limit(store: Store) -> None:
    def write_many() -> None:
        for _ in range(402):
            store.keep_pace()

    with pytest.raises(Unavailable) as stop:
        write_many()
    assert 0 < (stop.value.retry_after or 0) <= 60


def test_tags_that_were_there_at_the_first_look_are_not_new(store: Store) -> None:
    assert store.sweeps.new_tags("acme/shop", ["v1.0.0"]) == []
    store.sweeps.remember_tags("acme/shop", ["v1.0.0"])
    assert store.sweeps.new_tags("acme/shop", ["v1.0.0", "v1.1.0"]) == ["v1.1.0"]
    assert store.sweeps.new_tags("acme/other", ["v1.1.0"]) == []


def test_the_first_tag_of_a_project_that_had_none_is_new(store: Store) -> None:
    store.sweeps.remember_tags("acme/shop", [])
    assert store.sweeps.new_tags("acme/shop", ["v0.1.0"]) == ["v0.1.0"]


def test_every_process_learns_who_the_bot_is_in_confluence(store: Store) -> None:
    assert store.identities.wiki() is None
    store.identities.introduce_wiki(PagePerson("acc-1", "Trivet Bot", "trivet"))
    assert store.identities.wiki() == PagePerson("acc-1", "Trivet Bot", "trivet")


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
        store.runs.queue_job("apply", run)
    assert store.redis.llen("rq:queue:effects") == 1
