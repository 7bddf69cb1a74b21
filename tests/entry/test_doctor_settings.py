"""What doctor says of the settings alone: each wrong one, and the rest as if it were unset."""

import json
import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from bot.entry.doctor import secrets
from bot.entry.doctor.check import Check
from bot.entry.doctor.reading import read_settings
from bot.entry.doctor.roles import able, is_elsewhere, lacking
from bot.entry.doctor.secrets import secret_checks
from bot.entry.doctor.settings import settings_checks, usable_rules
from bot.settings import Settings

GITLAB = {
    "TRIVET_GITLAB__URL": "https://gitlab.example.com",
    "TRIVET_GITLAB__TOKEN": "glpat-" + "Zq8Rt2vLm4Xc7Wn1Kd9P",
    "TRIVET_GITLAB__WEBHOOK_SECRETS": "a-secret-" + "of-a-hook",
    "TRIVET_GITLAB__PROJECTS": "acme/**",
}
REDIS = {"TRIVET_REDIS_URL": "redis://localhost:6379/0"}
MARKS = {"TRIVET_MARK_SECRETS": "k3Jq" * 8}


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("TRIVET_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TRIVET_DATA_DIR", str(tmp_path / "data"))


def given(monkeypatch: pytest.MonkeyPatch, settings: dict[str, str]) -> Settings:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    found, problems = read_settings()
    assert found is not None
    assert not problems
    return found


def by_name(checks: Iterable[Check]) -> dict[str, Check]:
    return {check.name: check for check in checks}


# --- wrong values ---


@pytest.mark.parametrize(
    ("name", "value", "cure"),
    [
        ("TRIVET_PORT", "eighty", "must be a valid integer"),
        ("TRIVET_PUBLIC_URL", "trivet.example.com", "must be an http(s) address"),
        ("TRIVET_GITLAB__URL", "https://gitlab.example.com/api/v4", "without /api/v4"),
        ("TRIVET_GITLAB__TOKEN", "two words", "was it copied whole?"),
        ("TRIVET_JIRA__EMAIL", "nobody", "e-mail address"),
        ("TRIVET_JIRA__DEPLOYMENT", "moon", "must be 'auto', 'cloud' or 'datacenter'"),
        ("TRIVET_REDIS_URL", "http://redis", "redis://host:6379/0"),
        ("TRIVET_MODELS", "gpt", "openai:NAME"),
        ("TRIVET_MARK_SECRETS", "short,short", "at least 16 characters"),
        ("TRIVET_LOG_FORMAT", "xml", "must be 'json' or 'human'"),
        ("TRIVET_BUDGET__DAY_TOKENS", "-1", "greater than 0"),
    ],
)
def test_a_wrong_setting_is_named_once_and_counts_as_unset(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, cure: str
) -> None:
    monkeypatch.setenv("TRIVET_HOST", "10.0.0.1")
    monkeypatch.setenv(name, value)
    settings, [problem] = read_settings()
    assert (problem.name, problem.state, problem.is_setting) == (name, "wrong", True)
    assert cure in problem.cure
    assert value not in problem.said + problem.cure
    assert settings is not None
    assert settings.host == "10.0.0.1"


def test_all_wrong_settings_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TRIVET_PORT", "TRIVET_GITLAB__URL", "TRIVET_CONFLUENCE__URL"):
        monkeypatch.setenv(name, "x")
    settings, problems = read_settings()
    assert {one.name for one in problems} == {
        "TRIVET_PORT",
        "TRIVET_GITLAB__URL",
        "TRIVET_CONFLUENCE__URL",
    }
    assert settings is not None
    assert settings.port == 8080


def test_a_folder_of_secrets_that_is_none_leaves_nothing_to_be_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TRIVET_SECRETS_DIR", str(tmp_path / "nowhere"))
    settings, [problem] = read_settings()
    assert settings is None
    assert problem.name == "TRIVET_SECRETS_DIR"
    assert "is not a folder" in problem.said


def test_a_secret_that_is_no_text_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "TRIVET_GITLAB__TOKEN").write_bytes(b"\xff\xfe")
    monkeypatch.setenv("TRIVET_SECRETS_DIR", str(tmp_path))
    settings, [problem] = read_settings()
    assert settings is None
    assert "TRIVET_GITLAB__TOKEN in TRIVET_SECRETS_DIR cannot be read" in problem.said
    assert problem.cure


# --- what they say together ---


