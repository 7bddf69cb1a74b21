"""Merge requests: lists, one, its versions, diffs and commits, and changing it."""

from typing import Any

from bot.sandbox import changes, commands, entities, pipelines, quick_actions
from bot.sandbox.api.call import Answer, Call
from bot.sandbox.model import Access, MergeRequest, User
from bot.sandbox.refusals import Refusal, bad_parameter, forbidden, not_found

Json = dict[str, Any]

STATES = ("opened", "closed", "merged", "locked", "all")
LONGEST_TITLE = 255
SCOPES = ("created_by_me", "assigned_to_me", "reviews_for_me", "all")
ORDERS = ("created_at", "updated_at", "title")


def list_here(call: Call) -> Answer:
    return _listed(call, call.project.merge_requests, scope="all")


def list_all(call: Call) -> Answer:
    """Over all projects; only one's own unless `scope` says otherwise, as GitLab does."""
    readable = [one for one in call.state.projects if one.access(call.user) >= Access.REPORTER]
    return _listed(
        call, [request for one in readable for request in one.merge_requests], scope="created_by_me"
    )


def one(call: Call) -> Json:
    return _whole(call, call.request)


def create(call: Call) -> Json:
    """From a branch of the same project. A description's quick actions run, as its author."""
    source, target, title = (call.needed(name) for name in ("source_branch", "target_branch", "title"))
    _check_new(source, target, title)
    description, found = quick_actions.extract(call.text("description") or "")
    request = changes.open_merge_request(
        call.state,
        call.project,
        call.user,
        source,
        target,
        title,
        description,
        tuple(_named(call, "reviewer")),
        labels=call.words("labels") or [],
        assignees=_named(call, "assignee"),
        remove_source_branch=call.flag("remove_source_branch"),
    )
    commands.perform(call.state, request, call.user, found, None)
    return _whole(call, request)


def versions(call: Call) -> Answer:
    request = call.request
    known = [] if request.preparing else request.versions[::-1]
    return call.page(known, lambda version: entities.version(request, version))


def version(call: Call) -> Json:
    request, number = call.request, call.part("version")
    found = call.found(version for version in request.versions if version.id == number)
    unidiff = call.flag("unidiff")
    files = [entities.diff(file, call.state.limits, unidiff=unidiff) for file in request.files(found)]
    commits = request.project.repository.commits(found.base, found.head)
    shown = [entities.commit(call.state, request.project, commit) for commit in commits]
    return entities.version(request, found) | {"commits": shown, "diffs": files[: call.state.limits.files]}


def diffs(call: Call) -> Answer:
    request, unidiff = call.request, call.flag("unidiff")
    files = [] if request.preparing else request.files()[: call.state.limits.files]
    return call.page(files, lambda file: entities.diff(file, call.state.limits, unidiff=unidiff))


def raw_diffs(call: Call) -> Answer:
    """The whole diff as text; GitLab has it since 17.9."""
    if not call.state.at_least(17, 9):
        raise Refusal(404, {"error": "404 Not Found"})
    request = call.request
    patch = b"" if request.preparing else request.project.repository.patch(request.version.base, request.head)
    return Answer(patch, media="text/plain")


def commits(call: Call) -> Answer:
    request = call.request
    found = request.project.repository.commits(request.version.base, request.head)
    return call.page(found, lambda commit: entities.commit(call.state, request.project, commit))


def update(call: Call) -> Json:
    """Title, description, labels, target branch, people, state. A description's quick actions run."""
    request = call.request
    if not changes.may(request, call.user):
        raise forbidden()
    fields = {name: value for name in ("title", "target_branch") if (value := call.text(name)) is not None}
    if fields.get("title") == "":
        raise Refusal(400, {"message": {"title": ["can't be blank"]}})
    found: list[quick_actions.Command] = []
    if (description := call.text("description")) is not None:
        fields["description"], found = quick_actions.extract(description)
    changes.edit(
        call.state,
        request,
        call.user,
        **fields,
        labels=_labels(call, request),
        assignees=_assignees(call, request),
    )
    commands.perform(call.state, request, call.user, found, None)
    _update_reviewers(call, request)
    _update_state(call, request)
    return _whole(call, request)


def approve(call: Call) -> Json:
    """`sha`: refused where the head is another one."""
    request, sha = call.request, call.text("sha")
    if sha is not None and sha != request.head:
        raise Refusal(409, {"message": f"SHA does not match HEAD of source branch: {request.head}"})
    changes.approve(call.state, request, call.user)
    people = [{"user": entities.user(call.state, one)} for one in request.approved_by]
    return {"id": request.id, "iid": request.iid, "project_id": request.project.id, "approved_by": people}


