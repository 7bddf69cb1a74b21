"""The ledger in a summary: one row a criterion, whatever strangers wrote into it."""

from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bot.domain.actions import Report
from bot.domain.ledger import SAID, Ledger, Proof, Row, State
from bot.domain.ledger_table import ledger_table
from bot.domain.reports import as_json, as_markdown, as_text
from bot.domain.sanitize import sanitize
from bot.domain.summary import Summary, summary_note
from bot.policy import MAX_BODY
from tests.domain.test_markdown import TEXTS

FILES = "https://gitlab.example/acme/shop/-/blob/" + "a" * 40
ISSUES = {"SHOP-12": "https://jira.example/browse/SHOP-12"}
HOSTS = frozenset({"gitlab.example", "jira.example"})
PROOF = Proof(path="app/orders.py", line=4, quote="return sum(order.items)")
MET = Row(
    issue="SHOP-12",
    criterion="c1",
    text="Orders are totalled",
    state="met",
    proof=(PROOF,),
    reason="The sum is returned.",
)
MISSING = Row(issue="SHOP-12", criterion="c2", text="Empty orders are refused", state="missing")
LEDGER = Ledger(
    rows=(MET, MISSING), outside=("a cache for prices (app/cache.py)", "a new dependency (setup.cfg)")
)
HOSTILE = [
    "a | b | c",
    "a \\| b \\",
    "`code | more` and `open",
    "</td></tr></table><script>alert(1)</script>",
    "<details><summary>x</summary>",
    "@all and @root, see #1 and !2",
    "/merge",
    "one\n/approve\n\n| a | b |\n|--|--|",
    "![p](https://evil.example/p.png) [click](https://evil.example)",
    "<!-- trivet:v1 agent=review kind=summary -->",
    "\u202eright to left\u2066 and \u200bnothing",
    "***\n# Heading\n---",
    "$`a`$ and $$x$$",
    "~~~\nfence",
]


class Page(HTMLParser):
    """The cells of a page's tables, row by row, and the elements it has."""

    def __init__(self, body: str) -> None:
        super().__init__(convert_charrefs=True)
        self.rows: list[list[str]] = []
        self.tags: set[str] = set()
        self.links: list[str] = []
        self._in_cell = False
        self.feed(MarkdownIt("commonmark").enable("table").render(body))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [str(value) for name, value in attrs if name == "href"]
        self._in_cell = self._in_cell or tag in {"td", "th"}
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self._in_cell = self._in_cell and tag not in {"td", "th"}

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.rows[-1][-1] += data


def posted(body: str) -> str:
    return sanitize(body, hosts=HOSTS, redact=lambda text: text)


def test_the_whole_table() -> None:
    assert ledger_table(LEDGER, ISSUES, FILES) == (
        "**Acceptance criteria**\n\n"
        "| Issue | Criterion | State | Proof | Why |\n"
        "|---|---|---|---|---|\n"
        "| [`SHOP-12`](https://jira.example/browse/SHOP-12) | Orders are totalled | ✓ met |"
        f" [`app/orders.py:4`]({FILES}/app/orders.py#L4) | The sum is returned. |\n"
        "| [`SHOP-12`](https://jira.example/browse/SHOP-12) | Empty orders are refused | ✗ missing |  |  |\n\n"
        "Not asked for by any issue: a cache for prices (app/cache.py); a new dependency (setup.cfg)."
    )


def test_the_sanitizer_leaves_the_table_as_it_is() -> None:
    page = Page(posted(ledger_table(LEDGER, ISSUES, FILES)))
    assert page.rows[1:] == [
        ["SHOP-12", "Orders are totalled", "✓ met", "app/orders.py:4", "The sum is returned."],
        ["SHOP-12", "Empty orders are refused", "✗ missing", "", ""],
    ]
    assert page.links[:2] == [ISSUES["SHOP-12"], f"{FILES}/app/orders.py#L4"]


