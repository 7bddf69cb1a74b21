"""uvicorn looks every tenth of a second whether it shall end, and then gives what is open as long: tests wait for it.

They end a server of their own process more than a thousand times. So it looks more often here, and does all it did.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Final
from unittest.mock import patch

import uvicorn.server

LOOK_SECONDS: Final = 0.01


class Hurried(ModuleType):
    """asyncio, with pauses of at most `LOOK_SECONDS`."""

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, LOOK_SECONDS))


@contextmanager
def ending_promptly() -> Iterator[None]:
    """Meanwhile every uvicorn server of this process ends some hundredths of a second after it was told to."""
    with patch.object(uvicorn.server, "asyncio", Hurried("asyncio")):
        yield
