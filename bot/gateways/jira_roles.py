"""Which roles a person has in a Jira project, directly or by a group."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from bot.domain.issues import IssuePerson
from bot.errors import PlatformError
from bot.gateways.jira_api import NOT_A_LIST, JiraApi, objects, project_path
from bot.gateways.jira_shapes import ActorShape, GroupShape, RoleShape, shaped

USER_ACTOR, GROUP_ACTOR = "atlassian-user-role-actor", "atlassian-group-role-actor"


def roles_of(api: JiraApi, project: str, person: IssuePerson) -> frozenset[str]:
    """Names in lower case. Groups are asked for only where a role has one."""
    roles = list(_roles(api, project))
    mine = {role.name for role in roles if any(_is_person(actor, person) for actor in role.actors)}
    if any(actor.type == GROUP_ACTOR for role in roles for actor in role.actors):
        groups = _groups(api, person)
        mine |= {role.name for role in roles if any(_is_group(actor, groups) for actor in role.actors)}
    return frozenset(name.casefold() for name in mine)


def _roles(api: JiraApi, project: str) -> Iterator[RoleShape]:
    what = f"the roles of {project}"
    named_roles = api.get(f"{project_path(project)}/role", what)
    if not isinstance(named_roles, dict):
        raise PlatformError(NOT_A_LIST.format(what=what))
    for name, address in named_roles.items():
        number = str(address).rstrip("/").rpartition("/")[2]
        what = f"role {name} of {project}"
        data = api.get(f"{project_path(project)}/role/{quote(number, safe='')}", what)
        yield shaped(RoleShape, data, what)


def _groups(api: JiraApi, person: IssuePerson) -> frozenset[str]:
    """Ids and names of the groups a person is in."""
    what = f"the groups of {person.name or person.id}"
    if api.is_cloud:
        data: Any = api.get("/user/groups", what, accountId=person.id)
    else:
        data = _groups_on_datacenter(api, person, what)
    groups = [shaped(GroupShape, one, what) for one in objects(data, what)]
    return frozenset(name for group in groups for name in (group.group_id, group.name) if name)


def _groups_on_datacenter(api: JiraApi, person: IssuePerson, what: str) -> Any:
    who = {"username": person.username} if person.username else {"key": person.id}
    user = api.get("/user", what, expand="groups", **who)
    groups = user.get("groups") if isinstance(user, dict) else None
    return groups.get("items") if isinstance(groups, dict) else None


def _is_person(actor: ActorShape, person: IssuePerson) -> bool:
    """Ids are compared with ids and names with names: a name may look like another one's key."""
    if actor.type != USER_ACTOR:
        return False
    user = actor.user
    ids = {user.account_id, user.key} if user else set()
    names = {actor.name.casefold(), user.name.casefold() if user else ""}
    return person.id in ids - {""} or person.username.casefold() in names - {""}


def _is_group(actor: ActorShape, groups: frozenset[str]) -> bool:
    if actor.type != GROUP_ACTOR:
        return False
    if actor.group:
        return (actor.group.group_id or actor.group.name) in groups
    return actor.name in groups
