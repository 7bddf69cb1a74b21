"""A review in a CI job that holds a token: of the commit its pipeline is of, written once, the verdict its own."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from bot.domain.actions import Proposal, Report
from bot.domain.change import MergeRequest, Target
from bot.entry.access import Account, account, writing_api
from bot.entry.accounts import Accounts
from bot.entry.apart import propose_apart
from bot.entry.breaks import Breaks, WholeWrites
from bot.entry.own_secrets import mark_book
from bot.entry.progress import Progress
from bot.entry.shell import PIPELINE, SHELL, applied, request_for
from bot.entry.wiring import gitlab_effects, repositories
from bot.gateways.gitlab_api import GitLabApi
from bot.gateways.gitlab_reader import GitLabReader
from bot.gateways.local import DryRun
from bot.settings import Settings
from bot.settings.data_folder import own_folder

SHORT: Final = 8  # characters of a SHA for people
ALREADY = "{target} is already reviewed at {head}: this job reports once more and writes nothing"
NEWER = "{target} is at {now} by now: the newer commit has a pipeline of its own"


def review_in_job(settings: Settings, project: str, iid: int, head: str) -> Report:
    """Review a merge request at `head` ("": not known, then at its present one). Raises UsageError, PlatformError."""
    own_folder(settings.data_dir)
    breaks = Breaks()
    api = writing_api(settings, partial(WholeWrites, breaks))
    breaks.listen()
    with Progress() as progress:
        here = Here(settings, api, account(api), progress)
        present = here.reader.merge_request(Target(project, iid))
        if head and present.head != head:
            return _overtaken(present)
        return _reviewed(here, present)


@dataclass(frozen=True)
class Here:
    """What the job works with."""

    settings: Settings
    api: GitLabApi
    who: Account
    progress: Progress

    @property
    def reader(self) -> GitLabReader:
        return GitLabReader(self.api, repositories(self.settings))

    def propose(self, present: MergeRequest, trigger: str) -> Proposal | Report:
        request = request_for(present.target.project, present.target.iid, trigger)
        return propose_apart(request, Accounts(self.who.person), self.settings)


def _reviewed(here: Here, present: MergeRequest) -> Report:
    """What is reviewed at this head already is found again, for the job's report and exit code, and not written."""
    made = here.propose(present, PIPELINE)
    if isinstance(made, Report) and _is_reviewed(here, present):
        here.progress.tell(ALREADY.format(target=present.target, head=present.head[:SHORT]))
        return applied(here.propose(present, SHELL), DryRun(), here.progress)
    if isinstance(made, Proposal) and made.head != present.head:
        return _overtaken(replace(present, head=made.head))
    effects = gitlab_effects(here.settings, here.api, here.who, pace=lambda: None)
    return applied(made, effects, here.progress)


def _is_reviewed(here: Here, present: MergeRequest) -> bool:
    book = mark_book(here.settings)(present.target.key)
    ours = (note for note in here.reader.notes(present.target) if note.author_id == here.who.person.id)
    marks = filter(None, (book.read(note.body) for note in ours))
    return any(mark.kind == "summary" and mark.head == present.head for mark in marks)


def _overtaken(present: MergeRequest) -> Report:
    return Report(
        run=PIPELINE,
        agent="review",
        target=str(present.target),
        url=present.web_url,
        trigger=PIPELINE,
        head=present.head,
        state="superseded",
        message=NEWER.format(target=present.target, now=present.head[:SHORT]),
    )
