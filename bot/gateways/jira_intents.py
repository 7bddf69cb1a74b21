"""What our comments on Data Center are about to say: remembered at the issue before they are written.

Data Center takes no properties along with a comment (`POST issue/:key/comment`, measured), so that one whose job ends
before it is marked has nothing that tells it from others of the account. When a newer run takes over, which says
something else, its words alone do not match either; the seals here do. Who may edit the issue may write the property,
and cannot seal what the account, a person's perhaps, has said by hand.
"""

from typing import Any, Final
from urllib.parse import quote

from bot.domain.actions import CommentIssue
from bot.domain.issues import PROPERTY
from bot.domain.marks import MarkBook
from bot.errors import Forbidden, NotFound
from bot.gateways.jira_api import JiraApi, issue_path
from bot.gateways.jira_shapes import PropertyShape, shaped
from bot.gateways.jira_texts import plain

VERSION: Final = 1
MOST_INTENTS: Final = 5


def words(body: Any) -> str:
    """Of a body: Jira gives it back with other line ends."""
    return " ".join(plain(body).split())


class Intents:
    """What the comment of an action was, or is, about to say; nothing where nobody can seal it."""

    def __init__(self, api: JiraApi, action: CommentIssue, book: MarkBook) -> None:
        self._api = api
        self._book = book
        self._is_kept = book.signs and not api.is_cloud
        property_name = quote(f"{PROPERTY}.comment.{action.key}", safe="")
        self._path = f"{issue_path(action.issue)}/properties/{property_name}"
        self._named = f"a property of {action.issue}"

    def said(self, bodies: list[Any]) -> list[bool]:
        """Of each body, whether it was meant."""
        seals = self._seals() if bodies and self._is_kept else []
        return [any(self._book.has_sealed(words(body), seal) for seal in seals) for body in bodies]

    def intend(self, body: Any) -> None:
        """Remember it; an account that may comment on issues and not edit them goes without."""
        if not self._is_kept:
            return
        seals = [*self._seals(), self._book.seal(words(body))]
        value = {"v": VERSION, "seals": list(dict.fromkeys(seals))[-MOST_INTENTS:]}
        try:
            self._api.put(self._path, self._named, value)
        except Forbidden:
            return

    def _seals(self) -> list[str]:
        """Newest last."""
        try:
            found = shaped(PropertyShape, self._api.get(self._path, self._named), self._named)
        except NotFound:
            return []
        kept = found.value.get("seals") if isinstance(found.value, dict) else None
        return (
            [one for one in kept if isinstance(one, str) and one.isascii()] if isinstance(kept, list) else []
        )
