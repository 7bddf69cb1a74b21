"""The page in a real browser: what a person sees of the seeded merge request, and that it changes by itself."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.sandbox import page as served
from bot.sandbox.seed import BRANCH
from tests.browser import SHOWN, Browser, Page, dump_dom, needs_chromium, screenshot
from tests.sandbox_server import PROJECT, SandboxServer

PICTURES = Path(__file__).parents[1] / "artifacts"
STATIC = Path(served.__file__).parent / "static"
HOSTILE = """\
<script>document.title = "owned"</script> <img src=x onerror="document.title = 'owned'">
<a href="https://evil.example">here</a> [there](https://evil.example/a) ![image](https://evil.example/b.png)
[run](javascript:document.title='owned') <iframe src="/"></iframe> <style>body { display: none }</style>
&lt;script&gt;document.title = "owned"&lt;/script&gt; <details onclick="document.title = 'owned'">
"""
TAGS = {
    "P",
    "STRONG",
    "EM",
    "S",
    "CODE",
    "PRE",
    "H3",
    "H4",
    "H5",
    "H6",
    "UL",
    "OL",
    "LI",
    "BLOCKQUOTE",
    "HR",
    "BR",
    "SUB",
}
TAGS |= {
    "TABLE",
    "THEAD",
    "TBODY",
    "TR",
    "TH",
    "TD",
    "DIV",
    "DETAILS",
    "SUMMARY",
    "FIGURE",
    "FIGCAPTION",
    "SPAN",
    "A",
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
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(seed=True) as running:
        yield running


@pytest.fixture(scope="module")
def still() -> Iterator[SandboxServer]:
    """One that no test changes."""
    with SandboxServer(seed=True) as running:
        yield running


def line_of(sandbox: SandboxServer, path: str, text: str) -> int:
    """The number of the first line at the head of the merge request that holds the text."""
    address = f"{sandbox.url}/sandbox/file"
    content = httpx2.get(address, params={"project": PROJECT, "ref": BRANCH, "path": path}).text
    return next(number for number, line in enumerate(content.split("\n"), 1) if text in line)


def remark(sandbox: SandboxServer, body: str, path: str, user: str = "trivet", **position: Any) -> str:
    """Starts a thread through the API, as the bot does; answers its id. `position`: new_line, old_line, old_path..."""
    request = sandbox.client(user).projects.get(PROJECT).mergerequests.get(1)
    refs = request.diff_refs
    place = {"position_type": "text", "old_path": path, "new_path": path} | refs | position
    return str(request.discussions.create({"body": body, "position": place}).id)


def shown(browser: Browser, url: str, **size: Any) -> Page:
    page = browser.open(url, **size)
    page.wait(SHOWN)
    return page


def line_above(page: Page, discussion: str) -> dict[str, str]:
    """The `data-` attributes of the row right above a thread."""
    row = f"document.querySelector('tr.thread-row[data-discussion=\"{discussion}\"]').previousElementSibling"
    return dict(page.run(f"({{...{row}.dataset, kind: {row}.className}})"))


def place(page: Page, discussion: str) -> dict[str, Any]:
    row = line_above(page, discussion)
    return {name: row.get(name) for name in ("old", "new", "kind")}


@needs_chromium
def test_a_thread_stands_under_its_line_whether_added_removed_or_unchanged(browser, sandbox):
    added = line_of(sandbox, "shop/discounts.py", "today")
    on_added = remark(sandbox, "**Undefined name**", "shop/discounts.py", new_line=added)
    on_removed = remark(sandbox, "Why?", "shop/vouchers.py", old_line=3)
    on_context = remark(sandbox, "And this?", "shop/checkout.py", old_line=3, new_line=3)
    page = shown(browser, sandbox.url)
    assert place(page, on_added) == {"old": None, "new": str(added), "kind": "line added"}
    assert place(page, on_removed) == {"old": "3", "new": None, "kind": "line removed"}
    assert place(page, on_context) == {"old": "3", "new": "3", "kind": "line context"}


@needs_chromium
def test_a_thread_on_an_unchanged_line_outside_the_diff_gets_a_row_of_its_own_in_order(browser, sandbox):
    thread = remark(sandbox, "Look up here", "shop/settings.py", old_line=1, new_line=1)
    page = shown(browser, sandbox.url)
    assert place(page, thread) == {"old": "1", "new": "1", "kind": "beyond"}
    numbers = page.run(
        "[...document.querySelectorAll('[data-path=\"shop/settings.py\"] tr[data-new]')].map(row => +row.dataset.new)"
    )
    assert numbers == sorted(numbers)


@needs_chromium
def test_a_thread_on_a_renamed_file_stands_under_its_line(browser, sandbox):
    line = line_of(sandbox, "shop/tax.py", "def due")
    thread = remark(sandbox, "Renamed", "shop/tax.py", old_path="shop/vat.py", new_line=line)
    page = shown(browser, sandbox.url)
    assert place(page, thread)["new"] == str(line)
    assert "shop/vat.py → shop/tax.py" in page.run(
        "document.querySelector('[data-path=\"shop/tax.py\"] .path').textContent"
    )


@needs_chromium
def test_a_thread_on_a_whole_file_stands_at_its_head(browser, sandbox):
    thread = remark(sandbox, "A database", "data/codes.db", position_type="file")
    page = shown(browser, sandbox.url)
    head = "document.querySelector('[data-path=\"data/codes.db\"] .file-threads [data-discussion]').dataset.discussion"
    assert page.run(head) == thread


@needs_chromium
def test_a_thread_whose_line_is_gone_is_outdated_and_stays_with_its_file(browser, sandbox):
    line = line_of(sandbox, "shop/settings.py", "CODES_TOKEN")
    thread = remark(sandbox, "A token", "shop/settings.py", new_line=line)
    page = shown(browser, sandbox.url)
    sandbox.push(BRANCH, {"shop/settings.py": '"""Settings."""\n\nCURRENCY = "EUR"\n'}, "Take the token out")
    card = f"document.querySelector('.file-threads .thread[data-discussion=\"{thread}\"][data-outdated=yes]')"
    page.wait(card)
    assert "outdated" in page.run(f"{card}.querySelector('summary').textContent")


@needs_chromium
def test_a_resolved_thread_is_folded_with_its_first_words(browser, sandbox):
    thread = remark(sandbox, "**Unused** import", "shop/discounts.py", new_line=3)
    page = shown(browser, sandbox.url)
    card = f"document.querySelector('.thread[data-discussion=\"{thread}\"]')"
    assert page.run(f"{card}.open") is True
    request = sandbox.client("ada").projects.get(PROJECT).mergerequests.get(1)
    answer = request.discussions.get(thread)
    answer.resolved = True
    answer.save()
    page.wait(f"{card}.dataset.resolved === 'yes'")
    assert page.run(f"{card}.open") is False
    assert page.run(f"{card}.querySelector('.gist').textContent") == "Unused import"


@needs_chromium
def test_a_thread_is_closed_and_opened_again_by_whoever_was_chosen(browser, sandbox):
    thread = remark(sandbox, "**Unused** import", "shop/discounts.py", new_line=3)
    page = shown(browser, sandbox.url)
    card = f"document.querySelector('.thread[data-discussion=\"{thread}\"]')"
    button = f"{card}.querySelector('button[data-on]')"
    page.run("document.getElementById('comment-as').value = 'grace'")
    page.run(f"{button}.click()")
    page.wait(f"{card}.dataset.resolved === 'yes'")
    assert page.run(f"{card}.querySelector('.marks').textContent") == "resolved by Grace Okafor"
    assert page.run("document.getElementById('comment-as').value") == "grace"
    assert page.run(f"{button}.textContent") == "Open again"
    page.wait(f"!{button}.disabled")
    page.run(f"{button}.click()")
    page.wait(f"{card}.dataset.resolved === 'no'")
    assert page.run(f"{card}.open") is True


@needs_chromium
def test_replies_stand_in_order_each_with_its_reactions_by_whom(browser, sandbox):
    thread = remark(sandbox, "**Unused** import", "shop/discounts.py", new_line=3)
    reply = sandbox.comment(1, "Is it?", discussion=thread)["id"]
    sandbox.comment(1, "It is.", user="trivet", discussion=thread)
    for user, name in (("trivet", "eyes"), ("grace", "eyes"), ("trivet", "confused")):
        sandbox.act(1, "award", user=user, name=name, note=reply)
    page = shown(browser, sandbox.url)
    notes = page.run(
        f"[...document.querySelectorAll('.thread[data-discussion=\"{thread}\"] .note')]"
        ".map(note => [note.querySelector('.prose').textContent, note.querySelector('.awards').innerText])"
    )
    assert [words for words, _ in notes] == ["Unused import", "Is it?", "It is."]
    assert [reactions.split() for _, reactions in notes] == [
        [],
        ["👀", "trivet,", "grace", "😕", "trivet"],
        [],
    ]


@needs_chromium
def test_a_review_appears_without_a_reload_and_leaves_scroll_and_typed_text_alone(browser, sandbox):
    page = shown(browser, sandbox.url)
    page.run("window.loadedOnce = true; document.getElementById('comment-body').value = 'half a thought'")
    page.run("scrollTo(0, 600)")
    remark(sandbox, "**A merge conflict**", "README.md", new_line=line_of(sandbox, "README.md", "<" * 7))
    sandbox.client("trivet").projects.get(PROJECT).mergerequests.get(1).notes.create(
        {"body": "### One finding"}
    )
    page.wait(
        "document.querySelector('#conversation [data-bot] h5') && document.querySelector('.thread-row')"
    )
    kept = page.run(
        "[window.loadedOnce, document.getElementById('comment-body').value, document.body.dataset.phase]"
    )
    assert kept == [True, "half a thought", "shown"]
    assert page.run("scrollY") >= 600
    assert page.run("document.querySelectorAll('.fresh').length") > 0
    assert page.complaints == []


@needs_chromium
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 420])
def test_the_page_fits_its_window_and_complains_of_nothing(browser, sandbox, width, dark):
    token_line = line_of(sandbox, "shop/settings.py", "CODES_TOKEN")
    remark(
        sandbox, "**Blocker: a token is in the code**\n\nRevoke it.", "shop/settings.py", new_line=token_line
    )
    body = "### Review\n\n| Area | Files |\n| --- | ---: |\n| `shop/` | 6 |\n\n```\n" + "x" * 300 + "\n```"
    sandbox.client("trivet").projects.get(PROJECT).mergerequests.get(1).notes.create({"body": body})
    page = shown(browser, sandbox.url, width=width, dark=dark)
    page.screenshot(PICTURES / f"sandbox-{width}-{'dark' if dark else 'light'}.png")
    assert page.run("document.documentElement.scrollWidth") <= width
    assert page.complaints == []
    paper = page.run("getComputedStyle(document.body).backgroundColor")
    shades = [int(part) for part in re.findall(r"\d+", paper)[:3]]
    assert (max(shades) < 60) if dark else (min(shades) > 200)


@needs_chromium
def test_hostile_text_stays_text_everywhere(browser, sandbox):
    request = sandbox.client("grace").projects.get(PROJECT).mergerequests.get(1)
    request.description, request.title = HOSTILE, "<b onclick=x>Add</b> codes"
    request.save()
    remark(sandbox, HOSTILE, "README.md", user="grace", new_line=11)
    sandbox.push(BRANCH, {"<img src=x>.txt": HOSTILE}, HOSTILE.split("\n", maxsplit=1)[0])
    page = shown(browser, sandbox.url)
    drawn = page.run(
        "document.querySelectorAll('main script, main img, main iframe, main style, main [onclick]').length"
    )
    assert drawn == 0
    away = "[...document.querySelectorAll('main a')].filter(one => new URL(one.href).origin !== location.origin).length"
    assert page.run(away) == 0
    assert page.run("document.querySelector('h1').textContent") == "<b onclick=x>Add</b> codes"
    assert page.run("document.title") == "<b onclick=x>Add</b> codes · !1"
    assert page.complaints == []


@needs_chromium
def test_characters_nobody_can_see_are_shown(browser, still):
    page = shown(browser, still.url)
    codes = page.run("[...document.querySelectorAll('.diff .invisible')].map(one => one.textContent)")
    assert set(codes) == {"U+202E", "U+2066", "U+2069", "U+200B"}
    returns = "document.querySelectorAll('[data-path=\"shop/receipt.txt\"] .line .cr').length"
    assert page.run(returns) == page.run(
        "document.querySelectorAll('[data-path=\"shop/receipt.txt\"] .line').length"
    )


@needs_chromium
def test_a_comment_and_a_reply_are_sent_as_the_author(browser, sandbox):
    thread = remark(sandbox, "Unused import", "shop/discounts.py", new_line=3)
    page = shown(browser, sandbox.url)
    page.run("document.getElementById('comment-body').value = '@trivet review'")
    page.run("document.getElementById('comment').requestSubmit()")
    page.wait("document.querySelector('#conversation [data-author=ada]')")
    page.wait("document.getElementById('comment-body').value === ''")
    form = f"document.querySelector('form[data-reply=\"{thread}\"]')"
    page.run(f"{form}.elements.body.value = 'I will take it out'; {form}.requestSubmit()")
    page.wait(f"document.querySelectorAll('.thread[data-discussion=\"{thread}\"] [data-note]').length === 2")
    request = sandbox.merge_request_state(1)
    assert [(note["author"], note["body"]) for note in request["notes"]] == [("ada", "@trivet review")]
    assert request["discussions"][0]["notes"][1]["body"] == "I will take it out"


@needs_chromium
def test_a_commit_from_the_form_becomes_the_new_head_and_keeps_carriage_returns(browser, sandbox):
    page = shown(browser, sandbox.url)
    before = page.run("document.getElementById('head').dataset.head")
    page.run("document.getElementById('open-push').click()")
    page.run("document.getElementById('push-path').value = 'shop/receipt.txt'")
    page.run("document.getElementById('push-path').dispatchEvent(new Event('change'))")
    page.wait("document.getElementById('push-text').value.startsWith('Thank you')")
    page.run("document.getElementById('push-text').value += 'See you soon\\n'")
    page.run("document.getElementById('push-message').value = 'Say goodbye'")
    page.run("document.getElementById('push-form').requestSubmit()")
    page.wait(f"document.getElementById('head').dataset.head !== '{before}'")
    page.wait("!document.getElementById('push').open")
    request = sandbox.merge_request_state(1)
    assert request["commits"][0]["title"] == "Say goodbye"
    diff = next(file["diff"] for file in request["files"] if file["new_path"] == "shop/receipt.txt")
    changed = [line for line in diff.split("\n") if line[:1] in "+-"]
    assert [line for line in changed if line] == ["+Discount    $discount\r", "+See you soon\r"]


@needs_chromium
def test_the_buttons_ask_for_a_review_mark_a_draft_and_merge(browser, sandbox):
    page = shown(browser, sandbox.url)
    page.run("document.querySelector('[data-do=review_request]').click()")
    page.wait("document.querySelector('[data-reviewer]')")
    page.run("document.querySelector('[data-do=draft]').click()")
    page.wait("document.querySelector('.state').dataset.state === 'draft'")
    assert page.run("document.getElementById('merge').disabled") is True
    page.run("document.querySelector('[data-do=ready]').click()")
    page.wait("document.querySelector('.state').dataset.state === 'opened'")
    page.run("document.getElementById('merge').click()")
    page.wait("document.querySelector('.state').dataset.state === 'merged'")
    assert sandbox.merge_request_state(1)["state"] == "merged"


@needs_chromium
def test_what_a_bots_note_set_off_is_marked_as_bad(browser, sandbox):
    sandbox.client("trivet").projects.get(PROJECT).mergerequests.get(1).notes.create(
        {"body": "@grace\n\n/label ~oops"}
    )
    page = shown(browser, sandbox.url)
    assert page.run("document.querySelector('[data-log=mentions]').dataset.bad") == "1"
    assert page.run("document.querySelector('[data-log=executed]').dataset.bad") == "1"
    assert page.run("document.querySelector('[data-log=external]').dataset.bad") == "0"


@needs_chromium
def test_the_keyboard_reaches_the_changes_first_and_leaves_the_form(browser, still):
    page = shown(browser, still.url)
    page.press("Tab", 9)
    assert page.run("document.activeElement.className") == "skip"
    page.run("document.getElementById('open-push').focus()")
    page.press("Enter", 13, "\r")
    assert page.run("document.getElementById('push').contains(document.activeElement)") is True
    page.press("Escape", 27)
    page.wait("!document.getElementById('push').open")
    assert page.run("document.activeElement.id") == "open-push"


@needs_chromium
def test_an_unknown_merge_request_leads_to_the_known_one(browser, still):
    page = shown(browser, f"{still.url}/{PROJECT}/-/merge_requests/99")
    assert (
        page.run("document.querySelector('#nothing h1').textContent")
        == "There is no such merge request here."
    )
    assert page.run("document.querySelector('#nothing a').pathname") == f"/{PROJECT}/-/merge_requests/1"
    assert page.run("document.getElementById('request').hidden") is True


@needs_chromium
def test_an_empty_sandbox_shows_its_first_merge_request_when_it_comes(browser):
    with SandboxServer() as sandbox:
        page = shown(browser, sandbox.url)
        assert "no merge request yet" in page.run("document.querySelector('#nothing h1').textContent")
        sandbox.merge_request("Paint it", files={"paint.txt": "red\n"})
        page.wait("document.querySelector('h1')?.textContent === 'Paint it'")
        assert page.run("document.getElementById('nothing').hidden") is True


@needs_chromium
def test_a_sandbox_that_went_away_is_said_once_and_the_page_stays(browser):
    with SandboxServer(seed=True) as sandbox:
        page = shown(browser, sandbox.url)
    page.wait("document.getElementById('live').dataset.live === 'no'")
    page.run("document.getElementById('comment-body').value = 'Hello?'")
    page.run("document.getElementById('comment').requestSubmit()")
    page.wait("!document.getElementById('trouble').hidden")
    assert "does not answer" in page.run("document.getElementById('trouble').textContent")
    assert page.run("document.getElementById('comment-body').value") == "Hello?"
    assert page.run("document.querySelectorAll('.file').length") == 9


@needs_chromium
def test_the_helpers_give_the_drawn_page_and_its_picture(still, tmp_path):
    assert 'data-path="shop/discounts.py"' in dump_dom(f"{still.url}/{PROJECT}/-/merge_requests/1")
    screenshot(still.url, tmp_path / "page.png", 420, 600, dark=True)
    picture = (tmp_path / "page.png").read_bytes()
    assert (picture[:4], int.from_bytes(picture[16:20])) == (b"\x89PNG", 420)


# --- Markdown


def rendered(page: Page, text: str, around: str = "null") -> str:
    """The HTML of a note's text. `around`: a JavaScript expression, what a suggestion replaces."""
    script = (
        "import('/sandbox/static/markdown.js').then(({markdown}) => {"
        f"const box = document.createElement('div'); box.append(markdown({as_script(text)}, {around}));"
        "return box.innerHTML; })"
    )
    return str(page.run(script))


def as_script(text: str) -> str:
    """A JavaScript string of any text, surrogates and line separators included."""
    units = text.encode("utf-16-be", "surrogatepass")
    return '"' + "".join(f"\\u{units[at] << 8 | units[at + 1]:04x}" for at in range(0, len(units), 2)) + '"'


@needs_chromium
@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("One\ntwo\n\nthree", "<p>One\ntwo</p><p>three</p>"),
        ("**bold** _em_ *em* ~~gone~~", "<p><strong>bold</strong> <em>em</em> <em>em</em> <s>gone</s></p>"),
        ("**bold with `**` inside**", "<p><strong>bold with <code>**</code> inside</strong></p>"),
        ("snake_case_name, 2 * 3 * 4", "<p>snake_case_name, 2 * 3 * 4</p>"),
        ("`` a ` b `` and ` `` `", "<p><code>a ` b</code> and <code>``</code></p>"),
        ("\\*plain\\* \\`too\\`", "<p>*plain* `too`</p>"),
        ("&#64;ada &sol;merge &lt;b&gt; &nope;", "<p>@ada /merge &lt;b&gt; &amp;nope;</p>"),
        ("`&#64;`", "<p><code>&amp;#64;</code></p>"),
        ("a<br>b<sub>c **d**</sub>", "<p>a<br>b<sub>c <strong>d</strong></sub></p>"),
        ("### Title ###\ntext", "<h5>Title</h5><p>text</p>"),
        ("- one\n- two\n  more\n\nafter", "<ul><li>one</li><li>two\nmore</li></ul><p>after</p>"),
        ("3. three\n4. four", '<ol start="3"><li>three</li><li>four</li></ol>'),
        ("- one\n  - deep", "<ul><li>one<ul><li>deep</li></ul></li></ul>"),
        ("> said\n> again", "<blockquote><p>said\nagain</p></blockquote>"),
        ("~~~py\n<b>&amp;\n~~~", "<pre><code>&lt;b&gt;&amp;amp;</code></pre>"),
        ("````\n```\n````\nend", "<pre><code>```</code></pre><p>end</p>"),
        ("seen <!-- hidden --> seen", "<p>seen  seen</p>"),
        ("<!-- trivet:v1 key=1 -->", ""),
        ("<!-- two\nlines -->\nafter", "<p>after</p>"),
        ("<b>loud</b>", "<p>&lt;b&gt;loud&lt;/b&gt;</p>"),
        ("[away](https://evil.example/)", '<p>away<span class="muted"> (https://evil.example/)</span></p>'),
        ("[run](javascript:alert(1))", "<p>[run](javascript:alert(1))</p>"),
        ("![alt](/x.png)", '<p><span class="muted">[image: alt]</span></p>'),
        ("---", "<hr>"),
        (
            "a\u202eb",
            '<p>a<span class="invisible" title="a character that cannot be seen">U+202E</span>b</p>',
        ),
    ],
)
def test_markdown_becomes_a_small_safe_subset(markdown_page, text, html):
    assert rendered(markdown_page, text) == html


