"""The bodies of webhook deliveries (docs.gitlab.com/user/project/integrations/webhook_events)."""

import hashlib
from datetime import UTC, datetime
from typing import Any, Literal

from bot.sandbox import entities
from bot.sandbox.model import Award, MergeRequest, Note, Project, State, User
from bot.sandbox.repository import ZEROS, Commit, Tag

Json = dict[str, Any]

STATE_IDS = {"opened": 1, "closed": 2, "merged": 3}
NEWEST_COMMITS = 20


def person(one: User) -> Json:
    return {
        "id": one.id,
        "name": one.name,
        "username": one.username,
        "avatar_url": None,
        "email": "[REDACTED]",
    }


def project(state: State, one: Project) -> Json:
    web_url = f"{state.url}/{one.path}"
    return {
        "id": one.id,
        "name": one.name,
        "description": None,
        "web_url": web_url,
        "avatar_url": None,
        "git_ssh_url": f"git@{state.host}:{one.path}.git",
        "git_http_url": f"{web_url}.git",
        "namespace": one.namespace,
        "visibility_level": entities.VISIBILITY_LEVELS[one.visibility],
        "path_with_namespace": one.path,
        "default_branch": one.default_branch,
        "ci_config_path": None,
        "homepage": web_url,
        "url": f"{web_url}.git",
        "http_url": f"{web_url}.git",
    }


def reviewer(state: State, request: MergeRequest, key: int, *, asked_again: bool = False) -> Json:
    one = state.user_by_id(key)
    shown = person(one) if one else {"id": key}
    return shown | {"state": request.reviewers.get(key, "unreviewed"), "re_requested": asked_again}


def merge_request(
    state: State,
    request: MergeRequest,
    actor: User,
    action: str,
    changes: Json,
    oldrev: str | None = None,
    asked_again: int | None = None,
) -> Json:
    """`changes`: field -> {previous, current}. `oldrev`: the head before a push. `asked_again`: a reviewer's id."""
    reviewers = [reviewer(state, request, key, asked_again=key == asked_again) for key in request.reviewers]
    attributes = _merge_request_attributes(state, request) | {"action": action}
    if oldrev:
        attributes["oldrev"] = oldrev
    return {
        "object_kind": "merge_request",
        "event_type": "merge_request",
        "user": person(actor),
        "project": project(state, request.project),
        "repository": _repository(state, request.project),
        "object_attributes": attributes,
        "labels": _labels(request.labels),
        "changes": changes,
        "assignees": [person(one) for one in request.assignees],
        "reviewers": reviewers,
    }


def note(state: State, request: MergeRequest, one: Note, action: str) -> Json:
    discussion = request.discussion_of(one)
    return {
        "object_kind": "note",
        "event_type": "confidential_note" if one.internal else "note",
        "user": person(one.author),
        "project_id": request.project.id,
        "project": project(state, request.project),
        "repository": _repository(state, request.project),
        "object_attributes": {
            "id": one.id,
            "note": one.body,
            "description": one.body,
            "noteable_type": "MergeRequest",
            "noteable_id": request.id,
            "author_id": one.author.id,
            "project_id": request.project.id,
            "created_at": _time(one.created_at),
            "updated_at": _time(one.updated_at),
            "type": one.type,
            "discussion_id": discussion.id,
            "line_code": one.line_code,
            "position": one.position,
            "original_position": one.original_position,
            "commit_id": None,
            "system": one.system,
            "internal": one.internal,
            "resolved_at": _time(one.resolved_at) if one.resolved_at else None,
            "resolved_by_id": one.resolved_by.id if one.resolved_by else None,
            "resolved_by_push": None,
            "action": action,
            "url": f"{entities.merge_request_url(state, request)}#note_{one.id}",
        },
        "merge_request": _merge_request_attributes(state, request),
    }


def note_elsewhere(
    state: State, one: Project, author: User, body: str, number: int, on: Literal["Issue", "Commit"]
) -> Json:
    """A note that stands on no merge request: on an issue, or on the newest commit of the default branch."""
    now, about = _time(datetime.now(UTC)), _issue(one, number)
    if on == "Commit":
        about = _commit(state, one, one.repository.commit(one.default_branch))
    return {
        "object_kind": "note",
        "event_type": "note",
        "user": person(author),
        "project_id": one.id,
        "project": project(state, one),
        "repository": _repository(state, one),
        "object_attributes": {
            "id": number,
            "note": body,
            "description": body,
            "noteable_type": on,
            "noteable_id": None if on == "Commit" else about["id"],
            "author_id": author.id,
            "project_id": one.id,
            "created_at": now,
            "updated_at": now,
            "type": None,
            "discussion_id": hashlib.sha1(f"{on} {number}".encode(), usedforsecurity=False).hexdigest(),
            "line_code": None,
            "position": None,
            "commit_id": about["id"] if on == "Commit" else None,
            "system": False,
            "internal": False,
            "resolved_at": None,
            "action": "create",
            "url": f"{state.url}/{one.path}/-/issues/{number}#note_{number}",
        },
        on.lower(): about,
    }


def _issue(one: Project, number: int) -> Json:
    return {"id": number, "iid": number, "project_id": one.id, "title": "An issue", "state": "opened"}


