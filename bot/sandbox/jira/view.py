"""Jira as the page draws it, and as tests count it: plain JSON, texts as ADF trees on both deployments, no markup."""

from bot.sandbox.jira import shapes, texts
from bot.sandbox.jira.model import CATEGORIES, Comment, HookDelivery, Issue, Json, Person, Site, Transition


def view(site: Site | None) -> Json | None:
    """For the page. None where the sandbox has no Jira."""
    if site is None:
        return None
    return {
        "url": site.url,
        "deployment": site.deployment,
        "projects": [{"key": one.key, "name": one.name} for one in site.projects],
        "issues": [_issue(site, one) for one in site.issues],
        "deliveries": [delivery(one) for one in site.deliveries],
    }


def whole(site: Site) -> Json:
    """For tests: the view, and with every issue what was written to it and by whom."""
    shown = view(site) or {}
    shown["issues"] = [_issue(site, one) | _counted(site, one) for one in site.issues]
    shown["revision"] = site.state.revision
    return shown


def delivery(one: HookDelivery) -> Json:
    return {
        "id": one.id,
        "event": one.event,
        "url": one.hook.url,
        "identifier": one.identifier,
        "statuses": list(one.statuses),
        "done": one.done,
        "at": shapes.moment(one.at),
    }


def _issue(site: Site, one: Issue) -> Json:
    return {
        "id": one.id,
        "key": one.key,
        "url": shapes.browse(site, one),
        "project": one.project.key,
        "type": one.type.name,
        "title": one.summary,
        "status": {
            "name": one.status.name,
            "category": one.status.category,
            "color": CATEGORIES[one.status.category].color,
        },
        "moves": [_move(one, each) for each in one.transitions()],
        "resolution": one.resolution.name if one.resolution else None,
        "priority": one.priority.name if one.priority else None,
        "labels": list(one.labels),
        "components": [part.name for part in one.components],
        "assignee": _person(one.assignee),
        "reporter": _person(one.reporter),
        "security": one.security.name if one.security else None,
        "created": shapes.moment(one.created),
        "updated": shapes.moment(one.updated),
        "description": texts.as_document(one.description),
        "criteria": texts.as_document(one.criteria) if one.criteria else None,
        "comments": [_comment(comment) for comment in one.comments],
        "links": [_link(link.object, link.relationship, link.global_id) for link in one.links],
        "history": [
            {"at": shapes.moment(change.created), "author": _person(change.author), **_item(item)}
            for change in one.history
            for item in change.items
        ],
    }


def _move(one: Issue, way: Transition) -> Json:
    order = one.project.statuses
    return {
        "name": way.name,
        "to": way.to.name,
        "forward": order.index(way.to) > order.index(one.status),
    }


def _counted(site: Site, one: Issue) -> Json:
    writes: dict[str, dict[str, int]] = {}
    for (name, what), times in one.writes.items():
        writes.setdefault(name, {})[what] = times
    return {
        "former_keys": list(one.former_keys),
        "properties": dict(one.properties),
        "remote_links": [shapes.remote_link(site, one, link, 2) for link in one.links],
        "writes": writes,
        "description_text": texts.as_wiki(one.description),
        "statuses": [
            item["toString"] for change in one.history for item in change.items if item["fieldId"] == "status"
        ],
    }


def _comment(one: Comment) -> Json:
    return {
        "id": one.id,
        "author": _person(one.author),
        "body": texts.as_document(one.body),
        "text": texts.as_wiki(one.body),
        "created": shapes.moment(one.created),
        "updated": shapes.moment(one.updated),
        "edited": one.updated > one.created,
        "visibility": one.visibility["value"] if one.visibility else None,
        "properties": dict(one.properties),
    }


def _link(told: Json, relationship: str | None, global_id: str | None) -> Json:
    icon, status = told.get("icon") or {}, told.get("status") or {}
    return {
        "title": told["title"],
        "url": told["url"],
        "summary": told.get("summary"),
        "relationship": relationship or "links to",
        "global_id": global_id,
        "resolved": bool(status.get("resolved")),
        "status": (status.get("icon") or {}).get("title"),
        "icon": icon.get("title"),
    }


def _item(item: Json) -> Json:
    return {"field": item["field"], "from": item["fromString"], "to": item["toString"]}


def _person(one: Person | None) -> Json | None:
    return {"name": one.name, "display_name": one.display_name, "bot": one.kind == "app"} if one else None
