"""How a run ends: what a job does with each kind of trouble, on a real Redis."""

import asyncio
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
from rq.timeouts import JobTimeoutException
from structlog.testing import capture_logs

from bot.agents.review import SPEC
from bot.agents.spec import AgentContext, AgentResult, AgentSpec
from bot.domain.actions import Proposal, React, Report
from bot.domain.reviewed import Reviewed
from bot.domain.seals import Seals
from bot.entry import keys
from bot.entry.connection import connect
from bot.entry.ending import Ending
from bot.entry.queue import AGENTS, EFFECTS
from bot.entry.sealing import review_left
from bot.entry.timelimit import HardTimeLimit, JobTimeLimit
from bot.entry.watch import Watch
from bot.errors import AccessDenied, NotFound, NotReady, Postponed, Stopped, Superseded, Unavailable
from bot.llm.messages import Prompt, Turn
from bot.routing import JobRequest
from bot.testing import ScriptedModel
from tests.doubles import added_file, change_of
from tests.jobs_world import BOT, HEAD, MARK_SECRET, NEWER, World, opened, thumbs_up
from tests.redis_server import RedisServer


@pytest.fixture
def world(redis_server: RedisServer) -> World:
    return World(connect(redis_server.url))


def test_a_run_is_proposed_acknowledged_and_applied(world: World) -> None:
    run = world.begin()
    world.jobs.propose(run.id)
    assert world.now(run.id).state == "applying"
    assert world.queued(EFFECTS) == ["acknowledge", "apply"]
    world.jobs.acknowledge(run.id)
    world.jobs.apply(run.id)
    assert world.now(run.id).state == "done"
    report = world.store.runs.report(run.id)
    assert report is not None
    assert [outcome.result for outcome in report.outcomes] == ["done"]
    assert world.store.redis.exists(keys.proposal(run.id)) == 0


def test_applying_a_run_that_is_over_writes_nothing(world: World) -> None:
    run = world.begin()
    world.jobs.propose(run.id)
    world.jobs.apply(run.id)
    world.jobs.apply(run.id)
    world.jobs.propose(run.id)
    assert len(world.effects.applied) == 1


@pytest.mark.parametrize(
    "error", [Unavailable("GitLab failed (502)"), AccessDenied("the token is expired (401)")]
)
def test_an_outage_or_an_expired_token_puts_the_run_back(world: World, error: Exception) -> None:
    run = world.begin()
    world.raises(error)
    world.jobs.propose(run.id)
    assert list(world.waiting()) == ["propose"]
    assert world.now(run.id).outages == 1
    assert str(error) in world.now(run.id).message
    world.reader.trouble = lambda: None
    world.jobs.propose(run.id)
    assert world.now(run.id).state == "applying"


def test_a_failed_write_is_tried_again_as_the_next_attempt(world: World) -> None:
    run = world.begin()
    world.jobs.propose(run.id)

    def trouble() -> None:
        raise Unavailable("GitLab failed (500)")

    world.effects.trouble = trouble
    world.jobs.apply(run.id)
    world.jobs.apply(run.id)
    assert world.effects.attempts == [0, 1]
    assert list(world.waiting()) == ["apply"]


def test_a_diff_that_is_being_prepared_is_asked_for_again_soon(world: World) -> None:
    run = world.begin()
    world.raises(NotReady("GitLab is still preparing the diff", 2.0))
    world.jobs.propose(run.id)
    assert 1 < world.waiting()["propose"] <= 3


def test_a_vanished_merge_request_fails_and_is_said_once(world: World) -> None:
    run = world.begin()
    world.raises(NotFound("GitLab has no merge request acme/shop!7 (404)"))
    world.jobs.propose(run.id)
    assert world.now(run.id).state == "failed"
    assert world.queued(EFFECTS) == ["complain"]
    world.jobs.complain(run.id)
    assert world.effects.complaints == ["GitLab has no merge request acme/shop!7 (404)"]


