"""GitLab's webhook bodies, read once into typed events; nothing later sees the raw form.

Shapes: docs.gitlab.com, /user/project/integrations/webhook_events and /administration/system_hooks.
Only the fields an event needs are looked at. Every kind is listed: in `IGNORED`, or in `HANDLED`, which
stands below the readers it names. Whatever is in neither is reported as unknown.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final, Literal

from bot.domain.events import (
    BranchPushed,
    EmojiAwarded,
    Event,
    Ignored,
    MergeRequestChanged,
    NoteWritten,
    Person,
    PipelineChanged,
    Project,
    TagPushed,
)
from bot.domain.notes import THREADED
from bot.errors import BadDelivery
from bot.sources.json_body import Json, part, parts, read_object, text

MEMBERS = "changes of members start nothing: access is asked for when it matters"
SUBGROUPS = "changes of groups start nothing"
PROJECTS = "changes of projects start nothing: TRIVET_GITLAB__PROJECTS says which ones are served"
USERS = "changes of users and keys start nothing"
SUBSCRIPTION = "subscription approvals start nothing"
TOKENS = "access tokens that expire start nothing: `trivet doctor` tells about the bot's own"

IGNORED: Final[dict[str, str]] = {
    "issue": "GitLab issues start nothing",
    "work_item": "GitLab work items start nothing",
    "wiki_page": "wiki pages start nothing",
    "build": "single jobs start nothing: pipelines are read instead",
    "deployment": "deployments start nothing",
    "release": "releases start nothing: tags are read instead",
    "feature_flag": "feature flags start nothing",
    "milestone": "milestones start nothing",
    "vulnerability": "vulnerabilities start nothing",
    "repository_update": "repository updates start nothing: pushes are read instead",
    "access_token": TOKENS,
    "expiring_access_token": TOKENS,
    "user_access_request_revoked_for_group": MEMBERS,
    "user_access_request_revoked_for_project": MEMBERS,
    "user_access_request_to_group": MEMBERS,
    "user_access_request_to_project": MEMBERS,
    "user_add_to_group": MEMBERS,
    "user_add_to_team": MEMBERS,
    "user_remove_from_group": MEMBERS,
    "user_remove_from_team": MEMBERS,
    "user_update_for_group": MEMBERS,
    "user_update_for_team": MEMBERS,
    "group_create": SUBGROUPS,
    "group_destroy": SUBGROUPS,
    "group_rename": SUBGROUPS,
    "subgroup_create": SUBGROUPS,
    "subgroup_destroy": SUBGROUPS,
    "project_create": PROJECTS,
    "project_destroy": PROJECTS,
    "project_rename": PROJECTS,
    "project_transfer": PROJECTS,
    "project_update": PROJECTS,
    "key_create": USERS,
    "key_destroy": USERS,
    "user_create": USERS,
    "user_destroy": USERS,
    "user_failed_login": USERS,
    "user_rename": USERS,
    "gitlab_subscription_member_approval": SUBSCRIPTION,
    "gitlab_subscription_member_approvals": SUBSCRIPTION,
}

ACTIONS: Final[dict[str, Literal["opened", "reopened", "updated", "merged", "closed"]]] = {
    "open": "opened",
    "reopen": "reopened",
    "update": "updated",
    "merge": "merged",
    "close": "closed",
}
IGNORED_ACTIONS: Final[dict[str, str]] = {
    "approved": "approvals start nothing",
    "unapproved": "approvals taken back start nothing",
    "approval": "approvals start nothing",
    "unapproval": "approvals taken back start nothing",
    "": "a merge request event without an action (as system hooks send them) starts nothing",
}
NOTEABLES: Final[dict[str, Literal["MergeRequest", "Issue", "Commit", "Snippet"]]] = {
    "MergeRequest": "MergeRequest",
    "Issue": "Issue",
    "Commit": "Commit",
    "Snippet": "Snippet",
}

NO_KIND = "the body names no kind of event: leave the webhook's custom template empty"
NOTHING_NEW = "an update without new commits, readiness, words or review request starts nothing"
SYSTEM_NOTE = "notes that GitLab writes itself start nothing"
OTHER_NOTE = "notes on anything but merge requests, issues, commits and snippets start nothing"
OTHER_EMOJI = "reactions on anything but merge requests and their notes start nothing"

_KIND_FIELDS = ("object_kind", "event_name", "event_type")
_KEY_HEADERS = ("webhook-id", "idempotency-key")
_KEY = re.compile(r"[\x21-\x7e]{1,200}")
_WORD = re.compile(r"[A-Za-z_]{1,60}")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_PATH = re.compile(r"[A-Za-z0-9_.-]{1,255}(?:/[A-Za-z0-9_.-]{1,255}){1,20}")
_DRAFT_TITLE = re.compile(r"\s*(?:\[(?:draft|wip)\]|\(draft\)|draft:|wip:)", re.IGNORECASE)
_LARGEST_ID = 2**63 - 1


def delivery_name(headers: Mapping[str, str]) -> str:
    """The sender's own name of this delivery, the same when GitLab sends it again; "" without a usable one.

    Not `X-Gitlab-Webhook-UUID` (new each time) nor `X-Gitlab-Event-UUID` (shared by the hooks of one chain).
    """
    names = (headers.get(header, "") for header in _KEY_HEADERS)
    return next((name for name in names if _KEY.fullmatch(name)), "")


def delivery_key(headers: Mapping[str, str], body: bytes) -> str:
    """What deduplicates this delivery: its name, else a digest of its body."""
    return delivery_name(headers) or f"sha256:{hashlib.sha256(body).hexdigest()}"


def parse_gitlab(headers: Mapping[str, str], body: bytes) -> Event | Ignored:
    """The event in a verified delivery, or why it starts nothing. Raises BadDelivery(400) for any other body.

    `headers` say nothing the body does not: a system hook sends one `X-Gitlab-Event` for every kind.
    """
    content = read_object(body)
    kind = next((text(content, name) for name in _KIND_FIELDS if content.get(name)), "")
    if not kind:
        raise BadDelivery(400, NO_KIND)
    read = _read(kind, content)
    return read.model_copy(update={"place": _place(content)}) if isinstance(read, Ignored) else read


def _read(kind: str, content: Json) -> Event | Ignored:
    if reader := HANDLED.get(kind):
        return reader(content)
    if reason := IGNORED.get(kind):
        return Ignored(reason=reason)
    return _unknown("event", kind)


def _place(content: Json) -> str:
    """The path of the project that a delivery names; "" for none, or one that cannot be a path."""
    named = content.get("project")
    path = named.get("path_with_namespace") if isinstance(named, dict) else ""
    return path if isinstance(path, str) and _PATH.fullmatch(path) else ""


def _unknown(what: str, word: str) -> Ignored:
    shown = word if _WORD.fullmatch(word) else "with an unreadable name"
    return Ignored(reason=f"an unknown {what}: {shown}", unknown=True)


def _merge_request(body: Json) -> MergeRequestChanged | Ignored:
    about = part(body, "object_attributes")
    action = text(about, "action", "")
    if action in IGNORED_ACTIONS:
        return Ignored(reason=IGNORED_ACTIONS[action])
    if action not in ACTIONS:
        return _unknown("merge request action", action)
    changes = part(body, "changes", optional=True)
    event = MergeRequestChanged(
        project=_project(body),
        iid=_number(about, "iid"),
        action=ACTIONS[action],
        head=_head(about),
        actor=_person(body),
        draft=_is_draft(about),
        pushed=bool(text(about, "oldrev", "")),
        became_ready=_became_ready(changes),
        retargeted=bool(changes.get("target_branch")),
        reworded=action == "update" and _is_reworded(changes),
        asked=_newly_asked(changes) or (_reviewers(body) if action == "open" else ()),
        at=_time(about, "updated_at"),
    )
    wanted = event.pushed or event.became_ready or event.retargeted or event.reworded or event.asked
    idle = action == "update" and not wanted
    return Ignored(reason=NOTHING_NEW) if idle else event


def _is_draft(about: Json) -> bool:
    """`work_in_progress` is the older name."""
    return _flag(about, "draft") or _flag(about, "work_in_progress")


def _became_ready(changes: Json) -> bool:
    """`changes.draft` went from true to false; older versions tell of the title's prefix only."""
    if changes.get("draft") is not None:
        draft = part(changes, "draft")
        return _flag(draft, "previous") and not _flag(draft, "current")
    title = part(changes, "title", optional=True)
    before, after = text(title, "previous", ""), text(title, "current", "")
    return bool(_DRAFT_TITLE.match(before)) and not _DRAFT_TITLE.match(after)


