"""How far a merge request is: the word that our comment shows, and remembers so that an issue is moved once."""

from collections.abc import Mapping
from typing import Any, Final, Literal, get_args

from bot.domain.change import MergeRequest

Stage = Literal["draft", "opened", "merged", "closed"]
STAGES: Final[tuple[Stage, ...]] = get_args(Stage)
OPEN: Final = frozenset({"draft", "opened"})


def stage(request: MergeRequest) -> Stage:
    """GitLab's "locked" is one that is being merged: its merge is told when it is done."""
    match request.state:
        case "merged" | "closed" as over:
            return over
        case _:
            return "draft" if request.draft else "opened"


def stage_known(memory: Mapping[str, Any] | None) -> Stage | None:
    """The stage for which an issue was moved last, as our comment remembers it; None for what is no stage."""
    known = memory.get("stage") if memory is not None else None
    return next((one for one in STAGES if one == known), None)


def is_open(request: MergeRequest) -> bool:
    return stage(request) in OPEN
