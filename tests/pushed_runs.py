"""Runs of pushes to acme/shop!7 in a store, and how many jobs they have in the agents' queue."""

from bot.entry.run_record import Run
from bot.entry.store import Store
from tests.job_requests import push_request


def started(store: Store, head: str) -> Run:
    run = store.runs.get(store.runs.start(push_request(head), "test"))
    assert run is not None
    return run


def depth(store: Store) -> int:
    return int(store.redis.llen("rq:queue:agents"))
