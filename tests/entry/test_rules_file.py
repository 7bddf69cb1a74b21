"""The operator's rules file in a process that runs on."""

import os
from pathlib import Path

import pytest

from bot.entry.rules_file import RulesFile, read_rules
from bot.errors import UsageError

SHOP = "jira: [{project: SHOP, gitlab: acme/shop}]"


def write(file: Path, text: str) -> None:
    """As an editor does: another file in its place."""
    fresh = file.with_suffix(".new")
    fresh.write_text(text, "utf-8")
    os.replace(fresh, file)


def test_without_a_file_there_is_no_rule() -> None:
    assert RulesFile(None)().projects == frozenset()


def test_a_change_holds_at_once_and_a_wrong_one_leaves_the_rules_before(tmp_path: Path) -> None:
    file = tmp_path / "rules.yml"
    write(file, SHOP)
    rules = RulesFile(file)
    assert rules().projects == {"SHOP"}
    write(file, "jira: [{project: OPS, gitlab: acme/ops}]")
    assert rules().projects == {"OPS"}
    write(file, "jira: [{project: ops}]")
    assert rules().projects == {"OPS"}
    file.unlink()
    assert rules().projects == {"OPS"}
    write(file, SHOP)
    assert rules().projects == {"SHOP"}


@pytest.mark.parametrize(
    ("text", "said"),
    [("jira: [{project: SHOP, grant: all}]", '"jira.0.grant" is no key we know'), ("- a", "mapping with")],
)
def test_a_wrong_file_at_the_start_names_the_setting_the_file_and_the_place(
    tmp_path: Path, text: str, said: str
) -> None:
    file = tmp_path / "rules.yml"
    write(file, text)
    with pytest.raises(UsageError, match="TRIVET_RULES") as wrong:
        read_rules(file)
    assert said in str(wrong.value)
    assert str(file) in str(wrong.value)


def test_a_file_that_is_not_there_is_said_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        RulesFile(tmp_path / "none.yml")
