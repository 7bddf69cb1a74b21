"""Settings and environment in, the chain of models out; nothing is asked."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from bot.domain.secrets import Redactor
from bot.entry.models import model_identity, open_models
from bot.errors import UsageError
from bot.llm.breaker import LocalBreaker
from bot.llm.budget import RunBudget
from bot.llm.chain import Chain
from bot.llm.providers import PROVIDERS
from bot.settings import Settings
from bot.settings.names import PROVIDER_KEYS

ROOT = Path(__file__).parents[2]
OPENAI = {"OPENAI_API_KEY": "sk-" + "o" * 20}
ANTHROPIC = {"ANTHROPIC_API_KEY": "sk-ant-" + "a" * 20}


@pytest.fixture(autouse=True)
def no_models_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRIVET_MODELS", raising=False)


def opened(models: tuple[str, ...], environ: Mapping[str, str]) -> Chain | None:
    return open_models(
        Settings(models=models),
        environ,
        redactor=Redactor(),
        budget=RunBudget(1_000),
        breaker=LocalBreaker(),
    )


def names(models: tuple[str, ...], environ: Mapping[str, str]) -> list[str]:
    chain = opened(models, environ)
    return [one.name for one in chain._models] if chain else []


def test_without_a_setting_or_a_key_there_is_no_model() -> None:
    assert opened((), {}) is None


def test_the_chain_is_the_one_that_is_named_whatever_keys_are_there() -> None:
    named = ("anthropic:claude-x", "ollama:qwen3:8b", "anthropic:claude-y")
    assert names(named, OPENAI | ANTHROPIC) == list(named)


def test_two_keys_are_no_leave_to_fall_back_to_another_company() -> None:
    found = names((), OPENAI | ANTHROPIC)
    assert found
    assert {name.partition(":")[0] for name in found} == {"openai"}


@pytest.mark.parametrize(("environ", "provider"), [(OPENAI, "openai"), (ANTHROPIC, "anthropic")])
def test_a_key_alone_gives_a_model_of_its_provider(environ: Mapping[str, str], provider: str) -> None:
    (name,) = names((), environ)
    assert name.startswith(f"{provider}:")


def test_an_ollama_host_alone_gives_a_model() -> None:
    assert len(names((), {"OLLAMA_HOST": "127.0.0.1:11434"})) == 1


@pytest.mark.parametrize("named", ["openai:gpt", "nobody:model", "openai:"])
def test_what_cannot_be_asked_is_said_at_the_start(named: str) -> None:
    with pytest.raises(UsageError):
        opened((named,), {})


def test_every_providers_key_is_a_secret_of_ours() -> None:
    assert {one.key_variable for one in PROVIDERS.values() if one.key_variable} == set(PROVIDER_KEYS)


def test_another_key_address_or_chain_is_another_circuit_and_no_key_can_be_read_from_it() -> None:
    environs = [{}, OPENAI, {"OPENAI_API_KEY": "sk-other"}, {**OPENAI, "OPENAI_BASE_URL": "https://x/v1"}]
    found = {model_identity(Settings(), environ)("openai:m") for environ in environs}
    found.add(model_identity(Settings(models=("openai:m@https://y/v1",)), {})("openai:m"))
    assert len(found) == 5
    assert all(one.startswith("openai:m:") and "sk-" not in one for one in found)
    assert model_identity(Settings(), OPENAI)("openai:m") == model_identity(Settings(), OPENAI)("openai:m")


def test_opening_models_loads_no_sdk() -> None:
    program = (
        "import sys; from tests.entry.test_open_models import OPENAI, ANTHROPIC, opened;"
        "opened(('openai:m', 'anthropic:m', 'mistral:m@https://x/v1'), OPENAI | ANTHROPIC);"
        "print({'openai', 'anthropic'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "set()"
