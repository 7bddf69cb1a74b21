"""A process's way to Redis, and transactions that are sent once."""

from collections.abc import Iterator
from contextlib import contextmanager

from redis import ConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.client import Pipeline
from redis.retry import Retry


class Connection:
    """Transactions are sent once: redis-py sends one again whose answer was lost, and what it queues or counts would be
    doubled. A job that meets that breaks, is tried again by RQ, and finds what it had written.
    """

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self._once = without_retries(redis)

    @contextmanager
    def transaction(self) -> Iterator[Pipeline]:
        """What the block puts into the pipeline happens at its end, all of it or nothing.

        Who needs the answers executes it in the block; an empty one sends nothing.
        """
        with self._once.pipeline() as pipe:
            yield pipe
            pipe.execute()


def connect(url: str) -> Redis:
    """A worker's connection. RQ stores bytes: answers are never decoded."""
    return Redis.from_url(url, health_check_interval=15)


def without_retries(connection: Redis) -> Redis:
    """Another connection to the same server, which sends everything once."""
    pool = connection.connection_pool
    options = {**pool.connection_kwargs, "retry": Retry(NoBackoff(), 0)}
    return Redis.from_pool(ConnectionPool(connection_class=pool.connection_class, **options))
