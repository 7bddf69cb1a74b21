"""Process settings: environment and files in, typed values or one sentence for each mistake out."""

import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from bot.errors import UsageError
from bot.settings import (
    PROVIDER_KEYS,
    Settings,
    SettingsFile,
    environment,
    kept_secret,
    known_settings,
    load_settings,
    own_folder,
    unknown_settings,
)

TOKEN = "glpat-" + "x" * 20
README = Path(__file__).parents[2] / "README.md"
ROW = re.compile(r"^\| (`TRIVET_\w+`(?:, `\w+`)*) \|", re.MULTILINE)


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.upper().startswith("TRIVET_") or name in PROVIDER_KEYS:
            monkeypatch.delenv(name)


def loaded(monkeypatch: pytest.MonkeyPatch, **values: str) -> Settings:
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return load_settings()


def complaint(monkeypatch: pytest.MonkeyPatch, **values: str) -> str:
    with pytest.raises(UsageError) as caught:
        loaded(monkeypatch, **values)
    return str(caught.value)


def test_nothing_set_is_a_whole_set_of_defaults() -> None:
    settings = load_settings()
    assert (settings.host, settings.port, settings.max_body) == ("127.0.0.1", 8080, 5_000_000)
    assert settings.gitlab.url is None
    assert settings.data_dir.is_absolute()


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


def test_what_is_empty_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded(monkeypatch, TRIVET_PORT="", TRIVET_GITLAB__URL=" ", TRIVET_GITLAB__READ_TOKEN="")
    assert (settings.port, settings.gitlab.url, settings.gitlab.read_token) == (8080, None, None)


def test_names_count_in_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    assert loaded(monkeypatch, trivet_gitlab__url="https://a.example").gitlab.url == "https://a.example"


def test_the_write_token_reads_where_there_is_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded(monkeypatch, TRIVET_GITLAB__TOKEN=TOKEN)
    assert settings.gitlab.reader is settings.gitlab.token


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


def test_all_mistakes_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    said = complaint(monkeypatch, TRIVET_PORT="x", TRIVET_LOG_FORMAT="y")
    assert [line.partition(":")[0] for line in said.splitlines()] == ["TRIVET_PORT", "TRIVET_LOG_FORMAT"]


def test_no_complaint_repeats_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = "wrong secret " + "s3cr3t"
    said = complaint(monkeypatch, TRIVET_GITLAB__TOKEN=wrong, TRIVET_MARK_SECRETS="s3cr3t")
    assert "s3cr3t" not in said


# --- names nobody knows ---


@pytest.mark.parametrize(
    ("typo", "meant"),
    [
        ("TRIVET_GITLAB__TOKNE", "TRIVET_GITLAB__TOKEN"),
        ("TRIVET_GITLAB_URL", "TRIVET_GITLAB__URL"),
        ("trivet_redisurl", "TRIVET_REDIS_URL"),
        ("TRIVET_GITLAB__WEBHOOK_SECRET", "TRIVET_GITLAB__WEBHOOK_SECRETS"),
    ],
)
def test_a_typo_is_named_with_the_closest_setting(typo: str, meant: str) -> None:
    (said,) = unknown_settings({typo: "x"})
    assert said == f"{typo.upper()} is no setting and is not read: did you mean {meant}?"


def test_a_name_like_none_we_know_gets_no_guess() -> None:
    assert unknown_settings({"TRIVET_XYZ": "1"}) == ["TRIVET_XYZ is no setting and is not read"]


def test_what_we_know_and_what_is_not_ours_is_not_named(tmp_path: Path) -> None:
    environ = dict.fromkeys(known_settings(), "x") | {"TRIVETS": "x", "PATH": "x", "TRIVET_DEBUG": "1"}
    assert unknown_settings(environ | {"TRIVET_SECRETS_DIR": str(tmp_path)}) == []


def test_a_whole_platform_as_json_is_not_read_behind_our_back(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded(monkeypatch, TRIVET_GITLAB='{"token": "' + TOKEN + '"}')
    assert settings.gitlab.token is None
    assert unknown_settings(os.environ)[0].startswith("TRIVET_GITLAB is no setting")


def test_the_readme_tells_of_every_setting() -> None:
    """A name that begins with "__" is one of the platform that its row begins with."""
    table = README.read_text("utf-8").partition("## Settings")[2]
    rows = [re.findall(r"`(\w+)`", names) for names in ROW.findall(table)]
    told = [
        name if name.startswith("TRIVET_") else f"{row[0].partition('__')[0]}{name}"
        for row in rows
        for name in row
    ]
    assert sorted(told) == sorted(known_settings())


# --- models ---


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


# --- files ---


def test_a_file_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "TRIVET_GITLAB__TOKEN").write_text(TOKEN + "\n")
    (tmp_path / "unrelated").write_text("x")
    settings = loaded(monkeypatch, TRIVET_SECRETS_DIR=str(tmp_path), TRIVET_GITLAB__TOKEN="other")
    assert settings.gitlab.token is not None
    assert settings.gitlab.token.get_secret_value() == TOKEN


def test_a_typo_in_a_files_name_is_named_too(tmp_path: Path) -> None:
    (tmp_path / "TRIVET_GITLAB__TOKNE").write_text(TOKEN)
    (said,) = unknown_settings({"TRIVET_SECRETS_DIR": str(tmp_path)})
    assert "did you mean TRIVET_GITLAB__TOKEN?" in said


def test_a_secrets_folder_that_is_none_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said = complaint(monkeypatch, TRIVET_SECRETS_DIR=str(tmp_path / "gone"))
    assert "is not a folder" in said


