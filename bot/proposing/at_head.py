"""Where the findings of earlier reviews stand at the newest commit, for a run in which no agent works."""

from collections.abc import Sequence
from dataclasses import replace

from bot.agents.review.standing import is_left, places, present
from bot.agents.spec import AgentContext
from bot.domain.change import ChangeSet, MergeRequest
from bot.domain.lifecycle import Known
from bot.domain.repo_config import RepoConfig
from bot.proposing.means import Means


def at_head(
    known: Sequence[Known], merge_request: MergeRequest, change: ChangeSet, means: Means
) -> list[Known]:
    """The findings with the paths and lines they have now; what is open and has lost its line is outdated.

    So is what a check found on a line that the change does not add any more. Nothing is read where there are none.
    Raises PlatformError.
    """
    if not known:
        return []
    where = places(context_at_head(known, merge_request, change, means))
    outdated = {
        one.key
        for one in known
        if one.is_open and (not where[one.key]["stands"] or is_left(one, where[one.key]))
    }
    return [replace(one, state="outdated") if one.key in outdated else one for one in present(known, where)]


def context_at_head(
    known: Sequence[Known], merge_request: MergeRequest, change: ChangeSet, means: Means
) -> AgentContext:
    """What `places` looks at. Raises PlatformError."""
    return AgentContext(
        request=merge_request,
        change=change,
        snapshot=means.reader.snapshot(merge_request),
        config=RepoConfig(),
        redactor=means.redactor,
        known=known,
    )
