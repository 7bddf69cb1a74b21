"""What the bot writes to Confluence, where it may, and what it says where it may not."""

from pathlib import Path
from typing import Any

import pytest
from confluence_bridge import ConfluenceBridge
from confluence_writing import (
    GUIDE,
    NOTES,
    OURS,
    SECRET,
    TITLE,
    apply,
    living,
    new_text,
    notes,
    ours,
    remembered,
    replaced,
    shouted,
    text,
)

from bot.domain.actions import CommentPage, PageAction
from bot.domain.document import Document, Link, Made, Paragraph, Text, paragraph
from bot.domain.pages import PROPERTY, BlockEdit
from bot.domain.sections import find, wrapped
from bot.errors import AccessDenied, Unavailable
from bot.gateways import confluence_plan
from bot.sandbox.confluence import deeds


@pytest.fixture(params=["cloud", "datacenter"])
def wiki(request: pytest.FixtureRequest, tmp_path: Path) -> ConfluenceBridge:
    return ConfluenceBridge(request.param, tmp_path)


# --- a whole text, and the page for it


def test_a_page_that_is_not_there_is_made_below_its_parent_with_the_section(wiki: ConfluenceBridge) -> None:
    outcome = apply(wiki, notes(wiki, memory={"breaking": {"7": ["vat.tax is gone"]}}))
    page = wiki.page(TITLE)
    assert outcome.result == "done"
    assert outcome.url.startswith(wiki.site.base)
    assert outcome.url.endswith(page.id) or page.id in outcome.url
    assert page.parent is wiki.page("Releases")
    assert "Discount codes" in new_text(page)
    assert remembered(page)["made"] is True
    assert remembered(page)["source"] == "group/shop!7"
    assert remembered(page)["memory"] == {"breaking": {"7": ["vat.tax is gone"]}}
    assert wiki.written(page) == {"page": 1, "property": 1}


def test_a_text_that_stands_there_makes_no_version(wiki: ConfluenceBridge) -> None:
    apply(wiki, notes(wiki))
    written = len(wiki.writes)
    outcome = apply(wiki, notes(wiki))
    assert (outcome.result, outcome.reason, outcome.url != "") == ("unchanged", "", True)
    assert len(wiki.writes) == written


def test_a_new_text_is_the_next_version_and_says_where_it_is_from(wiki: ConfluenceBridge) -> None:
    apply(wiki, notes(wiki))
    assert apply(wiki, notes(wiki, "Discount codes", "Faster carts", source="group/shop!9")).result == "done"
    page = wiki.page(TITLE)
    assert page.now.number == 2
    assert page.now.message == "Trivet: release-notes from group/shop!9"
    assert page.now.title == TITLE
    assert page.parent is wiki.page("Releases")
    assert "Faster carts" in new_text(page)
    assert remembered(page)["source"] == "group/shop!9"


def test_only_what_says_something_else_is_written_anew(wiki: ConfluenceBridge) -> None:
    """An item that stays keeps its bytes, with whatever Confluence and people's comments have put into it."""
    apply(wiki, notes(wiki, "Discount codes", "Vouchers are gone"))
    page = wiki.page(TITLE)
    wiki.comment_inline(page, "Discount")
    item = page.now.body[page.now.body.index("<li") :].partition("</li>")[0]
    assert apply(wiki, notes(wiki, "Discount codes", "Faster carts")).result == "done"
    assert item in page.now.body
    assert page.comments[0].resolution == "open"


def test_a_memory_that_is_new_makes_no_version_of_the_page(wiki: ConfluenceBridge) -> None:
    apply(wiki, notes(wiki))
    assert apply(wiki, notes(wiki, memory={"asked": [7]})).result == "unchanged"
    assert remembered(wiki.page(TITLE))["memory"] == {"asked": [7]}
    assert wiki.page(TITLE).now.number == 1