def test_an_error_of_ours_fails_with_one_sentence_and_no_traceback(world: World) -> None:
    run = world.begin()
    world.raises(ZeroDivisionError("oops"))
    world.jobs.propose(run.id)
    assert world.now(run.id).state == "failed"
    assert "ZeroDivisionError" in world.now(run.id).message
    assert "oops" not in world.now(run.id).message


def test_a_proposal_over_its_time_limit_keeps_its_steps_and_goes_on(world: World) -> None:
    run = world.begin()
    world.raises(JobTimeLimit("longer than 900 seconds"))
    world.jobs.propose(run.id)
    assert (world.now(run.id).over, world.forgotten) == (False, [])
    assert 0 < world.waiting()["propose"] <= 2
    world.reader.trouble = lambda: None
    world.jobs.propose(run.id)
    assert world.now(run.id).state == "applying"


def test_a_proposal_goes_on_three_times_and_then_fails(world: World) -> None:
    run = world.begin()
    world.raises(JobTimeLimit("longer than 900 seconds"))
    states = []
    for _ in range(4):
        world.jobs.propose(run.id)
        states.append(world.now(run.id).state)
    assert states == ["running", "running", "running", "failed"]
    assert "longer than its limit" in world.now(run.id).message
    assert (world.queued(EFFECTS), world.forgotten, world.waiting()) == (["complain"], [run.id], {})


def test_outages_before_leave_a_proposal_its_three_times(world: World) -> None:
    run = world.begin()
    world.raises(Unavailable("GitLab failed (502)"))
    for _ in range(4):
        world.jobs.propose(run.id)
    world.raises(JobTimeLimit("longer than 900 seconds"))
    world.jobs.propose(run.id)
    assert not world.now(run.id).over


def test_an_application_over_its_time_limit_fails(world: World) -> None:
    run = world.begin()
    world.jobs.propose(run.id)

    def trouble() -> None:
        raise JobTimeLimit("longer than 300 seconds")

    world.effects.trouble = trouble
    world.jobs.apply(run.id)
    assert (world.now(run.id).state, world.waiting()) == ("failed", {})


def test_after_a_day_of_outage_the_run_is_given_up_and_said(world: World) -> None:
    run = world.begin()
    world.store.redis.hset(keys.run(run.id), "first_outage", time.time() - 90_000)
    world.raises(Unavailable("GitLab failed (502)"))
    world.jobs.propose(run.id)
    assert world.now(run.id).state == "failed"
    assert world.queued(EFFECTS) == ["complain"]


@pytest.mark.parametrize(("hours", "state"), [(0, "running"), (20, "running"), (25, "applying")])
def test_after_a_day_without_a_model_the_rest_is_published(world: World, hours: int, state: str) -> None:
    world.agent, world.model = SPEC, ScriptedModel(lambda _prompt: Unavailable("overloaded"))
    world.reader.change = change_of(added_file("shop.py", "x = 1\n"))
    run = world.begin()
    if hours:
        world.store.redis.hset(keys.run(run.id), "first_outage", time.time() - hours * 3600)
    world.jobs.propose(run.id)
    assert world.now(run.id).state == state
    stored = world.store.runs.proposal(run.id)
    assert (stored is not None) == (state == "applying")
    if stored:
        proposal = Proposal.model_validate_json(stored.content)
        assert "overloaded" in proposal.report.failures[0]
        assert any(action.kind == "upsert_note" for action in proposal.actions)


def test_an_older_head_is_superseded_and_the_newest_gets_its_run(world: World) -> None:
    run = world.begin()
    world.reader.request = opened(NEWER)
    world.jobs.propose(run.id)
    assert world.now(run.id).state == "superseded"
    newer = world.begin(head=NEWER)
    assert newer.state == "queued"
    assert world.queued(AGENTS) == ["propose", "propose"]


