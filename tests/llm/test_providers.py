"""How a model is named, which server that is, and what the environment allows."""

import asyncio
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from bot.errors import NoModel, Unavailable, UsageError
from bot.llm.messages import Asked, Prompt, Turn
from bot.llm.providers import (
    ANTHROPIC_MODEL,
    FIRST_LISTED,
    OPENAI_MODEL,
    PROVIDERS,
    ModelSpec,
    chat,
    default_specs,
    parse_spec,
)
from tests.model_server import ModelServer

KEY = "sk-" + "Tg7Wc2xP" + "Lq9Zv4Nm8Bk3Rd6H"


class Word(BaseModel):
    word: str


PROMPT = Prompt("Be brief.", "", (Asked("One word."),), Word)


def asked(spec: ModelSpec, environ: Mapping[str, str]) -> Turn:
    async def once() -> Turn:
        model = chat(spec, environ)
        try:
            return await model.turn(PROMPT)
        finally:
            await model.aclose()

    return asyncio.run(once())


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("openai:gpt-6.1-sol", ModelSpec("openai", "gpt-6.1-sol")),
        (" OpenAI:gpt-6.1-sol ", ModelSpec("openai", "gpt-6.1-sol")),
        ("ollama:qwen3-coder:30b", ModelSpec("ollama", "qwen3-coder:30b")),
        ("ollama:", ModelSpec("ollama", "")),
        ("vllm:Qwen/Qwen3-32B", ModelSpec("vllm", "Qwen/Qwen3-32B")),
        ("compatible:a/b:c@d@https://x.test/v1/", ModelSpec("compatible", "a/b:c@d", "https://x.test/v1")),
        ("openai:m@http://127.0.0.1:9000", ModelSpec("openai", "m", "http://127.0.0.1:9000")),
        ("openai:m@https://[::1]:9/v1", ModelSpec("openai", "m", "https://[::1]:9/v1")),
    ],
)
def test_a_model_is_named_by_provider_model_and_address(text: str, spec: ModelSpec) -> None:
    assert parse_spec(text) == spec


@pytest.mark.parametrize("text", ["", "gpt-6.1-sol", "open-ai:x", ":x", "https://api.openai.com/v1"])
def test_what_is_no_model_is_refused_with_the_list_of_providers(text: str) -> None:
    with pytest.raises(UsageError, match=", ".join(PROVIDERS)):
        parse_spec(text)


def test_a_hosted_provider_needs_a_model_s_name() -> None:
    with pytest.raises(UsageError, match="openai:NAME"):
        parse_spec("openai:")


@pytest.mark.parametrize(
    "address",
    ["http://", "https://user:secret@x.test", "http://x.test:99999", "http://x.test/a b", "http://[::1"],
)
def test_an_address_that_is_none_is_refused_without_its_credentials(address: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_spec(f"openai:m@{address}")
    assert "address" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_misspelled_provider_s_credentials_are_not_shown() -> None:
    with pytest.raises(UsageError) as caught:
        parse_spec("opnai:m@https://user:secret@x.test")
    assert "secret" not in str(caught.value)


@given(
    provider=st.sampled_from(sorted(PROVIDERS)),
    model=st.text(st.characters(codec="ascii", categories=("L", "N", "P")), min_size=1, max_size=30),
    base_url=st.sampled_from(["", "http://x.test", "https://x.test:8443/a/v1"]),
)
@settings(max_examples=100)
def test_a_written_model_is_read_back(provider: str, model: str, base_url: str) -> None:
    if "@http" in model:
        return
    spec = ModelSpec(provider, model, base_url)
    assert parse_spec(f"{spec}@{base_url}" if base_url else str(spec)) == spec


@given(st.text(max_size=60))
@settings(max_examples=200)
def test_any_text_is_a_model_or_a_usage_error(text: str) -> None:
    with suppress(UsageError):
        assert parse_spec(text).provider in PROVIDERS


@pytest.mark.parametrize("provider", sorted(PROVIDERS))
def test_every_provider_reaches_the_server_its_environment_names(provider: str) -> None:
    with ModelServer() as server:
        address = PROVIDERS[provider].url_variable
        environ = {address: f"{server.url}/v1", PROVIDERS[provider].key_variable: KEY}
        turn = asked(parse_spec(f"{provider}:m"), environ)
        assert turn.answer == Word(word="")
        assert turn.model == f"{provider}:m"
        assert server.refusals == []
        assert server.asked[0]["model"] == "m"


@pytest.mark.parametrize("provider", sorted(PROVIDERS))
def test_an_address_in_the_spec_comes_before_the_environment_s(provider: str) -> None:
    with ModelServer() as server:
        environ = {PROVIDERS[provider].url_variable: "http://127.0.0.1:9"}
        asked(parse_spec(f"{provider}:m@{server.url}/v1"), environ)
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("", "127.0.0.1:11434"),
        ("gpu.test", "gpu.test:11434"),
        ("gpu.test:80", "gpu.test:80"),
        (":8080", "127.0.0.1:8080"),
        ("0.0.0.0", "127.0.0.1:11434"),
        ("0.0.0.0:5", "127.0.0.1:5"),
        ("::1", "[::1]:11434"),
        ("[::1]:7", "[::1]:7"),
        ("http://gpu.test", "gpu.test"),
        ("https://gpu.test/ollama/", "gpu.test"),
    ],
)
def test_ollama_s_host_is_read_as_ollama_reads_it(host: str, address: str) -> None:
    assert chat(parse_spec("ollama:m"), {"OLLAMA_HOST": host}).host == address


