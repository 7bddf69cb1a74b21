"""Which issues changed of late, by Jira's search: Cloud's goes on by token, Data Center's by number."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bot.gateways.jira_api import JiraApi
from bot.gateways.jira_shapes import ChangedFieldsShape, FoundShape, IssueShape, shaped

PROJECT_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,254}")
MAX_CHANGED = 500
WHAT = "the issues changed of late"
RECENT = "project in ({projects}) AND updated >= -{minutes}m ORDER BY updated ASC"


@dataclass(frozen=True, slots=True)
class ChangedIssue:
    """An issue as a search shows it. `number` is Jira's own id; the times are ISO 8601 with offset."""

    key: str
    number: str
    project: str
    created: str
    updated: str


def recently_changed(api: JiraApi, projects: Sequence[str], minutes: int) -> Sequence[ChangedIssue]:
    """Oldest change first, at most `MAX_CHANGED`. Jira's searches know whole minutes, and on Cloud lag behind."""
    keys = [f'"{key}"' for key in projects if PROJECT_KEY.fullmatch(key)]
    if not keys:
        return ()
    jql = RECENT.format(projects=", ".join(keys), minutes=max(minutes, 1))
    found = _found(api, jql, _next_on_cloud if api.is_cloud else _next_on_datacenter)
    return [_changed(issue) for issue in {issue.id: issue for issue in found}.values()]


Next = Callable[[FoundShape, int], dict[str, Any] | None]


def _found(api: JiraApi, jql: str, following: Next) -> list[IssueShape]:
    path = "/search/jql" if api.is_cloud else "/search"
    found: list[IssueShape] = []
    place: dict[str, Any] | None = {}
    while place is not None and len(found) < MAX_CHANGED:
        query = {
            "jql": jql,
            "fields": ["project", "created", "updated"],
            "maxResults": MAX_CHANGED - len(found),
        }
        page = shaped(FoundShape, api.post(path, WHAT, {**query, **place}), WHAT)
        found += page.issues
        place = following(page, len(found)) if page.issues else None
    return found[:MAX_CHANGED]


def _next_on_cloud(page: FoundShape, _found: int) -> dict[str, Any] | None:
    return {"nextPageToken": page.next_token} if page.next_token else None


def _next_on_datacenter(page: FoundShape, found: int) -> dict[str, Any] | None:
    return {"startAt": found} if found < page.total else None


def _changed(found: IssueShape) -> ChangedIssue:
    fields = shaped(ChangedFieldsShape, found.fields, f"issue {found.key}")
    return ChangedIssue(
        key=found.key,
        number=found.id,
        project=fields.project.key,
        created=fields.created.isoformat(),
        updated=fields.updated.isoformat(),
    )
