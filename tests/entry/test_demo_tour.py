"""The demo's tour on a sandbox that no bot looks after: it says what did not come."""

from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest

from bot.entry import demo_tour
from bot.entry.demo_sandbox import Sandbox
from bot.entry.demo_tour import Tour
from bot.errors import PlatformError
from tests.confluence_server import ConfluenceServer
from tests.jira_server import JiraServer

T = TypeVar("T")


def at_once(condition: Callable[[], T | None], seconds: float, what: str) -> T:
    found = condition()
    if not found:
        raise PlatformError(f"no {what} in {seconds:.0f} s")
    return found


@pytest.fixture
def server() -> Iterator[JiraServer]:
    with JiraServer("cloud", seed=True) as running:
        yield running


@pytest.fixture
def wiki() -> Iterator[ConfluenceServer]:
    with ConfluenceServer("cloud", seed=True) as running:
        yield running


def test_every_step_names_what_it_waits_for(server: JiraServer) -> None:
    tour = Tour(Sandbox(server.root), at_once, 7)
    with pytest.raises(PlatformError, match=r"^no a review in 7 s$"):
        tour.review()
    with pytest.raises(PlatformError, match=r"^no SHOP-12 with a link to !1 and a comment on its review"):
        tour.linked()
    with pytest.raises(PlatformError, match=r"^no a branch and a draft merge request for SHOP-13"):
        tour.begun()
    assert server.issue("SHOP-13")["status"]["name"] == "In Progress"


def test_a_fix_that_nobody_reviews_is_not_taken_for_reviewed(server: JiraServer) -> None:
    tour = Tour(Sandbox(server.root), at_once, 7)
    with pytest.raises(PlatformError, match=r"^no SHOP-13 with a link to !1"):
        tour.fixed(1)
    request = Sandbox(server.root).merge_request(1)
    assert request["commits"][0]["title"] == "Show the currency of the customer's country"
    began = tour.merged(1)
    with pytest.raises(PlatformError, match=r"^no SHOP-13 as Done, with !1 as merged"):
        tour.closed(1, began)
    assert Sandbox(server.root).merge_request(1)["state"] == "merged"


def test_a_page_that_stays_as_it_is_is_not_taken_for_written(wiki: ConfluenceServer) -> None:
    tour = Tour(Sandbox(wiki.root), at_once, 7)
    with pytest.raises(PlatformError, match=r"^no a note on !1 about the page API guide in 7 s"):
        tour.accepted(1)
    wiki.act("API guide", "edit", append="<p>By hand.</p>", user="ada")
    with pytest.raises(PlatformError, match=r"^no API guide with the accepted text in 7 s"):
        tour.written(0.0)
    wiki.create("Release next", body="<p>!2 only</p>")
    with pytest.raises(PlatformError, match=r"^no !1 on the page Release next in 7 s"):
        tour.released(1, 0.0)


def test_a_real_model_may_find_nothing_wrong(
    wiki: ConfluenceServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_tour, "PATIENCE_SECONDS", -1.0)
    tour = Tour(Sandbox(wiki.root), at_once, 7, must_propose=False)
    assert tour.accepted(1) is False
    assert 'The model proposes no text for the page "API guide".' in capsys.readouterr().out


def test_what_stands_on_a_page_is_told_in_words(
    wiki: ConfluenceServer, capsys: pytest.CaptureFixture[str]
) -> None:
    tour = Tour(Sandbox(wiki.root), at_once, 7)
    address = wiki.root + "/acme/shop/-/merge_requests/1"
    wiki.create("Release next", body=f'<h2>Fixes</h2><ul><li>Cents (<a href="{address}">!1</a>)</li></ul>')
    tour.released(1, 0.0)
    wiki.act("API guide", "edit", old="always in euro", new="in francs", user="trivet")
    tour.written(0.0)
    told = capsys.readouterr().out
    assert "- Cents (!1)" in told
    assert "    -Customers read amounts as `money.shown(amount)` writes them, always in" in told
    assert "    +Customers read amounts as `money.shown(amount)` writes them, in francs." in told


def test_a_refusal_is_told_in_the_sandboxs_words(server: JiraServer) -> None:
    with pytest.raises(PlatformError, match=r"refused POST /sandbox/merge_requests/9/ready: .*Not Found"):
        Sandbox(server.root).act(9, "ready")
