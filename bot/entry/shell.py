"""`trivet review` in a shell or a job: the same propose and apply as the workers, without a queue.

The reading half runs in a child process that has no write token.
"""

import os
from functools import partial
from typing import Final

from pydantic import SecretStr

from bot.domain.actions import Proposal, Report
from bot.entry.apart import propose_apart
from bot.entry.breaks import Breaks, WholeWrites
from bot.entry.progress import Progress
from bot.entry.wiring import account, gitlab_effects, reading_api, writing_api
from bot.errors import PlatformError, Stopped, Unavailable
from bot.gateways.gitlab_effects import GitLabEffects
from bot.gateways.local import DryRun
from bot.routing import JobRequest
from bot.run import apply
from bot.settings import Settings, kept_secret, own_folder

SHELL: Final = "shell"
PIPELINE: Final = "pipeline"
NOT_CI: Final = ("", "0", "false")
PUBLISHING = "publishing"
TAKING_BACK = "taking back what was not published yet"
DRAFTS_LEFT = "drafts that only the bot sees may be left; the next review takes them away"
AGAIN = "{error}; run the same command again: what is there already is not written twice"


def review_merge_request(settings: Settings, project: str, iid: int, *, dry_run: bool) -> Report:
    """Review one merge request now. Raises UsageError, PlatformError."""
    own_folder(settings.data_dir)
    if not dry_run:
        settings = _with_marks(settings)
    request = request_for(project, iid, _trigger(explicit=dry_run or bool(settings.mark_secrets)))
    with Progress() as progress:
        if dry_run:
            reading_api(settings)
            return applied(propose_apart(request, None, settings), DryRun(), progress)
        breaks = Breaks()
        api = writing_api(settings, partial(WholeWrites, breaks))
        breaks.listen()
        who = account(api)
        made = propose_apart(request, who.person, settings)
        return applied(made, gitlab_effects(settings, api, who, pace=lambda: None), progress)


def _trigger(*, explicit: bool) -> str:
    """A person's wish is done again; a job whose marks nobody can verify leaves alone what is reviewed at this head."""
    return SHELL if explicit else PIPELINE


def request_for(project: str, iid: int, trigger: str) -> JobRequest:
    key = f"review:{project}:{iid}:{trigger}"
    return JobRequest(agent="review", project=project, project_id=0, iid=iid, trigger=trigger, key=key)


def applied(made: Proposal | Report, effects: GitLabEffects | DryRun, progress: Progress) -> Report:
    """Write the proposal, tell what became of it. Raises PlatformError; interrupted, it takes back what it can."""
    if isinstance(made, Report):
        return made
    if isinstance(effects, GitLabEffects):
        progress.say(PUBLISHING)
    try:
        return apply(made, effects)
    except Stopped as stop:
        return made.report.model_copy(update={"state": stop.state, "message": str(stop)})
    except Unavailable as error:
        raise PlatformError(AGAIN.format(error=error)) from None
    except KeyboardInterrupt:
        _take_back(made, effects, progress)
        raise


def _take_back(made: Proposal, effects: GitLabEffects | DryRun, progress: Progress) -> None:
    """Delete our drafts; a second Ctrl-C, or a GitLab that is down, leaves them to the next review."""
    progress.say(TAKING_BACK)
    try:
        effects.discard(made)
    except (KeyboardInterrupt, PlatformError):
        progress.tell(DRAFTS_LEFT)


def _with_marks(settings: Settings) -> Settings:
    """Outside CI, where none is set, a mark secret of our own is kept in the data folder; a CI job writes unsigned."""
    if settings.mark_secrets or os.environ.get("CI", "").lower() not in NOT_CI:
        return settings
    kept = SecretStr(kept_secret(settings.data_dir, "mark-secret"))
    return settings.model_copy(update={"mark_secrets": (kept,)})
