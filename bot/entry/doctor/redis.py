"""Redis: whether it answers, keeps what it acknowledged, has room, and tells the same time as we do."""

import time
from collections.abc import Iterator, Mapping
from statistics import median
from typing import Any, Final
from urllib.parse import urlsplit

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, BusyLoadingError, NoPermissionError, RedisError
from redis.retry import Retry

from bot.entry.doctor.check import Check, fine, note, wrong
from bot.entry.doctor.clock import OF_QUEUE, clock_check
from bot.entry.doctor.machine import size
from bot.entry.doctor.sentences import taken_apart
from bot.entry.doctor.settings import LOOPBACK
from bot.entry.embedded import running_url
from bot.entry.inbox import forgetful
from bot.errors import UsageError
from bot.settings import Settings

TOPIC: Final = "Redis"
CONNECT_SECONDS: Final = 2.0
ANSWER_SECONDS: Final = 3.0
PINGS: Final = 5
SLOW_MS: Final = 10.0  # a delivery is to be acknowledged within 50, and waits for Redis once
OLDEST: Final = (6, 2)  # ZMSCORE, which the sweep asks, came with it (redis.io/commands/zmscore)
KEEPING: Final[Mapping[str, str]] = {"aof_enabled": "1", "maxmemory_policy": "noeviction", "role": "master"}
FULL, NEARLY_FULL = 0.95, 0.8

NOT_STARTED = "none is named, and `trivet up` does not run on this data folder"
NOT_STARTED_CURE = "start `trivet up`, which brings one, or point TRIVET_REDIS_URL to one"
UNUSABLE = (
    "TRIVET_REDIS_URL names no server that can be asked: "
    "correct port and options, and percent-encode what is special in the password"
)
SILENT = "does not answer ({error})"
SILENT_CURE = "start it, or correct TRIVET_REDIS_URL"
LOADING = "is still reading its data"
LOADING_CURE = "wait: deliveries are refused with 503 until it has, and come again"
FORBIDDEN = "refuses us ({error})"
FORBIDDEN_CURE = "correct user and password in TRIVET_REDIS_URL, and what the user may do there"
ANSWERS = "{server}, {milliseconds:.1f} ms"
SLOW_CURE = "bring it nearer: each delivery waits for it before it is acknowledged"
OLD_CURE = "Redis {oldest} or newer, or Valkey, is needed"
KEEPS = "keeps what it acknowledged (AOF on, noeviction)"
VOLATILE_OK = "{said}; TRIVET_REDIS_VOLATILE_OK accepts that"
WRITE_FAILED = "its last write to the append-only file failed"
WRITE_FAILED_CURE = "see its log; most often its disk is full"
REWRITE_FAILED = "its append-only file could not be made smaller the last time"
NO_LIMIT = "{used} used, no limit"
USED = "{used} of {limit} used"
USED_CURE = (
    "give it more (`maxmemory`), or see what fills it: when it is full deliveries are answered with 503"
)
OPEN = "{host} takes us without a password: whoever reaches it can start runs and read source code"
OPEN_CURE = "give it a password (ACL user) or keep it in a private network, and name it in TRIVET_REDIS_URL"


def redis_checks(settings: Settings) -> Iterator[Check]:
    try:
        url = address(settings)
        client = connected(url) if url else None
    except UsageError as error:
        yield wrong(TOPIC, "address", *taken_apart(error, NOT_STARTED_CURE), is_setting=True)
        return
    if url is None or client is None:
        yield note(TOPIC, "address", NOT_STARTED, NOT_STARTED_CURE)
        return
    try:
        yield from _examined(client, url, settings)
    except (AuthenticationError, NoPermissionError) as error:
        yield wrong(TOPIC, "answers", FORBIDDEN.format(error=error), FORBIDDEN_CURE, is_setting=True)
    except BusyLoadingError:
        yield note(TOPIC, "answers", LOADING, LOADING_CURE)
    except RedisError as error:
        yield wrong(TOPIC, "answers", SILENT.format(error=error), SILENT_CURE)
    finally:
        client.close()


def address(settings: Settings) -> str | None:
    """The Redis that is named, else the one of a running `trivet up`. Raises UsageError."""
    return settings.redis_url or running_url(settings.data_dir)


