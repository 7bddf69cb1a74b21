"""Which merge request and Confluence page stand beside each other, and differences in notes, in a real browser."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser import SHOWN, Browser, Page, needs_chromium
from tests.confluence_server import ConfluenceServer
from tests.sandbox_server import PROJECT

OTHER = "SHOP-13-other"
SCRIPT = "<img src=x onerror=alert(1)>"

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as running:
        yield running


@pytest.fixture(scope="module")
def wiki() -> Iterator[ConfluenceServer]:
    """Merge request !1 and !2, which is merged, speak of the guide; !2 speaks of the page Releases, too."""
    with ConfluenceServer("cloud", seed=True) as running:
        push = {
            "project": PROJECT,
            "user": "ada",
            "branch": OTHER,
            "message": "Other",
            "files": {"a.md": "a"},
        }
        running.call("POST", "/sandbox/push", push)
        opened = {"project": PROJECT, "user": "ada", "title": "Other", "source_branch": OTHER}
        running.call("POST", "/sandbox/merge_requests", opened)
        guide, releases = (running.page(title)["url"] for title in ("API guide", "Releases"))
        say(running, 1, f"See [the guide]({guide}).")
        say(running, 2, f"See [the guide]({guide}) and {releases}.")
        running.call("POST", "/sandbox/merge_requests/2/merge", {"project": PROJECT, "user": "grace"})
        running.act("Releases", "comment", body="<p>Soon.</p>")
        yield running


def say(wiki: ConfluenceServer, iid: int, words: str) -> None:
    said = {"project": PROJECT, "user": "grace", "body": words}
    wiki.call("POST", f"/sandbox/merge_requests/{iid}/comment", said)


def beside(browser: Browser, address: str) -> tuple[str, str]:
    """The titles of the merge request and of the page."""
    page = shown(browser, address)
    titles = [text_of(page, selector) for selector in ("h1", "#wiki-title")]
    page.close()
    return titles[0], titles[1]


def shown(browser: Browser, address: str, **size: Any) -> Page:
    page = browser.open(address, **size)
    page.wait(SHOWN)
    return page


def text_of(page: Page, selector: str) -> str:
    return str(page.run(f"document.querySelector({json.dumps(selector)}).textContent"))


def test_a_page_stands_beside_the_open_merge_request_that_speaks_of_it(browser, wiki):
    assert beside(browser, wiki.page("API guide")["url"]) == ("Add discount codes to checkout", "API guide")


def test_a_page_of_which_only_merged_ones_speak_stands_beside_the_newest_of_them(browser, wiki):
    assert beside(browser, wiki.page("Releases")["url"]) == ("Other", "Releases")


def test_a_merge_request_stands_beside_the_page_that_it_speaks_of_and_was_changed_last(browser, wiki):
    requests = f"{wiki.root}/{PROJECT}/-/merge_requests"
    assert beside(browser, f"{requests}/1") == ("Add discount codes to checkout", "API guide")
    assert beside(browser, f"{requests}/2") == ("Other", "Releases")


def test_a_difference_in_a_note_has_its_lines_marked_and_stays_text(browser, wiki):
    say(wiki, 1, f"```diff\n@@ -1 +1 @@\n same\n-old {SCRIPT}\n+new\n\n```")
    page = shown(browser, f"{wiki.root}/{PROJECT}/-/merge_requests/1", width=480)
    rows = page.run(
        "[...document.querySelectorAll('.difference span')].map(one => [one.getAttribute('class'), one.textContent])"
    )
    assert rows == [
        [None, "@@ -1 +1 @@"],
        [None, " same"],
        ["removed", f"-old {SCRIPT}"],
        ["added", "+new"],
        [None, ""],
    ]
    assert page.run("document.documentElement.scrollWidth <= innerWidth")
    assert page.complaints == []
    page.close()
