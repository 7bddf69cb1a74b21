"""What hostile requests and texts are made of: public sets where they lie beside the checkout, and our own always."""

import json
from copy import deepcopy
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from tests.bench.hostile import BODIES, ODD

Json = dict[str, Any]

FIXTURES = Path(__file__).parents[3] / "shared" / "fixtures"
OWN_TEXTS = (
    "", " ", "\0", "\ud800", "\u202e\u2066", "\U000e0041\U000e0042", "\ufeff", "\r\n\r\n", "a\r\nx-evil: 1",
    "%2e%2e%2f",
    "../../../etc/passwd", "${jndi:ldap://x}", "{{7*7}}", "';--", "<script>alert(1)</script>", "$(touch x)", "`id`",
    "/merge", "@all", "null", "NaN", "１２３", "²", "é" * 300, "Ω≈ç√∫", "😀" * 50, "-1", "1e400", "9" * 400, "[" * 500,
)  # fmt: skip


@cache
def json_texts(public: bool = True) -> tuple[bytes, ...]:
    """Bodies that a parser may choke on."""
    if not public:
        return BODIES
    return BODIES + tuple(file.read_bytes() for file in _files("json/JSONTestSuite", "*.json"))


@cache
def naughty(public: bool = True) -> tuple[str, ...]:
    """Texts that break what is careless with texts."""
    if not public:
        return OWN_TEXTS
    found = _files("text/blns", "blns.json")
    return OWN_TEXTS + tuple(text for file in found for text in json.loads(file.read_bytes()))


@cache
def payloads(platform: str) -> tuple[Json, ...]:
    """Webhook bodies that a platform really sent; none where the public sets are not there."""
    bodies = (json.loads(file.read_bytes()) for file in _files(f"{platform}-webhooks", "*.json"))
    return tuple(body for body in bodies if isinstance(body, dict))


def _files(folder: str, pattern: str) -> list[Path]:
    return sorted((FIXTURES / folder).rglob(pattern))


def beside() -> str:
    """Whether the public sets are there, for the table."""
    return (
        "with the public sets"
        if FIXTURES.is_dir()
        else "own generators only: no public sets beside the checkout"
    )


def spoilt(payload: Json, dice: Random, times: int) -> Json:
    """A copy with odd values at random places."""
    odd = deepcopy(payload)
    for _ in range(times):
        part: Any = odd
        places = list(part)
        while places:
            place = dice.choice(places)
            if isinstance(part[place], dict | list) and part[place] and dice.random() < 0.8:
                part = part[place]
                places = list(part) if isinstance(part, dict) else list(range(len(part)))
            else:
                part[place] = deepcopy(dice.choice(ODD))
                break
    return odd


def said_everywhere(part: Any, text: str) -> Any:
    """The same shape, every text in it replaced, but for those that say what it is about."""
    if isinstance(part, dict):
        return {name: one if name in KINDS else said_everywhere(one, text) for name, one in part.items()}
    if isinstance(part, list):
        return [said_everywhere(one, text) for one in part]
    return text if isinstance(part, str) else part


KINDS = {"object_kind", "event_type", "webhookEvent", "event", "eventType"}


def torn(body: bytes, dice: Random) -> bytes:
    """The same bytes with a few of them gone, doubled or changed."""
    pieces = bytearray(body)
    for _ in range(dice.randint(1, 6)):
        place, length = dice.randrange(len(pieces) + 1), dice.randint(1, 40)
        pieces[place : place + length] = dice.choice(
            (b"", pieces[place : place + length] * 2, dice.randbytes(length), b'"', b"\\", b"\xff")
        )
    return bytes(pieces)
