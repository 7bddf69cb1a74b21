"""From a model's text to the object that was asked for.

Small models wrap their JSON in fences, thoughts and courtesies; that is taken off. What does not fit then is Invalid,
which one repair request may mend.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ValidationError

from bot.llm.schemas import fitted, strict_schema

LONGEST_TEXT = 1_000_000  # characters that are searched for an answer
MOST_STARTS = 40  # braces that are tried as an answer's beginning
MOST_FLAWS = 5  # complaints a repair request names

NOT_JSON = "it holds no complete JSON object"
NOT_AN_ANSWER = "it holds no JSON object with the keys {keys}"

_THOUGHTS = re.compile(r"\A<(think|thinking|reasoning)>.*?(</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_UNOPENED = re.compile(r"\A.*</(think|thinking|reasoning)>", re.DOTALL | re.IGNORECASE)


class Invalid(Exception):
    """An answer that is not what was asked for. The text says why, for the model to mend it."""


def read_answer(text: str, answer: type[BaseModel]) -> BaseModel:
    """The first JSON object in `text` that is an `answer`. Raises Invalid."""
    schema = strict_schema(answer)
    flaw = Invalid(NOT_JSON)
    for value in _objects(_spoken(text[:LONGEST_TEXT])):
        if not value.keys() & schema["properties"].keys():
            flaw = Invalid(NOT_AN_ANSWER.format(keys=", ".join(schema["properties"])))
            continue
        try:
            return answer.model_validate(fitted(value, schema, schema.get("$defs", {})))
        except ValidationError as error:
            raise Invalid(_flaws(error)) from error
    raise flaw


def read_arguments(arguments: Any) -> dict[str, Any]:
    """A tool call's arguments: JSON text, or decoded already; none is no arguments. Raises Invalid."""
    value = arguments
    if isinstance(arguments, str):
        try:
            value = _whole(json.loads(arguments)) if arguments.strip() else {}
        except (ValueError, RecursionError) as error:
            raise Invalid("a tool call's arguments are not JSON") from error
    if not isinstance(value, dict):
        raise Invalid("a tool call's arguments are not a JSON object")
    return value


def _spoken(text: str) -> str:
    """The text without thoughts before the answer; a chat template may have eaten their opening tag."""
    said = text.lstrip()
    if said.startswith(("{", "```")):
        return said
    return _UNOPENED.sub("", _THOUGHTS.sub("", said))


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """The outermost JSON objects in the text, in order."""
    decoder, start = json.JSONDecoder(), text.find("{")
    for _ in range(MOST_STARTS):
        if start < 0:
            return
        try:
            value, end = decoder.raw_decode(text, start)
            whole = _whole(value)
        except (ValueError, RecursionError):
            end = start + 1
        else:
            yield whole
        start = text.find("{", end)


def _whole(value: Any) -> Any:
    """The value with halves of UTF-16 pairs, which JSON can spell and UTF-8 cannot, replaced."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_whole(one) for one in value]
    if isinstance(value, dict):
        return {_whole(name): _whole(one) for name, one in value.items()}
    return value


def _flaws(error: ValidationError) -> str:
    flaws = error.errors(include_url=False, include_context=False, include_input=False)
    named = [
        f"{'.'.join(map(str, flaw['loc'])) or 'the object'}: {flaw['msg']}" for flaw in flaws[:MOST_FLAWS]
    ]
    more = [f"and {len(flaws) - MOST_FLAWS} more"] if len(flaws) > MOST_FLAWS else []
    return "; ".join([*named, *more])
