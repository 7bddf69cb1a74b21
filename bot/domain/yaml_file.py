"""A YAML file that strangers wrote, as a checked model: plain data only, bounded, and wrong in one sentence."""

import difflib
import json
import re
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from bot.domain.sanitize import visible

DEPTH = 16  # nested lists and mappings
ECHO = 60  # characters of the file that a complaint may repeat

TOO_LONG = "it is larger than {limit} KB"
NO_TEXT = "it is not UTF-8 text"
NO_MAPPING = "it must be a mapping with {keys}"
NOT_YAML = "line {line} is not valid YAML"
ALIAS = 'line {line} has an anchor or an alias ("&", "*"), which is not allowed'
TAG = 'line {line} has a tag ("!"), which is not allowed'
TOO_DEEP = "line {line} is nested too deeply"
DUPLICATE = 'line {line} repeats the key "{key}"'
NOT_VALID = '"{key}" is not valid'
EXPECTED = {
    "extra_forbidden": '"{key}" is no key we know',
    "missing": '"{key}" is missing',
    "enum": '"{key}" must be {expected}',
    "literal_error": '"{key}" must be {expected}',
    "bool_type": '"{key}" must be true or false',
    "int_type": '"{key}" must be a whole number',
    "string_type": '"{key}" must be text',
    "tuple_type": '"{key}" must be a list',
    "model_type": '"{key}" must be a mapping',
    "dict_type": '"{key}" must be a mapping',
    "greater_than_equal": '"{key}" must be at least {ge}',
    "less_than_equal": '"{key}" must be at most {le}',
    "string_too_short": '"{key}" must not be empty',
    "string_too_long": '"{key}" must have at most {max_length} characters',
    "too_long": '"{key}" must have at most {max_length} entries',
    "value_error": '"{key}" {error}',
}
"""Pydantic's error types that our models can raise, as a sentence (docs.pydantic.dev/latest/errors)."""
MEANT = ' (did you mean "{key}"?)'
SEE_SCHEMA = " (see: trivet config schema)"

Model = TypeVar("Model", bound=BaseModel)


class Wrong(Exception):
    """The file cannot be used; the text says why, as a part of a sentence fit to show to a person."""


def read(model: type[Model], text: bytes | None, limit: int) -> Model:
    """The file as the model; its defaults where there is no file (None). `limit` in bytes. Raises Wrong."""
    try:
        return model.model_validate_json(_as_json(text, model, limit))
    except ValidationError as errors:
        raise Wrong(_first_of(errors, model)) from None


class _Loader(yaml.SafeLoader):
    """Plain data only: text, whole numbers, true, false, null. So `on` and `yes` are text, as people expect."""


_Loader.yaml_implicit_resolvers = {}
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"(?:~|null|)\Z"), ["~", "n", ""])
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"(?:true|false)\Z"), ["t", "f"])
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"-?(?:0|[1-9][0-9]{0,17})\Z"), list("-0123456789")
)


def _as_json(text: bytes | None, model: type[BaseModel], limit: int) -> bytes:
    """The file as JSON, in which a list may stand for a tuple; sections that are empty are left out."""
    if text is not None and len(text) > limit:
        raise Wrong(TOO_LONG.format(limit=limit // 1024))
    try:
        content = _content((text or b"").decode("utf-8-sig"), model)
        return json.dumps(content, ensure_ascii=False).encode()
    except yaml.MarkedYAMLError as error:
        raise Wrong(NOT_YAML.format(line=_line(error.problem_mark))) from None
    except (UnicodeError, yaml.YAMLError):
        raise Wrong(NO_TEXT) from None


def _content(source: str, model: type[BaseModel]) -> dict[str, Any]:
    _refuse_tricks(source)
    loader = _Loader(source)
    root = loader.get_single_node()
    if root is None:
        return {}
    _refuse_duplicates(root)
    content = loader.construct_document(root)
    if not isinstance(content, dict | None):
        raise Wrong(NO_MAPPING.format(keys=_keys(model)))
    return {str(key): value for key, value in (content or {}).items() if value is not None}


def _keys(model: type[BaseModel]) -> str:
    """The keys of the top level in words: `the keys "a", "b" and "c"`."""
    *most, last = [f'"{key}"' for key in model.model_json_schema()["properties"]]
    return f"the keys {', '.join(most)} and {last}" if most else f"the key {last}"


def _refuse_tricks(source: str) -> None:
    """No aliases (they multiply), no tags (they construct), no depth that exhausts the stack."""
    depth = 0
    for event in yaml.parse(source, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        line = _line(event.start_mark)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise Wrong(ALIAS.format(line=line))
        if getattr(event, "tag", None):
            raise Wrong(TAG.format(line=line))
        if depth > DEPTH:
            raise Wrong(TOO_DEEP.format(line=line))


def _refuse_duplicates(node: yaml.Node) -> None:
    """YAML readers take the last of two equal keys, people the first: neither is right."""
    if isinstance(node, yaml.SequenceNode):
        for child in node.value:
            _refuse_duplicates(child)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise Wrong(DUPLICATE.format(line=_line(key.start_mark), key=_echo(key.value)))
            seen.add(str(key.value))
            _refuse_duplicates(value)


def _line(mark: Any) -> int:
    """A YAML reader's mark as a line number, counted from 1."""
    return int(mark.line) + 1 if mark else 1


def _first_of(errors: ValidationError, model: type[BaseModel]) -> str:
    """The first error as a sentence, and how many more there are."""
    found = errors.errors(include_url=False)
    kind, path, context = found[0]["type"], found[0]["loc"], found[0].get("ctx", {})
    said = EXPECTED.get(kind, NOT_VALID).format(key=_echo(".".join(map(str, path))), **context)
    if kind == "extra_forbidden":
        said += _meant(str(path[-1]), model)
    more = len(found) - 1
    return f"{said} (and {more} more)" if more else said


def _meant(key: str, model: type[BaseModel]) -> str:
    closest = difflib.get_close_matches(key[:ECHO], sorted(_known_keys(model)), n=1)
    return MEANT.format(key=closest[0]) if closest else SEE_SCHEMA


def _known_keys(model: type[BaseModel]) -> set[str]:
    schema = model.model_json_schema()
    parts = (schema, *schema.get("$defs", {}).values())
    return {key for part in parts for key in part.get("properties", {})}


def _echo(text: str) -> str:
    shown = visible(text.replace("\n", " ")).replace('"', "'")
    return shown if len(shown) <= ECHO else f"{shown[:ECHO]}…"