def test_watchers_hear_of_a_text_that_people_accepted_and_not_of_every_merge(wiki: ConfluenceBridge) -> None:
    apply(wiki, notes(wiki))
    apply(wiki, notes(wiki, "Faster carts"))
    guide = wiki.page(GUIDE)
    apply(wiki, living(guide, replaced(0, "Two functions make an order:")))
    assert guide.now.minor is False
    assert wiki.page(TITLE).now.minor is (not wiki.site.cloud)


def test_what_another_action_made_is_linked(wiki: ConfluenceBridge) -> None:
    body = Document(blocks=(Paragraph(content=(Text(text="See "), Made(action="page", text="the guide"))),))
    apply(wiki, notes(wiki, body=body), {"page": "https://confluence.example.com/x/1"})
    assert 'href="https://confluence.example.com/x/1"' in wiki.page(TITLE).now.body


def test_a_secret_and_a_strange_host_never_reach_a_page(wiki: ConfluenceBridge) -> None:
    strange = Link(text="here", url="https://evil.example.org/?q=1")
    body = Document(blocks=(paragraph(f"Use {SECRET} ", strange, Link(text="!7", url=OURS)),))
    apply(wiki, notes(wiki, body=body))
    assert SECRET not in wiki.page(TITLE).now.body
    assert "evil.example.org" not in wiki.page(TITLE).now.body
    assert OURS in wiki.page(TITLE).now.body


def test_a_text_that_looks_like_markup_stays_text(wiki: ConfluenceBridge) -> None:
    hostile = '<ac:structured-macro ac:name="html"/> </p> ]]> &nbsp; <script>x</script>'
    apply(wiki, notes(wiki, hostile))
    page = wiki.page(TITLE)
    assert 'ac:name="html"' not in page.now.body
    assert apply(wiki, notes(wiki, hostile)).result == "unchanged"


# --- where nothing is written


def test_a_text_that_a_person_edited_is_kept_and_the_new_one_shown_in_one_comment(
    wiki: ConfluenceBridge,
) -> None:
    apply(wiki, notes(wiki))
    page = wiki.page(TITLE)
    wiki.change(page, "Vouchers are gone", "Vouchers are gone for good")
    standing = page.now
    outcome = apply(wiki, notes(wiki, "Faster carts"))
    assert outcome.result == "refused"
    assert "a person edited" in outcome.reason
    assert "a comment on the page" in outcome.reason
    assert page.now is standing
    (comment,) = ours(page)
    assert "Faster carts" in comment
    assert "Vouchers are gone for good" in comment
    assert apply(wiki, notes(wiki, "Faster carts")).result == "refused"
    assert ours(page) == [comment]


def test_the_comment_is_edited_while_the_text_waits_and_once_it_stands(wiki: ConfluenceBridge) -> None:
    apply(wiki, notes(wiki))
    page = wiki.page(TITLE)
    wiki.change(page, "Vouchers are gone", "Vouchers stay")
    apply(wiki, notes(wiki, "Faster carts"))
    apply(wiki, notes(wiki, "Slower carts"))
    (comment,) = ours(page)
    assert "Slower carts" in comment
    assert "Faster" not in comment
    wiki.change(page, "Vouchers stay", "Vouchers are gone")
    assert apply(wiki, notes(wiki, "Slower carts")).result == "done"
    (comment,) = ours(page)
    assert "up to date" in comment
    assert "Slower carts" not in comment
    assert apply(wiki, notes(wiki, "Slower carts")).result == "unchanged"
    assert ours(page) == [comment]


def test_a_comment_on_words_that_would_go_is_worth_more_than_the_new_text(wiki: ConfluenceBridge) -> None:
    apply(wiki, notes(wiki))
    page = wiki.page(TITLE)
    remark = wiki.comment_inline(page, "Vouchers are gone")
    outcome = apply(wiki, notes(wiki, "Faster carts"))
    assert (outcome.result, page.now.number, remark.resolution) == ("refused", 1, "open")
    assert "inline comment" in outcome.reason
    assert len(ours(page)) == 1


