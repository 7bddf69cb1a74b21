"""Everything that changes an issue: each deed writes the history, tells the webhooks, and is counted for tests."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.sandbox.jira import shapes, texts, webhooks
from bot.sandbox.jira.model import (
    Change,
    Comment,
    Issue,
    Json,
    Named,
    Person,
    Project,
    RemoteLink,
    SecurityLevel,
    Site,
    Text,
    Transition,
    Version,
    now,
)
from bot.sandbox.jira.shapes import CRITERIA

UPDATED, CREATED, DELETED = "jira:issue_updated", "jira:issue_created", "jira:issue_deleted"


@dataclass(frozen=True, slots=True)
class Tracked:
    """How a field stands in the history: its name there, and (id, text) of a value."""

    attribute: str
    name: str
    tell: Callable[[Site, Any], tuple[str | None, str | None]]


def _words(site: Site, value: Any) -> tuple[str | None, str | None]:
    return None, value


def _text(site: Site, value: Any) -> tuple[str | None, str | None]:
    return None, None if value is None else texts.as_wiki(value)


def _thing(site: Site, value: Any) -> tuple[str | None, str | None]:
    return (value.id, value.name) if value else (None, None)


def _who(site: Site, value: Person | None) -> tuple[str | None, str | None]:
    if value is None:
        return None, None
    return (value.account_id if site.cloud else value.key), value.display_name


def _labels(site: Site, value: list[str]) -> tuple[str | None, str | None]:
    return None, " ".join(value)


TRACKED = {
    "summary": Tracked("summary", "summary", _words),
    "description": Tracked("description", "description", _text),
    CRITERIA: Tracked("criteria", shapes.CRITERIA_NAME, _text),
    "status": Tracked("status", "status", _thing),
    "resolution": Tracked("resolution", "resolution", _thing),
    "priority": Tracked("priority", "priority", _thing),
    "assignee": Tracked("assignee", "assignee", _who),
    "labels": Tracked("labels", "labels", _labels),
    "security": Tracked("security", "security", _thing),
}
LISTED = {
    "components": Tracked("components", "Component", _thing),
    "fixVersions": Tracked("fix_versions", "Fix Version", _thing),
}


def create(
    site: Site,
    project: Project,
    author: Person,
    summary: str,
    description: Text = None,
    kind: Named | None = None,
    **given: Any,
) -> Issue:
    """`given`: further attributes of the issue."""
    at = now()
    issue = Issue(
        str(site.next_id("issue")),
        project.next_key(),
        project,
        kind or site.types[0],
        summary,
        project.statuses[0],
        author,
        at,
        at,
        description,
        **({"priority": site.priorities[len(site.priorities) // 2]} | given),
    )
    site.issues.append(issue)
    webhooks.issue_event(site, CREATED, "issue_created", issue, author)
    site.touch()
    return issue


def edit(site: Site, issue: Issue, author: Person, values: Mapping[str, Any]) -> None:
    """Sets fields, by id. Nothing happens where nothing changes."""
    items = _set(site, issue, values)
    if items:
        issue.writes[author.name, "edit"] += 1
        only_assigned = {item["fieldId"] for item in items} == {"assignee"}
        _updated(site, issue, author, items, "issue_assigned" if only_assigned else "issue_updated")


def move(site: Site, issue: Issue, author: Person, transition: Transition, values: Mapping[str, Any]) -> None:
    """Carries out a transition. Leaving the done ones takes the resolution away."""
    done = transition.to.category == "done"
    cleared: dict[str, Any] = {} if done else {"resolution": None}
    items = _set(site, issue, cleared | dict(values) | {"status": transition.to})
    issue.resolved = now() if issue.resolution else None
    issue.writes[author.name, "transition"] += 1
    _updated(site, issue, author, items, "issue_generic")


def add_comment(
    site: Site,
    issue: Issue,
    author: Person,
    body: Text,
    visibility: Json | None = None,
    properties: Mapping[str, Any] | None = None,
) -> Comment:
    at = issue.updated = now()
    comment = Comment(
        str(site.next_id("comment")), author, body, at, at, author, visibility, dict(properties or {})
    )
    issue.comments.append(comment)
    issue.writes[author.name, "comment_created"] += 1
    _tell_of_comment(site, issue, comment, "created", "issue_commented")
    return comment


def edit_comment(site: Site, issue: Issue, author: Person, comment: Comment, body: Text) -> None:
    comment.body, comment.update_author = body, author
    comment.updated = issue.updated = now()
    issue.writes[author.name, "comment_updated"] += 1
    _tell_of_comment(site, issue, comment, "updated", "issue_comment_edited")


def delete_comment(site: Site, issue: Issue, author: Person, comment: Comment) -> None:
    issue.comments.remove(comment)
    issue.updated = now()
    issue.writes[author.name, "comment_deleted"] += 1
    _tell_of_comment(site, issue, comment, "deleted", "issue_comment_deleted")


def set_comment_property(
    site: Site, issue: Issue, author: Person, comment: Comment, key: str, value: Any
) -> None:
    """No webhook tells of it."""
    comment.properties[key] = value
    issue.writes[author.name, "comment_property"] += 1
    site.touch()


def set_property(site: Site, issue: Issue, author: Person, key: str, value: Any) -> None:
    """Tells of the property, not of an updated issue."""
    issue.properties[key] = value
    issue.writes[author.name, "issue_property"] += 1
    webhooks.property_event(site, "issue_property_set", issue, author, {"key": key, "value": value})
    site.touch()


def delete_property(site: Site, issue: Issue, author: Person, key: str) -> None:
    value = issue.properties.pop(key)
    issue.writes[author.name, "issue_property_deleted"] += 1
    webhooks.property_event(site, "issue_property_deleted", issue, author, {"key": key, "value": value})
    site.touch()


def add_link(site: Site, issue: Issue, author: Person, link: RemoteLink) -> None:
    """Stands in the history; no webhook tells of it."""
    issue.links.append(link)
    issue.writes[author.name, "link_created"] += 1
    _linked(site, issue, author, link, added=True)


def change_link(site: Site, issue: Issue, author: Person, link: RemoteLink) -> None:
    issue.writes[author.name, "link_updated"] += 1
    _linked(site, issue, author, link, added=True)


def delete_link(site: Site, issue: Issue, author: Person, link: RemoteLink) -> None:
    issue.links.remove(link)
    issue.writes[author.name, "link_deleted"] += 1
    _linked(site, issue, author, link, added=False)


def to_project(site: Site, issue: Issue, author: Person, project: Project) -> None:
    """Another key; the one before still finds it."""
    before, issue.project = issue.project, project
    issue.former_keys.append(issue.key)
    old_key, issue.key = issue.key, project.next_key()
    items = [
        _item("project", "project", (before.id, before.name), (project.id, project.name)),
        _item("Key", "Key", (None, old_key), (None, issue.key)),
    ]
    _updated(site, issue, author, items, "issue_moved")


def secure(site: Site, issue: Issue, author: Person, level: SecurityLevel | None) -> None:
    edit(site, issue, author, {"security": level})


def delete(site: Site, issue: Issue, author: Person) -> None:
    site.issues.remove(issue)
    webhooks.issue_event(site, DELETED, "issue_deleted", issue, author)
    site.touch()


def release(site: Site, project: Project, version: Version) -> None:
    version.released, version.release_date = True, now().date().isoformat()
    webhooks.version_event(site, "jira:version_released", project, version)
    site.touch()


def _set(site: Site, issue: Issue, values: Mapping[str, Any]) -> list[Json]:
    """Sets them; the history's items of those that are different now."""
    items: list[Json] = []
    for key, value in values.items():
        tracked = TRACKED.get(key) or LISTED[key]
        before = getattr(issue, tracked.attribute)
        if before == value:
            continue
        setattr(issue, tracked.attribute, value)
        if key in LISTED:
            items += _list_items(key, tracked, before, value)
        else:
            items.append(_item(tracked.name, key, tracked.tell(site, before), tracked.tell(site, value)))
    return items


