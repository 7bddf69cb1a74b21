"""What an event starts: pure decisions, as data. Event and policy in, job requests or a reason out.

Only what the event itself says is decided here. What needs the repository's configuration, a person's role or
a search is decided when the run begins.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from bot.domain.change import Target
from bot.domain.commands import UnknownCommand, parse_command
from bot.domain.events import (
    BranchPushed,
    EmojiAwarded,
    Event,
    Ignored,
    MergeRequestChanged,
    NoteWritten,
    Person,
    PipelineChanged,
    TagPushed,
)

TRIGGERS: Final[dict[str, frozenset[str]]] = {
    "review": frozenset({"opened", "reopened", "pushed", "became_ready", "retargeted", "asked"}),
}
COMMANDS: Final[dict[str, str]] = {"review": "review"}
"""What starts an agent: changes of a merge request by agent, commands in notes by name."""

NOT_SERVED = "the project {path} is not served: TRIVET_GITLAB__PROJECTS does not name it"
OWN = "the bot did this itself"
ENDED = "nothing is run when a merge request is merged or closed"
NOT_ASKED = "someone else was asked to review"
NO_TRIGGER = "no agent is started by this change of a merge request"
NOT_HERE = "commands are read in notes on merge requests only"
EDITED = "commands are read when a note is written, not when it is edited"
NO_COMMAND = "the note holds no command"
UNKNOWN_COMMAND = "the note holds a command that does not exist"
NO_AGENT = "no agent is started by the command {name}"
QUIET: Final[dict[type, str]] = {
    EmojiAwarded: "no agent is started by reactions",
    BranchPushed: "no agent is started by pushes to a branch: merge requests tell of theirs",
    TagPushed: "no agent is started by tags",
    PipelineChanged: "no agent is started by pipelines",
}

_GLOB: Final[dict[str, str]] = {"**/": "(?:[^/]+/)*", "**": ".+", "*": "[^/]*"}
_GLOB_PARTS = re.compile(r"(\*\*/|\*\*|\*)")


class JobRequest(BaseModel):
    """One run to make: which agent, on which merge request, why. Requests with equal `key` are one run.

    `person` is the id of who asked for it, for the check of their role; None when nobody did. `reviewers` are
    ids that were asked to review: the run goes on only if the bot is one of them, or if there are none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    agent: str
    project: str
    project_id: int
    iid: int
    trigger: str
    key: str
    head: str = ""
    person: int | None = None
    reviewers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Routing:
    """The operator's policy. `bot_id` and `bot_name` are None until the workers have learnt who the bot is.

    `projects`: full paths or globs, in any case; `*` stays within one path segment, `**` crosses them.
    """

    projects: tuple[str, ...] = ()
    bot_id: int | None = None
    bot_name: str | None = None

    def serves(self, path: str) -> bool:
        return any(_glob(pattern).fullmatch(path) for pattern in self.projects)

    def is_bot(self, person: Person) -> bool:
        return person.id == self.bot_id or person.username == self.bot_name


def route(event: Event, policy: Routing) -> list[JobRequest] | Ignored:
    """The runs an event starts, or why it starts none."""
    if not policy.serves(event.project.path):
        return Ignored(reason=NOT_SERVED.format(path=event.project.path))
    if reason := QUIET.get(type(event)):
        return Ignored(reason=reason)
    return ROUTES[type(event)](event, policy)


def ends(event: Event) -> str | None:
    """The key of the target this event finishes, so that a run on it can stop; None for any other event."""
    if isinstance(event, MergeRequestChanged) and event.action in ("merged", "closed"):
        return Target(event.project.path, event.iid, event.project.id).key
    return None


def _change(event: MergeRequestChanged, policy: Routing) -> list[JobRequest] | Ignored:
    if ends(event):
        return Ignored(reason=ENDED)
    if policy.is_bot(event.actor):
        return Ignored(reason=OWN)
    trigger = _trigger(event, policy)
    if not trigger:
        return Ignored(reason=NOT_ASKED if event.asked else NO_TRIGGER)
    agents = [agent for agent, triggers in TRIGGERS.items() if trigger in triggers]
    return [_on_change(agent, trigger, event) for agent in agents] or Ignored(reason=NO_TRIGGER)


def _trigger(event: MergeRequestChanged, policy: Routing) -> str:
    """The one reason to act, the most explicit first; "" for none.

    While the bot does not know its own id, any request to review may be meant for it.
    """
    reasons = {
        "asked": policy.bot_id in event.asked,
        "became_ready": event.became_ready,
        "opened": event.action == "opened",
        "reopened": event.action == "reopened",
        "pushed": event.pushed,
        "retargeted": event.retargeted,
    }
    maybe_asked = bool(event.asked) and policy.bot_id is None
    return next((name for name, holds in reasons.items() if holds), "asked" if maybe_asked else "")


def _on_change(agent: str, trigger: str, event: MergeRequestChanged) -> JobRequest:
    """Opening, reopening and pushing at one head are one run; readiness and requests are their own."""
    asked = trigger == "asked"
    own = {"became_ready": ":ready", "asked": f":asked:{event.at}", "retargeted": f":target:{event.at}"}.get(
        trigger, ""
    )
    return JobRequest(
        agent=agent,
        project=event.project.path,
        project_id=event.project.id,
        iid=event.iid,
        trigger=trigger,
        key=f"{agent}:{event.project.id}:{event.iid}:{event.head}{own}",
        head=event.head,
        person=event.actor.id if asked else None,
        reviewers=event.asked if asked else (),
    )


def _note(event: NoteWritten, policy: Routing) -> list[JobRequest] | Ignored:
    if policy.is_bot(event.author):
        return Ignored(reason=OWN)
    if event.iid is None:
        return Ignored(reason=NOT_HERE)
    if event.edited:
        return Ignored(reason=EDITED)
    command = parse_command(event.body, policy.bot_name)
    if command is None:
        return Ignored(reason=NO_COMMAND)
    if isinstance(command, UnknownCommand):
        return Ignored(reason=UNKNOWN_COMMAND)
    if command.name not in COMMANDS:
        return Ignored(reason=NO_AGENT.format(name=command.name))
    return [_on_command(COMMANDS[command.name], event, event.iid)]


def _on_command(agent: str, event: NoteWritten, iid: int) -> JobRequest:
    return JobRequest(
        agent=agent,
        project=event.project.path,
        project_id=event.project.id,
        iid=iid,
        trigger="command",
        key=f"{agent}:{event.project.id}:{iid}:note:{event.note}",
        head=event.head,
        person=event.author.id,
    )


ROUTES: Final[dict[type, Callable[[Any, Routing], list[JobRequest] | Ignored]]] = {
    MergeRequestChanged: _change,
    NoteWritten: _note,
}


@lru_cache(maxsize=1000)
def _glob(pattern: str) -> re.Pattern[str]:
    parts = _GLOB_PARTS.split(pattern.strip().strip("/"))
    return re.compile("".join(_GLOB.get(part) or re.escape(part) for part in parts), re.IGNORECASE | re.ASCII)
