"""`kill -9` at the writes of the runs that keep pages: in the end each page, text, property, comment and note is there
once.

A write is broken off before the platform carries it out, or after that and before its answer comes, by the end of its
job; here and there, and with TEST_EVERY_POSITION everywhere, by that of the whole worker. Slow: a minute, or ten.
"""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cache
from itertools import cycle
from typing import Any, Literal

import pytest

from bot.domain.sections import find, is_ours, kept_of
from tests.confluence_server import Flavour
from tests.limits import Guide, config, guide, judging
from tests.model_server import ModelServer
from tests.wiki_rig import WikiRig

EVERY_POSITION = bool(os.environ.get("TEST_EVERY_POSITION"))
HANG_SECONDS = 5.0
NOTES = "{space: DOC, parent: Releases}"
NEXT = "Release next"
NOTES_PROPERTY, NOTES_SECTION = "trivet.section.release-notes", "release-notes"
TURNS: tuple[tuple[Flavour, bool], ...] = (
    ("cloud", True),
    ("datacenter", False),
    ("datacenter", True),
    ("cloud", False),
)
Victim = Literal["its job", "the whole tree"]


@dataclass(frozen=True)
class Asked:
    """A request of ours on either flavour; `after`: so many like it go before. In `path`, `{page}` is the page's id and
    `{iid}` the merge request's number."""

    name: str
    method: str
    path: str
    after: int = 0


MAKE = Asked("page made", "POST", r"(v2/pages|api/content)$")
WRITE = Asked("page written", "PUT", r"(pages|content)/{page}$")
TELL = Asked("property made", "POST", r"/propert(y|ies)$")
INTEND = Asked("property before the page", "PUT", r"/{page}/propert(y|ies)/[^/]+$")
CONFIRM = Asked("property after the page", "PUT", r"/{page}/propert(y|ies)/[^/]+$")
CONFIRM_NEXT = replace(CONFIRM, after=1)
REMARK = Asked("comment", "POST", r"(footer-comments|api/content)$")
NOTE = Asked("note", "POST", r"/merge_requests/{iid}/notes$")
EDIT_NOTE = Asked("note edited", "PUT", r"/merge_requests/{iid}/notes/\d+$")


@dataclass(frozen=True)
class Position:
    """`done`: the write is carried out, and its answer does not come. `victim`: what of the effects worker dies."""

    flavour: Flavour
    done: bool
    write: Asked
    victim: Victim = "its job"

    def __str__(self) -> str:
        moment = "before its answer" if self.done else "before it is done"
        return f"{self.flavour}: {self.write.name} {moment}, {self.victim}"


def each(writes: Sequence[Asked], trees: Sequence[Position] = ()) -> pytest.MarkDecorator:
    """A test at each write, by turns on one flavour or the other; with TEST_EVERY_POSITION at all positions on both."""
    few = [Position(*turn, write) for turn, write in zip(cycle(TURNS), writes, strict=False)]
    whole = [Position(*turn, write) for turn in TURNS for write in writes]
    every = [*whole, *(replace(one, victim="the whole tree") for one in whole)]
    return pytest.mark.parametrize("position", every if EVERY_POSITION else [*few, *trees], ids=str)


@pytest.fixture(scope="module")
def model() -> Iterator[ModelServer]:
    with ModelServer() as server:
        server.reply = judging
        yield server


@pytest.fixture(scope="module")
def rigs(
    model: ModelServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[Flavour], WikiRig]]:
    """One rig for all positions on a flavour, once its first look around is over, which would meet the faults."""
    with ExitStack() as stack:

        def started(flavour: Flavour) -> WikiRig:
            folder = tmp_path_factory.mktemp(flavour)
            rig = WikiRig(folder, flavour, config=config(), **model.environ("openai"))
            stack.enter_context(rig)
            rig.wait(lambda: '"swept"' in rig.log(), what="the first sweep")
            return rig

        yield cache(started)


@pytest.fixture
def rig(rigs: Callable[[Flavour], WikiRig], position: Position) -> Iterator[WikiRig]:
    rig = rigs(position.flavour)
    yield rig
    rig.sandbox.clear_faults()


@pytest.fixture
def with_notes(rig: WikiRig) -> Iterator[WikiRig]:
    """Release notes are asked for, and there are none yet."""
    rig.sandbox.push("main", {".trivet.yml": config(notes=NOTES)}, "Release notes")
    if rig.page(NEXT):
        rig.wiki.act(NEXT, "delete", user="grace")
    yield rig
    rig.sandbox.push("main", {".trivet.yml": config()}, "No release notes")


@each([MAKE, TELL, NOTE], [Position("cloud", False, TELL, "the whole tree")])
def test_the_first_release_notes_are_one_page_of_one_version(with_notes: WikiRig, position: Position) -> None:
    rig = with_notes
    iid = opened(rig)
    arm(rig, position, iid=iid)
    merge(rig, iid)
    strike(rig, position)
    rig.idle()
    notes_are_once(rig, iid, versions=1)


