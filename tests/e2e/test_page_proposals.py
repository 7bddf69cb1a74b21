"""A page that a change makes wrong: shown in the merge request, written at the merge if a member says yes, else told
on the page.

On Cloud no webhook tells of pages, and a sweep finds what people change there. Slow: a minute or two.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any

import pytest

from bot.domain.sections import Section, find
from tests.confluence_server import Flavour
from tests.limits import HINT, Guide, config, guide, judging
from tests.model_server import ModelServer
from tests.wiki_rig import WikiRig

ASKS = "react to this note with a thumbs-up"
ACCEPTED = "Accepted: it is written to the page at the merge."
WRITTEN = "It stands on [the page]("
REPLACED = "replaced by a newer proposal"
STALE, TRUE = "OUT OF DATE", "TRUE AGAIN"
SECONDS_BETWEEN_SWEEPS: dict[Flavour, float] = {"cloud": 2, "datacenter": 3_600}


@pytest.fixture(scope="module")
def model() -> Iterator[ModelServer]:
    with ModelServer() as server:
        server.reply = judging
        yield server


@pytest.fixture(scope="module")
def rigs(
    model: ModelServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[Flavour], WikiRig]]:
    """One rig for all tests on a flavour."""
    with ExitStack() as stack:

        def started(flavour: Flavour) -> WikiRig:
            sweep = SECONDS_BETWEEN_SWEEPS[flavour]
            given: dict[str, Any] = {"sweep": sweep, "config": config(), **model.environ("openai")}
            rig = stack.enter_context(WikiRig(tmp_path_factory.mktemp(flavour), flavour, **given))
            rig.wiki.control("hooks/drop", on=flavour == "cloud")
            return rig

        yield cache(started)


@pytest.fixture(params=["cloud", "datacenter"])
def rig(request: pytest.FixtureRequest, rigs: Callable[[Flavour], WikiRig]) -> WikiRig:
    return rigs(request.param)


on_one = pytest.mark.parametrize("rig", ["datacenter"], indirect=True)


# --- what is proposed ---


def test_what_a_developer_accepts_is_written_at_the_merge_and_nothing_around_it_changes(rig: WikiRig) -> None:
    one = guide(rig)
    for words in ("Ada wrote", "Ask before"):
        rig.wiki.act(one.title, "inline_comment", body="<p>Really?</p>", selection=words, user="sam")
    before = rig.body(one.title)
    iid = one.change()
    note = proposed(one, iid)
    assert "-A cart holds at most **20** items." in note["body"]
    assert "+A cart holds at most **50** items." in note["body"]
    thumb(one, iid, note, "gus")
    assert ASKS in proposed(one, iid)["body"]
    thumb(one, iid, note, "grace")
    assert ACCEPTED in proposed(one, iid)["body"]
    assert rig.body(one.title) == before
    merge(one, iid)
    rig.wait(lambda: one.says(50), what="the new limit")
    rig.idle()
    assert one.writes() == 1
    assert not rig.remarks(one.title)
    assert WRITTEN in proposed(one, iid)["body"]
    only_the_section_changed(one, before, rig.body(one.title))
    page = rig.page(one.title)
    assert page is not None
    assert [comment["resolution"] for comment in page["comments"]] == ["open", "open"]


def test_a_push_that_changes_nothing_of_the_outcome_makes_no_second_note(rig: WikiRig) -> None:
    one = guide(rig)
    iid = one.change()
    first = proposed(one, iid)
    for path, text in ((f"guide-{one.number}/more.py", "MORE = 1\n"), ("notes.txt", f"{one.number}\n")):
        rig.sandbox.push(one.branch, {path: text}, "More")
        looked_at(one, iid)
    assert proposed(one, iid)["id"] == first["id"]
    assert one.writes() == 0


@on_one
def test_a_change_that_leaves_the_page_true_is_met_with_silence(rig: WikiRig) -> None:
    one = guide(rig)
    iid = rig.sandbox.merge_request(
        "Say why", {one.file: "# carts are small\nLIMIT = 20\n"}, source=one.branch
    )
    looked_at(one, iid)
    merge(one, iid)
    looked_at(one, iid, "merged")
    assert not one.notes(iid)
    assert not rig.remarks(one.title)
    assert one.writes() == 0


# --- what nobody accepted ---


def test_what_nobody_accepted_is_told_on_the_page_and_taken_back_once_a_person_put_it_right(
    rig: WikiRig,
) -> None:
    one = guide(rig)
    iid = one.change()
    proposed(one, iid)
    merge(one, iid)
    rig.wait(lambda: rig.remarks(one.title), what="a remark on the page")
    rig.idle()
    [remark] = rig.remarks(one.title)
    assert STALE in remark["body"]
    assert "+A cart holds at most **50** items." in remark["body"]
    assert rig.review(iid)["web_url"] in remark["body"]
    assert one.says(20)
    rig.wiki.act(one.title, "edit", old="<strong>20</strong>", new="<strong>50</strong>", user="ada")
    rig.wait(lambda: TRUE in rig.remarks(one.title)[0]["body"], what="the page to be called true again")
    rig.idle()
    assert [comment["id"] for comment in rig.remarks(one.title)] == [remark["id"]]
    assert one.writes() == 0


def test_a_text_that_is_accepted_after_the_merge_is_written_then(rig: WikiRig) -> None:
    one = guide(rig)
    iid = one.change()
    proposed(one, iid)
    merge(one, iid)
    rig.wait(lambda: rig.remarks(one.title), what="a remark on the page")
    rig.idle()
    rig.sandbox.comment(iid, "/trivet accept", user="gus")
    rig.wait(lambda: ran(rig, iid, '"command"'), what="the guest's command to be looked at")
    rig.idle()
    assert one.says(20)
    rig.sandbox.comment(iid, "/trivet accept", user="grace")
    rig.wait(lambda: one.says(50), what="the new limit")
    rig.idle()
    assert one.writes() == 1
    [remark] = rig.remarks(one.title)
    assert TRUE in remark["body"]


# --- what a person changed meanwhile ---


def test_what_a_person_wrote_after_the_yes_is_not_overwritten(rig: WikiRig) -> None:
    one = accepted(rig)
    rig.wiki.act(one.title, "edit", old=HINT, new="Nobody gets more.", user="ada")
    rig.wait(lambda: len(one.notes(iid_of(one))) == 2, what="a proposal for the page as it is now")
    rig.idle()
    old, new = one.notes(iid_of(one))
    assert REPLACED in old["body"]
    assert ASKS in new["body"]
    merge(one, iid_of(one))
    rig.wait(lambda: rig.remarks(one.title), what="a remark on the page")
    rig.idle()
    assert "Nobody gets more." in rig.body(one.title)
    assert (one.writes(), one.says(20)) == (0, True)


@on_one
def test_what_a_person_writes_while_it_is_merged_is_not_overwritten(rig: WikiRig) -> None:
    one = accepted(rig)
    rig.wiki.control("hooks/drop", on=True)
    rig.sandbox.fault(path=f"(pages|content)/{page_id(one)}$", method="PUT", user="trivet", hang=1.5)
    merge(one, iid_of(one))
    (fault,) = rig.sandbox.state_object.faults
    rig.wait(lambda: fault.times == 0, what="the write")
    edited(one, "at most <strong>20</strong> items, guests five")
    rig.wait(lambda: rig.remarks(one.title), what="a remark on the page")
    rig.idle()
    rig.wiki.control("hooks/drop", on=False)
    rig.sandbox.clear_faults()
    assert "guests five" in rig.body(one.title)
    assert one.writes() == 0


# --- unasked ---


@on_one
def test_with_mode_auto_our_own_text_is_kept_true_unasked_and_that_of_people_is_not_touched(
    rig: WikiRig,
) -> None:
    one, other = accepted(rig), guide(rig)
    merge(one, iid_of(one))
    rig.wait(lambda: one.says(50), what="the text to be ours")
    with configured(rig, config("auto")):
        iid = rig.sandbox.merge_request(
            "Carts hold 70", {one.file: "LIMIT = 70\n", other.file: "LIMIT = 70\n"}, source=f"{one.branch}-b"
        )
        rig.wait(lambda: len(one.notes(iid)) == 2, what="both notes")
        merge(one, iid)
        rig.wait(lambda: one.says(70), what="the newest limit")
        rig.wait(lambda: rig.remarks(other.title), what="a remark on the other page")
        rig.idle()
        assert one.writes() == 2
        assert (other.writes(), other.says(20)) == (0, True)
        assert not rig.remarks(one.title)
        edited(one, "at most <strong>70</strong> items, guests five")
        rig.idle()
        again = rig.sandbox.merge_request(
            "Carts hold 90", {one.file: "LIMIT = 90\n"}, source=f"{one.branch}-c"
        )
        proposed(one, again)
        merge(one, again)
        rig.wait(lambda: rig.remarks(one.title), what="a remark on the page")
        rig.idle()
        assert "guests five" in rig.body(one.title)
        assert one.writes() == 2


# --- doing ---


def accepted(rig: WikiRig) -> Guide:
    """A page that a merge request makes wrong, whose new text a developer accepted."""
    one = guide(rig)
    iid = one.change()
    thumb(one, iid, proposed(one, iid), "grace")
    assert ACCEPTED in proposed(one, iid)["body"]
    return one


def thumb(one: Guide, iid: int, note: dict[str, Any], user: str) -> None:
    """Somebody's thumbs-up, and what comes of it."""
    before = len(ran(one.rig, iid, '"thumbsup"'))
    one.rig.sandbox.act(iid, "award", name="thumbsup", note=note["id"], user=user)
    one.rig.wait(lambda: len(ran(one.rig, iid, '"thumbsup"')) > before, what="the reaction to be looked at")
    one.rig.idle()


