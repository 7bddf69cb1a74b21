"""PostgreSQL in place of the file for the steps of runs. Importing this needs the extra `postgres`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver  # type: ignore[import-not-found, unused-ignore]
from psycopg import Error  # type: ignore[import-not-found, unused-ignore]
from psycopg.conninfo import make_conninfo  # type: ignore[import-not-found, unused-ignore]

from bot.entry.checkpoints import THREADS, Saver, StrictSerializer

CONNECT_SECONDS: Final = 5


@dataclass(frozen=True)
class PostgresServer:
    """A server that several machines share."""

    url: str
    faults = Error
    is_made = True

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Saver]:
        address = make_conninfo(self.url, connect_timeout=CONNECT_SECONDS)
        async with AsyncPostgresSaver.from_conn_string(address, serde=StrictSerializer()) as saver:
            await saver.setup()
            yield saver

    async def threads(self, saver: Any) -> list[str]:
        rows = await saver.conn.execute(THREADS.format(writes="checkpoint_writes"))
        return [row["thread_id"] for row in await rows.fetchall()]
