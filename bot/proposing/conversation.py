"""Talking with people: what a note wants of the bot, whether its author may have it, and what an answer is made of."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Final

from bot.agents.spec import AskContext
from bot.domain.actions import Proposal
from bot.domain.change import MergeRequest
from bot.domain.lifecycle import Known, known_findings
from bot.domain.notes import Note
from bot.errors import NotAllowed, Stopped, UsageError
from bot.policy import Ground
from bot.proposing.means import Means
from bot.proposing.members import NOT_ALLOWED, counting, is_member, is_persons
from bot.proposing.proposal import proposal
from bot.proposing.review import bound_to
from bot.proposing.said import Said, read_said, remembered
from bot.proposing.talk import ASK, DISMISSAL, Thread, Wish, names_in, wish
from bot.routing import REPLY, JobRequest

OPENED: Final = "opened"
RESUME: Final = "resume"
RESUMED: Final = "resumed"
"""The trigger of the review that `resume` starts."""
RESOLVE: Final = "resolve"
WHILE_OPEN: Final = frozenset({"pause", RESUME, RESOLVE})
"""The commands that mean nothing once a merge request is merged or closed."""
TALK: Final = frozenset({REPLY, DISMISSAL})
"""What is said without a command: who may not be answered is not told so."""

GONE = "the note that asks is gone"
ANSWERED = "the note is answered already"
OVER = "{target} is {state}: `{name}` does nothing there"
NO_MEMBER = "replies are answered to members with Developer access or more only"
NO_MODEL = "no model is configured, so replies are not answered"
NO_QUESTION = "ask something: the question is empty"
NO_MODEL_HERE = (
    "no model is configured: TRIVET_MODELS names one, as in openai:NAME, with the key of its provider"
)


def propose_ask(request: JobRequest, run: str, means: Means) -> Proposal:
    """Raises Stopped where nobody is to be answered, NotAllowed, Superseded, PlatformError; for a shell UsageError."""
    started = time.monotonic()
    _can_answer(request, means)
    merge_request = means.reader.merge_request(request.target)
    means.checkpoint(merge_request)
    said = cache(partial(read_said, merge_request, means))
    question = _question(request, merge_request, means)
    context = _asked_in_note(request, question, said, means) if request.note else question
    context = replace(context, known=_known(context, said, means))
    means.checkpoint(merge_request)
    means.begun()
    result = means.agent.run(context)
    means.checkpoint(merge_request)
    if context.name == RESUME:
        means.start(_review(request, merge_request))
    return proposal(request, run, means, bound_to(merge_request), result, Ground(means.agent), started)


# --- who asks, and what ---


def _can_answer(request: JobRequest, means: Means) -> None:
    """In a shell a person waits, and reads why there is no answer."""
    if request.note:
        return
    if not request.text.strip():
        raise UsageError(NO_QUESTION)
    if means.model is None:
        raise UsageError(NO_MODEL_HERE)


def _question(request: JobRequest, merge_request: MergeRequest, means: Means) -> AskContext:
    """The question of a shell, and what any answer is made from."""
    return AskContext(
        request=merge_request,
        redactor=means.redactor,
        name=ASK,
        text=request.text,
        change=cache(partial(means.reader.change_set, merge_request)),
        snapshot=cache(partial(means.reader.snapshot, merge_request)),
        commits=cache(partial(means.reader.commits, merge_request)),
        snapshot_at=partial(means.reader.snapshot_at, merge_request),
        me=means.me.id if means.me else 0,
        bot=means.me.username if means.me else "",
        has_pages=means.wiki is not None,
        model=means.model,
        steps=means.memory if means.model else None,
        still_wanted=partial(means.checkpoint, merge_request),
        tell=means.tell,
        can_wait=means.can_wait,
    )


def _asked_in_note(
    request: JobRequest, question: AskContext, said: Callable[[], Said], means: Means
) -> AskContext:
    """Nothing but the thread is read until it is clear that the note wants something. `said` reads all notes, once."""
    merge_request = question.request
    thread = _thread(request, merge_request, said, means)
    wanted = wish(thread, question.bot or None)
    if thread.is_answered:
        raise Stopped(ANSWERED)
    if wanted.name in WHILE_OPEN and merge_request.state != OPENED:
        target, state = merge_request.target, merge_request.state
        raise Stopped(OVER.format(target=target, state=state, name=wanted.name))
    if wanted.name == REPLY and means.model is None:
        raise Stopped(NO_MODEL)
    is_persons(thread.asking, means)
    _may(wanted, thread.asking, merge_request, means)
    if wanted.name not in WHILE_OPEN and _is_answered_beside(thread, said):
        raise Stopped(ANSWERED)
    return replace(
        question,
        name=wanted.name,
        text=wanted.text,
        word=wanted.word,
        meant=wanted.meant,
        note=thread.asking.id,
        thread=thread.asking.discussion,
        said=thread.until_now,
        about=thread.finding,
    )


def _thread(
    request: JobRequest, merge_request: MergeRequest, said: Callable[[], Said], means: Means
) -> Thread:
    """Where the delivery told no thread, it is found among all notes."""
    target = merge_request.target
    notes = means.reader.thread(target, request.thread) if request.thread else _by_age(said().notes)
    asking = next((note for note in notes if note.id == request.note), None)
    if asking is None:
        raise Stopped(GONE)
    book = means.marks(target.key) if means.marks and means.me else None
    together = [note for note in notes if note.discussion == asking.discussion]
    counts = counting(merge_request, means, names_in(together))
    return Thread(together, asking, book, means.me.id if means.me else 0, counts)


def _by_age(notes: Sequence[Note]) -> list[Note]:
    return sorted(notes, key=lambda note: note.id)


def _is_answered_beside(thread: Thread, said: Callable[[], Said]) -> bool:
    """Whether it was answered by a note of its own, as one that stands alone is: it may have got a thread since."""
    if thread.notes[0].id != thread.asking.id:
        return False
    marks = (one.mark for one in said().own)
    return any(mark.kind == REPLY and mark.signed and mark.key in thread.answers for mark in marks)


def _may(wanted: Wish, note: Note, merge_request: MergeRequest, means: Means) -> None:
    """The author of the merge request may have a finding left alone, member or not, as by a thumbs-down."""
    if wanted.name == DISMISSAL and note.author_id == merge_request.author_id:
        return
    if not is_member(note.author_id, merge_request, means):
        raise Stopped(NO_MEMBER) if wanted.name in TALK else NotAllowed(NOT_ALLOWED)


def _known(context: AskContext, said: Callable[[], Said], means: Means) -> Sequence[Known]:
    """All findings, where the question or the command may be about them, by what their threads tell.

    Thumbs do not keep a thread from closing, and for an answer their requests cost more than they tell.
    """
    is_wanted = context.name == ASK or (context.name == RESOLVE and context.about is None)
    if not is_wanted or means.me is None or means.marks is None:
        return ()
    request, notes = context.request, said().notes
    reviewed = remembered(said(), request, means)
    counts = counting(request, means, names_in(notes))
    book = means.marks(request.target.key)
    return known_findings(notes, book, means.me.id, reviewed, lambda _note: "", counts)


def _review(request: JobRequest, merge_request: MergeRequest) -> JobRequest:
    """Of what was pushed since reviews were paused."""
    target = merge_request.target
    return JobRequest(
        agent="review",
        project=target.project,
        project_id=target.project_id,
        iid=target.iid,
        trigger=RESUMED,
        key=f"review:{target.project_id}:{target.iid}:note:{request.note}",
        head=merge_request.head,
    )
