"""Who and what is not reviewed, and what has to wait: each reason is one sentence, and the run ends with it."""

import time
from collections.abc import Sequence
from typing import Final

from bot.domain.bots import is_bot_name
from bot.domain.change import MergeRequest
from bot.domain.events import Person
from bot.domain.marks import Mark
from bot.domain.notes import Note
from bot.domain.repo_config import RepoConfig
from bot.errors import NotAllowed, Postponed, Stopped, Superseded
from bot.proposing.means import Means
from bot.proposing.members import NOT_ALLOWED, OWN, is_member
from bot.proposing.pausing import MINUTE, paused_by, quiet_until
from bot.routing import COMMAND, EXPLICIT, OTHER_BOTS, RETARGETED, JobRequest

OPENED: Final = "opened"
PUSHED: Final = "pushed"
WAITING: Final = frozenset({PUSHED, RETARGETED, "reopened"})
"""The triggers of reviews that `pause` holds back. A pipeline waits for its verdict, and what was opened, or made
ready, is reviewed once."""

OVER = "{target} is {state}: there is nothing to review"
DRAFT = "{target} is a draft; drafts are reviewed where .trivet.yml says `review: {{drafts: true}}`"
TITLE = "the title of {target} is on the list skip_titles of .trivet.yml"
LABEL = "{target} has the label {label}, which is on the list skip_labels of .trivet.yml"
OTHER_BOT = (
    "{target} was opened by {author}, a bot; such merge requests are reviewed where .trivet.yml says "
    "`review: {{bots: true}}`"
)
REVIEWED = "{target} is already reviewed at {head}"
NOT_ASKED = "somebody else was asked to review"
PAUSED = "{member} paused the reviews of {target}: the command `resume` goes on"
BUSY = "{target} is pushed to again and again: its review waits until that has ended"


def is_open(merge_request: MergeRequest) -> None:
    """Raises Superseded for one that is merged, closed or locked."""
    if merge_request.state != OPENED:
        raise Superseded(OVER.format(target=merge_request.target, state=merge_request.state))


def is_wanted(request: JobRequest, merge_request: MergeRequest, means: Means) -> None:
    """What the receiver could not know: who the bot is, what role a person has. Raises Stopped, NotAllowed."""
    if means.me and request.person == means.me.id:
        raise Stopped(OWN)
    if means.me and request.reviewers and means.me.id not in request.reviewers:
        raise Stopped(NOT_ASKED)
    if request.trigger == COMMAND and request.person is not None:
        _may_command(request.person, merge_request, means)


def _may_command(person: int, merge_request: MergeRequest, means: Means) -> None:
    if means.reader.is_bot(person):
        raise Stopped(OTHER_BOTS)
    if not is_member(person, merge_request, means):
        raise NotAllowed(NOT_ALLOWED)


def is_not_skipped(
    request: JobRequest, merge_request: MergeRequest, config: RepoConfig, me: Person | None
) -> None:
    """Raises Stopped for what the repository does not want reviewed, unless a person asks for it."""
    if request.trigger in EXPLICIT:
        return
    target, review = merge_request.target, config.review
    if merge_request.draft and not review.drafts:
        raise Stopped(DRAFT.format(target=target), again=True)
    if config.skips_title(merge_request.title):
        raise Stopped(TITLE.format(target=target), again=True)
    if label := config.skips_label(merge_request.labels):
        raise Stopped(LABEL.format(target=target, label=label), again=True)
    if not review.bots and _is_by_other_bot(merge_request, me):
        raise Stopped(OTHER_BOT.format(target=target, author=merge_request.author))


def _is_by_other_bot(merge_request: MergeRequest, me: Person | None) -> bool:
    """What we opened ourselves, people fill with their work."""
    is_ours = me is not None and merge_request.author_id == me.id
    return not is_ours and is_bot_name(merge_request.author)


def is_not_reviewed(request: JobRequest, merge_request: MergeRequest, marks: Sequence[Mark]) -> None:
    """Raises Stopped where our marks say that this very head was reviewed."""
    done = any(mark.kind == "summary" and mark.head == merge_request.head for mark in marks)
    if done and request.trigger not in (*EXPLICIT, RETARGETED):
        raise Stopped(REVIEWED.format(target=merge_request.target, head=merge_request.head[:8]))


def is_not_paused(
    request: JobRequest, merge_request: MergeRequest, notes: Sequence[Note], means: Means
) -> None:
    """Raises Stopped where a member paused the reviews."""
    if request.trigger not in WAITING:
        return
    if member := paused_by(notes, means, merge_request):
        raise Stopped(PAUSED.format(member=member, target=merge_request.target), again=True)


def is_not_busy(request: JobRequest, merge_request: MergeRequest, config: RepoConfig, means: Means) -> None:
    """Raises Postponed where there were many pushes just now. One request, and none for any other trigger.

    The clocks of two machines differ, but nothing waits longer than the repository says.
    """
    if request.trigger != PUSHED:
        return
    now, pause = time.time(), config.review.pause
    seconds = quiet_until(means.reader.pushes(merge_request), pause, now) - now
    if seconds > 0:
        most = pause.resume_after * MINUTE
        raise Postponed(BUSY.format(target=merge_request.target), min(seconds, most))
