"""What the runs API keeps in Redis: what an ID token was used for, who may read a run, how often a project asked."""

import base64
import hashlib
import hmac
import time
from dataclasses import dataclass
from typing import Final

from redis import Redis

from bot.entry import keys
from bot.entry.keys import text
from bot.errors import Denied
from bot.sources.id_token import LEEWAY, Claims

STARTS_PER_MINUTE: Final = 60
USED = "the ID token was used for another request before: one token starts one run"
TOO_OFTEN = "the pipelines of {project} asked for {most} runs within a minute: ask again later"


@dataclass(frozen=True)
class Tickets:
    """`redis` is a blocking connection. Everything raises RedisError where it does not answer."""

    redis: Redis

    def used(self, claims: Claims, order: str) -> str | None:
        """The run that an ID token started before, if any. Nothing is written.

        `order`: the digest of what is asked. Raises Denied (401) where the token was used for something else.
        """
        bound, run = self.redis.hmget(keys.used_token(claims.iss, claims.jti), "order", "run")
        if bound and text(bound) != order:
            raise Denied(401, USED)
        return text(run) if run else None

    def bind(self, claims: Claims, order: str) -> None:
        """Bind an ID token to what is asked, for as long as it is valid: of two orders at once the first has it.

        Raises Denied (401) where the token was used for something else.
        """
        name = keys.used_token(claims.iss, claims.jti)
        with self.redis.pipeline() as pipe:
            pipe.hsetnx(name, "order", order)
            pipe.expireat(name, claims.exp + 2 * LEEWAY)
            pipe.hget(name, "order")
            *_, bound = pipe.execute()
        if text(bound) != order:
            raise Denied(401, USED)

    def remember(self, claims: Claims, run: str) -> None:
        self.redis.hset(keys.used_token(claims.iss, claims.jti), "run", run)

    def count(self, claims: Claims) -> None:
        """Raises Denied (429) where a project asks for too many runs."""
        window, into = divmod(time.time(), 60)
        name = keys.starts(claims.project_id, int(window))
        with self.redis.pipeline() as pipe:
            pipe.incr(name)
            pipe.expire(name, 120)
            count, _ = pipe.execute()
        if count > STARTS_PER_MINUTE:
            sentence = TOO_OFTEN.format(project=claims.project_path, most=STARTS_PER_MINUTE)
            raise Denied(429, sentence, retry_after=60 - into)

    def admit(self, id_token: str, run: str) -> str:
        """A token that reads this run: the same for the same ID token, and only its digest is kept."""
        token = reading_token(id_token, run)
        with self.redis.pipeline() as pipe:
            pipe.sadd(keys.readers(run), digest(token))
            pipe.expire(keys.readers(run), keys.RUN_TTL)
            pipe.execute()
        return token


def reading_token(id_token: str, run: str) -> str:
    """Follows from the ID token, which is secret, so that a repeated request is answered alike."""
    made = hmac.digest(id_token.encode(), f"trivet run {run}".encode(), "sha256")
    return base64.urlsafe_b64encode(made).decode().rstrip("=")


def digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
