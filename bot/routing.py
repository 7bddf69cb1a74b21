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

from bot.domain.bots import is_bot_name
from bot.domain.change import Target
from bot.domain.commands import Command, parse_command
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
    PageChanged,
    Person,
    PipelineChanged,
    TagPushed,
    VersionReleased,
)
from bot.domain.issue_commands import NamedBy, is_addressed
from bot.domain.issues import CATEGORY_WORDS
from bot.domain.rules import JiraRule, On, Rules
from bot.domain.versions import version_of

RETARGETED: Final = "retargeted"
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
    "pages": ("merged", "closed", "opened", "reopened", "pushed", "became_ready", "retargeted"),
}
"""The changes of a merge request that start an agent, the most explicit first."""
COMMANDS: Final[dict[str, str]] = {"review": "review", "accept": "pages"}
"""The agents that commands in notes start, by name; all others, and what is no command, ASK answers."""
ASK: Final = "ask"
COMMAND: Final = "command"
REPLY: Final = "reply"
FULL: Final = "full"
OVER: Final = ("merged", "closed")
NEXT: Final = "next"
"""The version that what is not released yet goes by."""
THUMBS: Final = "thumbsup"
DELETED: Final = re.compile(r"0+")
EXPLICIT: Final = frozenset({"command", "asked", "shell", "reply"})
"""Triggers that are a person's wish: what was done already is done again."""

NOT_SERVED = "the project {path} is not served: TRIVET_GITLAB__PROJECTS does not name it"
OWN = "the bot did this itself"
OTHER_BOTS = "other bots are not answered"
ENDED = "nothing is run when a merge request is merged or closed"
NOT_ASKED = "someone else was asked to review"
NO_TRIGGER = "no agent is started by this change of a merge request"
NOT_HERE = "commands are read in notes on merge requests only"
EDITED = "commands are read when a note is written, not when it is edited"
NO_COMMAND = "the note holds no command"
NO_AGENT = "no agent is started by the command {name}"
QUIET: Final[dict[type, str]] = {
    BranchPushed: "no agent is started by pushes to a branch: merge requests tell of theirs",
    PipelineChanged: "no agent is started by pipelines",
}
NO_RULES = "the Jira project {project} is in no rule of TRIVET_RULES"
NO_RULE = "no rule of TRIVET_RULES is started by this change of {issue}"
NO_COMMANDERS = "no rule of TRIVET_RULES lets anybody command in {project}"
NOT_ADDRESSED = "the comment does not speak to the bot"
NO_PAGES = "no Confluence is connected, so nothing is started by this"
NO_THUMBS = "of reactions only a thumbs-up on a note of a merge request starts anything"
TAG_GONE = "nothing is run when a tag is deleted"
NO_VERSION = "the tag {tag} is not named like a version"
NO_SPACES = "no rule of TRIVET_RULES names a space"
NO_SPACE = "the space {space} is in no rule of TRIVET_RULES"
PAGE_GONE = "nothing is run when a page is taken away"
SOME_PROJECT = "this project"
RELEASE = "release notes {version} of {project}"
PAGE = "page {page}"

_GLOB: Final[dict[str, str]] = {"**/": "(?:[^/]+/)*", "**": ".+", "*": "[^/]*"}
_GLOB_PARTS = re.compile(r"(\*\*/|\*\*|\*)")


