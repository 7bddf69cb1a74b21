"""What an edit or a transition sets, from `fields` and `update` of a request to values: all of it, or errors by field.

A field has to be on the screen (developer.atlassian.com/server/jira/platform/updating-an-issue-via-the-jira-rest-apis).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from bot.sandbox.jira import texts
from bot.sandbox.jira.adf import InvalidDocument
from bot.sandbox.jira.model import Issue, Named, Person, Site, Text, Version
from bot.sandbox.jira.refusals import INVALID_INPUT, TOO_LONG, JiraRefusal, not_on_screen, refused
from bot.sandbox.jira.shapes import CRITERIA, FIELDS

T = TypeVar("T", Named, Version)

LONGEST_SUMMARY = 255
LONGEST_LABEL = 255
NO_DOCUMENT = "Operation value must be an Atlassian Document (see the Atlassian Document Format)"
NO_STRING = "Operation value must be a string"
REQUIRED = "{name} is required."


class BadValue(ValueError):
    """What `errors` says of the field."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value is for: it decides what is valid."""

    site: Site
    issue: Issue
    version: int


def resolved(
    site: Site, issue: Issue, version: int, screen: Mapping[str, bool], fields: Any, update: Any
) -> dict[str, Any]:
    """Field id -> value. `screen`: field id -> whether it is required. Raises JiraRefusal."""
    for given in (fields, update):
        if not isinstance(given, dict):
            raise refused(400, "Can not deserialize the fields of the request.")
    place = Place(site, issue, version)
    values: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for key in [*fields, *(key for key in update if key not in fields)]:
        try:
            values[key] = _value(place, screen, key, fields, update)
        except BadValue as error:
            errors[key] = str(error)
        except InvalidDocument:
            raise refused(400, INVALID_INPUT) from None
    _check_required(screen, values, errors)
    if errors:
        raise JiraRefusal(400, {"errorMessages": [], "errors": errors})
    return values


def _check_required(screen: Mapping[str, bool], values: Mapping[str, Any], errors: dict[str, str]) -> None:
    for key, required in screen.items():
        if required and key not in errors and not values.get(key):
            errors[key] = REQUIRED.format(name=FIELDS[key][0])


def _value(place: Place, screen: Mapping[str, bool], key: str, fields: Any, update: Any) -> Any:
    if key not in screen or key not in SETTERS:
        raise BadValue(not_on_screen(key))
    if key in fields and key in update:
        raise BadValue(f"Field '{key}' cannot be in both 'fields' and 'update'.")
    if key in fields:
        return SETTERS[key](place, fields[key])
    return _operated(place, key, update[key])


def _operated(place: Place, key: str, operations: Any) -> Any:
    """The value after `[{"add": ...}, {"remove": ...}, {"set": ...}]`; only lists take the first two."""
    if not isinstance(operations, list):
        raise BadValue("data was not an array")
    value: Any = CURRENT[key](place.issue) if key in CURRENT else None
    for operation in operations:
        if not isinstance(operation, dict) or len(operation) != 1:
            raise BadValue("an operation has one verb")
        verb, given = next(iter(operation.items()))
        if verb == "set":
            value = SETTERS[key](place, given)
        elif verb in ("add", "remove") and key in CURRENT:
            [one] = SETTERS[key](place, [given])
            rest = [other for other in value if other != one]
            value = [*rest, one] if verb == "add" else rest
        else:
            raise BadValue(f"Field does not support update '{verb}'")
    return value


def _summary(place: Place, given: Any) -> str:
    if not isinstance(given, str):
        raise BadValue(NO_STRING)
    if not given.strip():
        raise BadValue("You must specify a summary of the issue.")
    if "\n" in given:
        raise BadValue("The summary is invalid because it contains newline characters.")
    if len(given) > LONGEST_SUMMARY:
        raise BadValue("Summary must be less than 255 characters.")
    return given


def _text(place: Place, given: Any) -> Text:
    if place.version == 3 and given is not None and not isinstance(given, dict):
        raise BadValue(NO_DOCUMENT)
    try:
        text = texts.stored(place.site, given, place.version)
    except TypeError:
        raise BadValue(NO_STRING) from None
    if texts.too_long(text):
        raise BadValue(TOO_LONG)
    return text


def _labels(place: Place, given: Any) -> list[str]:
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise BadValue("data was not an array of strings")
    for label in given:
        if not label or any(sign.isspace() for sign in label):
            raise BadValue(f"The label '{label}' contains spaces which is invalid.")
        if len(label) > LONGEST_LABEL:
            raise BadValue(f"The label '{label}' exceeds the maximum length for a single label (255)")
    return list(dict.fromkeys(given))


def _components(place: Place, given: Any) -> list[Named]:
    return _chosen(given, place.issue.project.components, "Component")


def _versions(place: Place, given: Any) -> list[Version]:
    return _chosen(given, place.issue.project.versions, "Version")


def _chosen(given: Any, known: Sequence[T], what: str) -> list[T]:
    if not isinstance(given, list):
        raise BadValue("data was not an array")
    return [_known(one, known, f"{what} name '{_name_of(one)}' is not valid") for one in given]


def _priority(place: Place, given: Any) -> Named:
    words = "Specify a valid 'id' or 'name' for priority"
    if not place.site.cloud:
        words = f"Priority name '{_name_of(given)}' is not valid"
    return _known(given, place.site.priorities, words)


def _resolution(place: Place, given: Any) -> Named | None:
    if given is None:
        return None
    words = f"Resolution name '{_name_of(given)}' is not valid"
    return _known(given, place.site.resolutions, words)


def _assignee(place: Place, given: Any) -> Person | None:
    """{"accountId"} on Cloud, {"name"} on Data Center, null or a null in it for nobody."""
    if given is None:
        return None
    if not isinstance(given, dict):
        raise BadValue("data was not an object")
    site, key = place.site, "accountId" if place.site.cloud else "name"
    if key not in given:
        raise BadValue(f"{key} is required")
    if given[key] is None:
        return None
    people = {(one.account_id if site.cloud else one.name): one for one in site.people}
    found = people.get(str(given[key]))
    if found is None or not place.issue.project.allows(found, "BROWSE_PROJECTS"):
        raise BadValue(f"User '{given[key]}' cannot be assigned issues.")
    return found


def _known(given: Any, known: Sequence[T], words: str) -> T:
    """By id where there is one, else by name."""
    if not isinstance(given, dict) or not ("id" in given or "name" in given):
        raise BadValue(words)
    key = "id" if "id" in given else "name"
    for one in known:
        if getattr(one, key) == given[key]:
            return one
    raise BadValue(words)


def _name_of(given: Any) -> str:
    return str(given.get("name", given.get("id"))) if isinstance(given, dict) else str(given)


SETTERS: dict[str, Callable[[Place, Any], Any]] = {
    "summary": _summary,
    "description": _text,
    CRITERIA: _text,
    "labels": _labels,
    "components": _components,
    "fixVersions": _versions,
    "priority": _priority,
    "resolution": _resolution,
    "assignee": _assignee,
}
CURRENT: dict[str, Callable[[Issue], list[Any]]] = {
    "labels": lambda issue: list(issue.labels),
    "components": lambda issue: list(issue.components),
    "fixVersions": lambda issue: list(issue.fix_versions),
}
