"""When reviews of pushes wait: since a member said so, or while a merge request is pushed to again and again."""

from collections.abc import Iterable, Sequence
from typing import Final

from bot.domain.bots import is_bot_name
from bot.domain.change import MergeRequest
from bot.domain.commands import Command, parse_command
from bot.domain.notes import Note
from bot.domain.repo_config import Pause
from bot.proposing.means import Means
from bot.proposing.members import is_member

PAUSE, RESUME = "pause", "resume"
NAMELESS: Final = "a member"
MINUTE: Final = 60.0  # seconds


def paused_by(notes: Iterable[Note], means: Means, merge_request: MergeRequest) -> str:
    """The user name of the member whose `pause` holds, "" where reviews are not paused.

    Of all the commands of members the latest counts. Each person's role is asked for once, the latest ones first.
    Raises PlatformError.
    """
    members: dict[int, bool] = {}
    for note in sorted(notes, key=lambda note: note.id, reverse=True):
        command = _command(note, means)
        if not command:
            continue
        if note.author_id not in members:
            members[note.author_id] = is_member(note.author_id, merge_request, means)
        if members[note.author_id]:
            return (note.author or NAMELESS) if command == PAUSE else ""
    return ""


def quiet_until(pushes: Sequence[float], pause: Pause, now: float) -> float:
    """The Unix time until which a busy merge request waits; 0.0 where it need not.

    `pushes` are the times of all of them, in any order; the first is the opening, and no push. Busy: `pause.pushes` of
    them within `pause.minutes` before the newest. It waits until `pause.resume_after` minutes have passed without one.
    """
    pushed = sorted(pushes)[1:]
    if not pushed:
        return 0.0
    newest = pushed[-1]
    close = [at for at in pushed if newest - at <= pause.minutes * MINUTE]
    until = newest + pause.resume_after * MINUTE
    return until if len(close) >= pause.pushes and now < until else 0.0


def _command(note: Note, means: Means) -> str:
    """ "pause" or "resume", where this is what the note commands; "" otherwise. Neither we nor other bots command."""
    me = means.me
    if note.system or (me and note.author_id == me.id) or is_bot_name(note.author):
        return ""
    command = parse_command(note.body, me.username if me else None)
    said = command.name if isinstance(command, Command) else ""
    return said if said in (PAUSE, RESUME) else ""
