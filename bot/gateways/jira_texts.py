"""Jira's rich texts, ADF on Cloud and wiki text on Data Center: made of our documents, read as plain text."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from bot.domain import adf, wiki
from bot.domain.document import Document
from bot.domain.issue_commands import NamedBy

WIKI_MENTION = re.compile(r"(?<!\\)\[~(?:accountid:)?([^\]\s|]{1,255})\]")


def stored(document: Document, made: Mapping[str, str], *, is_cloud: bool) -> Any:
    """The document as the deployment keeps it. `made`: what the proposal's other actions made, address by key."""
    return adf.to_adf(document, made) if is_cloud else wiki.to_wiki(document, made)


def plain(kept: Any) -> str:
    """The text of a body or description: an object is ADF, a string is wiki text."""
    if isinstance(kept, dict):
        return adf.to_text(kept)
    return wiki.to_text(kept) if isinstance(kept, str) else ""


def mentions(kept: Any, person: NamedBy) -> bool:
    """Whether the text mentions the account: by its id, or by its name on Data Center, which knows no case."""
    if isinstance(kept, dict):
        return any(node["attrs"].get("id") == person.id for node in _mention_nodes(kept))
    name = (person.username or person.id).casefold()
    return isinstance(kept, str) and any(found[1].casefold() == name for found in WIKI_MENTION.finditer(kept))


def named(kept: Any, person: NamedBy) -> Any:
    """The same text, in which mentions of the account read as "@" and its name now: ADF keeps what was typed once."""
    if isinstance(kept, dict):
        for node in _mention_nodes(kept):
            if node["attrs"].get("id") == person.id:
                node["attrs"]["text"] = f"@{person.username or person.name}"
    return kept


def _mention_nodes(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Without recursion: people nest what they like."""
    waiting: list[Any] = [document]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if node.get("type") == "mention" and isinstance(node.get("attrs"), dict):
                yield node
            waiting.append(node.get("content"))
        elif isinstance(node, list):
            waiting.extend(node)
