"""`/sandbox`: what tests and the page use to act as people, to order faults, and to see what happened."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict
from typing import Any, TypeVar

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, StreamingResponse

from bot.sandbox import (
    accounts,
    changes,
    entities,
    oidc,
    payloads,
    pipelines,
    reviews,
    rewriting,
    view,
    webhooks,
)
from bot.sandbox.faults import Fault
from bot.sandbox.model import ALL_SCOPES, Access, Hook, MergeRequest, Note, Project, State, User
from bot.sandbox.refusals import Invalid, bad_parameter, blocked, forbidden, not_found
from bot.sandbox.repository import File
from bot.sandbox.reviews import CommandsOnly

T = TypeVar("T")
Json = dict[str, Any]

LOOK_SECONDS = 0.1
KEEP_ALIVE_SECONDS = 15.0


class Given(dict[str, Any]):
    """What came with a request."""

    def __missing__(self, name: str) -> Any:
        raise bad_parameter(f"{name} is missing")


Handler = Callable[[State, Given], Any]
Deed = Callable[[State, MergeRequest, User, Given], Any]


def router(state: State) -> APIRouter:
    """The control API of one sandbox. No access control: it listens on loopback only."""
    routes = APIRouter(prefix="/sandbox")
    for (method, path), handler in HANDLERS.items():
        routes.add_api_route(path, _endpoint(state, handler), methods=[method])

    @routes.get("/events")
    async def events() -> StreamingResponse:
        return StreamingResponse(_revisions(state), media_type="text/event-stream")

    return routes


def add_hook(state: State, project: Project, url: str, secret: str | None = None) -> Hook:
    """A hook for every event; a secret that begins with `whsec_` signs, any other is sent as it is."""
    hook = Hook(state.next_id("hook"), url, set(webhooks.EVENT_NAMES))
    if secret and secret.startswith("whsec_"):
        hook.signing_token = secret
    else:
        hook.token = secret
    project.hooks.append(hook)
    return hook


async def given_of(request: Request) -> Given:
    body = await request.body()
    return Given((json.loads(body) if body else {}) | request.path_params)


def _endpoint(state: State, handler: Handler) -> Callable[[Request], Awaitable[JSONResponse]]:
    """Body and path in one mapping; the state is locked while the handler runs."""

    async def endpoint(request: Request) -> JSONResponse:
        return JSONResponse(await run_in_threadpool(locked, await given_of(request)))

    def locked(given: Given) -> Any:
        with state.lock:
            return handler(state, given)

    return endpoint


async def _revisions(state: State) -> AsyncIterator[str]:
    """A server-sent event with the revision, now and whenever it changes; a comment line in quiet times."""
    sent, quiet = -1, 0.0
    while not state.closing:
        if state.revision != sent:
            sent, quiet = state.revision, 0.0
            yield f"data: {json.dumps({'revision': sent})}\n\n"
        elif quiet >= KEEP_ALIVE_SECONDS:
            quiet = 0.0
            yield ": still here\n\n"
        await asyncio.sleep(LOOK_SECONDS)
        quiet += LOOK_SECONDS


def _users(state: State, body: Given) -> list[Json]:
    return [asdict(person) for person in state.users]


def _add_user(state: State, body: Given) -> Json:
    """`access` in `project` (none without it)."""
    scopes = tuple(body.get("scopes") or ALL_SCOPES)
    given = {"token": body.get("token", ""), "scopes": scopes, "bot": bool(body.get("bot"))}
    given |= {"public_email": body.get("public_email", ""), "blocked": bool(body.get("blocked"))}
    given |= {"expires_on": body.get("expires_on", ""), "admin": bool(body.get("admin"))}
    person = state.add_user(body["username"], body.get("name", ""), **given)
    if body.get("access"):
        _project(state, body).members[person.id] = int(body["access"])
    return asdict(person)


def _renew_token(state: State, body: Given) -> Json:
    """Another `token`; those before it are revoked, unless `keep`."""
    person = _person(state, body["username"])
    person.older_tokens = (*person.older_tokens, person.token) if body.get("keep") else ()
    person.token = body["token"]
    return asdict(person)


def _set_access(state: State, body: Given) -> Json:
    """`access` 0 takes the person out of the project."""
    person, level = _person(state, body["username"]), int(body["access"])
    accounts.set_access(state, _project(state, body), person, level)
    return asdict(person)


def _block(state: State, body: Given) -> Json:
    person = _person(state, body["username"])
    accounts.block(state, person, bool(body.get("on", True)))
    return asdict(person)


def _remove_user(state: State, body: Given) -> Json:
    accounts.remove(state, _person(state, body["username"]))
    return {}


def _note_elsewhere(state: State, body: Given) -> Json:
    """A note `on` an "Issue" or a "Commit": only its webhook is there, since nobody reads it."""
    project, person, number = _project(state, body), _actor(state, body), state.next_id("note")
    payload = payloads.note_elsewhere(state, project, person, body["body"], number, body["on"])
    webhooks.fire(state, project, "note_events", payload)
    return {"id": number}


def _add_group(state: State, body: Given) -> Json:
    """Above the projects whose paths begin with its own."""
    group = state.add_group(body["path"])
    for username, level in body.get("members", {}).items():
        group.members[_person(state, username).id] = int(level)
    return {"id": group.id, "path": group.path}


def _archive(state: State, body: Given) -> Json:
    project = _project(state, body)
    project.archived = bool(body.get("on", True))
    return {"id": project.id, "archived": project.archived}


def _add_project(state: State, body: Given) -> Json:
    branch = body.get("default_branch", "main")
    project = state.add_project(body["path"], body.get("visibility", "private"), branch)
    project.merge_method = body.get("merge_method", project.merge_method)
    for username, level in body.get("members", {}).items():
        project.members[_person(state, username).id] = int(level)
    return {"id": project.id, "path": project.path}


def _push(state: State, body: Given) -> Json:
    """One commit more; with `amend` in place of the branch's newest one, by force."""
    project, person = _project(state, body), _actor(state, body)
    files = {path: _content(content) for path, content in body["files"].items()}
    message, start, branch = body.get("message") or "Change", body.get("from"), body["branch"]
    if body.get("amend"):
        return {"sha": rewriting.amend(state, project, person, branch, message, files)}
    return {"sha": changes.push(state, project, person, branch, message, files, start)}


