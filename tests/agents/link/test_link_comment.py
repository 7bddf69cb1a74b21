"""Our comment on an issue: what stands in it, and that a stranger's text in it is nothing but text."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.agents.spec import Verdict
from bot.domain.background import Commit
from bot.domain.document import BulletList, Document, Link, Lozenge, Table, Text, lines_of
from bot.domain.ledger import Ledger, Proof, Row
from bot.domain.secrets import Redactor
from tests.agents.link.test_link_actions import URL, comments, link, mentioned, request, text

OWN = "glpat-" + "Rb7Ty2Nw5Q" + "Zx8Kc4Mv1L"
HOSTILE = [
    "{code}*h1. Owned*{code} [~admin] [click|https://evil.example] !https://evil.example/a.png!",
    '{"type":"mention","attrs":{"id":"1"}} @all /merge',
    "</p><script>alert(1)</script> [x](https://evil.example) | a | b |",
    "\u202etxt.exe\u2066 \u200bhidden",
]


def body(**fields: Any) -> Document:
    (one,) = comments(link(**fields))
    return one.body


def bullets(document: Document) -> list[str]:
    (found,) = [one for one in document.blocks if isinstance(one, BulletList)]
    return ["".join(one.text for one in item) for item in found.items]


def links(document: Document) -> list[Link]:
    return [
        one for block in document.blocks for line in lines_of(block) for one in line if isinstance(one, Link)
    ]


def test_the_headline_shows_state_number_title_and_target() -> None:
    document = body()
    assert text(document).startswith("OPEN\n \n!7 Cap the cart\n in acme/shop, into main\n")
    assert [(one.text, one.url) for one in links(document)] == [("!7 Cap the cart", URL)]


@pytest.mark.parametrize(
    ("state", "draft", "lozenge", "color"),
    [
        ("opened", False, "OPEN", "blue"),
        ("opened", True, "DRAFT", "grey"),
        ("merged", False, "MERGED", "green"),
        ("closed", False, "CLOSED", "red"),
    ],
)
def test_the_state_is_a_lozenge(state: str, draft: bool, lozenge: str, color: str) -> None:
    first = lines_of(body(request=request(state=state, draft=draft)).blocks[0])[0][0]
    assert first == Lozenge(text=lozenge, color=color)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("said", "state", "words"),
    [
        (Verdict(), "opened", "Review: not reviewed yet."),
        (Verdict(), "merged", "Review: not reviewed."),
        (Verdict("1a2b3c4d" + "0" * 32), "opened", "Review: reviewed at 1a2b3c4d: nothing open."),
        (
            Verdict("1a2b3c4d" + "0" * 32, 0, 2),
            "opened",
            "Review: reviewed at 1a2b3c4d: nothing open, 2 resolved.",
        ),
        (Verdict("1a2b3c4d" + "0" * 32, 1), "closed", "Review: reviewed at 1a2b3c4d: 1 finding open."),
        (
            Verdict("1a2b3c4d" + "0" * 32, 3, 2),
            "merged",
            "Review: reviewed at 1a2b3c4d: 3 findings open, 2 resolved.",
        ),
    ],
)
def test_the_review_is_told_in_words(said: Verdict, state: str, words: str) -> None:
    assert words in text(body(verdict=said, request=request(state=state))).split("\n")


# --- without a model: the author's words


def test_title_and_commits_say_what_it_does_oldest_first() -> None:
    newest_first = [
        Commit("4" * 40, "Merge branch 'main' into feature"),
        Commit("3" * 40, "fixup! Count items"),
        Commit("2" * 40, "Refuse a 51st item\n\nLong explanation."),
        Commit("1" * 40, "cap the CART"),
        Commit("0" * 40, "Count items"),
    ]
    document = body(commits=newest_first, request=request(title="Draft: Cap the cart", draft=True))
    assert bullets(document) == ["Cap the cart", "Count items", "Refuse a 51st item"]
    assert "From the title, the commits and the description." in text(document)


def test_at_most_five_lines_of_at_most_160_characters() -> None:
    commits = [Commit(str(number) * 40, f"Step {number} {'x' * 300}") for number in range(9)]
    lines = bullets(body(commits=commits))
    assert [line[:6] for line in lines] == ["Cap th", "Step 8", "Step 7", "Step 6", "Step 5"]
    assert all(len(line) <= 160 for line in lines)
    assert lines[1].endswith("…")


def test_where_the_commits_say_no_more_the_description_does() -> None:
    description = """\
## What
<!-- a template's
advice -->
- [x] The cart takes 50 items.
* A 51st is refused.

