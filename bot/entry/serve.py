"""The receiver's process: uvicorn around `create_receiver`, and who the bot is, as the workers tell it."""

import threading
from contextlib import suppress
from typing import Final

import uvicorn
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from bot.domain.secrets import Redactor
from bot.entry import keys
from bot.entry.inbox import RedisInbox, forgetful
from bot.entry.logs import start_logging
from bot.entry.receiver import create_receiver
from bot.errors import UsageError
from bot.routing import Routing
from bot.settings import Settings, SettingsFile
from bot.sources.signatures import check_secret

ASK_SECONDS: Final = 5.0
NO_REDIS = "TRIVET_REDIS_URL is not set: point it to a Redis, or use `trivet up`, which brings one"
VOLATILE = "{problem}; or accept the loss of work with TRIVET_REDIS_VOLATILE_OK=1"


class Identity:
    """The bot's own account, asked of Redis every few seconds beside the deliveries."""

    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(
            url, retry=Retry(NoBackoff(), 0), socket_connect_timeout=0.5, socket_timeout=1
        )
        self.id: int | None = None
        self.name: str | None = None

    def watch(self) -> None:
        threading.Thread(target=self._ask_for_ever, daemon=True, name="identity").start()

    def ask(self) -> None:
        said = self._redis.hget(keys.IDENTITIES, "gitlab")
        known = keys.identity(said)
        if known:
            self.id, self.name = known

    def _ask_for_ever(self) -> None:
        pause = threading.Event()
        while True:
            with suppress(RedisError):
                self.ask()
            pause.wait(ASK_SECONDS if self.id else 0.5)


def run_receiver(settings: Settings) -> None:
    url = require_redis(settings)
    check_redis(url, settings, must_answer=False)
    _check_secrets(settings)
    start_logging(settings.log_format, Redactor(settings.own_secrets()).redact)
    current = SettingsFile()
    identity = Identity(url)
    identity.watch()
    app = create_receiver(
        RedisInbox(url, volatile_ok=settings.redis_volatile_ok),
        secrets=lambda: [secret.get_secret_value() for secret in current().gitlab.webhook_secrets],
        policy=lambda: Routing(current().gitlab.projects, identity.id, identity.name),
        max_body=settings.max_body,
    )
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        access_log=False,
        server_header=False,
        log_level="warning",
    )


def require_redis(settings: Settings) -> str:
    if not settings.redis_url:
        raise UsageError(NO_REDIS)
    return settings.redis_url


def check_redis(url: str, settings: Settings, *, must_answer: bool = True) -> None:
    """Raises UsageError for a Redis that may lose what it acknowledged, or that is silent where it must answer."""
    client = Redis.from_url(url, retry=Retry(NoBackoff(), 0), socket_connect_timeout=2, socket_timeout=5)
    try:
        problem = forgetful(client.info())
    except RedisError as error:
        if must_answer:
            raise UsageError(
                f"Redis does not answer ({type(error).__name__}): check TRIVET_REDIS_URL"
            ) from None
        return
    finally:
        client.close()
    if problem and not settings.redis_volatile_ok:
        raise UsageError(VOLATILE.format(problem=problem))


def _check_secrets(settings: Settings) -> None:
    for secret in settings.gitlab.webhook_secrets:
        problem = check_secret(secret.get_secret_value())
        if problem:
            raise UsageError(f"TRIVET_GITLAB__WEBHOOK_SECRETS: {problem}")
