"""Requests made by schemathesis from docs/openapi.json, and whether the answers are those that it promises."""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

import schemathesis
from requests.auth import AuthBase
from schemathesis.engine import StopReason, events, from_schema
from schemathesis.engine.recorder import ScenarioRecorder

from tests.chaos.gates import Gate, shown
from tests.tools.openapi import TARGET

DELIVERIES: Final = ("/hooks/", "/healthz", "/readyz")
RUNS: Final = ("/api/", "/healthz", "/readyz")
PATIENCE_SECONDS: Final = 20.0
MALFORMED_TOO: Final = ["2xx", "400", "401"]
"""Of a delivery the document says that it is an object; what an event holds is for the platforms to say."""

Json = dict[str, Any]


@dataclass
class Kept:
    """What was answered, what was looked at, and what was not as promised: a sentence each, with how often."""

    statuses: Counter[str] = field(default_factory=Counter)
    checks: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)

    def take(self, event: events.EngineEvent) -> None:
        match event:
            case events.ScenarioFinished():
                self._read(event.recorder)
            case events.NonFatalError():
                self.broken[f"{event.label}: {event.value}"] += 1
            case events.FatalError():
                raise event.exception
            case events.EngineFinished() if event.stop_reason is not StopReason.COMPLETED:
                self.broken[f"ended early: {event.stop_reason.value}"] += 1

    def _read(self, recorder: ScenarioRecorder) -> None:
        answers = (one.response for one in recorder.interactions.values())
        self.statuses.update(str(answer.status_code) if answer else "none" for answer in answers)
        for check in (one for each in recorder.checks.values() for one in each):
            self.checks[check.name] += 1
            if check.failure_info:
                self.broken[f"{recorder.label}: {check.failure_info.failure}".replace("\n", " ")] += 1

    def gate(self, of: str) -> Gate:
        counted = ", ".join(f"{count} x {status}" for status, count in sorted(self.statuses.items()))
        return Gate(
            f"S9 promises of {of}",
            f"{self.statuses.total()} requests made by schemathesis from docs/openapi.json, "
            f"{self.checks.total()} looks by {len(self.checks)} checks",
            f"{shown(self.broken)} are not as promised ({counted})",
            "0, and no 5xx",
            not self.broken and bool(self.checks),
        )


def kept(
    address: str,
    paths: tuple[str, ...],
    proof: AuthBase,
    examples: int,
    seed: int,
    document: Json | None = None,
) -> Kept:
    """Of the server at `address`, for the paths with these beginnings; at most so many random values an operation.

    Tried are the document's examples, its boundaries, values at random, and what an earlier answer names: such that
    fit, and such that do not. `proof` makes a request authentic. `document`: in the place of the committed one.
    """
    whole = document or json.loads(TARGET.read_text("utf-8"))
    part = {path: item for path, item in whole["paths"].items() if path.startswith(paths)}
    config = schemathesis.Config.from_dict(_settings(address, examples, seed))
    schema = schemathesis.openapi.from_dict({**whole, "paths": part}, config=config)
    schema.auth.set_from_requests(proof)
    found = Kept()
    for event in from_schema(schema).execute():
        found.take(event)
    return found


def _settings(address: str, examples: int, seed: int) -> Json:
    """As schemathesis' configuration file has them. Credentials are not made up: `proof` gives them."""
    return {
        "seed": seed,
        "base-url": address,
        "request-timeout": PATIENCE_SECONDS,
        "continue-on-failure": True,
        "suppress-health-check": ["all"],
        "generation": {
            "max-examples": examples,
            "no-shrink": True,
            "database": "none",
            "with-security-parameters": False,
        },
        "operations": [
            {
                "include-path-regex": "^/hooks/",
                "checks": {"positive_data_acceptance": {"expected-statuses": MALFORMED_TOO}},
            }
        ],
    }