@pytest.fixture(scope="module")
def markdown_page(chromium: Browser, still: SandboxServer) -> Page:
    return shown(chromium, still.url)


@needs_chromium
def test_a_link_to_this_site_is_a_link(markdown_page, still):
    assert rendered(markdown_page, "[!1](/acme/shop/-/merge_requests/1)") == (
        f'<p><a href="{still.url}/acme/shop/-/merge_requests/1">!1</a></p>'
    )


@needs_chromium
def test_a_table_keeps_its_sides_and_its_escaped_bars(markdown_page):
    html = rendered(markdown_page, "| a | b |\n| --- | ---: |\n| x \\| y | **2** |\n| only |\n\nend")
    assert '<th>a</th><th class="right">b</th>' in html
    assert '<tr><td>x | y</td><td class="right"><strong>2</strong></td></tr>' in html
    assert '<tr><td>only</td><td class="right"></td></tr>' in html
    assert html.endswith("<p>end</p>")


@needs_chromium
def test_details_fold_and_nest(markdown_page):
    html = rendered(
        markdown_page,
        "<details><summary>Why **so**</summary>\n\n- fact\n\n<details>\ninner\n</details>\n</details>\n\nafter",
    )
    assert html == (
        '<details><summary>Why <strong>so</strong></summary><div class="folded"><ul><li>fact</li></ul>'
        '<details><summary>Details</summary><div class="folded"><p>inner</p></div></details></div></details>'
        "<p>after</p>"
    )


