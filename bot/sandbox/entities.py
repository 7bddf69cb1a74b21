"""The JSON objects GitLab's API answers with (docs.gitlab.com/api)."""

import json
from datetime import UTC, datetime
from typing import Any

from bot.sandbox import hook_health
from bot.sandbox.diffs import FileDiff, as_text
from bot.sandbox.model import (
    Award,
    Delivery,
    Discussion,
    Draft,
    Group,
    Hook,
    Limits,
    MergeRequest,
    Note,
    Project,
    State,
    User,
    Version,
)
from bot.sandbox.repository import Commit, Repository, Tag, TreeEntry

Json = dict[str, Any]

SECRETS_TOLD_SINCE = (18, 11)
VISIBILITY_LEVELS = {"private": 0, "internal": 10, "public": 20}
POSITION_KEYS = (
    *("base_sha", "start_sha", "head_sha", "old_path", "new_path", "position_type"),
    *("old_line", "new_line", "line_range", "width", "height", "x", "y"),
)
LINE_KEYS = {"old_line", "new_line", "line_range"}
POINT_KEYS = {"width", "height", "x", "y"}
ABSENT_KEYS = {"text": POINT_KEYS, "image": LINE_KEYS, "file": LINE_KEYS | POINT_KEYS}
HOOK_EVENTS = (
    *("push_events", "tag_push_events", "merge_requests_events", "note_events", "confidential_note_events"),
    *("emoji_events", "pipeline_events", "job_events", "issues_events", "releases_events"),
)