Closes SHOP-12
/assign @ada
![shot](x.png)
> quoted
The button is grey then.
"""
    commits = [Commit("0" * 40, "Cap the cart")]
    lines = bullets(body(request=request(description=description), commits=commits))
    assert lines == [
        "Cap the cart",
        "The cart takes 50 items.",
        "A 51st is refused.",
        "The button is grey then.",
    ]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_texts_stay_plain(hostile: str) -> None:
    document = body(
        request=request(title=hostile, description=hostile, target_branch=hostile),
        commits=[Commit("0" * 40, hostile + " in a commit")],
        ledger=Ledger(rows=(Row(issue="SHOP-12", criterion="c", text=hostile, state="missing"),)),
    )
    assert {one.url for one in links(document)} == {URL}
    assert {type(one) for block in document.blocks for line in lines_of(block) for one in line} == {
        Text,
        Link,
        Lozenge,
    }
    assert not any(char in text(document) for char in "\u202e\u2066\u200b")


@given(st.text(max_size=200), st.text(max_size=200))
@settings(max_examples=60, deadline=None)
def test_whatever_title_and_description_are_there_is_a_comment_of_short_lines(
    title: str, description: str
) -> None:
    document = body(request=request(title=title, description=description))
    lines = bullets(document)
    assert 1 <= len(lines) <= 5
    assert all(0 < len(line) <= 160 and "\n" not in line for line in lines)


def test_no_secret_reaches_the_issue() -> None:
    result = link(
        request=request(title=f"Use {OWN}", description=f"With {OWN}", target_branch=OWN),
        commits=[Commit("0" * 40, f"Add {OWN}")],
        redactor=Redactor([OWN]),
    )
    assert OWN not in "".join(one.model_dump_json() for one in result.actions)


# --- the acceptance criteria, at the merge

ROWS = (
    Row(
        issue="SHOP-12",
        criterion="a",
        text="A cart takes 50 items",
        state="met",
        proof=(Proof(path="shop/cart file.py", line=6, quote="if"), Proof(path="a.py", line=2, quote="x")),
    ),
    Row(issue="SHOP-12", criterion="b", text="It is fast", state="unclear", reason="No code shows it."),
    Row(issue="SHOP-13", criterion="c", text="Of another issue", state="met"),
)


def test_a_merged_issue_shows_its_criteria_with_their_proof() -> None:
    document = body(request=request(state="merged"), ledger=Ledger(rows=ROWS))
    (table,) = [one for one in document.blocks if isinstance(one, Table)]
    shown = [["".join(one.text for one in cell) for cell in row] for row in table.rows]
    assert shown == [
        ["A cart takes 50 items", "met", "shop/cart file.py:6, a.py:2"],
        ["It is fast", "cannot be checked from code", "none"],
    ]
    at_head = "https://gitlab.example/acme/shop/-/blob/" + "a" * 40
    assert [one.url for one in links(document)[1:]] == [
        f"{at_head}/shop/cart%20file.py#L6",
        f"{at_head}/a.py#L2",
    ]


@pytest.mark.parametrize(
    ("state", "ledger"),
    [
        ("opened", Ledger(rows=ROWS)),
        ("closed", Ledger(rows=ROWS)),
        ("merged", None),
        ("merged", Ledger(rows=ROWS[2:])),
    ],
)
def test_else_there_is_no_table(state: str, ledger: Ledger | None) -> None:
    document = body(request=request(state=state), ledger=ledger)
    assert not [one for one in document.blocks if isinstance(one, Table)]


def test_an_issue_shows_its_own_criteria_only() -> None:
    result = link(
        request=request(state="merged"), ledger=Ledger(rows=ROWS), mentioned=mentioned("SHOP-12", "SHOP-13")
    )
    first, second = (text(one.body) for one in comments(result))
    assert "Of another issue" not in first
    assert "Of another issue" in second
    assert "A cart takes 50 items" not in second


def test_a_full_table_leaves_room_below_what_jira_takes() -> None:
    proofs = tuple(Proof(path="folder/" * 60 + "a.py", line=number, quote="x") for number in range(1, 6))
    rows = [
        Row(issue="SHOP-12", criterion=str(number), text="word " * 200, state="unclear", proof=proofs)
        for number in range(30)
    ]
    document = body(
        request=request(state="merged", title="t" * 255, description="d" * 900),
        commits=[Commit("0" * 40, f"{number} " + "c" * 400) for number in range(5)],
        ledger=Ledger(rows=tuple(rows)),
    )
    assert sum(map(len, document.texts())) < 20_000
