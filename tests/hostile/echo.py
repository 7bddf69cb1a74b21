"""A model that repeats: whatever answer it is asked for, every text in it is what it was told to say."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from pydantic import BaseModel

from bot.llm.budget import prompt_texts
from bot.llm.messages import Called, Prompt, ToolCall
from bot.testing import Said

Schema = Mapping[str, Any]


def filled(schema: Schema, text: str, defs: Schema | None = None) -> Any:
    """The fullest small value a schema allows: one item in each list, the first of each choice, never null."""
    defs = schema.get("$defs", defs or {})
    if "$ref" in schema:
        return filled(defs[schema["$ref"].rpartition("/")[2]], text, defs)
    for name in ("enum", "const", "anyOf"):
        if name in schema:
            return _chosen(name, schema[name], text, defs)
    kind = schema.get("type")
    if kind == "object":
        return {name: filled(one, text, defs) for name, one in schema.get("properties", {}).items()}
    if kind == "array":
        return [filled(schema["items"], text, defs)]
    return {"string": text, "integer": 1, "number": 1, "boolean": True}.get(str(kind))


def _chosen(name: str, said: Any, text: str, defs: Schema) -> Any:
    if name == "const":
        return said
    if name == "enum":
        return said[0]
    return filled(next(one for one in said if one.get("type") != "null"), text, defs)


def answer(wanted: type[BaseModel], text: str) -> BaseModel:
    return wanted.model_validate(filled(wanted.model_json_schema(), text))


def repeating(words: Collection[str], folder: str = "") -> Callable[[Prompt], Said]:
    """A script: it lists the folder where it may, then says those of the words that it was shown."""

    def script(prompt: Prompt) -> Said:
        if prompt.tools and not any(isinstance(one, Called) for one in prompt.messages):
            return [ToolCall("1", "list_folder", {"folder": folder})]
        seen = "\n".join(prompt_texts(prompt))
        return answer(prompt.answer, " ".join(word for word in words if word in seen) or "nothing")

    return script
