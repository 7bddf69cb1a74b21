"""Who may command: members of the project with Developer access or more."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Final

from bot.domain.bots import is_bot_name
from bot.domain.change import MergeRequest
from bot.domain.notes import Note
from bot.errors import Stopped
from bot.proposing.means import Means
from bot.routing import OTHER_BOTS

DEVELOPER: Final = 30  # GitLab's access level (docs.gitlab.com/api/access_requests)
NOT_ALLOWED = "only members with Developer access or more may command the bot"
OWN = "the bot does not answer itself"
NOBODY = "the account that wrote the note is gone"


def is_member(person: int, merge_request: MergeRequest, means: Means) -> bool:
    """Raises PlatformError. Who is blocked or removed is no member."""
    return bool(person) and means.reader.access_level(merge_request.target, person) >= DEVELOPER


def counting(merge_request: MergeRequest, means: Means, names: Mapping[int, str]) -> Callable[[int], bool]:
    """Tells by a person's id whether their words and thumbs count: the author's and members' do, no bot's ever.

    `names` are user names by id, as far as they are known: a bot is told by its own. Each role is asked for once. What
    is returned raises PlatformError.
    """

    @cache
    def counts(person: int) -> bool:
        if not person or is_bot_name(names.get(person, "")):
            return False
        return person == merge_request.author_id or is_member(person, merge_request, means)

    return counts


def is_persons(note: Note, means: Means) -> None:
    """Raises Stopped where a note is by ourselves, another bot or nobody, PlatformError."""
    if means.me and note.author_id == means.me.id:
        raise Stopped(OWN)
    if not note.author_id:
        raise Stopped(NOBODY)
    if is_bot_name(note.author) or means.reader.is_bot(note.author_id):
        raise Stopped(OTHER_BOTS)
