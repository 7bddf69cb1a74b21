"""People (docs.gitlab.com/api/users), as whoever is no administrator sees them."""

from typing import Any

from bot.sandbox import entities
from bot.sandbox.api.call import Answer, Call
from bot.sandbox.model import User

Json = dict[str, Any]


def list_users(call: Call) -> Answer:
    """`username` is exact in any case; `search` is a part of a name, or a whole public e-mail address."""
    username, search = call.text("username"), call.text("search")
    only_active, only_humans = call.flag("active"), call.flag("humans")
    found = [
        one
        for one in call.state.users
        if not username or one.username.lower() == username.lower()
        if not search or _is_found(one, search.lower())
        if not only_active or one.state == "active"
        if not only_humans or not one.bot
    ]
    return call.page(found[::-1], lambda one: entities.user(call.state, one))


def user(call: Call) -> Json:
    number = call.part("user")
    one = call.found((one for one in call.state.users if one.id == number), "User")
    return entities.user(call.state, one) | {"bot": one.bot, "created_at": None, "bio": ""}


def _is_found(one: User, search: str) -> bool:
    return search in one.username.lower() or search in one.name.lower() or search == one.public_email.lower()
