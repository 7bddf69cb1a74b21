"""Which issues are moved, by the transitions of `.trivet.yml`.

An issue is moved when the merge request has come to a stage that our comment on the issue does not know yet: opened,
merged or closed. So a lost event is made good by the next run, and an issue that a person moves elsewhere is left there
by later pushes. Whoever asks for a run has the move tried again. A draft is opened once it is ready.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from bot.agents.link.stage import stage, stage_known
from bot.agents.spec import LinkContext, Mentioned
from bot.domain.actions import MoveIssue
from bot.domain.repo_config import Transition

ASKED_FOR: Final = frozenset({"command", "shell"})  # triggers


def moves(context: LinkContext, mentioned: Iterable[Mentioned]) -> Iterator[MoveIssue]:
    """None into a status that the issue has, none of an issue that is only linked or no longer named."""
    wanted = _transition(context)
    if wanted is None:
        return
    for one in mentioned:
        if one.is_told and _is_new(one, context) and not one.issue.status.matches(wanted.to):
            yield MoveIssue(
                key=f"move:{one.issue.key}:{wanted.on}",
                issue=one.issue.key,
                to=wanted.to,
                fields=wanted.fields,
            )


def _transition(context: LinkContext) -> Transition | None:
    """The first that is for this stage and this target branch."""
    now, branch = stage(context.request), context.request.target_branch
    every = context.config.link.transitions
    return next((one for one in every if one.on == now and one.target_branch in (None, branch)), None)


def _is_new(one: Mentioned, context: LinkContext) -> bool:
    return stage_known(one.memory) != stage(context.request) or context.trigger in ASKED_FOR
