"""Jira's deliveries, read once into typed events; nothing later sees the raw form. They are hints: what an event
tells is read again before anything is done.

Webhooks: developer.atlassian.com, /cloud/jira/platform/webhooks and /server/jira/platform/webhooks. Only the fields
an event needs are looked at. Every kind is listed: in `IGNORED`, or in `HANDLED`, which stands below the readers it
names; without the prefix "jira:", which some names have and others do not. Whatever is in neither is unknown.

Automation rules, Forge apps and other senders write their bodies themselves: `{"event", "issue_key"}` with an event
of `TOLD`, and, where they can, `id` (which names this one occurrence), `to` (a status), `comment` (its id, or an
object with `id`, `body` and `author`), `user` (an account id, or an object) and `timestamp` (milliseconds).
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from bot.domain.events import Event, Ignored, IssueChanged, IssueCommented, JiraUser, VersionReleased
from bot.errors import BadDelivery
from bot.sources.json_body import Json, part, parts, plain, read_object, text, whole_number

DELETED = "deleted issues start nothing"
EDITED = "comments that are edited or deleted start nothing: a command is read when it is written"
PROPERTIES = "changes of issue properties start nothing"
WORK = "logged work starts nothing"
FILES = "attachments start nothing"
LINKS = "links between issues start nothing"
TYPES = "changes of issue types start nothing"
PROJECTS = "changes of projects start nothing: TRIVET_RULES says which ones are served"
VERSIONS = "changes of versions start nothing but for their release"
FILTERS = "changes of filters start nothing"
USERS = "changes of users start nothing"
OPTIONS = "changes of Jira's own settings start nothing"
SPRINTS = "sprints start nothing"
BOARDS = "changes of boards start nothing"
APPS = "what Jira tells about its apps starts nothing"

IGNORED: Final[dict[str, str]] = {
    "issue_deleted": DELETED,
    "comment_updated": EDITED,
    "comment_deleted": EDITED,
    "issue_property_set": PROPERTIES,
    "issue_property_deleted": PROPERTIES,
    "worklog_created": WORK,
    "worklog_updated": WORK,
    "worklog_deleted": WORK,
    "attachment_created": FILES,
    "attachment_deleted": FILES,
    "issuelink_created": LINKS,
    "issuelink_deleted": LINKS,
    "issuetype_created": TYPES,
    "issuetype_updated": TYPES,
    "issuetype_deleted": TYPES,
    "project_created": PROJECTS,
    "project_updated": PROJECTS,
    "project_deleted": PROJECTS,
    "project_soft_deleted": PROJECTS,
    "project_restored_deleted": PROJECTS,
    "project_archived": PROJECTS,
    "project_restored_archived": PROJECTS,
    "version_created": VERSIONS,
    "version_updated": VERSIONS,
    "version_moved": VERSIONS,
    "version_merged": VERSIONS,
    "version_deleted": VERSIONS,
    "version_unreleased": VERSIONS,
    "filter_created": FILTERS,
    "filter_updated": FILTERS,
    "filter_deleted": FILTERS,
    "user_created": USERS,
    "user_updated": USERS,
    "user_deleted": USERS,
    "option_voting_changed": OPTIONS,
    "option_watching_changed": OPTIONS,
    "option_unassigned_issues_changed": OPTIONS,
    "option_subtasks_changed": OPTIONS,
    "option_attachments_changed": OPTIONS,
    "option_issuelinks_changed": OPTIONS,
    "option_timetracking_changed": OPTIONS,
    "option_timetracking_provider_changed": OPTIONS,
    "sprint_created": SPRINTS,
    "sprint_updated": SPRINTS,
    "sprint_deleted": SPRINTS,
    "sprint_started": SPRINTS,
    "sprint_closed": SPRINTS,
    "board_created": BOARDS,
    "board_updated": BOARDS,
    "board_deleted": BOARDS,
    "board_configuration_changed": BOARDS,
    "jira_expression_evaluation_failed": APPS,
    "app_access_to_objects_blocked": APPS,
}

NO_KIND = "the body names no event: neither Jira's `webhookEvent` nor `event`, as automation rules send it"
NO_ISSUE = "the body names no issue: give its key as `issue_key`"
NO_EVENT = (
    "the body shows an issue and not what happened to it: "
    'let the rule send custom data, as {"event": "transitioned", "issue_key": "SHOP-1"}'
)
NO_COMMENT = "`comment` names no comment"
NOTHING_NEW = "an update without a new status, key or comment starts nothing"

UNNAMED_SECONDS: Final = 60
"""For how long an equal body is the same delivery, when it holds nothing that tells one occurrence from the next."""

_COMMENT_CHANGED = ("issue_comment_edited", "issue_comment_deleted")
_NAME = re.compile(r"[\x21-\x7e]{1,200}")
_WORD = re.compile(r"[A-Za-z_:]{1,60}")
_KEY = re.compile(r"[A-Z][A-Z0-9_]{0,254}-[0-9]{1,19}")
_ISSUE_OF_COMMENT = re.compile(r"/issue/([0-9]{1,19})/comment/")


class Named(NamedTuple):
    """An issue, as events name it: its key (else its number), its number and its project's key, "" if not told."""

    issue: str
    number: str
    project: str


