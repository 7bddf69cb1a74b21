"""Our own token bucket for notes: GitLab allows 300 a minute and says nothing of it in its headers."""

import time
from typing import Final

from bot.entry import keys
from bot.entry.connection import Connection
from bot.errors import Unavailable

NOTES_PER_MINUTE: Final = 200
TOO_MANY = "the limit of notes per minute is reached"


def keep_pace(connection: Connection) -> None:
    """Count one more note of this minute, over all workers. Raises Unavailable, until the minute is over."""
    window, into = divmod(time.time(), 60)
    key = keys.pace(int(window))
    with connection.transaction() as pipe:
        pipe.incr(key)
        pipe.expire(key, 120)
        count, _ = pipe.execute()
    if count > NOTES_PER_MINUTE:
        raise Unavailable(TOO_MANY, retry_after=60 - into)
