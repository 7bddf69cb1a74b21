"""`trivet review` in a shell or a job: the same propose and apply as the workers, without a queue.

The reading half of a review on GitLab runs in a child process that has no write token.
"""

import os
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from bot.agents.table import AGENTS
from bot.domain.actions import Proposal, Report
from bot.domain.markdown import counted
from bot.entry.address import parse_address
from bot.entry.apart import SHELL, propose_apart, propose_here
from bot.entry.progress import Progress, Say, narrated
from bot.entry.wiring import account, gitlab_effects, reading_api, redactor, writing_api
from bot.errors import PlatformError, Stopped, Unavailable
from bot.gateways.gitlab_effects import GitLabEffects
from bot.gateways.local import DryRun, LocalReader
from bot.routing import JobRequest
from bot.run import Means, apply
from bot.settings import Settings, kept_secret, own_folder

NOT_CI: Final = ("", "0", "false")
COMPARING = "comparing with {base}"
LOCAL = "{name}: the changes since {base}"
UNTRACKED = "{files} not reviewed: `git add` makes a file part of the change"
PUBLISHING = "publishing"
TAKING_BACK = "taking back what was not published yet"
DRAFTS_LEFT = "drafts that only the bot sees may be left; the next review takes them away"
AGAIN = "{error}; run the same command again: what is there already is not written twice"


def review_merge_request(settings: Settings, url: str, dry_run: bool) -> Report:
    """Review one merge request now. Raises UsageError, PlatformError."""
    project, iid = parse_address(url, settings.gitlab.url)
    own_folder(settings.data_dir)
    key = f"review:{project}:{iid}:{SHELL}"
    request = JobRequest(agent="review", project=project, project_id=0, iid=iid, trigger=SHELL, key=key)
    with Progress() as progress:
        if dry_run:
            reading_api(settings)
            return _applied(propose_apart(request, None, settings), DryRun(), progress.say)
        settings = _with_marks(settings)
        api = writing_api(settings)
        who = account(api)
        made = propose_apart(request, who.person, settings)
        return _applied(made, gitlab_effects(settings, api, who, pace=lambda: None), progress.say)


def review_local(settings: Settings, base: str | None) -> Report:
    """Review this checkout against its base, with no GitLab at all. Raises UsageError."""
    reader = LocalReader(Path.cwd(), base)
    request = JobRequest(agent="review", project="", project_id=0, iid=0, trigger=SHELL, key="review:local")
    means = Means(reader=reader, agent=AGENTS["review"], redactor=redactor(settings))
    with Progress() as progress:
        progress.say(COMPARING.format(base=reader.base))
        report = _applied(propose_here(request, narrated(means, progress.say)), DryRun(), progress.say)
    return report.model_copy(update=_local(report, reader))


def _local(report: Report, reader: LocalReader) -> dict[str, object]:
    """What a report of a checkout says otherwise."""
    target = LOCAL.format(name=reader.name, base=reader.base)
    unseen = (
        (UNTRACKED.format(files=counted(reader.untracked, "untracked file")),) if reader.untracked else ()
    )
    return {"target": target, "complaints": (*report.complaints, *unseen)}


def _applied(made: Proposal | Report, effects: GitLabEffects | DryRun, say: Say) -> Report:
    if isinstance(made, Report):
        return made
    if isinstance(effects, GitLabEffects):
        say(PUBLISHING)
    try:
        return apply(made, effects)
    except Stopped as stop:
        return made.report.model_copy(update={"state": stop.state, "message": str(stop)})
    except Unavailable as error:
        raise PlatformError(AGAIN.format(error=error)) from None
    except KeyboardInterrupt:
        _take_back(made, effects, say)
        raise


def _take_back(made: Proposal, effects: GitLabEffects | DryRun, say: Say) -> None:
    """Delete our drafts; a second Ctrl-C, or a GitLab that is down, leaves them to the next review."""
    say(TAKING_BACK)
    try:
        effects.discard(made)
    except (KeyboardInterrupt, PlatformError):
        say(DRAFTS_LEFT)


def _with_marks(settings: Settings) -> Settings:
    """Outside CI, where none is set, a mark secret of our own is kept in the data folder; a CI job writes unsigned."""
    if settings.mark_secrets or os.environ.get("CI", "").lower() not in NOT_CI:
        return settings
    kept = SecretStr(kept_secret(settings.data_dir, "mark-secret"))
    return settings.model_copy(update={"mark_secrets": (kept,)})
