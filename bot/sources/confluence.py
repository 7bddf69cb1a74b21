"""Confluence's deliveries, read once into typed events; nothing later sees the raw form. They are hints: they carry a
page's id and little more, and the page is read again before anything is done.

Data Center: `{"timestamp", "event", "userKey", "page": {"id"}}` (confluence.atlassian.com/doc, "Managing Webhooks"),
all ids as numbers; one edit may be told as `page_updated` and as `content_updated`. Cloud has no webhooks of its own:
a Forge app may pass on `{"eventType", "atlassianId", "content": {"id", "type", "space", "version"}}`
(developer.atlassian.com, /platform/forge/events-reference/confluence), an old Connect app
`{"userAccountId", "timestamp", "page": {"id", ...}}`, whose event only its address names. Whoever writes the body
themselves sends `{"event", "page_id"}`, and, where they can, `id` (which names this one occurrence), `space` (its
key), `version`, `user` (an account id) and `timestamp` (milliseconds).

The tables name every kind that is known; whatever is in none of them is unknown.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Final, Literal

from bot.domain.events import Ignored, PageChanged
from bot.errors import BadDelivery
from bot.sources.json_body import Json, part, plain, read_object, text, whole_number

Action = Literal["created", "updated", "moved", "removed", "restored", "restricted"]

ORDER = "the order of pages starts nothing"
BLOGS = "blog posts start nothing"
COMMENTS = "comments on pages start nothing: proposals are accepted on the merge request"
LABELS = "labels start nothing"
SPACES = "changes of spaces start nothing: TRIVET_RULES says which ones are served"
FILES = "attachments start nothing"
PEOPLE = "changes of users and groups start nothing"
LOOKS = "changes of themes start nothing"
LINKS = "likes, views and links between things start nothing"
UNPUBLISHED = "a live page starts something when it is published, not while it is written"
NO_PAGE_KIND = "only pages start anything, not other content"
TESTED = "a test of the connection, which has arrived"

EVENTS: Final[dict[str, Action]] = {
    "page_created": "created",
    "blueprint_page_created": "created",
    "page_updated": "updated",
    "page_moved": "moved",
    "page_trashed": "removed",
    "page_removed": "removed",
    "page_restored": "restored",
    "content_created": "created",
    "content_updated": "updated",
    "content_trashed": "removed",
    "content_restored": "restored",
    "content_permissions_updated": "restricted",
    "created": "created",
    "updated": "updated",
    "moved": "moved",
    "trashed": "removed",
    "removed": "removed",
    "deleted": "removed",
    "archived": "removed",
    "restored": "restored",
    "unarchived": "restored",
    "restricted": "restricted",
}
"""Data Center's events of pages, and the words for those who write the body themselves."""

FORGE: Final[dict[str, Action]] = {
    "created": "created",
    "copied": "created",
    "updated": "updated",
    "published": "updated",
    "moved": "moved",
    "trashed": "removed",
    "deleted": "removed",
    "archived": "removed",
    "restored": "restored",
    "unarchived": "restored",
    "permissions_updated": "restricted",
}
"""What may happen to a page in `avi:confluence:<happened>:page`."""

FORGE_IGNORED: Final[dict[str, str]] = {
    "children_reordered": ORDER,
    "liked": LINKS,
    "viewed": LINKS,
    "initialized": UNPUBLISHED,
    "started": UNPUBLISHED,
    "snapshotted": UNPUBLISHED,
}

IGNORED: Final[dict[str, str]] = {"page_children_reordered": ORDER}

FAMILIES: Final[dict[str, str]] = {
    "blog": BLOGS,
    "comment": COMMENTS,
    "label": LABELS,
    "space": SPACES,
    "attachment": FILES,
    "attachments": FILES,
    "user": PEOPLE,
    "group": PEOPLE,
    "theme": LOOKS,
    "relation": LINKS,
}
"""By the first word of Data Center's event, the kind in Forge's, or the part that a Connect app's body shows."""

NO_KIND = "the body names no event: neither Confluence's `event` nor Forge's `eventType`"
NO_PAGE = "the body names no page: give its id as `page_id`"

UNNAMED_SECONDS: Final = 60
"""For how long an equal body is the same delivery, when it holds nothing that tells one occurrence from the next."""

_WORD = re.compile(r"[A-Za-z_:]{1,60}")
_FORGE = re.compile(r"avi:confluence:(?P<happened>[a-z_]{1,60}):(?P<kind>[a-z_]{1,60})")


def delivery_name_confluence(headers: Mapping[str, str]) -> str:
    """Always "": neither Confluence nor who forwards its events names a delivery in a header."""
    return ""


