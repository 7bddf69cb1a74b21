"""That whoever counts what stands at Jira and Confluence would see one thing too many, and one too few."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.chaos.counting_issues import issues
from tests.chaos.counting_pages import Kept, pages
from tests.chaos.grounds import NEXT, Sight

Json = dict[str, Any]
KEY, BEGUN, GUIDE = "SHOP-1", "SHOP-2", "Guide 1"
PAGE_URL = "https://wiki.example.com/next"
BOT = {"name": "trivet"}


def request(iid: int, author: str, title: str) -> Json:
    words = f"In the release notes: {PAGE_URL}" if author == "ada" else "Begun."
    mark = f"<!-- trivet:v1 agent=pages kind=notes key=release-notes head={iid:040x} mac=none -->"
    note = {"id": iid, "created_at": "", "author": "trivet", "system": False, "body": f"{words}\n\n{mark}"}
    url = f"https://gitlab.example.com/merge_requests/{iid}"
    lists: Json = {"discussions": [], "drafts": [], "awards": [], "notes": [note]}
    return {"iid": iid, "project_id": 1, "author": author, "title": title, "web_url": url, **lists}


def comment(key: str, text: str) -> Json:
    return {"author": BOT, "text": text, "properties": {"trivet": {"key": key}}}


def link(iid: int, *, resolved: bool) -> Json:
    url = f"https://gitlab.example.com/merge_requests/{iid}"
    return {"url": url, "global_id": f"mr=1!{iid}", "resolved": resolved}


def move(to: str) -> Json:
    return {"field": "status", "to": to, "author": BOT}


def version(number: int, body: str) -> Json:
    return {"number": number, "author": BOT, "body": body}


def page(title: str, *bodies: str) -> Json:
    versions = [version(number, body) for number, body in enumerate(bodies, 1)]
    shown = {"title": title, "status": "current", "url": PAGE_URL, "comments": [], "body": bodies[-1]}
    return shown | {"versions": versions}


def guide(limit: int) -> str:
    return f"<p>>trivet-limits-1-begin<</p><p>at most <strong>{limit}</strong></p>"


def as_it_ought_to_be() -> Sight:
    """An issue whose merge request was merged, one that began work, a page that was put right, the release notes."""
    named = {
        "key": KEY,
        "status": {"name": "Done"},
        "comments": [comment("mr:1:1", "MERGED !1")],
        "links": [link(1, resolved=True)],
        "history": [move("In Progress"), move("Done")],
    }
    begun = {
        "key": BEGUN,
        "status": {"name": "In Progress"},
        "comments": [comment("triage", "Work begun"), comment("mr:1:2", "DRAFT !2")],
        "links": [link(2, resolved=False)],
        "history": [],
    }
    requests = [request(1, "ada", f"{KEY}: codes"), request(2, "trivet", f"Draft: {BEGUN} mail")]
    listed = '<a href="https://gitlab.example.com/merge_requests/1">!1</a>'
    wiki = [page(GUIDE, guide(20), guide(50)), page(NEXT, listed)]
    return Sight(
        {"merge_requests": requests}, {"issues": [named, begun]}, {"pages": wiki}, (f"{BEGUN}-mail",)
    )


def counted(sight: Sight) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is lost, and what is doubled."""
    at_jira = issues(sight, {KEY: 1}, [BEGUN])
    at_confluence = pages(sight, [1], [Kept(GUIDE, (20, 50))])
    return at_jira.lost + at_confluence.lost, at_jira.doubled + at_confluence.doubled


def test_what_is_there_once_is_neither_lost_nor_doubled() -> None:
    assert counted(as_it_ought_to_be()) == ((), ())


