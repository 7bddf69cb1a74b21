"""The JSON schema an answer must have, in the dialect that strict structured output accepts.

Rules: every object closed and all its keys required, no keywords beside a $ref, no limits on numbers and lengths
(platform.openai.com/docs/guides/structured-outputs, platform.claude.com/docs/en/build-with-claude/structured-outputs).
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel

KEPT = ("type", "description", "enum", "const", "$ref")  # keywords that go over as they are


@cache
def strict_schema(answer: type[BaseModel]) -> dict[str, Any]:
    """The schema of `answer`; shared, so not to be changed. Raises TypeError for an object with free keys."""
    whole = answer.model_json_schema()
    definitions: dict[str, Any] = whole.get("$defs", {})
    strict = _strict(whole, definitions)
    if definitions:
        strict["$defs"] = {name: _strict(one, definitions) for name, one in definitions.items()}
    return strict


def _strict(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    if "$ref" in node and len(node) > 1:
        node = {**resolved(node, definitions), **{name: one for name, one in node.items() if name != "$ref"}}
    strict = {name: node[name] for name in KEPT if name in node}
    if "anyOf" in node or "oneOf" in node:
        strict["anyOf"] = [_strict(one, definitions) for one in node.get("anyOf") or node["oneOf"]]
    if "items" in node:
        strict["items"] = _strict(node["items"], definitions)
    if node.get("type") == "object":
        strict |= _closed(node, definitions)
    return strict


def _closed(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    if "properties" not in node:
        raise TypeError(f"an answer cannot hold an object with free keys: {node.get('title', node)}")
    properties = {name: _strict(one, definitions) for name, one in node["properties"].items()}
    return {"properties": properties, "required": list(properties), "additionalProperties": False}


def resolved(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the node's $ref stands for; the node itself where it has none."""
    while "$ref" in node:
        node = definitions[node["$ref"].removeprefix("#/$defs/")]
    return node


def fitted(value: Any, schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Any:
    """The value as the schema means it, where that is safe to say.

    Unknown keys go, what may be null and is missing is null, words of an enumeration are found whatever their case.
    The rest is left for validation to refuse.
    """
    node = resolved(schema, definitions)
    if "anyOf" in node:
        return _fitted_to_one_of(value, node["anyOf"], definitions)
    if "enum" in node and isinstance(value, str):
        said = value.strip().casefold()
        return next((word for word in node["enum"] if str(word).casefold() == said), value)
    if "properties" in node and isinstance(value, dict):
        return _fitted_object(value, node["properties"], definitions)
    if "items" in node and isinstance(value, list):
        return [fitted(one, node["items"], definitions) for one in value]
    return value


def _fitted_to_one_of(value: Any, kinds: list[Mapping[str, Any]], definitions: Mapping[str, Any]) -> Any:
    others = [kind for kind in kinds if resolved(kind, definitions).get("type") != "null"]
    return fitted(value, others[0], definitions) if value is not None and len(others) == 1 else value


def _fitted_object(
    value: dict[str, Any], properties: Mapping[str, Any], definitions: Mapping[str, Any]
) -> Any:
    missing = {name: None for name, node in properties.items() if _may_be_null(node, definitions)}
    known = {
        name: fitted(value[name], node, definitions) for name, node in properties.items() if name in value
    }
    return missing | known


def _may_be_null(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> bool:
    whole = resolved(node, definitions)
    return any(resolved(kind, definitions).get("type") == "null" for kind in whole.get("anyOf", ()))
