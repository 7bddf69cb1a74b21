"""Groups (docs.gitlab.com/api/groups): who is in them, and the projects below."""

from typing import Any

from bot.sandbox import entities
from bot.sandbox.api.call import Answer, Call
from bot.sandbox.api.projects import fits_archived
from bot.sandbox.model import Access, Group, State
from bot.sandbox.refusals import not_found

Json = dict[str, Any]


def group(call: Call) -> Json:
    return entities.group(call.state, call.group)


def list_projects(call: Call) -> Answer:
    """Of the group itself, with `include_subgroups` of those below it, too."""
    deep, path = call.flag("include_subgroups"), call.group.path
    found = [
        one
        for one in call.state.below(call.group)
        if (deep or one.namespace == path) and one.access(call.user) and fits_archived(call, one)
    ]
    return call.page(found[::-1], lambda one: entities.project(call.state, one, call.user))


def member(call: Call) -> Json:
    """404 for who is no member, inherited or not."""
    number = call.part("user")
    level_there, person = level(call.state, call.group, number), call.state.user_by_id(number)
    if not level_there or person is None:
        raise not_found()
    return entities.member(call.state, person, level_there)


def level(state: State, of: Group, user: int) -> int:
    """Of a member of this group, or of one above it."""
    above = [one for one in state.groups if f"{of.path}/".startswith(f"{one.path}/")]
    return max((one.members.get(user, Access.NONE) for one in above), default=Access.NONE)
