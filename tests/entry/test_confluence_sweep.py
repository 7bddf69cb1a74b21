"""What one look at Confluence finds: pages that matter to a merge request, edited by somebody else."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import responses

from bot.domain.rules import Rules, SpaceRule
from bot.entry import keys
from bot.entry.confluence_sweep import MOST_CHANGED, SWEPT, ConfluenceSweep
from bot.entry.connection import connect
from bot.entry.finding import OVERLAP_SECONDS
from bot.entry.store import Store
from bot.errors import AccessDenied, PlatformError, Unavailable
from bot.gateways.confluence_api import ConfluenceApi
from bot.routing import Routing
from tests.redis_server import RedisServer

BASE = "https://wiki.example.com"
SEARCH = f"{BASE}/rest/api/content/search"
ANN, US = "8a7f80000000000000000001", "8a7f80000000000000000002"
RULES = Rules(spaces=(SpaceRule(space="DOC", gitlab="acme/shop"), SpaceRule(space="OPS", gitlab="acme/ops")))


@pytest.fixture
def wiki() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def store(redis_server: RedisServer) -> Store:
    """In which a merge request was held against the pages 7 and 8."""
    store = Store(connect(redis_server.url))
    store.redis.zadd(keys.WATCHED, {"7": time.time(), "8": time.time()})
    return store


def sweep(store: Store, us: str | None = None) -> ConfluenceSweep:
    routing = Routing(agents=frozenset({"review", "pages"}), rules=RULES, wiki=us)
    api = ConfluenceApi(
        BASE, token="t" * 24, email=None, setting="TRIVET_CONFLUENCE__TOKEN", deployment="datacenter"
    )
    return ConfluenceSweep(store, api, lambda: routing)


def edited(page: int, version: int = 3, author: str = ANN, at: datetime | None = None) -> dict[str, Any]:
    when = (at or datetime.now(UTC)).isoformat(timespec="milliseconds")
    return {
        "id": str(page),
        "type": "page",
        "title": f"Page {page}",
        "space": {"key": "DOC"},
        "version": {"number": version, "when": when, "by": {"userKey": author, "username": "ann"}},
    }


def answer(wiki: responses.RequestsMock, *pages: dict[str, Any]) -> None:
    wiki.add("GET", SEARCH, json={"results": list(pages), "size": len(pages), "_links": {}})


def found(store: Store) -> set[str]:
    return {run.request.page for run in store.attendance.unfinished(0)}


def test_an_edited_page_that_is_watched_is_found_once(store: Store, wiki: responses.RequestsMock) -> None:
    answer(wiki, edited(7), edited(9))
    look = sweep(store)
    assert (look(), look()) == (1, 0)
    assert found(store) == {"7"}


def test_the_spaces_of_the_rules_are_searched(store: Store, wiki: responses.RequestsMock) -> None:
    answer(wiki)
    sweep(store)()
    cql = wiki.calls[0].request.params["cql"]  # type: ignore[union-attr]
    assert 'space in ("DOC", "OPS")' in cql


def test_the_next_edit_of_the_same_page_is_another_run(store: Store, wiki: responses.RequestsMock) -> None:
    answer(wiki, edited(7, version=3))
    answer(wiki, edited(7, version=4))
    look = sweep(store)
    assert (look(), look()) == (1, 1)


def test_our_own_edits_start_nothing(store: Store, wiki: responses.RequestsMock) -> None:
    answer(wiki, edited(7, author=US), edited(8))
    assert sweep(store, us=US)() == 1
    assert found(store) == {"8"}


def test_a_space_that_rules_no_longer_name_starts_nothing(store: Store, wiki: responses.RequestsMock) -> None:
    answer(wiki, edited(7) | {"space": {"key": "OLD"}})
    assert sweep(store)() == 0


def test_a_look_goes_on_where_the_last_one_ended(store: Store, wiki: responses.RequestsMock) -> None:
    answer(wiki)
    began = time.time()
    sweep(store)()
    assert began <= (store.sweeps.until(SWEPT) or 0) <= time.time()


def many(wiki: responses.RequestsMock, every: list[dict[str, Any]]) -> None:
    """The search, a hundred at a time. It knows no time: all of them are found at every look."""

    def page(request: Any) -> tuple[int, dict[str, str], str]:
        start, size = int(request.params.get("start", 0)), int(request.params["limit"])
        shown = every[start : start + size]
        following = f"/rest/api/content/search?limit={size}&start={start + size}"
        links = {"next": following} if start + size < len(every) else {}
        body = {"results": shown, "start": start, "limit": size, "size": len(shown), "_links": links}
        return 200, {}, json.dumps(body)

    wiki.add_callback("GET", SEARCH, callback=page)


def test_of_very_many_changes_the_next_look_goes_on_after_the_last(
    store: Store, wiki: responses.RequestsMock
) -> None:
    first = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=30)
    every = [
        edited(100 + number, at=first + timedelta(seconds=number)) for number in range(MOST_CHANGED + 150)
    ]
    many(wiki, every)
    sweep(store)()
    last = first + timedelta(seconds=MOST_CHANGED - 1)
    assert store.sweeps.until(SWEPT) == last.timestamp() + OVERLAP_SECONDS
    assert len(wiki.calls) == MOST_CHANGED / 100


def test_more_changes_of_one_minute_than_a_look_takes_are_all_looked_at(
    store: Store, wiki: responses.RequestsMock
) -> None:
    """The search goes by minutes, so that each look would begin with the same ones."""
    began = time.time()
    moment = datetime.fromtimestamp(int(began) - 1_000, UTC)
    store.sweeps.remember(SWEPT, moment.timestamp() + OVERLAP_SECONDS)
    every = [edited(number, at=moment + timedelta(seconds=30)) for number in range(100, 250 + MOST_CHANGED)]
    many(wiki, [*every, edited(7, at=moment + timedelta(seconds=31))])
    assert sweep(store)() == 1
    assert found(store) == {"7"}
    assert (store.sweeps.until(SWEPT) or 0) >= began


def test_each_look_at_many_changes_begins_later_than_the_one_before(
    store: Store, wiki: responses.RequestsMock
) -> None:
    moment = int(time.time()) - 2_000
    store.sweeps.remember(SWEPT, moment + OVERLAP_SECONDS)
    every = [
        edited(number, at=datetime.fromtimestamp(moment + number // 10, UTC))
        for number in range(MOST_CHANGED * 3)
    ]
    many(wiki, every)
    look, marks = sweep(store), [moment + OVERLAP_SECONDS]
    for _ in range(3):
        look()
        marks.append(store.sweeps.until(SWEPT) or 0)
    assert marks == sorted(set(marks))
    assert found(store) == {"7", "8"}


@pytest.mark.parametrize(("status", "kind"), [(503, Unavailable), (401, AccessDenied)])
def test_what_a_confluence_that_is_away_did_not_show_is_looked_at_again(
    store: Store, wiki: responses.RequestsMock, status: int, kind: type[PlatformError]
) -> None:
    wiki.add("GET", SEARCH, status=status, json={"message": "no"})
    with pytest.raises(kind):
        sweep(store)()
    assert store.sweeps.until(SWEPT) is None
