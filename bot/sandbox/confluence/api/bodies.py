"""The `body` of a page or comment, as each API takes it. The sandbox keeps storage only."""

from typing import Any

from bot.sandbox.confluence.api.call import Call
from bot.sandbox.confluence.refusals import invalid

NOT_STORAGE = "The sandbox takes bodies in the storage format only."


def of_v2(call: Call, given: Any) -> str:
    """`{representation, value}`, or `{"storage": {representation, value}}`."""
    body = call.only(given, "representation", "value", "storage", "atlas_doc_format", "wiki")
    inner = call.only(body["storage"], "representation", "value") if "storage" in body else body
    if inner.get("representation") != "storage":
        raise invalid(NOT_STORAGE)
    return _value(inner.get("value"))


def of_v1(call: Call, given: Any) -> str:
    """`{"storage": {value, representation}}`."""
    body = call.only(given, "storage", "view", "editor", "_expandable")
    inner = call.only(body.get("storage"), "value", "representation", "_expandable")
    if inner.get("representation") != "storage":
        raise invalid(NOT_STORAGE)
    return _value(inner.get("value"))


def _value(given: Any) -> str:
    if not isinstance(given, str):
        raise invalid("body value is required and has to be a string.")
    return given
