"""Nobody learns what they could not read."""

from dataclasses import replace

import pytest

from bot.domain.flow import code_may_be_told, issue_may_be_told
from tests.tracker import SHOP, SHOP_12

SECURED = replace(SHOP_12, security="Board only")


@pytest.mark.parametrize("visibility", ["private", "internal"])
def test_a_mapped_pair_shares_its_texts(visibility: str) -> None:
    project = replace(SHOP, visibility=visibility)  # type: ignore[arg-type]
    assert issue_may_be_told(SHOP_12, project, mapped=True)
    assert code_may_be_told(SHOP_12, mapped=True)


def test_what_is_not_mapped_shares_nothing() -> None:
    assert not issue_may_be_told(SHOP_12, SHOP, mapped=False)
    assert not code_may_be_told(SHOP_12, mapped=False)


def test_a_secured_issue_shares_nothing() -> None:
    assert not issue_may_be_told(SECURED, SHOP, mapped=True)
    assert not code_may_be_told(SECURED, mapped=True)


def test_a_public_project_learns_nothing_and_has_nothing_to_hide() -> None:
    public = replace(SHOP, visibility="public")
    assert not issue_may_be_told(SHOP_12, public, mapped=True)
    assert code_may_be_told(SHOP_12, mapped=True)
