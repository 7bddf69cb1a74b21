"""The issue on the page in a real browser: what a person sees of it beside its merge request, and does there."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.browser import SHOWN, Browser, Page, needs_chromium
from tests.jira_server import JiraServer
from tests.sandbox_server import PROJECT, SandboxServer

PICTURES = Path(__file__).parents[1] / "artifacts"
REQUEST = f"/{PROJECT}/-/merge_requests/1"
ISSUE = "/jira/browse/SHOP-13"
DEEP = 20_000
TAGS = {
    *("P", "H4", "H5", "H6", "UL", "OL", "LI", "BLOCKQUOTE", "PRE", "CODE", "HR", "BR", "SPAN", "A", "DIV"),
    *("TABLE", "TBODY", "TR", "TH", "TD", "DETAILS", "SUMMARY", "STRONG", "EM", "S", "U", "SUB", "SUP"),
}
ATTRIBUTES = {
    "class",
    "href",
    "start",
    "title",
    "colspan",
    "rowspan",
    "data-panel",
    "data-color",
    "data-done",
}


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
def jira() -> Iterator[JiraServer]:
    with JiraServer("cloud", seed=True) as running:
        yield running


@pytest.fixture(scope="module")
def still() -> Iterator[JiraServer]:
    """One that no test changes."""
    with JiraServer("cloud", seed=True) as running:
        yield running


def shown(browser: Browser, jira: JiraServer, path: str = "/", **size: Any) -> Page:
    page = browser.open(jira.root + path, **size)
    page.wait(SHOWN)
    return page


def text_of(page: Page, selector: str) -> str:
    return str(page.run(f"document.querySelector({json.dumps(selector)}).innerText.trim()"))


def texts_of(page: Page, selector: str) -> list[str]:
    return list(
        page.run(f"[...document.querySelectorAll({json.dumps(selector)})].map(one => one.innerText.trim())")
    )


def open_second(jira: JiraServer) -> None:
    """A merge request on SHOP-13, opened by the bot as it does it."""
    jira.call("POST", "/sandbox/push", {"branch": "SHOP-13-mail", "files": {"mail.py": "EUR = 1\n"}})
    body = {"source_branch": "SHOP-13-mail", "title": "SHOP-13 Mail", "user": "trivet", "draft": True}
    jira.call("POST", "/sandbox/merge_requests", body)


def link(jira: JiraServer, key: str, **told: Any) -> None:
    shown = {"url": jira.root + REQUEST, "title": "!1 Add discount codes", "summary": "acme/shop, into main"}
    body = {"globalId": "system=here&mr=1!1", "relationship": "merge request", "object": shown | told}
    assert jira.rest("POST", f"/issue/{key}/remotelink", body).status in (201, 200)


def document(*content: Any) -> dict[str, Any]:
    return {"type": "doc", "version": 1, "content": list(content)}


def paragraph(*content: Any) -> dict[str, Any]:
    return {"type": "paragraph", "content": list(content)}


def words(text: str, *marks: dict[str, Any]) -> dict[str, Any]:
    return {"type": "text", "text": text, **({"marks": list(marks)} if marks else {})}


# --- what is seen


@needs_chromium
def test_the_issue_stands_beside_the_merge_request_whose_branch_names_it(browser, still):
    page = shown(browser, still, REQUEST, width=1440)
    assert text_of(page, "#issue-title") == "Take discount codes at checkout"
    assert text_of(page, "#issue-key a") == "SHOP-12"
    assert text_of(page, "#issue-key .lozenge") == "IN PROGRESS"
    assert "Ada Lindqvist" in text_of(page, "#issue-facts")
    assert texts_of(page, "#issue-description th") == ["Code", "Takes off", "Until"]
    assert texts_of(page, "#issue-description h5") == ["Acceptance criteria", "Not part of this"]
    issue, merge = (
        page.run(f"document.querySelector('{one}').getBoundingClientRect().toJSON()")
        for one in ("#issue", ".merge")
    )
    assert issue["right"] <= merge["left"]
    assert issue["top"] == merge["top"]
    assert page.complaints == []


@needs_chromium
def test_a_sandbox_without_jira_shows_no_issue_and_no_tabs(browser):
    with SandboxServer(seed=True) as sandbox:
        page = browser.open(sandbox.url, width=400)
        page.wait(SHOWN)
        assert page.run("document.getElementById('issue').hidden") is True
        assert page.run("document.getElementById('panes').hidden") is True
        assert page.run("document.querySelector('.merge').offsetWidth > 0") is True


@needs_chromium
def test_the_bots_comment_is_marked_and_drawn_with_its_structure(browser, jira):
    said = document(
        paragraph({"type": "status", "attrs": {"text": "OPEN", "color": "blue"}}, words(" at last")),
        {"type": "bulletList", "content": [{"type": "listItem", "content": [paragraph(words("one"))]}]},
    )
    page = shown(browser, jira, REQUEST)
    assert jira.rest("POST", "/issue/SHOP-12/comment", {"body": said}).status == 201
    page.wait("document.querySelector('[data-comment][data-author=trivet][data-bot=yes]')")
    note = "[data-comment][data-author=trivet]"
    assert text_of(page, f"{note} .badge") == "bot"
    assert text_of(page, f"{note} .lozenge[data-color=blue]") == "OPEN"
    assert texts_of(page, f"{note} li") == ["one"]
    assert text_of(page, "#said") == "1 new note."


@needs_chromium
def test_a_link_shows_its_title_and_how_far_it_is(browser, jira):
    icon = {"url16x16": "https://example.test/icon.png"}
    link(jira, "SHOP-13", status={"resolved": False, "icon": icon | {"title": "Open"}})
    page = shown(browser, jira, ISSUE)
    assert text_of(page, "#issue-links .lozenge") == "OPEN"
    assert page.run("document.querySelector('#issue-links a').pathname") == REQUEST
    assert text_of(page, "h1") == "Add discount codes to checkout"
    link(jira, "SHOP-13", status={"resolved": True, "icon": icon | {"title": "Merged"}})
    page.wait("document.querySelector('#issue-links [data-resolved=yes]')")
    assert texts_of(page, "#issue-links .lozenge") == ["MERGED"]
    assert page.run("document.querySelectorAll('img').length") == 0


@needs_chromium
def test_the_history_says_who_changed_what_the_newest_first(browser, jira):
    jira.act("SHOP-13", "move", to="In Progress", user="grace")
    jira.act("SHOP-13", "move", to="Done", user="ada")
    page = shown(browser, jira, ISSUE)
    moves = texts_of(page, "#issue-history [data-field=status] .change")
    assert moves == ["In Progress → Done", "To Do → In Progress"]
    assert texts_of(page, "#issue-history [data-field=status] b") == ["Ada Lindqvist", "Grace Okafor"]
    assert "Done" in text_of(page, "#issue-facts")


@needs_chromium
def test_an_issue_without_a_merge_request_gets_it_beside_it_without_a_reload(browser, jira):
    page = shown(browser, jira, ISSUE, width=1440)
    page.run("window.neverReloaded = true")
    assert text_of(page, "#nothing h1") == "SHOP-13 has no merge request yet."
    open_second(jira)
    page.wait("document.querySelector('.heading h1')?.textContent === 'Draft: SHOP-13 Mail'")
    assert page.run("document.getElementById('nothing').hidden") is True
    assert page.run("window.neverReloaded") is True
    assert page.complaints == []


@needs_chromium
def test_one_can_choose_between_merge_requests_and_the_issue_goes_along(browser, jira):
    page = shown(browser, jira, REQUEST)
    assert page.run("document.getElementById('requests').hidden") is True
    open_second(jira)
    page.wait("!document.getElementById('requests').hidden")
    assert texts_of(page, "#requests b") == ["!1", "!2"]
    page.run("document.querySelectorAll('#requests a')[1].click()")
    page.wait(f"{SHOWN} && location.pathname.endsWith('/2')")
    assert text_of(page, "#issue-key a") == "SHOP-13"
    assert text_of(page, "#requests [aria-current=page] b") == "!2"
    page.run("document.querySelector('#issues a').click()")
    page.wait(f"{SHOWN} && location.pathname === '/jira/browse/SHOP-12'")
    assert text_of(page, "#requests [aria-current=page] b") == "!1"


@needs_chromium
def test_a_merge_request_that_names_no_issue_says_so(browser, jira):
    jira.call("POST", "/sandbox/push", {"branch": "XSHOP-12", "files": {"a.py": "A = 1\n"}})
    jira.call(
        "POST", "/sandbox/merge_requests", {"source_branch": "XSHOP-12", "title": "SHOP-123 is another"}
    )
    page = shown(browser, jira, f"/{PROJECT}/-/merge_requests/2")
    assert page.run("document.getElementById('issue-body').hidden") is True
    page.run("document.body.dataset.pane = 'issue'")
    assert "No issue belongs to this merge request" in text_of(page, "#issue-nothing")
    assert texts_of(page, "#issues a") == ["SHOP-12", "SHOP-13"]


@needs_chromium
def test_an_unknown_issue_leads_to_the_known_ones(browser, still):
    assert httpx2.get(f"{still.root}/jira/browse/SHOP-99").status_code == 404
    page = shown(browser, still, "/jira/browse/SHOP-99", width=1440)
    assert text_of(page, "#nothing h1") == "There is no such issue here."
    assert "SHOP-13 Confirmation mail shows the wrong currency" in texts_of(page, "#nothing a")


# --- what is done


@needs_chromium
def test_a_button_moves_the_issue_along_its_workflow(browser, jira):
    page = shown(browser, jira, ISSUE)
    assert texts_of(page, "#moves button") == ["Move to In Progress"]
    page.run("document.querySelector('#moves button').click()")
    page.wait("document.querySelector('#issue-key .lozenge').textContent === 'In Progress'")
    assert texts_of(page, "#moves button") == ["Move to In Review", "Move to Done", "Move to To Do"]
    assert texts_of(page, "#moves .primary") == ["Move to In Review", "Move to Done"]
    assert jira.issue("SHOP-13")["history"][-1]["author"]["name"] == "ada"


@needs_chromium
def test_a_comment_is_sent_as_ada_and_typed_text_outlives_changes(browser, jira):
    page = shown(browser, jira, ISSUE)
    page.run("document.getElementById('issue-comment-body').value = '@trivet *why*?'")
    jira.act("SHOP-13", "comment", body="Me first", user="sam")
    page.wait("document.querySelectorAll('[data-comment]').length === 1")
    assert page.run("document.getElementById('issue-comment-body').value") == "@trivet *why*?"
    page.run("document.getElementById('issue-comment').requestSubmit()")
    page.wait("document.querySelectorAll('[data-comment]').length === 2")
    page.wait("document.getElementById('issue-comment-body').value === ''")
    assert text_of(page, "[data-comment][data-author=ada] strong") == "why"
    assert [one["author"]["name"] for one in jira.issue("SHOP-13")["comments"]] == ["sam", "ada"]


@needs_chromium
def test_a_new_issue_is_shown_as_soon_as_it_is_written(browser, jira):
    page = shown(browser, jira, REQUEST)
    page.run("document.getElementById('open-issue').click()")
    page.run("document.getElementById('issue-summary').value = 'Say when it <b>ships</b>'")
    page.run("document.getElementById('issue-text').value = 'h2. Why'")
    page.run("document.getElementById('issue-form').requestSubmit()")
    page.wait(f"location.pathname === '/jira/browse/SHOP-14' && {SHOWN}")
    assert text_of(page, "#issue-title") == "Say when it <b>ships</b>"
    assert texts_of(page, "#issue-description h5") == ["Why"]
    assert texts_of(page, "#issues a") == ["SHOP-12", "SHOP-13", "SHOP-14"]


@needs_chromium
def test_what_is_done_to_the_bots_merge_request_is_done_by_a_person(browser, jira):
    open_second(jira)
    page = shown(browser, jira, f"/{PROJECT}/-/merge_requests/2")
    assert page.run("document.getElementById('comment-as').value") == "ada"
    page.run("document.getElementById('comment-body').value = '/trivet review'")
    page.run("document.getElementById('comment').requestSubmit()")
    page.wait("document.querySelector('#conversation [data-author=ada]')")
    page.run("document.getElementById('ready').click()")
    page.wait("document.querySelector('.facts .state').dataset.state === 'opened'")


# --- windows


@needs_chromium
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_issue_and_merge_request_fit_the_window(browser, still, width, dark):
    page = shown(browser, still, REQUEST, width=width, dark=dark)
    page.screenshot(PICTURES / f"issue-{width}-{'dark' if dark else 'light'}.png")
    assert page.run("document.documentElement.scrollWidth") <= width
    assert page.complaints == []
    visible = page.run("['#issue', '.merge'].map(one => document.querySelector(one).offsetWidth > 0)")
    assert visible == [width > 1100, True]


@needs_chromium
def test_a_narrow_window_shows_one_of_the_two_at_a_time(browser, still):
    page = shown(browser, still, ISSUE, width=390)
    seen = "['#issue', '.merge'].map(one => document.querySelector(one).offsetWidth > 0)"
    assert page.run(seen) == [True, False]
    page.run("document.getElementById('to-merge').click()")
    assert page.run(seen) == [False, True]
    assert texts_of(page, "#panes [aria-pressed=true]") == ["Merge request"]
    page.run("document.getElementById('to-issue').click()")
    assert page.run(seen) == [True, False]


# --- documents


def drawn(page: Page, tree: Any, what: str = "box.innerHTML") -> Any:
    """What a JavaScript expression on the drawn document, `box`, gives."""
    text = json.dumps(json.dumps(tree))
    return page.run(
        "import('/sandbox/static/adf.js').then(({adf}) => {"
        f"const box = document.createElement('div'); box.append(adf(JSON.parse({text}))); return {what}; }})"
    )


@pytest.fixture(scope="module")
def adf_page(chromium: Browser, still: JiraServer) -> Page:
    return shown(chromium, still)


@needs_chromium
@pytest.mark.parametrize(
    ("node", "html"),
    [
        (paragraph(words("<b>x</b>")), "<p>&lt;b&gt;x&lt;/b&gt;</p>"),
        (
            paragraph(words("a", {"type": "strong"}, {"type": "em"}), {"type": "hardBreak"}, words("b")),
            "<p><em><strong>a</strong></em><br>b</p>",
        ),
        (paragraph(words("f", {"type": "code"})), "<p><code>f</code></p>"),
        (
            paragraph(words("away", {"type": "link", "attrs": {"href": "https://evil.example/"}})),
            '<p>away<span class="muted"> (https://evil.example/)</span></p>',
        ),
        (
            paragraph(words("run", {"type": "link", "attrs": {"href": "javascript:alert(1)"}})),
            '<p>run<span class="muted"> (javascript:alert(1))</span></p>',
        ),
        ({"type": "heading", "attrs": {"level": 1}, "content": [words("h")]}, "<h4>h</h4>"),
        ({"type": "heading", "attrs": {"level": "script"}, "content": [words("h")]}, "<h6>h</h6>"),
        ({"type": "codeBlock", "content": [words("<i>\n")]}, "<pre><code>&lt;i&gt;\n</code></pre>"),
        (
            {"type": "panel", "attrs": {"panelType": 'x" onclick="y'}, "content": [paragraph()]},
            '<div class="panel" data-panel="info"><p></p></div>',
        ),
        (
            {"type": "taskList", "content": [{"type": "taskItem", "attrs": {"state": "DONE"}}]},
            '<ul class="tasks"><li data-done="yes">☑ </li></ul>',
        ),
        (
            paragraph({"type": "mention", "attrs": {"id": "1", "text": "@Ada"}}),
            '<p><span class="mention">@Ada</span></p>',
        ),
        (
            paragraph({"type": "date", "attrs": {"timestamp": "1900000000000"}}),
            "<p><span>2030-03-17</span></p>",
        ),
        ({"type": "novelty", "content": [paragraph(words("kept"))]}, "<p>kept</p>"),
        ({"type": "novelty"}, '<span class="muted">[novelty]</span>'),
        ({"type": "constructor"}, '<span class="muted">[constructor]</span>'),
        (
            {"type": "media", "attrs": {"type": "external", "url": "https://evil.example/x.png"}},
            '<span class="muted">[attachment]</span>',
        ),
    ],
)
def test_a_document_becomes_a_small_safe_subset(adf_page, node, html):
    assert drawn(adf_page, document(node)) == html


@needs_chromium
@pytest.mark.parametrize("tree", [None, {}, {"content": "x"}, {"content": [None, 1, "x", []]}, document({})])
def test_what_is_no_document_is_drawn_as_nothing_much(adf_page, tree):
    assert len(drawn(adf_page, tree)) < 50


@needs_chromium
def test_a_tree_too_deep_to_be_meant_keeps_its_text(adf_page):
    script = (
        "import('/sandbox/static/adf.js').then(({adf}) => { let node = {type: 'text', text: 'down here'};"
        f"for (let at = 0; at < {DEEP}; at += 1) node = {{type: 'blockquote', content: [node]}};"
        "const box = document.createElement('div'); box.append(adf({content: [node]})); return box.textContent; })"
    )
    assert adf_page.run(script) == "down here"


NAMES = st.sampled_from(
    [
        *(
            "paragraph",
            "heading",
            "bulletList",
            "orderedList",
            "listItem",
            "taskItem",
            "blockquote",
            "codeBlock",
        ),
        *("panel", "rule", "table", "tableCell", "expand", "text", "hardBreak", "mention", "emoji", "date"),
        *("status", "inlineCard", "media", "script", "__proto__", "toString"),
    ]
)
HOSTILE = st.sampled_from(
    [
        "<script>alert(1)</script>",
        "javascript:alert(1)",
        "https://evil.example/",
        "\u202e",
        '" onclick="x',
        "1",
        "",
    ]
)
ATTRS = st.dictionaries(
    st.sampled_from(
        ["url", "href", "level", "panelType", "color", "title", "text", "state", "order", "colspan"]
    ),
    HOSTILE | st.integers(-5, 9) | st.none(),
    max_size=3,
)
LINKED = st.builds(lambda attrs: [{"type": "link", "attrs": attrs}], ATTRS)
LEAF = st.fixed_dictionaries({"type": NAMES, "text": HOSTILE, "attrs": ATTRS, "marks": LINKED | st.just([])})
TREES = st.recursive(
    LEAF,
    lambda inside: st.fixed_dictionaries(
        {"type": NAMES, "attrs": ATTRS, "content": st.lists(inside, max_size=4)}
    ),
    max_leaves=12,
)


@needs_chromium
@settings(max_examples=80, deadline=None)
@given(tree=TREES)
def test_no_document_whatever_becomes_another_element_or_a_link_away(adf_page, tree):
    found = drawn(
        adf_page,
        document(tree),
        "(all => [all.map(one => one.tagName), all.filter(one => one.href).map(one => new URL(one.href).origin),"
        " all.flatMap(one => one.getAttributeNames()), location.origin])([...box.querySelectorAll('*')])",
    )
    tags, origins, attributes, own = found
    assert set(tags) <= TAGS
    assert set(origins) <= {own}
    assert set(attributes) <= ATTRIBUTES
