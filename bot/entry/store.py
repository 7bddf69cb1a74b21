"""All that the processes keep in Redis together, each part one idea with a module of its own."""

from collections.abc import Iterable
from functools import partial

from redis import Redis

from bot.entry import meters
from bot.entry.attendance import Attendance
from bot.entry.connection import Connection
from bot.entry.handled import Handled
from bot.entry.identities import Identities
from bot.entry.meters import Count
from bot.entry.note_pace import keep_pace
from bot.entry.runs import Runs
from bot.entry.signs_of_life import SignsOfLife
from bot.entry.sweep_memory import SweepMemory
from bot.entry.ties import Ties
from bot.entry.turns import Turns
from bot.entry.waiting import Waiting


class Store:
    """One process's view of what is kept."""

    def __init__(self, redis: Redis) -> None:
        connection = Connection(redis)
        self._connection = connection
        self.redis = redis
        self.runs = Runs(connection)
        self.waiting = Waiting(connection)
        self.turns = Turns(connection, self.waiting)
        self.attendance = Attendance(connection, self.runs)
        self.handled = Handled(redis)
        self.ties = Ties(redis)
        self.identities = Identities(redis)
        self.signs = SignsOfLife(connection)
        self.sweeps = SweepMemory(redis)
        self.keep_pace = partial(keep_pace, connection)

    def add(self, counts: Iterable[Count]) -> None:
        """Counts that belong to no transaction."""
        with self._connection.transaction() as pipe:
            meters.add(counts, pipe)
