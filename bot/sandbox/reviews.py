"""Notes, threads and drafts: writing, editing, publishing, resolving, and what each does to others.

Callers hold the state's lock.
"""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, cast

from bot.sandbox import changes, commands, payloads, positions, quick_actions, webhooks
from bot.sandbox.model import Discussion, Draft, MergeRequest, Note, ReviewerState, State, User
from bot.sandbox.quick_actions import Command
from bot.sandbox.refusals import Invalid, bad_parameter, not_found
from bot.sandbox.witness import effects

Json = dict[str, Any]

LONGEST = 1_000_000
SETTLED = "resolved all threads"
REVIEWER_STATES = ("reviewed", "requested_changes")


@dataclass(frozen=True, slots=True)
class CommandsOnly:
    """A note that held nothing but quick actions: they ran, no note was kept."""

    commands: list[Command]

    def as_json(self) -> Json:
        """GitLab's body for it (Entities::NoteCommands)."""
        summary = [f"Ran /{command.name}." for command in self.commands]
        return {
            "commands_changes": {one.name: one.argument or True for one in self.commands},
            "summary": summary,
        }


def write(
    state: State,
    request: MergeRequest,
    author: User,
    body: str,
    *,
    threaded: bool = False,
    position: object = None,
    internal: bool = False,
    discussion: Discussion | None = None,
) -> Note | CommandsOnly:
    """A new note: alone, as the first of a thread, or as a reply in `discussion`. One notification.

    Raises Invalid for what its validation refuses, Refusal for a position with parameters missing.
    """
    draft = Draft(0, author, body, _mapping(position), discussion.id if discussion else None)
    written = _create(state, request, draft, threaded=threaded or position is not None, internal=internal)
    if isinstance(written, Note):
        notify(state, request, author, "note", [written.id])
    return written


def edit(state: State, request: MergeRequest, note: Note, body: str) -> Note | CommandsOnly:
    """Changes a note's text; nobody is notified. Quick actions in the new text run too.

    The same text is no change, and no webhook tells of it (app/services/notes/update_service.rb).
    """
    text, found = _without_commands(body)
    if not text:
        _remove(request, note)
        commands.perform(state, request, note.author, found, None)
        return CommandsOnly(found)
    is_changed = text != note.body
    if is_changed:
        note.body, note.updated_at = text, datetime.now(UTC)
        _witness(state, request, note)
    commands.perform(state, request, note.author, found, note.id)
    if is_changed:
        _fire(state, request, note, "update")
    return note


def delete(state: State, request: MergeRequest, note: Note) -> None:
    _remove(request, note)
    request.awards = [award for award in request.awards if award.note != note.id]
    state.touch()


def resolve(state: State, request: MergeRequest, discussion: Discussion, by: User) -> None:
    discussion.resolve(by)
    tell_when_settled(state, request, by)
    state.touch()


def open_again(state: State, discussion: Discussion) -> None:
    discussion.unresolve()
    state.touch()


def tell_when_settled(state: State, request: MergeRequest, by: User) -> None:
    """GitLab says, and notifies, that all threads are resolved whenever it looks and they are.

    It looks when a thread is resolved and when drafts are published, whatever they were
    (app/services/merge_requests/resolved_discussion_notification_service.rb).
    """
    if not request.is_settled:
        return
    now = datetime.now(UTC)
    told = Note(state.next_id("note"), by, SETTLED, now, now, system=True)
    request.discussions.append(Discussion(secrets.token_hex(20), [told]))
    notify(state, request, by, "all_resolved", [told.id])


def keep_draft(state: State, request: MergeRequest, one: Draft) -> None:
    """Raises Invalid for a bad text, thread or position (an instance lax about drafts keeps a bad position)."""
    _check_reply(request, one)
    change_draft(state, request, one, one.note, one.position)
    request.drafts.append(one)
    state.touch()


def change_draft(state: State, request: MergeRequest, one: Draft, text: str, position: Json | None) -> None:
    """Sets text and position, or neither. Raises as `keep_draft`."""
    _check_text(text)
    one.line_code = _line_code(state, request, position)
    one.note, one.position = text, position
    state.touch()


def publish(state: State, request: MergeRequest, one: Draft) -> None:
    """Publishes one draft: a note and a notification of its own. Raises Invalid."""
    written = _published(state, request, one)
    if isinstance(written, Note):
        notify(state, request, one.author, "note", [written.id])
    tell_when_settled(state, request, one.author)


def bulk_publish(
    state: State,
    request: MergeRequest,
    author: User,
    summary: str | None = None,
    reviewer_state: str | None = None,
    internal: bool = False,
) -> bool:
    """Publishes all drafts of a person as one review: one notification. False where a draft could not be published.

    A draft that cannot be published stays; the others are out.
    """
    if reviewer_state is not None and reviewer_state not in REVIEWER_STATES:
        raise bad_parameter("reviewer_state does not have a valid value")
    waiting = [one for one in request.drafts if one.author is author]
    written = [_publish_part(state, request, one) for one in waiting]
    if summary:
        written.append(_create(state, request, Draft(0, author, summary), threaded=False, internal=internal))
    notes = [one.id for one in written if isinstance(one, Note)]
    if notes:
        notify(state, request, author, "review", notes)
    if waiting:
        tell_when_settled(state, request, author)
    _reviewed(request, author, reviewer_state)
    state.touch()
    return not any(one in request.drafts for one in waiting)


