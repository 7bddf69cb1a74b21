"""What an event starts: pure decisions, as data. Event and policy in, job requests or a reason out.

Only what the event itself says is decided here. What needs the repository's configuration, a person's role or
a search is decided when the run begins.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from bot.domain.change import Target
from bot.domain.commands import UnknownCommand, parse_command
from bot.domain.events import (
    BranchPushed,
    EmojiAwarded,
    Event,
    GitLabEvent,
    Ignored,
    IssueChanged,
    IssueCommented,
    MergeRequestChanged,
    NoteWritten,
    Person,
    PipelineChanged,
    TagPushed,
    VersionReleased,
)
from bot.domain.issue_commands import NamedBy, is_addressed
from bot.domain.issues import CATEGORY_WORDS
from bot.domain.rules import JiraRule, On, Rules

TRIGGERS: Final[dict[str, tuple[str, ...]]] = {
    "review": ("asked", "became_ready", "opened", "reopened", "pushed", "retargeted"),
    "link": (
        "merged",
        "closed",
        "opened",
        "reopened",
        "pushed",
        "became_ready",
        "retargeted",
        "reworded",
    ),
}
"""The changes of a merge request that start an agent, the most explicit first."""
COMMANDS: Final[dict[str, str]] = {"review": "review"}
"""The agents that commands in notes start, by name."""
OVER: Final = ("merged", "closed")
EXPLICIT: Final = frozenset({"command", "asked", "shell"})
"""Triggers that are a person's wish: what was done already is done again."""

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
NO_RULES = "the Jira project {project} is in no rule of TRIVET_RULES"
NO_RULE = "no rule of TRIVET_RULES is started by this change of {issue}"
NO_COMMANDERS = "no rule of TRIVET_RULES lets anybody command in {project}"
NOT_ADDRESSED = "the comment does not speak to the bot"
NO_RELEASES = "no agent is started by released versions"
SOME_PROJECT = "this project"

_GLOB: Final[dict[str, str]] = {"**/": "(?:[^/]+/)*", "**": ".+", "*": "[^/]*"}
_GLOB_PARTS = re.compile(r"(\*\*/|\*\*|\*)")


class JobRequest(BaseModel):
    """One run to make: which agent, on which merge request or issue, why. Requests with equal `key` are one run.

    `person` is the id of who asked for it, for the check of their role; None when nobody did. `reviewers` are
    ids that were asked to review: the run goes on only if the bot is one of them, or if there are none.
    `issue` is a Jira issue's key (or number), then no merge request is named, and `project` is that of the pipeline
    which asks, "" where none does; `comment` the id of the comment that asks; `to` the status it was moved to, "" when
    not told. `repeats`: an equal request is a new run once this one is over, as nothing tells the two apart.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    agent: str
    project: str = ""
    project_id: int = 0
    iid: int = 0
    trigger: str
    key: str
    head: str = ""
    person: int | None = None
    reviewers: tuple[int, ...] = ()
    issue: str = ""
    comment: str = ""
    to: str = ""
    repeats: bool = False

    @property
    def target_key(self) -> str:
        """Stable name for records of what the run is about."""
        return f"jira:{self.issue}" if self.issue else self.target.key

    @property
    def target(self) -> Target:
        """The merge request. Of no meaning for a run on an issue."""
        return Target(self.project, self.iid, self.project_id)

    @property
    def about(self) -> str:
        """The target, for a person."""
        return self.issue or str(self.target)


@dataclass(frozen=True, slots=True)
class Routing:
    """The operator's policy. `bot_id` and `bot_name` are None until the workers have learnt who the bot is.

    `projects`: full paths or globs, in any case; `*` stays within one path segment, `**` crosses them. `tracker`: who
    the bot is in Jira, None until known. `agents`: those that this installation has the platforms for.
    """

    projects: tuple[str, ...] = ()
    bot_id: int | None = None
    bot_name: str | None = None
    agents: frozenset[str] = frozenset({"review"})
    rules: Rules = field(default_factory=Rules)
    tracker: NamedBy | None = None

    def serves(self, path: str) -> bool:
        return any(_glob(pattern).fullmatch(path) for pattern in self.projects)

    def is_bot(self, person: Person) -> bool:
        return person.id == self.bot_id or person.username == self.bot_name


def route(event: Event, policy: Routing) -> list[JobRequest] | Ignored:
    """The runs an event starts, or why it starts none."""
    if isinstance(event, GitLabEvent) and not policy.serves(event.project.path):
        return Ignored(reason=NOT_SERVED.format(path=event.project.path))
    if reason := QUIET.get(type(event)):
        return Ignored(reason=reason)
    return ROUTES[type(event)](event, policy)


def ends(event: Event) -> str | None:
    """The key of the target this event finishes, so that a run on it can stop; None for any other event."""
    if isinstance(event, MergeRequestChanged) and event.action in OVER:
        return Target(event.project.path, event.iid, event.project.id).key
    return None


# --- GitLab ---


def _change(event: MergeRequestChanged, policy: Routing) -> list[JobRequest] | Ignored:
    """What the bot did itself, as opening a draft, is linked and not reviewed."""
    reasons = _reasons(event, policy)
    started = [
        _on_change(agent, trigger, event)
        for agent, triggers in TRIGGERS.items()
        if agent in policy.agents and (agent == "link" or not policy.is_bot(event.actor))
        if (trigger := next((one for one in triggers if one in reasons), ""))
    ]
    return started or Ignored(reason=_unmoved(event, policy))


def _unmoved(event: MergeRequestChanged, policy: Routing) -> str:
    if ends(event):
        return ENDED
    if policy.is_bot(event.actor):
        return OWN
    return NOT_ASKED if event.asked else NO_TRIGGER


def _reasons(event: MergeRequestChanged, policy: Routing) -> set[str]:
    """Everything that an agent may be started by. One that is over starts nothing but what follows its end.

    While the bot does not know its own id, any request to review may be meant for it, where nothing else happened.
    """
    if event.action in OVER:
        return {event.action}
    reasons = {
        "asked": policy.bot_id in event.asked,
        "became_ready": event.became_ready,
        "opened": event.action == "opened",
        "reopened": event.action == "reopened",
        "pushed": event.pushed,
        "retargeted": event.retargeted,
        "reworded": event.reworded,
    }
    found = {name for name, holds in reasons.items() if holds}
    maybe_asked = bool(event.asked) and policy.bot_id is None and found <= {"reworded"}
    return found | {"asked"} if maybe_asked else found


def _on_change(agent: str, trigger: str, event: MergeRequestChanged) -> JobRequest:
    """Opening, reopening and pushing at one head are one review; readiness and requests are their own.

    What an issue is told depends on more than the head, so that each change is a run of the link agent's.
    """
    asked = trigger == "asked"
    own = {"became_ready": ":ready", "asked": f":asked:{event.at}", "retargeted": f":target:{event.at}"}.get(
        trigger, ""
    )
    own = f":{trigger}:{event.at}" if agent == "link" else own
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
    if COMMANDS.get(command.name) not in policy.agents:
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


# --- Jira: the issue is read again before anything is done, and the rules are tried once more then ---


def _issue(event: IssueChanged, policy: Routing) -> list[JobRequest] | Ignored:
    if policy.tracker and event.actor and policy.tracker.is_id(event.actor.id):
        return Ignored(reason=OWN)
    if not _has_rules(event.project, policy):
        return Ignored(reason=NO_RULES.format(project=event.project or SOME_PROJECT))
    if not any(_may_start(rule.on, event) for rule in _rules_of(event.project, policy.rules)):
        return Ignored(reason=NO_RULE.format(issue=event.issue))
    return [_on_issue(event)]


def _has_rules(project: str, policy: Routing) -> bool:
    return bool(_rules_of(project, policy.rules)) and "triage" in policy.agents


def _rules_of(project: str, rules: Rules) -> tuple[JiraRule, ...]:
    """Of a project that is not told, all: the issue's own is read later."""
    return rules.of(project) if project else rules.jira