def merge(call: Call) -> Json:
    """`sha`: refused where the head is another one."""
    request, sha = call.request, call.text("sha")
    if sha is not None and sha != request.head:
        raise Refusal(409, {"message": f"SHA does not match HEAD of source branch: {request.head}"})
    changes.merge(call.state, request, call.user, squash=call.flag("squash"))
    return _whole(call, request)


def reviewers(call: Call) -> list[Json]:
    request = call.request
    people = [
        (person, state) for key, state in request.reviewers.items() if (person := call.state.user_by_id(key))
    ]
    return [
        {"user": entities.user(call.state, person), "state": state, "created_at": None}
        for person, state in people
    ]


def _whole(call: Call, request: MergeRequest) -> Json:
    pipeline = pipelines.head(call.state, request)
    return entities.whole_merge_request(call.state, request) | {"head_pipeline": pipeline}


def _check_new(source: str, target: str, title: str) -> None:
    if source == target:
        raise Refusal(422, {"message": ["You can't use same project/branch for source and target"]})
    if not title.strip():
        raise Refusal(400, {"message": {"title": ["can't be blank"]}})
    if len(title) > LONGEST_TITLE:
        raise Refusal(400, {"message": {"title": [f"is too long (maximum is {LONGEST_TITLE} characters)"]}})


def _named(call: Call, role: str) -> list[User]:
    """`assignee_ids` or `assignee_id`: who may not see the project is passed over, as GitLab does."""
    numbers = call.fields.get(f"{role}_ids") or [call.number(f"{role}_id", 0)]
    if not isinstance(numbers, list):
        raise bad_parameter(f"{role}_ids is invalid")
    people = [person for one in numbers if isinstance(one, int) and (person := call.state.user_by_id(one))]
    return [person for person in people if call.project.access(person) >= Access.REPORTER]


def _listed(call: Call, requests: list[MergeRequest], scope: str) -> Answer:
    state = call.one_of("state", STATES, "all")
    scope = call.one_of("scope", SCOPES, scope)
    order = call.one_of("order_by", ORDERS, "created_at")
    newest_first = call.one_of("sort", ("asc", "desc"), "desc") == "desc"
    chosen = [one for one in requests if state in ("all", one.state) and _in_scope(one, call.user, scope)]
    chosen = [one for one in chosen if _matches(call, one)]
    chosen.sort(key=lambda one: (getattr(one, order), one.id), reverse=newest_first)
    return call.page(chosen, lambda one: entities.merge_request(call.state, one))


def _in_scope(request: MergeRequest, user: User, scope: str) -> bool:
    return {
        "all": True,
        "created_by_me": request.author is user,
        "assigned_to_me": user in request.assignees,
        "reviews_for_me": user.id in request.reviewers,
    }[scope]


def _matches(call: Call, request: MergeRequest) -> bool:
    """The filters given: times, branches, author."""
    after, before = call.moment("updated_after"), call.moment("updated_before")
    wanted = {
        "source_branch": request.source_branch,
        "target_branch": request.target_branch,
        "author_username": request.author.username,
    }
    named = all(call.text(name) in (None, value) for name, value in wanted.items())
    return (
        named
        and (after is None or request.updated_at >= after)
        and (before is None or request.updated_at <= before)
    )


def _labels(call: Call, request: MergeRequest) -> list[str]:
    """`labels` replaces, `add_labels` and `remove_labels` change."""
    base = call.words("labels")
    labels = (request.labels if base is None else base) + (call.words("add_labels") or [])
    gone = call.words("remove_labels") or []
    return [label for label in dict.fromkeys(labels) if label not in gone]


def _assignees(call: Call, request: MergeRequest) -> list[User]:
    return _people(call, "assignee_ids") if "assignee_ids" in call.fields else request.assignees


def _update_reviewers(call: Call, request: MergeRequest) -> None:
    if "reviewer_ids" in call.fields:
        changes.set_reviewers(call.state, request, call.user, _people(call, "reviewer_ids"))


def _update_state(call: Call, request: MergeRequest) -> None:
    event = call.text("state_event")
    if event not in (None, "close", "reopen"):
        raise bad_parameter("state_event does not have a valid value")
    if event == "close":
        changes.close(call.state, request, call.user)
    if event == "reopen":
        changes.reopen(call.state, request, call.user)


def _people(call: Call, name: str) -> list[User]:
    """0 alone means nobody (docs.gitlab.com/api/merge_requests, "Update MR")."""
    ids = call.fields[name]
    if not isinstance(ids, list) or not all(isinstance(one, int) for one in ids):
        raise bad_parameter(f"{name} is invalid")
    people = [call.state.user_by_id(one) for one in ids if one]
    if not all(people):
        raise not_found("User")
    return [one for one in people if one]
