"""What README and docs/ write down for people to copy is right."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest

from bot.domain import repo_config, rules
from bot.domain.events import IssueChanged
from bot.domain.issue_commands import HELP
from bot.entry.cienv import OF_A_JOB
from bot.llm.providers import PROVIDERS, parse_spec
from bot.settings import BudgetSettings, known_settings
from bot.sources.jira import TOLD, lifetime_jira, parse_jira

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
TEXT = {page.name: page.read_text("utf-8") for page in PAGES}
YAML = re.compile(r"```yaml\n(.*?)```", re.DOTALL)
JSON = re.compile(r"```json\n(.*?)```", re.DOTALL)
SMART_VALUE = re.compile(r"\{\{.*?\}\}")
LINK = re.compile(r"\]\(([^)\s]+)\)")
SETTING = re.compile(r"\bTRIVET_[A-Z_]+[A-Z]\b")
NOT_SETTINGS = {"TRIVET_SECRETS_DIR"} | OF_A_JOB


def of_the_repository(text: bytes) -> repo_config.RepoConfig:
    config, complaint = repo_config.load(text)
    assert complaint is None
    return config


READ: dict[str, Callable[[bytes], Any]] = {"# rules file": rules.load, "# .trivet.yml": of_the_repository}
"""How a block is read, by its first line."""


@pytest.mark.parametrize("block", [block for text in TEXT.values() for block in YAML.findall(text)])
def test_every_configuration_shown_is_one_that_is_read(block: str) -> None:
    read = READ[block.partition("\n")[0]]
    assert read(block.encode()) != read(b"")


def test_every_body_shown_for_senders_starts_something_and_names_its_occurrence() -> None:
    bodies = [SMART_VALUE.sub("SHOP-12", block).encode() for block in JSON.findall(TEXT["jira.md"])]
    assert {type(parse_jira({}, body)) for body in bodies} == {IssueChanged}
    assert {lifetime_jira({}, body) for body in bodies} == {None}


def test_the_events_that_senders_may_tell_of_are_those_shown() -> None:
    row = next(line for line in TEXT["jira.md"].splitlines() if line.startswith("| `event` |"))
    assert set(re.findall(r"`(\w+)`", row)) == {"event", *TOLD}


def test_everything_that_a_rule_can_do_is_told_and_can_be_asked_for() -> None:
    rows = TEXT["triage.md"].splitlines()
    told = {row.split("`")[1] for row in rows if re.fullmatch(r"\| `\w+` \|.*\|.*\|", row)} - {"do"}
    asked = [re.findall(r"`(?:@trivet )?(\w+)`", row) for row in rows if row.startswith("| `@trivet")]
    assert told == set(get_args(rules.Doing))
    assert {name for names in asked for name in names} == told | {HELP}


def test_every_page_is_reached_from_the_readme() -> None:
    reached = {link.partition("#")[0] for link in LINK.findall(TEXT["README.md"])}
    assert {f"docs/{page.name}" for page in PAGES[1:]} <= reached


def test_every_setting_named_exists() -> None:
    named = {name for text in TEXT.values() for name in SETTING.findall(text)}
    assert len(named) > 10
    assert named - NOT_SETTINGS <= known_settings()


def test_every_model_shown_is_one_that_can_be_named_with_the_variables_beside_it() -> None:
    rows = re.findall(r"^\| `([a-z]+:[^`]+)` \|(.*)\|$", TEXT["README.md"], re.MULTILINE)
    shown = [(parse_spec(one), told) for models, told in rows for one in models.split(",")]
    assert {spec.provider for spec, _ in shown} == set(PROVIDERS)
    for spec, told in shown:
        provider = PROVIDERS[spec.provider]
        alone = sum(other.provider == spec.provider for other, _ in shown) == 1
        for variable in filter(None, (provider.key_variable, provider.url_variable)):
            assert f"`{variable}`" in told or not alone


def test_the_budgets_shown_are_the_defaults() -> None:
    limits = BudgetSettings()
    for name, tokens in limits.model_dump().items():
        row = next(row for row in TEXT["README.md"].splitlines() if f"`TRIVET_BUDGET__{name.upper()}`" in row)
        assert row.endswith(f"| {tokens} |")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(TEXT[page.name]):
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.is_file(), link
        if anchor:
            headings = re.findall(r"^#+ (.*)$", target.read_text("utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
            assert anchor in anchors
