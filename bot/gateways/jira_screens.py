"""Values for the fields of a Jira screen, from the names that a configuration has."""

from typing import Any

from bot.domain.document import Document, paragraph
from bot.gateways.jira_shapes import NamedShape, ScreenFieldShape
from bot.gateways.jira_texts import stored

RICH = ("description", "environment")
RICH_CUSTOM = ":textarea"
NOT_ALLOWED = '{field} does not take "{given}"; it takes {allowed}'
NOT_A_NUMBER = '{field} takes a number, not "{given}"'
NAMED = 10  # values told in a sentence


class NotAllowed(ValueError):
    """A field does not take the value; the text is a sentence's part for a person."""


def field_value(field: ScreenFieldShape, given: str, *, is_cloud: bool) -> Any:
    """What Jira takes for a value given as a name. Raises NotAllowed."""
    if field.allowed:
        return _several(field, {"id": allowed(field, given).id})
    match field.form.type:
        case "number":
            return _number(field, given)
        case "array":
            return [given if field.form.items == "string" else {"name": given}]
        case "user":
            return {"accountId" if is_cloud else "name": given}
        case "option":
            return {"value": given}
        case "string" if is_cloud and _is_rich(field):
            return stored(Document(blocks=(paragraph(given),)), {}, is_cloud=True)
        case "string" | "date" | "datetime":
            return given
        case _:
            return {"name": given}


def allowed(field: ScreenFieldShape, given: str) -> NamedShape:
    """The value of the field with this name or id. Raises NotAllowed, which names those there are."""
    word = given.strip().casefold()
    values = field.allowed or ()
    for value in values:
        if word in (value.label.strip().casefold(), value.id):
            return value
    names = ", ".join(value.label for value in values[:NAMED]) or "nothing"
    raise NotAllowed(NOT_ALLOWED.format(field=field.name, given=given, allowed=names))


def _several(field: ScreenFieldShape, value: dict[str, str]) -> Any:
    return [value] if field.form.type == "array" else value


def _number(field: ScreenFieldShape, given: str) -> float:
    try:
        return float(given)
    except ValueError:
        raise NotAllowed(NOT_A_NUMBER.format(field=field.name, given=given)) from None


def _is_rich(field: ScreenFieldShape) -> bool:
    return field.form.system in RICH or field.form.custom.endswith(RICH_CUSTOM)
