"""What a pipeline sees of a run while it waits: state, one line of progress, and in the end the report."""

import asyncio
import hashlib
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import orjson
import redis.asyncio

from bot.entry import keys
from bot.entry.keys import text
from bot.entry.run_record import OVER, REVIEW
from bot.entry.tickets import digest
from bot.routing import JobRequest

LOOK_SECONDS: Final = 0.25
RUN: Final = re.compile(r"[0-9a-f]{24}")
STEPS: Final = {
    "queued": "waiting for a worker",
    "running": "reading the merge request",
    "applying": "publishing",
}

Stop = Callable[[], Awaitable[bool]]


@dataclass(frozen=True)
class View:
    """One look at a run. `report` is JSON as it was stored, b"null" before there is one."""

    run: str
    state: str
    progress: str
    message: str
    report: bytes = b"null"

    @property
    def over(self) -> bool:
        return self.state in OVER

    @property
    def tag(self) -> str:
        """Changes with what a waiting pipeline is told; an entity tag of HTTP."""
        said = f"{self.state}\n{self.progress}\n{self.message}"
        return f'"{self.state}:{hashlib.sha256(said.encode()).hexdigest()[:16]}"'

    def body(self) -> bytes:
        shown = {"run": self.run, "state": self.state, "progress": self.progress, "message": self.message}
        return orjson.dumps({**shown, "report": orjson.Fragment(self.report)})


@dataclass(frozen=True)
class RunViews:
    """Looks at runs. Everything raises RedisError where Redis does not answer."""

    redis: "redis.asyncio.Redis"

    async def look(self, run: str, token: str) -> View | None:
        """None where there is no such run, or the token does not read it: who asks cannot tell which."""
        if not RUN.fullmatch(run):
            return None
        async with self.redis.pipeline(transaction=True) as pipe:
            pipe.sismember(keys.readers(run), digest(token))
            pipe.hmget(keys.run(run), "state", "progress", "message", "request")
            pipe.get(keys.report(run))
            may_read, said, report = await pipe.execute()
        if not may_read or said[0] is None:
            return None
        view = _view(run, said, report)
        return await self._with_findings(view, said[3]) if _says_nothing(view) else view

    async def changed(self, first: View, token: str, tag: str | None, seconds: float, stop: Stop) -> View:
        """The run once it differs from `tag` (None: from `first`), or after so many seconds, or on `stop`."""
        deadline, view = time.monotonic() + seconds, first
        while view.tag == (tag or first.tag) and not view.over and time.monotonic() < deadline:
            await asyncio.sleep(LOOK_SECONDS)
            if await stop():
                break
            view = await self.look(first.run, token) or view
        return view

    async def _with_findings(self, view: View, request: bytes) -> View:
        """Where another run reviewed this head before, as after a command: that one's report."""
        wanted = JobRequest.model_validate_json(request)
        reviewed = keys.reviewed(wanted.target_key, wanted.head)
        kept = await self._get(reviewed) if wanted.head and wanted.agent == REVIEW else None
        report = await self._get(keys.report(text(kept).partition(":")[0])) if kept else None
        return View(view.run, view.state, "", view.message, report or view.report)

    async def _get(self, name: str) -> bytes | None:
        found = await self.redis.get(name)
        return found.encode() if isinstance(found, str) else found


def _view(run: str, said: list[Any], report: bytes | None) -> View:
    state, progress, message, _ = (text(one) if one else "" for one in said)
    if state in OVER:
        return View(run, state, "", message, report or b"null")
    return View(run, state, progress or STEPS.get(state, state), "")


def _says_nothing(view: View) -> bool:
    """Done with a message: nothing was published."""
    return view.state == "done" and bool(view.message)
