"""Structured logs: one JSON object a line for machines, readable lines on a terminal; redaction is the last step."""

import logging
import sys
from collections.abc import Callable, MutableMapping
from typing import Any

import structlog


def start_logging(form: str | None, redact: Callable[[str], str], level: int = logging.INFO) -> None:
    """`form`: "json", "human", or None for whichever suits where standard error goes."""
    human = form == "human" or (form is None and sys.stderr.isatty())
    renderer: Any = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        if human
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="@timestamp"),
            structlog.processors.format_exc_info,
            _renamed,
            renderer,
            _redacted(redact),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s", stream=sys.stderr)


def _renamed(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """ECS names, which Elasticsearch and Kibana take as they are."""
    event["log.level"] = event.pop("level", "info")
    event["message"] = event.pop("event", "")
    return event


def _redacted(redact: Callable[[str], str]) -> Callable[[Any, str, Any], str]:
    def last(_logger: Any, _method: str, line: Any) -> str:
        return redact(line)

    return last
