"""Runs in Redis, from their start to their end: what to do, how far it is, what came of it."""

from typing import Final
from uuid import uuid4

from bot.domain.actions import Proposal, Report
from bot.domain.events import Event
from bot.domain.seals import Seals
from bot.entry import keys, meters, tally
from bot.entry.connection import Connection
from bot.entry.ending import Ending, let_go, record, remember
from bot.entry.inbox import ACCEPT, acceptance
from bot.entry.keys import text
from bot.entry.lease import Lease
from bot.entry.queue import enqueue
from bot.entry.run_record import Run, recorded
from bot.entry.sealing import Stored, sealed
from bot.routing import JobRequest

HANDOVER_SECONDS: Final = 60.0
NO_DELIVERY_TTL: Final = 60


class Runs:
    """Starts runs, tells of them, and brings each to its one end."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._redis = connection.redis
        self._accept = connection.redis.register_script(ACCEPT)

    def get(self, name: str) -> Run | None:
        return recorded(name, self._redis.hgetall(keys.run(name)))

    def start(self, request: JobRequest, reason: str, event: Event | None = None) -> str:
        """Queue a run that no delivery told of; nothing happens when it is there already. Returns its id.

        `event`: what was found in its place.
        """
        names, values = acceptance(f"{reason}:{uuid4().hex}", event, [request], ttl=NO_DELIVERY_TTL)
        return text(self._accept(keys=names, args=values)[1])

    def begin(self, run: Run, state: str) -> None:
        self._redis.hset(keys.run(run.id), "state", state)

    def tell(self, run: Run, step: str) -> None:
        """What the run is about to do, for who waits for it."""
        self._redis.hset(keys.run(run.id), "progress", step)

    def remember_award(self, run: Run, award: int) -> None:
        self._redis.hset(keys.run(run.id), "award", award)

    def queue_job(self, kind: str, run: Run) -> None:
        with self._connection.transaction() as pipe:
            enqueue(kind, run.id, self._redis, pipe)

    def hand_over(self, run: Run, proposal: Proposal, lease: Lease, seals: Seals) -> None:
        """Store the proposal under our seal and queue its application, in one transaction."""
        stored = sealed(proposal, run.id, seals)
        lease.keep()
        with self._connection.transaction() as pipe:
            pipe.set(keys.proposal(run.id), stored.content)
            pipe.hset(keys.run(run.id), mapping={"state": "applying", "seal": stored.seal})
            pipe.hdel(keys.run(run.id), "outages", "first_outage", "progress")
            pipe.pexpire(keys.lease(run.lock_key), int(HANDOVER_SECONDS * 1000))
            enqueue("apply", run.id, self._redis, pipe)
            meters.add(tally.stage(run.request.agent, "propose", proposal.report.seconds), pipe)

    def proposal(self, run_id: str) -> Stored | None:
        with self._redis.pipeline() as pipe:
            pipe.get(keys.proposal(run_id))
            pipe.hget(keys.run(run_id), "seal")
            content, seal = pipe.execute()
        return Stored(content, text(seal or "")) if content else None

    def finish(self, run: Run, ending: Ending) -> None:
        """The run is over: all that follows from it, in one transaction."""
        with self._connection.transaction() as pipe:
            record(run, ending, pipe)
            remember(run, ending, pipe)
            let_go(run, pipe)
            if ending.then:
                enqueue(ending.then, run.id, self._redis, pipe)
            if ending.follow:
                names, values = acceptance(
                    f"follow:{uuid4().hex}", None, [ending.follow], ttl=NO_DELIVERY_TTL
                )
                self._accept(keys=names, args=values, client=pipe)

    def report(self, run_id: str) -> Report | None:
        stored = self._redis.get(keys.report(run_id))
        return Report.model_validate_json(stored) if stored else None
