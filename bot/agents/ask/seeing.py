"""The change as a review sees it, and where a finding of an earlier head stands now."""

from dataclasses import replace

from bot.agents.review.commits import History
from bot.agents.review.standing import moved, places
from bot.agents.spec import AgentContext, AskContext
from bot.domain.background import Background
from bot.domain.findings import Finding, normalised
from bot.domain.lifecycle import Known
from bot.domain.repo_config import RepoConfig


def seen(context: AskContext) -> AgentContext:
    """Reads the diff, the first time. Raises PlatformError."""
    return AgentContext(
        request=context.request,
        change=context.change(),
        snapshot=context.snapshot(),
        config=RepoConfig(),
        redactor=context.redactor,
        known=_known(context),
    )


def at_head(finding: Finding, view: AgentContext) -> Finding:
    """Where it stands now, as a review would show it; its last line where that is gone. Raises Unavailable."""
    known = next((one for one in view.known if one.finding == finding), None)
    if known is None:
        known = Known(finding.fingerprint, finding)
        view = replace(view, known=(known,))
    return moved(finding, places(view)[known.key])


def mended_by(about: Known, view: AgentContext, context: AskContext) -> str:
    """The commit that a finding is gone with; "" where neither its line nor what is around it has changed since.

    Raises PlatformError.
    """
    place = places(view)[about.key]
    if place["as_before"]:
        return ""
    background = Background(commits=tuple(context.commits()))
    told = replace(view, background=background, snapshot_at=context.snapshot_at)
    return History(told).turn(about, place["path"])


def _known(context: AskContext) -> list[Known]:
    """The finding that it is about, and those whose lines read like its own: each has a line to itself."""
    about = context.about
    if about is None:
        return []
    line = normalised(about.finding.anchor)
    return [
        about,
        *(one for one in context.known if one.key != about.key and line == normalised(one.finding.anchor)),
    ]
