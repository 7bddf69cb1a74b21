"""Pages written: made below another one, or brought to their next version; and what an older version held.

Sources: developer.atlassian.com/cloud/confluence/rest/v2/api-group-page and the Data Center reference, "content".
"""

import dataclasses
from typing import Any

from bot.domain.pages import Page
from bot.errors import NotFound
from bot.gateways.confluence_api import ConfluenceApi, content_path, page_path
from bot.gateways.confluence_shapes import BodyShape, VersionShape, shaped
from bot.gateways.confluence_spaces import space_of
from bot.gateways.shapes import Number, Shape


class MadeShape(Shape):
    """What was just made, by its id."""

    id: Number


class FormerShape(Shape):
    """A page as it was at an older version."""

    body: BodyShape
    version: VersionShape


def create(api: ConfluenceApi, space: str, title: str, parent: str, storage: str) -> str:
    """A new page of this body, below the page with the id `parent` ("": where the space begins); its id.

    Raises Refused where the title is taken: titles are unique in a space.
    """
    what = f"the page {title}"
    made = (
        api.v2.post("/pages", what, _new_cloud(space_of(api, space).id, title, parent, storage))
        if api.is_cloud
        else api.v1.post("/content", what, _new(space, title, parent, storage))
    )
    return shaped(MadeShape, made, what).id


def write_over(api: ConfluenceApi, page: Page, storage: str, message: str, *, quiet: bool) -> None:
    """The page's next version, with this body; its title and place stay. Raises Conflict where it has one already.

    `quiet`: nobody who watches the page is told, which Data Center alone can do.
    """
    what = f"page {page.id}"
    version = {"number": page.version + 1, "message": message}
    body = {"value": storage, "representation": "storage"}
    if api.is_cloud:
        api.v2.put(page_path(page.id), what, _next_cloud(page, body, version))
    else:
        api.v1.put(content_path(page.id), what, _next(page, body, {**version, "minorEdit": quiet}))


def former(api: ConfluenceApi, page: Page, version: int) -> Page | None:
    """The page as it was last before the next version took its place; None where it is no longer kept."""
    what = f"version {version} of page {page.id}"
    try:
        found = _former(api, page.id, version, what)
    except NotFound:
        return None
    old = shaped(FormerShape, found, what)
    return dataclasses.replace(
        page,
        version=version,
        storage=old.body.storage.value,
        author=old.version.author,
        message=old.version.message,
    )


def _former(api: ConfluenceApi, page: str, version: int, what: str) -> Any:
    if api.is_cloud:
        return api.v2.get(page_path(page), what, version=version, **{"body-format": "storage"})
    parts = "body.storage,version"
    return api.v1.get(content_path(page), what, status="historical", version=version, expand=parts)


def _new_cloud(space: str, title: str, parent: str, storage: str) -> dict[str, Any]:
    below = {"parentId": parent} if parent else {}
    body = {"representation": "storage", "value": storage}
    return {"spaceId": space, "status": "current", "title": title, **below, "body": body}


def _new(space: str, title: str, parent: str, storage: str) -> dict[str, Any]:
    below = {"ancestors": [{"id": parent}]} if parent else {}
    body = {"storage": {"value": storage, "representation": "storage"}}
    return {"type": "page", "title": title, "space": {"key": space}, **below, "body": body}


def _next_cloud(page: Page, body: dict[str, str], version: dict[str, Any]) -> dict[str, Any]:
    """`status` is required. No `parentId`: another one would move the page.

    A page that a person puts into the trash after we read it comes back with this: nothing in the request says "only
    if it still stands", and that trashing makes a version, which the lock would catch, is documented nowhere. To read
    it once more right before would take a request in every run, and narrow the gap without closing it.
    """
    return {"id": page.id, "status": page.status, "title": page.title, "body": body, "version": version}


def _next(page: Page, body: dict[str, str], version: dict[str, Any]) -> dict[str, Any]:
    """No `status`: it would take a page that was trashed meanwhile out of the trash. No `ancestors`: they move it."""
    return {"id": page.id, "type": "page", "title": page.title, "body": {"storage": body}, "version": version}
