"""What people do to merge requests: push, open, edit, merge, ask for a review; and tag. Each fires its webhooks.

Callers hold the state's lock.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from bot.sandbox import emoji, payloads, positions, webhooks
from bot.sandbox.model import Access, Award, MergeRequest, Note, Project, State, User, Version
from bot.sandbox.refusals import Refusal, bad_request, not_found
from bot.sandbox.repository import EMPTY_TREE, ZEROS, File, GitFailed, Tag

Json = dict[str, Any]

DRAFT_PREFIX = "Draft: "
NO_EMOJI = "Award Emoji Name is not a valid emoji name"
NO_AWARDABLE = "Award Emoji Awardable cannot be awarded emoji"
SETTABLE = ("title", "description", "target_branch", "labels", "assignees")


def push(
    state: State,
    project: Project,
    actor: User,
    branch: str,
    message: str,
    files: Mapping[str, str | bytes | File | None],
    start: str | None = None,
) -> str:
    """One commit on a branch, as a person would push it; answers its SHA. None removes a file.

    A new branch begins at `start` (branch or SHA), else at the default branch. Open merge requests of the branch
    get a new version.
    """
    repository = project.repository
    before = repository.branch(branch)
    begin = before or repository.commit_id(start or project.default_branch)
    parents = (begin,) if begin else ()
    after = repository.write(branch, written(files), message, actor.name, email(actor), parents)
    pushed(state, project, actor, branch, before or ZEROS, after)
    return after


def make_branch(state: State, project: Project, actor: User, branch: str, tip: str) -> None:
    """A branch at a commit that is there. Raises Refusal (400) where the name is in the way of another branch."""
    try:
        project.repository.set_ref(f"refs/heads/{branch}", tip)
    except GitFailed:
        words = f"Failed to create branch '{branch}': Branch name conflicts with existing branch hierarchy."
        raise Refusal(400, {"message": words}) from None
    pushed(state, project, actor, branch, ZEROS, tip)


def open_merge_request(
    state: State,
    project: Project,
    author: User,
    source_branch: str,
    target_branch: str,
    title: str,
    description: str = "",
    reviewers: tuple[User, ...] = (),
    fork: Project | None = None,
    **fields: Any,
) -> MergeRequest:
    """Opens a merge request. Raises Refusal where a branch is missing or there is one for the pair already.

    `fields`: labels, assignees, remove_source_branch.
    """
    _check_branches(project, source_branch, target_branch)
    iid, now = len(project.merge_requests) + 1, datetime.now(UTC)
    request = MergeRequest(
        *(
            state.next_id("merge_request"),
            iid,
            project,
            author,
            title,
            description,
            source_branch,
            target_branch,
        ),
        created_at=now,
        updated_at=now,
        reviewers={one.id: "unreviewed" for one in reviewers},
        fork=fork,
        **fields,
    )
    project.merge_requests.append(request)
    _add_version(state, request)
    _fire(state, request, author, "open", {})
    return request


def edit(state: State, request: MergeRequest, actor: User, **fields: Any) -> None:
    """Sets any of `SETTABLE`; one update webhook says what changed, none is sent where nothing did."""
    changes: Json = {}
    was_draft = request.draft
    for field, value in fields.items():
        previous = getattr(request, field)
        if field in SETTABLE and value != previous:
            setattr(request, field, value)
            changes[field] = {"previous": _shown(previous), "current": _shown(value)}
    if was_draft != request.draft:
        changes["draft"] = {"previous": was_draft, "current": request.draft}
    if "target_branch" in changes:
        _add_version(state, request)
    if changes:
        _fire(state, request, actor, "update", changes)


def mark_draft(state: State, request: MergeRequest, actor: User, draft: bool) -> None:
    if draft != request.draft:
        title = DRAFT_PREFIX + request.title if draft else _without_prefix(request.title)
        edit(state, request, actor, title=title)


def ask_for_review(state: State, request: MergeRequest, actor: User, reviewers: list[User]) -> None:
    """Adds reviewers; someone who is one already is asked again."""
    previous = [payloads.reviewer(state, request, key) for key in request.reviewers]
    again = next((one.id for one in reviewers if one.id in request.reviewers), None)
    request.reviewers |= {one.id: "unreviewed" for one in reviewers}
    current = [payloads.reviewer(state, request, key, asked_again=key == again) for key in request.reviewers]
    _fire(
        state,
        request,
        actor,
        "update",
        {"reviewers": {"previous": previous, "current": current}},
        asked_again=again,
    )


def set_reviewers(state: State, request: MergeRequest, actor: User, reviewers: list[User]) -> None:
    """Replaces the set, as `reviewer_ids` does."""
    previous = [payloads.reviewer(state, request, key) for key in request.reviewers]
    request.reviewers = {one.id: request.reviewers.get(one.id, "unreviewed") for one in reviewers}
    current = [payloads.reviewer(state, request, key) for key in request.reviewers]
    if previous != current:
        _fire(state, request, actor, "update", {"reviewers": {"previous": previous, "current": current}})


def close(state: State, request: MergeRequest, actor: User) -> None:
    _move(state, request, actor, ("opened",), "closed", "close")


def reopen(state: State, request: MergeRequest, actor: User) -> None:
    _move(state, request, actor, ("closed",), "opened", "reopen")


def merge(state: State, request: MergeRequest, actor: User, *, squash: bool = False) -> None:
    """Merges into the target branch. Raises Refusal (405, 422) as GitLab does for what cannot be merged.

    `squash`: its commits become one. By a merge commit, unless the project's merges are fast-forward.
    """
    repository, target = request.project.repository, request.target_branch
    before = repository.branch(target) or ZEROS
    is_forward = request.project.merge_method == "ff"
    is_behind = is_forward and repository.merge_base(before, request.head) != before
    if request.state != "opened" or request.draft or is_behind:
        raise Refusal(405, {"message": "405 Method Not Allowed"})
    head = _squashed(request, actor) if squash else request.head
    if is_forward:
        repository.set_ref(f"refs/heads/{target}", head)
    else:
        request.merge_commit = _merged(request, actor, head)
    after = request.merge_commit or head
    request.merged_by, request.merged_at = actor, datetime.now(UTC)
    _move(state, request, actor, ("opened",), "merged", "merge")
    pushed(state, request.project, actor, target, before, after)
    if request.remove_source_branch:
        _remove_branch(state, request.source_project, actor, request.source_branch)


def _squashed(request: MergeRequest, actor: User) -> str:
    """One commit in place of the merge request's own, on what they stand on."""
    written = request.project.repository.squashed(
        request.version.base, request.head, f"{request.title}\n", actor.name, email(actor)
    )
    request.squash_commit = written
    return written


