"""Write docs/openapi.json, what the HTTP interfaces take and answer, from the types the code uses: `make docs`.

No process serves it: nobody is told of an address what is not published there.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, get_type_hints

from pydantic import TypeAdapter

from bot import __version__
from bot.domain.actions import Report
from bot.entry.body import SECONDS, UNREAD
from bot.entry.receiver import SOURCES, Answer
from bot.entry.run_record import OVER
from bot.entry.run_view import RUN, STEPS
from bot.entry.runs_api import KINDS, Order
from bot.entry.web import MOST_BODY, MOST_WAIT, WAIT

TARGET: Final = Path(__file__).parents[2] / "docs" / "openapi.json"
SCHEMAS: Final = "#/components/schemas/"
PLACES: Final = SCHEMAS + "{model}"
JSON: Final = "application/json"
TOKEN: Final = "[A-Za-z0-9_-]{43}"
TAG: Final = f'"({"|".join([*STEPS, *sorted(OVER)])}):[0-9a-f]{{16}}"'

Json = dict[str, Any]

INTRODUCTION: Final = (
    "Deliveries go to `trivet serve`, runs to `trivet web`; `trivet up` serves both at one address. Beyond what is "
    "listed here, an unknown path is answered with 404, another method with 405 and `Allow`."
)
ORDERS: Final = (
    "What a pipeline asks for. The same ID token with the same body is the same run. The run is the one that a webhook "
    "of the same head would start, whichever comes first."
)
READS: Final = (
    "With `wait`, once the run differs from what `If-None-Match` names, or from what it is now. The token is the one "
    "that the request for the run was answered with, and reads this run only."
)
WAITS: Final = f"Seconds to wait for a change. More than {MOST_WAIT:.0f} are taken as {MOST_WAIT:.0f}."
DELIVERS: Final = (
    "The body is the event as {platform} sends it{own}. What of it is looked at says the source; an object of no known "
    "event is `ignored` or, where it names none at all, refused. The content type is not looked at."
)
OWN_BODIES: Final = {
    "jira": ', or `{"event", "issue_key", "id"?}` of an automation rule',
    "confluence": ', or `{"event", "page_id", "id"?}` of an automation rule',
}
PLATFORMS: Final = {"gitlab": "GitLab", "jira": "Jira", "confluence": "Confluence"}

MESSAGES: Final[dict[str, Json]] = {
    "gitlab": {"object_kind": "pipeline", "project": {"path_with_namespace": "group/shop"}},
    "jira": {"event": "created", "issue_key": "SHOP-1", "id": "1"},
    "confluence": {"event": "updated", "page_id": "4711", "id": "1"},
}
ORDERED: Final[Json] = {"agent": "review", "target": {"project": "group/shop", "iid": 7}, "options": {}}

SECURITY: Final[dict[str, Json]] = {
    "idToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A GitLab job's ID token, its audience the public address of this server.",
    },
    "runToken": {
        "type": "http", "scheme": "bearer", "description": "The `token` that a request for a run was answered with.",
    },
    "gitlabSignature": {
        "type": "apiKey", "in": "header", "name": "webhook-signature",
        "description": "Standard Webhooks 1.0.0, with `webhook-id` and `webhook-timestamp`: GitLab's signing tokens.",
    },
    "gitlabToken": {"type": "apiKey", "in": "header", "name": "X-Gitlab-Token", "description": "A plain secret."},
    "hubSignature": {
        "type": "apiKey", "in": "header", "name": "X-Hub-Signature",
        "description": "`<method>=<hex>`, the HMAC of the body: Jira, and Confluence Data Center.",
    },
    "trivetToken": {
        "type": "apiKey", "in": "header", "name": "X-Trivet-Token",
        "description": "A plain secret, for senders that sign nothing.",
    },
    "secretInAddress": {
        "type": "apiKey", "in": "query", "name": "secret",
        "description": "A plain secret in the address, for Jira servers before 10.",
    },
}  # fmt: skip
PROOFS: Final = {
    "gitlab": ("gitlabSignature", "gitlabToken"),
    "jira": ("hubSignature", "trivetToken", "secretInAddress"),
    "confluence": ("hubSignature", "trivetToken"),
}

HEADERS: Final[dict[str, Json]] = {
    "again": {
        "schema": {"type": "integer", "minimum": 0},
        "description": "Seconds after which to ask again.",
    },
    "challenge": {"schema": {"const": "Bearer"}, "required": True},
    "unread": {
        "schema": {"const": "close"},
        "required": True,
        "description": "The body was not read to its end.",
    },
    "fresh": {"schema": {"const": "no-store"}, "required": True},
    "tag": {
        "schema": {"type": "string", "pattern": f"^{TAG}$"},
        "required": True,
        "description": "Changes with what a waiting pipeline is told.",
    },
}

SLOW: Final = f"The body did not end within {SECONDS:g} seconds."
UNREAD_BODY: Final = {str(code): {"Connection": "unread"} for code in UNREAD}
REFUSED_DELIVERIES: Final = {
    "400": "Malformed: not a JSON object, or not what such an event holds.",
    "401": "Not proven: signature or secret is missing or wrong, or none is configured here.",
    "408": SLOW,
    "413": "Larger than TRIVET_MAX_BODY.",
    "415": "Compressed.",
    "503": "It could not be recorded: nothing is acknowledged that is not durable.",
}
REFUSED_ORDERS: Final = {
    "401": "The ID token is missing, does not hold, or was used for another request.",
    "403": "The token's project may not start this, or is not served here; also pipelines of forks.",
    "404": "Runs are not served at this address.",
    "408": SLOW,
    "413": f"Larger than {MOST_BODY} bytes.",
    "415": "Not application/json, or compressed.",
    "422": "Not a request for a run, an agent that is not at work here, or a merge request that does not exist.",
    "429": "Too many runs for this project within a minute.",
    "503": "Redis or GitLab does not answer, or too many ask at once.",
}
REFUSED_READS: Final = {
    "401": "The token is missing.",
    "404": "There is no such run, or the token does not read it: which of both is not told.",
    "422": "`wait` is no number of seconds.",
    "503": "Redis does not answer, or too many wait at once.",
}


def document() -> Json:
    """An OpenAPI 3.1 document (spec.openapis.org/oas/v3.1)."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Trivet",
            "version": __version__,
            "description": INTRODUCTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": "deliveries"}, {"name": "runs"}, {"name": "health"}],
        "paths": {
            **{f"/hooks/{source}": {"post": _delivery(source)} for source in SOURCES},
            "/api/v1/runs": {"post": _start()},
            "/api/v1/runs/{run}": {"get": _read()},
            "/healthz": {"get": _alive()},
            "/readyz": {"get": _ready()},
        },
        "components": {"schemas": _schemas(), "headers": HEADERS, "securitySchemes": SECURITY},
    }