def _is_reworded(changes: Json) -> bool:
    """Dropping the draft prefix is a change of the title, too. Opening tells of both, with nothing before."""
    return bool(changes.get("title") or changes.get("description"))


def _reviewers(body: Json) -> tuple[int, ...]:
    """Whoever a merge request is opened with as a reviewer is asked, though nothing has changed."""
    return tuple(_number(one, "id") for one in parts(body, "reviewers"))


def _newly_asked(changes: Json) -> tuple[int, ...]:
    """Ids of reviewers who were added, or are marked `re_requested` (GitLab 18.5) in this very event."""
    reviewers = part(changes, "reviewers", optional=True)
    before = {_number(one, "id") for one in parts(reviewers, "previous")}
    now = {_number(one, "id"): _flag(one, "re_requested") for one in parts(reviewers, "current")}
    return tuple(person for person, again in now.items() if again or person not in before)


def _note(body: Json) -> NoteWritten | Ignored:
    about = part(body, "object_attributes")
    noteable = NOTEABLES.get(text(about, "noteable_type"))
    if _flag(about, "system"):
        return Ignored(reason=SYSTEM_NOTE)
    if noteable is None:
        return Ignored(reason=OTHER_NOTE)
    request = part(body, "merge_request", optional=noteable != "MergeRequest")
    author = _person(body)
    return NoteWritten(
        project=_project(body),
        iid=_number(request, "iid") if noteable == "MergeRequest" else None,
        noteable=noteable,
        note=_number(about, "id"),
        discussion=text(about, "discussion_id", ""),
        author=Person(id=_number(about, "author_id", author.id), username=author.username),
        body=text(about, "note", ""),
        head=_head(request),
        internal=_flag(about, "internal") or body.get("event_type") == "confidential_note",
        edited=text(about, "action", "create") == "update",
        threaded=text(about, "type", "") in THREADED,
    )