def _merged(request: MergeRequest, actor: User, head: str) -> str:
    text = f"Merge branch '{request.source_branch}' into '{request.target_branch}'\n\n{request.title}\n"
    try:
        return request.project.repository.merge(request.target_branch, head, text, actor.name, email(actor))
    except GitFailed:
        raise Refusal(422, {"message": "Branch cannot be merged"}) from None


def make_tag(state: State, project: Project, actor: User, name: str, commit: str, message: str = "") -> Tag:
    """Raises Refusal (400), as GitLab does, for a tag that is there already."""
    if any(one.name == name for one in project.repository.tags()):
        raise Refusal(400, {"message": f"Tag {name} already exists"})
    made = project.repository.tag(name, commit, message, actor.name, email(actor))
    _fire_tag(state, project, actor, made, ZEROS, made.target)
    return made


def remove_tag(state: State, project: Project, actor: User, tag: Tag) -> None:
    project.repository.delete_ref(f"refs/tags/{tag.name}")
    _fire_tag(state, project, actor, tag, tag.target, ZEROS)


def approve(state: State, request: MergeRequest, actor: User) -> None:
    """Raises Refusal (401) for who approved already, as GitLab does."""
    if actor in request.approved_by:
        raise Refusal(401, {"message": "401 Unauthorized"})
    request.approved_by.append(actor)
    if actor.id in request.reviewers:
        request.reviewers[actor.id] = "approved"
    _fire(state, request, actor, "approved", {})


def prepare(state: State, request: MergeRequest, preparing: bool) -> None:
    """GitLab computes a diff in the background: until then there are no diff refs."""
    request.preparing = preparing
    state.touch()


def award(state: State, request: MergeRequest, actor: User, name: str, on: Note | None = None) -> Award:
    """A reaction on the merge request or a note. Raises Refusal (404), as GitLab does, for whatever cannot be.

    That is a second one of the same name, a name of no emoji, a reaction on a note of GitLab's own.
    """
    if on is not None and on.system:
        raise not_found(NO_AWARDABLE)
    known, note = emoji.known(name), on.id if on else None
    if known is None:
        raise not_found(NO_EMOJI)
    name = known
    if any((one.name, one.user, one.note) == (name, actor, note) for one in request.awards):
        raise not_found("Award Emoji Name has already been taken")
    given = Award(state.next_id("award"), name, actor, datetime.now(UTC), note)
    request.awards.append(given)
    _fire_emoji(state, request, given, "award", on)
    return given


def revoke(state: State, request: MergeRequest, given: Award) -> None:
    request.awards.remove(given)
    on = next((note for note in request.notes() if note.id == given.note), None)
    _fire_emoji(state, request, given, "revoke", on)