@needs_chromium
def test_a_suggestion_shows_what_it_replaces(markdown_page):
    around = "{line: 5, text: number => ({4: 'old four', 5: 'old five', 6: 'old six'})[number]}"
    html = rendered(markdown_page, "```suggestion:-1+1\nnew\n```", around)
    assert "Suggested change of lines 4 to 6" in html
    assert re.findall(r'<div class="(\w+)"><span class="sign">.</span><code>([^<]*)</code>', html) == [
        ("removed", "old four"),
        ("removed", "old five"),
        ("removed", "old six"),
        ("added", "new"),
    ]


FRAGMENTS = (
    *(
        "**",
        "*",
        "_",
        "`",
        "```",
        "~~",
        "\n",
        "\n\n",
        " ",
        "    ",
        "- ",
        "1. ",
        "> ",
        "| a | b |\n| - | - |\n",
        "#",
        "\\",
    ),
    *(
        "<details>",
        "</details>",
        "<summary>",
        "</summary>",
        "<br>",
        "<sub>",
        "</sub>",
        "<!--",
        "-->",
        "<script>",
        "<img src=x>",
    ),
    *(
        "[a](",
        ")",
        "![",
        "https://evil.example",
        "javascript:x",
        "data:text/html,x",
        "&lt;",
        "&#0;",
        "&#x110000;",
        "&",
    ),
    *("```suggestion:-0+0\n", "text", "\r\n", "\u202e", "\ud800", "\u2028", "\x00", "🎉"),
)


