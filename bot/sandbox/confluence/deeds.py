"""Everything that changes a page: each deed keeps Confluence's rules, tells the webhooks, and is counted for tests."""

import json
import uuid
from typing import Any

from bot.sandbox.confluence import markers, webhooks
from bot.sandbox.confluence.model import (
    Anchor,
    Comment,
    Operation,
    Page,
    Person,
    Property,
    Site,
    Space,
    Status,
    Version,
    now,
)
from bot.sandbox.confluence.refusals import TAKEN, Refused, invalid
from bot.sandbox.confluence.storage import Saving, saved
from bot.sandbox.confluence.tree import BadStorage

LONGEST_TITLE = 255
HOLDING = ("current", "archived", "draft")  # their titles are taken


# --- pages


def create(
    site: Site,
    actor: Person,
    space: Space,
    title: str,
    body: str,
    parent: Page | None = None,
    status: Status = "current",
    message: str = "",
) -> Page:
    title = free_title(site, space, title)
    moment = now()
    version = Version(1, actor, moment, title, stored(site, body, space), message)
    page = Page(site.next_id(), space, actor, moment, [version], parent, status)
    site.pages.append(page)
    _count(site, page, actor, "page")
    if status == "current":
        webhooks.page_event(site, "page_created", page, actor)
    return page


def update(
    site: Site,
    actor: Person,
    page: Page,
    *,
    title: str | None = None,
    body: str | None = None,
    message: str = "",
    minor: bool = False,
    parent: Page | None = None,
) -> Version:
    """A new version, also where nothing is new. Comments whose marker is gone hang on nothing any more."""
    title = page.title if title is None else free_title(site, page.space, title, page)
    text = page.now.body if body is None else stored(site, body, page.space)
    if parent is not None and parent is not page.parent:
        move(site, actor, page, parent)
    version = Version(page.now.number + 1, actor, now(), title, text, message, minor)
    page.versions.append(version)
    if body is not None:
        settle(page)
    _count(site, page, actor, "page")
    webhooks.page_event(site, "page_updated", page, actor)
    return version


def move(site: Site, actor: Person, page: Page, parent: Page | None, space: Space | None = None) -> None:
    """Below another page, or to another space with all that stands below it. No new version."""
    target = parent.space if parent else space or page.space
    if parent is page or (parent is not None and page in parent.ancestors()):
        raise invalid("A page cannot be moved below itself.")
    if target is not page.space:
        free_title(site, target, page.title)
    told = {"oldParent": {"id": int(page.parent.id)}} if page.parent else {}
    page.parent = parent
    for one in _with_below(site, page):
        one.space = target
    _count(site, page, actor, "move")
    webhooks.page_event(site, "page_moved", page, actor, **told)


def trash(site: Site, actor: Person, page: Page) -> None:
    """Those below it come to stand below its parent."""
    for child in site.children(page):
        child.parent = page.parent
    page.status = "trashed"
    _count(site, page, actor, "trash")
    webhooks.page_event(site, "page_trashed", page, actor)


def restore(site: Site, actor: Person, page: Page) -> None:
    """From the trash or the archive."""
    free_title(site, page.space, page.title, page)
    if page.parent is not None and page.parent.status != "current":
        page.parent = None
    was_trashed = page.status == "trashed"
    page.status = "current"
    _count(site, page, actor, "restore")
    if was_trashed:
        webhooks.page_event(site, "page_restored", page, actor)


def archive(site: Site, actor: Person, page: Page) -> None:
    page.status = "archived"
    _count(site, page, actor, "archive")


def purge(site: Site, actor: Person, page: Page) -> None:
    for child in site.children(page):
        child.parent = page.parent
    site.pages.remove(page)
    webhooks.page_event(site, "page_removed", page, actor)
    site.touch()


def restrict(site: Site, actor: Person, page: Page, operation: Operation, people: list[Person]) -> None:
    page.allowed[operation] = people
    _count(site, page, actor, "restriction")
    webhooks.permissions_event(site, page, actor)


def label(site: Site, actor: Person, page: Page, name: str, *, on: bool = True) -> None:
    name = name.lower()
    if on and name not in page.labels:
        page.labels.append(name)
    elif not on and name in page.labels:
        page.labels.remove(name)
    _count(site, page, actor, "label")


# --- comments


def comment(
    site: Site,
    actor: Person,
    page: Page,
    body: str,
    parent: Comment | None = None,
    anchor: Anchor | None = None,
) -> Comment:
    """In the footer, as a reply, or inline on what `anchor` names, whose marker stands there already."""
    moment = now()
    version = Version(1, actor, moment, page.title, stored(site, body, page.space))
    made = Comment(site.next_id(), page, actor, moment, [version], parent, anchor)
    page.comments.append(made)
    _count(site, page, actor, "comment")
    webhooks.comment_event(site, "comment_created", made, actor)
    return made


