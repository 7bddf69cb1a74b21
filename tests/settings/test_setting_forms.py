"""The forms of values: lists, numbers, tokens, addresses, models; what is wrong is one line that names the setting."""

from pathlib import Path

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from tests.loaded_settings import complaint, loaded


@pytest.mark.parametrize("text", ["a/b, c/*", '["a/b", "c/*"]', " a/b ,, c/* ,"])
def test_a_list_is_comma_separated_or_json(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    assert loaded(monkeypatch, TRIVET_GITLAB__PROJECTS=text).gitlab.projects == ("a/b", "c/*")


@for_all(st.lists(st.text("abc/*-", min_size=1), min_size=1, max_size=5))
def test_what_was_joined_by_commas_comes_back(items: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        assert loaded(patch, TRIVET_GITLAB__PROJECTS=",".join(items)).gitlab.projects == tuple(items)


@pytest.mark.parametrize("text", ['["a"', "[1, 2]", '[["a"]]', "[a, b]"])
def test_a_list_that_is_no_list_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    said = complaint(monkeypatch, TRIVET_GITLAB__PROJECTS=text)
    assert said.startswith("TRIVET_GITLAB__PROJECTS: must be a comma-separated list")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("TRIVET_PORT", "eighty", "whole number|integer"),
        ("TRIVET_PORT", "70000", "less than or equal to 65535"),
        ("TRIVET_SWEEP_SECONDS", "0", "greater than 0"),
        ("TRIVET_SWEEP_SECONDS", "inf", "finite"),
        ("TRIVET_LOG_FORMAT", "xml", "'json' or 'human'"),
        ("TRIVET_REDIS_URL", "localhost:6379", "redis://host"),
        ("TRIVET_REDIS_VOLATILE_OK", "perhaps", "boolean"),
        ("TRIVET_GITLAB__URL", "gitlab.example.com", "http"),
        ("TRIVET_GITLAB__URL", "https://gitlab.example.com/api/v4", "without /api/v4"),
        ("TRIVET_GITLAB__URL", "https://me:pw@gitlab.example.com", "without user name"),
        ("TRIVET_GITLAB__TOKEN", "glpat-\u200bxxxxxxxx", "copied whole"),
        ("TRIVET_GITLAB__READ_TOKEN", "two words", "copied whole"),
        ("TRIVET_MARK_SECRETS", "short", "at least 16 characters"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_the_setting(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    said = complaint(monkeypatch, **{name: value})
    assert said.startswith(f"{name}: ")
    assert "\n" not in said
    assert any(word in said for word in words.split("|"))


def test_models_are_a_chain_in_the_order_they_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    named = (
        "openai:gpt-5",
        "ollama:qwen3:8b-q4_K_M",
        "ollama:hf.co/someone/model",
        "compatible:@cf/meta/llama@https://models.example.com:8443/v1",
        "compatible:claude-x@20250514@http://127.0.0.1:4000",
        "ollama:",
    )
    assert loaded(monkeypatch, TRIVET_MODELS=", ".join(named)).models == named


@pytest.mark.parametrize(
    "text", ["gpt-5", ":gpt-5", "openai:gpt 5", "openai:a@", "a b:c", "openai:m@host/v1"]
)
def test_what_is_not_a_provider_and_a_model_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    assert complaint(monkeypatch, TRIVET_MODELS=f"openai:good,{text}").startswith(
        "TRIVET_MODELS: each must be like openai:NAME"
    )


@pytest.mark.parametrize(
    "address",
    [
        "me:hush-hush-1@models.example.com",
        "https://me:hush-hush-1@host/v1",
        "https://:hush-hush-1@host/v1",
        "https://host/v1?key=hush-hush-1",
        "ftp://host/hush-hush-1",
        "https://",
    ],
)
def test_an_address_with_a_secret_in_it_is_refused_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    said = complaint(monkeypatch, TRIVET_MODELS=f"compatible:m@{address}")
    assert said.startswith("TRIVET_MODELS: an address after @ must be http(s) without user name or query")
    assert "hush-hush" not in said


def test_budgets_have_limits_without_being_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    budget = loaded(monkeypatch, TRIVET_BUDGET__MR_TOKENS="5000").budget
    assert (budget.run_tokens, budget.mr_tokens, budget.day_tokens) == (1_000_000, 5_000, 20_000_000)


@pytest.mark.parametrize("scope", ["RUN", "MR", "DAY"])
@pytest.mark.parametrize("text", ["0", "-1", "1.5", "many"])
def test_a_budget_of_nothing_is_a_mistake(monkeypatch: pytest.MonkeyPatch, scope: str, text: str) -> None:
    name = f"TRIVET_BUDGET__{scope}_TOKENS"
    assert complaint(monkeypatch, **{name: text}).startswith(f"{name}: must be ")


def test_the_data_folder_may_begin_with_a_tilde(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere")
    assert loaded(monkeypatch, TRIVET_DATA_DIR="~/trivet").data_dir == Path("/somewhere/trivet")
