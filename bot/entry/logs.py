"""Structured logs: one JSON object a line for machines, readable lines on a terminal; redaction is the last step.

What libraries say by the `logging` module goes the same way.
"""

import json
import logging
import sys
from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any, Final, TextIO

import structlog

ENCODE: Final = json.JSONEncoder(default=repr).encode  # made once: making it costs as much as using it
KEPT: Final = ("@timestamp", "log.level")
WARNINGS: Final = logging.WARNING
ERRORS: Final = logging.ERROR

Redact = Callable[[str], str]


def start_logging(form: str | None, redact: Redact, level: int = logging.INFO) -> None:
    """`form`: "json", "human", or None for whichever suits where standard error goes."""
    human = form == "human" or (form is None and sys.stderr.isatty())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            *(_for_people(redact) if human else _for_machines(redact)),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(Unfailing(sys.stderr)),  # type: ignore[arg-type]
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, handlers=[Forwarder(logging.WARNING)], force=True)
    logging.captureWarnings(True)


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


class Forwarder(logging.Handler):
    """Hands what the `logging` module is told to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        logger = structlog.get_logger()
        logger.log(record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info)


def _for_machines(redact: Redact) -> list[Any]:
    return [structlog.processors.format_exc_info, _named, _as_json, _redacted(redact, _mended)]


def _for_people(redact: Redact) -> list[Any]:
    renderer = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback, pad_event_to=24
    )
    return [
        structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
        _inert,
        renderer,
        _redacted(redact, lambda _before, after: after),
    ]


def _named(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """ECS names, which Elasticsearch and Kibana take as they are."""
    event["@timestamp"] = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    event["log.level"] = event.pop("level", "info")
    event["message"] = event.pop("event", "")
    return event


def _as_json(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    return ENCODE(event)


def _inert(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """What moves a terminal's cursor or starts a line of its own is spelled out."""
    return {name: _printable(value) if isinstance(value, str) else value for name, value in event.items()}


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


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
        return json.dumps({name: whole[name] for name in KEPT} | {"message": after})
    return after