def test_without_a_name_the_first_model_the_server_lists_is_asked() -> None:
    with ModelServer() as server:
        server.models = ["qwen3-coder:30b", "gemma3"]
        turn = asked(parse_spec("ollama:"), server.environ("ollama"))
        assert turn.model == "ollama:qwen3-coder:30b"
        assert [request.path for request in server.requests] == ["/v1/models", "/v1/chat/completions"]


def test_a_server_without_models_is_an_operator_s_matter() -> None:
    with ModelServer() as server:
        server.models = []
        with pytest.raises(NoModel, match="has no model"):
            asked(parse_spec("ollama:"), server.environ("ollama"))


def test_a_server_that_is_not_there_may_come_back() -> None:
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:9 cannot be reached"):
        asked(parse_spec("ollama:"), {"OLLAMA_HOST": "127.0.0.1:9"})


@pytest.mark.parametrize("provider", ["openai", "anthropic", "mistral"])
def test_a_missing_key_is_named(provider: str) -> None:
    with pytest.raises(UsageError, match=f"{provider.upper()}_API_KEY"):
        chat(parse_spec(f"{provider}:m"), {})


def test_a_compatible_server_needs_an_address() -> None:
    with pytest.raises(UsageError, match="COMPATIBLE_BASE_URL"):
        chat(parse_spec("compatible:m"), {})


def test_a_server_elsewhere_needs_no_key_and_gets_the_name_of_the_limit_all_servers_know() -> None:
    with ModelServer() as server:
        asked(parse_spec(f"openai:m@{server.url}/v1"), {})
        assert server.asked[0]["max_tokens"] == PROMPT.most_output


def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with ModelServer() as server:
        monkeypatch.setenv("HTTP_PROXY", server.url)
        asked(parse_spec("openai:m@http://model.test/v1"), {})
        assert [request.headers["host"] for request in server.requests] == ["model.test"]


def test_only_the_key_of_the_provider_is_sent() -> None:
    with ModelServer() as server:
        environ = {**server.environ("ollama"), "OPENAI_API_KEY": KEY, "ANTHROPIC_API_KEY": KEY}
        seen: list[str | None] = []
        server.on_request = lambda headers: seen.append(headers.get("Authorization"))
        asked(parse_spec("ollama:m"), environ)
        assert seen == ["Bearer none"]


@pytest.mark.parametrize(
    ("environ", "specs"),
    [
        ({}, ()),
        ({"OPENAI_API_KEY": ""}, ()),
        ({"OPENAI_API_KEY": KEY}, (ModelSpec("openai", OPENAI_MODEL),)),
        ({"ANTHROPIC_API_KEY": KEY}, (ModelSpec("anthropic", ANTHROPIC_MODEL),)),
        (
            {"OPENAI_API_KEY": KEY, "ANTHROPIC_API_KEY": KEY, "OLLAMA_HOST": "x"},
            (ModelSpec("openai", OPENAI_MODEL),),
        ),
        ({"OLLAMA_HOST": "gpu.test"}, (ModelSpec("ollama", ""),)),
    ],
)
def test_the_keys_at_hand_name_one_company_at_most(
    environ: dict[str, str], specs: tuple[ModelSpec, ...]
) -> None:
    assert default_specs(environ) == specs


def test_the_default_models_are_ones_their_sdks_know() -> None:
    from typing import get_args

    from anthropic.types import Model
    from openai.types import ChatModel

    assert OPENAI_MODEL in get_args(ChatModel)
    assert ANTHROPIC_MODEL in get_args(get_args(Model)[0])


def test_ollama_s_window_is_the_one_its_server_was_given() -> None:
    spec = parse_spec("ollama:m")
    assert chat(spec, {"OLLAMA_CONTEXT_LENGTH": "65536"}).window == 65_536
    assert chat(spec, {"OLLAMA_CONTEXT_LENGTH": "much"}).window == PROVIDERS["ollama"].window


def test_making_a_model_loads_no_sdk() -> None:
    code = (
        "import sys; from bot.llm.providers import chat, parse_spec;"
        f"[chat(parse_spec(name + ':m@http://x.test'), {{}}) for name in {sorted(PROVIDERS)}];"
        "print([name for name in ('openai', 'anthropic', 'httpx2') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_provider_that_may_go_unnamed_asks_its_server() -> None:
    assert {parse_spec(f"{provider}:").model for provider in FIRST_LISTED} == {""}