def test_a_head_that_moves_while_it_is_published_gets_a_new_run(world: World) -> None:
    run = world.begin()
    world.jobs.propose(run.id)

    def trouble() -> None:
        raise Superseded("moved", NEWER)

    world.effects.trouble = trouble
    world.jobs.apply(run.id)
    assert world.now(run.id).state == "superseded"
    assert world.queued(AGENTS).count("propose") == 2


def test_what_issues_are_told_at_a_newer_head_is_told_again_when_asked_again(world: World) -> None:
    """Two link runs for an older head: the second may know of a review that the first did not."""
    ends: list[str] = []
    for nth in (1, 2):
        request = JobRequest(
            agent="link",
            project="acme/shop",
            project_id=1,
            iid=7,
            trigger="reviewed",
            key=f"link:{nth}",
            head=HEAD,
        )
        run = world.now(world.store.runs.start(request, "test"))
        with world.store.turns.hold(run):
            world.jobs._succeed(run, Superseded("moved", NEWER))
        newer = world.now(
            world.store.runs.start(request.model_copy(update={"key": f"link:1:7:{NEWER}"}), "test")
        )
        ends.append(newer.state)
        world.store.runs.finish(newer, Ending("done", ""))
    assert ends == ["queued", "queued"]


def test_gitlab_showing_a_push_late_is_waited_for(world: World) -> None:
    world.store.redis.hset(keys.target("gitlab:1:7"), mapping={"head": NEWER, "at": "2026"})
    run = world.begin(head=NEWER)
    world.jobs.propose(run.id)
    assert list(world.waiting()) == ["propose"]
    world.reader.request = opened(NEWER)
    world.jobs.propose(run.id)
    assert world.now(run.id).state == "applying"


def test_a_closed_merge_request_supersedes_the_run(world: World) -> None:
    run = world.begin()
    world.reader.request = opened(state="closed")
    world.jobs.propose(run.id)
    assert (world.now(run.id).state, world.queued(EFFECTS)) == ("superseded", [])


def test_a_draft_may_be_asked_for_again_at_the_same_head(world: World) -> None:
    world.reader.request = opened(draft=True)
    run = world.begin()
    world.jobs.propose(run.id)
    assert "draft" in world.now(run.id).message
    world.reader.request = opened()
    again = world.begin()
    assert (again.id, again.state) == (run.id, "queued")


def test_a_guests_command_and_the_bots_own_start_nothing(world: World) -> None:
    for person, word in ((5, "Developer"), (BOT.id, "itself")):
        run = world.begin("command", head=str(person) * 40, person=person)
        world.jobs.propose(run.id)
        assert word in world.now(run.id).message
        assert world.queued(EFFECTS) == []


def test_a_command_is_acknowledged_on_the_note_that_gives_it(world: World) -> None:
    run = world.begin("command", note=77)
    world.jobs.acknowledge(run.id)
    assert world.effects.acknowledged_on == [77]


def test_a_run_that_is_postponed_begins_again_later_and_counts_as_no_outage(world: World) -> None:
    world.raises(Postponed("three pushes within 15 minutes", 240))
    run = world.begin()
    world.jobs.propose(run.id)
    now = world.now(run.id)
    assert (now.state, now.outages, now.first_outage) == ("queued", 0, 0)
    assert 235 < world.waiting()["propose"] <= 240
    assert world.store.attendance.is_attended(now)
    world.reader.trouble = lambda: None
    world.jobs.propose(run.id)
    assert world.now(run.id).state == "applying"


def test_a_postponed_run_gives_way_to_a_newer_head(world: World) -> None:
    world.raises(Postponed("three pushes within 15 minutes", 240))
    run = world.begin()
    world.jobs.propose(run.id)
    world.reader.trouble = lambda: None
    world.reader.request = opened(NEWER)
    world.jobs.propose(run.id)
    assert world.now(run.id).state == "superseded"


