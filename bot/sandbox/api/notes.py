"""Discussions, notes and reactions of a merge request."""

from typing import Any

from bot.sandbox import changes, entities, reviews
from bot.sandbox.api.call import NO_CONTENT, Answer, Call
from bot.sandbox.model import Access, Award, Discussion, Note
from bot.sandbox.refusals import Invalid, bad_parameter, bad_request, forbidden, not_found, unauthorized
from bot.sandbox.reviews import CommandsOnly

Json = dict[str, Any]


def list_discussions(call: Call) -> Answer:
    request = call.request
    readable = [one for one in request.discussions if _may_read(call, one.notes[0])]
    return call.page(readable, lambda one: entities.discussion(call.state, request, one))


def discussion(call: Call) -> Json:
    return entities.discussion(call.state, call.request, _discussion(call))


def create_discussion(call: Call) -> Any:
    body, request = call.needed("body"), call.request
    try:
        written = reviews.write(
            call.state, request, call.user, body, threaded=True, position=call.fields.get("position")
        )
    except Invalid as error:
        raise error.as_note() from None
    if isinstance(written, CommandsOnly):
        return Answer(written.as_json(), status=202)
    return entities.discussion(call.state, request, request.discussion_of(written))


def reply(call: Call) -> Any:
    body, thread = call.needed("body"), _discussion(call)
    if thread.notes[0].system:
        raise bad_request("Discussion can not be replied to.")
    try:
        written = reviews.write(call.state, call.request, call.user, body, discussion=thread)
    except Invalid as error:
        raise error.as_note() from None
    return _written(call, written)


def resolve(call: Call) -> Json:
    """Developers and the author of the merge request may; nobody where nothing can be resolved."""
    thread, on = _discussion(call), _resolved(call)
    if thread.resolved is None or not changes.may(call.request, call.user):
        raise forbidden()
    if on:
        reviews.resolve(call.state, call.request, thread, call.user)
    else:
        reviews.open_again(call.state, thread)
    return entities.discussion(call.state, call.request, thread)


def change_reply(call: Call) -> Any:
    """Text or `resolved`, exactly one of them."""
    if ("body" in call.fields) == ("resolved" in call.fields):
        raise bad_parameter("body, resolved are missing, exactly one parameter must be provided")
    if "body" in call.fields:
        return edit_note(call)
    if not changes.may(call.request, call.user):
        raise forbidden()
    if not call.note.resolvable:
        raise bad_request("Note is not resolvable")
    one = call.note
    if _resolved(call):
        one.resolve(call.user)
    else:
        one.unresolve()
    call.state.touch()
    return entities.note(call.state, call.request, one)


def list_notes(call: Call) -> Answer:
    """Newest first unless `sort` says otherwise."""
    request = call.request
    order = call.one_of("order_by", ("created_at", "updated_at"), "created_at")
    newest_first = call.one_of("sort", ("asc", "desc"), "desc") == "desc"
    readable = (note for note in request.notes() if _may_read(call, note))
    notes = sorted(readable, key=lambda note: (getattr(note, order), note.id), reverse=newest_first)
    return call.page(notes, lambda note: entities.note(call.state, request, note))


def note(call: Call) -> Json:
    if not _may_read(call, call.note):
        raise not_found("Note")
    return entities.note(call.state, call.request, call.note)


def create_note(call: Call) -> Any:
    body, internal = call.needed("body"), call.flag("internal")
    if internal and call.project.access(call.user) < Access.REPORTER:
        raise forbidden()
    try:
        return _written(call, reviews.write(call.state, call.request, call.user, body, internal=internal))
    except Invalid as error:
        raise error.as_note() from None


def edit_note(call: Call) -> Any:
    if (body := call.needed("body")) == "":
        raise bad_parameter("body is empty")
    _check_own(call)
    try:
        return _written(call, reviews.edit(call.state, call.request, call.note, body), 200)
    except Invalid as error:
        raise error.as_note() from None


def delete_note(call: Call) -> Answer:
    _check_own(call)
    reviews.delete(call.state, call.request, call.note)
    return NO_CONTENT


def list_awards(call: Call) -> Answer:
    on = call.note.id if "note" in call.parts else None
    given = [award for award in call.request.awards if award.note == on]
    return call.page(given, lambda award: entities.award(call.state, call.request, award))


def give_award(call: Call) -> Json:
    name, on = call.needed("name"), call.note if "note" in call.parts else None
    given = changes.award(call.state, call.request, call.user, name, on)
    return entities.award(call.state, call.request, given)


def take_award(call: Call) -> Answer:
    award = _award(call)
    if award.user is not call.user:
        raise unauthorized()
    changes.revoke(call.state, call.request, award)
    return NO_CONTENT


def _written(call: Call, written: Note | CommandsOnly, status: int | None = None) -> Any:
    if isinstance(written, CommandsOnly):
        return Answer(written.as_json(), status=202)
    return Answer(entities.note(call.state, call.request, written), status=status)


def _discussion(call: Call) -> Discussion:
    found = call.request.discussion(call.parts["discussion"])
    if found is None or not _may_read(call, found.notes[0]):
        raise not_found("Discussion")
    return found


def _may_read(call: Call, one: Note) -> bool:
    """Internal notes are for members with Reporter access or more."""
    return not one.internal or call.user.admin or call.project.level(call.user.id) >= Access.REPORTER


def _award(call: Call) -> Award:
    on, number = (call.note.id if "note" in call.parts else None), call.part("award")
    return call.found(award for award in call.request.awards if (award.id, award.note) == (number, on))


def _resolved(call: Call) -> bool:
    if "resolved" not in call.fields:
        raise bad_parameter("resolved is missing")
    return call.flag("resolved")


def _check_own(call: Call) -> None:
    """One's own notes, or any as a Maintainer; GitLab's own nobody's."""
    if call.note.system:
        raise forbidden()
    if call.note.author is not call.user and call.project.access(call.user) < Access.MAINTAINER:
        raise forbidden()