def _rebase(state: State, body: Given) -> Json:
    """A branch `onto` another one, the default branch by default."""
    project, person = _project(state, body), _actor(state, body)
    onto = body.get("onto") or project.default_branch
    return {"sha": rewriting.rebase(state, project, person, body["branch"], onto)}


def _merge_into(state: State, body: Given) -> Json:
    """Into a branch, `from` another one, the default branch by default."""
    project, person = _project(state, body), _actor(state, body)
    source = body.get("from") or project.default_branch
    return {"sha": rewriting.merge_into(state, project, person, body["branch"], source)}


def _tag(state: State, body: Given) -> Json:
    """At `ref`, the default branch by default; one with a `message` is annotated."""
    project, person = _project(state, body), _actor(state, body)
    ref = body.get("ref") or project.default_branch
    commit = _found(project.repository.commit_id(ref), "Commit")
    made = changes.make_tag(state, project, person, body["name"], commit, body.get("message", ""))
    return {"name": made.name, "target": made.target, "commit": made.commit}


def _remove_tag(state: State, body: Given) -> Json:
    project, person = _project(state, body), _actor(state, body)
    there = (one for one in project.repository.tags() if one.name == body["name"])
    changes.remove_tag(state, project, person, _found(next(there, None), "Tag"))
    return {}


def _open(state: State, body: Given) -> Json:
    project = _project(state, body)
    title = body["title"]
    if body.get("draft"):
        title = changes.DRAFT_PREFIX + title
    request = changes.open_merge_request(
        state,
        project,
        _person(state, body["author"]) if "author" in body else _actor(state, body),
        body["source_branch"],
        body.get("target_branch", project.default_branch),
        title,
        body.get("description", ""),
        tuple(_person(state, username) for username in body.get("reviewers", [])),
        _found(state.project(body["fork"]), "Project") if body.get("fork") else None,
    )
    return {"iid": request.iid, "web_url": entities.merge_request_url(state, request)}


def _act(state: State, body: Given) -> Json:
    iid, deed = body["iid"], body["deed"]
    number = int(iid) if iid.isdigit() else 0
    request = _found(_project(state, body).merge_request(number), "Merge Request")
    result = _found(DEEDS.get(deed), deed)(state, request, _actor(state, body), body)
    return result if isinstance(result, dict) else {}


