"""The page about triage says what the code does."""

import re
from pathlib import Path

from bot.agents.triage.wanted import COMMANDS, HELP
from bot.domain.rules import load

PAGE = (Path(__file__).parents[3] / "docs" / "triage.md").read_text("utf-8")


def test_the_rules_shown_are_read_and_start_what_they_say() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    rules = load(block.encode())
    (created,) = rules.started("SHOP", "created")
    assert (created.do, created.fields) == (("summarize", "missing", "labels"), ("labels",))
    assert rules.commanders("SHOP") == {"developers"}


def test_every_command_is_named_as_rule_and_as_comment() -> None:
    table, comments = PAGE.split("## One comment")
    for name in COMMANDS:
        assert f"| `{name}` |" in table
    for name in (*COMMANDS, HELP):
        assert f"`{name}`" in comments or f"`@trivet {name}`" in comments