Spoil = Callable[[Sight], object]
LOST: dict[str, Spoil] = {
    "SHOP-1 has no link to !1": lambda sight: sight.issue(KEY)["links"].clear(),
    "SHOP-1 has an open link to !1": lambda sight: sight.issue(KEY)["links"][0].update(resolved=False),
    "SHOP-1 is In Review": lambda sight: sight.issue(KEY)["status"].update(name="In Review"),
    "SHOP-1 does not tell that !1 is merged": lambda sight: sight.issue(KEY)["comments"][0].update(
        text="OPEN"
    ),
    "SHOP-2 has no comment triage": lambda sight: sight.issue(BEGUN)["comments"].pop(0),
    "SHOP-2 has no draft": lambda sight: sight.request(2).update(title="Draft: mail"),
    "!1 is not in Release next": lambda sight: sight.pages(NEXT)[0].update(body="<p></p>"),
    "!1 does not tell of Release next": lambda sight: sight.request(1)["notes"].clear(),
    "there is no Release next": lambda sight: sight.wiki["pages"].pop(),
    "Guide 1 tells ['20'], not 50": lambda sight: sight.pages(GUIDE)[0].update(body=guide(20)),
}


@pytest.mark.parametrize("said", LOST)
def test_what_is_missing_is_said(said: str) -> None:
    sight = as_it_ought_to_be()
    LOST[said](sight)
    assert said in counted(sight)[0]


def grow(place: list[Any], *more: Any) -> None:
    place += more or place[:1]


DOUBLED: dict[str, Spoil] = {
    "SHOP-1 has 2 times the comment mr:1:1": lambda sight: grow(
        sight.issue(KEY)["comments"], comment("mr:1:1", "OPEN")
    ),
    "SHOP-1 has 2 times the comment that says MERGED !1": lambda sight: grow(
        sight.issue(KEY)["comments"], comment("another", "MERGED !1")
    ),
    "SHOP-1 has a comment with no mark": lambda sight: grow(
        sight.issue(KEY)["comments"], comment("", "OPEN") | {"properties": {}}
    ),
    "SHOP-1 has 2 times the link of mr=1!1": lambda sight: grow(sight.issue(KEY)["links"]),
    "SHOP-1 has 2 times the move to Done": lambda sight: grow(sight.issue(KEY)["history"], move("Done")),
    "SHOP-2 has 2 drafts": lambda sight: grow(
        sight.gitlab["merge_requests"], request(3, "trivet", f"Draft: {BEGUN} mail")
    ),
    "!1 has note 2 twice, notes": lambda sight: grow(
        sight.request(1)["notes"], *request(2, "ada", "")["notes"]
    ),
    "there are 2 pages Release next": lambda sight: grow(sight.wiki["pages"], page(NEXT, "<p></p>")),
    "!1 is 2 times in Release next": lambda sight: sight.pages(NEXT)[0].update(
        body=2 * sight.pages(NEXT)[0]["body"]
    ),
    "version 3 of Guide 1 says what the one before said": lambda sight: grow(
        sight.pages(GUIDE)[0]["versions"], version(3, guide(50))
    ),
    "Guide 1 goes back to what it said before": lambda sight: grow(
        sight.pages(GUIDE)[0]["versions"], version(3, guide(20))
    ),
    "Guide 1 has 3 versions of ours, for 2 changes": lambda sight: grow(
        sight.pages(GUIDE)[0]["versions"], version(3, guide(70))
    ),
    "Guide 1 has our section more than once": lambda sight: sight.pages(GUIDE)[0].update(body=2 * guide(50)),
    "Guide 1 has a remark of ours twice": lambda sight: grow(
        sight.pages(GUIDE)[0]["comments"], *2 * [{"author": BOT, "body": "OUT OF DATE"}]
    ),
}


@pytest.mark.parametrize("said", DOUBLED)
def test_what_is_there_twice_is_said(said: str) -> None:
    sight = as_it_ought_to_be()
    DOUBLED[said](sight)
    assert said in counted(sight)[1]


def test_two_branches_for_one_issue_are_said() -> None:
    sight = as_it_ought_to_be()
    again = Sight(sight.gitlab, sight.jira, sight.wiki, (*sight.branches, f"{BEGUN}-mail-2"))
    assert counted(again)[1] == ("SHOP-2 has 2 branches",)
