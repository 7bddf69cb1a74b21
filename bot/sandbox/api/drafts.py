"""Draft notes (docs.gitlab.com/api/draft_notes): everybody sees and publishes only their own."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bot.sandbox import entities, reviews
from bot.sandbox.api.call import NO_CONTENT, Answer, Call
from bot.sandbox.model import Draft
from bot.sandbox.refusals import Invalid, bad_parameter, bad_request

Json = dict[str, Any]

FAILED = Answer({"message": "500 Internal Server Error"}, status=500)


def list_drafts(call: Call) -> Answer:
    return call.page(_own(call), lambda one: entities.draft(call.request, one))


def draft(call: Call) -> Json:
    return entities.draft(call.request, _draft(call))


def create(call: Call) -> Json:
    one = Draft(
        call.state.next_id("draft"),
        call.user,
        call.needed("note"),
        _position(call),
        call.text("in_reply_to_discussion_id"),
        call.flag("resolve_discussion"),
        call.text("commit_id"),
    )
    with _as_draft_errors():
        reviews.keep_draft(call.state, call.request, one)
    return entities.draft(call.request, one)


def update(call: Call) -> Json:
    """GitLab writes both fields: a position that is not sent again is lost (lib/api/draft_notes.rb)."""
    one, text = _draft(call), call.text("note")
    if not text:
        raise bad_request("Missing params to modify")
    with _as_draft_errors():
        reviews.change_draft(call.state, call.request, one, text, _position(call))
    return entities.draft(call.request, one)


def delete(call: Call) -> Answer:
    call.request.drafts.remove(_draft(call))
    call.state.touch()
    return NO_CONTENT


def publish(call: Call) -> Answer:
    try:
        reviews.publish(call.state, call.request, _draft(call))
    except Invalid:
        return FAILED
    return NO_CONTENT


def bulk_publish(call: Call) -> Answer:
    """Since 19.2 the body may bring the review's summary and verdict; older instances do not look at it."""
    if not call.state.at_least(19, 2):
        published = reviews.bulk_publish(call.state, call.request, call.user)
        return NO_CONTENT if published else FAILED
    published = reviews.bulk_publish(
        call.state,
        call.request,
        call.user,
        call.text("note"),
        call.text("reviewer_state"),
        call.flag("internal"),
    )
    return NO_CONTENT if published else FAILED


def _own(call: Call) -> list[Draft]:
    return [one for one in call.request.drafts if one.author is call.user]


def _draft(call: Call) -> Draft:
    number = call.part("draft")
    return call.found(one for one in _own(call) if one.id == number)


def _position(call: Call) -> Json | None:
    position = call.fields.get("position")
    if position is not None and not isinstance(position, dict):
        raise bad_parameter("position is invalid")
    return position


@contextmanager
def _as_draft_errors() -> Iterator[None]:
    try:
        yield
    except Invalid as error:
        raise error.as_draft() from None
