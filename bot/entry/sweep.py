"""The level-triggered half: whatever was lost on the way, a look at GitLab finds it.

GitLab repeats no webhook and switches hooks off that fail, so that deliveries alone are never enough.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import structlog

from bot.domain.events import Ignored, MergeRequestChanged, Person, Project
from bot.entry.store import Store
from bot.errors import PlatformError
from bot.gateways.gitlab_sweep import MAX_CHANGED, Changed, GitLabSweep
from bot.routing import JobRequest, Routing, route

OVERLAP_SECONDS: Final = 300.0
FIRST_LOOK_SECONDS: Final = 3_600.0
STUCK_SECONDS: Final = 600.0
NOBODY: Final = Person(id=0, username="")

log = structlog.get_logger("trivet.sweep")


@dataclass(frozen=True)
class Swept:
    """How many runs were queued, and what could not be looked at."""

    queued: int
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sweep:
    """One look at everything. `policy` is asked anew each time: the bot's identity may be learnt in between."""

    store: Store
    gitlab: GitLabSweep
    policy: Callable[[], Routing]

    def __call__(self) -> Swept:
        """Look everywhere; what cannot be read holds up nothing else. Raises PlatformError where nothing can be."""
        found, problems = self.rescue(), []
        for project in self.gitlab.projects():
            try:
                found += self.project(project)
            except PlatformError as error:
                log.warning("not swept", project=project, reason=str(error))
                problems.append(f"{project}: {error}")
        log.info("swept", queued=found)
        return Swept(found, tuple(problems))

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
        problems: list[PlatformError] = []
        started = sum(self._tried(changed, since, problems) for changed in changes)
        cut = len(changes) >= MAX_CHANGED
        self.store.remember_sweep(project, changes[-1].updated + OVERLAP_SECONDS if cut else began)
        if problems:
            raise problems[0]
        return started

    def _tried(self, changed: Changed, since: float, problems: list[PlatformError]) -> int:
        """One merge request that cannot be read keeps no other from being found."""
        try:
            return self.merge_request(changed, since)
        except PlatformError as error:
            log.warning("not swept", target=str(changed.target), reason=str(error))
            problems.append(error)
            return 0

    def merge_request(self, changed: Changed, since: float) -> int:
        """Its head, where it is open, and the commands on it."""
        started = self._head(changed) if changed.state == "opened" and changed.head else 0
        return started + (self._commands(changed, since) if changed.notes else 0)

    def _head(self, changed: Changed) -> int:
        """A head that was reviewed, left and pushed again is told from the newest we heard of.

        A clean review leaves no mark on GitLab, and its run another key where another trigger began it.
        """
        event = self._as_pushed(changed)
        requests = self._routed(route(event, self.policy()))
        return self._start([one for one in requests if not self.store.is_reviewed(one)], event)

    def _commands(self, changed: Changed, since: float) -> int:
        policy = self.policy()
        notes = self.gitlab.notes(changed.target, since)
        return self._start([request for note in notes for request in self._routed(route(note, policy))])

    def _start(self, requests: list[JobRequest], event: MergeRequestChanged | None = None) -> int:
        fresh = [request for request in requests if not self.store.is_known(request)]
        for request in fresh:
            self.store.start(request, "sweep", event)
            log.info("found", project=request.project, iid=request.iid, trigger=request.trigger)
        return len(fresh)

    @staticmethod
    def _as_pushed(changed: Changed) -> MergeRequestChanged:
        return MergeRequestChanged(
            project=Project(id=changed.target.project_id, path=changed.target.project),
            iid=changed.target.iid,
            action="updated",
            head=changed.head,
            actor=NOBODY,
            draft=changed.draft,
            pushed=True,
            at=datetime.fromtimestamp(changed.updated, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
        )

    @staticmethod
    def _routed(routed: list[JobRequest] | Ignored) -> list[JobRequest]:
        return [] if isinstance(routed, Ignored) else routed
