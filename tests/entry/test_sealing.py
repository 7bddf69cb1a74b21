"""What stands in Redis and is not ours is not written: proposals, and sentences about failures."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from bot.domain.actions import Proposal, React, Report
from bot.domain.seals import Seals
from bot.entry import keys
from bot.entry.connection import connect
from bot.entry.ending import KILLED_EACH_TIME, Ending
from bot.entry.queue import EFFECTS
from bot.entry.run_record import Run
from bot.entry.sealing import UNTOLD, sealed
from bot.entry.waiting import SEAL_PAUSES
from bot.errors import NotFound, UsageError
from bot.routing import JobRequest
from tests.jobs_world import HEAD, MARK_SECRET, NEWER, NEXT_SECRET, World, opened
from tests.redis_server import RedisServer


@pytest.fixture
def world(redis_server: RedisServer) -> World:
    return World(connect(redis_server.url))


def proposed(world: World, head: str = HEAD) -> Run:
    run = world.begin(head=head)
    world.jobs.propose(run.id)
    return world.now(run.id)


def insisted(world: World, run: Run) -> None:
    """Applied as often as it is put back for the sake of its seal, and once more."""
    for _ in range(len(SEAL_PAUSES["apply"]) + 1):
        world.jobs.apply(run.id)


def planted(run: Run) -> Proposal:
    """One that policy has nothing against."""
    return Proposal(
        run=run.id,
        agent="review",
        project="acme/shop",
        project_id=1,
        iid=7,
        head=HEAD,
        actions=(React(key="clean", emoji="thumbsdown"),),
        report=Report(run=run.id, agent="review", target="acme/shop!7", head=HEAD),
    )


def test_a_planted_proposal_is_not_written_and_the_run_fails_with_what_to_do(world: World) -> None:
    run = proposed(world)
    world.store.redis.set(keys.proposal(run.id), planted(run).model_dump_json())
    insisted(world, run)
    assert (world.effects.applied, world.now(run.id).state) == ([], "failed")
    assert world.queued(EFFECTS).count("complain") == 1
    world.jobs.complain(run.id)
    (said,) = world.effects.complaints
    assert "its seal is not one of ours" in said
    assert "TRIVET_MARK_SECRETS" in said


def test_what_carries_no_seal_of_ours_is_not_even_parsed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = proposed(world)
    parsed: list[object] = []
    monkeypatch.setattr(Proposal, "model_validate_json", parsed.append)
    world.store.redis.set(keys.proposal(run.id), b"\xff not JSON")
    insisted(world, run)
    assert (parsed, world.now(run.id).state) == ([], "failed")


def test_a_proposal_copied_to_another_run_is_not_written(world: World) -> None:
    first = proposed(world)
    world.store.redis.delete(keys.lease(first.lock_key))
    world.reader.request = opened(NEWER)
    second = proposed(world, NEWER)
    world.store.redis.copy(keys.proposal(first.id), keys.proposal(second.id), replace=True)
    world.store.redis.hset(keys.run(second.id), "seal", first.seal)
    insisted(world, second)
    assert world.effects.applied == []
    assert world.now(second.id).state == "failed"


@pytest.mark.parametrize(
    "seal",
    [
        lambda run: Seals([NEXT_SECRET]).seal(b"proposal", run.id.encode(), b"x"),
        lambda run: sealed(planted(run), run.id, Seals([NEXT_SECRET])).seal,
        lambda run: "0" * 64,
        lambda run: "\u00e9",
    ],
)
def test_a_seal_by_whoever_does_not_hold_the_secret_is_none(world: World, seal: Callable[[Run], str]) -> None:
    run = proposed(world)
    world.store.redis.set(keys.proposal(run.id), planted(run).model_dump_json())
    world.store.redis.hset(keys.run(run.id), "seal", seal(run))
    insisted(world, run)
    assert (world.effects.applied, world.now(run.id).state) == ([], "failed")


def test_a_run_whose_target_was_changed_leads_its_proposal_nowhere_else(world: World) -> None:
    run = proposed(world)
    elsewhere = run.request.model_copy(update={"iid": 8})
    world.store.redis.hset(keys.run(run.id), "request", elsewhere.model_dump_json())
    world.jobs.apply(run.id)
    assert (world.effects.applied, world.now(run.id).state) == ([], "failed")
    assert "about acme/shop!7" in world.now(run.id).message


def test_a_planted_run_with_a_planted_proposal_writes_nothing(world: World) -> None:
    request = JobRequest(
        agent="review", project="acme/shop", project_id=1, iid=7, trigger="pushed", key="mine"
    )
    run = world.now(world.store.runs.start(request, "planted"))
    world.store.redis.set(keys.proposal(run.id), planted(run).model_dump_json())
    world.store.redis.hset(keys.run(run.id), mapping={"state": "applying", "seal": "1" * 64})
    insisted(world, run)
    assert (world.effects.applied, world.now(run.id).state) == ([], "failed")


def test_a_proposal_that_an_older_worker_left_without_a_seal_is_made_again(world: World) -> None:
    run = proposed(world)
    world.store.redis.hdel(keys.run(run.id), "seal")
    world.jobs.apply(run.id)
    assert world.effects.applied == []
    assert world.now(run.id).state == "queued"
    assert list(world.waiting()) == ["propose"]
    world.jobs.propose(run.id)
    world.jobs.apply(run.id)
    assert (len(world.effects.applied), world.now(run.id).state) == (1, "done")


def test_how_often_it_is_made_again_has_an_end(world: World) -> None:
    run = proposed(world)
    pauses: list[float] = []
    while not world.now(run.id).over:
        world.store.redis.hdel(keys.run(run.id), "seal")
        world.jobs.apply(run.id)
        pauses += world.waiting().values()
        world.jobs.propose(run.id)
    assert (world.effects.applied, world.now(run.id).state) == ([], "failed")
    assert [round(pause) for pause in pauses] == [60, 300, 900]
    assert "is older than the effects worker" in world.now(run.id).message


def test_a_proposal_sealed_before_the_secret_was_rotated_is_written_after_it(world: World) -> None:
    run = proposed(world)
    world.secrets = [NEXT_SECRET, MARK_SECRET]
    world.jobs.apply(run.id)
    assert (len(world.effects.applied), world.now(run.id).state) == (1, "done")


def test_a_worker_that_hears_of_the_new_secret_a_moment_later_waits_for_it(world: World) -> None:
    world.secrets = [NEXT_SECRET, MARK_SECRET]
    run = proposed(world)
    world.secrets = [MARK_SECRET]
    world.jobs.apply(run.id)
    assert (world.effects.applied, list(world.waiting())) == ([], ["apply"])
    world.secrets = [NEXT_SECRET, MARK_SECRET]
    world.jobs.apply(run.id)
    assert (len(world.effects.applied), world.now(run.id).state) == (1, "done")


def test_an_older_effects_worker_still_reads_what_is_sealed(world: World) -> None:
    run = proposed(world)
    kept = world.store.redis.get(keys.proposal(run.id))
    assert kept is not None
    assert Proposal.model_validate_json(kept).run == run.id
    assert b"files_in_all" not in kept  # what an older one does not know it refuses


def test_nothing_of_the_seal_is_left_once_the_run_is_done(world: World) -> None:
    run = proposed(world)
    assert run.seal
    world.jobs.apply(run.id)
    assert world.now(run.id).seal == ""


def test_a_failure_is_said_in_the_words_of_who_met_it(world: World) -> None:
    world.raises(NotFound("there is no such merge request"))
    run = world.begin()
    world.jobs.propose(run.id)
    world.jobs.complain(run.id)
    assert world.effects.complaints == ["there is no such merge request"]


def test_a_failure_is_recorded_though_the_mark_secret_is_what_is_missing(world: World) -> None:
    def gone() -> Seals:
        raise UsageError("TRIVET_MARK_SECRETS is not set")

    run = world.begin()
    replace(world.jobs, seals=gone).propose(run.id)
    ended = world.now(run.id)
    assert (ended.state, ended.message) == ("failed", "TRIVET_MARK_SECRETS is not set")


@pytest.mark.parametrize("place", [{"iid": 8}, {"project_id": 2}, {"issue": "SHOP-1"}, {"head": NEWER}])
def test_a_failure_that_is_led_elsewhere_is_not_said_there(world: World, place: dict[str, object]) -> None:
    world.raises(NotFound("there is no such merge request"))
    run = world.begin()
    world.jobs.propose(run.id)
    elsewhere = run.request.model_copy(update=place)
    world.store.redis.hset(keys.run(run.id), "request", elsewhere.model_dump_json())
    world.jobs.complain(run.id)
    assert world.effects.complaints == [UNTOLD]


def test_a_planted_failure_says_nothing_of_what_was_planted(world: World) -> None:
    run = world.begin()
    world.store.redis.hset(keys.run(run.id), mapping={"state": "failed", "message": "buy here"})
    world.jobs.complain(run.id)
    assert world.effects.complaints == [UNTOLD]


def test_what_the_schedule_gives_up_without_a_seal_is_said_in_its_own_words(world: World) -> None:
    run = world.begin()
    message = KILLED_EACH_TIME.format(run=run.id)
    world.store.runs.finish(run, Ending("failed", message, then="complain"))
    world.jobs.complain(run.id)
    assert world.effects.complaints == [message]
