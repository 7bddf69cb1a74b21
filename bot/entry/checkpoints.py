"""The steps of unfinished runs, so that a run started again goes on where it was and pays for nothing twice.

A thread is a run. Kept in a file of the data folder, which the processes of one machine share, or in PostgreSQL for
several machines. Threads go when their run is over: they quote source code.
"""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import aiosqlite
import structlog
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from bot.agents.spec import Memory
from bot.domain.actions import (
    Coverage,
    Decision,
    Position,
    PostFinding,
    React,
    Reply,
    UpdateFinding,
    UpsertNote,
)
from bot.domain.findings import Finding, Severity, Suggestion
from bot.domain.ledger import Ledger
from bot.domain.lifecycle import Course
from bot.domain.reviewed import Reviewed
from bot.errors import Unavailable, UsageError
from bot.settings import Settings
from bot.settings.data_folder import own_folder

FILE: Final = "checkpoints.sqlite"
BUSY_SECONDS: Final = 30.0
KEPT: Final = (
    Course,
    Coverage,
    Decision,
    Finding,
    Ledger,
    Position,
    PostFinding,
    React,
    Reply,
    Reviewed,
    Severity,
    UpdateFinding,
    Suggestion,
    UpsertNote,
)
FORMATS: Final = frozenset({"null", "bytes", "bytearray", "msgpack"})
THREADS: Final = "SELECT thread_id FROM checkpoints UNION SELECT thread_id FROM {writes}"  # UNION: each once

NOT_KNOWN = "TRIVET_DATABASE_URL: must begin with postgresql:// or sqlite:///"
NO_DRIVER = "TRIVET_DATABASE_URL names PostgreSQL, whose driver is missing: `pip install 'trivet[postgres]'` brings it"
FAILED = "the database that keeps the steps of runs failed"
TAMPERED = "a kept step is in a format we do not write: {format}"

log = structlog.get_logger("trivet.checkpoints")

Saver = BaseCheckpointSaver[str]


class StrictSerializer(JsonPlusSerializer):
    """Builds plain values and the types of `KEPT` from what was stored, and nothing else.

    By default LangGraph calls whatever a stored value names (measured: `os.system` ran from a tampered checkpoint), and
    its older JSON format builds LangChain's objects. What is not listed comes back as the data it was built from.
    """

    def __init__(self) -> None:
        super().__init__(allowed_msgpack_modules=KEPT, allowed_json_modules=None, pickle_fallback=False)

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        if data[0] not in FORMATS:
            raise ValueError(TAMPERED.format(format=data[0]))
        return super().loads_typed(data)


class Database(Protocol):
    """Where the steps are kept. `faults` are what its driver raises."""

    @property
    def faults(self) -> type[Exception]: ...

    @property
    def is_made(self) -> bool:
        """False: nothing can be in it."""

    def opened(self) -> AbstractAsyncContextManager[Saver]:
        """A saver for the running event loop, its tables made."""

    async def threads(self, saver: Any) -> list[str]:
        """The runs of which something is kept."""


@dataclass(frozen=True)
class SqliteFile:
    """A file for its owner only; SQLite gives its companions (-wal, -shm) the same mode."""

    path: Path
    faults = sqlite3.Error

    @property
    def is_made(self) -> bool:
        return self.path.exists()

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Saver]:
        own_folder(self.path.parent)
        os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        async with aiosqlite.connect(self.path, timeout=BUSY_SECONDS) as connection:
            await connection.execute("PRAGMA secure_delete = ON")
            saver = AsyncSqliteSaver(connection, serde=StrictSerializer())
            await saver.setup()
            yield saver

    async def threads(self, saver: Any) -> list[str]:
        rows = await saver.conn.execute_fetchall(THREADS.format(writes="writes"))
        return [thread for (thread,) in rows]


@dataclass
class Steps:
    """The kept steps of one run, an agent's `Memory`."""

    thread: str
    opened: Callable[[], AbstractAsyncContextManager[Saver]]


@dataclass(frozen=True)
class Checkpoints:
    """The kept steps of all runs. The database is opened anew each time: nothing is open across a fork.

    Where it fails, whoever uses it meets Unavailable: the run is put back, its finished steps are still there later.
    """

    database: Database

    def memory(self, run_id: str) -> Memory:
        return Steps(run_id, self._opened)

    def forget(self, run_id: str) -> None:
        """The run is over."""
        if self.database.is_made:
            asyncio.run(self._forgotten([run_id]))

    def prune(self, is_over: Callable[[str], bool]) -> int:
        """Forget the runs that ended without saying so; how many."""
        if not self.database.is_made:
            return 0
        over = [run_id for run_id in asyncio.run(self._kept()) if is_over(run_id)]
        asyncio.run(self._forgotten(over))
        return len(over)

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[Saver]:
        try:
            async with self.database.opened() as saver:
                yield saver
        except self.database.faults as error:
            log.warning(FAILED, reason=str(error))
            raise Unavailable(FAILED) from error

    async def _kept(self) -> list[str]:
        async with self._opened() as saver:
            return await self.database.threads(saver)

    async def _forgotten(self, run_ids: Iterable[str]) -> None:
        async with self._opened() as saver:
            for run_id in run_ids:
                await saver.adelete_thread(run_id)


def checkpoints(settings: Settings) -> Checkpoints:
    """Where `TRIVET_DATABASE_URL` says, else a file of the data folder. Opens nothing. Raises UsageError."""
    url = settings.database_url
    if not url:
        return Checkpoints(SqliteFile(settings.data_dir / FILE))
    parts = urlsplit(url)
    if parts.scheme == "sqlite" and not parts.netloc and parts.path.strip("/"):
        return Checkpoints(SqliteFile(Path("/", parts.path.lstrip("/"))))
    if parts.scheme not in ("postgresql", "postgres"):
        raise UsageError(NOT_KNOWN)
    try:
        from bot.entry.postgres import PostgresServer
    except ImportError:
        raise UsageError(NO_DRIVER) from None
    return Checkpoints(PostgresServer(url))
