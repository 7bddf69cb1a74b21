"""Adds labels and components to an issue and sets its priority: what it lacks, and what its edit screen takes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bot.domain.actions import EditIssue
from bot.gateways.jira_api import JiraApi, issue_path
from bot.gateways.jira_screens import NotAllowed, allowed
from bot.gateways.jira_shapes import EditableFieldsShape, EditableShape, EditShape, ScreenFieldShape, shaped

LONGEST_LABEL = 255  # characters
NOT_EDITABLE = "{field} cannot be edited on this issue"
NO_LABEL = '"{name}" is no label, which is one word of at most {most} characters'
LEFT_OUT = "left out: {reasons}"

Done = tuple[Literal["done", "unchanged", "refused"], str]


@dataclass(frozen=True, slots=True)
class Wish:
    """One value that the issue lacks."""

    field: Literal["labels", "components", "priority"]
    name: str


def edit(api: JiraApi, action: EditIssue) -> Done:
    """What became of it, and what was left out and why."""
    what = f"issue {action.issue}"
    data = api.get(issue_path(action.issue), what, fields="labels,components,priority")
    wishes = _lacking(action, shaped(EditableShape, data, what).fields)
    if not wishes:
        return "unchanged", ""
    values, reasons = _values(wishes, _screen(api, action.issue))
    if values:
        api.put_quietly(issue_path(action.issue), what, _written(values))
    said = LEFT_OUT.format(reasons="; ".join(reasons)) if reasons else ""
    return ("done" if values else "refused"), said


def _lacking(action: EditIssue, there: EditableFieldsShape) -> Sequence[Wish]:
    """In any case: "Backend" beside "backend" would be two labels."""
    labels = {name.casefold() for name in there.labels}
    components = {one.label.casefold() for one in there.components}
    priority = there.priority.label.casefold() if there.priority else ""
    wishes = [Wish("labels", name) for name in action.labels if name.casefold() not in labels]
    wishes += [Wish("components", name) for name in action.components if name.casefold() not in components]
    if action.priority and action.priority.casefold() != priority:
        wishes.append(Wish("priority", action.priority))
    return list(dict.fromkeys(wishes))


def _screen(api: JiraApi, issue: str) -> Mapping[str, ScreenFieldShape]:
    what = f"the edit screen of {issue}"
    return shaped(EditShape, api.get(f"{issue_path(issue)}/editmeta", what), what).fields


def _values(
    wishes: Sequence[Wish], screen: Mapping[str, ScreenFieldShape]
) -> tuple[dict[Wish, Any], Sequence[str]]:
    """What Jira takes for each wish, and why others cannot be."""
    values: dict[Wish, Any] = {}
    reasons: list[str] = []
    for wish in wishes:
        try:
            values[wish] = _value(wish, screen)
        except NotAllowed as error:
            reasons.append(str(error))
    return values, reasons


def _value(wish: Wish, screen: Mapping[str, ScreenFieldShape]) -> Any:
    field = screen.get(wish.field)
    if field is None:
        raise NotAllowed(NOT_EDITABLE.format(field=wish.field))
    if wish.field != "labels":
        return {"id": allowed(field, wish.name).id}
    if wish.name.split() != [wish.name] or len(wish.name) > LONGEST_LABEL:
        raise NotAllowed(NO_LABEL.format(name=wish.name[:40], most=LONGEST_LABEL))
    return wish.name


def _written(values: Mapping[Wish, Any]) -> dict[str, Any]:
    """The body of the one request: additions leave alone what others add at the same time."""
    update: dict[str, list[dict[str, Any]]] = {}
    for wish, value in values.items():
        update.setdefault(wish.field, []).append({"set" if wish.field == "priority" else "add": value})
    return {"update": update}
