"""People: by account id on Cloud, by user name or key on Data Center."""

from bot.sandbox.jira import shapes
from bot.sandbox.jira.api.call import Call, not_signed_in
from bot.sandbox.jira.model import Json, Person
from bot.sandbox.jira.refusals import refused

NO_ACCOUNT_ID = "The 'accountId' query parameter needs to be provided"
NO_NAME = "Either the 'username' or the 'key' query parameters need to be provided"


def myself(call: Call) -> Json:
    return _person(call, call.me, expanded=True)


def user(call: Call) -> Json:
    return _person(call, _found(call), expanded="groups" in call.words("expand"))


def own_tokens(call: Call) -> list[Json]:
    """Data Center's list of the personal access tokens of who asks, without what they are."""
    token = {"id": 1, "name": call.me.name, "createdAt": "2031-01-07T09:00:00.000Z"}
    return [token | ({"expiringAt": call.me.token_expires} if call.me.token_expires else {})]


def groups(call: Call) -> list[Json]:
    return shapes.groups(call.site, _found(call))


def _person(call: Call, who: Person, *, expanded: bool) -> Json:
    shown = shapes.person(call.site, who, call.me, call.version) or {}
    members = shapes.groups(call.site, who)
    shown["groups"] = {"size": len(members), "items": members if expanded else []}
    return shown | {"expand": "groups,applicationRoles"}


def _found(call: Call) -> Person:
    if call.user is None:
        raise not_signed_in(call.site)
    if call.site.cloud:
        wanted = call.query.get("accountId")
        people = {one.account_id: one for one in call.site.people}
        unknown = "Specified user does not exist or you do not have required permissions"
    else:
        key = "username" if "username" in call.query else "key"
        wanted = call.query.get(key)
        people = {one.name if key == "username" else one.key: one for one in call.site.people}
        unknown = f"The user named '{wanted}' does not exist"
    if not wanted:
        raise refused(404, NO_ACCOUNT_ID if call.site.cloud else NO_NAME)
    if wanted not in people:
        raise refused(404, unknown)
    return people[wanted]
