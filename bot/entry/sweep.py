"""The level-triggered half: whatever was lost on the way, a look at GitLab finds it.

GitLab repeats no webhook and switches hooks off that fail, so that deliveries alone are never enough.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from bot.domain.events import Ignored, MergeRequestChanged, Person, Project
from bot.entry.store import Store
from bot.errors import AccessDenied, NotFound
from bot.gateways.gitlab_sweep import MAX_CHANGED, Changed, GitLabSweep
from bot.routing import JobRequest, Routing, route

OVERLAP_SECONDS: Final = 300.0
FIRST_LOOK_SECONDS: Final = 3_600.0
STUCK_SECONDS: Final = 600.0
NOBODY: Final = Person(id=0, username="")

log = structlog.get_logger("trivet.sweep")


@dataclass(frozen=True)
class Sweep:
    """One look at everything. `policy` is asked anew each time: the bot's identity may be learnt in between."""

    store: Store
    gitlab: GitLabSweep
    policy: Callable[[], Routing]

    def __call__(self) -> int:
        """How many runs were queued. Raises PlatformError where GitLab cannot be read."""
        found = self.rescue()
        for project in self.gitlab.projects():
            try:
                found += self.project(project)
            except (NotFound, AccessDenied) as error:
                log.warning("not swept", project=project, reason=str(error))
        log.info("swept", queued=found)
        return found

    def rescue(self) -> int:
        """Runs accepted long ago that nobody is working on: their job was lost on the way."""
        stuck = [run for run in self.store.unfinished(STUCK_SECONDS) if not self.store.is_attended(run)]
        for run in stuck:
            self.store.queue_job("apply" if run.state == "applying" else "propose", run)
            log.warning("queued again", run=run.id, state=run.state)
        return len(stuck)

    def project(self, project: str) -> int:
        began = time.time()
        last = self.store.swept_until(project)
        since = began - FIRST_LOOK_SECONDS if last is None else last - OVERLAP_SECONDS
        changes = list(self.gitlab.changed(project, since))
        started = sum(self.merge_request(changed, since) for changed in changes)
        cut = len(changes) >= MAX_CHANGED
        self.store.remember_sweep(project, changes[-1].updated + OVERLAP_SECONDS if cut else began)
        return started

    def merge_request(self, changed: Changed, since: float) -> int:
        """Its head, where it is open, and the commands on it."""
        requests = self._head(changed) if changed.state == "opened" and changed.head else []
        if changed.notes:
            requests += self._commands(changed, since)
        fresh = [request for request in requests if not self.store.is_known(request)]
        for request in fresh:
            self.store.start(request, "sweep")
            log.info("found", target=str(changed.target), trigger=request.trigger)
        return len(fresh)

    def _head(self, changed: Changed) -> list[JobRequest]:
        event = MergeRequestChanged(
            project=Project(id=changed.target.project_id, path=changed.target.project),
            iid=changed.target.iid,
            action="updated",
            head=changed.head,
            actor=NOBODY,
            draft=changed.draft,
            pushed=True,
        )
        return self._routed(route(event, self.policy()))

    def _commands(self, changed: Changed, since: float) -> list[JobRequest]:
        policy = self.policy()
        notes = self.gitlab.notes(changed.target, since)
        return [request for note in notes for request in self._routed(route(note, policy))]

    @staticmethod
    def _routed(routed: list[JobRequest] | Ignored) -> list[JobRequest]:
        return [] if isinstance(routed, Ignored) else routed
