"""Texts between the form that is stored and the one that is asked for.

Version 3 of the API speaks ADF, version 2 and webhooks wiki text; Cloud stores ADF, Data Center wiki text.
"""

import copy
from typing import Any

from bot.sandbox.jira import adf
from bot.sandbox.jira.model import Json, Site, Text
from bot.sandbox.jira.wiki_reader import document
from bot.sandbox.jira.wiki_writer import wiki_text

LONGEST = 32_767


def stored(site: Site, given: Any, version: int) -> Text:
    """What the site keeps of a text given to this version of the API. Raises InvalidDocument, TypeError."""
    if given is None:
        return None
    if version == 3:
        return copy.deepcopy(adf.check(given))
    if not isinstance(given, str):
        raise TypeError("Operation value must be a string")
    return document(given) if site.cloud else given


def shown(text: Text, version: int) -> Text:
    if text is None:
        return None
    return as_document(text) if version == 3 else as_wiki(text)


def as_wiki(text: Text) -> str:
    return wiki_text(text) if isinstance(text, dict) else text or ""


def as_document(text: Text) -> Json:
    """What the page draws, whatever is stored."""
    return copy.deepcopy(text) if isinstance(text, dict) else document(text or "")


def converted(site: Site, text: Text) -> Text:
    """The text in the form that the site stores now, after it has changed its deployment."""
    if text is None:
        return None
    return as_document(text) if site.cloud else as_wiki(text)


def too_long(text: Text) -> bool:
    return len(as_wiki(text)) > LONGEST


def is_blank(text: Text) -> bool:
    return not as_wiki(text).strip()
