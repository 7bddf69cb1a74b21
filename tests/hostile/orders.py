"""S9b: orders for runs made from the schema of what the runs API takes, and changed: no answer is a 5xx.

The API publishes no OpenAPI document; the one place that says what it takes is the model of an order. Requests are
made from its JSON schema: such that fit, and such that miss it by one value.
"""

import json
import os
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from bot.entry.runs_api import Order
from tests.bench.hostile import HEADERS
from tests.bench.memory import resident
from tests.canaries import plant
from tests.chaos.gates import Gate
from tests.e2e.test_runs_api import URL
from tests.hostile.material import beside, json_texts, naughty, spoilt
from tests.hostile.nonsense import MOST_MEGABYTES, MOST_SECONDS, Answers
from tests.hostile.senders import sent, started, wired
from tests.redis_server import RedisServer
from tests.sandbox_server import SandboxServer

START = "/api/v1/runs"
REFUSALS = {"400", "401", "403", "404", "405", "409", "413", "415", "422", "429"}
Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Orders:
    """So many made from the schema."""

    made: int = 400


SHORT = Orders()
LONG = Orders(20_000)


def orders(dice: Random, folder: Path, size: Orders = SHORT) -> list[Gate]:
    with SandboxServer(folder=folder) as sandbox, RedisServer(folder / "redis") as redis:
        settings_ = {
            "TRIVET_REDIS_URL": redis.url,
            "TRIVET_DATA_DIR": str(folder / "data"),
            "TRIVET_PUBLIC_URL": URL,
            "TRIVET_GITLAB__URL": sandbox.url,
            "TRIVET_GITLAB__READ_TOKEN": plant(sandbox.token("trivet")),
            "TRIVET_GITLAB__PROJECTS": "acme/**",
        }
        token = sandbox.call("POST", "/sandbox/id_token", {"audience": URL, "user": "ada"})["id_token"]
        with started("web", folder, settings_) as web:
            bearer = {"authorization": f"Bearer {token}", "content-type": "application/json"}
            sent(web.port, wired("POST", START, b"{}", bearer))
            before = resident(web.pid)
            answers, odd = _answers(dice, web.port, bearer, size)
            grown = resident(web.pid) - before
            assert sent(web.port, wired("GET", "/readyz"))[0] == "200", (
                "the runs API does not answer any more"
            )
    return _judged(answers, odd, grown)


def _answers(dice: Random, port: int, bearer: dict[str, str], size: Orders) -> tuple[Answers, int]:
    """Also how many refusals are not of the documented shape, one JSON object with one sentence."""
    answers, odd = Answers(), 0

    def send(request: bytes) -> None:
        nonlocal odd
        status, seconds, answer = sent(port, request)
        answers.add(status, seconds)
        odd += status in REFUSALS - {"400"} and not is_refusal(answer)

    for body in from_schema(dice, size):
        send(wired("POST", START, json.dumps(body).encode(), bearer))
    for content in json_texts():
        send(wired("POST", START, content, bearer))
    for text in naughty():
        name = quote(text.encode("utf-8", "surrogatepass"), safe="")
        send(wired("GET", f"{START}/{name}?wait={name}", headers=bearer))
        send(wired("POST", START, json.dumps({"agent": text, "target": {"issue": text}}).encode(), bearer))
    for header in HEADERS:
        told = header.startswith((b"content-length", b"transfer-encoding"))
        length = b"" if told else b"content-length: 2\r\n"
        send(
            b"POST %b HTTP/1.1\r\nhost: x\r\nconnection: close\r\n%b%b\r\n\r\n{}"
            % (START.encode(), length, header)
        )
    return answers, odd


def is_refusal(answer: bytes) -> bool:
    try:
        body = json.loads(answer.partition(b"\r\n\r\n")[2])
    except ValueError:
        return False
    return isinstance(body, dict) and isinstance(body.get("error"), str) and "\n" not in body["error"]


def from_schema(dice: Random, size: Orders, odd: float = 0.5) -> list[Any]:
    """`odd`: the share of them that has one odd value."""
    made: list[Any] = []

    @seed(dice.getrandbits(32))
    @settings(
        max_examples=size.made, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(fitting(Order.model_json_schema()))
    def collect(order: Any) -> None:
        made.append(spoilt(order, dice, 1) if dice.random() < odd else order)

    collect()
    return made


def fitting(schema: Schema, defs: Schema | None = None) -> st.SearchStrategy[Any]:
    """Values that a JSON schema allows, as far as the schemas of our own models go."""
    defs = schema.get("$defs", defs or {})
    if "$ref" in schema:
        return fitting(defs[schema["$ref"].rpartition("/")[2]], defs)
    if "anyOf" in schema:
        return st.one_of([fitting(one, defs) for one in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema.get("type") == "object":
        fields = {name: fitting(one, defs) for name, one in schema.get("properties", {}).items()}
        needed = {name: one for name, one in fields.items() if name in schema.get("required", ())}
        return st.fixed_dictionaries(
            needed, optional={n: one for n, one in fields.items() if n not in needed}
        )
    if schema.get("type") == "integer":
        return st.integers(schema.get("exclusiveMinimum", 0) + 1, schema.get("exclusiveMaximum", 2**31) - 1)
    assert schema.get("type") == "string", f"a schema of a kind we do not know: {schema}"
    if "pattern" in schema:
        return st.from_regex(schema["pattern"], fullmatch=True)
    return st.text(min_size=schema.get("minLength", 0), max_size=schema.get("maxLength", 200))


def _judged(answers: Answers, odd: int, grown: float) -> list[Gate]:
    total = sum(answers.statuses.values())
    p99 = f"p50 {statistics.median(answers.seconds) * 1000:.1f} ms, p99 {answers.p99 * 1000:.1f} ms"
    done = f"{total} requests at the runs API, made from its schema among them, {beside()}"
    return [
        Gate("S9 hostile orders", done, f"5xx: {answers.broken} ({answers})", "0 x 5xx", not answers.broken),
        Gate("S9 refusals of orders", "the same", f"{odd} are not one JSON sentence", "0", odd == 0),
        Gate(
            "S9 time and memory of the runs API",
            "the same",
            f"{p99}; load average {os.getloadavg()[0]:.1f}; grown by {grown:.1f} MB",
            "p99 under 50 ms, under 20 MB",
            answers.p99 < MOST_SECONDS and grown < MOST_MEGABYTES,
        ),
    ]
