"""What merges, tags, thumbs-up, released versions and changed pages start where a Confluence is connected."""

from typing import Any

import pytest

from bot.domain.events import (
    EmojiAwarded,
    Event,
    Ignored,
    MergeRequestChanged,
    NoteWritten,
    PageChanged,
    Person,
    Project,
    TagPushed,
    VersionReleased,
)
from bot.domain.rules import Rules, SpaceRule
from bot.routing import JobRequest, Routing, route

HEAD = "a" * 40
AT = "2026-11-22T10:00:00.000Z"
SHOP = Project(id=42, path="group/shop")
ANN, BOT = Person(id=7, username="ann"), Person(id=9, username="trivet")
RULES = Rules(spaces=(SpaceRule(space="DOC", gitlab="group/shop"),))
POLICY = Routing(
    projects=("group/*",),
    bot_id=9,
    bot_name="trivet",
    agents=frozenset({"review", "pages"}),
    rules=RULES,
    wiki="bot-account",
)


def change(action: str, **fields: Any) -> MergeRequestChanged:
    given = {"project": SHOP, "iid": 3, "action": action, "head": HEAD, "actor": ANN, "at": AT}
    return MergeRequestChanged(**given | fields)


def thumb(**fields: Any) -> EmojiAwarded:
    given = {"project": SHOP, "iid": 3, "note": 77, "name": "thumbsup", "actor": ANN}
    return EmojiAwarded(**given | fields)


def tag(name: str, after: str = HEAD) -> TagPushed:
    return TagPushed(project=SHOP, tag=name, before="0" * 40, after=after, actor=ANN)


def page(**fields: Any) -> PageChanged:
    return PageChanged(**{"page": "123", "action": "updated", "version": 4, "space": "DOC"} | fields)


def started(event: Event, policy: Routing = POLICY) -> list[JobRequest]:
    requests = route(event, policy)
    assert isinstance(requests, list), requests
    return [one for one in requests if one.agent == "pages"]


def reason(event: Event, policy: Routing = POLICY) -> str:
    answer = route(event, policy)
    assert isinstance(answer, Ignored), answer
    return answer.reason


@pytest.mark.parametrize("action", ["opened", "reopened", "closed"])
def test_pages_are_held_against_a_merge_request_that_changes(action: str) -> None:
    (request,) = started(change(action))
    assert (request.project, request.iid, request.trigger, request.release) == ("group/shop", 3, action, "")


def test_a_merge_is_held_against_the_pages_and_goes_into_the_release_notes() -> None:
    sections, notes = started(change("merged"))
    assert (sections.trigger, sections.release) == ("merged", "")
    assert (notes.trigger, notes.release, notes.iid) == ("merged", "next", 3)
    assert sections.target_key != notes.target_key


def test_release_notes_of_a_project_are_written_one_after_the_other() -> None:
    merged, other = started(change("merged"))[1], started(change("merged", iid=4))[1]
    (tagged,) = started(tag("v1.4.0"))
    assert merged.target_key == other.target_key == tagged.target_key
    assert len({merged.key, other.key, tagged.key}) == 3


def test_what_the_bot_merged_itself_is_noted_as_well() -> None:
    assert [one.release for one in started(change("merged", actor=BOT))] == ["", "next"]


def test_a_merge_told_of_twice_is_one_entry() -> None:
    later = change("merged", at="2026-11-22T10:05:00.000Z")
    assert started(change("merged"))[1].key == started(later)[1].key


@pytest.mark.parametrize("name", ["v1.4.0", "1.4", "api/v2.0.1", "release-1.0.0-rc.1", "v1.0.0+build.5"])
def test_a_tag_named_like_a_version_is_a_release(name: str) -> None:
    (request,) = started(tag(name))
    assert (request.release, request.trigger, request.iid) == (name, "tag", 0)


@pytest.mark.parametrize(("name", "why"), [("nightly", "not named like a version"), ("v1", "not named")])
def test_other_tags_start_nothing(name: str, why: str) -> None:
    assert why in reason(tag(name))


def test_a_deleted_tag_starts_nothing() -> None:
    assert "deleted" in reason(tag("v1.4.0", after="0" * 40))


def test_a_tag_that_was_moved_is_a_release_anew() -> None:
    assert started(tag("v1.4.0"))[0].key != started(tag("v1.4.0", after="b" * 40))[0].key


def test_a_thumbs_up_on_a_note_may_be_a_yes() -> None:
    (request,) = started(thumb())
    assert (request.iid, request.trigger, request.repeats) == (3, "thumbsup", True)
    assert (request.note, request.person) == (77, ANN.id)


@pytest.mark.parametrize(
    "event", [thumb(name="heart"), thumb(revoked=True), thumb(note=None), thumb(iid=None), thumb(actor=BOT)]
)
def test_other_reactions_start_nothing(event: EmojiAwarded) -> None:
    assert isinstance(route(event, POLICY), Ignored)


def test_accept_is_a_command_of_the_pages_agent() -> None:
    note = NoteWritten(
        project=SHOP,
        iid=3,
        noteable="MergeRequest",
        note=77,
        discussion="d",
        author=ANN,
        body="/trivet accept",
        head=HEAD,
    )
    (request,) = started(note)
    assert (request.trigger, request.person) == ("command", 7)


def test_a_released_version_of_jira_is_a_release_of_the_mapped_projects() -> None:
    (request,) = started(VersionReleased(version="10001", name="1.4.0", project="10000"))
    assert (request.tracked, request.release, request.project) == ("10000", "1.4.0", "")


def test_a_changed_page_is_one_run_a_version_however_it_was_told_of() -> None:
    (told,) = started(page(action="created"))
    (swept,) = started(page(at=1))
    assert told.key == swept.key
    assert (told.page, told.target_key) == ("123", "page:123")


def test_a_move_or_a_restriction_makes_no_version_and_is_a_run_of_its_own() -> None:
    keys = {
        started(page(action=action, at=at))[0].key
        for action, at in (("updated", 1), ("moved", 1), ("restricted", 1), ("restricted", 2))
    }
    assert len(keys) == 4


@pytest.mark.parametrize(
    ("event", "why"),
    [
        (page(actor="bot-account"), "itself"),
        (page(action="removed"), "taken away"),
        (page(space="OPS"), "OPS"),
    ],
)
def test_our_own_edits_lost_pages_and_foreign_spaces_start_nothing(event: PageChanged, why: str) -> None:
    assert why in reason(event)


def test_a_page_whose_space_is_not_told_is_looked_up() -> None:
    assert len(started(page(space="", version=0, at=1778071365412))) == 1


@pytest.mark.parametrize(
    "event",
    [thumb(), tag("v1.4.0"), page(), VersionReleased(version="1", name="1.0", project="1")],
)
def test_without_a_confluence_nothing_of_this_starts_anything(event: Event) -> None:
    bare = Routing(projects=("group/*",), bot_id=9, agents=frozenset({"review"}), rules=Rules())
    assert isinstance(route(event, bare), Ignored)
