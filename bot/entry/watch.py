"""Between the steps of a run: whether it is still this execution's, and its target still at the run's head."""

from dataclasses import dataclass

from bot.domain.change import MergeRequest
from bot.entry.lease import Lease
from bot.entry.run_record import Run
from bot.entry.store import Store
from bot.errors import NotReady, Superseded
from bot.ports import MergeRequestReader
from bot.routing import ASK, EXPLICIT

LAGGING_TRIES = 5
LAGGING = "GitLab does not show {head} of {target} yet"
MOVED = "{target} moved on to {head}"
OVER = "{target} is {state}"


@dataclass(frozen=True)
class Watch:
    """Called between a run's steps: raises when the run was replaced, or its target moved on."""

    store: Store
    run: Run
    lease: Lease
    reader: MergeRequestReader

    def __call__(self, seen: MergeRequest) -> None:
        self.lease.check()
        newest = self.store.handled.newest(self.run.target_key)
        self._is_ours(seen, newest.head)
        if newest.ended or newest.head not in (None, seen.head):
            self._read_again(seen)

    def _is_ours(self, seen: MergeRequest, newest: str | None) -> None:
        """A run belongs to one head; GitLab's API may show a push a moment later than its delivery tells of it."""
        wanted = self.run.request.head
        if not wanted or wanted == seen.head or self.run.request.trigger in EXPLICIT:
            return
        if newest == wanted and self.run.outages < LAGGING_TRIES:
            raise NotReady(LAGGING.format(head=wanted[:8], target=seen.target), 1.0)
        raise Superseded(MOVED.format(target=seen.target, head=seen.head[:8]), seen.head)

    def _read_again(self, seen: MergeRequest) -> None:
        fresh = self.reader.merge_request(seen.target)
        if fresh.state != seen.state and self.run.request.agent != ASK:
            raise Superseded(OVER.format(target=seen.target, state=fresh.state))
        if fresh.head != seen.head:
            raise Superseded(MOVED.format(target=seen.target, head=fresh.head[:8]), fresh.head)
