"""Our receiver behind a loopback address, for a sandbox GitLab to send its webhooks to."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from redis import Redis

from bot.entry import keys
from bot.entry.receiver import create_receiver
from bot.routing import Routing
from tests.receiving import DictInbox, served

SIGNING_TOKEN = "whsec_" + "Zq8Rt2vLm4Xc7Wn1Kd9PbG5sJ3hT6yQf" + "A0eU2iO4rMY="
PLAIN_SECRET = "hT6yQf" + "A0eU2iO4rM"


@contextmanager
def receiving(
    secrets: Sequence[str],
    redis: Redis | None = None,
    clock: Callable[[], float] = time.time,
) -> Iterator[str]:
    """Its address, without the path of GitLab's hooks. With a Redis it says there when a delivery came."""

    def heard(source: str, place: str) -> None:
        if redis:
            now = str(time.time())
            redis.hset(keys.HEARD, mapping={source: now, keys.heard_of(source, place): now})

    app = create_receiver(
        DictInbox(),
        secrets=lambda source: secrets,
        policy=lambda: Routing(("acme/**",)),
        clock=clock,
        heard=heard,
    )
    with served(app) as port:
        yield f"http://127.0.0.1:{port}"
