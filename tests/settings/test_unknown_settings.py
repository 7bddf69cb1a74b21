"""Names that begin like a setting and are none."""

from pathlib import Path

import pytest

from bot.settings import known_settings
from bot.settings.spelling import unknown_settings


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


def test_a_typo_in_a_files_name_is_named_too(tmp_path: Path) -> None:
    (tmp_path / "TRIVET_GITLAB__TOKNE").write_text("x")
    (said,) = unknown_settings({"TRIVET_SECRETS_DIR": str(tmp_path)})
    assert "did you mean TRIVET_GITLAB__TOKEN?" in said