def test_what_another_agent_says_in_a_reviews_place_is_no_review(world: World) -> None:
    run = world.begin("command", note=77)
    refusal = Proposal(
        run=run.id,
        agent="ask",
        project="acme/shop",
        project_id=1,
        iid=7,
        head=HEAD,
        note=77,
        actions=(React(key="outcome", emoji="no_entry", note=77),),
        report=Report(run=run.id, agent="ask", target="acme/shop!7", head=HEAD),
    )
    followed: list[str] = []
    jobs = replace(world.jobs, follow=lambda run: followed.append(run.id))
    with world.store.turns.hold(run) as lease:
        world.store.runs.hand_over(run, refusal, lease, Seals([MARK_SECRET]))
    jobs.apply(run.id)
    assert world.now(run.id).state == "done"
    assert not world.store.handled.has_review("gitlab:1:7", HEAD)
    assert followed == []


def test_what_a_silent_review_read_is_remembered(world: World) -> None:
    left = Reviewed(head=HEAD, units=("0" * 20,))
    world.agent = AgentSpec(
        "review", frozenset({"react"}), lambda context: replace(thumbs_up(context), reviewed=left)
    )
    run = world.begin()
    world.jobs.propose(run.id)
    world.jobs.apply(run.id)
    kept, place = world.store.handled.last_review("gitlab:1:7"), "gitlab:1:7"
    assert review_left(kept, place, Seals([MARK_SECRET])) == left
    assert review_left(kept, "gitlab:1:8", Seals([MARK_SECRET])) is None
    assert review_left(left.model_dump_json(), place, Seals([MARK_SECRET])) is None
    assert review_left(kept.replace("0" * 20, "1" * 20), place, Seals([MARK_SECRET])) is None


def test_a_second_run_on_the_same_target_waits_for_the_first(world: World) -> None:
    first, second = world.begin(), world.begin(head=NEWER)
    with world.store.turns.hold(first):
        world.jobs.propose(second.id)
        assert world.now(second.id).state == "queued"
        assert list(world.waiting()) == ["propose"]
    assert world.waiting() == {}


def test_a_command_that_has_to_wait_is_acknowledged_all_the_same(world: World) -> None:
    first, second = world.begin(), world.begin("command", head=NEWER, note=77)
    with world.store.turns.hold(first):
        world.jobs.propose(second.id)
        assert world.queued(EFFECTS) == ["acknowledge"]


def test_an_answer_is_given_though_the_merge_request_is_merged_meanwhile(world: World) -> None:
    world.store.redis.hset(keys.target("gitlab:1:7"), "ended", "1")
    run = world.begin("command", note=77)
    asking = replace(run, request=run.request.model_copy(update={"agent": "ask"}))
    world.reader.request = opened(state="merged")
    with world.store.turns.hold(asking) as lease:
        Watch(world.store, asking, lease, world.reader)(opened())
        with pytest.raises(Superseded):
            Watch(world.store, run, lease, world.reader)(opened())


def test_an_agents_worker_has_no_function_that_writes_and_the_other_none_that_reads(world: World) -> None:
    reading = replace(world.jobs, effects=None).table()
    writing = replace(world.jobs, means=None).table()
    assert set(reading) == {"propose"}
    assert set(writing) == {"apply", "acknowledge", "withdraw", "complain"}


def test_a_reaction_that_came_late_or_lost_its_run_is_taken_back(world: World) -> None:
    run = world.begin()
    world.jobs.propose(run.id)
    world.jobs.acknowledge(run.id)

    def trouble() -> None:
        raise Superseded("closed meanwhile")

    world.effects.trouble = trouble
    world.jobs.apply(run.id)
    assert world.queued(EFFECTS)[-1] == "withdraw"
    world.jobs.withdraw(run.id)
    assert world.effects.withdrawn == 1


# --- what a run keeps of its steps, and a model that does not do its part


