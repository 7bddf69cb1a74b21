"""`/sandbox/jira`: what tests and the page use to act as people in Jira, and to see what happened there.

People are called by their user name on both deployments; a text is wiki text, or an ADF document taken as it is.
"""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any, TypeVar

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from bot.sandbox.control import Given, given_of
from bot.sandbox.jira import deeds, fields, seed, shapes, texts, view, webhooks
from bot.sandbox.jira.model import PERMISSIONS, Hook, Issue, Json, Person, Project, Site, Text, Transition
from bot.sandbox.jira.refusals import JiraRefusal
from bot.sandbox.model import State
from bot.sandbox.refusals import Refusal, bad_parameter, not_found
from bot.sandbox.webhooks import callable_url

T = TypeVar("T")
Handler = Callable[[Site, Given], Any]
Deed = Callable[[Site, Issue, Person, Given], Any]

DEPLOYMENTS = ("cloud", "datacenter")


def router(state: State) -> APIRouter:
    """The control API of the sandbox's Jira. No access control: it listens on loopback only."""
    routes = APIRouter(prefix="/sandbox/jira")

    @routes.get("/view")
    def shown() -> Any:
        with state.lock:
            return view.view(state.jira)

    for (method, path), handler in HANDLERS.items():
        routes.add_api_route(path, _endpoint(state, handler), methods=[method])
    return routes


def add_hook(site: Site, url: str, secret: str | None = None, jql: str = "") -> Hook:
    """A webhook for every event."""
    owner = next(person for person in site.people if person.admin)
    hook = Hook(site.next_id("hook"), "Sandbox", url, list(webhooks.EVENTS), owner, jql, secret)
    site.hooks.append(hook)
    return hook


def _endpoint(state: State, handler: Handler) -> Callable[[Request], Awaitable[JSONResponse]]:
    async def endpoint(request: Request) -> JSONResponse:
        return JSONResponse(await run_in_threadpool(locked, await given_of(request)))

    def locked(given: Given) -> Any:
        with state.lock:
            try:
                return handler(_found(state.jira, "Jira"), given)
            except JiraRefusal as refusal:
                raise Refusal(refusal.status, refusal.body) from None

    return endpoint


def _people(site: Site, body: Given) -> list[Json]:
    return [asdict(person) for person in site.people]


def _add_person(site: Site, body: Given) -> Json:
    """`name`; display_name, email, token, groups, kind, admin, time_zone."""
    if site.person(body["name"]):
        raise bad_parameter("name is taken")
    return asdict(site.add_person(**body))


def _change_person(site: Site, body: Given) -> Json:
    """token, token_expires, admin, time_zone, groups."""
    person = _person(site, body.pop("person"))
    for name, value in body.items():
        if name not in ("token", "token_expires", "admin", "time_zone", "groups"):
            raise bad_parameter(f"{name} is unknown")
        setattr(person, name, value)
    return asdict(person)


def _add_project(site: Site, body: Given) -> Json:
    """Nobody but its lead may use it, and whom `people` names."""
    project = seed.add_project(site, body["key"], body.get("name", body["key"].title()), _lead(site, body))
    for name in body.get("people", []):
        for permission in PERMISSIONS:
            project.permissions[permission].append(_person(site, name))
    return {"id": project.id, "key": project.key}


def _permit(site: Site, body: Given) -> Json:
    """`permission`: one of PERMISSIONS, all without it; `on` false takes it away."""
    project, person = _project(site, body), _person(site, body["person"])
    for permission in [body["permission"]] if body.get("permission") else PERMISSIONS:
        if permission not in PERMISSIONS:
            raise bad_parameter("permission is unknown")
        _switch_in(project.permissions[permission], person, body)
    return {name: [one.name for one in people] for name, people in project.permissions.items()}


def _cast(site: Site, body: Given) -> Json:
    """Puts `person` or `group` into `role`, or takes them out."""
    role = _found(_project(site, body).role(body["role"]), "Role")
    if "group" in body:
        _switch_in(role.groups, body["group"], body)
    else:
        _switch_in(role.people, _person(site, body["person"]), body)
    return {"people": [one.name for one in role.people], "groups": role.groups}