@each([INTEND, WRITE, CONFIRM_NEXT, NOTE], [Position("datacenter", True, WRITE, "the whole tree")])
def test_another_merge_is_one_more_version_of_the_release_notes(
    with_notes: WikiRig, position: Position
) -> None:
    rig = with_notes
    merge(rig, opened(rig))
    rig.wait(lambda: rig.page(NEXT), what="the first notes")
    rig.idle()
    iid = opened(rig)
    arm(rig, position, page_id(rig, NEXT), iid)
    merge(rig, iid)
    strike(rig, position)
    rig.idle()
    notes_are_once(rig, iid, versions=2)


@each([TELL, WRITE, CONFIRM, EDIT_NOTE], [Position("cloud", True, WRITE, "the whole tree")])
def test_a_text_that_was_accepted_is_written_in_one_version(rig: WikiRig, position: Position) -> None:
    one, iid = proposed(rig)
    [note] = one.notes(iid)
    rig.sandbox.act(iid, "award", name="thumbsup", note=note["id"], user="grace")
    rig.wait(lambda: "Accepted:" in one.notes(iid)[0]["body"], what="the yes to count")
    rig.idle()
    arm(rig, position, page_id(rig, one.title), iid)
    merge(rig, iid)
    strike(rig, position)
    rig.idle()
    is_written_once(one)
    assert len(one.notes(iid)) == 1
    assert "At the merge:" in one.notes(iid)[0]["body"]
    assert not rig.remarks(one.title)


@each([EDIT_NOTE, REMARK], [Position("datacenter", True, REMARK, "the whole tree")])
def test_a_text_that_nobody_accepted_is_told_on_the_page_once(rig: WikiRig, position: Position) -> None:
    one, iid = proposed(rig)
    arm(rig, position, page_id(rig, one.title), iid)
    merge(rig, iid)
    strike(rig, position)
    rig.idle()
    [remark] = rig.remarks(one.title)
    assert "OUT OF DATE" in remark["body"]
    assert len(one.notes(iid)) == 1
    assert (one.writes(), one.says(20)) == (0, True)


# --- breaking off ---


def arm(rig: WikiRig, position: Position, page: str = "", iid: int = 0) -> None:
    """The next write of this kind will not be answered; this test ends before it would."""
    ends = (
        {"drop_answer": True, "hold": HANG_SECONDS}
        if position.done
        else {"hang": HANG_SECONDS, "status": 503}
    )
    write = position.write
    path = write.path.format(page=page, iid=iid)
    rig.sandbox.fault(path=path, method=write.method, user="trivet", after=write.after, **ends)


def strike(rig: WikiRig, position: Position) -> None:
    """Kill who waits for the answer."""
    (fault,) = rig.sandbox.state_object.faults
    rig.wait(lambda: fault.times == 0, 30, f"{position}")
    if position.victim == "its job":
        (job,) = rig.children("effects")
        os.kill(job, signal.SIGKILL)
    else:
        rig.kill("effects", tree=True)


# --- doing ---


def opened(rig: WikiRig) -> int:
    """A merge request that no section describes."""
    number = len(rig.sandbox.state()["merge_requests"]) + 1
    iid = rig.sandbox.merge_request(
        f"feat: part {number}", {f"part-{number}.txt": "one\n"}, source=f"part-{number}"
    )
    rig.wait(lambda: [run for run in rig.runs() if f'"iid":{iid},' in run["request"]], what=f"runs on !{iid}")
    rig.idle()
    return iid


def proposed(rig: WikiRig) -> tuple[Guide, int]:
    """A page, and the merge request that makes it wrong and has our note."""
    one = guide(rig)
    iid = one.change()
    rig.wait(lambda: one.notes(iid), what=f"a note on !{iid}")
    rig.idle()
    return one, iid


def merge(rig: WikiRig, iid: int) -> None:
    rig.sandbox.act(iid, "merge", user="grace")


# --- what people see ---


def notes_are_once(rig: WikiRig, iid: int, versions: int) -> None:
    """One page below its parent, a version for each merge, one property that knows its text, one note with its link."""
    [page] = [one for one in rig.wiki.state()["pages"] if one["title"] == NEXT]
    assert page["parent"] == page_id(rig, "Releases")
    assert [one["author"]["name"] for one in page["versions"]] == ["trivet"] * versions
    assert list(page["properties"]) == [NOTES_PROPERTY]
    is_known(page, NOTES_SECTION, NOTES_PROPERTY)
    assert (
        page["body"].count(f"merge_requests/{iid}&quot;") + page["body"].count(f'merge_requests/{iid}"') == 1
    )
    assert not rig.remarks(NEXT)
    [note] = [one for one in rig.notes(iid) if page["url"] in one["body"]]
    assert "kind=" in note["body"]


def is_written_once(one: Guide) -> None:
    page = one.rig.page(one.title)
    assert page is not None
    assert (one.says(50), one.writes()) == (True, 1)
    assert len(page["properties"]) == 1
    is_known(page, one.section, next(iter(page["properties"])))


def is_known(page: dict[str, Any], section: str, name: str) -> None:
    """The text that stands there is ours, by the property: the next write is not taken for a person's edit."""
    found = find(page["body"], section)
    assert found is not None
    assert is_ours(found, kept_of(page["properties"][name]["value"]))


def page_id(rig: WikiRig, title: str) -> str:
    page = rig.page(title)
    assert page is not None
    return str(page["id"])