@pytest.mark.parametrize(
    "end", [None, Stopped("nothing to do"), Superseded("moved on"), NotFound("it is gone (404)")]
)
def test_the_steps_of_a_run_that_is_over_are_forgotten(world: World, end: Exception | None) -> None:
    run = world.begin()
    if end:
        world.raises(end)
    world.jobs.propose(run.id)
    assert world.forgotten == [run.id]


@pytest.mark.parametrize(
    "error", [Unavailable("the model failed (503)"), AccessDenied("the token is expired (401)")]
)
def test_the_steps_of_a_run_that_will_go_on_are_kept(world: World, error: Exception) -> None:
    run = world.begin()
    world.raises(error)
    world.jobs.propose(run.id)
    assert world.forgotten == []


@pytest.mark.parametrize(("retries_left", "begins_anew"), [(5, False), (2, False), (1, True)])
def test_the_last_try_of_a_run_that_breaks_begins_anew(
    world: World, monkeypatch: pytest.MonkeyPatch, retries_left: int, begins_anew: bool
) -> None:
    job = SimpleNamespace(retries_left=retries_left)
    monkeypatch.setattr("bot.entry.jobs.get_current_job", lambda: job)
    run = world.begin()
    world.raises(KeyError("a step that an older version kept"))
    with pytest.raises(KeyError):
        world.jobs.propose(run.id)
    assert world.forgotten == ([run.id] if begins_anew else [])


def test_steps_that_cannot_be_forgotten_now_hold_up_nothing(world: World) -> None:
    def out_of_order(_run: str) -> None:
        raise Unavailable("the database failed")

    run = world.begin()
    replace(world.jobs, forget=out_of_order).propose(run.id)
    assert world.now(run.id).state == "applying"
    assert world.waiting() == {}


def test_what_a_model_did_not_do_is_an_error_in_the_log_and_the_run_goes_on(world: World) -> None:
    world.agent = replace(
        world.agent, run=lambda context: replace(thumbs_up(context), failures=("the key is refused (401)",))
    )
    run = world.begin()
    with capture_logs() as logs:
        world.jobs.propose(run.id)
    assert [line["reason"] for line in logs if line["log_level"] == "error"] == ["the key is refused (401)"]
    assert world.now(run.id).state == "applying"


class Hanging(ScriptedModel):
    """Thinks for ever, and notes when it is stopped."""

    def __init__(self) -> None:
        super().__init__([])
        self.stopped = 0

    async def turn(self, prompt: Prompt) -> Turn:
        try:
            await asyncio.sleep(600)
        finally:
            self.stopped += 1
        raise AssertionError("it never answers")


def test_a_model_that_hangs_is_stopped_with_its_job_and_the_target_is_free_again(world: World) -> None:
    world.agent, world.model = SPEC, Hanging()
    world.reader.change = change_of(added_file("shop.py", "x = 1\n"))
    run = world.begin()
    with HardTimeLimit(2, JobTimeoutException):
        world.jobs.propose(run.id)
    assert isinstance(world.model, Hanging)
    assert (world.model.stopped, world.model.closed) == (1, 1)
    assert (list(world.waiting()), world.queued(EFFECTS)) == (["propose"], ["acknowledge"])
    assert "longer than its limit" in world.now(run.id).message
    assert world.forgotten == []
    with world.store.turns.hold(world.begin(head=NEWER)):
        pass


def test_a_graph_that_waits_long_for_its_models_keeps_its_target(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.entry.lease.LEASE_SECONDS", 0.6)
    monkeypatch.setattr("bot.entry.lease.RENEW_SECONDS", 0.1)

    def slow(context: AgentContext) -> AgentResult:
        asyncio.run(asyncio.sleep(2))
        context.still_wanted()
        return thumbs_up(context)

    world.agent = replace(world.agent, run=slow)
    run = world.begin()
    world.jobs.propose(run.id)
    assert world.now(run.id).state == "applying"