def comment_inline(
    site: Site, actor: Person, page: Page, body: str, selection: str, index: int = 0, total: int | None = None
) -> Comment:
    """The marker goes into the version that stands; `total`: how often whoever asks believes the words are there."""
    found = _standing(page, selection)
    if not selection or not found or (total is not None and total != found) or not 0 <= index < found:
        raise invalid(f"Text selection '{selection}' cannot be found in the content: {found} matches.")
    text = stored(site, body, page.space)
    ref = str(uuid.uuid4())
    last = page.now
    marked = markers.marked(last.body, selection, index, ref)
    page.versions[-1] = Version(
        last.number, last.author, last.at, last.title, marked, last.message, last.minor
    )
    return comment(site, actor, page, text, anchor=Anchor(ref, selection))


def _standing(page: Page, selection: str) -> int:
    """How often the words stand on the page; a body that cannot be read has none."""
    try:
        return markers.count(page.now.body, selection)
    except BadStorage:
        return 0


def edit_comment(site: Site, actor: Person, one: Comment, body: str) -> None:
    text = stored(site, body, one.page.space)
    one.versions.append(Version(one.now.number + 1, actor, now(), one.page.title, text))
    _count(site, one.page, actor, "comment")
    webhooks.comment_event(site, "comment_updated", one, actor)


def resolve_comment(site: Site, one: Comment, *, on: bool = True) -> None:
    one.resolution = "resolved" if on else "open"
    site.touch()


def delete_comment(site: Site, actor: Person, one: Comment) -> None:
    """With the replies to it."""
    page = one.page
    for reply in [each for each in page.comments if each.parent is one]:
        delete_comment(site, actor, reply)
    page.comments.remove(one)
    _count(site, page, actor, "comment")
    webhooks.comment_event(site, "comment_removed", one, actor)


def settle(page: Page) -> None:
    """An inline comment whose marker is gone is left dangling, and is open again once it is back."""
    standing = markers.refs(page.now.body)
    for one in page.comments:
        if one.anchor and one.resolution != "resolved":
            one.resolution = "open" if one.anchor.ref in standing else "dangling"


# --- properties


def set_property(site: Site, actor: Person, owner: Page | Comment, key: str, value: Any) -> Property:
    """A new one, or the next version of the one that is there."""
    if len(json.dumps(value, ensure_ascii=False).encode()) > site.limits.value_bytes:
        raise invalid(f"The value of the property is longer than {site.limits.value_bytes} bytes.")
    page = owner if isinstance(owner, Page) else owner.page
    before = owner.properties.get(key)
    number = before.number + 1 if before else 1
    made = Property(before.id if before else site.next_id(), key, value, number, actor, now())
    owner.properties[key] = made
    _count(site, page, actor, "property")
    return made


def delete_property(site: Site, actor: Person, owner: Page | Comment, key: str) -> None:
    del owner.properties[key]
    _count(site, owner if isinstance(owner, Page) else owner.page, actor, "property")


# --- rules


def free_title(site: Site, space: Space, title: str, own: Page | None = None) -> str:
    """The title without blanks around it, where no other page of the space has it, in whatever case."""
    title = title.strip()
    if not title:
        raise invalid("Title is required.")
    if len(title) > LONGEST_TITLE:
        raise invalid(f"Title cannot be longer than {LONGEST_TITLE} characters.")
    for one in site.pages:
        is_other = one is not own and one.space is space and one.status in HOLDING
        if is_other and one.title.casefold() == title.casefold():
            where = f"the title {title} in the space with key {space.key}"
            words = TAKEN + ("the same TITLE in this space" if site.cloud else where)
            raise Refused(400, words, "BAD_REQUEST")
    return title


def stored(site: Site, body: str, space: Space) -> str:
    """The storage that stands there once this one was saved."""
    if len(body.encode(errors="surrogatepass")) > site.limits.body_bytes:
        raise Refused(413, f"The body is larger than {site.limits.body_bytes} bytes.")
    try:
        return saved(body, Saving(site.flavour, lambda title: _version_of(site, space, title)))
    except UnicodeEncodeError:
        raise invalid("Error parsing xhtml: Invalid character") from None
    except BadStorage as error:
        raise Refused(400, str(error), "BAD_REQUEST") from None


def _version_of(site: Site, space: Space, title: str) -> int:
    found = (
        one for one in site.pages if one.space is space and one.title == title and one.status == "current"
    )
    page = next(found, None)
    return page.now.number if page else 1


def _with_below(site: Site, page: Page) -> list[Page]:
    return [one for one in site.pages if one is page or page in one.ancestors()]


def _count(site: Site, page: Page, actor: Person, what: str) -> None:
    page.writes[(actor.name, what)] += 1
    site.touch()
