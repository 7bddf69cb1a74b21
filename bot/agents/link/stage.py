"""How far a merge request is: the word that our comment shows, and remembers so that an issue is moved once."""

from typing import Final, Literal

from bot.domain.change import MergeRequest

Stage = Literal["draft", "opened", "merged", "closed"]
OPEN: Final = frozenset({"draft", "opened"})


def stage(request: MergeRequest) -> Stage:
    """GitLab's "locked" is one that is being merged: its merge is told when it is done."""
    match request.state:
        case "merged" | "closed" as over:
            return over
        case _:
            return "draft" if request.draft else "opened"


def is_open(request: MergeRequest) -> bool:
    return stage(request) in OPEN