def _may_start(on: On | None, event: IssueChanged) -> bool:
    """Whether the rule may be meant: of which category a status is, an event does not tell."""
    if on is None:
        return False
    if event.action == "created":
        return on.event == "created"
    if on.to is None or not (event.to or event.transitioned):
        return False
    wanted = on.to.strip().casefold()
    return event.to.strip().casefold() in ("", wanted) or any(
        wanted in words for words in CATEGORY_WORDS.values()
    )


def _on_issue(event: IssueChanged) -> JobRequest:
    """An issue is made once, and each entry of its history is one move; what neither tells apart may come again."""
    made = event.action == "created"
    which = event.change or str(event.at or "")
    told = ("created",) if made else ("transitioned", event.to, which)
    return JobRequest(
        agent="triage",
        issue=event.issue,
        trigger=told[0],
        to=event.to,
        key=":".join(filter(None, ("triage", event.number or event.issue, *told))),
        repeats=not made and not which,
    )


def _comment(event: IssueCommented, policy: Routing) -> list[JobRequest] | Ignored:
    """A sender may name a comment without its words: then they are read before they are judged."""
    if policy.tracker and event.author and policy.tracker.is_id(event.author.id):
        return Ignored(reason=OWN)
    if not _has_rules(event.project, policy):
        return Ignored(reason=NO_RULES.format(project=event.project or SOME_PROJECT))
    if not any(rule.commands for rule in _rules_of(event.project, policy.rules)):
        return Ignored(reason=NO_COMMANDERS.format(project=event.project or SOME_PROJECT))
    if event.body and not is_addressed(event.body, policy.tracker):
        return Ignored(reason=NOT_ADDRESSED)
    return [asked_on_issue(event.issue, event.comment)]


def asked_on_issue(issue: str, comment: str) -> JobRequest:
    """One comment is one run, however often and by whomever it is told of."""
    key = f"triage:comment:{comment}"
    return JobRequest(agent="triage", issue=issue, comment=comment, trigger="command", key=key)


def _version(event: VersionReleased, policy: Routing) -> Ignored:
    return Ignored(reason=NO_RELEASES)


ROUTES: Final[dict[type, Callable[[Any, Routing], list[JobRequest] | Ignored]]] = {
    MergeRequestChanged: _change,
    NoteWritten: _note,
    IssueChanged: _issue,
    IssueCommented: _comment,
    VersionReleased: _version,
}


@lru_cache(maxsize=1000)
def _glob(pattern: str) -> re.Pattern[str]:
    parts = _GLOB_PARTS.split(pattern.strip().strip("/"))
    return re.compile("".join(_GLOB.get(part) or re.escape(part) for part in parts), re.IGNORECASE | re.ASCII)
