"""The demo's tour on a sandbox that no bot looks after: it says what did not come."""

from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest

from bot.entry.demo_sandbox import Sandbox
from bot.entry.demo_tour import Tour
from bot.errors import PlatformError
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
    with pytest.raises(PlatformError, match=r"^no SHOP-13 as Done, with !1 as merged"):
        tour.closed(1)
    assert Sandbox(server.root).merge_request(1)["state"] == "merged"


def test_a_refusal_is_told_in_the_sandboxs_words(server: JiraServer) -> None:
    with pytest.raises(PlatformError, match=r"refused POST /sandbox/merge_requests/9/ready: .*Not Found"):
        Sandbox(server.root).act(9, "ready")