# --- operations


def _delivery(source: str) -> Json:
    description = DELIVERS.format(platform=PLATFORMS[source], own=OWN_BODIES.get(source, ""))
    refused = {code: _answer(text, "Delivery") for code, text in REFUSED_DELIVERIES.items()}
    return {
        "operationId": f"deliver_{source}",
        "tags": ["deliveries"],
        "summary": f"One event of {PLATFORMS[source]}",
        "description": description,
        "security": [{name: []} for name in PROOFS[source]],
        "requestBody": _body({"type": "object"}, MESSAGES[source]),
        "responses": {
            "202": _answer("Authentic: recorded, seen before, or of no consequence.", "Delivery"),
            **_with_headers(refused, UNREAD_BODY),
        },
    }


def _start() -> Json:
    refused = {code: _answer(text, "Refusal") for code, text in REFUSED_ORDERS.items()}
    headers = {
        "401": {"WWW-Authenticate": "challenge"},
        "429": {"Retry-After": "again"},
        "503": {"Retry-After": "again"},
        **UNREAD_BODY,
    }
    started = _answer("The run, whether it was started now or was there.", "Started")
    started["links"] = {"read": {"operationId": "read_run", "parameters": {"run": "$response.body#/run"}}}
    return {
        "operationId": "start_run",
        "tags": ["runs"],
        "summary": "Ask for a run",
        "description": ORDERS,
        "security": [{"idToken": []}],
        "requestBody": _body({"$ref": SCHEMAS + "Order"}, ORDERED),
        "responses": {"202": started, **_with_headers(refused, headers)},
    }


def _read() -> Json:
    refused = {code: _answer(text, "Refusal") for code, text in REFUSED_READS.items()}
    headers = {"401": {"WWW-Authenticate": "challenge"}, "503": {"Retry-After": "again"}}
    seen = {
        "200": _answer("The run as it is now.", "Run"),
        "304": {"description": "The run is what `If-None-Match` names."},
    }
    kept = {"ETag": "tag", "Cache-Control": "fresh"}
    return {
        "operationId": "read_run",
        "tags": ["runs"],
        "summary": "Look at a run, or wait for it to change",
        "description": READS,
        "security": [{"runToken": []}],
        "parameters": [
            {"name": "run", "in": "path", "required": True, "schema": _text(RUN.pattern)},
            {"name": "wait", "in": "query", "schema": _text(_ascii(WAIT.pattern)), "description": WAITS},
            {
                "name": "If-None-Match",
                "in": "header",
                "schema": {"type": "string"},
                "description": "An `ETag`.",
            },
        ],
        "responses": {**_with_headers(seen, dict.fromkeys(seen, kept)), **_with_headers(refused, headers)},
    }


