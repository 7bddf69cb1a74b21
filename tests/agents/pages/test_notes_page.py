"""The text of release notes: what stands where, and that a stranger's text in it is nothing but text."""

from dataclasses import replace
from typing import Any
from xml.parsers.expat import ParserCreate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.agents.pages.notes import notes
from bot.agents.spec import AgentResult, NotesPage
from bot.domain.actions import WriteSection
from bot.domain.document import BulletList, Document, Heading, Link, Panel, Paragraph, lines_of
from bot.domain.flow import CodeProject
from bot.domain.releases import MergedRequest
from bot.domain.secrets import Redactor
from bot.domain.storage import to_storage
from tests.agents.pages.test_notes_rules import GITLAB, PROJECT, context, issue, page, request

OWN = "glpat-" + "Rb7Ty2Nw5Q" + "Zx8Kc4Mv1L"
HOSTILE = [
    "<script>alert(1)</script> <b>bold</b> &nbsp;",
    '</li></ul><ac:structured-macro ac:name="html"><ac:plain-text-body><![CDATA[<x>]]></ac:plain-text-body>',
    '<ac:link><ri:user ri:userkey="1"/></ac:link> [~admin] @all @ada',
    "[click](javascript:alert(1)) javascript:alert(1) https://evil.example",
    "\u202etxt.exe\u2066 \u200bhidden\nsecond line\r\n# heading",
    "x" * 10_000,
]


OURS = {"p", "h2", "ul", "li", "a", "em", "ac:rich-text-body", "ac:structured-macro warning"}
"""What release notes are made of."""


def markup(storage: str) -> set[str]:
    """The names of all elements; a macro's with the macro's own."""
    names: set[str] = set()
    parser = ParserCreate()
    parser.StartElementHandler = lambda name, given: names.add(f"{name} {given.get('ac:name', '')}".strip())
    parser.Parse(f"<page>{storage}</page>".encode(), True)
    return names - {"page"}


def run(*pages: NotesPage, **fields: Any) -> AgentResult:
    return notes(context(*pages, **fields))


def section(*merged: MergedRequest, **fields: Any) -> WriteSection:
    (one,) = [action for action in run(page(*merged, **fields)).actions if isinstance(action, WriteSection)]
    return one


def body(*merged: MergedRequest, **fields: Any) -> Document:
    document = section(*merged, **fields).body
    assert document is not None
    return document


def lines(document: Document) -> list[str]:
    """Each line as it is read: "## " before a heading, "- " before an item, "! " in a panel."""
    marks = {Heading: "## ", BulletList: "- ", Panel: "! ", Paragraph: ""}
    return [
        marks[type(block)] + "".join(one.text for one in line)
        for block in document.blocks
        for line in lines_of(block)
    ]


def links(document: Document) -> list[tuple[str, str]]:
    return [
        (one.text, one.url)
        for block in document.blocks
        for line in lines_of(block)
        for one in line
        if isinstance(one, Link)
    ]


# --- what stands where


def test_a_page_from_top_to_bottom() -> None:
    merged = [
        request(1, "fix: round once"),
        request(2, "feat(cart): cap the cart", author_name="", author="grace"),
        request(3, "chore: tidy"),
        request(4, "Show totals", description="BREAKING CHANGE: Totals are cents."),
        request(5, "feat: guests pay"),
        request(6, "Update redis", author="renovate-bot"),
        request(7, "ci: cache"),
    ]
    issues = {2: [issue("SHOP-12"), issue("SHOP-13")], 4: [issue("SHOP-14", "Bug")]}
    assert lines(body(*merged, issues=issues)) == [
        "What the next version of acme/shop brings: 7 merge requests since v1.1.0 so far. Compare the code",
        "## Breaking changes",
        "! Read these before you upgrade.",
        "- Totals are cents. (!4, as its author says)",
        "## Features",
        "- cap the cart (SHOP-12, SHOP-13, !2, by grace)",
        "- guests pay (!5, by Ada Lovelace)",
        "## Fixes",
        "- round once (!1, by Ada Lovelace)",
        "- Show totals (SHOP-14, !4, by Ada Lovelace)",
        "Not listed: dependency updates by bots (1), maintenance (2).",
    ]


