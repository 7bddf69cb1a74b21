"""What members said yes to: a command in a note after a proposal of ours, or a thumbs-up on the proposal's note."""

from collections.abc import Callable
from functools import cache
from typing import Final

from bot.agents.spec import Shown
from bot.domain.change import MergeRequest
from bot.domain.commands import Command, parse_command
from bot.domain.notes import Note
from bot.domain.page_keys import note_about
from bot.errors import NotAllowed, Stopped
from bot.proposing.means import Means
from bot.proposing.members import NOT_ALLOWED, OWN, is_member
from bot.proposing.said import Own, Said
from bot.routing import THUMBS, JobRequest

ACCEPT: Final = "accept"
ASKED: Final = frozenset({"command", THUMBS})
"""The triggers by which a person says yes."""

NO_PROPOSAL = "the thumbs-up is on no note that proposes a text for a page"

About = tuple[str, str]
"""A page's id and a section's slug."""


def may_accept(request: JobRequest, merge_request: MergeRequest, means: Means) -> None:
    """Raises NotAllowed where the person who asks for the run is no member, Stopped where it is the bot."""
    if means.me and request.person == means.me.id:
        raise Stopped(OWN)
    if request.trigger not in ASKED or request.person is None:
        return
    if not is_member(request.person, merge_request, means):
        raise NotAllowed(NOT_ALLOWED)


def is_on_proposal(request: JobRequest, said: Said) -> None:
    """Raises Stopped where the run was started by a thumbs-up on any other note."""
    proposals = {own.note for own in own_notes(said) if own.section}
    if request.trigger == THUMBS and request.note not in proposals:
        raise Stopped(NO_PROPOSAL)


def own_notes(said: Said) -> list[Own]:
    """Our notes on sections, oldest first."""
    notes = (own for own in said.own if own.mark.agent == "pages" and note_about(own.mark.key))
    return sorted(notes, key=lambda own: own.note)


def shown_notes(request: MergeRequest, said: Said, means: Means) -> dict[About, list[Shown]]:
    """Our notes by the section that they are about, oldest first. Without one nobody's role is asked for."""
    every = own_notes(said)
    if not every:
        return {}
    is_member = _membership(request, means)
    commands = [note for note in said.people if _accepts(note, means) and is_member(note.author_id)]
    newest = max((note.id for note in commands), default=0)
    notes: dict[About, list[Shown]] = {}
    for own in every:
        is_accepted = _is_proposed_before(own, newest) or _has_thumb(own, request, is_member, means)
        about = note_about(own.mark.key) or ("", "")
        notes.setdefault(about, []).append(Shown(own.mark.key, own.section, is_accepted))
    return notes


def _membership(request: MergeRequest, means: Means) -> Callable[[int], bool]:
    member = cache(lambda person: is_member(person, request, means))
    return lambda person: (means.me is None or person != means.me.id) and member(person)


def _accepts(note: Note, means: Means) -> bool:
    command = parse_command(note.body, means.me.username if means.me else None)
    return isinstance(command, Command) and command.name == ACCEPT


def _is_proposed_before(own: Own, command: int) -> bool:
    """A text may come back into a note that is older than a yes to another text."""
    return own.section is not None and command > max(own.note, own.section.after)


def _has_thumb(own: Own, request: MergeRequest, is_member: Callable[[int], bool], means: Means) -> bool:
    if own.section is None:
        return False
    awards = means.reader.awards(request.target, own.note)
    return any(award.name == THUMBS and is_member(award.person) for award in awards)
