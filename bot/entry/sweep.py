"""The level-triggered half: whatever was lost on the way, a look at GitLab finds it.

GitLab repeats no webhook and switches hooks off that fail, so that deliveries alone are never enough.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

import structlog

from bot.domain.change import Seen
from bot.domain.events import MergeRequestChanged, Person, Project, TagPushed
from bot.entry.confluence_sweep import ConfluenceSweep
from bot.entry.ending import KILLED_EACH_TIME, Ending
from bot.entry.finding import OVERLAP_SECONDS, requests_of, since, start_unknown
from bot.entry.jira_sweep import JiraSweep
from bot.entry.meters import count
from bot.entry.run_record import REVIEW, Run
from bot.entry.store import Store
from bot.errors import PlatformError
from bot.gateways.gitlab_sweep import MAX_CHANGED, Changed, GitLabSweep
from bot.routing import RETARGETED, JobRequest, Routing, route

STUCK_SECONDS: Final = 600.0
NO_COMMIT: Final = "0" * 40
NOBODY: Final = Person(id=0, username="")
ACTIONS: Final[dict[str, Literal["updated", "merged", "closed"]]] = {
    "opened": "updated",
    "merged": "merged",
    "closed": "closed",
}

log = structlog.get_logger("trivet.sweep")


@dataclass(frozen=True)
class Swept:
    """How many runs were queued, and what could not be looked at."""

    queued: int
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sweep:
    """One look at everything. `policy` is asked anew each time: the bot's identity may be learnt in between.

    `beat` is called all the while, as it may take minutes.
    """

    store: Store
    gitlab: GitLabSweep
    policy: Callable[[], Routing]
    jira: JiraSweep | None = None
    pages: ConfluenceSweep | None = None
    beat: Callable[[], None] = lambda: None

    def __call__(self) -> Swept:
        """Look everywhere; what cannot be read holds up nothing else. Raises PlatformError where nothing can be."""
        found, problems = self.rescue(), []
        for project in self.gitlab.projects():
            self.beat()
            try:
                found += self.project(project)
            except PlatformError as error:
                log.warning("not swept", project=project, reason=str(error))
                problems.append(f"{project}: {error}")
        for name, platform in (("Jira", self.jira), ("Confluence", self.pages)):
            try:
                found += platform() if platform else 0
            except PlatformError as error:
                log.warning("not swept", platform=name, reason=str(error))
                problems.append(f"{name}: {error}")
        if not problems:
            self.store.signs.swept()
        log.info("swept", queued=found)
        return Swept(found, tuple(problems))

    def rescue(self) -> int:
        """Runs accepted long ago that nobody is working on: their job was lost on the way."""
        attendance = self.store.attendance
        stuck = [run for run in attendance.unfinished(STUCK_SECONDS) if not attendance.is_attended(run)]
        return sum(map(self._rescued, stuck))

    def _rescued(self, run: Run) -> bool:
        """A run whose process is killed each time, for want of memory say, is not paid for again and again."""
        if self.store.attendance.rescue(run):
            log.warning("queued again", run=run.id, state=run.state)
            return True
        message = KILLED_EACH_TIME.format(run=run.id)
        counts = [count("trivet_errors", "schedule", "GivenUp")]
        self.store.runs.finish(run, Ending("failed", message, then="complain", counts=counts))
        log.error("failed", run=run.id, reason=message)
        return False

    def project(self, project: str) -> int:
        began = time.time()
        moment = since(self.store, project, began)
        changes = list(self.gitlab.changed(project, moment))
        problems: list[PlatformError] = []
        started = sum(self._tried(changed, moment, problems) for changed in changes)
        try:
            started += self._tags(project)
        except PlatformError as error:
            problems.append(error)
        cut = len(changes) >= MAX_CHANGED
        self.store.sweeps.remember(project, changes[-1].updated + OVERLAP_SECONDS if cut else began)
        if problems:
            raise problems[0]
        return started

    def _tags(self, project: str) -> int:
        """A tag has no time of its own: what was not there at the last look is new."""
        if "pages" not in self.policy().agents:
            return 0
        tags = {tag.name: tag for tag in self.gitlab.tags(project)}
        number = self.gitlab.number(project) if (new := self.store.sweeps.new_tags(project, tags)) else 0
        events = [
            TagPushed(
                project=Project(id=number, path=project),
                tag=name,
                before=NO_COMMIT,
                after=tags[name].commit,
                actor=NOBODY,
            )
            for name in new
        ]
        started = sum(
            start_unknown(self.store, requests_of(route(event, self.policy())), event) for event in events
        )
        self.store.sweeps.remember_tags(project, tags)
        return started

    def _tried(self, changed: Changed, since: float, problems: list[PlatformError]) -> int:
        """One merge request that cannot be read keeps no other from being found."""
        self.beat()
        try:
            return self.merge_request(changed, since)
        except PlatformError as error:
            log.warning("not swept", target=str(changed.target), reason=str(error))
            problems.append(error)
            return 0

    def merge_request(self, changed: Changed, since: float) -> int:
        """What its head and its state should have started, and the commands on it."""
        started = self._state(changed) if changed.head else 0
        return started + (self._commands(changed, since) if changed.notes else 0)

    def _state(self, changed: Changed) -> int:
        """A head that was reviewed, left and pushed again is told from the newest we heard of.

        A clean review leaves no mark on GitLab, and its run another key where another trigger began it.
        """
        is_retargeted = self.store.handled.is_retargeted(changed.target, changed.head, changed.seen)
        event = _as_event(changed, is_retargeted=is_retargeted)
        requests = requests_of(route(event, self.policy())) if event else []
        open_ones = [one for one in requests if not self._is_handled(one, changed.seen)]
        return start_unknown(self.store, [_by_branch(one, changed) for one in open_ones], event)

    def _is_handled(self, request: JobRequest, seen: Seen) -> bool:
        if request.agent == REVIEW:
            return request.trigger != RETARGETED and self.store.handled.is_reviewed(request)
        return self.store.handled.is_told(request, seen)

    def _commands(self, changed: Changed, since: float) -> int:
        policy = self.policy()
        notes = self.gitlab.notes(changed.target, since)
        requests = [request for note in notes for request in requests_of(route(note, policy))]
        return start_unknown(self.store, requests)


def _by_branch(request: JobRequest, changed: Changed) -> JobRequest:
    """A review of another target is one run for each: what it writes changes the time that its key would have."""
    if request.agent != REVIEW or request.trigger != RETARGETED:
        return request
    target, branch = changed.target, changed.seen.target_branch
    key = f"{REVIEW}:{target.project_id}:{target.iid}:{changed.head}:into:{branch}"
    return request.model_copy(update={"key": key})


def _as_event(changed: Changed, *, is_retargeted: bool) -> MergeRequestChanged | None:
    """What a delivery would have told of it; None for a state that tells nothing."""
    if changed.seen.state not in ACTIONS:
        return None
    return MergeRequestChanged(
        project=Project(id=changed.target.project_id, path=changed.target.project),
        iid=changed.target.iid,
        action=ACTIONS[changed.seen.state],
        head=changed.head,
        actor=NOBODY,
        draft=changed.draft,
        pushed=changed.seen.state == "opened" and not is_retargeted,
        retargeted=is_retargeted,
        at=datetime.fromtimestamp(changed.updated, UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z"),
    )