class JobRequest(BaseModel):
    """One run to make: which agent, on what, why. Requests with equal `key` are one run.

    `person` is the id of who asked for it, for the check of their role; None when nobody did. `reviewers` are
    ids that were asked to review: the run goes on only if the bot is one of them, or if there are none.
    `issue` is a Jira issue's key (or number), then no merge request is named, and `project` is that of the pipeline
    which asks, "" where none does; `comment` the id of the comment that asks; `to` the status it was moved to, "" when
    not told. `release` is the version whose release notes are written, "next" for what is not released, of `project`,
    or of the Jira project with the number `tracked`. `page` is the id of a page that has changed. `note` is the id of
    the note in which `person` asks, or which they gave a thumbs-up, `thread` its discussion, "" when not told. `full`:
    what was reviewed before is reviewed again. `text`: the question of a shell, which no note asks. `repeats`: an equal
    request is a new run once this one is over, as nothing tells the two apart.
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
    release: str = ""
    tracked: str = ""
    page: str = ""
    note: int = 0
    thread: str = ""
    full: bool = False
    text: str = ""
    repeats: bool = False

    @property
    def target_key(self) -> str:
        """Stable name for records of what the run is about; all release notes of a project are one target."""
        if self.issue:
            return f"jira:{self.issue}"
        if self.page:
            return f"page:{self.page}"
        if self.release:
            return f"notes:{self.project_id or self.project or self.tracked}"
        return self.target.key

    @property
    def target(self) -> Target:
        """The merge request. Of no meaning for a run on an issue."""
        return Target(self.project, self.iid, self.project_id)

    @property
    def about(self) -> str:
        """The target, for a person."""
        if self.release:
            return RELEASE.format(version=self.release, project=self.project or self.tracked)
        return self.issue or (PAGE.format(page=self.page) if self.page else str(self.target))


@dataclass(frozen=True, slots=True)
class Routing:
    """The operator's policy. `bot_id` and `bot_name` are None until the workers have learnt who the bot is.

    `projects`: full paths or globs, in any case; `*` stays within one path segment, `**` crosses them. `tracker`: who
    the bot is in Jira, `wiki` the id of its account in Confluence, None until known. `agents`: those that this
    installation has the platforms for.
    """

    projects: tuple[str, ...] = ()
    bot_id: int | None = None
    bot_name: str | None = None
    agents: frozenset[str] = frozenset({"review", ASK})
    rules: Rules = field(default_factory=Rules)
    tracker: NamedBy | None = None
    wiki: str | None = None

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
        if agent in policy.agents and (agent != "review" or not policy.is_bot(event.actor))
        if (trigger := next((one for one in triggers if one in reasons), ""))
    ]
    started += [_noted(event)] if event.action == "merged" and "pages" in policy.agents else []
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
    own = f":{trigger}:{event.at}" if agent != "review" else own
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


def _noted(event: MergeRequestChanged) -> JobRequest:
    """What is merged goes into the notes of the next release."""
    return JobRequest(
        agent="pages",
        project=event.project.path,
        project_id=event.project.id,
        iid=event.iid,
        release=NEXT,
        trigger="merged",
        key=f"pages:{event.project.id}:notes:{event.iid}:{event.head}",
        head=event.head,
    )


def _emoji(event: EmojiAwarded, policy: Routing) -> list[JobRequest] | Ignored:
    """A thumbs-up on a proposal of ours, perhaps: whose note it is on is looked up."""
    if policy.is_bot(event.actor):
        return Ignored(reason=OWN)
    if event.name != THUMBS or event.revoked or event.iid is None or event.note is None:
        return Ignored(reason=NO_THUMBS)
    if "pages" not in policy.agents:
        return Ignored(reason=NO_PAGES)
    return [
        JobRequest(
            agent="pages",
            project=event.project.path,
            project_id=event.project.id,
            iid=event.iid,
            trigger=THUMBS,
            key=f"pages:{event.project.id}:{event.iid}:thumbs:{event.note}:{event.actor.id}",
            person=event.actor.id,
            note=event.note,
            repeats=True,
        )
    ]


def _tag(event: TagPushed, policy: Routing) -> list[JobRequest] | Ignored:
    if "pages" not in policy.agents:
        return Ignored(reason=NO_PAGES)
    if DELETED.fullmatch(event.after):
        return Ignored(reason=TAG_GONE)
    if version_of(event.tag) is None:
        return Ignored(reason=NO_VERSION.format(tag=event.tag))
    return [of_release(event.project.path, event.project.id, event.tag, "tag", event.after)]


def of_release(project: str, project_id: int, version: str, trigger: str, which: str = "") -> JobRequest:
    """The run that writes the notes of a release. `which`: the commit of its tag, which may be moved; "" not known."""
    key = f"pages:{project_id or project}:release:{version}:{which}"
    return JobRequest(
        agent="pages",
        project=project,
        project_id=project_id,
        release=version,
        trigger=trigger,
        key=key,
        head=which,
        repeats=not which,
    )


def _note(event: NoteWritten, policy: Routing) -> list[JobRequest] | Ignored:
    if policy.is_bot(event.author):
        return Ignored(reason=OWN)
    if event.iid is None:
        return Ignored(reason=NOT_HERE)
    if event.edited:
        return Ignored(reason=EDITED)
    if is_bot_name(event.author.username):
        return Ignored(reason=OTHER_BOTS)
    command = parse_command(event.body, policy.bot_name)
    if command is None:
        return _on_reply(event, event.iid, policy)
    name, args = (command.name, command.args) if isinstance(command, Command) else (command.word, ())
    agent = COMMANDS.get(name, ASK) if isinstance(command, Command) else ASK
    if agent not in policy.agents:
        return Ignored(reason=NO_AGENT.format(name=name))
    asked = _on_note(agent, COMMAND, event, event.iid)
    return [asked.model_copy(update={"full": agent == "review" and FULL in args})]


def _on_reply(event: NoteWritten, iid: int, policy: Routing) -> list[JobRequest] | Ignored:
    """Whose thread it is, and whether it answers in one, is looked up."""
    if not event.threaded or ASK not in policy.agents:
        return Ignored(reason=NO_COMMAND)
    return [_on_note(ASK, REPLY, event, iid)]


def _on_note(agent: str, trigger: str, event: NoteWritten, iid: int) -> JobRequest:
    return JobRequest(
        agent=agent,
        project=event.project.path,
        project_id=event.project.id,
        iid=iid,
        trigger=trigger,
        key=f"{agent}:{event.project.id}:{iid}:note:{event.note}",
        head=event.head,
        person=event.author.id,
        note=event.note,
        thread=event.discussion,
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


def _version(event: VersionReleased, policy: Routing) -> list[JobRequest] | Ignored:
    """Which projects it is of is looked up: the event has a number."""
    if "pages" not in policy.agents:
        return Ignored(reason=NO_PAGES)
    if not policy.rules.spaces:
        return Ignored(reason=NO_SPACES)
    return [
        JobRequest(
            agent="pages",
            tracked=event.project,
            release=event.name,
            trigger="version",
            key=f"pages:jira:{event.project}:version:{event.version}:{event.name}",
            repeats=True,
        )
    ]


# --- Confluence ---


def _page(event: PageChanged, policy: Routing) -> list[JobRequest] | Ignored:
    """One version of a page is one run, however it was told of; without a version the time tells.

    Moves and restrictions make no version.
    """
    if policy.wiki and event.actor == policy.wiki:
        return Ignored(reason=OWN)
    if event.action == "removed":
        return Ignored(reason=PAGE_GONE)
    if not policy.rules.spaces or "pages" not in policy.agents:
        return Ignored(reason=NO_SPACES)
    if event.space and not policy.rules.code_of_space(event.space):
        return Ignored(reason=NO_SPACE.format(space=event.space))
    is_edit = event.action in ("created", "updated")
    which = event.version if is_edit and event.version else event.at
    key = f"pages:page:{event.page}:{'' if is_edit else f'{event.action}:'}{which}"
    return [JobRequest(agent="pages", page=event.page, trigger="page", key=key, repeats=not which)]


ROUTES: Final[dict[type, Callable[[Any, Routing], list[JobRequest] | Ignored]]] = {
    MergeRequestChanged: _change,
    NoteWritten: _note,
    IssueChanged: _issue,
    IssueCommented: _comment,
    VersionReleased: _version,
    EmojiAwarded: _emoji,
    TagPushed: _tag,
    PageChanged: _page,
}


@lru_cache(maxsize=1000)
def _glob(pattern: str) -> re.Pattern[str]:
    parts = _GLOB_PARTS.split(pattern.strip().strip("/"))
    return re.compile("".join(_GLOB.get(part) or re.escape(part) for part in parts), re.IGNORECASE | re.ASCII)