def test_a_section_that_a_person_took_away_stays_away(wiki: ConfluenceBridge) -> None:
    apply(wiki, notes(wiki))
    page = wiki.page(TITLE)
    wiki.edit(page, "<p>We stopped this.</p>")
    outcome = apply(wiki, notes(wiki, "Faster carts"))
    assert (outcome.result, page.now.number) == ("refused", 2)
    assert "took the section away" in outcome.reason
    assert not ours(page)


def test_an_earlier_text_of_ours_that_a_person_restored_is_kept(wiki: ConfluenceBridge) -> None:
    apply(wiki, notes(wiki, "Discount codes"))
    page = wiki.page(TITLE)
    first = page.now.body
    apply(wiki, notes(wiki, "Discount codes", "A wrong line"))
    wiki.edit(page, first)
    outcome = apply(wiki, notes(wiki, "Discount codes", "A wrong line", "Faster carts"))
    assert (outcome.result, page.now.number, page.now.body) == ("refused", 3, first)
    assert "a person edited" in outcome.reason
    assert len(ours(page)) == 1


def test_a_text_that_a_person_emptied_stays_empty(wiki: ConfluenceBridge) -> None:
    apply(wiki, notes(wiki))
    page = wiki.page(TITLE)
    section = find(page.now.body, NOTES)
    assert section
    wiki.edit(page, page.now.body.replace(section.storage, ""))
    outcome = apply(wiki, notes(wiki, "Faster carts"))
    assert (outcome.result, page.now.number, new_text(page)) == ("refused", 2, "")
    assert "a person edited" in outcome.reason


def test_a_boundary_that_people_put_around_nothing_is_filled(wiki: ConfluenceBridge) -> None:
    page = wiki.add_page(TITLE, f"<p>Written by people.</p>{wrapped(NOTES, '')}")
    assert apply(wiki, notes(wiki, "Discount codes", page=page.id)).result == "done"
    assert "Discount codes" in new_text(page)


def test_a_boundary_that_lost_an_end_is_told_and_left_alone(wiki: ConfluenceBridge) -> None:
    apply(wiki, notes(wiki))
    page = wiki.page(TITLE)
    wiki.edit(page, page.now.body.replace("trivet-release-notes-end", "somewhere"))
    outcome = apply(wiki, notes(wiki, "Faster carts"))
    assert (outcome.result, page.now.number) == ("refused", 2)
    assert "release-notes" in outcome.reason
    assert not outcome.reason.endswith(".")


def test_a_section_is_put_once_at_the_end_of_a_page_that_has_none(wiki: ConfluenceBridge) -> None:
    page = wiki.add_page("Changes", "<p>Written by people.</p>")
    before = page.now.body
    action = notes(wiki, page=page.id, title="", parent="")
    assert apply(wiki, action).result == "done"
    assert page.now.body.startswith(before)
    assert apply(wiki, action).result == "unchanged"
    assert page.now.number == 2
    assert remembered(page)["made"] is True


def test_a_page_of_that_title_that_is_somebody_elses_is_left_alone(wiki: ConfluenceBridge) -> None:
    """Also where it was found before, and is asked for by its id."""
    page = wiki.add_page(TITLE, "<h2>Release notes</h2><p>About the band's next album.</p>")
    for action in (notes(wiki), notes(wiki).model_copy(update={"page": page.id})):
        outcome = apply(wiki, action)
        assert (outcome.result, page.now.number) == ("refused", 1)
        assert "stands elsewhere" in outcome.reason


def test_a_page_of_ours_may_be_put_elsewhere_in_the_space(wiki: ConfluenceBridge) -> None:
    apply(wiki, notes(wiki))
    page = wiki.page(TITLE)
    deeds.move(wiki.site, wiki.person("ada"), page, wiki.page(GUIDE))
    assert apply(wiki, notes(wiki, "Faster carts")).result == "done"
    assert page.parent is wiki.page(GUIDE)


