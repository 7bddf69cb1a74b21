"""What no webhook of Jira's told us: new issues, transitions and comments, by JQL, where rules exist."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog

from bot.domain.events import IssueChanged, IssueCommented, JiraUser
from bot.domain.issues import IssuePerson
from bot.domain.rules import JiraRule
from bot.entry.finding import OVERLAP_SECONDS, requests_of, since, start_unknown
from bot.entry.store import Store
from bot.errors import AccessDenied, Forbidden, NotFound, PlatformError, Unavailable
from bot.gateways.http import Broken
from bot.gateways.jira_reader import JiraReader
from bot.gateways.jira_recent import MAX_CHANGED, ChangedIssue
from bot.routing import Routing, route

SWEPT: Final = "jira:"

log = structlog.get_logger("trivet.sweep")


@dataclass(frozen=True)
class JiraSweep:
    """One look at every project that rules speak of."""

    store: Store
    issues: JiraReader
    policy: Callable[[], Routing]

    def __call__(self) -> int:
        """How many runs were queued. Raises PlatformError; one issue's trouble is raised after all the others.

        Of very many changes the oldest are looked at; the next sweep goes on from there.
        """
        began = time.time()
        moment = since(self.store, SWEPT, began)
        projects = sorted(self.policy().rules.projects)
        changed = self.issues.changed(projects, math.ceil((began - moment) / 60))
        problems: list[PlatformError] = []
        started = sum(self._tried(one, moment, problems) for one in changed)
        cut = len(changed) >= MAX_CHANGED
        until = _time(changed[-1].updated) + OVERLAP_SECONDS if cut else began
        self.store.sweeps.remember(SWEPT, until)
        if problems:
            raise problems[0]
        return started

    def _tried(self, changed: ChangedIssue, since: float, problems: list[PlatformError]) -> int:
        """One issue that cannot be read keeps no other from being found; one that may not be is none of ours.

        Raises what would be so for every issue.
        """
        try:
            return sum([self._found(event) for event in list(self._events(changed, since))])
        except PlatformError as error:
            is_general = isinstance(error, Unavailable | AccessDenied)
            if is_general and not isinstance(error, Broken | Forbidden):
                raise
            log.warning("not swept", target=changed.key, reason=str(error))
            problems += [] if isinstance(error, NotFound | Forbidden) else [error]
            return 0

    def _events(self, changed: ChangedIssue, since: float) -> Iterator[IssueChanged | IssueCommented]:
        """What webhooks would have told, with the ids that make it the same run."""
        rules = self.policy().rules.of(changed.project)
        if _time(changed.created) >= since:
            yield IssueChanged(**_named(changed), action="created", at=_milliseconds(changed.created))
        if any(_listens(rule, "transitioned") for rule in rules):
            for move in self.issues.moved(changed.key):
                if _time(move.at) >= since:
                    yield IssueChanged(
                        **_named(changed),
                        action="updated",
                        actor=_user(move.author),
                        to=move.to,
                        transitioned=True,
                        change=move.id,
                    )
        if any(rule.commands for rule in rules):
            for comment in self.issues.comments(changed.key):
                if _time(comment.created) >= since:
                    yield IssueCommented(
                        **_named(changed),
                        comment=comment.id,
                        author=_user(comment.author),
                        body=comment.body,
                    )

    def _found(self, event: IssueChanged | IssueCommented) -> int:
        return start_unknown(self.store, requests_of(route(event, self.policy())), event)


def _listens(rule: JiraRule, event: str) -> bool:
    return rule.on is not None and rule.on.event == event


def _named(changed: ChangedIssue) -> dict[str, str]:
    return {"issue": changed.key, "number": changed.number, "project": changed.project}


def _user(person: IssuePerson | None) -> JiraUser | None:
    return JiraUser(id=person.id, name=person.name, username=person.username) if person else None


def _time(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def _milliseconds(moment: str) -> int:
    return int(_time(moment) * 1000)
