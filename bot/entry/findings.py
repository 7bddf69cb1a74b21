"""`trivet findings`: the findings of a merge request and what has become of them. Nothing is written."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from bot.agents.review.schema import Place
from bot.agents.review.standing import is_left, places
from bot.agents.table import AGENTS
from bot.domain.change import ChangeSet, MergeRequest, Target
from bot.domain.finding_list import FindingList, FindingState
from bot.domain.lifecycle import Known
from bot.domain.secrets import Redactor
from bot.entry.logs import ERRORS, start_logging
from bot.entry.own_secrets import mark_book, redactor
from bot.entry.progress import Progress, narrated
from bot.entry.shell import REVIEW, author, with_kept_marks
from bot.entry.wiring import gitlab_reader
from bot.errors import PlatformError, UsageError
from bot.proposing.at_head import at_head, context_at_head
from bot.proposing.means import Means
from bot.proposing.said import known_findings_of, read_said
from bot.settings import Settings
from bot.settings.data_folder import own_folder

NOT_KNOWN = (
    "TRIVET_MARK_SECRETS is not set, and the data folder {folder} keeps none: findings are told from notes by the "
    "secret that the bot signs them with, so set the one that its workers have"
)
NOT_PLACED = "the change could not be read, so places are those last seen: {reason}"
NOTE: Final = "{url}#note_{note}"


def findings_of(settings: Settings, project: str, iid: int) -> FindingList:
    """Those of one merge request, open or over, as its threads tell of them. Raises UsageError, PlatformError."""
    own_folder(settings.data_dir)
    settings = with_kept_marks(settings)
    if not settings.mark_secrets:
        raise UsageError(NOT_KNOWN.format(folder=settings.data_dir))
    start_logging("human", redactor(settings).redact, level=ERRORS)
    with Progress() as progress:
        return _listed(Target(project, iid), narrated(_means(settings), progress.say))


def _means(settings: Settings) -> Means:
    return Means(
        reader=gitlab_reader(settings),
        agent=AGENTS[REVIEW],
        redactor=redactor(settings),
        me=author(settings),
        marks=mark_book(settings),
    )


def _listed(target: Target, means: Means) -> FindingList:
    merge_request = means.reader.merge_request(target)
    known = known_findings_of(read_said(merge_request, means), merge_request, means)
    complaints: tuple[str, ...] = ()
    try:
        known = _placed(known, merge_request, means)
    except PlatformError as error:
        complaints = (NOT_PLACED.format(reason=error),)
    return FindingList(
        target=str(merge_request.target),
        url=merge_request.web_url,
        head=merge_request.head,
        findings=tuple(_state(one, merge_request.web_url, means.redactor) for one in known),
        complaints=complaints,
    )


def _placed(known: Sequence[Known], merge_request: MergeRequest, means: Means) -> list[Known]:
    """Without findings the change is not read."""
    if not known:
        return []
    change = means.reader.change_set(merge_request)
    back = _come_back(known, merge_request, change, means)
    now = (replace(one, state="regressed", commit="") if one.key in back else one for one in known)
    return at_head(list(now), merge_request, change, means)


def _come_back(
    known: Sequence[Known], merge_request: MergeRequest, change: ChangeSet, means: Means
) -> frozenset[str]:
    """The keys of what was fixed, and whose very lines stand at head again: no review has told so yet.

    What was mended elsewhere, so that its lines stand as the fixing commit left them, is still fixed.
    """
    fixed = [one for one in known if one.state == "fixed"]
    if not fixed:
        return frozenset()
    context = context_at_head(known, merge_request, change, means)
    where = places(replace(context, snapshot_at=partial(means.reader.snapshot_at, merge_request)))
    return frozenset(one.key for one in fixed if _stands_again(one, where[one.key]))


def _stands_again(fixed: Known, place: Place) -> bool:
    is_same = place["stands"] and place["as_before"] and not place["settled"]
    return is_same and not is_left(fixed, place)


def _state(known: Known, url: str, redactor: Redactor) -> FindingState:
    finding = known.finding
    return FindingState(
        key=known.key,
        state=known.state,
        severity=finding.severity,
        rule=finding.rule,
        title=finding.title,
        path=finding.path,
        line=finding.line,
        old_line=finding.old_line,
        by=known.by,
        why=redactor.redact(known.why),
        commit=known.commit,
        url=NOTE.format(url=url, note=known.note) if known.note else "",
    )
