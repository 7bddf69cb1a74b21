"""What a published note does to others: whom it calls, what it refers to, where it points outside.

Follows GitLab's reference filters, which read the rendered text: an HTML entity is decoded before they look (so
`&#64;ada` calls ada), a backslash before a reference character takes it out, code is left alone.
"""

import html
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from bot.sandbox.markdown import fences, without_code

Json = dict[str, Any]

DIAGRAMS = ("mermaid", "plantuml", "kroki", "math")
COMMENT = re.compile(r"^ {0,3}<!--.*?-->|<!--(?:(?!\n[ \t]*\n).)*?-->", re.S | re.M)
QUIET_TAGS = re.compile(r"<(pre|code)\b.*?</\1>", re.S | re.I)
ESCAPED_REFERENCE = re.compile(r"\\([@#!%&~$^])")
ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")

MENTION = re.compile(r"(?<![A-Za-z0-9_])@([A-Za-z0-9_.](?:[A-Za-z0-9_./-]*[A-Za-z0-9_-])?)")
NUMBERED = re.compile(
    r"(?<![A-Za-z0-9_&/.-])((?:[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*)?[#!&]\d+)(?![A-Za-z0-9_])"
)
NAMED = re.compile(r"""(?<![A-Za-z0-9_~%])([~%](?:"[^"\n]+"|[A-Za-z][A-Za-z0-9_.:-]*))""")
ADDRESS = re.compile(r"""[A-Za-z][A-Za-z0-9+.-]*://[^\s<>"'`|\])]+""")

IMAGE = re.compile(r"!\[[^\]]*\](?:\([^)]*\)|\[[^\]]*\])?")
DESTINATION = re.compile(r"\]\(\s*<?([^)\s>]+)|^[ >]{0,3}\[[^\]\n]+\]:\s*<?([^\s>]+)", re.M)
TAG = re.compile(r"(?<!\\)(?:\\\\)*(<[A-Za-z][^>]*>?)")
MEDIA_TAG = re.compile(r"<(?:img|video|audio|iframe|embed|object|source|svg|script|form|link|style)\b", re.I)
ATTRIBUTE = re.compile(
    r"""\b(?:href|src|srcset|poster|action|background|data)\s*=\s*["']?([^"'\s>]+)""", re.I
)


@dataclass(frozen=True, slots=True)
class Effects:
    """`mentions`: names without "@"; `references`: as written; `external`: kind (image, link, ...) and text."""

    mentions: list[str]
    references: list[str]
    external: list[Json]


def effects(text: str, host: str) -> Effects:
    """What publishing this text does on an instance at `host` ("127.0.0.1:8080")."""
    text = text.replace("\r", "")
    visible = COMMENT.sub(" ", without_code(text))
    rendered = ADDRESS.sub(" ", _rendered(QUIET_TAGS.sub(" ", visible)))
    return Effects(
        mentions=MENTION.findall(rendered),
        references=NUMBERED.findall(rendered) + NAMED.findall(rendered),
        external=_diagrams(text) + _media(visible) + _links(visible, host),
    )


def _rendered(text: str) -> str:
    """The text as a reader gets it; a NUL stands where a reference character was escaped."""
    return html.unescape(ESCAPED.sub(r"\1", ESCAPED_REFERENCE.sub("\0", text)))


def _diagrams(text: str) -> list[Json]:
    drawn = {info.split()[0] for info in fences(text)} & set(DIAGRAMS)
    return [{"kind": "diagram", "text": name} for name in sorted(drawn)]


def _media(visible: str) -> list[Json]:
    images = [{"kind": "image", "text": found[0]} for found in IMAGE.finditer(_structure(visible))]
    return images + [{"kind": "media", "text": tag} for tag in TAG.findall(visible) if MEDIA_TAG.match(tag)]


def _links(visible: str, host: str) -> list[Json]:
    """Every address that leads off the instance: of links, reference definitions, attributes, and bare ones."""
    found = [first or second for first, second in DESTINATION.findall(_structure(visible))]
    found += [address for tag in TAG.findall(visible) for address in ATTRIBUTE.findall(tag)]
    found = [html.unescape(address) for address in found] + ADDRESS.findall(_rendered(visible))
    return [
        {"kind": "link", "text": address} for address in dict.fromkeys(found) if _leads_off(address, host)
    ]


def _structure(visible: str) -> str:
    """The text with every escaped character made a NUL: what is left can be a bracket of a link."""
    return ESCAPED.sub("\0", visible)


def _leads_off(address: str, host: str) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return True
    if parts.scheme in ("", "http", "https"):
        return parts.netloc not in ("", host)
    return True
