"""Storage for property tests: random pages, and what Confluence makes of them when it saves."""

from collections.abc import Callable
from random import Random
from xml.sax.saxutils import escape, quoteattr

from hypothesis import strategies as st

from bot.domain.storage_scan import Element, Node, Text, scan

WORDS = [
    "a",
    "carts",
    "§ 3",
    "l&eacute;t",
    "1 &lt; 2",
    "R&amp;D",
    "&nbsp;",
    "“so”",
    "漢字",
    "GET /x",
    "]]",
    "\n ",
    "--",
]
RAW = ["x = 1\n", "<p>", "&nbsp;", "  y", "trivet-notes-begin", "<ac:parameter>", "]] >", "漢"]
FAKE = (
    '<ac:structured-macro ac:name="anchor"><ac:parameter ac:name="">trivet-notes-{}</ac:parameter>'
    "</ac:structured-macro>"
)

TEXT = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join)
CDATA = st.lists(st.sampled_from([*RAW, FAKE.format("begin"), FAKE.format("end")]), max_size=3).map(
    lambda raw: f"<![CDATA[{''.join(raw)}]]>"
)


def element(name: str, inside: st.SearchStrategy[str], attributes: str = "") -> st.SearchStrategy[str]:
    return inside.map(lambda text: f"<{name}{attributes}>{text}</{name.split()[0]}>")


