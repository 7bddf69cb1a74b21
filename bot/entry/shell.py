"""An agent in a shell or a job: the same propose and apply as the workers, without a queue.

The reading half runs in a child process that has no write token.
"""

import os
from collections.abc import Callable
from functools import cache, partial
from typing import Final, Protocol

from pydantic import SecretStr

from bot.domain.actions import Outcome, Proposal, Report
from bot.domain.events import Person
from bot.domain.issue_commands import NamedBy
from bot.domain.issues import IssuePerson
from bot.domain.pages import PagePerson
from bot.entry.access import (
    account,
    reading_api,
    reading_confluence,
    reading_jira,
    writing_api,
    writing_confluence,
    writing_jira,
)
from bot.entry.accounts import Accounts
from bot.entry.apart import propose_apart
from bot.entry.breaks import Breaks, WholeWrites
from bot.entry.own_secrets import require_marks
from bot.entry.progress import Progress
from bot.entry.wiring import effects, repositories
from bot.errors import PlatformError, Stopped, Unavailable
from bot.gateways.confluence_reader import ConfluenceReader
from bot.gateways.gitlab_reader import GitLabReader
from bot.gateways.jira_reader import JiraReader
from bot.gateways.local import DryRun
from bot.proposing.bounds import check_bounds
from bot.routing import ASK, NEXT, JobRequest, of_release
from bot.run import apply
from bot.settings import Settings
from bot.settings.data_folder import kept_secret, own_folder

SHELL: Final = "shell"
PIPELINE: Final = "pipeline"
REVIEW: Final = "review"
PAGES: Final = "pages"
KEPT_MARKS: Final = "mark-secret"
TRACKING: Final = ("link", "triage")
ADDED_UP: Final = (
    "decisions",
    "outcomes",
    "failures",
    "model_calls",
    "tokens",
    "cached_tokens",
    "cost_usd",
    "seconds",
)
"""What the accounts of two runs have in common, put together."""
NOT_CI: Final = ("", "0", "false")
PUBLISHING = "publishing"
TAKING_BACK = "taking back what was not published yet"
DRAFTS_LEFT = "drafts that only the bot sees may be left; the next review takes them away"
AGAIN = "{error}; run the same command again: what is there already is not written twice"


class UndoableEffects(Protocol):
    """Effects of which an interrupted run takes back what nobody saw yet."""

    def apply(
        self, proposal: Proposal, *, acknowledged: int | None = None, attempt: int = 0
    ) -> list[Outcome]: ...

    def discard(self, proposal: Proposal) -> None: ...


def review_merge_request(settings: Settings, project: str, iid: int, *, dry_run: bool) -> Report:
    """Review one merge request now. Raises UsageError, PlatformError."""
    own_folder(settings.data_dir)
    settings = _with_marks(settings, dry_run=dry_run)
    return _run(settings, request_for(project, iid, _trigger(settings)), dry_run=dry_run)


def link_merge_request(
    settings: Settings, project: str, iid: int, *, dry_run: bool, trigger: str = SHELL
) -> Report:
    """Tie one merge request to its issues now. Raises UsageError, PlatformError."""
    own_folder(settings.data_dir)
    reading_jira(settings)
    settings = _with_marks(settings, dry_run=dry_run)
    return _run(settings, request_for(project, iid, trigger, agent="link"), dry_run=dry_run)


def triage_issue(settings: Settings, key: str, *, dry_run: bool) -> Report:
    """Do what the rules start for an issue as it is now. Raises UsageError, PlatformError."""
    own_folder(settings.data_dir)
    reading_jira(settings)
    request = JobRequest(agent="triage", issue=key, trigger=SHELL, key=f"triage:{key}:{SHELL}")
    return _run(settings, request, dry_run=dry_run)


def pages_of_merge_request(
    settings: Settings, project: str, iid: int, *, dry_run: bool, trigger: str = SHELL
) -> Report:
    """Hold the pages against one merge request, and put it into the release notes where it is merged.

    Raises UsageError, PlatformError.
    """
    own_folder(settings.data_dir)
    reading_confluence(settings)
    settings = _with_marks(settings, dry_run=dry_run)
    if not dry_run:
        require_marks(settings)  # what nobody could verify, nobody could accept
    sections = request_for(project, iid, trigger, agent=PAGES)
    noted = sections.model_copy(update={"release": NEXT, "key": f"{sections.key}:{NEXT}"})
    return _together(*(_run(settings, one, dry_run=dry_run) for one in (sections, noted)))


def notes_of_release(
    settings: Settings, project: str, version: str, *, dry_run: bool, trigger: str = SHELL
) -> Report:
    """Write the release notes of a tag. Raises UsageError, PlatformError."""
    own_folder(settings.data_dir)
    reading_confluence(settings)
    settings = _with_marks(settings, dry_run=dry_run)
    return _run(settings, of_release(project, 0, version, trigger), dry_run=dry_run)


def ask_about(settings: Settings, project: str, iid: int, question: str) -> Report:
    """Answer a question about one merge request, and write nowhere. Raises UsageError, PlatformError."""
    own_folder(settings.data_dir)
    settings = _with_marks(settings, dry_run=True)
    request = request_for(project, iid, SHELL, agent=ASK)
    return _run(settings, request.model_copy(update={"text": question}), dry_run=True)


