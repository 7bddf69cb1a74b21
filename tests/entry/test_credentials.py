"""Who holds which secret: sources in, the environment of one process out."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.entry.credentials import HOLDS, SECRETS, secret_values, split, stripped
from bot.settings.names import PROVIDER_KEYS

WRITE, READ = "glpat-" + "w" * 20, "glpat-" + "r" * 20
EVERYTHING = {
    "PATH": "/bin",
    "TRIVET_GITLAB__URL": "https://gitlab.example.com",
    "TRIVET_GITLAB__TOKEN": WRITE,
    "TRIVET_GITLAB__READ_TOKEN": READ,
    "TRIVET_GITLAB__WEBHOOK_SECRETS": "hook-secret",
    "TRIVET_JIRA__TOKEN": "jira-" + "w" * 20,
    "TRIVET_JIRA__READ_TOKEN": "jira-" + "r" * 20,
    "TRIVET_JIRA__WEBHOOK_SECRETS": "a-jira-hook-secret",
    "TRIVET_CONFLUENCE__TOKEN": "wiki-" + "w" * 20,
    "TRIVET_CONFLUENCE__READ_TOKEN": "wiki-" + "r" * 20,
    "TRIVET_CONFLUENCE__WEBHOOK_SECRETS": "a-wiki-hook-secret",
    "TRIVET_MARK_SECRETS": "m" * 20,
    "TRIVET_DATABASE_URL": "postgresql://me:pass@host/db",
    "OPENAI_API_KEY": "sk-" + "o" * 20,
    "ANTHROPIC_API_KEY": "sk-ant-" + "a" * 20,
    "MISTRAL_API_KEY": "a-mistral-" + "key-" * 4,
    "VLLM_API_KEY": "a-vllm-" + "key-" * 4,
    "COMPATIBLE_API_KEY": "a-local-" + "key-" * 4,
}
EXPECTED = {
    "serve": {
        "TRIVET_GITLAB__WEBHOOK_SECRETS",
        "TRIVET_JIRA__WEBHOOK_SECRETS",
        "TRIVET_CONFLUENCE__WEBHOOK_SECRETS",
    },
    "web": {"TRIVET_GITLAB__READ_TOKEN"},
    "agents": {
        *("TRIVET_GITLAB__READ_TOKEN", "TRIVET_JIRA__READ_TOKEN", "TRIVET_CONFLUENCE__READ_TOKEN"),
        *("TRIVET_MARK_SECRETS", "TRIVET_DATABASE_URL"),
        *("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "MISTRAL_API_KEY", "VLLM_API_KEY", "COMPATIBLE_API_KEY"),
    },
    "effects": {
        *("TRIVET_GITLAB__TOKEN", "TRIVET_JIRA__TOKEN", "TRIVET_CONFLUENCE__TOKEN"),
        "TRIVET_MARK_SECRETS",
    },
    "schedule": {"TRIVET_GITLAB__READ_TOKEN", "TRIVET_JIRA__READ_TOKEN", "TRIVET_CONFLUENCE__READ_TOKEN"},
}

roles = pytest.mark.parametrize("role", HOLDS)


@roles
def test_each_process_holds_what_its_row_says_and_nothing_else(role: str) -> None:
    mine = stripped(EVERYTHING, role)
    assert SECRETS & set(mine) == EXPECTED[role]
    assert mine["PATH"] == "/bin"
    assert mine["TRIVET_GITLAB__URL"] == "https://gitlab.example.com"


@roles
def test_no_value_of_a_foreign_secret_is_anywhere(role: str) -> None:
    shown = " ".join(stripped(EVERYTHING, role).values())
    for name in SECRETS - EXPECTED[role]:
        assert EVERYTHING[name] not in shown


@given(st.sampled_from(sorted(HOLDS)), st.dictionaries(st.text("ABCXYZ_", min_size=1), st.just(WRITE)))
def test_a_copy_of_the_write_token_under_any_name_reaches_only_the_writer(
    role: str, copies: dict[str, str]
) -> None:
    mine = stripped({**EVERYTHING, **{f"CI_{name}": f"x{token}" for name, token in copies.items()}}, role)
    assert (WRITE in " ".join(mine.values())) == (role == "effects")


def test_one_token_for_both_is_given_to_readers_under_the_reading_name() -> None:
    single = {name: value for name, value in EVERYTHING.items() if name != "TRIVET_GITLAB__READ_TOKEN"}
    mine = stripped(single, "agents")
    assert mine["TRIVET_GITLAB__READ_TOKEN"] == WRITE
    assert "TRIVET_GITLAB__TOKEN" not in mine


def test_names_in_small_letters_are_no_way_around() -> None:
    mine = stripped({"trivet_gitlab__token": WRITE, "trivet_gitlab__read_token": READ}, "agents")
    assert WRITE not in mine.values()


def test_what_is_no_setting_is_not_handed_on() -> None:
    mine = stripped({"TRIVET_GITLAB": '{"token": "x"}', "TRIVET_GITLAB__TOKNE": "x"}, "agents")
    assert mine == {}


def test_files_are_read_into_the_environment_of_a_short_lived_child(tmp_path: Path) -> None:
    (tmp_path / "TRIVET_GITLAB__TOKEN").write_text(WRITE)
    (tmp_path / "TRIVET_GITLAB__READ_TOKEN").write_text(READ)
    mine = stripped({"TRIVET_SECRETS_DIR": str(tmp_path)}, "agents")
    assert mine == {"TRIVET_GITLAB__READ_TOKEN": READ}


# --- files of a long-lived process ---


def held_files(environment: dict[str, str]) -> dict[str, str]:
    folder = Path(environment["TRIVET_SECRETS_DIR"])
    return {file.name: file.read_text() for file in folder.iterdir() if file.is_file()}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "secrets"
    folder.mkdir()
    for name in SECRETS - set(PROVIDER_KEYS):
        (folder / name).write_text(EVERYTHING[name])
    (folder / "unrelated").write_text(WRITE)
    return folder


@roles
def test_each_process_sees_only_its_own_files(files: Path, tmp_path: Path, role: str) -> None:
    mine = split({"TRIVET_SECRETS_DIR": str(files)}, role, tmp_path / "mine")
    assert set(held_files(mine)) == EXPECTED[role] - set(PROVIDER_KEYS)
    assert mine == {"TRIVET_SECRETS_DIR": str(tmp_path / "mine")}


def test_a_secret_that_changes_or_comes_later_is_seen(files: Path, tmp_path: Path) -> None:
    (files / "TRIVET_MARK_SECRETS").unlink()
    mine = split({"TRIVET_SECRETS_DIR": str(files)}, "agents", tmp_path / "mine")
    (files / "TRIVET_GITLAB__READ_TOKEN").write_text("changed")
    (files / "TRIVET_MARK_SECRETS").write_text("new")
    seen = held_files(mine)
    assert (seen["TRIVET_GITLAB__READ_TOKEN"], seen["TRIVET_MARK_SECRETS"]) == ("changed", "new")


def test_a_read_token_in_the_environment_is_not_replaced_by_the_write_tokens_file(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "TRIVET_GITLAB__TOKEN").write_text(WRITE)
    environ = {"TRIVET_SECRETS_DIR": str(folder), "TRIVET_GITLAB__READ_TOKEN": READ}
    mine = split(environ, "agents", tmp_path / "mine")
    assert mine["TRIVET_GITLAB__READ_TOKEN"] == READ
    assert held_files(mine) == {}


def test_the_write_token_in_the_environment_does_not_come_along_a_read_tokens_file(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "TRIVET_GITLAB__READ_TOKEN").write_text(READ)
    mine = split(
        {"TRIVET_SECRETS_DIR": str(folder), "TRIVET_GITLAB__TOKEN": WRITE}, "agents", tmp_path / "mine"
    )
    assert WRITE not in mine.values()
    assert held_files(mine) == {"TRIVET_GITLAB__READ_TOKEN": READ}


def test_links_of_an_earlier_start_are_gone(files: Path, tmp_path: Path) -> None:
    stale = tmp_path / "mine"
    stale.mkdir()
    os.symlink(files / "TRIVET_GITLAB__TOKEN", stale / "TRIVET_GITLAB__TOKEN")
    mine = split({"TRIVET_SECRETS_DIR": str(files)}, "agents", stale)
    assert "TRIVET_GITLAB__TOKEN" not in held_files(mine)


def test_every_part_of_a_list_is_a_secret_to_redact() -> None:
    environ = {"TRIVET_GITLAB__WEBHOOK_SECRETS": "one-secret,two-secret", "OPENAI_API_KEY": "sk-key"}
    assert set(secret_values(environ)) == {"one-secret", "two-secret", "sk-key"}