def delivery_name_jira(headers: Mapping[str, str]) -> str:
    """Jira's own name of this delivery, the same when it is sent again; "" without a usable one, as on Data Center."""
    name = headers.get("x-atlassian-webhook-identifier", "")
    return f"jira:{name}" if _NAME.fullmatch(name) else ""


def delivery_key_jira(headers: Mapping[str, str], body: bytes) -> str:
    """What deduplicates this delivery: its name, else a digest of what occurred, else of its body.

    For a body that `parse_jira` has read.
    """
    if name := delivery_name_jira(headers):
        return name
    return f"jira:{hashlib.sha256(_occurrence(body) or body).hexdigest()}"


def lifetime_jira(headers: Mapping[str, str], body: bytes) -> int | None:
    """For how many seconds that key holds; None: as long as any."""
    return None if delivery_name_jira(headers) or _occurrence(body) else UNNAMED_SECONDS


def _occurrence(body: bytes) -> bytes:
    """What tells this occurrence from every other: several hooks may deliver it, each with a body of its own.

    Empty where the sender gave nothing for it.
    """
    content = read_object(body)
    if content.get("webhookEvent") and (at := plain(content, "timestamp")):
        about = (content.get(name) for name in ("issue", "comment", "changelog", "version"))
        ids = (plain(one, "id") if type(one) is dict else "" for one in about)
        return "\n".join((plain(content, "webhookEvent"), at, *ids)).encode()
    if content.get("event") and (given := plain(content, "id")):
        return "\n".join((plain(content, "event"), given)).encode()
    return b""


def parse_jira(headers: Mapping[str, str], body: bytes) -> Event | Ignored:
    """The event in a verified delivery, or why it starts nothing. Raises BadDelivery(400) for any other body."""
    content = read_object(body)
    if kind := _kind(content):
        return _webhook(kind, content)
    if content.get("event"):
        return _told(text(content, "event"), content)
    if _shows_issue(content):
        return Ignored(reason=NO_EVENT)
    raise BadDelivery(400, NO_KIND)


def _kind(body: Json) -> str:
    """The webhook's event, without prefix; "" for what is none. Without a name, the issue's event type tells it."""
    if name := text(body, "webhookEvent", ""):
        return name.removeprefix("jira:")
    happened = text(body, "issue_event_type_name", "")
    return "issue_updated" if happened and happened != "issue_created" else happened


def _webhook(kind: str, body: Json) -> Event | Ignored:
    if reader := HANDLED.get(kind):
        return reader(body)
    if reason := IGNORED.get(kind):
        return Ignored(reason=reason)
    return _unknown(kind)


def _unknown(word: str) -> Ignored:
    shown = word if _WORD.fullmatch(word) else "with an unreadable name"
    return Ignored(reason=f"an unknown event: {shown}", unknown=True)


def _shows_issue(body: Json) -> bool:
    """Whether it is the issue data of an automation rule, which says nothing of an event: bare, or as `issue`."""
    shown = body.get("issue", body)
    return type(shown) is dict and {"key", "fields"} <= shown.keys()


# --- Jira's own webhooks ---


def _created(body: Json) -> IssueChanged:
    named = _issue(part(body, "issue"))
    return IssueChanged(**named._asdict(), action="created", actor=_person(body, "user"), at=_time(body))


def _updated(body: Json) -> Event | Ignored:
    """Status and key are told by the changelog only: the type of an update is whatever administrators call it."""
    changelog = part(body, "changelog", optional=True)
    status, key = _change(changelog, "status"), _change(changelog, "key")
    if not status and not key:
        return _new_comment(body)
    return IssueChanged(
        **_issue(part(body, "issue"))._asdict(),
        action="updated",
        actor=_person(body, "user"),
        to=text(status, "toString", ""),
        transitioned=bool(status),
        change=whole_number(changelog, "id"),
        at=_time(body),
        moves_from=_key(key, "fromString"),
    )


def _change(changelog: Json, field: str) -> Json:
    """The last change of one of Jira's own fields (a custom one may have the same name); empty for none."""
    changes = [
        item
        for item in parts(changelog, "items")
        if text(item, "field", "").casefold() == field and item.get("fieldtype") != "custom"
    ]
    return changes[-1] if changes else {}


