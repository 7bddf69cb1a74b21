"""Structured logs: one JSON object a line for machines, readable lines on a terminal; redaction is the last step.

What libraries say by the `logging` module, and what nobody caught, goes the same way.
"""

import json
import logging
import os
import sys
import threading
from collections.abc import Callable, Mapping, MutableMapping
from datetime import UTC, datetime
from traceback import TracebackException
from typing import Any, Final, TextIO

import orjson
import structlog

from bot import __version__
from bot.entry.readable import readable

# Our keywords that have a name in the Elastic Common Schema, and how their values are put there; every other keyword
# is a field of our own, `trivet.<keyword>`, so that none meets an object of the schema ("source", "error", "url")
ECS: Final[Mapping[str, tuple[str, Callable[[Any], object]]]] = {
    "reason": ("event.reason", str),
    "error": ("error.message", str),
    "code": ("http.response.status_code", int),
    "exit_code": ("process.exit_code", int),
    "thread": ("process.thread.name", str),
    "ms": ("event.duration", lambda milliseconds: round(milliseconds * 1e6)),  # in nanoseconds
    "seconds": ("event.duration", lambda seconds: round(seconds * 1e9)),
}
OWN: Final = "trivet."
VERSION: Final = {"ecs.version": "8.11.0", "service.name": "trivet", "service.version": __version__}
ENCODE: Final = json.JSONEncoder(default=repr).encode  # made once: making it costs as much as using it
KEPT: Final = ("@timestamp", "log.level", *VERSION)
WARNINGS: Final = logging.WARNING
ERRORS: Final = logging.ERROR

UNCAUGHT = "an error nobody foresaw ended the process"
UNCAUGHT_IN_THREAD = "an error nobody foresaw ended a thread"
UNRAISABLE = "an error was raised where nobody can catch it"

log = structlog.get_logger("trivet.process")

Event = MutableMapping[str, Any]
Redact = Callable[[str], str]


def start_logging(form: str | None, redact: Redact, level: int = logging.INFO, *, role: str = "") -> None:
    """`form`: "json", "human", or None for whichever suits where standard error goes. `role`: of this process."""
    human = form == "human" or (form is None and sys.stderr.isatty())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _traced,
            *(_for_people(role, redact) if human else _for_machines(role, redact)),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda name="": NamedLogger(name, Unfailing(sys.stderr)),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, handlers=[Forwarder(logging.WARNING)], force=True)
    logging.captureWarnings(True)
    _hear_what_nobody_caught()


def json_line(sentence: str, level: str, redact: Redact) -> str:
    """What a command tells where logs are JSON, before or without `start_logging`."""
    line = _encoded(_ecs("trivet", VERSION, {"level": level, "event": sentence}))
    return _redacted(redact, _mended)(None, level, line)


class Unfailing:
    """A stream for log lines: when nobody reads them any more, the work goes on."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        self._try(lambda: self._stream.write(text))

    def flush(self) -> None:
        self._try(self._stream.flush)

    @staticmethod
    def _try(action: Callable[[], object]) -> None:
        try:
            action()
        except (OSError, ValueError):
            return


class NamedLogger(structlog.WriteLogger):
    """Writes lines, and knows whose they are."""

    def __init__(self, name: str, stream: Unfailing | TextIO) -> None:
        super().__init__(stream)  # type: ignore[arg-type]
        self.name = name


class Forwarder(logging.Handler):
    """Hands what the `logging` module is told to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        level = min(
            record.levelno // 10 * 10, logging.CRITICAL
        )  # a library may have levels of its own in between
        structlog.get_logger(record.name).log(level, _message(record), exc_info=record.exc_info)


def _message(record: logging.LogRecord) -> str:
    """With arguments that do not fit beside it: the module's own way would print them past us."""
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        return f"{record.msg} {record.args}"


def _hear_what_nobody_caught() -> None:
    """An asyncio loop's handler needs no hook: it speaks by the `logging` module."""
    sys.excepthook = lambda _kind, error, _trace: log.critical(UNCAUGHT, exc_info=error)
    threading.excepthook = _in_thread
    sys.unraisablehook = lambda found: log.error(UNRAISABLE, error=found.err_msg, exc_info=found.exc_value)


def _in_thread(found: threading.ExceptHookArgs) -> None:
    if not issubclass(found.exc_type, SystemExit):
        thread = found.thread.name if found.thread else None
        log.error(UNCAUGHT_IN_THREAD, thread=thread, exc_info=found.exc_value)


def _traced(_logger: Any, _method: str, event: Event) -> Event:
    """`exc_info` in any of the forms that callers have, as a TracebackException; gone where there is no error."""
    given = event.pop("exc_info", None)
    if given:
        error = given[1] if isinstance(given, tuple) else given
        error = error if isinstance(error, BaseException) else sys.exc_info()[1]
        if error is not None:
            event["exc_info"] = TracebackException.from_exception(error)
    return event


def _for_machines(role: str, redact: Redact) -> list[Any]:
    constant = VERSION | ({"service.node.roles": [role]} if role else {})

    def line(logger: NamedLogger, _method: str, event: Event) -> str:
        return _encoded(_ecs(logger.name, constant, event))

    return [line, _redacted(redact, _mended)]


def _for_people(role: str, redact: Redact) -> list[Any]:
    colors = sys.stderr.isatty() and "NO_COLOR" not in os.environ

    def line(logger: NamedLogger, _method: str, event: Event) -> str:
        is_ours = logger.name.startswith("trivet")
        return readable(event if is_ours else {**event, "logger": logger.name}, role, colors=colors)

    return [line, _redacted(redact, lambda _before, after: after)]


def _ecs(name: str, constant: Mapping[str, Any], event: Event) -> dict[str, Any]:
    """The event in the Elastic Common Schema, names flat with dots, its three first fields first.

    What a line does not know, None or "", is left out.
    """
    moment = datetime.now(UTC).isoformat(timespec="microseconds")[:-6]
    fields = {"@timestamp": f"{moment}Z", "log.level": event.pop("level"), "message": event.pop("event")}
    trace = event.pop("exc_info", None)
    for keyword, value in event.items():
        if value is not None and value != "":
            field, put = ECS.get(keyword) or (OWN + keyword, None)
            fields[field] = put(value) if put else value
    fields |= _error(trace) if trace else {}
    fields |= constant
    fields["log.logger"], fields["process.pid"] = name, os.getpid()
    return fields


def _error(trace: TracebackException) -> dict[str, str]:
    kind = trace.exc_type
    return {
        "error.type": kind.__qualname__ if kind else "",
        "error.message": str(trace),
        "error.stack_trace": "".join(trace.format()),
    }


def _encoded(fields: dict[str, Any]) -> str:
    """ASCII in one line. orjson takes a sixth of json's time, but neither lone surrogates nor numbers over 64 bits."""
    try:
        line = orjson.dumps(fields, default=repr).decode()
    except TypeError:
        return ENCODE(fields)
    return line if line.isascii() else ENCODE(fields)


def _redacted(redact: Redact, mend: Callable[[str, str], str]) -> Callable[[Any, str, str], str]:
    def last(_logger: Any, _method: str, line: str) -> str:
        safe = redact(line)
        return line if safe == line else mend(line, safe)

    return last


def _mended(before: str, after: str) -> str:
    """The redacted line, as JSON also where a secret reached across its quotes."""
    try:
        json.loads(after)
    except ValueError:
        whole = json.loads(before)
        kept = {name: whole[name] for name in KEPT if name in whole}
        return json.dumps(kept | {"message": after})
    return after
