"""Which model the demo uses: what the environment names, if it answers."""

import time
from collections.abc import Iterator

import pytest

from bot.entry.demo_model import NONE, DemoModel, demo_model, model_variables
from bot.errors import UsageError
from tests.model_server import ModelServer, failed, said
from tests.rig import free_port

REAL = {
    "PATH": "/bin",
    "TRIVET_GITLAB__TOKEN": "x",
    "TRIVET_PORT": "not a port",
    "HTTP_PROXY": "http://127.0.0.1:9",
}


def model_of(environ: dict[str, str]) -> DemoModel:
    return demo_model(model_variables(environ))


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


def test_without_a_key_there_is_no_model_and_nothing_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    model = model_of(REAL | {"TRIVET_BUDGET__RUN_TOKENS": "1000"})
    assert (model.sentence, model.environment) == (NONE, {})
    assert not model.is_real
    prepared = {"TRIVET_MODELS": "compatible:prepared-answers@http://127.0.0.1:1/sandbox/model/v1"}
    assert model.beside("http://127.0.0.1:1") == prepared
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("provider", ["openai", "anthropic", "ollama"])
def test_a_model_that_answers_is_named_and_nothing_but_its_variables_goes_along(
    server: ModelServer, provider: str, capsys: pytest.CaptureFixture[str]
) -> None:
    needed = server.environ(provider) | {"TRIVET_BUDGET__RUN_TOKENS": "1000"}
    model = model_of(REAL | needed)
    assert model.sentence.startswith(f"{provider}:")
    assert model.sentence.endswith(" reads along: the sandbox's code is sent to it.")
    assert model.environment == needed
    assert len(server.asked) == 1
    assert capsys.readouterr().out.startswith(f"Asking {provider}")


def test_a_dead_key_is_told_and_not_used(server: ModelServer) -> None:
    server.reply = lambda _: failed(401, "Incorrect API key provided", code="invalid_api_key")
    model = model_of(REAL | server.environ("openai"))
    assert model.environment == {}
    assert "prepared-answers" in model.beside("http://127.0.0.1:1")["TRIVET_MODELS"]
    assert model.sentence.startswith(
        "No model is used, answers prepared for this sandbox stand in for one's: openai:"
    )
    assert "OPENAI_API_KEY" in model.sentence


def test_a_server_that_is_not_there_is_told_at_once() -> None:
    began = time.monotonic()
    model = model_of({"OLLAMA_HOST": f"127.0.0.1:{free_port()}"})
    assert model.environment == {}
    assert "No model is used" in model.sentence
    assert time.monotonic() - began < 20


def test_of_several_models_one_that_answers_is_enough(server: ModelServer) -> None:
    models = {"TRIVET_MODELS": f"ollama:away@http://127.0.0.1:{free_port()},openai:here"}
    needed = models | server.environ("openai")
    model = model_of(needed)
    assert model.sentence.startswith("openai:here reads along")
    assert model.environment == needed


def test_a_model_that_talks_nonsense_is_there_all_the_same(server: ModelServer) -> None:
    server.reply = lambda _: said("Certainly! I am ready.")
    assert "reads along" in model_of(server.environ("openai")).sentence


@pytest.mark.parametrize("models", ["gpt", "nobody:gpt", '["openai:a", 3]', "openai:a"])
def test_a_wrong_name_or_a_missing_key_is_a_mistake_of_the_caller(models: str) -> None:
    with pytest.raises(UsageError):
        model_of({"TRIVET_MODELS": models})


def test_the_way_out_goes_along_and_never_leads_to_the_sandbox() -> None:
    proxies = {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9", "ALL_PROXY": "x"}
    assert model_variables(proxies | {"no_proxy": "intra.example.com"}) == {
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "NO_PROXY": "intra.example.com,127.0.0.1,localhost",
        "no_proxy": "intra.example.com,127.0.0.1,localhost",
    }
    assert model_variables({"HTTP_PROXY": "http://127.0.0.1:9"}) == {}