def test_a_name_that_is_no_setting_is_named_with_the_one_that_is_meant(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = given(monkeypatch, {**GITLAB, "TRIVET_GITLAB__PROJECT": "acme/shop"})
    found = by_name(settings_checks(settings, os.environ))["TRIVET_GITLAB__PROJECT"]
    assert (found.state, found.said) == ("note", "is no setting and is not read")
    assert found.cure == "did you mean TRIVET_GITLAB__PROJECTS?"


def test_without_a_gitlab_nothing_works(monkeypatch: pytest.MonkeyPatch) -> None:
    found = by_name(settings_checks(given(monkeypatch, {}), os.environ))
    assert (found["platforms"].state, found["platforms"].is_setting) == ("wrong", True)
    assert "TRIVET_GITLAB__URL" in found["platforms"].said


def test_without_projects_nothing_is_reviewed(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = given(monkeypatch, {"TRIVET_GITLAB__URL": GITLAB["TRIVET_GITLAB__URL"]})
    found = by_name(settings_checks(settings, os.environ))["projects"]
    assert (found.state, found.is_setting) == ("wrong", True)


@pytest.mark.parametrize(
    ("url", "state"),
    [
        ("", "note"),
        ("http://trivet.example.com", "note"),
        ("http://127.0.0.1:8080", "fine"),
        ("https://trivet.example.com", "fine"),
    ],
)
def test_our_own_address_is_there_and_encrypted(
    monkeypatch: pytest.MonkeyPatch, url: str, state: str
) -> None:
    settings = given(monkeypatch, {"TRIVET_PUBLIC_URL": url} if url else {})
    assert by_name(settings_checks(settings, os.environ))["our address"].state == state


def test_a_wrong_rules_file_is_named_with_its_place_and_counts_as_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "rules.yml").write_text("jira:\n  - projekt: SHOP\n")
    settings = given(monkeypatch, {**GITLAB, "TRIVET_RULES": str(tmp_path / "rules.yml")})
    found = by_name(settings_checks(settings, os.environ))["rules"]
    assert (found.state, found.is_setting) == ("wrong", True)
    assert "rules.yml" in found.said
    assert not usable_rules(settings).jira


def test_a_jira_without_rules_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = given(monkeypatch, {**GITLAB, "TRIVET_JIRA__URL": "https://jira.example.com"})
    assert by_name(settings_checks(settings, os.environ))["rules"].state == "note"
    alone = given(monkeypatch, GITLAB).model_copy(
        update={"jira": Settings().jira.model_copy(update={"url": None})}
    )
    assert by_name(settings_checks(alone, os.environ))["rules"].state == "fine"


@pytest.mark.parametrize(
    ("dsn", "state"),
    [
        ("https://key@sentry.example.com/42", "fine"),
        ("https://sentry.example.com/42", "wrong"),
        ("https://key@sentry.example.com:port/42", "wrong"),
    ],
)
def test_the_address_for_errors_is_one(monkeypatch: pytest.MonkeyPatch, dsn: str, state: str) -> None:
    settings = given(monkeypatch, {**GITLAB, "TRIVET_SENTRY_DSN": dsn})
    assert by_name(settings_checks(settings, os.environ))["errors"].state == state


# --- secrets ---


def test_one_machine_needs_the_secrets_of_every_process(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = given(monkeypatch, GITLAB)
    assert by_name(secret_checks(settings, os.environ))["secrets"].state == "fine"
    monkeypatch.delenv("TRIVET_GITLAB__TOKEN")
    found = by_name(secret_checks(given(monkeypatch, {}), os.environ))["secrets"]
    assert (found.state, found.is_setting) == ("wrong", True)
    assert "TRIVET_GITLAB__TOKEN (effects)" in found.said
    assert "api scope" in found.cure


def test_without_a_webhook_secret_the_sweep_still_works(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = given(monkeypatch, {**GITLAB, "TRIVET_GITLAB__WEBHOOK_SECRETS": ""})
    found = by_name(secret_checks(settings, os.environ))["secrets"]
    assert found.state == "note"
    assert "TRIVET_GITLAB__WEBHOOK_SECRETS (serve)" in found.said


@pytest.mark.parametrize(
    ("held", "role"),
    [
        ({"TRIVET_GITLAB__WEBHOOK_SECRETS": "a-secret-" + "of-a-hook"}, "serve"),
        ({"TRIVET_GITLAB__READ_TOKEN": "glpat-" + "Ab3De5Gh7Jk9Mn2Pq4Rs", **MARKS}, "agents"),
        ({"TRIVET_GITLAB__TOKEN": "glpat-" + "Zq8Rt2vLm4Xc7Wn1Kd9P", **MARKS}, "effects"),
    ],
)
def test_where_each_process_has_secrets_of_its_own_those_of_others_are_no_fault(
    monkeypatch: pytest.MonkeyPatch, held: dict[str, str], role: str
) -> None:
    url = {"TRIVET_GITLAB__URL": GITLAB["TRIVET_GITLAB__URL"]}
    settings = given(monkeypatch, {**url, **REDIS, **held})
    assert lacking(settings, os.environ)[role] == []
    assert role in able(settings, os.environ)
    assert by_name(secret_checks(settings, os.environ))["secrets"].state == "note"


def test_the_token_that_writes_serves_for_reading_only_where_somebody_reads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In `effects` nobody does, though that has what agents could fall back to."""
    alone = {name: GITLAB[name] for name in ("TRIVET_GITLAB__URL", "TRIVET_GITLAB__TOKEN")}
    settings = given(monkeypatch, {**alone, **REDIS, **MARKS})
    assert lacking(settings, os.environ)["agents"] == ["TRIVET_GITLAB__READ_TOKEN"]
    assert is_elsewhere("agents", settings, os.environ)
    for more in ({"OPENAI_API_KEY": "sk-" + "b7Yd" * 8}, GITLAB):
        settings = given(monkeypatch, more)
        assert lacking(settings, os.environ)["agents"] == []


def test_a_receiver_of_one_platform_is_a_receiver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Confluence in the cloud has no webhooks that a secret could be of."""
    hooks = {name: GITLAB[name] for name in ("TRIVET_GITLAB__URL", "TRIVET_GITLAB__WEBHOOK_SECRETS")}
    wiki = {"TRIVET_CONFLUENCE__URL": "https://acme.atlassian.net/wiki"}
    settings = given(monkeypatch, {**hooks, **wiki, **REDIS})
    assert by_name(secret_checks(settings, os.environ))["secrets"].state == "note"
    assert able(settings, os.environ) == ["serve"]


def test_a_jira_needs_secrets_too(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = given(monkeypatch, {**GITLAB, "TRIVET_JIRA__URL": "https://jira.example.com"})
    assert lacking(settings, os.environ)["effects"] == ["TRIVET_JIRA__TOKEN"]
    found = by_name(secret_checks(settings, os.environ))["secrets"]
    assert found.state == "wrong"
    assert found.cure


def test_mark_secrets_are_needed_where_several_machines_work(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "TRIVET_MARK_SECRETS" in lacking(given(monkeypatch, {**GITLAB, **REDIS}), os.environ)["agents"]
    settings = given(monkeypatch, MARKS)
    assert by_name(secret_checks(settings, os.environ))["mark secrets"].state == "fine"


def test_a_spoilt_mark_secret_of_the_data_folder_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = given(monkeypatch, GITLAB)
    assert by_name(secret_checks(settings, os.environ))["mark secrets"].state == "fine"
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mark-secret").write_text("cut")
    found = by_name(secret_checks(settings, os.environ))["mark secrets"]
    assert found.state == "wrong"
    assert "delete it" in found.cure


def test_a_webhook_secret_that_no_delivery_could_match_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "whsec_" + "tooShort"
    settings = given(monkeypatch, {**GITLAB, "TRIVET_GITLAB__WEBHOOK_SECRETS": secret})
    found = by_name(secret_checks(settings, os.environ))["webhook secrets"]
    assert (found.state, found.is_setting) == ("wrong", True)
    assert secret not in found.said + found.cure


@pytest.mark.parametrize(
    ("folder", "file", "state"),
    [(0o755, 0o644, "note"), (0o755, 0o640, "fine"), (0o700, 0o644, "fine")],
)
def test_files_with_secrets_are_not_for_everybody(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: int, file: int, state: str
) -> None:
    place = tmp_path / "secrets"
    place.mkdir()
    (place / "TRIVET_GITLAB__TOKEN").write_text(GITLAB["TRIVET_GITLAB__TOKEN"])
    (place / "TRIVET_GITLAB__TOKEN").chmod(file)
    place.chmod(folder)
    settings = given(monkeypatch, {**GITLAB, "TRIVET_SECRETS_DIR": str(place)})
    found = by_name(secret_checks(settings, os.environ))["secret files"]
    assert found.state == state
    assert ("TRIVET_GITLAB__TOKEN" in found.said) == (state == "note")


@pytest.mark.parametrize("whose", ["a container's", "somebody else's"])
def test_files_that_are_not_ours_to_close_are_no_matter(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, whose: str
) -> None:
    """As the compose file has them: readable by all, since the user of a container is none of the host's."""
    (tmp_path / "TRIVET_GITLAB__TOKEN").write_text(GITLAB["TRIVET_GITLAB__TOKEN"])
    (tmp_path / "TRIVET_GITLAB__TOKEN").chmod(0o644)
    tmp_path.chmod(0o755)
    settings = given(monkeypatch, {**GITLAB, "TRIVET_SECRETS_DIR": str(tmp_path)})
    if whose == "a container's":
        monkeypatch.setattr(secrets, "OF_A_CONTAINER", tmp_path)
    else:
        monkeypatch.setattr(os, "getuid", lambda: tmp_path.stat().st_uid + 1)
    assert by_name(secret_checks(settings, os.environ))["secret files"].state == "fine"


def test_no_line_on_settings_holds_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = given(monkeypatch, {**GITLAB, **MARKS})
    checks = [*settings_checks(settings, os.environ), *secret_checks(settings, os.environ)]
    shown = json.dumps([str(check) for check in checks])
    for secret in (GITLAB["TRIVET_GITLAB__TOKEN"], GITLAB["TRIVET_GITLAB__WEBHOOK_SECRETS"], *MARKS.values()):
        assert secret not in shown