def notify(state: State, request: MergeRequest, author: User, kind: str, notes: list[int]) -> None:
    """One message to everybody who follows the merge request."""
    told = {
        "kind": kind,
        "user": author.username,
        "project": request.project.path,
        "merge_request": request.iid,
    }
    state.seen.notifications.append(told | {"notes": notes})
    state.touch()


def _publish_part(state: State, request: MergeRequest, one: Draft) -> Note | CommandsOnly | None:
    try:
        return _published(state, request, one)
    except Invalid:
        return None


def _published(state: State, request: MergeRequest, one: Draft) -> Note | CommandsOnly:
    """A reply that does not resolve its thread opens it again (app/services/draft_notes/publish_service.rb)."""
    written = _create(state, request, one, threaded=one.position is not None)
    request.drafts.remove(one)
    thread = request.discussion(one.discussion) if one.discussion else None
    if thread and one.resolve and changes.may(request, one.author):
        thread.resolve(one.author)
    elif thread:
        thread.unresolve()
    return written


def _check_reply(request: MergeRequest, one: Draft) -> None:
    """Raises Invalid as DraftNotes::CreateService does."""
    thread = request.discussion(one.discussion) if one.discussion else None
    if one.discussion and thread is None:
        raise Invalid({"base": ["Thread to reply to cannot be found"]})
    if thread and thread.notes[0].system:
        raise Invalid({"base": ["Replies to system notes are not allowed"]})
    may_resolve = thread and thread.resolved is not None and changes.may(request, one.author)
    if one.resolve and not may_resolve:
        raise Invalid({"base": ["User is not allowed to resolve thread"]})


def _create(
    state: State, request: MergeRequest, one: Draft, *, threaded: bool, internal: bool = False
) -> Note | CommandsOnly:
    line_code = positions.checked(one.position, request) if one.position is not None else None
    _check_text(one.note)
    text, found = _without_commands(one.note)
    if not text:
        commands.perform(state, request, one.author, found, None)
        return CommandsOnly(found)
    now = datetime.now(UTC)
    note = Note(state.next_id("note"), one.author, text, now, now, _type(one, threaded), internal=internal)
    note.position, note.original_position, note.line_code = one.position, one.position, line_code
    _file_under(request, note, one)
    _witness(state, request, note)
    commands.perform(state, request, one.author, found, note.id)
    request.updated_at = now
    _fire(state, request, note, "create")
    return note


def _type(one: Draft, threaded: bool) -> Literal["DiffNote", "DiscussionNote"] | None:
    if one.position is not None:
        return "DiffNote"
    return "DiscussionNote" if threaded or one.discussion else None


def _file_under(request: MergeRequest, note: Note, one: Draft) -> None:
    """A reply goes to the end of its thread (a lone note becomes one), anything else begins a discussion.

    It is resolved where the thread is, and internal where the thread is (app/services/notes/build_service.rb).
    """
    thread = request.discussion(one.discussion) if one.discussion else None
    if one.discussion and thread is None:
        raise not_found("Discussion")
    if thread is None:
        request.discussions.append(Discussion(secrets.token_hex(20), [note]))
        return
    first, was_resolved = thread.notes[0], thread.resolved
    first.type = first.type or "DiscussionNote"
    note.internal = first.internal
    if first.type == "DiffNote":
        note.type, note.position, note.line_code = "DiffNote", first.position, first.line_code
        note.original_position = first.original_position
    if was_resolved:
        note.resolve(one.author)
    thread.notes.append(note)


def _check_text(body: object) -> None:
    if not isinstance(body, str) or not body.strip():
        raise Invalid({"note": ["can't be blank"]})
    if len(body) > LONGEST:
        raise Invalid(
            {"note": [f"is too long ({len(body)} characters). The maximum size is {LONGEST} characters."]}
        )


def _without_commands(body: str) -> tuple[str, list[Command]]:
    _check_text(body)
    return quick_actions.extract(body)


def _line_code(state: State, request: MergeRequest, position: Json | None) -> str | None:
    if position is None:
        return None
    try:
        return positions.checked(position, request)
    except Invalid:
        if state.switches.lax_drafts:
            return None
        raise


def _mapping(position: object) -> Json | None:
    """What came as a position; that it is an object at all is checked with the rest."""
    if position is not None and not isinstance(position, dict):
        raise bad_parameter("position is invalid")
    return cast("Json | None", position)


def _reviewed(request: MergeRequest, author: User, reviewer_state: str | None) -> None:
    """Publishing marks a reviewer as having reviewed; a state given makes who is not the author one."""
    if author.id in request.reviewers or (reviewer_state and author is not request.author):
        request.reviewers[author.id] = cast("ReviewerState", reviewer_state or "reviewed")


def _remove(request: MergeRequest, note: Note) -> None:
    discussion = request.discussion_of(note)
    discussion.notes.remove(note)
    if not discussion.notes:
        request.discussions.remove(discussion)


def _witness(state: State, request: MergeRequest, note: Note) -> None:
    where = {
        "user": note.author.username,
        "note": note.id,
        "project": request.project.path,
        "merge_request": request.iid,
    }
    seen = effects(note.body, state.host)
    known = (
        {person.username for person in state.users}
        | {project.namespace for project in state.projects}
        | {"all"}
    )
    state.seen.mentions += [where | {"name": name, "exists": name in known} for name in seen.mentions]
    state.seen.references += [where | {"text": text} for text in seen.references]
    state.seen.external += [where | one for one in seen.external]


def _fire(state: State, request: MergeRequest, note: Note, action: str) -> None:
    event = "confidential_note_events" if note.internal else "note_events"
    webhooks.fire(state, request.project, event, payloads.note(state, request, note, action))
    state.touch()