def delivery_key_confluence(headers: Mapping[str, str], body: bytes) -> str:
    """What deduplicates this delivery: a digest of what occurred, else of its body.

    For a body that `parse_confluence` has read.
    """
    return f"confluence:{hashlib.sha256(_occurrence(body) or body).hexdigest()}"


def lifetime_confluence(headers: Mapping[str, str], body: bytes) -> int | None:
    """For how many seconds that key holds; None: as long as any."""
    return None if _occurrence(body) else UNNAMED_SECONDS


def _occurrence(body: bytes) -> bytes:
    """What tells this occurrence from every other: the sender's own id, else what happened to which page, and when.

    Empty where the sender gave nothing for it: a body of somebody's own counts by its `id` only.
    """
    content = read_object(body)
    word = next(filter(None, (plain(content, name) for name in ("event", "eventType", "updateTrigger"))), "")
    if given := plain(content, "id"):
        return "\n".join((word, given)).encode()
    about = next((one for name in ("page", "content") if type(one := content.get(name)) is dict), {})
    page, at = plain(about, "id"), plain(content, "timestamp")
    return "\n".join((word, page, at)).encode() if page and at else b""


def parse_confluence(headers: Mapping[str, str], body: bytes) -> PageChanged | Ignored:
    """The event in a verified delivery, or why it starts nothing. Raises BadDelivery(400) for any other body."""
    content = read_object(body)
    if content.get("event"):
        return _named(text(content, "event"), content)
    if content.get("eventType"):
        return _forge(text(content, "eventType"), content)
    return _shown(content)


def _named(word: str, body: Json) -> PageChanged | Ignored:
    """Data Center's own events, and those of bodies that senders write themselves."""
    if action := EVENTS.get(word):
        return _changed(action, body)
    if reason := IGNORED.get(word) or FAMILIES.get(word.partition("_")[0]):
        return Ignored(reason=reason)
    return _unknown(word)


def _forge(word: str, body: Json) -> PageChanged | Ignored:
    found = _FORGE.fullmatch(word)
    if found is None:
        return _unknown(word)
    if found["kind"] != "page":
        return Ignored(reason=FAMILIES.get(found["kind"], NO_PAGE_KIND))
    if action := FORGE.get(found["happened"]):
        return _changed(action, body)
    if reason := FORGE_IGNORED.get(found["happened"]):
        return Ignored(reason=reason)
    return _unknown(word)


def _shown(body: Json) -> PageChanged | Ignored:
    """A Connect app's body, which names no event: what a page's first version means is plain, the rest is read."""
    if type(body.get("page")) is dict:
        return _changed("created" if _version(body["page"]) == 1 else "updated", body)
    if reason := next((reason for name, reason in FAMILIES.items() if type(body.get(name)) is dict), ""):
        return Ignored(reason=reason)
    if body.get("test") is True:
        return Ignored(reason=TESTED)
    raise BadDelivery(400, NO_KIND)


def _unknown(word: str) -> Ignored:
    shown = word if _WORD.fullmatch(word) else "with an unreadable name"
    return Ignored(reason=f"an unknown event: {shown}", unknown=True)


def _changed(action: Action, body: Json) -> PageChanged | Ignored:
    about = part(body, "page", optional=True) or part(body, "content", optional=True)
    if _kind(about) != "page":
        return Ignored(reason=NO_PAGE_KIND)
    page = whole_number(about, "id") or whole_number(body, "page_id") or whole_number(body, "pageId")
    if not page:
        raise BadDelivery(400, NO_PAGE)
    return PageChanged(
        page=page,
        action=action,
        version=_version(about) or _version(body),
        space=_space(about) or _space(body),
        actor=_actor(body),
        at=int(whole_number(body, "timestamp") or 0),
    )


def _kind(about: Json) -> str:
    """What the content is; a page where it is not told."""
    return _first(about, "type", "contentType") or "page"


def _version(of: Json) -> int:
    """A number, or an object with one; 0 when absent."""
    if type(of.get("version")) is dict:
        return int(whole_number(of["version"], "number") or 0)
    return int(whole_number(of, "version") or 0)


def _space(of: Json) -> str:
    """A space's key, as `spaceKey`, as `space` or in it; "" when absent."""
    if type(of.get("space")) is dict:
        return text(of["space"], "key", "")
    return _first(of, "spaceKey", "space")


def _actor(body: Json) -> str:
    """Who did it: an account id, or Data Center's user key; "" when absent."""
    if type(body.get("user")) is dict:
        return _first(body["user"], "accountId", "userKey", "key")
    return _first(body, "userKey", "userAccountId", "atlassianId", "user")


def _first(of: Json, *names: str) -> str:
    """The first text there is of these names; "" for none."""
    return next(filter(None, (text(of, name, "") for name in names)), "")
