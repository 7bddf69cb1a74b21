"""The remote link between an issue and a merge request, with its state, or a page: one a pair, by its `globalId`.

Whatever a write leaves out Jira sets to null (developer.atlassian.com, "Issue remote links"), so all is always sent.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from bot.domain.actions import LinkIssue
from bot.errors import NotFound
from bot.gateways.jira_api import JiraApi, issue_path

LONGEST = 255  # characters of a title or summary, Jira's column
RELATIONSHIP, TO_PAGE = "merge request", "release notes"
TYPE, APPLICATION = "com.gitlab", "GitLab ({host})"
PAGE_TYPE, PAGE_APPLICATION = "com.atlassian.confluence", "Confluence ({host})"
STATES: Mapping[str, tuple[str, str]] = {  # Jira's own images, which every deployment serves
    "opened": ("Open", "open"),
    "merged": ("Merged", "resolved"),
    "closed": ("Closed", "closed"),
}
IMAGE = "{site}/images/icons/statuses/{name}.png"


def write_link(api: JiraApi, action: LinkIssue, title: str, summary: str) -> bool:
    """Make the issue show the link as the action says; whether anything had to be written."""
    wanted, there = _link(api, action, title, summary), _there(api, action)
    if any(_holds(one, wanted) or not action.update for one in there):
        return False
    if not there and not action.create:
        return False
    api.post(f"{issue_path(action.issue)}/remotelink", f"a link on {action.issue}", wanted)
    return True


def _link(api: JiraApi, action: LinkIssue, title: str, summary: str) -> dict[str, Any]:
    return (
        _to_page(action, title, summary)
        if action.state == "none"
        else _to_merge_request(api, action, title, summary)
    )


def _to_page(action: LinkIssue, title: str, summary: str) -> dict[str, Any]:
    host = urlsplit(action.url).netloc
    return {
        "globalId": action.global_id,
        "application": {"type": PAGE_TYPE, "name": PAGE_APPLICATION.format(host=host)},
        "relationship": TO_PAGE,
        "object": {"url": action.url, "title": _cut(title), "summary": _cut(summary)},
    }


def _to_merge_request(api: JiraApi, action: LinkIssue, title: str, summary: str) -> dict[str, Any]:
    state, image = STATES[action.state]
    return {
        "globalId": action.global_id,
        "application": {"type": TYPE, "name": APPLICATION.format(host=urlsplit(action.url).netloc)},
        "relationship": RELATIONSHIP,
        "object": {
            "url": action.url,
            "title": _cut(title),
            "summary": _cut(summary),
            "icon": {"title": "Merge request"},
            "status": {
                "resolved": action.state != "opened",
                "icon": {
                    "title": state,
                    "link": action.url,
                    "url16x16": IMAGE.format(site=api.site, name=image),
                },
            },
        },
    }


def _there(api: JiraApi, action: LinkIssue) -> list[Any]:
    """What Jira has under the id: one object or a list of them, by deployment. 404 may also mean the issue."""
    try:
        found = api.get(
            f"{issue_path(action.issue)}/remotelink",
            f"the links of {action.issue}",
            globalId=action.global_id,
        )
    except NotFound:
        return []
    return found if isinstance(found, list) else [found]


def _holds(there: Any, wanted: Any) -> bool:
    """Whether everything we would write is there already; Jira gives back more, and null for what is empty."""
    if isinstance(wanted, dict):
        return isinstance(there, dict) and all(_holds(there.get(key), value) for key, value in wanted.items())
    return (there or None) == (wanted or None)


def _cut(line: str) -> str:
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