def run_pipeline(state: State, request: MergeRequest, actor: User, status: str) -> int:
    """A pipeline of the merge request reaches a status; answers its number."""
    number = state.next_id("pipeline")
    payload = payloads.pipeline(state, request, actor, number, status)
    webhooks.fire(state, request.project, "pipeline_events", payload)
    return number


def may(request: MergeRequest, actor: User, level: Access = Access.DEVELOPER) -> bool:
    """Whether this person may change the merge request: by level, or as its author."""
    return request.project.access(actor) >= level or actor is request.author


def pushed(state: State, project: Project, actor: User, branch: str, before: str, after: str) -> None:
    webhooks.fire(state, project, "push_events", payloads.push(state, project, actor, branch, before, after))
    for request in project.merge_requests:
        if request.state == "opened" and request.source_branch == branch and request.head != after:
            _add_version(state, request)
            _fire(state, request, actor, "update", {}, oldrev=before)
    state.touch()


def _remove_branch(state: State, project: Project, actor: User, branch: str) -> None:
    before = project.repository.branch(branch)
    if before:
        project.repository.delete_ref(f"refs/heads/{branch}")
        payload = payloads.push(state, project, actor, branch, before, ZEROS)
        webhooks.fire(state, project, "push_events", payload)


def _add_version(state: State, request: MergeRequest) -> None:
    """The diff as it is now; threads follow their lines to it."""
    repository = request.project.repository
    head, start = repository.branch(request.source_branch), repository.branch(request.target_branch)
    if head is None or start is None:
        raise bad_request("Branch is missing")
    base = repository.merge_base(start, head) or EMPTY_TREE
    version = Version(state.next_id("version"), base, start, head, datetime.now(UTC))
    request.versions.append(version)
    repository.set_ref(f"refs/merge-requests/{request.iid}/head", head)
    for note in request.notes():
        positions.follow(note, request, version)


def _check_branches(project: Project, source: str, target: str) -> None:
    missing = [name for name in (source, target) if project.repository.branch(name) is None]
    if missing:
        raise Refusal(400, {"message": {"base": [f"Branch {missing[0]} does not exist"]}})
    for one in project.merge_requests:
        if (one.source_branch, one.target_branch, one.state) == (source, target, "opened"):
            raise Refusal(
                409,
                {
                    "message": [
                        f"Another open merge request already exists for this source branch: !{one.iid}"
                    ]
                },
            )


def _move(
    state: State,
    request: MergeRequest,
    actor: User,
    when: tuple[str, ...],
    to: Literal["opened", "closed", "merged"],
    action: str,
) -> None:
    if request.state not in when:
        return
    changes = {"state_id": {"previous": payloads.STATE_IDS[request.state], "current": payloads.STATE_IDS[to]}}
    request.state = to
    _fire(state, request, actor, action, changes)


def _fire(
    state: State,
    request: MergeRequest,
    actor: User,
    action: str,
    changes: Json,
    oldrev: str | None = None,
    asked_again: int | None = None,
) -> None:
    request.updated_at = datetime.now(UTC)
    payload = payloads.merge_request(state, request, actor, action, changes, oldrev, asked_again)
    webhooks.fire(state, request.project, "merge_requests_events", payload)
    state.touch()


def _fire_emoji(state: State, request: MergeRequest, given: Award, action: str, on: Note | None) -> None:
    webhooks.fire(state, request.project, "emoji_events", payloads.emoji(state, request, given, action, on))
    state.touch()


def _fire_tag(state: State, project: Project, actor: User, tag: Tag, before: str, after: str) -> None:
    payload = payloads.tag_push(state, project, actor, tag, before, after)
    webhooks.fire(state, project, "tag_push_events", payload)
    state.touch()


def _without_prefix(title: str) -> str:
    """The title with every draft mark at its front taken off."""
    bare = title
    while bare.lower().startswith(("draft:", "[draft]", "(draft)")):
        bare = bare[6 if bare.lower().startswith("draft:") else 7 :].lstrip()
    return bare


def _shown(value: Any) -> Any:
    if isinstance(value, list):
        return [payloads.person(one) if isinstance(one, User) else {"title": one} for one in value]
    return value


def written(files: Mapping[str, str | bytes | File | None]) -> dict[str, File | None]:
    """Each path with what is to stand there."""
    return {path: _file(content) for path, content in files.items()}


def _file(content: str | bytes | File | None) -> File | None:
    if content is None or isinstance(content, File):
        return content
    return File(content.encode() if isinstance(content, str) else content)


def email(person: User) -> str:
    return f"{person.username}@example.test"
