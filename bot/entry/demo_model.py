"""The demo's model: the one that the environment names, asked once whether it answers before anything is started.

A model that is out would hold the review back, as it should in earnest; who looks at a demo wants to see something.
Without a model the sandbox has answers that were prepared for what it holds.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import click
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from bot.errors import Declined, ModelFault, TooLong, Unavailable, Unusable, UsageError
from bot.llm.messages import Asked, Prompt
from bot.llm.providers import PROVIDERS, ModelSpec, chat, default_specs, parse_spec
from bot.sandbox import model_api
from bot.settings.forms import ModelSpecs

MODELS: Final = "TRIVET_MODELS"
VARIABLES: Final = frozenset(
    name for provider in PROVIDERS.values() for name in (provider.key_variable, provider.url_variable) if name
)
SETTINGS: Final = re.compile(rf"{MODELS}|TRIVET_BUDGET__.*|OLLAMA_CONTEXT_LENGTH")
PROXIES: Final = frozenset({"HTTPS_PROXY", "NO_PROXY"})  # a hosted model may only be reached by them
LOOPBACK: Final = "127.0.0.1,localhost"
ASK_SECONDS: Final = 60.0

ASKING = "Asking {model} whether it answers …"
USED = "{model} reads along: the sandbox's code is sent to it."
NONE = (
    "No model is configured. The checks that need none are real; answers prepared for this sandbox stand in for a "
    "model's. OPENAI_API_KEY, ANTHROPIC_API_KEY, OLLAMA_HOST or TRIVET_MODELS brings one."
)
OUT = "No model is used, answers prepared for this sandbox stand in for one's: {reasons}"
PREPARED: Final = "compatible:{name}@{url}{path}"
NOT_MODELS = f"{MODELS}: {{reason}}"


class Ready(BaseModel):
    """Whether you can be asked."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    ready: bool
    """true"""


QUESTION: Final = Prompt(
    system="Somebody wants to know whether you can be reached.",
    shared="There is nothing else to read.",
    messages=(Asked("Say that you are ready."),),
    answer=Ready,
    must_answer=True,
    most_output=2_000,
)


@dataclass(frozen=True)
class DemoModel:
    """What a person is told, and the part of the environment that brings the model; empty where there is none."""

    sentence: str
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def is_real(self) -> bool:
        return bool(self.environment)

    def beside(self, sandbox: str) -> dict[str, str]:
        """The part of the environment that brings it, else the prepared answers of the sandbox at this address."""
        prepared = PREPARED.format(name=model_api.NAME, url=sandbox, path=model_api.PREFIX)
        return self.environment or {MODELS: prepared}


def model_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """What of the environment is about models: names, keys, addresses, budgets, and the way out to a hosted one."""
    about = {name: value for name, value in environ.items() if name in VARIABLES or SETTINGS.fullmatch(name)}
    return about | _proxies(environ)


def demo_model(variables: Mapping[str, str]) -> DemoModel:
    """Asks the models that the variables name, best first, until one answers. Raises UsageError.

    The SDKs look for a proxy in this process's environment.
    """
    specs = _named(variables.get(MODELS, "")) or default_specs(variables)
    if not specs:
        return DemoModel(NONE)
    reasons: list[str] = []
    for spec in specs:
        click.echo(ASKING.format(model=_shown(spec)))
        try:
            name = asyncio.run(_answering(spec, variables))
        except (ModelFault, Unavailable) as error:
            reasons.append(str(error))
        else:
            return DemoModel(USED.format(model=name), dict(variables))
    return DemoModel(OUT.format(reasons="; ".join(reasons)))


def _named(models: str) -> Sequence[ModelSpec]:
    try:
        return [parse_spec(one) for one in TypeAdapter(ModelSpecs).validate_python(models)]
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise UsageError(NOT_MODELS.format(reason=reason)) from None


async def _answering(spec: ModelSpec, environ: Mapping[str, str]) -> str:
    """The model's name once it has said something. Raises NoModel, Unavailable, UsageError."""
    model = chat(spec, environ, ASK_SECONDS)
    try:
        return (await model.turn(QUESTION)).model
    except (Unusable, Declined, TooLong):
        return model.name
    finally:
        await model.aclose()


def _proxies(environ: Mapping[str, str]) -> dict[str, str]:
    """The way out, never the way to the sandbox."""
    ways = {name: value for name, value in environ.items() if name.upper() in PROXIES and value}
    around = [value for name, value in ways.items() if name.upper() == "NO_PROXY"]
    bypass = ",".join([*around[:1], LOOPBACK])
    return {**ways, "NO_PROXY": bypass, "no_proxy": bypass} if ways else {}


def _shown(spec: ModelSpec) -> str:
    return str(spec).rstrip(":")
