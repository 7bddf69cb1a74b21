"""The common metrics as Prometheus reads them: what was counted in Redis, and what is seen there now.

One script reads all of it at one moment, so that the figures of an answer belong together.
"""

import json
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector
from redis import Redis

from bot import __version__
from bot.domain.hook_states import HOOK_STATES
from bot.entry import keys
from bot.entry.meters import BUILD, COUNTED, INFINITE, METERS, SEEN, SUM
from bot.entry.queue import AGENTS, EFFECTS, queue_key

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
SILENT_SECONDS: Final = 30.0
QUEUES: Final = (AGENTS, EFFECTS)
SNAPSHOT: Final = """
-- KEYS: meters, waiting, unfinished, hooks, heard, spent today, reserved today; then each queue's list and workers.
-- Answers JSON. Times are Unix seconds.
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local oldest = redis.call('ZRANGE', KEYS[3], 0, 0, 'WITHSCORES')
local reserved = 0
for _, other in ipairs(redis.call('ZRANGEBYSCORE', KEYS[7], now * 1000, '+inf')) do
  reserved = reserved + tonumber(string.match(other, '^%d+'))
end
local queues = {}
for at = 8, #KEYS, 2 do
  local first, beats = redis.call('LINDEX', KEYS[at], 0), {}
  for _, worker in ipairs(redis.call('SMEMBERS', KEYS[at + 1])) do
    beats[#beats + 1] = redis.call('HGET', worker, 'last_heartbeat') or ''
  end
  queues[#queues + 1] = {
    depth = redis.call('LLEN', KEYS[at]),
    since = first and redis.call('HGET', 'rq:job:' .. first, 'enqueued_at') or '',
    beats = beats,
  }
end
return cjson.encode({
  now = now,
  meters = redis.call('HGETALL', KEYS[1]),
  waiting = redis.call('ZCARD', KEYS[2]),
  unfinished = redis.call('ZCARD', KEYS[3]),
  oldest = oldest[2] or '',
  hooks = redis.call('HGETALL', KEYS[4]),
  heard = redis.call('HGETALL', KEYS[5]),
  used = tonumber(redis.call('GET', KEYS[6]) or '0') + reserved,
  queues = queues,
})
"""


def snapshot_keys() -> list[str]:
    """The script's KEYS, as of now."""
    day = keys.day_scope(time.time())
    common = [
        METERS,
        keys.WAITING,
        keys.UNFINISHED,
        keys.HOOKS,
        keys.HEARD,
        keys.spent(day),
        keys.reserved(day),
    ]
    return common + [key for name in QUEUES for key in (queue_key(name), f"rq:workers:{name}")]


@dataclass(frozen=True)
class Common:
    """What the script answered (JSON), and how many tokens models may take a day."""

    answer: bytes
    day_tokens: int

    def families(self) -> Iterator[Family]:
        said = json.loads(self.answer.decode("utf-8", "replace"))
        yield from _counted(_pairs(said["meters"]))
        yield from _seen(said, self.day_tokens)


@dataclass(frozen=True)
class Page(Collector):
    """Families that were made before, as prometheus_client wants them."""

    families: Iterable[Family]

    def collect(self) -> Iterable[Family]:
        return self.families


def rendered(*sources: Iterable[Family]) -> bytes:
    """The text that Prometheus reads."""
    return generate_latest(Page([_build(), *(family for source in sources for family in source)]))


def _build() -> Family:
    [(name, metric)] = BUILD.items()
    family = GaugeMetricFamily(name, metric.help, labels=metric.labels)
    family.add_metric([__version__], 1)
    return family


def _pairs(flat: Any) -> dict[str, str]:
    """Names and values in turn, as Redis answers a hash; Lua's empty list is an object in JSON."""
    return dict(zip(flat[::2], flat[1::2], strict=True)) if flat else {}


def _counted(cells: Mapping[str, str]) -> Iterator[Family]:
    """A cell of a version that counted otherwise is passed over."""
    by_name: dict[str, list[tuple[list[str], float]]] = defaultdict(list)
    for cell, value in cells.items():
        name, *labels = _parts(cell)
        by_name[name].append((labels, float(value)))
    for name, metric in COUNTED.items():
        if metric.kind == "counter":
            samples = [
                (labels, value) for labels, value in by_name[name] if len(labels) == len(metric.labels)
            ]
            yield _counter(name, samples)
        else:
            yield _histogram(name, by_name[name])