def emoji(state: State, request: MergeRequest, award: Award, action: str, on: Note | None) -> Json:
    """`action`: award or revoke."""
    url = entities.merge_request_url(state, request)
    shown = {
        "object_kind": "emoji",
        "event_type": action,
        "user": person(award.user),
        "project_id": request.project.id,
        "project": project(state, request.project),
        "object_attributes": {
            "id": award.id,
            "name": award.name,
            "user_id": award.user.id,
            "awardable_type": "Note" if on else "MergeRequest",
            "awardable_id": on.id if on else request.id,
            "created_at": _time(award.created_at),
            "updated_at": _time(award.created_at),
            "action": action,
            "awarded_on_url": f"{url}#note_{on.id}" if on else url,
        },
        "merge_request": _merge_request_attributes(state, request),
    }
    if on:
        shown["note"] = note(state, request, on, "create")["object_attributes"]
    return shown


def push(state: State, one: Project, actor: User, branch: str, before: str, after: str) -> Json:
    commits = one.repository.commits(before, after) if after != ZEROS else []
    newest = commits[:NEWEST_COMMITS][::-1]
    return {
        "object_kind": "push",
        "event_name": "push",
        "before": before,
        "after": after,
        "ref": f"refs/heads/{branch}",
        "ref_protected": branch == one.default_branch,
        "checkout_sha": None if after == ZEROS else after,
        "user_id": actor.id,
        "user_name": actor.name,
        "user_username": actor.username,
        "user_email": None,
        "project_id": one.id,
        "project": project(state, one),
        "repository": _repository(state, one),
        "commits": [_commit(state, one, written) | _touched(one, written) for written in newest],
        "total_commits_count": len(commits),
    }


def tag_push(state: State, one: Project, actor: User, tag: Tag, before: str, after: str) -> Json:
    """As of a push, but that a new tag is told with its one commit and a deleted one with none."""
    is_gone = after == ZEROS
    commit = _commit(state, one, one.repository.commit(tag.commit))
    return push(state, one, actor, one.default_branch, ZEROS, ZEROS) | {
        "object_kind": "tag_push",
        "event_name": "tag_push",
        "before": before,
        "after": after,
        "ref": f"refs/tags/{tag.name}",
        "ref_protected": False,
        "checkout_sha": None if is_gone else tag.commit,
        "message": tag.message or None,
        "commits": [] if is_gone else [commit],
        "total_commits_count": 0 if is_gone else 1,
    }


def pipeline(state: State, request: MergeRequest, actor: User, number: int, status: str) -> Json:
    now = _time(datetime.now(UTC))
    return {
        "object_kind": "pipeline",
        "object_attributes": {
            "id": number,
            "iid": number,
            "name": None,
            "ref": request.source_branch,
            "tag": False,
            "sha": request.head,
            "before_sha": ZEROS,
            "source": "merge_request_event",
            "status": status,
            "detailed_status": status,
            "stages": ["test"],
            "created_at": now,
            "finished_at": now,
            "duration": 1,
            "variables": [],
            "url": f"{state.url}/{request.project.path}/-/pipelines/{number}",
        },
        "merge_request": _merge_request_attributes(state, request),
        "user": person(actor),
        "project": project(state, request.project),
        "commit": _commit(state, request.project, request.project.repository.commit(request.head)),
        "builds": [],
    }


def _merge_request_attributes(state: State, request: MergeRequest) -> Json:
    home = project(state, request.project)
    head = request.project.repository.commit(request.head)
    return {
        "id": request.id,
        "iid": request.iid,
        "title": request.title,
        "description": request.description,
        "state": request.state,
        "state_id": STATE_IDS[request.state],
        "draft": request.draft,
        "work_in_progress": request.draft,
        "source_branch": request.source_branch,
        "target_branch": request.target_branch,
        "source_project_id": request.source_project.id,
        "target_project_id": request.project.id,
        "author_id": request.author.id,
        "assignee_id": request.assignees[0].id if request.assignees else None,
        "assignee_ids": [one.id for one in request.assignees],
        "reviewer_ids": list(request.reviewers),
        "labels": _labels(request.labels),
        "last_commit": _commit(state, request.project, head),
        "created_at": _time(request.created_at),
        "updated_at": _time(request.updated_at),
        "prepared_at": None if request.preparing else _time(request.created_at),
        "merge_commit_sha": request.merge_commit,
        "merge_status": "checking" if request.preparing else "can_be_merged",
        "detailed_merge_status": entities.merge_request(state, request)["detailed_merge_status"],
        "blocking_discussions_resolved": all(one.resolved is not False for one in request.discussions),
        "first_contribution": False,
        "head_pipeline_id": None,
        "url": entities.merge_request_url(state, request),
        "source": home,
        "target": home,
    }


def _labels(titles: list[str]) -> list[Json]:
    return [
        {"id": number, "title": title, "type": "ProjectLabel"} for number, title in enumerate(titles, start=1)
    ]


def _repository(state: State, one: Project) -> Json:
    home = f"{state.url}/{one.path}"
    return {"name": one.name, "url": f"{home}.git", "description": None, "homepage": home}


def _commit(state: State, one: Project, written: Commit) -> Json:
    return {
        "id": written.sha,
        "message": written.message,
        "title": written.title,
        "timestamp": written.at,
        "url": f"{state.url}/{one.path}/-/commit/{written.sha}",
        "author": {"name": written.author, "email": "[REDACTED]"},
    }


def _touched(one: Project, written: Commit) -> Json:
    """The paths a commit added, modified and removed."""
    parent = written.parents[0] if written.parents else None
    files = one.diffs.files(parent, written.sha) if parent else []
    return {
        "added": [file.new_path for file in files if file.status == "added"],
        "modified": [file.new_path for file in files if file.status in ("modified", "renamed")],
        "removed": [file.old_path for file in files if file.status == "deleted"],
    }


def _time(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