def test_a_file_that_is_no_text_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "TRIVET_GITLAB__TOKEN").write_bytes(b"\xff\xfe")
    said = complaint(monkeypatch, TRIVET_SECRETS_DIR=str(tmp_path))
    assert said == "TRIVET_GITLAB__TOKEN in TRIVET_SECRETS_DIR cannot be read: it is not text"


def test_a_changed_file_is_seen_without_a_restart(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "TRIVET_GITLAB__WEBHOOK_SECRETS"
    file.write_text("first")
    monkeypatch.setenv("TRIVET_SECRETS_DIR", str(tmp_path))
    current = SettingsFile()
    assert [one.get_secret_value() for one in current().gitlab.webhook_secrets] == ["first"]
    changed = tmp_path / "new"
    changed.write_text("first,second")
    changed.replace(file)
    assert [one.get_secret_value() for one in current().gitlab.webhook_secrets] == ["first", "second"]


def test_a_swap_by_a_link_above_is_seen_as_kubernetes_does_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for version, secret in (("v1", "one"), ("v2", "two")):
        (tmp_path / version).mkdir()
        (tmp_path / version / "TRIVET_GITLAB__WEBHOOK_SECRETS").write_text(secret)
    data, folder = tmp_path / "..data", tmp_path / "mounted"
    data.symlink_to(tmp_path / "v1")
    folder.mkdir()
    (folder / "TRIVET_GITLAB__WEBHOOK_SECRETS").symlink_to(data / "TRIVET_GITLAB__WEBHOOK_SECRETS")
    monkeypatch.setenv("TRIVET_SECRETS_DIR", str(folder))
    current = SettingsFile()
    (tmp_path / "next").symlink_to(tmp_path / "v2")
    (tmp_path / "next").replace(data)
    assert [one.get_secret_value() for one in current().gitlab.webhook_secrets] == ["two"]


def test_a_change_that_makes_settings_wrong_leaves_the_ones_before_in_force(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "TRIVET_GITLAB__TOKEN"
    file.write_text(TOKEN)
    monkeypatch.setenv("TRIVET_SECRETS_DIR", str(tmp_path))
    current = SettingsFile()
    file.write_text("half a\ntoken")
    assert current().gitlab.token is not None
    assert current().gitlab.token.get_secret_value() == TOKEN
    file.write_text(TOKEN + "y")
    assert current().gitlab.token.get_secret_value() == TOKEN + "y"


# --- secrets ---


def test_every_secret_we_hold_is_known_for_redaction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-" + "o" * 20)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-" + "a" * 20)
    monkeypatch.setenv("MISTRAL_API_KEY", "a-mistral-" + "key-" * 4)
    monkeypatch.setenv("COMPATIBLE_API_KEY", "a-local-" + "key-" * 4)
    settings = loaded(
        monkeypatch,
        TRIVET_GITLAB__TOKEN=TOKEN,
        TRIVET_GITLAB__READ_TOKEN=TOKEN + "r",
        TRIVET_GITLAB__WEBHOOK_SECRETS="hook-one,hook-two",
        TRIVET_MARK_SECRETS="m" * 16 + "," + "n" * 16,
        TRIVET_REDIS_URL="redis://:pass-of-redis@host/0",
        TRIVET_DATABASE_URL="postgresql://me:pass-of-database@host/db",
    )
    assert set(settings.own_secrets()) == {
        *(TOKEN, TOKEN + "r", "hook-one", "hook-two", "m" * 16, "n" * 16),
        *("pass-of-redis", "pass-of-database", "sk-" + "o" * 20, "sk-ant-" + "a" * 20),
        *("a-mistral-" + "key-" * 4, "a-local-" + "key-" * 4),
    }


def test_settings_shown_by_accident_show_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    assert TOKEN not in repr(loaded(monkeypatch, TRIVET_GITLAB__TOKEN=TOKEN, TRIVET_MARK_SECRETS="m" * 16))


# --- the data folder ---


def test_a_kept_secret_stays_the_same_and_is_its_owners_alone(tmp_path: Path) -> None:
    first = kept_secret(tmp_path / "data", "mark-secret")
    assert kept_secret(tmp_path / "data", "mark-secret") == first
    assert len(first) == 64
    assert (tmp_path / "data" / "mark-secret").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


def test_who_begin_at_once_keep_the_same_secret(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: kept_secret(tmp_path, "mark-secret"), range(40)))
    assert len(found) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["mark-secret"]


def test_a_secret_file_that_was_emptied_is_not_taken_for_a_secret(tmp_path: Path) -> None:
    (tmp_path / "mark-secret").write_text("")
    with pytest.raises(UsageError, match="delete it"):
        kept_secret(tmp_path, "mark-secret")


def test_a_data_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="choose another with TRIVET_DATA_DIR"):
        own_folder(tmp_path / "file" / "data")


def test_the_data_folder_may_begin_with_a_tilde(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere")
    assert loaded(monkeypatch, TRIVET_DATA_DIR="~/trivet").data_dir == Path("/somewhere/trivet")


def test_the_merged_environment_holds_only_settings(tmp_path: Path) -> None:
    (tmp_path / "TRIVET_PORT").write_text(" 9000\n")
    found = environment({"PATH": "/bin", "TRIVET_HOST": "::1", "TRIVET_SECRETS_DIR": str(tmp_path)})
    assert found == {"TRIVET_HOST": "::1", "TRIVET_PORT": "9000"}
