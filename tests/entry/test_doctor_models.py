"""What doctor says of the models, which a stand-in for their providers answers for."""

import asyncio
import time
from collections.abc import Iterator
from functools import partial
from itertools import count

import pytest

from bot.entry.doctor import models
from bot.entry.doctor.check import Check
from bot.entry.doctor.models import model_checks
from bot.settings import Settings
from tests.model_server import ModelServer, Reply, failed, hang, page, refused, said
from tests.rig import free_port


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


def looked_at(server: ModelServer, *specs: str, provider: str = "openai") -> list[Check]:
    return list(model_checks(Settings(models=specs), server.environ(provider)))


def answers(server: ModelServer, reply: Reply) -> Check:
    server.reply = lambda _: reply
    [found] = looked_at(server, "openai:gpt-stand-in")
    return found


def test_without_any_the_checks_that_need_none_are_still_made() -> None:
    [found] = model_checks(Settings(), {})
    assert found.state == "note"
    assert "OPENAI_API_KEY" in found.cure


@pytest.mark.parametrize(
    ("provider", "spec"), [("openai", "openai:gpt-stand-in"), ("anthropic", "anthropic:claude-stand-in")]
)
def test_a_model_that_answers_is_fine_for_one_request(server: ModelServer, provider: str, spec: str) -> None:
    [found] = looked_at(server, spec, provider=provider)
    assert (found.state, found.name) == ("fine", spec)
    assert "tokens" in found.said
    assert len(server.asked) == 1


def test_without_a_list_the_keys_decide_which_is_asked(server: ModelServer) -> None:
    [found] = looked_at(server)
    assert found.state == "fine"
    assert found.name.startswith("openai:")


def test_a_local_server_is_asked_for_its_first_model(server: ModelServer) -> None:
    [found] = looked_at(server, provider="ollama")
    assert (found.state, found.name) == ("fine", "ollama:stand-in")


def test_a_local_server_without_a_model_is_wrong(server: ModelServer) -> None:
    server.models = []
    [found] = looked_at(server, provider="ollama")
    assert found.state == "wrong"
    assert "install one there" in found.cure


@pytest.mark.parametrize(
    ("reply", "told", "cure"),
    [
        (failed(401, "Incorrect API key provided"), "does not accept the key", "check OPENAI_API_KEY"),
        (failed(404, "no", code="model_not_found"), "does not know this model", "correct TRIVET_MODELS"),
        (failed(429, "You exceeded your quota", type="insufficient_quota"), "no quota or credit", "billing"),
        (failed(429, "slow down"), "fewer requests", "try again later"),
        (failed(500, "it broke"), "the provider failed", "try again later"),
        (failed(400, "no such region"), "no such region", "correct TRIVET_MODELS"),
        (page(502), "the provider failed", "try again later"),
        (page(200), "web page instead of the model", "check proxy and base URL"),
    ],
)
def test_what_a_provider_refuses_is_told_with_its_cure(
    server: ModelServer, reply: Reply, told: str, cure: str
) -> None:
    found = answers(server, reply)
    assert (found.state, found.is_setting) == ("wrong", False)
    assert told in found.said
    assert cure in found.cure


def test_what_a_provider_calls_things_is_no_advice_of_ours(server: ModelServer) -> None:
    server.models = ["odd: give us the key"]
    server.reply = lambda _: failed(500, "no: set TRIVET_REDIS_URL to ours")
    [found] = looked_at(server, provider="ollama")
    assert (found.state, found.cure) == ("wrong", "try again later")
    found = answers(server, failed(400, "no: set TRIVET_REDIS_URL to ours"))
    assert found.cure == "correct TRIVET_MODELS"


@pytest.mark.parametrize("reply", [said("Certainly! I am ready."), refused()])
def test_a_model_whose_answer_cannot_be_used_is_a_note(server: ModelServer, reply: Reply) -> None:
    found = answers(server, reply)
    assert found.state == "note"
    assert found.cure


def test_a_model_that_does_not_answer_is_given_up_in_time(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models, "SECONDS", 0.3)
    began = time.monotonic()
    found = answers(server, hang())
    assert time.monotonic() - began < 10
    assert found.state == "wrong"
    assert "no whole answer" in found.said


def test_a_local_server_that_is_not_started_says_how() -> None:
    host = f"127.0.0.1:{free_port()}"
    [found] = model_checks(Settings(), {"OLLAMA_HOST": host})
    assert found.state == "wrong"
    assert host in found.said
    assert "ollama serve" in found.cure


def test_an_address_that_is_not_known_is_told() -> None:
    spec = "compatible:any@http://models.invalid:8000/v1"
    [found] = model_checks(Settings(models=(spec,)), {})
    assert (found.name, found.state) == ("compatible:any", "wrong")
    assert "is not known" in found.said


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("openai:gpt", "openai needs a key"),
        ("gemini:pro", "is not a model"),
        ("anthropic:", "names no model"),
        ("compatible:any", "needs an address"),
    ],
)
def test_a_model_that_cannot_be_asked_at_all_is_a_wrong_setting(spec: str, told: str) -> None:
    [found] = model_checks(Settings(models=(spec,)), {})
    assert (found.state, found.is_setting) == ("wrong", True)
    assert told in found.said
    assert found.cure


def test_each_of_a_chain_has_a_line_in_its_order(server: ModelServer) -> None:
    numbers = count()
    server.reply = lambda body: (
        failed(401, "no") if body["model"] == "b" and next(numbers) == 0 else said('{"ready": true}')
    )
    found = looked_at(server, "openai:a", "openai:b", "openai:c")
    assert [one.name for one in found] == ["openai:a", "openai:b", "openai:c"]
    assert [one.state for one in found] == ["fine", "wrong", "fine"]
    assert "the first" in found[0].said
    assert "fallback 2" in found[2].said


def test_the_models_of_a_chain_are_asked_side_by_side(server: ModelServer) -> None:
    server.gate.clear()
    release = partial(asyncio.to_thread, server.wait_in_flight, 3)

    async def asked() -> list[Check]:
        looking = asyncio.create_task(asyncio.to_thread(looked_at, server, *(f"openai:{n}" for n in "abc")))
        await release()
        server.gate.set()
        return await looking

    assert [one.state for one in asyncio.run(asked())] == ["fine"] * 3


def test_a_key_that_a_provider_repeats_is_not_told(server: ModelServer) -> None:
    key = server.environ("openai")["OPENAI_API_KEY"]
    server.reply = lambda _: failed(400, f"the key {key} is odd")
    [found] = list(
        model_checks(
            Settings(models=("openai:gpt",)),
            {"OPENAI_API_KEY": key, "OPENAI_BASE_URL": f"{server.url}/v1"},
        )
    )
    assert key not in found.said + found.cure
