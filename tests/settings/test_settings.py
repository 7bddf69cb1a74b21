"""Process settings: the environment in, typed values or one sentence for each mistake out."""

import os
import re
from pathlib import Path

import pytest

from bot.settings import environment, known_settings, load_settings
from bot.settings.spelling import unknown_settings
from tests.loaded_settings import complaint, loaded

TOKEN = "glpat-" + "x" * 20
README = Path(__file__).parents[2] / "README.md"
ROW = re.compile(r"^\| (`TRIVET_\w+`(?:, `\w+`)*) \|", re.MULTILINE)


def test_nothing_set_is_a_whole_set_of_defaults() -> None:
    settings = load_settings()
    assert (settings.host, settings.port, settings.max_body) == ("127.0.0.1", 8080, 5_000_000)
    assert settings.gitlab.url is None
    assert settings.data_dir.is_absolute()


def test_what_is_empty_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded(monkeypatch, TRIVET_PORT="", TRIVET_GITLAB__URL=" ", TRIVET_GITLAB__READ_TOKEN="")
    assert (settings.port, settings.gitlab.url, settings.gitlab.read_token) == (8080, None, None)


def test_names_count_in_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    assert loaded(monkeypatch, trivet_gitlab__url="https://a.example").gitlab.url == "https://a.example"


def test_the_write_token_reads_where_there_is_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded(monkeypatch, TRIVET_GITLAB__TOKEN=TOKEN)
    assert settings.gitlab.reader is settings.gitlab.token


def test_all_mistakes_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    said = complaint(monkeypatch, TRIVET_PORT="x", TRIVET_LOG_FORMAT="y")
    assert [line.partition(":")[0] for line in said.splitlines()] == ["TRIVET_PORT", "TRIVET_LOG_FORMAT"]


def test_no_complaint_repeats_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = "wrong secret " + "s3cr3t"
    said = complaint(monkeypatch, TRIVET_GITLAB__TOKEN=wrong, TRIVET_MARK_SECRETS="s3cr3t")
    assert "s3cr3t" not in said


def test_a_whole_platform_as_json_is_not_read_behind_our_back(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = loaded(monkeypatch, TRIVET_GITLAB='{"token": "' + TOKEN + '"}')
    assert settings.gitlab.token is None
    assert unknown_settings(os.environ)[0].startswith("TRIVET_GITLAB is no setting")


def test_the_merged_environment_holds_only_settings(tmp_path: Path) -> None:
    (tmp_path / "TRIVET_PORT").write_text(" 9000\n")
    found = environment({"PATH": "/bin", "TRIVET_HOST": "::1", "TRIVET_SECRETS_DIR": str(tmp_path)})
    assert found == {"TRIVET_HOST": "::1", "TRIVET_PORT": "9000"}


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
