"""docs/openapi.json: that it is what the code says, and that `trivet web` and `trivet serve` answer as it promises.

Two tests are slow (some five seconds each): real processes are asked what the document allows and what it does not, so
that a status, a header or a field that nobody wrote down is seen before a client stumbles over it.
"""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
import schemathesis
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from bot.domain.actions import Report
from bot.entry.receiver import Answer
from bot.entry.run_record import OVER
from bot.entry.run_view import STEPS, View
from tests.hostile.orders import FULL, web
from tests.hostile.promised import DELIVERIES, RUNS, kept
from tests.hostile.proving import Signed
from tests.hostile.senders import receiver
from tests.redis_server import RedisServer
from tests.tools.openapi import TARGET, document, rendered

FEW = 8
RUN = "0123456789abcdef01234567"
NAMES = st.sampled_from(["", "started", "two\nlines", "\0"])

Json = dict[str, Any]


@pytest.fixture(scope="module")
def hooks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("hooks")
    with RedisServer(folder / "redis") as redis, receiver(folder, redis.url) as there:
        yield f"http://127.0.0.1:{there.port}"


def fits(schema: str, body: bytes) -> bool:
    whole = document()
    validator = Draft202012Validator(
        {"$ref": f"#/components/schemas/{schema}", "components": whole["components"]}
    )
    return bool(validator.is_valid(json.loads(body)))


# --- the document


def test_the_document_is_current() -> None:
    assert TARGET.read_text("utf-8") == rendered(), "docs/openapi.json is out of date: run `make docs`"


def test_it_is_an_openapi_document() -> None:
    schemathesis.openapi.from_dict(document()).validate()


def test_every_reference_leads_somewhere() -> None:
    text = rendered()
    whole = json.loads(text)
    places = {line.split('"')[3] for line in text.splitlines() if '"$ref"' in line}
    assert places
    for place in places:
        part = whole
        for name in place.removeprefix("#/").split("/"):
            part = part[name]


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([*STEPS, *OVER]), NAMES, NAMES, st.booleans())
def test_whatever_is_shown_of_a_run_is_as_documented(
    state: str, progress: str, message: str, told: bool
) -> None:
    report = FULL.model_dump_json().encode() if told and state in OVER else b"null"
    assert fits("Run", View(RUN, state, progress, message, report).body())


def test_a_report_as_an_older_version_stored_it_is_as_documented() -> None:
    plain = (
        Report(run=RUN, agent="review", target="acme/shop!1").model_dump_json(exclude_defaults=True).encode()
    )
    assert fits("Run", View(RUN, "done", "", "", plain).body())


@pytest.mark.parametrize("status", get_args(get_type_hints(Answer)["status"]))
@pytest.mark.parametrize("run", ["", RUN])
def test_every_answer_to_a_delivery_is_as_documented(status: Any, run: str) -> None:
    assert fits("Delivery", Answer(202, status, "for a reason", "a-name", run).body())


# --- what is answered


def test_the_runs_api_answers_as_the_document_promises(tmp_path: Path) -> None:
    with RedisServer(tmp_path / "redis") as redis, web(tmp_path, redis.url) as there:
        found = kept(there.address, RUNS, there.job, FEW, 9)
    assert not found.broken
    assert {"200", "202", "304", "401", "403", "404", "405", "415", "422"} <= set(found.statuses)


def test_the_receiver_answers_as_the_document_promises(hooks: str) -> None:
    found = kept(hooks, DELIVERIES, Signed(), FEW, 9)
    assert not found.broken
    assert {"200", "202", "400", "401", "405"} <= set(found.statuses)


def without_a_status(whole: Json) -> None:
    del whole["paths"]["/hooks/jira"]["post"]["responses"]["400"]


def with_another_field(whole: Json) -> None:
    whole["components"]["schemas"]["Alive"]["required"].append("since")


def with_another_header(whole: Json) -> None:
    whole["paths"]["/healthz"]["get"]["responses"]["200"]["headers"] = {
        "ETag": {"schema": {"type": "string"}, "required": True}
    }


def with_another_type(whole: Json) -> None:
    content = whole["paths"]["/healthz"]["get"]["responses"]["200"]["content"]
    content["text/plain"] = content.pop("application/json")


def as_if_open_to_all(whole: Json) -> None:
    whole["paths"]["/healthz"]["get"]["security"] = [{"idToken": []}]


@pytest.mark.parametrize(
    "spoil", [without_a_status, with_another_field, with_another_header, with_another_type, as_if_open_to_all]
)
def test_an_answer_that_is_not_as_promised_is_seen(hooks: str, spoil: Callable[[Json], None]) -> None:
    whole = deepcopy(document())
    spoil(whole)
    found = kept(hooks, ("/hooks/jira", "/healthz"), Signed(), 3, 9, whole)
    assert found.broken
    assert not found.gate("the receiver").met
