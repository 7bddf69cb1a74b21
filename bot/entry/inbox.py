"""Where deliveries become durable: delivery key, event, run and RQ job in one script, all or nothing."""

import asyncio
import time
from collections.abc import Awaitable, Iterable, Sequence
from typing import Any, Final

import redis.asyncio
from prometheus_client.metrics_core import Metric as Family
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from rq.job import Job

from bot.domain.events import Event, IssueCommented, MergeRequestChanged, NoteWritten
from bot.entry import keys
from bot.entry.exposition import SNAPSHOT, Common, snapshot_keys
from bot.entry.group_commit import GroupCommit, Value
from bot.entry.queue import AGENTS, job_form, job_id, job_time, queue_key, run_id
from bot.entry.recording import Receipt, StoreDown
from bot.routing import JobRequest, ends

CONNECT_SECONDS = 0.5
ANSWER_SECONDS = 2.0
FULL = "Redis takes no records ({error}): it has no memory or disk left, or is read-only"

ACCEPT: Final = """
-- KEYS: delivery, event, unfinished, target, queue, queues
-- ARGV: delivery ttl, event ttl, event, now, head, at, RQ's time, fixed fields of a job (JSON),
--       then per request: run key, run, request, job key, job, data
local seen = redis.call('GET', KEYS[1])
if seen then return {'duplicate', seen} end
local head, at = ARGV[5], ARGV[6]
local old_head = redis.call('HGET', KEYS[4], 'head')
local old_at = redis.call('HGET', KEYS[4], 'at')
if head ~= '' and (not old_at or old_at <= at) then
  redis.call('HSET', KEYS[4], 'head', head, 'at', at)
  redis.call('HDEL', KEYS[4], 'ended')
  redis.call('EXPIRE', KEYS[4], 2592000)
end
local came_back = head ~= '' and old_head and old_head ~= head
local runs, started = {}, false
for i = 9, #ARGV, 6 do
  local run_key, run, request, job_key, job, data = unpack(ARGV, i, i + 5)
  local state = redis.call('HGET', run_key, 'state')
  local again = came_back or redis.call('HGET', run_key, 'again')
  local idle = not state or state == 'failed' or state == 'superseded' or (state == 'done' and again)
  if idle then
    redis.call('DEL', run_key)
    redis.call('HSET', run_key, 'request', request, 'state', 'queued', 'created', ARGV[4], 'event', KEYS[2])
    redis.call('ZADD', KEYS[3], ARGV[4], run)
    redis.call('HSET', job_key, 'data', data, 'created_at', ARGV[7], 'enqueued_at', ARGV[7],
      unpack(cjson.decode(ARGV[8])))
    redis.call('SADD', KEYS[6], KEYS[5])
    redis.call('RPUSH', KEYS[5], job)
    started = true
  end
  runs[#runs + 1] = run
end
redis.call('SET', KEYS[2], ARGV[3])
if not started then redis.call('EXPIRE', KEYS[2], ARGV[2]) end
redis.call('SET', KEYS[1], table.concat(runs, ' '), 'EX', ARGV[1])
return {'accepted', table.concat(runs, ' ')}
"""


def acceptance(
    delivery: str,
    event: Event | None,
    requests: Sequence[JobRequest],
    ttl: int = keys.DELIVERY_TTL,
) -> tuple[list[str], list[Value]]:
    """The script's KEYS and ARGV for one delivery (or one find of the sweep, which has no event)."""
    first, form = requests[0], job_form("propose")
    changed = event if isinstance(event, MergeRequestChanged) and not ends(event) else None
    names = [
        keys.delivery(delivery),
        keys.event(delivery),
        keys.UNFINISHED,
        keys.target(first.target_key),
        queue_key(AGENTS),
        "rq:queues",
    ]
    values: list[Value] = [
        ttl,
        keys.EVENT_TTL,
        _without_text(event).model_dump_json() if event else "null",
        time.time(),
        changed.head if changed else "",
        changed.at if changed else "",
        job_time(),
        form.fixed,
    ]
    for request in requests:
        run = run_id(request.key)
        job = job_id("propose", run)
        values += [keys.run(run), run, request.model_dump_json(), Job.key_for(job), job, form.data(run)]
    return names, values


def _without_text(event: Event) -> Event:
    """What people wrote has been read for its command by now; it may hold a secret."""
    written = isinstance(event, NoteWritten | IssueCommented)
    return event.model_copy(update={"body": ""}) if written else event


class RedisInbox:
    """The receiver's side of Redis: short time-outs, no retries, so that 503 is answered in milliseconds.

    `day_tokens`: what models may take a day, for the metrics.
    """

    def __init__(self, url: str, *, volatile_ok: bool = False, day_tokens: int = 0) -> None:
        self._redis = redis.asyncio.Redis.from_url(
            url,
            retry=redis.asyncio.retry.Retry(NoBackoff(), 1),
            socket_connect_timeout=CONNECT_SECONDS,
            socket_timeout=None,
        )
        self._accept = GroupCommit(self._redis, ACCEPT, ANSWER_SECONDS)
        self._volatile_ok = volatile_ok
        self._day_tokens = day_tokens

    async def accept(
        self, key: str, event: Event, requests: Sequence[JobRequest], ttl: int | None = None
    ) -> Receipt:
        names, values = acceptance(key, event, requests, ttl or keys.DELIVERY_TTL)
        try:
            status, runs = await self._accept(names, values)
        except (RedisError, OSError, TimeoutError) as error:
            raise StoreDown(type(error).__name__) from error
        return Receipt(status.decode(), tuple(runs.decode().split()))

    async def ended(self, target_key: str) -> None:
        await _answered(self._redis.hset(keys.target(target_key), "ended", "1"))
        await _answered(self._redis.expire(keys.target(target_key), keys.TARGET_TTL))

    async def ready(self) -> str | None:
        try:
            info = await _answered(self._redis.info())
        except StoreDown as error:
            return f"Redis does not answer ({error})"
        try:
            await _answered(self._redis.set(keys.TRIED, 1, ex=keys.TRIED_TTL))
        except StoreDown as error:
            return FULL.format(error=error)
        return None if self._volatile_ok else forgetful(info)

    async def common(self) -> Iterable[Family]:
        names = snapshot_keys()
        said = await _answered(self._redis.eval(SNAPSHOT, len(names), *names))
        return Common(said, self._day_tokens).families()

    async def close(self) -> None:
        await self._accept.close()
        await self._redis.aclose()


async def _answered(asked: Awaitable[Any]) -> Any:
    """Redis's answer. Raises StoreDown.

    One limit around the whole command: redis-py's own starts a task for each write, a tenth of the receiver's time.
    """
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await asked
    except (RedisError, OSError, TimeoutError) as error:
        raise StoreDown(type(error).__name__) from error


def forgetful(info: dict[str, object]) -> str | None:
    """Why this Redis may lose what it acknowledged, by its own INFO; None when it keeps data.

    Measured: without AOF `kill -9` lost 5,140 of 5,140 acknowledged jobs; `allkeys-lru` evicted 1,216 of 6,000.
    """
    if str(info.get("aof_enabled")) != "1":
        return "Redis keeps no append-only file: set `appendonly yes`"
    if info.get("maxmemory_policy") != "noeviction":
        return f"Redis may evict jobs ({info.get('maxmemory_policy')}): set `maxmemory-policy noeviction`"
    if str(info.get("role")) == "slave":
        return "this Redis is a replica: set TRIVET_REDIS_URL to the primary"
    return None