def _add_issue(site: Site, body: Given) -> Json:
    """`summary`; project, user, description, criteria, type, labels, components, priority, assignee."""
    project = _project(site, body)
    known = {kind.name: kind for kind in site.types}
    kind = _found(known.get(body.get("type", site.types[0].name)), "Issue type")
    issue = deeds.create(
        site,
        project,
        _actor(site, body),
        body["summary"],
        _text(site, body.get("description")),
        kind,
        criteria=_text(site, body.get("criteria")),
        assignee=_person(site, body["assignee"]) if body.get("assignee") else None,
        labels=list(body.get("labels", [])),
        components=[one for one in project.components if one.name in body.get("components", [])],
    )
    return {"id": issue.id, "key": issue.key, "url": shapes.browse(site, issue)}


def _act(site: Site, body: Given) -> Json:
    issue = _found(site.issue(body["key"]), "Issue")
    result = _found(DEEDS.get(body["deed"]), body["deed"])(site, issue, _actor(site, body), body)
    return result if isinstance(result, dict) else {"key": issue.key}


def _edit(site: Site, issue: Issue, actor: Person, body: Given) -> None:
    """`fields` and `update` as version 2 of the API takes them; a text may be ADF, which is not checked."""
    given = dict(body.get("fields", {}))
    planted = {
        key: given.pop(key) for key in ("description", shapes.CRITERIA) if isinstance(given.get(key), dict)
    }
    screen = dict.fromkeys(issue.project.screen, False)
    values = fields.resolved(site, issue, 2, screen, given, body.get("update", {}))
    deeds.edit(site, issue, actor, values | planted)


def _comment(site: Site, issue: Issue, actor: Person, body: Given) -> Json:
    """`body`; `role` for whom it is."""
    visibility = {"type": "role", "value": body["role"]} if body.get("role") else None
    return {"id": deeds.add_comment(site, issue, actor, _text(site, body["body"]), visibility).id}


def _edit_comment(site: Site, issue: Issue, actor: Person, body: Given) -> None:
    deeds.edit_comment(site, issue, actor, _comment_of(issue, body), _text(site, body["body"]))


def _delete_comment(site: Site, issue: Issue, actor: Person, body: Given) -> None:
    deeds.delete_comment(site, issue, actor, _comment_of(issue, body))


def _move(site: Site, issue: Issue, actor: Person, body: Given) -> None:
    """To the status named in `to`, as the project's owner could: whatever the workflow says. `resolution` for done."""
    target = _found(next((one for one in issue.project.statuses if one.name == body["to"]), None), "Status")
    named = body.get("resolution", site.resolutions[0].name)
    resolution = next(one for one in site.resolutions if one.name == named)
    done = {"resolution": resolution} if target.category == "done" else {}
    deeds.move(site, issue, actor, Transition("0", target.name, target), done)


def _rekey(site: Site, issue: Issue, actor: Person, body: Given) -> None:
    deeds.to_project(site, issue, actor, _found(site.project(body["to"]), "Project"))


def _secure(site: Site, issue: Issue, actor: Person, body: Given) -> None:
    """`level`: a name, null for none; `people` are those who then see it."""
    levels = issue.project.levels
    level = next((one for one in levels if one.name == body["level"]), None) if body["level"] else None
    if level and "people" in body:
        level.people = [_person(site, name) for name in body["people"]]
    deeds.secure(site, issue, actor, level)


def _release(site: Site, body: Given) -> Json:
    project = _project(site, body)
    version = next((one for one in project.versions if one.name == body["version"]), None)
    deeds.release(site, project, _found(version, "Version"))
    return shapes.version_of(site, project, _found(version, "Version"))


def _require(site: Site, body: Given) -> list[Json]:
    """`field` on the screen of every transition to `status`: required, there but not required (false), gone (null)."""
    project = _project(site, body)
    changed = [one for one in project.transitions if one.to.name == body["status"]]
    for transition in changed:
        transition.screen.pop(body["field"], None)
        if body["required"] is not None:
            transition.screen[body["field"]] = bool(body["required"])
    return [{"id": one.id, "name": one.name, "screen": one.screen} for one in changed]


def _drop_transition(site: Site, body: Given) -> list[str]:
    project = _project(site, body)
    project.transitions = [one for one in project.transitions if one.name != body["name"]]
    return [one.name for one in project.transitions]


def _screen(site: Site, body: Given) -> list[str]:
    screen = _project(site, body).screen
    (screen.add if body.get("on", True) else screen.discard)(body["field"])
    return sorted(screen)