@pytest.mark.parametrize("asked", [{}, {"page": "by its id"}, {"body": None, "base": "by its digest"}])
def test_the_release_notes_of_another_project_are_left_alone_and_told_nothing(
    wiki: ConfluenceBridge, asked: dict[str, Any]
) -> None:
    apply(wiki, notes(wiki, "Of the shop", owner="gitlab:42", memory={"breaking": {"1": []}}))
    page = wiki.page(TITLE)
    section, kept = find(page.now.body, NOTES), remembered(page)
    assert section
    told = {"page": page.id, "base": section.digest}
    action = notes(wiki, "Of the pipes", **{**asked, **{name: told[name] for name in told if name in asked}})
    for owner in ("gitlab:43", ""):
        outcome = apply(wiki, action.model_copy(update={"owner": owner}))
        assert outcome.result == "refused"
        assert outcome.reason.startswith(
            "these are the release notes" if owner else "release notes stand in this"
        )
    assert ("choose another title in .trivet.yml" in outcome.reason) is False
    assert (page.now.number, remembered(page), ours(page)) == (1, kept, [])


def test_a_project_that_was_renamed_keeps_its_release_notes(wiki: ConfluenceBridge) -> None:
    apply(wiki, notes(wiki, owner="gitlab:42", source="group/shop next"))
    outcome = apply(wiki, notes(wiki, "Faster carts", owner="gitlab:42", source="group/store next"))
    assert outcome.result == "done"
    assert remembered(wiki.page(TITLE))["owner"] == "gitlab:42"


def test_a_section_that_nobody_owns_yet_belongs_to_who_writes_it(wiki: ConfluenceBridge) -> None:
    apply(wiki, notes(wiki))
    assert apply(wiki, notes(wiki, "Faster carts", owner="gitlab:42")).result == "done"
    assert apply(wiki, notes(wiki, "Slower carts", owner="gitlab:43")).result == "refused"
    assert "Faster carts" in new_text(wiki.page(TITLE))


def test_a_space_is_the_same_in_whichever_case_its_key_is_written(wiki: ConfluenceBridge) -> None:
    apply(wiki, notes(wiki))
    page = wiki.page(TITLE)
    actions: list[PageAction] = [
        notes(wiki, "Faster carts", page=page.id).model_copy(update={"space": "doc"}),
        CommentPage(key="stale:endpoints", space="Doc", page=page.id, body=text("Stale")),
    ]
    assert [apply(wiki, action).result for action in actions] == ["done", "done"]


def test_a_space_that_is_gone_is_an_outcome(wiki: ConfluenceBridge) -> None:
    outcome = apply(wiki, notes(wiki).model_copy(update={"space": "GONE"}))
    assert outcome.result == "refused"
    assert not wiki.titled(TITLE)


def test_a_page_that_moved_to_another_space_is_told_nothing(wiki: ConfluenceBridge) -> None:
    page = wiki.page(GUIDE)
    action = living(page, replaced(0, "Two functions make an order:"))
    ops = wiki.site.space("OPS")
    assert ops
    for permission in ("read", "edit"):
        ops.permissions[permission].append(wiki.person("trivet"))
    deeds.move(wiki.site, wiki.person("ada"), page, None, ops)
    outcome = apply(wiki, action)
    assert (outcome.result, outcome.url, page.now.number) == ("refused", "", 2)
    assert "OPS" in outcome.reason


@pytest.mark.parametrize("deed", [deeds.archive, deeds.trash])
def test_a_page_that_was_put_away_is_not_written(wiki: ConfluenceBridge, deed: Any) -> None:
    page = wiki.page(GUIDE)
    actions: list[PageAction] = [
        living(page, replaced(0, "Two functions make an order:")),
        CommentPage(key="stale:endpoints", space="DOC", page=page.id, body=text("Stale")),
    ]
    deed(wiki.site, wiki.person("ada"), page)
    for action in actions:
        assert apply(wiki, action).result == "refused"
    assert not wiki.writes
    assert page.status in ("archived", "trashed")


