"""The receiver's process: uvicorn around `create_receiver`, and who the bot is, as the workers tell it."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Generic, TypeVar

import structlog
import uvicorn
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from bot.domain.issue_commands import NamedBy
from bot.domain.rules import Rules
from bot.entry import keys, listen
from bot.entry.credentials import check_hooks
from bot.entry.http_server import UVICORN, beating, serve_until_told
from bot.entry.inbox import RedisInbox
from bot.entry.passage import Passage, closed
from bot.entry.patience import patient
from bot.entry.process import begin
from bot.entry.receiver import create_receiver
from bot.entry.redis_check import check_redis, require_redis
from bot.entry.rules_file import RulesFile
from bot.routing import Routing
from bot.settings import Settings
from bot.settings.rotation import SettingsFile

ASK_SECONDS: Final = 2.0
LOOK_SECONDS: Final = 1.0

T = TypeVar("T")

log = structlog.get_logger("trivet.serve")


class Identity:
    """The bot's own accounts. None: not known yet."""

    def __init__(self, connection: Redis) -> None:
        self._redis = connection
        self.id: int | None = None
        self.name: str | None = None
        self.tracker: NamedBy | None = None
        self.wiki: str | None = None

    def ask(self) -> None:
        gitlab, tracker, wiki = self._redis.hmget(keys.IDENTITIES, "gitlab", keys.TRACKER, keys.WIKI)
        known = keys.identity(gitlab)
        if known:
            self.id, self.name = known
        self.tracker = keys.tracker(tracker) or self.tracker
        known_wiki = keys.wiki(wiki)
        self.wiki = known_wiki["id"] if known_wiki else self.wiki


class Heard:
    """When the last authentic delivery of each source came, and of each project or space."""

    def __init__(self, connection: Redis) -> None:
        self._redis = connection
        self._untold: dict[str, float] = {}

    def note(self, source: str, place: str) -> None:
        self._untold[source] = time.time()
        if place:
            self._untold[keys.heard_of(source, place)] = time.time()

    def tell(self) -> None:
        """What was not told yet. It is told again where Redis does not answer."""
        if self._untold:
            untold, self._untold = self._untold, {}
            try:
                self._redis.hset(keys.HEARD, mapping={source: str(at) for source, at in untold.items()})
            except RedisError:
                self._untold = untold | self._untold
                raise


def exchange(identity: Identity, heard: Heard) -> None:
    """What the receiver and the others tell each other in Redis, every few seconds beside the deliveries."""

    def for_ever() -> None:
        pause = threading.Event()
        while True:
            with suppress(RedisError):
                identity.ask()
                heard.tell()
            pause.wait(ASK_SECONDS if identity.id else 0.5)

    threading.Thread(target=for_ever, daemon=True, name="exchange").start()


class Fresh(Generic[T]):
    """A value that is worked out again once it is older than `LOOK_SECONDS`; `clock` counts seconds.

    For secrets and policy: to look at their files for each delivery took more time than to read its headers.
    """

    def __init__(self, work_out: Callable[[], T], clock: Callable[[], float] = time.monotonic) -> None:
        self._work_out = work_out
        self._clock = clock
        self._until = clock() + LOOK_SECONDS
        self._value = work_out()

    def __call__(self) -> T:
        now = self._clock()
        if now >= self._until:
            self._until = now + LOOK_SECONDS
            self._value = self._work_out()
        return self._value


def run_receiver(settings: Settings, descriptor: int | None = None, web: int | None = None) -> None:
    """Serve until told to stop. `descriptor`: of a socket that is open already, as `up` keeps it.

    `web`: the loopback port where the runs API is served.
    """
    url = require_redis(settings)
    check_hooks(settings)
    begin(settings, "serve")
    check_redis(url, settings, must_answer=False)
    door = listen.opened(settings.host, settings.port, descriptor)
    current, rules = SettingsFile(), RulesFile(settings.rules)
    beside = Redis.from_url(url, retry=Retry(NoBackoff(), 0), socket_connect_timeout=0.5, socket_timeout=1)
    identity, heard = Identity(beside), Heard(beside)
    exchange(identity, heard)
    secrets = Fresh(lambda: webhook_secrets(current()))
    app = create_receiver(
        RedisInbox(url, volatile_ok=settings.redis_volatile_ok, day_tokens=settings.budget.day_tokens),
        secrets=lambda source: secrets()[source],
        policy=Fresh(lambda: _policy(current(), rules(), identity)),
        max_body=settings.max_body,
        api=Passage(web) if web else closed,
        heard=heard.note,
    )
    serve_until_told(uvicorn.Server(uvicorn.Config(app, **UVICORN, **patient(), **beating("serve"))), door)


def webhook_secrets(settings: Settings) -> dict[str, list[str]]:
    """By the name of the source."""
    held = {
        "gitlab": settings.gitlab.webhook_secrets,
        "jira": settings.jira.webhook_secrets,
        "confluence": settings.confluence.webhook_secrets,
    }
    return {name: [one.get_secret_value() for one in secrets] for name, secrets in held.items()}


def _policy(settings: Settings, rules: Rules, identity: Identity) -> Routing:
    return Routing(
        projects=settings.gitlab.projects,
        bot_id=identity.id,
        bot_name=identity.name,
        agents=settings.agents,
        rules=rules,
        tracker=identity.tracker,
        wiki=identity.wiki,
    )