def merge(one: Guide, iid: int) -> None:
    one.rig.sandbox.act(iid, "merge", user="grace")


def edited(one: Guide, words: str) -> None:
    """By Ada: what is said of the limit."""
    text = one.rig.body(one.title)
    said = next(limit for limit in (20, 50, 70) if f"at most <strong>{limit}</strong> items" in text)
    one.rig.wiki.act(one.title, "edit", old=f"at most <strong>{said}</strong> items", new=words, user="ada")


@contextmanager
def configured(rig: WikiRig, text: str) -> Iterator[None]:
    rig.sandbox.push("main", {".trivet.yml": text}, "Another mode")
    yield
    rig.sandbox.push("main", {".trivet.yml": config()}, "The mode as it was")


# --- looking ---


def proposed(one: Guide, iid: int) -> dict[str, Any]:
    """The one note on the section, once all runs are over."""
    one.rig.wait(lambda: one.notes(iid), what=f"a note on !{iid}")
    one.rig.idle()
    [note] = one.notes(iid)
    return note


def looked_at(one: Guide, iid: int, trigger: str = "") -> None:
    """At the present head."""
    head = one.rig.review(iid)["head"]
    one.rig.wait(lambda: ran(one.rig, iid, head, trigger), what=f"a look at {head}")
    one.rig.idle()


def ran(rig: WikiRig, iid: int, *words: str) -> list[str]:
    """The requests of the pages agent's runs on a merge request in which these words stand."""
    every = [run["request"] for run in rig.runs() if '"agent":"pages"' in run["request"]]
    return [one for one in every if f'"iid":{iid},' in one and all(word in one for word in words)]


def iid_of(one: Guide) -> int:
    requests = one.rig.sandbox.state()["merge_requests"]
    return next(int(each["iid"]) for each in requests if each["source_branch"] == one.branch)


def page_id(one: Guide) -> str:
    page = one.rig.page(one.title)
    assert page is not None
    return str(page["id"])


def only_the_section_changed(one: Guide, before: str, after: str) -> None:
    """Byte for byte, but for our boundary; in the section the blocks that were not wrong are as they were."""
    old, data = section(one, before), after.encode()
    assert data.startswith(before.encode()[: old.start])
    assert data.endswith(before.encode()[old.end :])
    assert [block.storage for block in section(one, after).blocks[1:]] == [
        block.storage for block in old.blocks[1:]
    ]


def section(one: Guide, storage: str) -> Section:
    found = find(storage, one.section)
    assert found is not None
    return found