def _list_items(key: str, tracked: Tracked, before: Sequence[Any], after: Sequence[Any]) -> list[Json]:
    """One item for each that went and each that came."""
    nothing = (None, None)
    gone = [_item(tracked.name, key, (one.id, one.name), nothing) for one in before if one not in after]
    come = [_item(tracked.name, key, nothing, (one.id, one.name)) for one in after if one not in before]
    return gone + come


def _item(
    name: str, key: str, before: tuple[str | None, str | None], after: tuple[str | None, str | None]
) -> Json:
    return {
        "field": name,
        "fieldtype": "custom" if key == CRITERIA else "jira",
        "fieldId": key,
        "from": before[0],
        "fromString": before[1],
        "to": after[0],
        "toString": after[1],
    }


def _changed(site: Site, issue: Issue, author: Person, items: Sequence[Json]) -> Change:
    change = Change(str(site.next_id("change")), author, now(), tuple(items))
    issue.history.append(change)
    issue.updated = change.created
    site.touch()
    return change


def _updated(site: Site, issue: Issue, author: Person, items: Sequence[Json], kind: str) -> None:
    change = _changed(site, issue, author, items)
    told = {"id": change.id, "items": [dict(item) for item in change.items]}
    webhooks.issue_event(site, UPDATED, kind, issue, author, changelog=told)


def _linked(site: Site, issue: Issue, author: Person, link: RemoteLink, *, added: bool) -> None:
    told = (str(link.id), f'This issue links to "{link.object["title"]}"')
    nothing = (None, None)
    before, after = (nothing, told) if added else (told, nothing)
    _changed(site, issue, author, [_item("RemoteIssueLink", "RemoteIssueLink", before, after)])


def _tell_of_comment(site: Site, issue: Issue, comment: Comment, what: str, kind: str) -> None:
    """Twice, as Jira does: as a comment, and as an update of the issue."""
    webhooks.comment_event(site, f"comment_{what}", issue, comment)
    told = shapes.comment(site, issue, comment, None, 2)
    webhooks.issue_event(site, UPDATED, kind, issue, comment.update_author, comment=told)
    site.touch()