def _run(settings: Settings, request: JobRequest, *, dry_run: bool) -> Report:
    with Progress() as progress:
        if dry_run:
            made = propose_apart(request, _owners(settings, request.agent), settings)
            return applied(made, DryRun(), progress)
        breaks = Breaks()
        api = writing_api(settings, partial(WholeWrites, breaks))
        breaks.listen()
        who = account(api)
        tracker, wiki = _writers(settings, request.agent)
        accounts = Accounts(who.person, _named(tracker()) if tracker else None, wiki() if wiki else None)
        made = propose_apart(request, accounts, settings)
        if isinstance(made, Proposal):
            check_bounds(made, request, made.run)
        return applied(made, effects(settings, api, who, lambda: None, tracker, wiki), progress)


def author(settings: Settings) -> Person:
    """Whose notes are ours: the account that writes, where its token is at hand, else that which reads.

    One request. Raises UsageError, PlatformError.
    """
    api = writing_api(settings) if settings.gitlab.token else reading_api(settings)
    return GitLabReader(api, repositories(settings)).me()


def _owners(settings: Settings, agent: str) -> Accounts:
    """The same of every platform, for a run that writes to none: it reads as ours what the real run would."""
    tracker, wiki = _writers(settings, agent)
    return Accounts(
        author(settings),
        _named(tracker()) if tracker and settings.jira.token else None,
        wiki() if wiki and settings.confluence.token else None,
    )


def _writers(
    settings: Settings, agent: str
) -> tuple[Callable[[], IssuePerson] | None, Callable[[], PagePerson] | None]:
    """The accounts that write to Jira and Confluence, asked for once; None for what the agent does not write to."""
    gives_links = agent == PAGES and settings.jira.url and settings.jira.token
    tracker = cache(lambda: JiraReader(writing_jira(settings)).me())
    wiki = cache(lambda: ConfluenceReader(writing_confluence(settings)).me())
    return tracker if agent in TRACKING or gives_links else None, wiki if agent == PAGES else None


def _named(me: IssuePerson) -> NamedBy:
    return NamedBy(me.id, me.username, me.name)


def _together(first: Report, second: Report) -> Report:
    """Two runs on one merge request as one account; why nothing was done is told only where neither did anything."""
    did_nothing = [one.message for one in (first, second) if one.message]
    return first.model_copy(
        update={
            **{name: getattr(first, name) + getattr(second, name) for name in ADDED_UP},
            "complaints": tuple(dict.fromkeys(first.complaints + second.complaints)),
            "message": "; ".join(dict.fromkeys(did_nothing)) if len(did_nothing) > 1 else "",
            "url": first.url or second.url,
            "model": first.model or second.model,
        }
    )


def _trigger(settings: Settings) -> str:
    """A person's wish is done again; a job whose marks nobody can verify leaves alone what is reviewed at this head."""
    return PIPELINE if _is_job() and not settings.mark_secrets else SHELL


def _is_job() -> bool:
    return os.environ.get("CI", "").lower() not in NOT_CI


def request_for(project: str, iid: int, trigger: str, agent: str = REVIEW) -> JobRequest:
    key = f"{agent}:{project}:{iid}:{trigger}"
    return JobRequest(agent=agent, project=project, project_id=0, iid=iid, trigger=trigger, key=key)


def applied(made: Proposal | Report, effects: UndoableEffects, progress: Progress) -> Report:
    """Write the proposal, tell what became of it; interrupted, it takes back what it can.

    Raises PlatformError, but for what was found: that is paid for, and stays true, whatever could not be written.
    """
    if isinstance(made, Report):
        return made
    if not isinstance(effects, DryRun):
        progress.say(PUBLISHING)
    try:
        return apply(made, effects)
    except Stopped as stop:
        return made.report.model_copy(update={"state": stop.state, "message": str(stop)})
    except PlatformError as error:
        said = AGAIN.format(error=error) if isinstance(error, Unavailable) else str(error)
        if not made.report.findings:
            raise PlatformError(said) from None
        progress.tell(said)
        return made.report.model_copy(update={"state": "failed", "message": said})
    except KeyboardInterrupt:
        _take_back(made, effects, progress)
        raise


def _take_back(made: Proposal, effects: UndoableEffects, progress: Progress) -> None:
    """Delete our drafts; a second Ctrl-C, or a GitLab that is down, leaves them to the next review."""
    progress.say(TAKING_BACK)
    try:
        effects.discard(made)
    except (KeyboardInterrupt, PlatformError):
        progress.tell(DRAFTS_LEFT)


def with_kept_marks(settings: Settings) -> Settings:
    """With the mark secrets that are set, else the one that an earlier run left in the data folder, if any."""
    if settings.mark_secrets or not (settings.data_dir / KEPT_MARKS).exists():
        return settings
    return _keeping(settings)


def _with_marks(settings: Settings, *, dry_run: bool) -> Settings:
    """Outside CI, where none is set, a mark secret of our own is kept in the data folder; a CI job writes unsigned.

    A dry run takes the one that is there, and makes none.
    """
    if settings.mark_secrets or _is_job():
        return settings
    return with_kept_marks(settings) if dry_run else _keeping(settings)


def _keeping(settings: Settings) -> Settings:
    kept = SecretStr(kept_secret(settings.data_dir, KEPT_MARKS))
    return settings.model_copy(update={"mark_secrets": (kept,)})
