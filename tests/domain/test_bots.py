"""A program is known by its name, and a person is not taken for one."""

import pytest

from bot.domain.bots import is_bot_name


@pytest.mark.parametrize(
    "name",
    [
        "project_7_bot",
        "project_7_bot_9f3c2a",
        "group_12_bot_77",
        "service_account_group_9_ab12",
        "renovate",
        "renovate-bot",
        "renovate[bot]",
        "Dependabot",
        "gitlab-dependabot",
        "GitLabDuo",
        "gitlab-duo",
        "GitLab-Security-Bot",
        "alert-bot",
        "coderabbitai",
        "sonarcloud",
        "ghost",
    ],
)
def test_a_program_is_known_by_its_name(name: str) -> None:
    assert is_bot_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "ada",
        "talbot",
        "abbott",
        "botond",
        "botany.fan",
        "jeanbot",
        "robotics",
        "project_7_bottle",
        "duong",
        "renovator",
        "ghostwriter",
    ],
)
def test_a_person_is_not_taken_for_a_program(name: str) -> None:
    assert not is_bot_name(name)