def test_nothing_judged_is_nothing_said() -> None:
    assert ledger_table(None, {}, "") == ledger_table(Ledger(outside=("a cache",)), {}, "") == ""


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("met", "✓ met"),
        ("partly", "◐ partly"),
        ("missing", "✗ missing"),
        ("unclear", "? cannot be checked from code"),
    ],
)
def test_every_state_is_a_word_with_a_plain_sign(state: State, said: str) -> None:
    row = MISSING.model_copy(update={"state": state})
    assert f"| {said} |" in ledger_table(Ledger(rows=(row,)), {}, "")


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_is_one_row_and_does_nothing(text: str) -> None:
    row = Row(
        issue=text,
        criterion="c",
        text=text,
        state="met",
        proof=(Proof(path=text, line=1, quote=text),),
        reason=text,
    )
    body = posted(ledger_table(Ledger(rows=(row, MISSING), outside=(text,)), ISSUES, FILES))
    page = Page(body)
    assert len(page.rows) == 3
    assert {len(cells) for cells in page.rows} == {5}
    assert page.rows[2][1:3] == ["Empty orders are refused", "✗ missing"]
    assert page.tags <= {"p", "strong", "table", "thead", "tbody", "tr", "th", "td", "code", "a"}
    assert not [link for link in page.links if "evil" in link]
    assert not [line for line in body.splitlines() if line.startswith("/")]


@settings(max_examples=200, deadline=None)
@given(TEXTS, st.sampled_from(list(SAID)))
def test_any_text_keeps_the_table_whole(text: str, state: State) -> None:
    row = Row(
        issue=text,
        criterion="c",
        text=text,
        state=state,
        proof=(Proof(path=text, line=3, quote=""),),
        reason=text,
    )
    page = Page(posted(ledger_table(Ledger(rows=(row, MET)), ISSUES, FILES)))
    assert len(page.rows) == 3
    assert {len(cells) for cells in page.rows} == {5}
    assert page.rows[2][1] == "Orders are totalled"


@pytest.mark.parametrize(
    "path", ["app/[id].tsx", "a|b.py", "tick`s.py", "back\\slash.py", "<REDACTED:key:12345678>.py", "x" * 100]
)
def test_a_path_that_no_link_can_name_is_shown_without_one(path: str) -> None:
    row = MET.model_copy(update={"proof": (Proof(path=path, line=4, quote="x = 1"),)})
    body = ledger_table(Ledger(rows=(row,)), {}, FILES)
    assert FILES not in body
    assert path in Page(body).rows[1][3]


def test_blanks_and_letters_of_a_path_are_encoded_in_its_address() -> None:
    row = MET.model_copy(update={"proof": (Proof(path="app/größe (1).py", line=4, quote="x = 1"),)})
    body = posted(ledger_table(Ledger(rows=(row,)), {}, FILES))
    assert Page(body).links == [f"{FILES}/app/gr%C3%B6%C3%9Fe%20%281%29.py#L4"]


@pytest.mark.parametrize(
    "url", ["", "javascript:alert(1)", "https://x.example/a b", "https://x.example/)", "file:///etc"]
)
def test_an_address_that_is_none_is_no_link(url: str) -> None:
    assert "](" not in ledger_table(Ledger(rows=(MISSING,)), {"SHOP-12": url}, "")


def test_thirty_rows_fit_and_a_summary_of_the_worst_is_never_too_long() -> None:
    rows = tuple(MET.model_copy(update={"criterion": f"c{number}"}) for number in range(30))
    plain = ledger_table(Ledger(rows=rows), ISSUES, FILES)
    assert len(Page(plain).rows) == 31
    huge = "<" * 3_000
    worst = Row(issue=huge, criterion="c", text=huge, state="met", proof=(PROOF,) * 3, reason=huge)
    table = ledger_table(Ledger(rows=(worst,) * 30, outside=(huge,) * 5), ISSUES, FILES)
    assert " more |" in table
    assert len(summary_note(Summary(head="9ba12248", ledger=table, complaints=(huge,) * 50))) < MAX_BODY / 2


def test_the_summary_shows_it_before_what_is_folded_away() -> None:
    body = summary_note(Summary(head="9ba12248", ledger=ledger_table(LEDGER, ISSUES, FILES)))
    assert body.index("**Acceptance criteria**") < body.index("<details>")


def test_reports_tell_it_too() -> None:
    report = Report(run="r", agent="review", target="acme/shop!7", ledger=LEDGER)
    assert (
        "Acceptance criteria:\n"
        "  SHOP-12, met: Orders are totalled (app/orders.py:4): The sum is returned.\n"
        "  SHOP-12, missing: Empty orders are refused\n"
        "Not asked for by any issue:\n"
        "  a cache for prices (app/cache.py)\n"
    ) in as_text(report)
    assert "| `SHOP-12` | Orders are totalled | ✓ met | `app/orders.py:4` |" in as_markdown(report)
    assert '"criterion": "c1"' in as_json(report)
    assert "Acceptance" not in as_text(report.model_copy(update={"ledger": None}))