def test_issues_and_merge_requests_are_links() -> None:
    document = body(request(2), issues={2: [issue()]})
    assert links(document)[1:] == [
        ("SHOP-12", "https://jira.example/browse/SHOP-12"),
        ("!2", f"{GITLAB}/-/merge_requests/2"),
    ]


def test_of_many_issues_the_first_are_named() -> None:
    many = [issue(f"SHOP-{number}") for number in range(1, 31)]
    document = body(request(2), issues={2: many})
    assert len(links(document)) == 1 + 10 + 1
    assert lines(document)[-1].endswith("SHOP-9, SHOP-10, 20 more, !2, by Ada Lovelace)")


@pytest.mark.parametrize(
    ("version", "since", "intro", "link"),
    [
        (
            "v1.2.0",
            "v1.1.0",
            "Version v1.2.0 of acme/shop: 1 merge request since v1.1.0. Compare the code",
            f"{GITLAB}/-/compare/v1.1.0...v1.2.0",
        ),
        (
            "next",
            "rel/1 0",
            "What the next version of acme/shop brings: 1 merge request since rel/1 0 so far. Compare the code",
            f"{GITLAB}/-/compare/rel%2F1%200...main",
        ),
        ("v1.0.0", "", "Version v1.0.0 of acme/shop: 1 merge request. Open the project", GITLAB),
    ],
)
def test_it_begins_with_what_it_is_about(version: str, since: str, intro: str, link: str) -> None:
    document = body(request(1), version=version, since=since)
    assert (lines(document)[0], links(document)[0][1]) == (intro, link)


def test_a_project_without_an_address_is_named_alone() -> None:
    (action,) = run(page(request(1)), project=CodeProject(1, "acme/shop", "private")).actions
    assert isinstance(action, WriteSection)
    assert action.body is not None
    assert links(action.body) == [("!1", f"{GITLAB}/-/merge_requests/1")]


def test_nothing_of_note_is_said_in_one_sentence() -> None:
    assert lines(body(request(1, "ci: a"), request(2, "docs!: b", labels=("internal",))))[1:] == [
        "Nothing in it is of note to users.",
        "Not listed: kept out by a label (1), maintenance (1).",
    ]
    assert lines(body())[1:] == ["Nothing was merged."]


def test_what_has_no_room_is_counted_and_told() -> None:
    result = run(page(request(1), left_out=12))
    (action,) = result.actions
    assert isinstance(action, WriteSection)
    assert action.body is not None
    assert lines(action.body)[0].startswith("What the next version of acme/shop brings: 13 merge requests ")
    assert lines(action.body)[-1] == "12 merge requests merged before these have no room here."
    assert any("12 merge requests left out" in one for one in result.complaints)


# --- as much as there is


def items(document: Document) -> list[str]:
    return [to_storage(Document(blocks=(BulletList(items=(item,)),))) for item in _items(document)]


def _items(document: Document) -> list[Any]:
    return [item for block in document.blocks if isinstance(block, BulletList) for item in block.items]


@given(st.lists(st.sampled_from(["feat: a", "fix: b", "c", "feat!: d", "ci: e"]), max_size=8))
@settings(max_examples=40, deadline=None)
def test_one_more_merge_is_one_more_item_and_all_others_stay(titles: list[str]) -> None:
    merged = [request(number, title) for number, title in enumerate(titles, 1)]
    before, after = body(*merged), body(*merged, request(99, "feat: new"))
    left = items(after)
    for item in items(before):
        left.remove(item)
    assert len(left) == 1
    assert "new" in left[0]
    for old in before.blocks[1:]:
        assert old in after.blocks or isinstance(old, BulletList | Paragraph)


