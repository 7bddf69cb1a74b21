"""The Confluence page in a real browser: what a person sees of it beside the merge request, and does there."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.browser import SHOWN, Browser, Page, needs_chromium
from tests.confluence_server import ConfluenceServer

PICTURES = Path(__file__).parents[2] / "artifacts"
TAGS = {
    *(
        "P",
        "H4",
        "H5",
        "H6",
        "UL",
        "OL",
        "LI",
        "BLOCKQUOTE",
        "PRE",
        "CODE",
        "HR",
        "BR",
        "SPAN",
        "A",
        "DIV",
        "MARK",
    ),
    *(
        "TABLE",
        "THEAD",
        "TBODY",
        "TR",
        "TH",
        "TD",
        "DETAILS",
        "SUMMARY",
        "STRONG",
        "EM",
        "S",
        "U",
        "SUB",
        "SUP",
    ),
}
ATTRIBUTES = {
    "class",
    "href",
    "title",
    "colspan",
    "rowspan",
    "data-panel",
    "data-color",
    "data-done",
    "data-ref",
    "data-columns",
}
SAID = "Trivet: endpoints from acme/shop!1"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with Browser() as running:
        yield running


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    """Its tabs are closed after the test: a page whose sandbox is gone keeps asking for it."""
    before = len(chromium.pages)
    yield chromium
    while len(chromium.pages) > before:
        chromium.pages.pop().close()


@pytest.fixture
def wiki() -> Iterator[ConfluenceServer]:
    with ConfluenceServer("cloud", seed=True) as running:
        yield running


@pytest.fixture(scope="module")
def still() -> Iterator[ConfluenceServer]:
    """One that no test changes."""
    with ConfluenceServer("datacenter", seed=True) as running:
        yield running


def guide(wiki: ConfluenceServer) -> str:
    return str(wiki.page()["url"])


def shown(browser: Browser, url: str, **size: Any) -> Page:
    page = browser.open(url, **size)
    page.wait(SHOWN)
    return page


def text_of(page: Page, selector: str) -> str:
    return str(page.run(f"document.querySelector({json.dumps(selector)}).innerText.trim()"))


def texts_of(page: Page, selector: str) -> list[str]:
    return list(
        page.run(f"[...document.querySelectorAll({json.dumps(selector)})].map(one => one.innerText.trim())")
    )


# --- what is seen


@needs_chromium
def test_the_page_stands_beside_the_merge_request_with_its_text_and_history(browser, still):
    page = shown(browser, guide(still), width=1440)
    assert text_of(page, "#wiki-title") == "API guide"
    assert text_of(page, "#wiki-where") == "DOC / Docs"
    assert texts_of(page, "#wiki-text h5") == ["A first order", "Endpoints", "Amounts", "Who to ask"]
    assert text_of(page, "#wiki-text pre").startswith('cart = Cart(country="NL")')
    assert texts_of(page, "#wiki-text th") == ["Field of an order", "What it holds"]
    assert (
        text_of(page, "#wiki-text mark")
        == text_of(page, "#wiki-comments .quoted")
        == "the same as on the receipt"
    )
    assert texts_of(page, "#wiki-versions summary b") == ["Version 2", "Version 1"]
    assert text_of(page, "h1") == "Add discount codes to checkout"
    assert page.run("document.querySelector('#wiki').getBoundingClientRect().right") <= page.run(
        "document.querySelector('.merge').getBoundingClientRect().left"
    )
    assert page.complaints == []


@needs_chromium
def test_what_the_bot_writes_appears_with_what_it_changed(browser, wiki):
    page = shown(browser, guide(wiki), width=1440)
    page.run("window.neverReloaded = true")
    old, new = "It takes nothing but the cart.", "It may take discount codes."
    wiki.act("API guide", "edit", old=old, new=new, user="trivet", message=SAID)
    page.wait("document.querySelector('[data-version=\"3\"][data-author=trivet]')")
    first = "#wiki-versions li[data-version='3']"
    assert text_of(page, f"{first} .said") == SAID
    assert text_of(page, f"{first} .removed").endswith(old)
    assert text_of(page, f"{first} .added").endswith(new)
    assert new in text_of(page, "#wiki-text")
    assert text_of(page, "#wiki-facts .badge") == "bot"
    assert page.run("window.neverReloaded") is True


@needs_chromium
def test_the_page_that_was_written_last_is_the_one_that_is_shown(browser, wiki):
    page = shown(browser, wiki.root, width=1440)
    assert text_of(page, "#wiki-title") == "API guide"
    wiki.create("Release next", parent="Releases", body="<h2>Features</h2>", user="trivet")
    page.wait("document.getElementById('wiki-title').innerText.trim() === 'Release next'")
    assert text_of(page, "#wiki-where") == "DOC / Docs / Releases"


@needs_chromium
def test_where_the_bots_sections_begin_can_be_seen(browser, wiki):
    anchor = (
        '<ac:structured-macro ac:name="anchor"><ac:parameter ac:name="">trivet-endpoints-begin</ac:parameter>'
    )
    wiki.act("API guide", "edit", body=f"<p>{anchor}</ac:structured-macro></p><p>x</p>")
    page = shown(browser, guide(wiki))
    assert text_of(page, "#wiki-text .anchor") == "trivet-endpoints-begin"


@needs_chromium
def test_who_a_page_is_kept_for_and_what_became_of_it_is_said(browser, wiki):
    wiki.act("API guide", "restrict", people=["ada", "trivet"])
    wiki.act("API guide", "archive")
    page = shown(browser, guide(wiki))
    assert texts_of(page, "#wiki-where .badge") == ["archived", "only ada, trivet"]


@needs_chromium
def test_an_unknown_page_leads_to_the_known_ones(browser, still):
    unknown = f"{still.url}/spaces/DOC/pages/99/None"
    assert httpx2.get(unknown).status_code == 404
    assert httpx2.get(guide(still)).status_code == 200
    page = shown(browser, unknown, width=1440)
    assert page.run("document.getElementById('wiki-body').hidden") is True
    assert "API guide" in texts_of(page, "#wiki-pages a")


# --- what is done


@needs_chromium
def test_ada_comments_and_writes_and_what_she_types_is_text(browser, wiki):
    page = shown(browser, guide(wiki), width=1440)
    page.run("document.getElementById('wiki-comment-body').value = '<b>a</b> & b'")
    page.run("document.getElementById('wiki-comment').requestSubmit()")
    page.wait("document.querySelector('[data-comment][data-author=ada]')")
    assert text_of(page, "[data-comment][data-author=ada] .prose") == "<b>a</b> & b"
    page.run("document.getElementById('wiki-edit-body').value = 'Ask <i>Grace</i>, too.'")
    page.run("document.getElementById('wiki-edit').requestSubmit()")
    page.wait("document.querySelector('[data-version=\"3\"]')")
    assert text_of(page, "[data-version='3'] .added") == "Ask <i>Grace</i>, too."
    assert wiki.page()["versions"][-1]["author"]["name"] == "ada"


# --- windows


@needs_chromium
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_page_and_merge_request_fit_the_window(browser, still, width, dark):
    page = shown(browser, guide(still), width=width, dark=dark)
    page.screenshot(PICTURES / f"wiki-{width}-{'dark' if dark else 'light'}.png")
    assert page.run("document.documentElement.scrollWidth") <= width
    seen = page.run("['#wiki', '.merge'].map(one => document.querySelector(one).offsetWidth > 0)")
    assert seen == [True, width > 1100]
    assert page.complaints == []


@needs_chromium
def test_a_tab_leads_from_the_page_to_the_merge_request(browser, still):
    page = shown(browser, guide(still), width=390)
    pressed = "[...document.querySelectorAll('#panes [aria-pressed=true]')].map(one => one.id)"
    assert page.run(pressed) == ["to-wiki"]
    page.run("document.getElementById('to-merge').click()")
    seen = "['#wiki', '.merge'].map(one => document.querySelector(one).offsetWidth > 0)"
    assert page.run(seen) == [False, True]
    assert page.run(pressed) == ["to-merge"]


# --- storage


def drawn(page: Page, tree: Any, what: str = "box.innerHTML") -> Any:
    """What a JavaScript expression on the drawn tree, `box`, gives."""
    text = json.dumps(json.dumps(tree))
    return page.run(
        "import('/sandbox/static/storage.js').then(({storage}) => {"
        f"const box = document.createElement('div'); box.append(storage(JSON.parse({text}))); return {what}; }})"
    )


def root(*children: Any) -> dict[str, Any]:
    return element("", *children)


def element(name: str, *children: Any, **attributes: str) -> dict[str, Any]:
    given = {key.replace("__", ":").replace("_", "-"): value for key, value in attributes.items()}
    return {"name": name, "attributes": given, "children": list(children)}


def macro(name: str, *children: Any) -> dict[str, Any]:
    return element("ac:structured-macro", *children, ac__name=name)


@pytest.fixture(scope="module")
def drawing_page(chromium: Browser, still: ConfluenceServer) -> Page:
    return shown(chromium, still.root)


@needs_chromium
@pytest.mark.parametrize(
    ("node", "html"),
    [
        (element("p", "<b>x</b>"), "<p>&lt;b&gt;x&lt;/b&gt;</p>"),
        (element("script", "alert(1)"), "alert(1)"),
        (element("h1", "h"), "<h4>h</h4>"),
        (
            element("a", "away", href="https://evil.example/"),
            'away<span class="muted"> (https://evil.example/)</span>',
        ),
        (
            element("a", "run", href="javascript:alert(1)"),
            'run<span class="muted"> (javascript:alert(1))</span>',
        ),
        (element("img", src="https://evil.example/x.png"), '<span class="muted">[image]</span>'),
        (element("td", colspan='2" onclick="x'), "<td></td>"),
        (element("td", colspan="2"), '<td colspan="2"></td>'),
        (macro("novelty", element("ac:rich-text-body", "kept")), '<span class="muted">[novelty]</span>kept'),
        (macro("constructor"), '<span class="muted">[constructor]</span>'),
        (element("__proto__", "kept"), "kept"),
        (
            macro("code", element("ac:plain-text-body", "<i>\n")),
            "<pre><code>&lt;i&gt;\n</code></pre>",
        ),
        (
            macro("warning", element("ac:rich-text-body", element("p", "x"))),
            '<div class="panel" data-panel="error"><p>x</p></div>',
        ),
        (
            macro(
                "status",
                element("ac:parameter", "DONE", ac__name="title"),
                element("ac:parameter", "Green", ac__name="colour"),
            ),
            '<span class="lozenge" data-color="green">DONE</span>',
        ),
        (
            element(
                "ac:task-list",
                element("ac:task", element("ac:task-status", "complete"), element("ac:task-body", "x")),
            ),
            '<ul class="tasks"><li data-done="yes">☑ x</li></ul>',
        ),
        (
            element("ac:link", element("ri:page", ri__content_title="Home")),
            '<span class="mention">Home</span>',
        ),
        (element("p", "a\u202eb"), None),
    ],
)
def test_storage_becomes_a_small_safe_subset(drawing_page, node, html):
    made = drawn(drawing_page, root(node))
    assert made == html if html else "U+202E" in made


NAMES = st.sampled_from(
    [
        *(
            "p",
            "h1",
            "ul",
            "li",
            "table",
            "tr",
            "td",
            "a",
            "img",
            "script",
            "iframe",
            "svg",
            "style",
            "object",
            "form",
        ),
        *(
            "ac:structured-macro",
            "ac:parameter",
            "ac:rich-text-body",
            "ac:plain-text-body",
            "ac:link",
            "ri:page",
        ),
        *("ac:task-list", "ac:task", "ac:task-body", "ac:inline-comment-marker", "__proto__", "toString"),
    ]
)
HOSTILE = st.sampled_from(
    [
        "<script>alert(1)</script>",
        "javascript:alert(1)",
        "https://evil.example/",
        '" onclick="x',
        "code",
        "anchor",
        "1",
    ]
)
GIVEN = st.dictionaries(
    st.sampled_from(
        ["href", "src", "onclick", "style", "id", "colspan", "class", "ac:name", "ac:ref", "ac:type"]
    ),
    HOSTILE,
)
NODES = st.recursive(
    HOSTILE,
    lambda inner: st.builds(
        lambda name, attributes, children: {"name": name, "attributes": attributes, "children": children},
        NAMES,
        GIVEN,
        st.lists(inner, max_size=3),
    ),
    max_leaves=12,
)
SEEN = (
    "[...box.querySelectorAll('*')].map(one => [one.tagName, [...one.attributes].map(each => each.name),"
    " one.getAttribute('href')])"
)


@needs_chromium
@settings(max_examples=60)
@given(nodes=st.lists(NODES, max_size=3))
def test_no_tree_draws_anything_else(drawing_page, still, nodes):
    for tag, attributes, href in drawn(drawing_page, root(*nodes), SEEN):
        assert tag in TAGS
        assert set(attributes) <= ATTRIBUTES
        assert href is None or href.startswith(still.root)


@needs_chromium
def test_what_is_no_xml_and_what_is_too_deep_is_shown_as_text(browser, wiki):
    wiki.act("API guide", "plant", body="<p>broken <script>alert(1)</script>")
    page = shown(browser, guide(wiki))
    assert text_of(page, "#wiki-text pre") == "<p>broken <script>alert(1)</script>"
    wiki.act("API guide", "edit", body="<blockquote>" * 900 + "down here" + "</blockquote>" * 900)
    page.wait("document.getElementById('wiki-text').innerText.trim() === 'down here'")
    assert page.run("document.querySelectorAll('#wiki-text blockquote').length") == 60
