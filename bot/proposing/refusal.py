"""Who commands and may not is told so once on a merge request; each further time by a reaction alone."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from bot.agents.spec import AgentResult, AgentSpec
from bot.domain.actions import Action, Proposal, React, Reply
from bot.domain.change import MergeRequest
from bot.domain.powers import MAY
from bot.domain.reactions import NOT_ALLOWED, OUTCOME
from bot.errors import NotAllowed, Stopped
from bot.policy import Ground
from bot.proposing.means import Means
from bot.proposing.members import is_persons
from bot.proposing.proposal import proposal
from bot.proposing.review import bound_to
from bot.proposing.said import Said, read_said
from bot.routing import ASK, COMMAND, JobRequest

REFUSED: Final = "refused:{person}"
"""The key of the one refusal to a person, by their id."""
SENTENCE: Final = "Only members with Developer access or more may command Trivet here."
GONE = "the note that commands is gone"

Proposer = Callable[[JobRequest, str, Means], Proposal]


@dataclass(frozen=True)
class Refusal:
    """The note of who may not command, with its thread and its author. `was_told`: they have been told before.

    `internal`: the note is, and so is what is said to it.
    """

    note: int
    thread: str
    person: int
    was_told: bool
    internal: bool = False


def refused(context: Refusal) -> AgentResult:
    """A reaction on the note, and the first time a sentence in its thread."""
    actions: list[Action] = [React(key=OUTCOME, emoji=NOT_ALLOWED, note=context.note)]
    if not context.was_told:
        key = REFUSED.format(person=context.person)
        actions.append(Reply(key=key, thread=context.thread, body=SENTENCE, internal=context.internal))
    return AgentResult(actions=tuple(actions))


SPEC: Final[AgentSpec[Refusal]] = AgentSpec(name=ASK, may=MAY[ASK], run=refused)
"""Whichever agent was asked for, it is the one that talks with people who answers."""


def or_refusal(propose: Proposer, request: JobRequest, run: str, means: Means) -> Proposal:
    """What `propose` makes of the request. Raises NotAllowed, too, where nobody commands in a note."""
    try:
        return propose(request, run, means)
    except NotAllowed:
        if not request.note or request.trigger != COMMAND:
            raise
        return _proposed(request, run, means)


def _proposed(request: JobRequest, run: str, means: Means) -> Proposal:
    """Raises Stopped where the note that commands is gone, PlatformError."""
    started = time.monotonic()
    merge_request = means.reader.merge_request(request.target)
    means.checkpoint(merge_request)
    context = _refusal(request, merge_request, means)
    means.checkpoint(merge_request)
    talking = replace(means, agent=SPEC, model=None)
    return proposal(request, run, talking, bound_to(merge_request), refused(context), Ground(SPEC), started)


def _refusal(request: JobRequest, merge_request: MergeRequest, means: Means) -> Refusal:
    said = read_said(merge_request, means)
    note = next((one for one in said.notes if one.id == request.note), None)
    if note is None:
        raise Stopped(GONE)
    is_persons(note, means)
    was_told = _was_told(note.author_id, said)
    return Refusal(note.id, note.discussion, note.author_id, was_told, note.internal)


def _was_told(person: int, said: Said) -> bool:
    key = REFUSED.format(person=person)
    return any(mark.kind == "reply" and mark.signed and mark.key == key for mark in said.marks(ASK))
