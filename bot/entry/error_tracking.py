"""Errors nobody foresaw go to Sentry, where TRIVET_SENTRY_DSN names one: what kind, where in our code, in which run.

What was being worked on stays here: no request, no local variable, and not even an error's own text, as that may quote
what a sender wrote or a model said; the run's log has it. What is foreseen, a `TrivetError` or a Redis that does not
answer, is no event: logs and metrics tell of it.

Left to its defaults sentry-sdk imports every library it has an integration for (measured: 2.7 s and 144 MB), so ours
are named. A Sentry that does not answer costs a job that broke, and a process that ends, `SHUTDOWN_SECONDS` at most.
"""

import re
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import CodeType
from typing import TYPE_CHECKING, Any, Final, cast

import structlog
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from bot import __version__
from bot.errors import TrivetError, UsageError

if TYPE_CHECKING:
    from sentry_sdk.integrations import Integration
    from sentry_sdk.transport import HttpTransport
    from sentry_sdk.types import Event, Hint

    from bot.settings import Settings

FORESEEN: Final = (TrivetError, RedisConnectionError, RedisTimeoutError)
SHUTDOWN_SECONDS: Final = 2.0
WAITING_EVENTS: Final = 100  # what comes while so many wait to be sent is dropped
AGAIN_SECONDS: Final = 60.0
MOST_PLACES: Final = 100
SERVERS: Final = frozenset({"serve", "web"})
WORKERS: Final = frozenset({"agents", "effects"})
JOB: Final = re.compile(
    r"(?P<job>[a-z]+)-(?P<run>[0-9a-f]+)-[0-9a-f]+"
)  # as `bot.entry.queue.job_id` makes it
# What is told of an event, and of each exception in it
EVENT: Final = frozenset(
    {"event_id", "timestamp", "platform", "level", "release", "environment", "server_name", "sdk"}
)
TAGS: Final = frozenset({"role", "run"})
EXCEPTION: Final = frozenset({"type", "module", "mechanism", "stacktrace"})

NOT_DSN = (
    "TRIVET_SENTRY_DSN is not an address that Sentry gives out: copy the DSN from its project's client keys, "
    "like https://KEY@sentry.example.com/42"
)
UNTOLD = "its text is in the log only"
NOT_SENT = "an error could not be reported to Sentry"

Redact = Callable[[str], str]
Place = tuple[type[BaseException], CodeType | None, int]


@dataclass(frozen=True)
class Places:
    """Which errors came from where of late: a defect that every delivery meets must not take the time of all answers.

    `clock` counts seconds.
    """

    clock: Callable[[], float] = time.monotonic
    last: dict[Place, float] = field(default_factory=dict)

    def is_due(self, error: BaseException) -> bool:
        """Whether none of this kind was reported from its place within `AGAIN_SECONDS`."""
        place, now = _place(error), self.clock()
        if place in self.last and now - self.last[place] < AGAIN_SECONDS:
            return False
        if len(self.last) >= MOST_PLACES:
            self.last.clear()
        self.last[place] = now
        return True


log = structlog.get_logger("trivet.errors")

_places: Places | None = None  # of this process, once it reports errors


def track_errors(settings: "Settings", role: str, redact: Redact) -> None:
    """From now on this process reports what nobody foresaw. Where no DSN is set, nothing is even imported.

    Raises UsageError for a DSN that is none.
    """
    global _places
    if settings.sentry_dsn is None:
        return
    import sentry_sdk

    sentry_sdk.init(
        dsn=_checked(settings.sentry_dsn.get_secret_value()),
        release=f"trivet@{__version__}",
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=_integrations(role),
        before_send=partial(outgoing, redact=redact),
        in_app_include=["bot"],
        max_request_body_size="never",
        include_local_variables=False,
        max_breadcrumbs=0,
        traces_sample_rate=None,  # 0 would still trace each job, and write its headers into Redis
        propagate_traces=False,
        auto_session_tracking=False,
        send_client_reports=False,
        enable_metrics=False,
        enable_backpressure_handling=False,
        spotlight=False,  # the environment could name a second receiver
        debug=False,
        transport=_transport(),
        transport_queue_size=WAITING_EVENTS,
        shutdown_timeout=SHUTDOWN_SECONDS,
    )
    sentry_sdk.get_global_scope().set_tag("role", role)
    _places = Places()