def moment(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def user(state: State, person: User) -> Json:
    return {
        "id": person.id,
        "username": person.username,
        "public_email": person.public_email,
        "name": person.name,
        "state": person.state,
        "locked": False,
        "avatar_url": None,
        "web_url": f"{state.url}/{person.username}",
    }


def current_user(state: State, person: User) -> Json:
    told = user(state, person) | {"bot": person.bot, "external": False}
    told |= {"email": f"{person.username}@example.test"}
    return told | ({"is_admin": True} if person.admin else {})


def project(state: State, one: Project, reader: User) -> Json:
    web_url = f"{state.url}/{one.path}"
    return {
        "id": one.id,
        "description": None,
        "name": one.name,
        "path": one.name,
        "path_with_namespace": one.path,
        "name_with_namespace": one.path.replace("/", " / "),
        "default_branch": one.default_branch,
        "visibility": one.visibility,
        "web_url": web_url,
        "http_url_to_repo": f"{web_url}.git",
        "archived": one.archived,
        "merge_requests_enabled": True,
        "merge_method": one.merge_method,
        "namespace": {"full_path": one.namespace, "kind": "group"},
        "permissions": {"project_access": _permission(one, reader), "group_access": None},
    }


def _permission(one: Project, reader: User) -> Json | None:
    level = one.members.get(reader.id)
    return {"access_level": level, "notification_level": 3} if level else None


def group(state: State, one: Group) -> Json:
    return {
        "id": one.id,
        "name": one.path.rpartition("/")[2],
        "path": one.path.rpartition("/")[2],
        "full_path": one.path,
        "visibility": "private",
        "web_url": f"{state.url}/groups/{one.path}",
    }


def member(state: State, person: User, level: int) -> Json:
    return user(state, person) | {"access_level": level, "expires_at": None, "membership_state": "active"}


def merge_request_url(state: State, request: MergeRequest) -> str:
    return f"{state.url}/{request.project.path}/-/merge_requests/{request.iid}"


def merge_request(state: State, request: MergeRequest) -> Json:
    """A merge request of a list: without diff refs."""
    reviewers = [person for key in request.reviewers if (person := state.user_by_id(key))]
    return {
        "id": request.id,
        "iid": request.iid,
        "project_id": request.project.id,
        "source_project_id": request.source_project.id,
        "target_project_id": request.project.id,
        "title": request.title,
        "description": request.description,
        "state": request.state,
        "draft": request.draft,
        "work_in_progress": request.draft,
        "created_at": moment(request.created_at),
        "updated_at": moment(request.updated_at),
        "prepared_at": None if request.preparing else moment(request.created_at),
        "source_branch": request.source_branch,
        "target_branch": request.target_branch,
        "author": user(state, request.author),
        "assignee": user(state, request.assignees[0]) if request.assignees else None,
        "assignees": [user(state, one) for one in request.assignees],
        "reviewers": [user(state, one) for one in reviewers],
        "labels": list(request.labels),
        "milestone": None,
        "sha": request.head,
        "merge_commit_sha": request.merge_commit,
        "squash_commit_sha": request.squash_commit,
        "merged_by": user(state, request.merged_by) if request.merged_by else None,
        "merge_user": user(state, request.merged_by) if request.merged_by else None,
        "merged_at": moment(request.merged_at) if request.merged_at else None,
        "merge_status": "checking" if request.preparing else "can_be_merged",
        "detailed_merge_status": _merge_status(request),
        "user_notes_count": sum(not note.system for note in request.notes()),
        "upvotes": sum(award.name == "thumbsup" and award.note is None for award in request.awards),
        "downvotes": sum(award.name == "thumbsdown" and award.note is None for award in request.awards),
        "reference": f"!{request.iid}",
        "references": {
            "short": f"!{request.iid}",
            "relative": f"!{request.iid}",
            "full": f"{request.project.path}!{request.iid}",
        },
        "web_url": merge_request_url(state, request),
        "squash": request.squash_commit is not None,
        "should_remove_source_branch": None,
        "force_remove_source_branch": request.remove_source_branch,
        "has_conflicts": False,
        "blocking_discussions_resolved": all(one.resolved is not False for one in request.discussions),
    }


def whole_merge_request(state: State, request: MergeRequest) -> Json:
    """A merge request asked for by number: with its diff refs, once they are there."""
    changed = None if request.preparing else _changes_count(len(request.files()), state.limits)
    return merge_request(state, request) | {
        "diff_refs": None if request.preparing else diff_refs(request.version),
        "changes_count": changed,
        "merge_error": None,
        "user": {"can_merge": False},
        "subscribed": False,
    }


def _changes_count(files: int, limits: Limits) -> str:
    return f"{limits.files}+" if files > limits.files else str(files)


def _merge_status(request: MergeRequest) -> str:
    if request.state != "opened":
        return "not_open"
    if request.preparing:
        return "preparing"
    return "draft_status" if request.draft else "mergeable"


def diff_refs(version: Version) -> Json:
    return {"base_sha": version.base, "head_sha": version.head, "start_sha": version.start}


def version(request: MergeRequest, one: Version) -> Json:
    return {
        "id": one.id,
        "head_commit_sha": one.head,
        "base_commit_sha": one.base,
        "start_commit_sha": one.start,
        "created_at": moment(one.created_at),
        "merge_request_id": request.id,
        "state": "collected",
        "real_size": str(len(request.files(one))),
        "patch_id_sha": None,
    }


def diff(file: FileDiff, limits: Limits, *, unidiff: bool = False) -> Json:
    """One file of `/diffs`; a patch over a limit is left out and said to be."""
    too_large = len(file.patch) > limits.too_large_bytes
    collapsed = not too_large and len(file.patch) > limits.collapse_bytes
    text = "" if too_large or collapsed else file.text
    return {
        "diff": _unified_header(file) + text if unidiff and text and not file.binary else text,
        "collapsed": collapsed,
        "too_large": too_large,
        "new_path": file.new_path,
        "old_path": file.old_path,
        "a_mode": _mode(file.old_mode),
        "b_mode": _mode(file.new_mode),
        "new_file": file.status == "added",
        "renamed_file": file.status == "renamed",
        "deleted_file": file.status == "deleted",
        "generated_file": False,
    }


def _mode(mode: str) -> str:
    return "0" if mode == "000000" else mode


def _unified_header(file: FileDiff) -> str:
    old = "/dev/null" if file.status == "added" else f"a/{file.old_path}"
    new = "/dev/null" if file.status == "deleted" else f"b/{file.new_path}"
    return f"--- {old}\n+++ {new}\n"


def commit(state: State, one: Project, written: Commit) -> Json:
    return {
        "id": written.sha,
        "short_id": written.sha[:8],
        "title": written.title,
        "message": written.message,
        "author_name": written.author,
        "author_email": written.email,
        "authored_date": written.at,
        "committer_name": written.author,
        "committer_email": written.email,
        "committed_date": written.at,
        "created_at": written.at,
        "parent_ids": list(written.parents),
        "web_url": f"{state.url}/{one.path}/-/commit/{written.sha}",
    }


def tree_entry(one: TreeEntry) -> Json:
    name = one.path.rpartition("/")[2]
    return {"id": one.sha, "name": name, "type": one.type, "path": one.path, "mode": one.mode}


def branch(state: State, one: Project, name: str, tip: Commit) -> Json:
    return {
        "name": name,
        "commit": commit(state, one, tip),
        "merged": False,
        "protected": name == one.default_branch,
        "default": name == one.default_branch,
        "web_url": f"{state.url}/{one.path}/-/tree/{name}",
    }


def tag(state: State, one: Project, made: Tag) -> Json:
    return {
        "name": made.name,
        "message": made.message,
        "target": made.target,
        "commit": commit(state, one, one.repository.commit(made.commit)),
        "release": None,
        "protected": False,
    }


def position(given: Json) -> Json:
    """A stored position: the keys of its type, those not given as null."""
    absent = ABSENT_KEYS[given["position_type"]]
    return {key: given.get(key) for key in POSITION_KEYS if key not in absent}


def note(state: State, request: MergeRequest, one: Note) -> Json:
    shown = {
        "id": one.id,
        "type": one.type,
        "body": one.body,
        "author": user(state, one.author),
        "created_at": moment(one.created_at),
        "updated_at": moment(one.updated_at),
        "system": one.system,
        "noteable_id": request.id,
        "noteable_type": "MergeRequest",
        "project_id": request.project.id,
        "resolvable": one.resolvable,
        "confidential": one.internal,
        "internal": one.internal,
        "noteable_iid": request.iid,
        "commands_changes": {},
    }
    if one.position is not None:
        shown["position"] = position(one.position)
    if one.resolvable:
        resolver = one.resolved_by
        shown |= {
            "resolved": resolver is not None,
            "resolved_by": user(state, resolver) if resolver else None,
            "resolved_at": moment(one.resolved_at) if one.resolved_at else None,
        }
    return shown


def discussion(state: State, request: MergeRequest, one: Discussion) -> Json:
    return {
        "id": one.id,
        "individual_note": one.individual,
        "notes": [note(state, request, written) for written in one.notes],
    }


def draft(request: MergeRequest, one: Draft) -> Json:
    return {
        "id": one.id,
        "author_id": one.author.id,
        "merge_request_id": request.id,
        "resolve_discussion": one.resolve,
        "discussion_id": one.discussion,
        "note": one.note,
        "commit_id": one.commit,
        "line_code": one.line_code,
        "position": position(one.position or {"position_type": "text"}),
    }


def award(state: State, request: MergeRequest, one: Award) -> Json:
    return {
        "id": one.id,
        "name": one.name,
        "user": user(state, one.user),
        "created_at": moment(one.created_at),
        "updated_at": moment(one.created_at),
        "awardable_id": one.note or request.id,
        "awardable_type": "Note" if one.note else "MergeRequest",
        "url": None,
    }


def hook(state: State, one: Hook, of: Project | Group) -> Json:
    """A hook's secrets are never shown; that they are there is told since signing tokens are being prepared."""
    flags = {name: name in one.events for name in HOOK_EVENTS}
    told = {
        "token_present": one.token is not None,
        "signing_token_present": one.signing_token is not None,
    }
    return {
        "id": one.id,
        "url": one.url,
        "name": None,
        "description": None,
        "project_id" if isinstance(of, Project) else "group_id": of.id,
        "created_at": moment(one.created_at),
        "enable_ssl_verification": one.checks_certificate,
        "alert_status": hook_health.alert_status(state, one),
        "disabled_until": moment(one.disabled_until) if one.disabled_until else None,
        "url_variables": [],
        "custom_headers": [],
        "custom_webhook_template": one.template,
        **(told if state.at_least(*SECRETS_TOLD_SINCE) else {}),
        **flags,
    }


def hook_log(one: Delivery) -> Json:
    """A line of a hook's log: what was sent, without secrets, and what came back."""
    answered = isinstance(one.status, int)
    return {
        "id": one.id,
        "url": one.hook.url,
        "trigger": one.event.lower().replace(" ", "_") + "s",
        "request_headers": {"Content-Type": "application/json", "X-Gitlab-Event": one.event},
        "request_data": json.loads(one.body),
        "response_headers": {},
        "response_body": one.said if answered else "",
        "execution_duration": 0.0,
        "response_status": str(one.status) if answered else "internal error",
        "created_at": moment(one.at),
    }


def file(repository: Repository, path: str, ref: str, sha: str, content: bytes, encoded: str) -> Json:
    return {
        "file_name": path.rpartition("/")[2],
        "file_path": path,
        "size": len(content),
        "encoding": "base64",
        "content": encoded,
        "ref": ref,
        "commit_id": sha,
        "last_commit_id": sha,
        "blob_id": as_text(repository.git("rev-parse", f"{sha}:{path}")).strip(),
    }
