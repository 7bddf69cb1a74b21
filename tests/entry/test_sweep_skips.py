"""What a sweep leaves alone: a head that some run has reviewed, whatever began it."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from bot.domain.actions import Report
from bot.domain.change import Seen, Target
from bot.domain.events import NoteWritten, Person, Project
from bot.entry import keys
from bot.entry.attendance import MOST_RESCUES
from bot.entry.connection import connect
from bot.entry.ending import Ending, Remembered
from bot.entry.keys import text
from bot.entry.run_record import Run
from bot.entry.store import Store
from bot.entry.sweep import Sweep
from bot.gateways.gitlab_sweep import Changed
from bot.routing import JobRequest, Routing
from tests.job_requests import push_request
from tests.redis_server import RedisServer

HEAD, NEWER = "a" * 40, "b" * 40
AS_IT_WAS = Seen("opened", "main", "these words")
UPDATED = time.time()


@dataclass
class OneMergeRequest:
    """A GitLab where acme/shop!7 changed a moment ago."""

    head: str = HEAD
    seen: Seen = AS_IT_WAS
    updated: float = UPDATED
    notes_on_it: tuple[NoteWritten, ...] = ()

    def projects(self) -> Iterator[str]:
        yield "acme/shop"

    def changed(self, project: str, since: float) -> Iterator[Changed]:
        target = Target(project, 7, 1)
        yield Changed(target, self.seen, self.head, False, len(self.notes_on_it), self.updated)

    def notes(self, target: Target, since: float) -> Iterator[NoteWritten]:
        yield from self.notes_on_it


@pytest.fixture
def store(redis_server: RedisServer) -> Store:
    return Store(connect(redis_server.url))


def swept(store: Store, gitlab: OneMergeRequest) -> int:
    return Sweep(store, gitlab, lambda: Routing(("acme/shop",)))().queued  # type: ignore[arg-type]


def reviewed(store: Store, trigger: str = "became_ready") -> None:
    """A run of another trigger that found nothing to say at `HEAD`."""
    key = f"{push_request(HEAD).key}:{trigger}"
    request = push_request(HEAD).model_copy(update={"trigger": trigger, "key": key})
    run = store.runs.get(store.runs.start(request, "test"))
    assert run is not None
    report = Report(run=run.id, agent="review", target="acme/shop!7", head=HEAD)
    store.runs.finish(run, Ending("done", "", report, remembered=Remembered(seen=AS_IT_WAS)))


def command() -> NoteWritten:
    return NoteWritten(
        project=Project(id=1, path="acme/shop"),
        iid=7,
        noteable="MergeRequest",
        note=5,
        discussion="d5",
        author=Person(id=3, username="ada"),
        body="/trivet review",
        head=HEAD,
    )


@pytest.mark.parametrize("trigger", ["became_ready", "command", "retargeted"])
def test_a_head_that_any_run_reviewed_is_not_reviewed_again(store: Store, trigger: str) -> None:
    reviewed(store, trigger)
    assert swept(store, OneMergeRequest()) == 0


def test_another_target_branch_of_a_reviewed_head_is_found_once(store: Store) -> None:
    """What its run writes changes the time of the merge request."""
    reviewed(store)
    release = Seen("opened", "release", "these words")
    looks = [OneMergeRequest(seen=release, updated=UPDATED + seconds) for seconds in range(3)]
    assert [swept(store, one) for one in looks] == [1, 0, 0]
    assert swept(store, OneMergeRequest(seen=Seen("opened", "main", "other words"))) == 0


@pytest.mark.parametrize(
    "now", [Seen("opened", "main", "other words"), Seen("opened", "release", "these words")]
)
def test_issues_are_told_of_other_words_and_another_target_branch(store: Store, now: Seen) -> None:
    key = push_request(HEAD).key.replace("review", "link")
    request = push_request(HEAD).model_copy(update={"agent": "link", "key": key})
    run = store.runs.get(store.runs.start(request, "test"))
    assert run is not None
    report = Report(run=run.id, agent="link", target="acme/shop!7", head=HEAD)
    store.runs.finish(run, Ending("done", "", report, remembered=Remembered(seen=AS_IT_WAS)))

    def found(seen: Seen) -> int:
        policy = Routing(("acme/shop",), agents=frozenset({"link"}))
        return Sweep(store, OneMergeRequest(seen=seen), lambda: policy)().queued  # type: ignore[arg-type]

    assert [found(AS_IT_WAS), found(now)] == [0, 1]


def test_a_head_that_nobody_reviewed_is_found_once(store: Store) -> None:
    reviewed(store)
    assert [swept(store, OneMergeRequest(NEWER)) for _ in range(2)] == [1, 0]


def test_a_run_that_published_nothing_leaves_its_head_to_be_found(store: Store) -> None:
    request = push_request(HEAD).model_copy(update={"key": "review:1:7:note:4", "trigger": "command"})
    run = store.runs.get(store.runs.start(request, "test"))
    assert run is not None
    store.runs.finish(run, Ending("failed", "the token is expired (401)"))
    assert swept(store, OneMergeRequest()) == 1


def test_a_reviewed_head_that_was_left_and_pushed_again_is_found(store: Store) -> None:
    reviewed(store)
    store.redis.hset(keys.target("gitlab:1:7"), mapping={"head": NEWER, "at": "2026"})
    assert swept(store, OneMergeRequest()) == 1


def test_a_command_on_a_reviewed_head_is_found(store: Store) -> None:
    reviewed(store)
    assert swept(store, OneMergeRequest(notes_on_it=(command(),))) == 1
    ids = (keys.text(name) for name in store.redis.zrange(keys.UNFINISHED, 0, -1))
    found: list[JobRequest] = [run.request for run in map(store.runs.get, ids) if run]
    assert [request.trigger for request in found] == ["command"]


def rescued(store: Store) -> int:
    return Sweep(store, OneMergeRequest(), lambda: Routing(("acme/shop",))).rescue()  # type: ignore[arg-type]


def lost(store: Store) -> Run:
    """A run of an hour ago whose job is in no queue any more."""
    [name] = store.redis.zrange(keys.UNFINISHED, 0, -1)
    store.redis.zadd(keys.UNFINISHED, {name: time.time() - 3600})
    store.redis.delete("rq:queue:agents")
    run = store.runs.get(text(name))
    assert run is not None
    return run


def test_a_run_whose_job_is_lost_again_and_again_ends_and_says_so(store: Store) -> None:
    store.runs.start(push_request("aa"), "test")
    for _ in range(MOST_RESCUES):
        run = lost(store)
        rescued(store)
        assert store.redis.llen("rq:queue:agents") == 1
    run = lost(store)
    rescued(store)
    ended = store.runs.get(run.id)
    assert ended is not None
    assert (ended.state, store.redis.llen("rq:queue:agents")) == ("failed", 0)
    assert "was killed each time" in ended.message
    assert [text(job).split("-")[0] for job in store.redis.lrange("rq:queue:effects", 0, -1)] == ["complain"]


def test_a_run_that_waits_for_its_next_try_is_not_lost(store: Store) -> None:
    store.runs.start(push_request("aa"), "test")
    run = lost(store)
    store.redis.zadd("rq:scheduled:agents", {f"propose-{run.id}-0a1b2c3d": time.time() + 600})
    rescued(store)
    assert store.redis.llen("rq:queue:agents") == 0