def _alive() -> Json:
    return {
        "operationId": "alive",
        "tags": ["health"],
        "summary": "Whether the process lives",
        "security": [],
        "responses": {"200": _answer("It does.", "Alive")},
    }


def _ready() -> Json:
    return {
        "operationId": "ready",
        "tags": ["health"],
        "summary": "Whether Redis answers and keeps data",
        "security": [],
        "responses": {
            "200": _answer("It does.", "Ready"),
            "503": _answer("It does not, for this reason.", "NotReady"),
        },
    }


# --- shapes


def _schemas() -> Json:
    definitions = Report.model_json_schema(ref_template=PLACES)
    parts = definitions.pop("$defs")
    return dict(
        sorted(
            {
                **parts,
                "Report": definitions,
                **_orders(),
                "Started": _started(),
                "Run": _run(),
                "Refusal": _object(error=_sentence()),
                "Delivery": _receipt(),
                "Alive": _object(status={"const": "alive"}),
                "Ready": _object(status={"const": "ready"}),
                "NotReady": _object(status={"const": "not ready"}, reason=_sentence()),
            }.items()
        )
    )


def _orders() -> Json:
    """The model's own schema, an alternative for each agent: what it works on is a rule that a model's schema lacks."""
    whole = Order.model_json_schema(ref_template=PLACES)
    parts, properties = whole.pop("$defs"), whole.pop("properties")
    each = {
        agent: whole
        | {
            "title": f"{agent.title()}Order",
            "properties": properties | {"agent": {"const": agent}, "target": _one_of(kinds)},
        }
        for agent, kinds in KINDS.items()
    }
    mapping = {agent: SCHEMAS + order["title"] for agent, order in each.items()}
    order = {
        "oneOf": [{"$ref": place} for place in mapping.values()],
        "discriminator": {"propertyName": "agent", "mapping": mapping},
    }
    return {**parts, **{one["title"]: one for one in each.values()}, "Order": order}


def _one_of(kinds: tuple[type[Any], ...]) -> Json:
    places = [{"$ref": SCHEMAS + kind.__name__} for kind in kinds]
    return places[0] if len(places) == 1 else {"anyOf": places}


def _started() -> Json:
    return _object(run=_text(RUN.pattern), token=_text(TOKEN), state=_states(*STEPS, *sorted(OVER)))


def _run() -> Json:
    """What `View.body` makes: progress while it goes on, message and report when it is over."""
    common = {"run": _text(RUN.pattern), "message": {"type": "string"}, "progress": {"type": "string"}}
    report = {"anyOf": [{"$ref": SCHEMAS + "Report"}, {"type": "null"}]}
    going = _object(**common, state=_states(*STEPS), report={"type": "null"})
    over = _object(**common, state=_states(*sorted(OVER)), report=report)
    return {"anyOf": [going, over]}


def _receipt() -> Json:
    """What `Answer.body` makes."""
    status = TypeAdapter(get_type_hints(Answer)["status"]).json_schema()
    shape = _object(status=status, reason=_sentence(), delivery={"type": "string"}, run=_text(RUN.pattern))
    return shape | {"required": ["status", "reason"]}


def _states(*names: str) -> Json:
    return {"type": "string", "enum": list(names)}


def _sentence() -> Json:
    return {"type": "string", "minLength": 1, "pattern": r"^[^\r\n]+$"}


def _text(pattern: str) -> Json:
    return {"type": "string", "pattern": f"^{pattern}$"}


def _ascii(pattern: str) -> str:
    r"""Without `\d`, which is a digit of any script to some readers of a schema."""
    return pattern.replace(r"\d", "[0-9]")


def _object(**properties: Json) -> Json:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


# --- what surrounds a shape


def _body(schema: Json, example: Json) -> Json:
    return {"required": True, "content": {JSON: {"schema": schema, "example": example}}}


def _answer(description: str, schema: str) -> Json:
    return {"description": description, "content": {JSON: {"schema": {"$ref": SCHEMAS + schema}}}}


def _with_headers(answers: Json, headers: Mapping[str, Mapping[str, str]]) -> Json:
    """`headers`: by status, the name of a header and that of what it holds."""
    return {code: answer | _named(headers.get(code, {})) for code, answer in answers.items()}


def _named(headers: Mapping[str, str]) -> Json:
    places = {name: {"$ref": f"#/components/headers/{holds}"} for name, holds in headers.items()}
    return {"headers": places} if places else {}


def rendered() -> str:
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    TARGET.write_text(rendered(), "utf-8")