def _deploy(site: Site, body: Given) -> Json:
    """Another deployment with the same content: every text takes on the form that it stores."""
    if body["deployment"] not in DEPLOYMENTS:
        raise bad_parameter("deployment is cloud or datacenter")
    site.deployment = body["deployment"]
    for issue in site.issues:
        issue.description = texts.converted(site, issue.description)
        issue.criteria = texts.converted(site, issue.criteria)
        for comment in issue.comments:
            comment.body = texts.converted(site, comment.body)
    site.touch()
    return {"deployment": site.deployment, "url": site.url}


def _set_version(site: Site, body: Given) -> Json:
    """`version` of Data Center, like 9.12.2."""
    site.center_version = body["version"]
    return {"version": site.version}


def _limit(site: Site, body: Given) -> Json:
    """`windows`: [[writes, seconds], ...] to one issue."""
    site.limits.windows = tuple((int(most), float(seconds)) for most, seconds in body["windows"])
    return asdict(site.limits)


def _add_hook(site: Site, body: Given) -> Json:
    """`url`; secret, jql, events."""
    if not callable_url(body["url"]):
        raise bad_parameter("Invalid url given")
    hook = add_hook(site, body["url"], body.get("secret"), body.get("jql", ""))
    hook.events = list(body.get("events") or hook.events)
    return {"id": hook.id}


def _drop_hooks(site: Site, body: Given) -> Json:
    site.drop_hooks = bool(body.get("on", True))
    return {"drop_hooks": site.drop_hooks}


def _resend(site: Site, body: Given) -> Json:
    sent = (one for one in site.deliveries if str(one.id) == body["number"])
    webhooks.resend(site, _found(next(sent, None), "Delivery"))
    return view.delivery(site.deliveries[-1])


def _text(site: Site, given: Any) -> Text:
    """Wiki text in the form that is stored; a document stays as it is, whatever is in it."""
    return given if isinstance(given, dict) else texts.converted(site, given)


def _switch_in(members: list[Any], one: Any, body: Given) -> None:
    if one in members:
        members.remove(one)
    if body.get("on", True):
        members.append(one)


def _comment_of(issue: Issue, body: Given) -> Any:
    return _found(next((one for one in issue.comments if one.id == str(body["comment"])), None), "Comment")


def _project(site: Site, body: Given) -> Project:
    """The project named, or the first one."""
    return _found(site.project(body["project"]) if body.get("project") else site.projects[0], "Project")


def _lead(site: Site, body: Given) -> Person:
    return _person(site, body["lead"]) if body.get("lead") else site.people[0]


def _actor(site: Site, body: Given) -> Person:
    """The person named, by default ada."""
    return _person(site, body.get("user") or "ada")


def _person(site: Site, name: str) -> Person:
    return _found(site.person(name), "Person")


def _found(value: T | None, what: str) -> T:
    if value is None:
        raise not_found(what)
    return value


DEEDS: dict[str, Deed] = {
    "edit": _edit,
    "comment": _comment,
    "edit_comment": _edit_comment,
    "delete_comment": _delete_comment,
    "move": _move,
    "project": _rekey,
    "security": _secure,
    "delete": lambda site, issue, actor, body: deeds.delete(site, issue, actor),
    "property": lambda site, issue, actor, body: deeds.set_property(
        site, issue, actor, body["name"], body["value"]
    ),
}
HANDLERS: dict[tuple[str, str], Handler] = {
    ("GET", "/state"): lambda site, body: view.whole(site),
    ("GET", "/people"): _people,
    ("POST", "/people"): _add_person,
    ("POST", "/people/{person}"): _change_person,
    ("POST", "/projects"): _add_project,
    ("POST", "/permissions"): _permit,
    ("POST", "/roles"): _cast,
    ("POST", "/issues"): _add_issue,
    ("POST", "/issues/{key}/{deed}"): _act,
    ("POST", "/release"): _release,
    ("POST", "/transitions/require"): _require,
    ("POST", "/transitions/drop"): _drop_transition,
    ("POST", "/screen"): _screen,
    ("POST", "/deployment"): _deploy,
    ("POST", "/version"): _set_version,
    ("POST", "/limits"): _limit,
    ("POST", "/hooks"): _add_hook,
    ("POST", "/hooks/drop"): _drop_hooks,
    ("POST", "/deliveries/{number}/resend"): _resend,
}