def test_a_page_that_may_not_be_edited_is_an_outcome(wiki: ConfluenceBridge) -> None:
    page = wiki.page(GUIDE)
    action = living(page, replaced(0, "Two functions make an order:"))
    deeds.restrict(wiki.site, wiki.person("grace"), page, "update", [wiki.person("ada")])
    outcome = apply(wiki, action)
    assert (outcome.result, page.now.number) == ("refused", 2)
    assert "the bot may not edit this page: let its account in" in outcome.reason


def test_a_page_that_is_gone_is_an_outcome(wiki: ConfluenceBridge) -> None:
    assert apply(wiki, notes(wiki, page="99999999")).result == "refused"
    assert not wiki.writes


def test_a_token_that_is_not_accepted_and_an_outage_are_errors(wiki: ConfluenceBridge) -> None:
    action = notes(wiki)
    wiki.fail("", "", status=503)
    with pytest.raises(Unavailable):
        apply(wiki, action)
    wiki.fail("", "", status=401)
    with pytest.raises(AccessDenied):
        apply(wiki, action)


def test_a_section_and_a_page_have_a_largest_size(
    wiki: ConfluenceBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(wiki, notes(wiki))
    monkeypatch.setattr(confluence_plan, "LARGEST_PAGE", 500)
    outcome = apply(wiki, notes(wiki, "x" * 300))
    assert outcome.result == "refused"
    assert "500 are not safe" in outcome.reason
    monkeypatch.setattr(confluence_plan, "LONGEST_SECTION", 200)
    outcome = apply(wiki, notes(wiki, "x" * 300))
    assert outcome.result == "refused"
    assert "may have 200" in outcome.reason
    outcome = apply(wiki, notes(wiki, "x" * 300, title="Another page"))
    assert outcome.result == "refused"
    assert "may have 200" in outcome.reason
    assert wiki.page(TITLE).now.number == 1


def test_a_title_that_nobody_may_see_is_told(wiki: ConfluenceBridge) -> None:
    hidden = wiki.add_page(TITLE, "<p>Secret.</p>")
    deeds.restrict(wiki.site, wiki.person("grace"), hidden, "read", [wiki.person("ada")])
    outcome = apply(wiki, notes(wiki))
    assert (outcome.result, hidden.now.number) == ("refused", 1)
    assert "title" in outcome.reason.lower()


# --- edits that people accepted


def test_edits_of_what_people_wrote_leave_all_other_bytes_and_get_our_boundary(
    wiki: ConfluenceBridge,
) -> None:
    page = wiki.page(GUIDE)
    before, there = page.now.body, find(page.now.body, "endpoints")
    assert there
    assert not there.is_marked
    outcome = apply(wiki, living(page, replaced(0, "Two functions make an order:")))
    assert outcome.result == "done"
    now = find(page.now.body, "endpoints")
    assert now
    assert now.is_marked
    assert [one.storage for one in now.blocks[1:]] == [one.storage for one in there.blocks[1:]]
    head, tail = before.encode()[: there.start], before.encode()[there.end :]
    assert page.now.body.encode().startswith(head)
    assert page.now.body.encode().endswith(tail)
    assert [one.resolution for one in page.comments] == ["open"]


def test_edits_are_done_once(wiki: ConfluenceBridge) -> None:
    page = wiki.page(GUIDE)
    action = living(page, replaced(0, "Two functions make an order:"))
    apply(wiki, action)
    assert apply(wiki, action).result == "unchanged"
    assert page.now.number == 3
    assert wiki.written(page)["property"] == 2


def test_edits_that_the_sanitizer_changed_are_done_once_as_well(wiki: ConfluenceBridge) -> None:
    page = wiki.page(GUIDE)
    action = living(page, replaced(0, f"Three functions, and {SECRET}:"))
    assert apply(wiki, action).result == "done"
    assert "[removed]" in page.now.body
    assert SECRET not in page.now.body
    assert apply(wiki, action).result == "unchanged"
    assert page.now.number == 3


def test_edits_keep_an_address_that_people_wrote_and_no_other(wiki: ConfluenceBridge) -> None:
    page = wiki.add_page(
        "Links", '<h2>Links</h2><p>See <a href="https://docs.example.org/a">the guide</a>.</p>'
    )
    known, other = (
        Link(text="guide", url="https://docs.example.org/a"),
        Link(text="b", url="https://x.example.org/b"),
    )
    apply(wiki, living(page, replaced(0, "Read ", known, " and ", other), section="links"))
    assert "https://docs.example.org/a" in page.now.body
    assert "x.example.org" not in page.now.body


def test_edits_of_a_text_that_changed_since_are_refused_without_a_comment(wiki: ConfluenceBridge) -> None:
    page = wiki.page(GUIDE)
    action = living(page, replaced(0, "Two functions make an order:"))
    wiki.change(page, "Three functions", "Four functions")
    outcome = apply(wiki, action)
    assert (outcome.result, page.now.number) == ("refused", 3)
    assert "changed after" in outcome.reason
    assert not wiki.writes


def test_edits_of_a_section_that_is_gone_are_refused(wiki: ConfluenceBridge) -> None:
    page = wiki.page(GUIDE)
    action = living(page, replaced(0, "Two functions make an order:"))
    wiki.edit(page, "<p>All is new.</p>")
    assert apply(wiki, action).result == "refused"
    assert page.now.number == 3


def test_edits_for_a_section_that_is_not_there_yet_put_it_at_the_end(wiki: ConfluenceBridge) -> None:
    page = wiki.add_page("Limits", "<p>How much at once.</p>")
    first = BlockEdit(block=-1, how="insert", body=text("100 a minute"))
    action = living(page, first, section="rate limits")
    assert apply(wiki, action).result == "done"
    assert "100 a minute" in new_text(page, "rate limits")
    assert apply(wiki, action).result == "unchanged"
    assert page.now.number == 2


def test_edits_for_a_block_that_is_not_there_are_refused(wiki: ConfluenceBridge) -> None:
    page = wiki.page(GUIDE)
    there = find(page.now.body, "endpoints")
    assert there
    action = living(page).model_copy(update={"edits": (replaced(99, "x"),), "result": "0" * 32})
    outcome = apply(wiki, action)
    assert (outcome.result, page.now.number) == ("refused", 2)
    assert "99" in outcome.reason


# --- what Confluence makes of it


def test_a_text_that_confluence_rewrote_in_a_way_we_do_not_know_is_not_taken_for_an_edit(
    wiki: ConfluenceBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deeds, "saved", shouted)
    apply(wiki, notes(wiki))
    page = wiki.page(TITLE)
    assert "WHAT IS NEW" in page.now.body
    assert apply(wiki, notes(wiki)).result == "unchanged"
    assert apply(wiki, notes(wiki, "Faster carts")).result == "done"
    assert apply(wiki, notes(wiki, "Faster carts")).result == "unchanged"
    assert page.now.number == 2
    assert not ours(page)


def test_a_property_that_somebody_spoilt_is_no_reason_to_write_over_people(wiki: ConfluenceBridge) -> None:
    apply(wiki, notes(wiki))
    page = wiki.page(TITLE)
    wiki.change(page, "Vouchers are gone", "Vouchers stay")
    spoilt: tuple[Any, ...] = (None, [], {"digests": 7}, {"digests": [], "last": ["a", "b"]}, "x")
    for value in spoilt:
        deeds.set_property(wiki.site, wiki.person("ada"), page, PROPERTY.format(section=NOTES), value)
        assert apply(wiki, notes(wiki, "Faster carts")).result == "refused"
    assert page.now.number == 2