@needs_chromium
@pytest.mark.parametrize(
    "text",
    [
        "[" + "`a`" * 60,
        "[" * 5000,
        "*a " * 5000,
        "**a" * 5000,
        "> " * 5000 + "x",
        "- " * 5000 + "x",
        "<details>" * 2000,
        "<sub>" * 5000,
        "# a" + " " * 20_000 + "b",
        "```" + " " * 20_000 + "`",
        "| a |\n" + "| - " * 5000,
        "&amp;" * 5000,
        "`" * 9000 + "x",
    ],
    ids=lambda text: text[:6].strip(),
)
def test_a_hostile_text_is_drawn_and_does_not_hold_up_the_page(markdown_page, text):
    html = rendered(markdown_page, text)
    assert 0 < len(html) < 60 * len(text) + 1000


@needs_chromium
@settings(max_examples=150, deadline=None)
@given(text=st.lists(st.sampled_from(FRAGMENTS), max_size=25).map("".join))
def test_no_text_whatever_becomes_another_element_or_a_link_away(markdown_page, text):
    found = markdown_page.run(
        "import('/sandbox/static/markdown.js').then(({markdown}) => {"
        f"const all = [...markdown({as_script(text)}).querySelectorAll('*')];"
        "return [all.map(one => one.tagName), all.filter(one => one.href).map(one => new URL(one.href).origin),"
        " all.flatMap(one => one.getAttributeNames()), location.origin]; })"
    )
    tags, origins, attributes, own = found
    assert set(tags) <= TAGS
    assert set(origins) <= {own}
    assert set(attributes) <= {"class", "href", "start", "tabindex", "role", "aria-label", "title"}


