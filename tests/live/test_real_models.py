"""Real models, of every provider the environment holds a key or an address for. Collected with `pytest --live` only.

What is asserted is the shape of things: that the servers take our requests and we read their answers. Whether a model
is any good is measured by `trivet eval`. A run takes a few thousand tokens of each model.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import BaseModel

from bot.llm.chat import Chat
from bot.llm.messages import Asked, Called, Prompt, Told, Tool, ToolCall, Turn
from bot.llm.providers import FIRST_LISTED, PROVIDERS, ModelSpec, chat, default_specs, parse_spec
from tests.gitrepos import git, new_repository
from tests.rig import clean_environment

pytestmark = pytest.mark.timeout(900)  # a model on one's own processor takes minutes for a review

MISTRAL_MODEL = "mistral-small-latest"
NOTHING_TO_ASK = (
    "no model to ask: set TRIVET_MODELS, OPENAI_API_KEY, OLLAMA_HOST or another provider's variable"
)

BEFORE = """\
def newest(orders):
    return max(orders, key=lambda order: order.number)
"""
AFTER = """\
def newest(orders):
    return max(orders, key=lambda order: order.number)


def average(orders):
    total = 0
    for order in orders:
        total = order.price
    return total / len(orders)
"""
READ_FILE = Tool(
    "read_file",
    "Shows a file.",
    {
        "type": "object",
        "properties": {"path": {"type": "string", "description": "The file's path."}},
        "required": ["path"],
        "additionalProperties": False,
    },
)


class Capital(BaseModel):
    """A country's capital."""

    country: str
    capital: str
    population: int | None


class Lines(BaseModel):
    """How many lines a file has."""

    path: str
    lines: int


def specs(environ: Mapping[str, str]) -> list[ModelSpec]:
    """Those of TRIVET_MODELS, else one for each provider whose key or address is set."""
    named = environ.get("TRIVET_MODELS", "")
    if named:
        return [parse_spec(text) for text in named.split(",")]
    keys = ({name: environ.get(name, "")} for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"))
    hosted = [spec for key in keys for spec in default_specs(key)]
    mistral = [ModelSpec("mistral", MISTRAL_MODEL)] if environ.get("MISTRAL_API_KEY") else []
    own = [ModelSpec(name, "") for name in FIRST_LISTED if environ.get(PROVIDERS[name].url_variable)]
    return [*hosted, *mistral, *own]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    found = specs(os.environ)
    if not found:
        raise pytest.UsageError(NOTHING_TO_ASK)
    metafunc.parametrize("spec", found, ids=str)


def test_a_model_answers_in_the_form_it_is_asked_for(spec: ModelSpec) -> None:
    turn = taken(spec, prompt(Asked("What is the capital of France?"), answer=Capital))
    assert isinstance(turn.answer, Capital)
    assert turn.usage.calls >= 1
    assert turn.usage.input > 0
    assert turn.usage.output > 0
    assert turn.model.startswith(f"{spec.provider}:{spec.model}")


def test_a_model_calls_a_tool_that_it_was_offered_or_answers(spec: ModelSpec) -> None:
    asked = Asked("How many lines has notes.txt? Read it with the tool before you answer.")
    turn = taken(spec, prompt(asked, answer=Lines, tools=(READ_FILE,)))
    if turn.calls:
        assert {call.name for call in turn.calls} == {READ_FILE.name}
        assert all(call.id for call in turn.calls)
    else:
        assert isinstance(turn.answer, Lines)


def test_a_model_that_has_read_enough_answers(spec: ModelSpec) -> None:
    """Whether it calls tools or not, a history with a call in it is one the server takes."""
    call = ToolCall("call_1a2b3c4d5", READ_FILE.name, {"path": "notes.txt"})
    history = (
        Asked("How many lines has notes.txt?"),
        Called((call,)),
        Told(call.id, "first\nsecond\nthird"),
        Asked("You cannot read any more. Answer now."),
    )
    turn = taken(spec, prompt(*history, answer=Lines, tools=(READ_FILE,), must_answer=True))
    assert isinstance(turn.answer, Lines)
    assert turn.calls == ()


def test_a_review_of_a_checkout_tells_the_model_its_calls_and_its_tokens(
    spec: ModelSpec, tmp_path: Path
) -> None:
    account = tmp_path / "report.json"
    done = reviewed(spec, checkout(tmp_path / "shop"), account, tmp_path / "data")
    assert done.returncode in (0, 1), done.stdout + done.stderr
    report = json.loads(account.read_text("utf-8"))
    assert report["failures"] == []
    assert report["model"].startswith(f"{spec.provider}:{spec.model}")
    assert report["model_calls"] >= 1
    assert report["tokens"] > 0
    assert [(one["path"], one["read"], one["reason"]) for one in report["coverage"]] == [
        ("orders.py", True, "")
    ]
    assert {one["path"] for one in report["findings"]} <= {"orders.py"}
    assert bool(done.returncode) == bool(report["findings"])
    assert f"{report['model']}: {report['model_calls']} call" in done.stdout


def prompt(*messages: Asked | Called | Told, answer: type[BaseModel], **more: object) -> Prompt:
    whole = {
        "system": "You answer questions briefly.",
        "shared": "Nothing else is known.",
        "most_output": 2_000,
    }
    return Prompt(messages=messages, answer=answer, **(whole | more))  # type: ignore[arg-type]


def taken(spec: ModelSpec, one: Prompt) -> Turn:
    """One turn with the model, whose connections are closed after it."""

    async def turn(model: Chat) -> Turn:
        try:
            return await model.turn(one)
        finally:
            await model.aclose()

    return asyncio.run(turn(chat(spec, os.environ)))


def checkout(folder: Path) -> Path:
    """`feature` adds a function with two defects to `main`: no sum is made, and no order divides by zero."""
    new_repository(folder, bare=False)
    (folder / "orders.py").write_text(BEFORE)
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "Orders")
    git(folder, "checkout", "--quiet", "-b", "feature")
    (folder / "orders.py").write_text(AFTER)
    git(folder, "commit", "--quiet", "--all", "-m", "The average price of orders")
    return folder


def reviewed(spec: ModelSpec, folder: Path, account: Path, data: Path) -> subprocess.CompletedProcess[str]:
    """The command a person runs, with this model alone."""
    provider = PROVIDERS[spec.provider]
    wanted = (provider.key_variable, provider.url_variable, "OLLAMA_CONTEXT_LENGTH")
    settings = {name: os.environ[name] for name in wanted if name in os.environ}
    named = f"{spec}@{spec.base_url}" if spec.base_url else str(spec)
    settings |= {
        "TRIVET_MODELS": named,
        "TRIVET_DATA_DIR": str(data),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    words = ["review", "--local", "--base", "main", "--fail-on", "info", "--report", f"json={account}"]
    return subprocess.run(
        [sys.executable, "-m", "bot", *words],
        cwd=folder,
        env=clean_environment() | settings,
        capture_output=True,
        text=True,
        timeout=840,
        check=False,
    )
