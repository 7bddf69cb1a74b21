"""What README and docs/ write down for people to copy is right."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest

from bot.domain import boundary, page_comments, repo_config, rules, sections
from bot.domain.events import IssueChanged, PageChanged
from bot.domain.issue_commands import HELP
from bot.domain.pages import PROPERTY
from bot.domain.sections import find
from bot.entry.cienv import OF_A_JOB
from bot.gateways import (
    confluence_effects,
    confluence_plan,
    confluence_reader,
    confluence_sections,
    http,
)
from bot.llm.providers import PROVIDERS, parse_spec
from bot.proposing import page_sections, pages, release_notes
from bot.settings import BudgetSettings, known_settings
from bot.settings.names import NOT_SETTINGS
from bot.sources.confluence import EVENTS, lifetime_confluence, parse_confluence
from bot.sources.jira import TOLD, lifetime_jira, parse_jira

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
TEXT = {page.name: page.read_text("utf-8") for page in PAGES}
YAML = re.compile(r"```yaml\n(.*?)```", re.DOTALL)
JSON = re.compile(r"```json\n(.*?)```", re.DOTALL)
SMART_VALUE = re.compile(r"\{\{.*?\}\}")
LINK = re.compile(r"\]\(([^)\s]+)\)")
SETTING = re.compile(r"\bTRIVET_[A-Z_]+[A-Z]\b")
A_TEST = re.compile(r"`([\w/]+\.py)::(\w+)`")
PLACEHOLDER = re.compile(r'"?\{[^{}]*\}"?')
SPEAKING = (
    boundary,
    confluence_effects,
    confluence_plan,
    confluence_sections,
    http,
    page_sections,
    release_notes,
)
"""Whose sentences docs/confluence.md quotes."""
NO_SETTINGS_OF_OURS = NOT_SETTINGS | OF_A_JOB


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


def section(page: str, heading: str) -> str:
    """What stands below a heading, up to the next of any level."""
    return re.split(r"^#+ .*$", TEXT[page].partition(f" {heading}\n")[2], flags=re.MULTILINE)[0]


def test_every_body_shown_for_senders_of_confluence_names_a_page_and_its_occurrence() -> None:
    bodies = [SMART_VALUE.sub("229377", block).encode() for block in JSON.findall(TEXT["confluence.md"])]
    assert {type(parse_confluence({}, body)) for body in bodies} == {PageChanged}
    assert {lifetime_confluence({}, body) for body in bodies} == {None}


def test_the_events_of_pages_that_are_shown_are_those_that_are_read() -> None:
    rows = TEXT["confluence.md"].splitlines()
    told = next(row for row in rows if row.startswith("| `event` |"))
    chosen = next(row for row in rows if row.startswith("| Events |"))
    assert set(re.findall(r"`(\w+)`", told)) == {"event"} | {one for one in EVENTS if "_" not in one}
    assert set(re.findall(r"`(\w+)`", chosen)) <= EVENTS.keys()


def test_the_anchors_shown_are_those_that_are_written_and_found() -> None:
    told = section("confluence.md", "The boundary")
    name = re.findall(r'For the section "([^"]+)"', told)[0]
    found = find(boundary.wrapped(name, "<p>x</p>"), name)
    assert found is not None
    assert found.is_marked
    written = re.findall(r'name="">([\w-]+)<', boundary.wrapped(name, ""))
    assert re.findall(r"`(trivet-[\w-]+)`", told) == written
    assert f"`{release_notes.SECTION}`" in told
    assert f"`{PROPERTY.format(section='')}`" in TEXT["confluence.md"]


def test_every_refusal_quoted_is_one_that_is_said() -> None:
    rows = re.findall(r"^\| (\".*?) \| ", section("confluence.md", "When nothing is written"), re.MULTILINE)
    quoted = [one for row in rows for one in re.findall(r'"([^"]+)"', row)]
    said = [
        PLACEHOLDER.sub("…", text.replace("{platform}", "Confluence"))
        for module in SPEAKING
        for name, value in vars(module).items()
        if name.isupper()
        for text in texts(value)
    ]
    assert len(quoted) > 15
    assert [one for one in quoted if not any(one in text for text in said)] == []


def texts(value: Any) -> list[str]:
    """The texts in a constant: itself, or those of a table."""
    if isinstance(value, str):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else ()
    return [text for part in parts for text in texts(part)]


def test_the_limits_told_of_confluence_are_those_in_force() -> None:
    limits = section("confluence.md", "Limits")
    for limit in (
        sections.LARGEST_PAGE,
        sections.LONGEST_SECTION,
        confluence_reader.MAX_COMMENTS,
    ):
        assert f" {limit:,} " in limits
    assert f"latest {pages.MOST_AGAIN} that are open" in section("confluence.md", "Webhooks")
    assert page_comments.MARK.partition(" (")[0] in section("confluence.md", "What Trivet writes")


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
    assert named - NO_SETTINGS_OF_OURS <= known_settings()


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


@pytest.mark.parametrize(
    ("file", "name"), sorted({one for text in TEXT.values() for one in A_TEST.findall(text)})
)
def test_every_test_that_is_named_exists(file: str, name: str) -> None:
    assert f"def {name}(" in (ROOT / "tests" / file).read_text("utf-8")


def test_each_promise_names_its_tests() -> None:
    rows = section("reliability.md", "Each promise and its test").splitlines()
    promises = [row for row in rows if re.match(r"\| \d+\.", row)]
    assert [int(row[2:].partition(".")[0]) for row in promises] == list(range(1, 13))
    assert all(A_TEST.search(row) for row in promises)