def _parts(cell: str) -> list[str]:
    """The name, the labels and the bucket; a name that is none where it is no cell of ours."""
    with suppress(ValueError):
        parts = json.loads(cell)
        if isinstance(parts, list) and parts and all(isinstance(part, str) for part in parts):
            return parts
    return [""]


def _counter(name: str, samples: Iterable[tuple[list[str], float]]) -> Family:
    metric = COUNTED[name]
    family = CounterMetricFamily(name, metric.help, labels=metric.labels)
    for labels, value in samples:
        family.add_metric(labels, value)
    return family


def _histogram(name: str, cells: Iterable[tuple[list[str], float]]) -> Family:
    metric = COUNTED[name]
    series: dict[tuple[str, ...], dict[str, float]] = defaultdict(dict)
    for labels, value in cells:
        if len(labels) == len(metric.labels) + 1:
            series[tuple(labels[:-1])][labels[-1]] = value
    family = HistogramMetricFamily(name, metric.help, labels=metric.labels)
    for key, parts in series.items():
        bounds = [*map(repr, metric.buckets), INFINITE]
        counts = [parts.get(bound, 0.0) for bound in bounds]
        added = [(bound, sum(counts[: place + 1])) for place, bound in enumerate(bounds)]
        family.add_metric(key, buckets=added, sum_value=parts.get(SUM, 0.0))
    return family


def _seen(said: Mapping[str, Any], day_tokens: int) -> Iterator[Family]:
    now = float(said["now"])
    queues = dict(zip(QUEUES, said["queues"], strict=True))
    yield _gauge("trivet_queue_depth", {(name,): one["depth"] for name, one in queues.items()})
    yield _gauge(
        "trivet_queue_age_seconds", {(name,): _age(one["since"], now) for name, one in queues.items()}
    )
    yield _gauge("trivet_workers", {(name,): _alive(one["beats"], now) for name, one in queues.items()})
    yield _gauge("trivet_put_back_jobs", {(): said["waiting"]})
    yield _gauge("trivet_unfinished_runs", {(): said["unfinished"]})
    yield _gauge(
        "trivet_unfinished_age_seconds", {(): now - float(said["oldest"]) if said["oldest"] else 0.0}
    )
    yield _gauge("trivet_budget_day_tokens", {(): day_tokens})
    yield _gauge("trivet_budget_day_left_tokens", {(): max(0, day_tokens - said["used"])})
    yield _gauge("trivet_hook_state", _hooks(_pairs(said["hooks"])))
    heard = {name: at for name, at in _pairs(said["heard"]).items() if ":" not in name}
    swept = heard.pop(keys.SWEEP, None)
    yield _gauge("trivet_last_delivery_timestamp_seconds", {(name,): float(at) for name, at in heard.items()})
    yield _gauge("trivet_last_sweep_timestamp_seconds", {(): float(swept)} if swept else {})


def _gauge(name: str, values: Mapping[tuple[str, ...], float]) -> Family:
    metric = SEEN[name]
    family = GaugeMetricFamily(name, metric.help, labels=metric.labels)
    for labels, value in values.items():
        family.add_metric(labels, value)
    return family


def _hooks(states: Mapping[str, str]) -> dict[tuple[str, ...], float]:
    named = {tuple(name.split(":", 1)): state for name, state in states.items()}
    return {(*name, state): float(state == now) for name, now in named.items() for state in HOOK_STATES}


def _alive(beats: Iterable[str], now: float) -> int:
    """A worker beats every few seconds; RQ keeps what a killed one left for more than a minute."""
    return sum(bool(beat) and _age(beat, now) < SILENT_SECONDS for beat in beats)


def _age(since: str, now: float) -> float:
    """RQ writes UTC; it leaves no time on a job that was put on the queue by an older version."""
    if not since:
        return 0.0
    return max(0.0, now - datetime.fromisoformat(since).replace(tzinfo=UTC).timestamp())


def common_page(connection: Redis, day_tokens: int) -> bytes:
    """The common metrics, as a synchronous process asks for them. Raises RedisError."""
    names = snapshot_keys()
    return rendered(Common(connection.eval(SNAPSHOT, len(names), *names), day_tokens).families())