def _emoji(body: Json) -> EmojiAwarded | Ignored:
    about = part(body, "object_attributes")
    request = part(body, "merge_request", optional=True)
    awardable = text(about, "awardable_type")
    if not request or awardable not in ("MergeRequest", "Note"):
        return Ignored(reason=OTHER_EMOJI)
    return EmojiAwarded(
        project=_project(body),
        iid=_number(request, "iid"),
        note=_number(about, "awardable_id") if awardable == "Note" else None,
        name=text(about, "name"),
        actor=_person(body),
        revoked=text(body, "event_type", "award") == "revoke",
    )


def _push(body: Json) -> BranchPushed:
    return BranchPushed(
        project=_project(body),
        branch=text(body, "ref").removeprefix("refs/heads/"),
        before=_commit(body, "before"),
        after=_commit(body, "after"),
        actor=_pusher(body),
    )


def _tag_push(body: Json) -> TagPushed:
    """Of an annotated tag `after` is the tag's own object; `checkout_sha` is the commit, null where it was deleted."""
    return TagPushed(
        project=_project(body),
        tag=text(body, "ref").removeprefix("refs/tags/"),
        before=_commit(body, "before"),
        after=_commit(body, "checkout_sha" if body.get("checkout_sha") else "after"),
        actor=_pusher(body),
    )


def _pipeline(body: Json) -> PipelineChanged:
    about = part(body, "object_attributes")
    request = part(body, "merge_request", optional=True)
    return PipelineChanged(
        project=_project(body),
        pipeline=_number(about, "id"),
        iid=_number(request, "iid") if request else None,
        ref=text(about, "ref"),
        sha=_commit(about, "sha"),
        status=text(about, "status"),
    )


HANDLED: Final[dict[str, Callable[[Json], Event | Ignored]]] = {
    "merge_request": _merge_request,
    "note": _note,
    "emoji": _emoji,
    "push": _push,
    "tag_push": _tag_push,
    "pipeline": _pipeline,
}


def _project(body: Json) -> Project:
    project = part(body, "project")
    path = text(project, "path_with_namespace")
    if not _PATH.fullmatch(path):
        raise BadDelivery(400, "`path_with_namespace` is not a project path")
    return Project(id=_number(project, "id"), path=path)


def _person(body: Json) -> Person:
    """Who did it. Versions before 13 send no id: 0 then."""
    user = part(body, "user")
    return Person(id=_number(user, "id", 0), username=text(user, "username"))


def _pusher(body: Json) -> Person:
    return Person(id=_number(body, "user_id", 0), username=text(body, "user_username", ""))


def _head(request: Json) -> str:
    """The newest commit, "" for a merge request that has none yet."""
    commit = part(request, "last_commit", optional=True)
    return _commit(commit, "id") if commit else ""


def _number(of: Json, name: str, default: int | None = None) -> int:
    value = of.get(name)
    if value is None and default is not None:
        return default
    if type(value) is not int or not 0 < value <= _LARGEST_ID:
        raise BadDelivery(400, f"`{name}` is missing or not an id")
    return value


def _flag(of: Json, name: str) -> bool:
    return of.get(name) is True


def _time(of: Json, name: str) -> str:
    """ISO 8601 in UTC, to the millisecond, so that texts compare as times do; "" when absent.

    GitLab writes "2026-11-22 10:00:00 UTC" in most payloads and "2026-11-22T10:00:00Z" in some.
    """
    value = text(of, name, "").replace(" UTC", "Z")
    if not value:
        return ""
    try:
        moment = datetime.fromisoformat(value)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadDelivery(400, f"`{name}` is not a time") from None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _commit(of: Json, name: str) -> str:
    value = text(of, name)
    if not _COMMIT.fullmatch(value):
        raise BadDelivery(400, f"`{name}` is not a commit id")
    return value