def _comment(state: State, request: MergeRequest, actor: User, body: Given) -> Json:
    thread = _found(request.discussion(body["discussion"]), "Discussion") if body.get("discussion") else None
    try:
        written = reviews.write(
            state,
            request,
            actor,
            body["body"],
            threaded=bool(body.get("threaded")),
            position=body.get("position"),
            internal=bool(body.get("internal")),
            discussion=thread,
        )
    except Invalid as error:
        raise error.as_note() from None
    if isinstance(written, CommandsOnly):
        return written.as_json()
    return {"id": written.id, "discussion": request.discussion_of(written).id}


def _ask_for_review(state: State, request: MergeRequest, actor: User, body: Given) -> None:
    """Of `reviewer`, by default the first bot of the project."""
    bots = [one.username for one in state.users if one.bot and one.id in request.project.members]
    changes.ask_for_review(
        state, request, actor, [_person(state, body.get("reviewer") or next(iter(bots), ""))]
    )


def _award(state: State, request: MergeRequest, actor: User, body: Given) -> Json:
    """`name`, and `note` for a reaction on a note."""
    on = _note(request, body) if body.get("note") else None
    return {"id": changes.award(state, request, actor, body["name"], on).id}


def _take_award(state: State, request: MergeRequest, actor: User, body: Given) -> None:
    """The person's own one of this `name`."""
    wanted = (body["name"], actor, body.get("note"))
    given = next((one for one in request.awards if (one.name, one.user, one.note) == wanted), None)
    changes.revoke(state, request, _found(given, "Award Emoji"))


def _edit_note(state: State, request: MergeRequest, actor: User, body: Given) -> None:
    note = _own_note(request, actor, body)
    try:
        reviews.edit(state, request, note, body["body"])
    except Invalid as error:
        raise error.as_note() from None


def _delete_note(state: State, request: MergeRequest, actor: User, body: Given) -> None:
    reviews.delete(state, request, _own_note(request, actor, body))


def _resolve(state: State, request: MergeRequest, actor: User, body: Given) -> None:
    """`on` False opens the thread again."""
    thread = _found(request.discussion(body["discussion"]), "Discussion")
    if thread.resolved is None or not changes.may(request, actor):
        raise forbidden()
    if body.get("on", True):
        reviews.resolve(state, request, thread, actor)
    else:
        reviews.open_again(state, thread)


def _own_note(request: MergeRequest, actor: User, body: Given) -> Note:
    """One's own, or anybody's for a Maintainer."""
    note = _note(request, body)
    if note.system or (note.author is not actor and request.project.access(actor) < Access.MAINTAINER):
        raise forbidden()
    return note


def _note(request: MergeRequest, body: Given) -> Note:
    return _found(next((one for one in request.notes() if one.id == body["note"]), None), "Note")


def _id_token(state: State, body: Given) -> Json:
    """For a job of a new pipeline: of merge request `iid` in `of` (the project itself), or of `branch`.

    `kind`: detached, merged_result, merge_train. `claims` replace what would be true, null takes one away.
    """
    project, person = _project(state, body), _actor(state, body)
    if "iid" in body:
        home = _project(state, Given(project=body.get("of") or project.path))
        request = _found(home.merge_request(int(body["iid"])), "Merge Request")
        pipeline = pipelines.of_merge_request(state, project, request, person, body.get("kind") or "detached")
    else:
        pipeline = pipelines.of_branch(state, project, body.get("branch") or project.default_branch)
    token = oidc.id_token(state, project, pipeline, person, body["audience"], body.get("claims") or {})
    return {"id_token": token, "pipeline": pipeline.id, "sha": pipeline.sha}


def _rotate_keys(state: State, body: Given) -> Json:
    oidc.rotate(state)
    return {}


def _run_pipeline(state: State, request: MergeRequest, actor: User, body: Given) -> Json:
    return {"id": changes.run_pipeline(state, request, actor, body.get("status", "success"))}


DEEDS: dict[str, Deed] = {
    "ready": lambda state, request, actor, body: changes.mark_draft(state, request, actor, False),
    "draft": lambda state, request, actor, body: changes.mark_draft(state, request, actor, True),
    "merge": lambda state, request, actor, body: changes.merge(
        state, request, actor, squash=bool(body.get("squash"))
    ),
    "close": lambda state, request, actor, body: changes.close(state, request, actor),
    "reopen": lambda state, request, actor, body: changes.reopen(state, request, actor),
    "preparing": lambda state, request, actor, body: changes.prepare(
        state, request, bool(body.get("on", True))
    ),
    "comment": _comment,
    "review_request": _ask_for_review,
    "award": _award,
    "take_award": _take_award,
    "edit_note": _edit_note,
    "delete_note": _delete_note,
    "resolve": _resolve,
    "pipeline": _run_pipeline,
}


