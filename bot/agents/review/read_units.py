"""Which parts of the change were read, so that the next review need not read them."""

from collections.abc import Iterator

from bot.agents.review.head_files import stored
from bot.agents.review.nodes import BEYOND, model_files
from bot.agents.review.schema import ReviewState
from bot.agents.spec import AgentContext
from bot.domain.change import shown_path
from bot.domain.findings import Finding
from bot.domain.reviewed import unit, unread


def units_read(state: ReviewState, context: AgentContext) -> tuple[str, ...]:
    """The units of the changed files that were read, now or before; files that no model reads count as read.

    Not those that a model had no room or no budget for, nor those of which it left something undecided.
    """
    left = _left(state, context)
    return tuple(unit(file) for place, file in enumerate(context.change.files) if place not in left)


def _left(state: ReviewState, context: AgentContext) -> set[int]:
    """The places of the files that have to be read again."""
    files = context.change.files
    if context.model is None:
        fresh = {unit(file) for file in unread(files, context.reviewed)}
        return {place for place in model_files(context) if unit(files[place]) in fresh}
    beyond = {one.path for one in state["coverage"] if one.reason == BEYOND}
    unsettled = {finding.path for finding in _unsettled(state)}
    unsaid = {
        place
        for place, file in enumerate(files)
        if shown_path(file.path) in beyond or unsettled & {file.path, stored(file.path, context.redactor)}
    }
    failed = {
        place
        for task in state["tasks"].values()
        if (task["kind"], task["state"]) == ("review", "failed")
        for place, _, _ in task["segments"]
    }
    return unsaid | failed


def _unsettled(state: ReviewState) -> Iterator[Finding]:
    """Claims and earlier findings of which a model was to say something, and did not."""
    failed = (task for task in state["tasks"].values() if task["state"] == "failed")
    names = {name for task in failed for name in task["claims"]}
    return (one for one in (*state["claims"], *state["doubted"]) if one.fingerprint in names)