def connected(url: str) -> Redis:
    """A client that gives up soon and never asks twice. Raises UsageError for an address that is none.

    What is wrong with it is not told: that may be a part of its password.
    """
    try:
        client = Redis.from_url(
            url,
            retry=Retry(NoBackoff(), 0),
            socket_connect_timeout=CONNECT_SECONDS,
            socket_timeout=ANSWER_SECONDS,
        )
        client.connection_pool.make_connection()  # an option that there is not shows only now
    except (TypeError, ValueError):
        raise UsageError(UNUSABLE) from None
    return client


def _examined(client: Redis, url: str, settings: Settings) -> Iterator[Check]:
    info: dict[str, Any] = client.info()
    yield _answers(client, info)
    yield from _keeps(info, volatile_ok=settings.redis_volatile_ok)
    yield from _writes(info)
    yield _memory(info)
    yield _clock(client)
    yield from _door(url)


def _answers(client: Redis, info: Mapping[str, Any]) -> Check:
    milliseconds = median(_ping_ms(client) for _ in range(PINGS))
    said = ANSWERS.format(server=_server(info), milliseconds=milliseconds)
    if _version(info) < OLDEST:
        return wrong(TOPIC, "answers", said, OLD_CURE.format(oldest=".".join(map(str, OLDEST))))
    return note(TOPIC, "answers", said, SLOW_CURE) if milliseconds > SLOW_MS else fine(TOPIC, "answers", said)


def _ping_ms(client: Redis) -> float:
    began = time.perf_counter()
    client.ping()
    return (time.perf_counter() - began) * 1000


def _server(info: Mapping[str, Any]) -> str:
    if "valkey_version" in info:
        return f"Valkey {info['valkey_version']}"
    return f"Redis {info.get('redis_version', '?')}"


def _version(info: Mapping[str, Any]) -> tuple[int, ...]:
    """Of the Redis it is, or says to be like."""
    parts = str(info.get("redis_version", "")).split(".")[:2]
    return tuple(int(part) for part in parts if part.isdecimal())


def _keeps(info: Mapping[str, Any], *, volatile_ok: bool) -> Iterator[Check]:
    """A line for each reason why it may lose work, by the rule that the processes start by."""
    problems = [forgetful({**KEEPING, name: info.get(name)}) for name in KEEPING]
    if not any(problems):
        yield fine(TOPIC, "durability", KEEPS)
    for problem in filter(None, problems):
        said, cure = taken_apart(problem, "")
        if volatile_ok:
            yield note(TOPIC, "durability", VOLATILE_OK.format(said=said), cure)
        else:
            yield wrong(TOPIC, "durability", said, cure, is_setting=True)


def _writes(info: Mapping[str, Any]) -> Iterator[Check]:
    """An append-only file that cannot be written keeps nothing, whatever the settings say."""
    if info.get("aof_last_write_status", "ok") != "ok":
        yield wrong(TOPIC, "append-only file", WRITE_FAILED, WRITE_FAILED_CURE)
    if info.get("aof_last_bgrewrite_status", "ok") != "ok":
        yield note(TOPIC, "append-only file", REWRITE_FAILED, WRITE_FAILED_CURE)


def _memory(info: Mapping[str, Any]) -> Check:
    used, limit = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    if not limit:
        return fine(TOPIC, "memory", NO_LIMIT.format(used=size(used)))
    said = USED.format(used=size(used), limit=size(limit))
    if used > FULL * limit:
        return wrong(TOPIC, "memory", said, USED_CURE)
    return (
        note(TOPIC, "memory", said, USED_CURE) if used > NEARLY_FULL * limit else fine(TOPIC, "memory", said)
    )


def _clock(client: Redis) -> Check:
    before = time.time()
    seconds, microseconds = client.time()
    return clock_check(TOPIC, seconds + microseconds / 1_000_000 - (before + time.time()) / 2, OF_QUEUE)


def _door(url: str) -> Iterator[Check]:
    parts = urlsplit(url)
    if parts.hostname and parts.hostname not in LOOPBACK and not parts.password:
        yield note(TOPIC, "access", OPEN.format(host=parts.hostname), OPEN_CURE)
