"""The models, each asked one small question: a turn like those of a run, at about a hundred tokens.

It proves address, key, name and credit. A list of models, which costs nothing, proves two of them at best.
"""

import asyncio
import importlib
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from urllib.request import getproxies, proxy_bypass

from pydantic import BaseModel

from bot.entry.doctor.check import Check, fine, note, wrong
from bot.entry.doctor.sentences import taken_apart
from bot.entry.side_by_side import side_by_side
from bot.errors import ModelFault, NoModel, Unavailable, UsageError
from bot.llm.chat import Chat
from bot.llm.messages import Asked, Prompt, Turn
from bot.llm.providers import PROVIDERS, ModelSpec, chat, default_specs, parse_spec
from bot.settings import Settings

TOPIC: Final = "Models"
SECONDS: Final = 15.0  # for a turn; a provider's first word can take a few
CONNECT_SECONDS: Final = 3.0
PROXIES: Final = ("http", "https", "all")
MOST: Final = 8  # models asked at a time
MOST_OUTPUT: Final = 300  # tokens; small models think aloud
SYSTEM: Final = "You are asked whether you can be reached. Answer at once."
QUESTION: Final = "Answer that you are ready."

NONE = "none is configured: only the checks that need no model are made"
NONE_CURE = "set OPENAI_API_KEY or ANTHROPIC_API_KEY, or name models in TRIVET_MODELS"
SETTING_CURE = "correct TRIVET_MODELS"
ANSWERS = "{place}, answered within {seconds:.1f} s ({tokens} tokens)"
ODD = "answered, but {said}"
ODD_CURE = "take a larger model: this one may not give answers that can be used"
LATE = "no whole answer from {host} within {seconds:.0f} seconds"
LATE_CURE = "where it loads its model, ask again; else see to its load, or name a faster one in TRIVET_MODELS"
NO_NAME = "{host} is not known ({error})"
NO_NAME_CURE = "correct the address; in a closed network set HTTPS_PROXY"
NO_DOOR = "nothing answers at {host} ({error})"
NO_DOOR_CURE = "start the model server there, or correct its address"
START: Final[Mapping[str, str]] = {
    "ollama": "start it (`ollama serve`), or correct OLLAMA_HOST",
    "vllm": "start it (`vllm serve NAME`), or correct VLLM_BASE_URL",
}
FIRST, FALLBACK = "the first", "fallback {place}"


class Readiness(BaseModel):
    """The answer that is asked for."""

    ready: bool


PROMPT: Final = Prompt(SYSTEM, "", (Asked(QUESTION),), Readiness, most_output=MOST_OUTPUT)


def model_checks(settings: Settings, environ: Mapping[str, str]) -> Iterator[Check]:
    """`environ`: with the providers' keys in it."""
    specs: list[str] = list(settings.models) or [str(spec) for spec in default_specs(environ)]
    if not specs:
        yield note(TOPIC, "models", NONE, NONE_CURE)
    yield from in_order(specs, environ)


def in_order(specs: Sequence[str], environ: Mapping[str, str]) -> list[Check]:
    """A line for each, asked side by side."""

    def asked(place: int) -> tuple[int, Check]:
        return place, _model(specs[place], _place(place, len(specs)), environ)

    return [
        check for _, check in sorted(side_by_side(asked, range(len(specs)), MOST), key=lambda one: one[0])
    ]


def import_sdks(settings: Settings, environ: Mapping[str, str]) -> None:
    """Those of the models, one after the other: they share libraries, for which two threads would race."""
    for text in settings.models or map(str, default_specs(environ)):
        provider = PROVIDERS.get(text.partition(":")[0].lower())
        if provider:
            importlib.import_module(provider.protocol)
            importlib.import_module("bot.llm.bounded")


def _place(place: int, count: int) -> str:
    if count == 1:
        return "the only one"
    return FALLBACK.format(place=place) if place else FIRST


def _model(text: str, place: str, environ: Mapping[str, str]) -> Check:
    try:
        spec = parse_spec(text)
        model = chat(spec, environ)
    except UsageError as error:
        return wrong(TOPIC, text.partition("@http")[0], *taken_apart(error, SETTING_CURE), is_setting=True)
    return _unreached(spec, model) or _asked(place, model)


def _unreached(spec: ModelSpec, model: Chat) -> Check | None:
    """Why no request can reach it; None where one may, and where a proxy would carry it."""
    host, port = _parts(model.host)
    if _has_proxy(host):
        return None
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        return wrong(TOPIC, model.name, NO_NAME.format(host=model.host, error=error.strerror), NO_NAME_CURE)
    return _closed(spec, model, (host, port)) if port and found else None


def _has_proxy(host: str) -> bool:
    return not getproxies().keys().isdisjoint(PROXIES) and not proxy_bypass(host)


def _closed(spec: ModelSpec, model: Chat, place: tuple[str, int]) -> Check | None:
    try:
        socket.create_connection(place, CONNECT_SECONDS).close()
    except OSError as error:
        cure = NO_DOOR_CURE if spec.base_url else START.get(spec.provider, NO_DOOR_CURE)
        return wrong(TOPIC, model.name, NO_DOOR.format(host=model.host, error=error.strerror or error), cure)
    return None


def _parts(netloc: str) -> tuple[str, int]:
    """Host and port, 0 where none is named: "[::1]:8000" is ("::1", 8000)."""
    host, colon, port = netloc.rpartition(":")
    if colon and port.isdecimal():
        return host.strip("[]"), int(port)
    return netloc.strip("[]"), 0


def _asked(place: str, model: Chat) -> Check:
    began = time.monotonic()
    try:
        turn = asyncio.run(_turn(model))
    except TimeoutError:
        return wrong(TOPIC, model.name, LATE.format(host=model.host, seconds=SECONDS), LATE_CURE)
    except (ModelFault, Unavailable) as error:
        return _fault(model.name, error)
    said = ANSWERS.format(place=place, seconds=time.monotonic() - began, tokens=turn.usage.tokens)
    return fine(TOPIC, turn.model, said)


async def _turn(model: Chat) -> Turn:
    try:
        async with asyncio.timeout(SECONDS):
            return await model.turn(PROMPT)
    finally:
        await model.aclose()


def _fault(name: str, error: ModelFault | Unavailable) -> Check:
    """Without the model's name, which begins our sentences, and the line. What was paid for was answered.

    The sentences of NoModel and Unavailable are ours and end with what to do; the others may hold the provider's words.
    """
    sentence = str(error).removeprefix(f"{name}: ")
    if error.usage and error.usage.calls:
        return note(TOPIC, name, ODD.format(said=sentence), ODD_CURE)
    if isinstance(error, (NoModel, Unavailable)):
        return wrong(TOPIC, name, *taken_apart(sentence, SETTING_CURE))
    return wrong(TOPIC, name, sentence, SETTING_CURE)
