"""What one look at Jira does when some of it cannot be read."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from bot.domain.issues import IssueComment, StatusChange
from bot.domain.rules import JiraRule, On, Rules
from bot.entry.connection import connect
from bot.entry.jira_sweep import SWEPT, JiraSweep
from bot.entry.store import Store
from bot.errors import AccessDenied, Forbidden, NotFound, PlatformError, Unavailable
from bot.gateways.http import Broken, TooLarge
from bot.gateways.jira_recent import ChangedIssue
from bot.routing import Routing
from tests.redis_server import RedisServer

RULES = Rules(
    jira=(
        JiraRule(project="SHOP", on=On(event="created"), do=("summarize",)),
        JiraRule(project="SHOP", commands=("Developers",)),
    )
)


@dataclass
class Recent:
    """A Jira where SHOP-1 and SHOP-2 were made a moment ago; `trouble` is raised for an issue's comments."""

    trouble: Mapping[str, PlatformError] = field(default_factory=dict)

    def changed(self, projects: Sequence[str], minutes: int) -> Sequence[ChangedIssue]:
        now = datetime.now(UTC).isoformat()
        return [ChangedIssue(f"SHOP-{nth}", f"1000{nth}", "SHOP", now, now) for nth in (1, 2)]

    def moved(self, key: str) -> Sequence[StatusChange]:
        return ()

    def comments(self, key: str) -> Sequence[IssueComment]:
        if error := self.trouble.get(key):
            raise error
        return ()


@pytest.fixture
def store(redis_server: RedisServer) -> Store:
    return Store(connect(redis_server.url))


def sweep(store: Store, issues: Recent) -> JiraSweep:
    routing = Routing(agents=frozenset({"review", "link", "triage"}), rules=RULES)
    return JiraSweep(store, issues, lambda: routing)  # type: ignore[arg-type]


def found(store: Store) -> set[str]:
    return {run.request.issue for run in store.attendance.unfinished(0)}


def test_both_new_issues_are_found_once(store: Store) -> None:
    look = sweep(store, Recent())
    assert (look(), look()) == (2, 0)
    assert found(store) == {"SHOP-1", "SHOP-2"}


@pytest.mark.parametrize("error", [NotFound("gone"), Forbidden("403")])
def test_an_issue_that_is_gone_meanwhile_or_hidden_is_no_trouble(store: Store, error: PlatformError) -> None:
    assert sweep(store, Recent({"SHOP-1": error}))() == 1
    assert found(store) == {"SHOP-2"}


@pytest.mark.parametrize("error", [TooLarge("too large"), Broken("500")])
def test_one_issue_that_cannot_be_read_keeps_no_other_from_being_found(
    store: Store, error: PlatformError
) -> None:
    began = time.time()
    with pytest.raises(type(error)):
        sweep(store, Recent({"SHOP-1": error}))()
    assert found(store) == {"SHOP-2"}
    assert (store.sweeps.until(SWEPT) or 0) >= began


@pytest.mark.parametrize("error", [Unavailable("busy"), AccessDenied("the token has expired")])
def test_what_a_jira_that_went_away_did_not_show_is_looked_at_again(
    store: Store, error: PlatformError
) -> None:
    with pytest.raises(type(error)):
        sweep(store, Recent({"SHOP-1": error}))()
    assert store.sweeps.until(SWEPT) is None