def _add_hook(state: State, body: Given) -> Json:
    """All events, of one project or of each that has no hook to this address yet."""
    if not webhooks.callable_url(body["url"]):
        raise bad_parameter("Invalid url given")
    chosen = [_project(state, body)] if body.get("project") else state.projects
    return {"ids": [add_hook(state, project, body["url"], body.get("secret")).id for project in chosen]}


def _resend(state: State, body: Given) -> Json:
    sent = (one for one in state.seen.deliveries if str(one.id) == body["number"])
    delivery = _found(next(sent, None), "Delivery")
    webhooks.resend(state, delivery)
    return view.delivery(state.seen.deliveries[-1])


def _set_all(target: Any, values: Given) -> Json:
    for name, value in values.items():
        if not hasattr(target, name):
            raise bad_parameter(f"{name} is unknown")
        setattr(target, name, value)
    return asdict(target)


def _switch(state: State, body: Given) -> Json:
    return _set_all(state.switches, body)


def _drop_hooks(state: State, body: Given) -> Json:
    return _set_all(state.switches, Given(drop_hooks=bool(body.get("on", True))))


def _limit(state: State, body: Given) -> Json:
    return _set_all(state.limits, body)


def _order_fault(state: State, body: Given) -> Json:
    fault = Fault()
    state.faults.append(fault)
    return _set_all(fault, body)


def _clear_faults(state: State, body: Given) -> Json:
    state.faults.clear()
    return {}


def _requests(state: State, body: Given) -> list[Json]:
    return list(state.seen.requests)


def _clear_requests(state: State, body: Given) -> Json:
    state.seen.requests.clear()
    return {}


def _content(given: Any) -> str | File | None:
    """Text, null, or {"base64" or "text", "mode"}."""
    if not isinstance(given, dict):
        return None if given is None else str(given)
    content = base64.b64decode(given["base64"]) if "base64" in given else given["text"].encode()
    return File(content, given.get("mode", "100644"))


def _project(state: State, body: Given) -> Project:
    """The project named, or the first one."""
    named = body.get("project")
    found = state.project(str(named)) if named else next(iter(state.projects), None)
    return _found(found, "Project")


def _actor(state: State, body: Given) -> User:
    """The person named, or the first member of the project who is no bot. Who is blocked does nothing."""
    if body.get("user"):
        person = _person(state, body["user"])
        if person.state == "blocked":
            raise blocked()
        return person
    members = _project(state, body).members
    people = (one for one in state.users if not one.bot and one.id in members)
    return _found(next(people, None), "User")


def _person(state: State, username: str) -> User:
    return _found(state.user(username), "User")


def _found(value: T | None, what: str) -> T:
    if value is None:
        raise not_found(what)
    return value


HANDLERS: dict[tuple[str, str], Handler] = {
    ("GET", "/state"): lambda state, body: view.whole(state),
    ("GET", "/users"): _users,
    ("POST", "/users"): _add_user,
    ("POST", "/users/{username}/token"): _renew_token,
    ("POST", "/users/{username}/access"): _set_access,
    ("POST", "/users/{username}/block"): _block,
    ("DELETE", "/users/{username}"): _remove_user,
    ("POST", "/notes"): _note_elsewhere,
    ("POST", "/projects"): _add_project,
    ("POST", "/projects/archive"): _archive,
    ("POST", "/groups"): _add_group,
    ("POST", "/push"): _push,
    ("POST", "/rebase"): _rebase,
    ("POST", "/merge_into"): _merge_into,
    ("POST", "/tags"): _tag,
    ("DELETE", "/tags"): _remove_tag,
    ("POST", "/merge_requests"): _open,
    ("POST", "/merge_requests/{iid}/{deed}"): _act,
    ("POST", "/id_token"): _id_token,
    ("POST", "/oidc/rotate"): _rotate_keys,
    ("POST", "/hooks"): _add_hook,
    ("POST", "/hooks/drop"): _drop_hooks,
    ("POST", "/switches"): _switch,
    ("POST", "/limits"): _limit,
    ("POST", "/deliveries/{number}/resend"): _resend,
    ("POST", "/faults"): _order_fault,
    ("DELETE", "/faults"): _clear_faults,
    ("GET", "/requests"): _requests,
    ("DELETE", "/requests"): _clear_requests,
}
