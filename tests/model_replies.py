"""What a model server says to the reviewer's requests, and what a request is about."""

import json
from collections.abc import Callable, Iterable
from typing import Any

from bot.testing import CLAIM
from tests.model_server import Body, Reply, answered, schema_of, text_of


def verifies(body: Body) -> bool:
    """Whether the request is for a second look at claims."""
    return "verdicts" in (schema_of(body) or {}).get("properties", {})


def confirmed(body: Body) -> Reply:
    """Every claim is right."""
    numbers = sorted({int(number) for number in CLAIM.findall(text_of(body))})
    verdicts = [{"claim": one, "verdict": "confirmed", "reason": "The line does it."} for one in numbers]
    return answered({"verdicts": verdicts})


def reporting(*findings: dict[str, Any]) -> Callable[[Body], Reply]:
    """The same findings to every request for findings, and every claim is right."""
    return lambda body: confirmed(body) if verifies(body) else answered({"findings": list(findings)})


def reported(path: str, line: int, anchor: str, **other: Any) -> dict[str, Any]:
    """A finding as a model sends it; what is not given is plausible."""
    plausible = {
        "rule": "wrong-result",
        "severity": "major",
        "title": f"Line {line} gives a wrong result",
        "detail": "It does so whenever the list is empty.",
        "evidence": f"{path}:{line}",
        "symbols": [],
        "suggestion": None,
    }
    return {"path": path, "line": line, "anchor": anchor} | plausible | other


def turn(body: Body) -> int:
    """Which turn of its task a request is, from 1."""
    return 1 + sum(1 for message in body["messages"] if message.get("tool_calls"))


def about(body: Body, files: Iterable[str]) -> str:
    """Which of these files is under review, one of them being in the request's own part; "" where none is."""
    own = text_of({"messages": [one for one in body["messages"] if one["role"] == "user"]})
    return next((path for path in files if f"=== {path}" in own), "")


def as_text(body: Body) -> str:
    return json.dumps(body)
