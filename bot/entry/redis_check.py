"""Whether the Redis that is named answers, takes us in, and keeps what it acknowledges."""

import structlog
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError
from redis.retry import Retry

from bot.entry.inbox import forgetful
from bot.errors import Unavailable, UsageError
from bot.settings import Settings

NO_REDIS = "TRIVET_REDIS_URL is not set: point it to a Redis, or use `trivet up`, which brings one"
SILENT = "Redis does not answer ({error}): start it, or correct TRIVET_REDIS_URL"
FORBIDDEN = "Redis refuses us ({error}): correct user and password in TRIVET_REDIS_URL"
VOLATILE = "{problem}; or accept the loss of work with TRIVET_REDIS_VOLATILE_OK=1"

log = structlog.get_logger("trivet.serve")


def require_redis(settings: Settings) -> str:
    if not settings.redis_url:
        raise UsageError(NO_REDIS)
    return settings.redis_url


def check_redis(url: str, settings: Settings, *, must_answer: bool = True) -> None:
    """Raises UsageError for a Redis that may lose what it acknowledged or refuses us, Unavailable for a silent one."""
    client = Redis.from_url(url, retry=Retry(NoBackoff(), 0), socket_connect_timeout=2, socket_timeout=5)
    try:
        problem = forgetful(client.info())
    except (AuthenticationError, NoPermissionError) as error:
        raise UsageError(FORBIDDEN.format(error=error)) from None
    except RedisError as error:
        if must_answer:
            raise Unavailable(SILENT.format(error=type(error).__name__)) from None
        log.warning(SILENT.format(error=type(error).__name__))
        return
    finally:
        client.close()
    if problem and not settings.redis_volatile_ok:
        raise UsageError(VOLATILE.format(problem=problem))
