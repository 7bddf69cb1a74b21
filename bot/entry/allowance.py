"""Budgets and breakers that all workers share, in Redis.

Calls are synchronous, also from an event loop: each takes well under a millisecond where a model takes seconds, and no
reservation can be lost between a thread and a cancelled task.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from pydantic import TypeAdapter
from redis import Redis
from redis.client import Pipeline
from redis.commands.core import Script

from bot.entry import keys
from bot.llm.breaker import CLOSED, Circuit
from bot.llm.budget import over_budget
from bot.settings import BudgetSettings

HOLD_SECONDS: Final = 900.0  # a reservation nobody settled is free again: its process died

RESERVE: Final = """
-- KEYS: for each scope what is spent, what is reserved. ARGV: reservation ("tokens:id"), tokens, milliseconds it holds,
-- seconds the keys stay, a limit for each scope. All scopes have room, or nothing is reserved: {scope without, spent}.
-- The same reservation twice, as after a lost answer, is one.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if redis.call('ZSCORE', KEYS[2], ARGV[1]) then return {0, 0} end
for scope = 1, #KEYS / 2 do
  local spent = tonumber(redis.call('GET', KEYS[2 * scope - 1]) or '0')
  local used = spent
  for _, other in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2 * scope], now, '+inf')) do
    used = used + tonumber(string.match(other, '^%d+'))
  end
  if used + tonumber(ARGV[2]) > tonumber(ARGV[4 + scope]) then return {scope, spent} end
end
for scope = 1, #KEYS / 2 do
  redis.call('ZADD', KEYS[2 * scope], now + tonumber(ARGV[3]), ARGV[1])
  redis.call('EXPIRE', KEYS[2 * scope], ARGV[4])
end
return {0, 0}
"""
SETTLE: Final = """
-- KEYS: as above. ARGV: reservation, tokens paid, seconds the keys stay. Counts once, also after the hold ran out.
for scope = 1, #KEYS / 2 do
  if redis.call('ZREM', KEYS[2 * scope], ARGV[1]) == 1 then
    redis.call('INCRBY', KEYS[2 * scope - 1], ARGV[2])
    redis.call('EXPIRE', KEYS[2 * scope - 1], ARGV[3])
  end
end
return 1
"""

Identity = Callable[[str], str]
Step = Callable[[Circuit, float], Circuit]

_circuits: Final = TypeAdapter(Circuit)


class RedisBudget:
    """What a run, its merge request and all runs of the day (UTC) may spend. `merge_request` is the target's key."""

    def __init__(
        self,
        connection: Redis,
        limits: BudgetSettings,
        *,
        run: str,
        merge_request: str,
        hold: float = HOLD_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._limits = limits
        self._run = run
        self._merge_request = merge_request
        self._hold = hold
        self._clock = clock
        self._reserve = connection.register_script(RESERVE)
        self._settle = connection.register_script(SETTLE)

    def reserve(self, tokens: int) -> "RedisReservation":
        """Raises OverBudget, RedisError."""
        scopes = self._scopes()
        names = [key(scope) for _, scope, _ in scopes for key in (keys.spent, keys.reserved)]
        reservation = f"{tokens}:{uuid4().hex[:16]}"
        terms = (tokens, int(self._hold * 1000), keys.SPENT_TTL, *(limit for _, _, limit in scopes))
        without_room, spent = self._reserve(keys=names, args=[reservation, *terms])
        if without_room:
            kind, _, limit = scopes[without_room - 1]
            raise over_budget(kind, limit, spent, tokens)
        return RedisReservation(self._settle, names, reservation)

    def _scopes(self) -> tuple[tuple[str, str, int], ...]:
        """(kind, name, limit), the narrowest first."""
        now = self._clock()
        return (
            ("run", f"run:{self._run}", self._limits.run_tokens),
            ("merge_request", f"mr:{self._merge_request}:{keys.today(now)}", self._limits.mr_tokens),
            ("day", keys.day_scope(now), self._limits.day_tokens),
        )


@dataclass(frozen=True)
class RedisReservation:
    script: Script
    names: list[str]
    reservation: str

    def settle(self, tokens: int) -> None:
        """Raises RedisError."""
        self.script(keys=self.names, args=[self.reservation, tokens, keys.SPENT_TTL])


class RedisBreaker:
    """Circuits that all workers share. `identity` names a model's circuit; it changes when the model's key does."""

    def __init__(
        self,
        connection: Redis,
        identity: Identity = str,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._redis = connection
        self._identity = identity
        self._clock = clock or self._redis_time

    def admit(self, model: str) -> None:
        """Raises NoModel, Unavailable, RedisError."""
        self._change(model, lambda circuit, now: circuit.admitted(now))

    def ended(self, model: str, error: BaseException | None = None) -> None:
        """Raises RedisError."""
        self._change(model, lambda circuit, now: circuit.after(error, now))

    def _change(self, model: str, step: Step) -> None:
        """Read, step and write as one: begun again when another process wrote in between."""
        key, now = keys.circuit(self._identity(model)), self._clock()

        def changed(pipe: Pipeline) -> None:
            kept = pipe.get(key)
            before = _circuits.validate_json(kept) if kept else CLOSED
            after = step(before, now)
            pipe.multi()
            if after != before:
                pipe.set(key, _circuits.dump_json(after), ex=keys.CIRCUIT_TTL)

        self._redis.transaction(changed, key)

    def _redis_time(self) -> float:
        seconds, microseconds = self._redis.time()
        return float(seconds + microseconds / 1_000_000)
