"""Which of the proposed values go to the issue's fields."""

from collections.abc import Mapping

from bot.agents.triage.schema import Part
from bot.agents.triage.wanted import FIELDS, Wanted
from bot.domain.actions import EditIssue

EDIT = "fields"


def written(
    parts: Mapping[str, Part], want: Wanted, issue: str
) -> tuple[dict[str, Part], tuple[EditIssue, ...]]:
    """The parts whose choices are written now, marked so, and the edit that does it.

    Each is written once: people may take it away again.
    """
    now = {
        name: part
        for name, part in parts.items()
        if name in want.written & FIELDS and part.choices and not part.written
    }
    if not now:
        return {}, ()
    values = {name: tuple(one.value for one in part.choices) for name, part in now.items()}
    edit = EditIssue(
        key=EDIT,
        issue=issue,
        labels=values.get("labels", ()),
        components=values.get("component", ()),
        priority=next(iter(values.get("priority", ())), None),
    )
    return {name: part.model_copy(update={"written": True}) for name, part in now.items()}, (edit,)
