"""Brings an issue into a status, forwards only, by a transition that leads there, and looks whether it arrived.

Transitions differ by workflow and their names by language: they are chosen by the status they lead to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bot.domain.actions import MoveIssue
from bot.domain.issues import RANK, IssueStatus
from bot.gateways.jira_api import JiraApi, issue_path
from bot.gateways.jira_screens import NotAllowed, field_value
from bot.gateways.jira_shapes import (
    FoundStatusShape,
    ScreenFieldShape,
    TransitionShape,
    TransitionsShape,
    shaped,
)

NAMED = 10  # transitions told in a sentence
THERE = "it is {status} already"
BACKWARDS = "never backwards: it is {status}, which comes after {to}"
NO_WAY = "no transition leads from {status} to {to}; there are: {others}"
MISSING = 'the transition "{name}" needs values: {fields}'
MOVED = "from {status} to {to}"
FIRST = "from {status} to {to}, by the first of {count} transitions that lead there: {name}"
ELSEWHERE = 'after the transition "{name}" it is {status}, not {to}'

Done = tuple[Literal["done", "unchanged", "refused", "failed"], str]


@dataclass(frozen=True, slots=True)
class Way:
    """A transition that leads to the wanted status, the values for its screen, and what its screen lacks, in words."""

    transition: TransitionShape
    values: dict[str, Any]
    lacks: tuple[str, ...]

    @property
    def to(self) -> IssueStatus:
        return self.transition.to.status()


def move(api: JiraApi, action: MoveIssue) -> Done:
    """What became of it, and why in words."""
    now = _status(api, action.issue)
    if now.matches(action.to):
        return "unchanged", THERE.format(status=now.name)
    every = _transitions(api, action.issue)
    ways = _ways(every, action, is_cloud=api.is_cloud)
    if not ways:
        return "refused", NO_WAY.format(status=now.name, to=action.to, others=_names(every))
    way = next((one for one in ways if not one.lacks), ways[0])
    if RANK[way.to.category] < RANK[now.category]:
        return "unchanged", BACKWARDS.format(status=now.name, to=way.to.name)
    if way.lacks:
        return "refused", MISSING.format(name=way.transition.name, fields="; ".join(way.lacks))
    return _taken(api, action, now, way, len(ways))


def _taken(api: JiraApi, action: MoveIssue, now: IssueStatus, way: Way, count: int) -> Done:
    data = {"transition": {"id": way.transition.id}, **({"fields": way.values} if way.values else {})}
    api.post(f"{issue_path(action.issue)}/transitions", f"the move of {action.issue} to {way.to.name}", data)
    words = {"status": now.name, "to": way.to.name, "name": way.transition.name, "count": count}
    seen = _status(api, action.issue)
    if seen != way.to and not seen.matches(action.to):
        return "failed", ELSEWHERE.format(**{**words, "status": seen.name})
    return "done", (MOVED if count == 1 else FIRST).format(**words)


def _status(api: JiraApi, issue: str) -> IssueStatus:
    what = f"the status of {issue}"
    return shaped(
        FoundStatusShape, api.get(issue_path(issue), what, fields="status"), what
    ).fields.status.status()


def _transitions(api: JiraApi, issue: str) -> Sequence[TransitionShape]:
    what = f"the transitions of {issue}"
    data = api.get(f"{issue_path(issue)}/transitions", what, expand="transitions.fields")
    return shaped(TransitionsShape, data, what).transitions


def _ways(every: Sequence[TransitionShape], action: MoveIssue, *, is_cloud: bool) -> Sequence[Way]:
    """Those that lead to the status of that name, else to the category, in Jira's order."""
    word = action.to.strip().casefold()
    named = [one for one in every if one.to.name.strip().casefold() == word]
    leading = named or [one for one in every if one.to.status().matches(action.to)]
    return [_way(one, action.fields, is_cloud=is_cloud) for one in leading]


def _way(transition: TransitionShape, given: Mapping[str, str], *, is_cloud: bool) -> Way:
    """Values are given by a field's id or name; those for fields of other screens are left out."""
    words = {name.strip().casefold(): value for name, value in given.items()}
    values: dict[str, Any] = {}
    lacks: list[str] = []
    for field, shape in transition.fields.items():
        value = words.get(field.casefold(), words.get(shape.name.strip().casefold()))
        try:
            if value is not None:
                values[field] = field_value(shape, value, is_cloud=is_cloud)
            elif shape.required and not shape.has_default:
                lacks.append(_named(field, shape))
        except NotAllowed as error:
            lacks.append(str(error))
    return Way(transition, values, tuple(lacks))


def _named(field: str, shape: ScreenFieldShape) -> str:
    return f"{shape.name} ({field})" if shape.name else field


def _names(every: Sequence[TransitionShape]) -> str:
    return ", ".join(f"{one.name} (to {one.to.name})" for one in every[:NAMED]) or "none"