def report_error(error: BaseException, *, run: str = "") -> None:
    """Report what was caught at the edge of a process, unless it is foreseen or came from there a moment ago.

    Takes some 8 ms, a thread sends it. `run` is needed outside of jobs only.
    """
    if _places is None or isinstance(error, FORESEEN) or not _places.is_due(error):
        return
    import sentry_sdk

    with sentry_sdk.new_scope() as scope:
        if run:
            scope.set_tag("run", run)
        scope.capture_exception(error)


def origin(error: Exception) -> str:
    """Type and place of an error; its text may hold what a sender wrote."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {frame.name} at {frame.filename}:{frame.lineno}"


def outgoing(event: "Event", hint: "Hint", *, redact: Redact) -> "Event | None":
    """The last step before an event leaves: what may be told of it, every text redacted. None: nothing."""
    _, error, _ = hint.get("exc_info") or (None, None, None)
    if error is None or isinstance(error, FORESEEN):
        return None
    whole = cast("dict[str, Any]", event)
    told = _only(EVENT, whole)
    told["tags"] = _job(whole) | _only(TAGS, whole.get("tags", {}))
    told["exception"] = {"values": [_untold(one) for one in whole["exception"]["values"]]}
    return cast("Event", _redacted(told, redact))


def _checked(dsn: str) -> str:
    from sentry_sdk.utils import Dsn

    try:
        Dsn(dsn)
    except ValueError:
        raise UsageError(NOT_DSN) from None
    return dsn


def _transport() -> "type[HttpTransport]":
    """What sends, and says in the log what it could not send."""
    from sentry_sdk.transport import HttpTransport

    class Telling(HttpTransport):
        def on_dropped_event(self, _reason: str) -> None:
            log.warning(NOT_SENT, reason=_reason)

    return Telling


def _integrations(role: str) -> "Sequence[Integration]":
    from sentry_sdk.integrations.atexit import AtexitIntegration
    from sentry_sdk.integrations.dedupe import DedupeIntegration
    from sentry_sdk.integrations.threading import ThreadingIntegration

    return (
        AtexitIntegration(callback=lambda _pending, _seconds: None),
        DedupeIntegration(),
        ThreadingIntegration(propagate_scope=False),
        *(_of_servers() if role in SERVERS else ()),
        *(_of_workers() if role in WORKERS else ()),
    )


def _of_servers() -> "Sequence[Integration]":
    """An answer that is 5xx on purpose is no defect."""
    from sentry_sdk.integrations.fastapi import FastApiIntegration
    from sentry_sdk.integrations.starlette import StarletteIntegration

    none: frozenset[int] = frozenset()
    return (
        StarletteIntegration(failed_request_status_codes=none),
        FastApiIntegration(failed_request_status_codes=none),
    )


def _of_workers() -> "Sequence[Integration]":
    """It says which job an event is from, and sends what is left before the job's process ends."""
    from sentry_sdk.integrations.rq import RqIntegration

    return (RqIntegration(),)


def _place(error: BaseException) -> Place:
    """The kind of an error, and the code and line that raised it."""
    step, last = error.__traceback__, None
    while step is not None:
        step, last = step.tb_next, step
    return (type(error), last.tb_frame.f_code, last.tb_lineno) if last else (type(error), None, 0)


def _only(names: frozenset[str], whole: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in whole.items() if name in names}


def _job(event: dict[str, Any]) -> dict[str, str]:
    """The kind of the RQ job and its run, where the event is from one."""
    named = JOB.fullmatch(event.get("extra", {}).get("rq-job", {}).get("job_id", ""))
    return named.groupdict() if named else {}


def _untold(exception: dict[str, Any]) -> dict[str, Any]:
    return _only(EXCEPTION, exception) | {"value": UNTOLD}


def _redacted(value: Any, redact: Redact) -> Any:
    """The same JSON value with every text redacted."""
    if isinstance(value, dict):
        return {name: _redacted(one, redact) for name, one in value.items()}
    if isinstance(value, list):
        return [_redacted(one, redact) for one in value]
    return redact(value) if isinstance(value, str) else value
