"""What README and docs/ write down for people to copy is right."""

import re
from pathlib import Path

import pytest

from bot.domain.repo_config import RepoConfig, load
from bot.entry.cienv import OF_A_JOB
from bot.llm.providers import PROVIDERS, parse_spec
from bot.settings import BudgetSettings, known_settings

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", ROOT / "docs" / "review.md")
TEXT = {page.name: page.read_text("utf-8") for page in PAGES}
YAML = re.compile(r"```yaml\n(.*?)```", re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
SETTING = re.compile(r"\bTRIVET_[A-Z_]+[A-Z]\b")
NOT_SETTINGS = {"TRIVET_SECRETS_DIR"} | OF_A_JOB


@pytest.mark.parametrize("block", [block for text in TEXT.values() for block in YAML.findall(text)])
def test_every_configuration_shown_is_one_that_is_read(block: str) -> None:
    config, complaint = load(block.encode())
    assert complaint is None
    assert config != RepoConfig()


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