def _new_comment(body: Json) -> IssueCommented | Ignored:
    """Old servers tell of a comment by an update of its issue, and the oldest do not say whether it is a new one."""
    comment = part(body, "comment", optional=True)
    happened = text(body, "issue_event_type_name", "")
    as_written = text(comment, "created", "") == text(comment, "updated", "")
    if not comment or happened in _COMMENT_CHANGED or not (as_written or happened == "issue_commented"):
        return Ignored(reason=NOTHING_NEW)
    return _comment(_issue(part(body, "issue")), comment, body)


def _commented(body: Json) -> IssueCommented:
    comment = part(body, "comment")
    issue = part(body, "issue", optional=True)
    return _comment(_issue(issue or _issue_of(comment)), comment, body)


def _issue_of(comment: Json) -> Json:
    """Servers tell the issue of a comment only in the comment's address."""
    found = _ISSUE_OF_COMMENT.search(text(comment, "self", ""))
    return {"id": found[1]} if found else {}


def _released(body: Json) -> VersionReleased:
    version = part(body, "version")
    number = whole_number(version, "id")
    if not number:
        raise BadDelivery(400, "`version` has no id")
    return VersionReleased(
        version=number, name=text(version, "name"), project=whole_number(version, "projectId")
    )


HANDLED: Final[dict[str, Callable[[Json], Event | Ignored]]] = {
    "issue_created": _created,
    "issue_updated": _updated,
    "comment_created": _commented,
    "version_released": _released,
}


# --- bodies that senders write themselves ---


def _told(word: str, body: Json) -> Event | Ignored:
    if reader := TOLD.get(word):
        return reader(body)
    return Ignored(reason=NOTHING_NEW) if word == "updated" else _unknown(word)


def _told_created(body: Json) -> IssueChanged:
    named = _issue_told(body)
    return IssueChanged(**named._asdict(), action="created", actor=_person(body, "user"), at=_time(body))


def _told_transition(body: Json) -> IssueChanged:
    """Without `to`, the status counts that the issue has when it is read."""
    return IssueChanged(
        **_issue_told(body)._asdict(),
        action="updated",
        actor=_person(body, "user"),
        to=text(body, "to", ""),
        transitioned=True,
        at=_time(body),
    )


def _told_comment(body: Json) -> IssueCommented:
    comment = body.get("comment")
    return _comment(_issue_told(body), comment if type(comment) is dict else {"id": comment}, body)


TOLD: Final[dict[str, Callable[[Json], Event]]] = {
    "created": _told_created,
    "transitioned": _told_transition,
    "commented": _told_comment,
}


def _issue_told(body: Json) -> Named:
    value = body.get("issue_key") or body.get("issueKey") or body.get("issue")
    return _issue(value if type(value) is dict else {"key": value})


# --- what both are made of ---


def _issue(issue: Json) -> Named:
    key, number = _key(issue, "key"), whole_number(issue, "id")
    if not (key or number):
        raise BadDelivery(400, NO_ISSUE)
    return Named(key or number, number, key.rpartition("-")[0])


def _comment(named: Named, comment: Json, body: Json) -> IssueCommented:
    """A text that is none, as ADF, is left out: webhooks carry wiki text, in all captured ones."""
    number = whole_number(comment, "id")
    if not number:
        raise BadDelivery(400, NO_COMMENT)
    written = comment.get("body")
    return IssueCommented(
        **named._asdict(),
        comment=number,
        author=_person(comment, "author") or _person(body, "user") or _person(comment, "updateAuthor"),
        body=written if type(written) is str else "",
        internal=comment.get("jsdPublic") is False,
        at=_time(body),
    )


def _person(of: Json, name: str) -> JiraUser | None:
    """A person, or who has this id; None for nobody, as with an anonymous visitor."""
    if type(of.get(name)) is str:
        return JiraUser(id=of[name]) if of[name] else None
    user = part(of, name, optional=True)
    ids = (text(user, field, "") for field in ("accountId", "key", "name"))
    if not (own := next(filter(None, ids), "")):
        return None
    return JiraUser(id=own, name=text(user, "displayName", ""), username=text(user, "name", ""))


def _key(of: Json, name: str) -> str:
    """An issue's key in capitals, as Jira has it; "" when absent."""
    key = text(of, name, "").strip().upper()
    if key and not _KEY.fullmatch(key):
        raise BadDelivery(400, f"`{name}` is not the key of an issue")
    return key


def _time(body: Json) -> int:
    """Milliseconds since 1970; 0 when absent."""
    return int(whole_number(body, "timestamp") or 0)