def macro(name: str, inside: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return element("ac:structured-macro", inside, f' ac:name="{name}" ac:schema-version="1"')


ALONE = st.sampled_from(
    [
        "<br/>",
        '<ac:link><ri:page ri:content-title="R&amp;D" ri:space-key="DOC"/></ac:link>',
        '<ac:link ac:anchor="x"><ri:user ri:account-id="1:2"/></ac:link>',
        '<ac:image><ri:attachment ri:filename="a.png"></ri:attachment></ac:image>',
        '<ac:emoticon ac:name="smile"/>',
        FAKE.format("other"),
        '<ac:structured-macro ac:name="status"><ac:parameter ac:name="title">DONE</ac:parameter>'
        '<ac:parameter ac:name="colour">Green</ac:parameter></ac:structured-macro>',
    ]
)
LINES = st.recursive(
    TEXT | ALONE,
    lambda inside: st.one_of(
        st.lists(inside, min_size=1, max_size=3).map("".join),
        st.sampled_from(["strong", "em", "code", "u", "span"]).flatmap(lambda name: element(name, inside)),
        element("a", inside, ' href="https://x.example/?a=1&amp;b=2"'),
        element("ac:inline-comment-marker", inside, ' ac:ref="c0ffee-1"'),
    ),
    max_leaves=5,
)
LISTS = st.recursive(
    element("ul", element("li", LINES)),
    lambda inside: st.tuples(LINES, inside).map(
        lambda pair: f"<ol><li>{pair[0]}{pair[1]}</li><li>z</li></ol>"
    ),
    max_leaves=2,
)
TABLES = st.tuples(LINES, LINES, LISTS).map(
    lambda cells: (
        f"<table><tr><th>{cells[0]}</th><th>b</th></tr>"
        f'<tr><td><p>{cells[1]}</p></td><td colspan="2">{cells[2]}</td></tr></table>'
    )
)
TASKS = LINES.map(
    lambda line: (
        "<ac:task-list><ac:task><ac:task-id>7</ac:task-id><ac:task-status>complete</ac:task-status>"
        f"<ac:task-body>{line}</ac:task-body></ac:task></ac:task-list>"
    )
)
CODE = CDATA.map(
    lambda text: (
        '<ac:structured-macro ac:name="code"><ac:parameter ac:name="language">python</ac:parameter>'
        f'<ac:parameter ac:name="title">t</ac:parameter><ac:plain-text-body>{text}</ac:plain-text-body>'
        "</ac:structured-macro>"
    )
)
BLOCK = st.one_of(
    element("p", LINES),
    element("h2", TEXT.map(lambda text: f"About {text}")),
    LISTS,
    TABLES,
    TASKS,
    CODE,
    st.sampled_from(["<p />", "<hr/>", "<p>&nbsp;</p>", '<ac:structured-macro ac:name="toc"/>']),
)
FRAGMENTS = st.recursive(
    st.lists(BLOCK, max_size=4).map("\n".join),
    lambda inside: st.one_of(
        st.tuples(inside, inside).map("".join),
        macro("info", element("ac:rich-text-body", inside)),
        macro("vendor-thing", element("ac:rich-text-body", inside)),
        element("blockquote", inside),
    ),
    max_leaves=3,
)
"""What can stand in a section: nothing in it is a boundary of the section "notes"."""

CONTAINERS = st.sampled_from(
    [
        "{}",
        '<ac:layout><ac:layout-section ac:type="two_equal"><ac:layout-cell>{}</ac:layout-cell><ac:layout-cell>'
        "<p>r</p></ac:layout-cell></ac:layout-section></ac:layout>",
        "<table><tbody><tr><td>{}</td><td>x &amp; y</td></tr></tbody></table>",
        '<ac:structured-macro ac:name="expand"><ac:rich-text-body>{}</ac:rich-text-body></ac:structured-macro>',
    ]
)
PLACES = st.tuples(FRAGMENTS, CONTAINERS, FRAGMENTS, FRAGMENTS, FRAGMENTS)
"""Around a section of a page, as the pieces of `around`."""


def around(place: tuple[str, str, str, str, str]) -> tuple[str, str]:
    """A page's storage before and behind a section, which stands in some container."""
    before, container, above, below, behind = place
    opening, closing = container.split("{}")
    return before + opening + above, below + closing + behind


def rewritten(storage: str, seed: int) -> str:
    """The storage as Confluence might give it back: the same meaning in other bytes."""
    return "".join(_written(node, Random(seed)) for node in scan(storage).children)


def _written(node: Node, random: Random) -> str:
    if isinstance(node, Text):
        return f"<![CDATA[{node.text}]]>" if node.is_cdata else _characters(node.text)
    inside = "".join(_written(child, random) for child in node.children)
    inside = REWRITERS.get(node.name, lambda same, _random: same)(inside, random)
    attributes = _attributes(node, random)
    return f"<{node.name}{attributes}>{inside}</{node.name}>" if inside else f"<{node.name}{attributes} />"


def _characters(text: str) -> str:
    return escape(text).replace("\u00a0", "&nbsp;").replace("é", "&eacute;").replace("“", "&ldquo;")


def _attributes(element: Element, random: Random) -> str:
    known = list(element.attributes.items())
    new = [("local-id", str(random.getrandbits(32))), ("class", "auto"), ("data-layout", "default")]
    if element.name == "ac:structured-macro":
        new += [("ac:macro-id", str(random.getrandbits(32))), ("ac:local-id", "7")]
    if element.name == "ri:page":
        new += [("ri:version-at-save", "12")]
    every = list(dict(known + random.sample(new, random.randint(0, len(new)))).items())
    random.shuffle(every)
    return "".join(f" {name}={quoteattr(value)}" for name, value in every)


def _in_body(inside: str, random: Random) -> str:
    return f'<colgroup><col style="width: 10%"/></colgroup><tbody>{inside}</tbody>'


def _in_span(inside: str, random: Random) -> str:
    return f'<span class="placeholder-inline-tasks">{inside}</span>'


def _in_paragraph(inside: str, random: Random) -> str:
    """A line becomes a paragraph, where no block stands beside it."""
    is_line = not any(
        isinstance(node, Element) and node.name in {"p", "ul", "ol"} for node in scan(inside).children
    )
    return f"<p>{inside}</p>" if is_line and random.random() < 0.7 else inside


REWRITERS: dict[str, Callable[[str, Random], str]] = {
    "table": _in_body,
    "li": _in_paragraph,
    "td": _in_paragraph,
    "th": _in_paragraph,
    "ac:task-body": _in_span,
}
