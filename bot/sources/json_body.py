"""A webhook's JSON body, asked for what an event needs. Whatever is of another shape is BadDelivery (400)."""

import re
from typing import Any

import orjson

from bot.errors import BadDelivery

NOT_JSON = "the body is not valid JSON"
NOT_OBJECT = "the body is not a JSON object"

Json = dict[str, Any]

_NUMBER = re.compile(r"[0-9]{1,19}")


def read_object(body: bytes) -> Json:
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise BadDelivery(400, NOT_JSON) from None
    if type(content) is not dict:
        raise BadDelivery(400, NOT_OBJECT)
    return content


def part(of: Json, name: str, *, optional: bool = False) -> Json:
    """The object of this name; empty where an optional one is missing or null."""
    value = of.get(name)
    if value is None and optional:
        return {}
    if type(value) is not dict:
        raise BadDelivery(400, f"`{name}` is missing or not an object")
    return value


def parts(of: Json, name: str) -> list[Json]:
    """The objects listed under this name; none where it is missing or null."""
    value = of.get(name)
    if value is None:
        return []
    if type(value) is not list or any(type(one) is not dict for one in value):
        raise BadDelivery(400, f"`{name}` is not a list of objects")
    return value


def text(of: Json, name: str, default: str | None = None) -> str:
    """The text of this name; `default`, where there is one, for what is missing or null."""
    value = of.get(name)
    if value is None and default is not None:
        return default
    if type(value) is not str:
        raise BadDelivery(400, f"`{name}` is missing or not a text")
    return value


def whole_number(of: Json, name: str) -> str:
    """A whole number, sent as text or as number, as text; "" when absent."""
    value = of.get(name)
    if value is None or value == "":
        return ""
    digits = plain(of, name)
    if not _NUMBER.fullmatch(digits):
        raise BadDelivery(400, f"`{name}` is not a whole number")
    return digits


def plain(of: Json, name: str) -> str:
    """A text or whole number, as text; "" for anything else."""
    value = of.get(name)
    return str(value) if type(value) in (str, int) else ""