# --- what the server says of it


def test_every_part_is_served_with_its_type_and_a_policy_that_lets_nothing_else_in(still):
    for path in STATIC.iterdir():
        answer = httpx2.get(f"{still.url}/sandbox/static/{path.name}")
        assert (answer.status_code, answer.content) == (200, path.read_bytes())
        assert answer.headers["content-type"] == served.TYPES[path.name]
        assert answer.headers["content-security-policy"].startswith("default-src 'self'")
    assert {path.name for path in STATIC.iterdir()} == set(served.TYPES)


def test_a_merge_requests_address_is_its_page(still):
    answer = httpx2.get(f"{still.url}/{PROJECT}/-/merge_requests/1")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert httpx2.get(f"{still.url}/{PROJECT}/-/merge_requests/99").status_code == 404


@pytest.mark.parametrize("name", ["page.py", "..%2Fpage.py", "%2e%2e/page.py", "nothing.js"])
def test_only_the_listed_parts_are_served(still, name):
    assert httpx2.get(f"{still.url}/sandbox/static/{name}").status_code == 404


def test_the_form_gets_text_only(still):
    def status(**query: str) -> int:
        return httpx2.get(
            f"{still.url}/sandbox/file", params={"project": PROJECT, "ref": BRANCH} | query
        ).status_code

    assert status(path="README.md") == 200
    assert status(path="nothing.md") == 404
    assert status(path="data/codes.db") == 415
    assert status(path="README.md", project="acme/none") == 404
    assert status(path="README.md", ref="--help") == 404
    assert status(path="README.md", ref="none") == 404


def test_the_page_asks_nothing_of_other_sites():
    for path in STATIC.iterdir():
        addresses = re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", path.read_text("utf-8"))
        assert [address for address in addresses if address != "http://www.w3.org"] == [], path