def test_five_hundred_fit_a_section_the_latest_first() -> None:
    merged = [request(number, f"feat: {number} {'long words ' * 30}") for number in range(1, 501)]
    issues = {one.iid: [issue(f"SHOP-{one.iid}")] for one in merged}
    result = run(page(*merged, issues=issues))
    (action,) = result.actions
    assert isinstance(action, WriteSection)
    assert action.body is not None
    assert 80_000 < len(to_storage(action.body)) < 100_000
    listed = [item[0].text.split()[0] for item in _items(action.body)]
    assert 150 < len(listed) < 500
    assert listed == [str(number) for number in range(501 - len(listed), 501)]
    assert (
        lines(action.body)[-1] == f"{500 - len(listed)} merge requests merged before these have no room here."
    )
    assert any(f"{500 - len(listed)} merge requests left out" in one for one in result.complaints)


def test_five_hundred_that_break_much_leave_room_for_the_rest() -> None:
    said = "\n\n".join(f"BREAKING CHANGE: {number} {'long words ' * 25}" for number in range(5))
    document = body(*(request(number, f"feat: {number}", description=said) for number in range(1, 501)))
    assert len(to_storage(document)) < 100_000
    breaking, features = [block.items for block in document.blocks if isinstance(block, BulletList)]
    assert len(features) > 200
    assert [item[2].text for item in breaking] == sorted(
        (item[2].text for item in breaking), key=lambda one: int(one[1:])
    )
    assert breaking[-1][2].text == "!500"
    told = len({item[2].text for item in breaking})
    assert f"have no room here: {500 - told} merge requests." in "".join(lines(document))


def test_five_hundred_short_ones_all_fit() -> None:
    merged = [
        request(number, f"feat: {number}", url=f"https://git.example/a/b/-/merge_requests/{number}")
        for number in range(1, 501)
    ]
    assert len(_items(body(*merged))) == 500


# --- people's texts


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_title_is_text_and_nothing_else(hostile: str) -> None:
    one = request(1, hostile, author_name=hostile, description=f"BREAKING CHANGE: {hostile}")
    document = body(one, version=hostile[:50], since=hostile[:50])
    known = {f"{GITLAB}/-/merge_requests/1"}
    assert all(url in known or url.startswith(f"{GITLAB}/-/compare/") for _, url in links(document))
    assert markup(to_storage(document)) <= OURS
    assert not {"\u202e", "\u2066", "\u200b", "\r"} & set("".join(document.texts()))
    assert [type(block) for block in document.blocks] == [
        Paragraph, Heading, Panel, BulletList, Heading, BulletList,
    ]  # fmt: skip
    assert all("\n" not in text and len(text) <= 400 for text in document.texts())


def test_an_author_is_named_and_not_mentioned() -> None:
    assert lines(body(request(1, author_name="@ada")))[-1] == "- Cap the cart (!1, by ada)"
    assert lines(body(request(1, author_name="", author="")))[-1] == "- Cap the cart (!1)"


def test_a_merge_request_without_a_title_is_listed() -> None:
    assert lines(body(request(1, "\u200b")))[-1].endswith("(!1, by Ada Lovelace)")
    assert lines(body(request(1, " ")))[-1] == "- (no title) (!1, by Ada Lovelace)"


def test_no_secret_stands_on_the_page() -> None:
    one = request(1, f"feat!: use {OWN}", author_name=OWN, description=f"BREAKING CHANGE: {OWN}")
    noise = request(2, f"ci: {OWN}")
    kept = {"breaking": {"1": [f"It was {OWN}"]}}
    given = page(one, noise, version=OWN, since=OWN, title=OWN, memory=kept)
    result = run(replace(given, title="Release"), redactor=Redactor([OWN]), merged=1)
    assert OWN not in str([one for action in result.actions for one in _texts_of(action)])
    assert OWN not in str(result.decisions)
    assert "REDACTED" in str(result.actions)


def _texts_of(action: Any) -> list[str]:
    if isinstance(action, WriteSection) and action.body:
        return [*action.body.texts(), str(action.memory), action.difference]
    return [getattr(action, "body", "")]


def test_the_project_is_the_one_of_the_run() -> None:
    assert PROJECT.web_url == GITLAB
    assert section(request(1)).source == "acme/shop next"
