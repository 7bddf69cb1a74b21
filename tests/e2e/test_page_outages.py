"""Confluence is down or does not know our token, webhooks are lost, pages are moved and hidden meanwhile: nothing is
lost, nothing is written twice, and nobody learns what they could not read.

The pauses of what was put back are skipped, and its outage is made as much older. Slow: a minute or two.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.canaries import HOOK_SECRET
from tests.confluence_server import Flavour
from tests.jira_rig import Door
from tests.limits import Guide, config, guide, judging
from tests.model_server import ModelServer
from tests.sandbox_server import PROJECT
from tests.wiki_rig import WikiRig

HOUR = 3_600
PUBLIC = "acme/open"
RULES = f"spaces: [{{space: DOC, gitlab: {PROJECT}}}, {{space: DOC, gitlab: {PUBLIC}}}]\n"
CONFIG = config(notes="{space: DOC, parent: Releases}")
NEXT = "Release next"
LISTED = "In the release notes"
SECRET = "Sell the moon to nobody else"  # told nowhere but where it may be
WRITING = ("POST", "PUT", "DELETE")
ALL = "^/confluence/"


class DoorRig(WikiRig):
    """Confluence is behind a door, which may be closed."""

    def __init__(self, folder: Path, flavour: Flavour, **given: Any) -> None:
        super().__init__(folder, flavour, rules=RULES, config=CONFIG, **given)
        self.door = Door(lambda: self.sandbox.url)

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self.door.close()

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | {"TRIVET_CONFLUENCE__URL": f"{self.door.url}/confluence"}

    def start(self) -> None:
        self.door.open()
        super().start()
        self.wait(lambda: '"swept"' in self.log(), what="the first sweep")


@pytest.fixture(scope="module")
def model() -> Iterator[ModelServer]:
    with ModelServer() as server:
        server.reply = judging
        yield server


@pytest.fixture(scope="module")
def rigs(
    model: ModelServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[Flavour], DoorRig]]:
    """One rig for all tests on a flavour."""
    with ExitStack() as stack:

        def started(flavour: Flavour) -> DoorRig:
            rig = DoorRig(tmp_path_factory.mktemp(flavour), flavour, **model.environ("openai"))
            return stack.enter_context(rig)

        yield cache(started)


@pytest.fixture(params=["cloud", "datacenter"])
def rig(request: pytest.FixtureRequest, rigs: Callable[[Flavour], DoorRig]) -> Iterator[DoorRig]:
    rig = rigs(request.param)
    if rig.page(NEXT):
        rig.wiki.act(NEXT, "delete", user="grace")
    yield rig
    rig.sandbox.clear_faults()


on_cloud = pytest.mark.parametrize("rig", ["cloud"], indirect=True)


# --- Confluence is down ---


@pytest.mark.parametrize(
    ("rig", "how"),
    [("cloud", "answers 503"), ("cloud", "refuses connections"), ("datacenter", "refuses connections")],
    indirect=["rig"],
)
def test_what_is_merged_while_confluence_is_down_for_an_hour_is_written_later_once(
    rig: DoorRig, how: str
) -> None:
    one, iid = accepted(rig)
    with down(rig) if how == "answers 503" else closed(rig):
        merge(rig, iid)
        rig.wait(lambda: len(rig.outages()) == 2, what="both runs")
        rig.wait(
            lambda: skipped(rig) and min(rig.outages().values(), default=0) > HOUR, 60, "an hour to pass"
        )
        assert (one.writes(), rig.page(NEXT)) == (0, None)
    done_after_all(rig)
    is_written_once(one, iid)
    assert {run["state"] for run in rig.runs()} <= {"done", "superseded"}


def test_a_token_that_expired_is_told_in_the_log_and_waited_for(rig: DoorRig) -> None:
    one, iid = accepted(rig)
    seen = len(rig.log())
    token = rig.wiki.person("trivet")["token"]
    rig.wiki.control("people/trivet", token="another" + "-token")
    merge(rig, iid)
    rig.wait(lambda: len(rig.outages()) == 2 and all(rig.outages().values()), what="both runs to be put back")
    skipped(rig)
    rig.wait(lambda: min(rig.pauses().values(), default=0) > 30, what="both runs to be put back again")
    assert "Confluence does not accept the token (401)" in rig.log()[seen:]
    assert "TRIVET_CONFLUENCE__TOKEN" in rig.log()[seen:]
    assert (one.writes(), rig.page(NEXT)) == (0, None)
    rig.wiki.control("people/trivet", token=token)
    done_after_all(rig)
    is_written_once(one, iid)


@on_cloud
def test_a_writing_token_that_expired_between_two_writes_ends_in_one_of_each(rig: DoorRig) -> None:
    one, iid = accepted(rig)
    rig.sandbox.fault(path=f"/pages/{page_id(one)}$", method="PUT", user="trivet", status=401, times=2)
    merge(rig, iid)
    rig.wait(lambda: one.known(), what="the property to be written")
    rig.wait(lambda: any(rig.outages().values()), what="the run to be put back")
    done_after_all(rig)
    is_written_once(one, iid)


# --- webhooks are lost ---


@pytest.mark.parametrize("flavour", ["cloud", "datacenter"])
def test_a_merge_a_tag_and_a_page_that_no_webhook_told_are_found_and_handled_once_also_when_told_late(
    model: ModelServer, tmp_path: Path, flavour: Flavour
) -> None:
    with DoorRig(tmp_path, flavour, sweep=2, **model.environ("openai")) as rig:
        one, other = guide(rig), guide(rig)
        iid = rig.sandbox.merge_request(
            "feat: more", {one.file: "LIMIT = 50\n", other.file: "LIMIT = 50\n"}, source=one.branch
        )
        rig.wait(lambda: len(noted(one, iid)) == 2, what="both notes")
        rig.idle()
        lose(rig)
        accept(rig, iid, noted(one, iid)[0])
        merge(rig, iid)
        rig.wait(lambda: "feat" in rig.body(NEXT) or "more" in rig.body(NEXT), 30, "the release notes")
        rig.wait(lambda: one.says(50) != other.says(50), 30, "the one text to be written")
        stale = other if one.says(50) else one
        rig.wait(lambda: rig.remarks(stale.title), 30, "the remark on the other page")
        rig.sandbox.tag("v1.0.0")
        rig.wait(lambda: f"!{iid}" in rig.body("Release v1.0.0"), 30, "the tag to be found")
        rig.wiki.act(stale.title, "edit", old="<strong>20<", new="<strong>50<", user="ada")
        rig.wait(lambda: "TRUE AGAIN" in rig.remarks(stale.title)[0]["body"], 30, "the edit to be found")
        rig.idle()
        before = traces(rig, one, other)
        tell_late(rig)
        rig.idle()
        assert traces(rig, one, other) == before
        assert (one.writes() + other.writes(), len(rig.remarks(stale.title))) == (1, 1)


# --- the page changes between the proposal and the writing ---


def moved(one: Guide) -> None:
    """To a space that belongs to others, and that no rule speaks of; the bot sees it."""
    wiki = one.rig.wiki
    if not any(space["key"] == "OTHER" for space in wiki.state()["spaces"]):
        wiki.control("spaces", key="OTHER", user="grace", people=["trivet", "ada"])
    wiki.act(one.title, "move", space="OTHER", user="grace")


def archived(one: Guide) -> None:
    one.rig.wiki.act(one.title, "archive")


def hidden(one: Guide) -> None:
    one.rig.wiki.act(one.title, "restrict", operation="read", people=["ada"])


def trashed(one: Guide) -> None:
    one.rig.wiki.act(one.title, "trash")


Change = Callable[[Guide], None]
CHANGES: list[Any] = [
    *(("cloud", change) for change in (moved, archived, hidden, trashed)),
    *(("datacenter", change) for change in (moved, hidden, trashed)),
]


@pytest.mark.parametrize(("rig", "change"), CHANGES, indirect=["rig"])
def test_a_page_that_changed_after_the_proposal_is_not_written_and_the_merge_request_says_so(
    rig: DoorRig, change: Change
) -> None:
    one, iid = accepted(rig)
    with down(rig, *WRITING):
        merge(rig, iid)
        rig.wait(lambda: len(put_back(rig)) == 2, what="both runs to be put back")
        change(one)
    done_after_all(rig)
    assert (one.writes(), one.says(20), rig.remarks(one.title)) == (0, True, [])
    [note] = one.notes(iid)
    assert "Not written: " in note["body"]
    assert f"!{iid}" in rig.body(NEXT)


@on_cloud
def test_a_page_that_is_closed_to_our_edits_by_then_is_called_out_of_date(rig: DoorRig) -> None:
    one, iid = accepted(rig)
    with down(rig, *WRITING):
        merge(rig, iid)
        rig.wait(lambda: len(put_back(rig)) == 2, what="both runs to be put back")
        rig.wiki.act(one.title, "restrict", operation="update", people=["ada"])
    done_after_all(rig)
    assert (one.writes(), one.says(20)) == (0, True)
    [remark] = rig.remarks(one.title)
    assert "OUT OF DATE" in remark["body"]
    [note] = one.notes(iid)
    assert "Not written: " in note["body"]


def test_a_page_that_was_deleted_after_the_proposal_ends_the_run_and_is_not_made_again(rig: DoorRig) -> None:
    one, iid = accepted(rig)
    with down(rig, *WRITING):
        merge(rig, iid)
        rig.wait(lambda: len(put_back(rig)) == 2, what="both runs to be put back")
        rig.wiki.act(one.title, "delete", user="grace")
    done_after_all(rig)
    assert rig.page(one.title) is None
    [note] = one.notes(iid)
    assert "Not written: " in note["body"]


@on_cloud
@pytest.mark.parametrize("change", [moved, archived, hidden, trashed])
def test_a_page_that_changed_before_the_merge_is_neither_written_nor_made(
    rig: DoorRig, change: Change
) -> None:
    one, iid = accepted(rig)
    change(one)
    rig.idle()
    merge(rig, iid)
    rig.wait(lambda: f"!{iid}" in rig.body(NEXT), what="the release notes")
    rig.idle()
    assert (one.writes(), one.says(20), rig.remarks(one.title)) == (0, True, [])
    assert len([page for page in rig.wiki.state()["pages"] if page["title"] == one.title]) == 1


def test_release_notes_leave_a_persons_page_of_their_title_alone_and_say_so(rig: DoorRig) -> None:
    rig.wiki.create(NEXT, body="<p>Our holidays.</p>", user="ada")
    before = rig.body(NEXT)
    first = merged(rig)
    rig.wait(lambda: told(rig, first), what="a word on the merge request")
    rig.idle()
    assert (rig.body(NEXT), rig.versions(NEXT), rig.remarks(NEXT)) == (before, [], [])
    assert "a page of this title stands elsewhere in the space" in told(rig, first)
    rig.wiki.act(NEXT, "edit", title=f"Holidays {first}", user="ada")
    second = merged(rig)
    rig.wait(lambda: f"!{second}" in rig.body(NEXT), what="the release notes")
    rig.idle()
    assert f"!{first}" in rig.body(NEXT)


# --- who may not read the page ---


@pytest.mark.parametrize("project", [PUBLIC, PROJECT])
@on_cloud
def test_of_a_page_that_others_may_not_read_nothing_is_told(rig: DoorRig, project: str) -> None:
    """In a public project; and in a private one, of a page that few may read."""
    if project == PUBLIC:
        members = {"ada": 30, "grace": 40, "trivet": 30}
        rig.sandbox.add_project(PUBLIC, {".trivet.yml": CONFIG}, members, visibility="public")
        rig.sandbox.add_hook(rig.hook, HOOK_SECRET, PUBLIC)
    one = guide(rig, project=project, hint=SECRET)
    if project == PROJECT:
        rig.wiki.act(one.title, "restrict", operation="read", people=["ada", "trivet"])
    iid = one.change()
    rig.wait(lambda: one.notes(iid), what="a note")
    rig.idle()
    [note] = one.notes(iid)
    assert "may be out of date" in note["body"]
    rig.sandbox.act(iid, "award", name="thumbsup", note=note["id"], user="grace", project=project)
    rig.sandbox.act(iid, "merge", user="grace", project=project)
    rig.wait(lambda: rig.remarks(one.title), what="a remark on the page")
    rig.idle()
    assert (one.writes(), one.says(20)) == (0, True)
    everything = json.dumps(rig.sandbox.state()) + rig.log() + reports(rig)
    assert SECRET not in everything
    assert "holds at most **20**" not in json.dumps(rig.review(iid, project))


# --- doing ---


def accepted(rig: DoorRig) -> tuple[Guide, int]:
    """A page, and a merge request that makes it wrong, whose new text a developer accepted."""
    one = guide(rig)
    iid = one.change()
    rig.wait(lambda: one.notes(iid), what=f"a note on !{iid}")
    rig.idle()
    accept(rig, iid, one.notes(iid)[0])
    rig.wait(lambda: "Accepted:" in one.notes(iid)[0]["body"], what="the yes to count")
    rig.idle()
    return one, iid


def accept(rig: DoorRig, iid: int, note: dict[str, Any]) -> None:
    rig.sandbox.act(iid, "award", name="thumbsup", note=note["id"], user="grace")


def merge(rig: DoorRig, iid: int) -> None:
    rig.sandbox.act(iid, "merge", user="grace")


def merged(rig: DoorRig) -> int:
    number = len(rig.sandbox.state()["merge_requests"]) + 1
    iid = rig.sandbox.merge_request(
        f"feat: part {number}", {f"part-{number}.txt": "one\n"}, source=f"part-{number}"
    )
    merge(rig, iid)
    return iid


@contextmanager
def down(rig: DoorRig, *methods: str) -> Iterator[None]:
    """Confluence answers 503, to these methods or to all."""
    for method in methods or (None,):
        rig.sandbox.fault(path=ALL, method=method, status=503, times=10_000)
    yield
    rig.sandbox.clear_faults()


@contextmanager
def closed(rig: DoorRig) -> Iterator[None]:
    rig.door.close()
    try:
        yield
    finally:
        rig.door.open()


def skipped(rig: DoorRig) -> bool:
    rig.skip_pauses()
    return True


def done_after_all(rig: DoorRig) -> None:
    rig.wait(lambda: skipped(rig) and not rig.unfinished(), 60, "every run to end")


def lose(rig: DoorRig) -> None:
    rig.sandbox.drop_hooks()
    rig.wiki.control("hooks/drop")


def tell_late(rig: DoorRig) -> None:
    """Every webhook that was lost."""
    rig.sandbox.drop_hooks(False)
    rig.wiki.control("hooks/drop", on=False)
    for one in rig.wiki.state()["deliveries"]:
        if one["status"] == "dropped":
            rig.wiki.control(f"deliveries/{one['id']}/resend")
    for one in rig.sandbox.state()["deliveries"]:
        if one["status"] == "dropped":
            rig.sandbox.resend(one["id"])
    rig.wait(
        lambda: all(one["status"] for one in rig.wiki.state()["deliveries"]), what="Confluence's webhooks"
    )
    rig.wait(
        lambda: all(one["status"] for one in rig.sandbox.state()["deliveries"]), what="GitLab's webhooks"
    )


# --- looking ---


def is_written_once(one: Guide, iid: int) -> None:
    """One version of the section and one of the release notes; one note about each."""
    rig = one.rig
    assert (one.says(50), one.writes(), rig.remarks(one.title)) == (True, 1, [])
    assert len(one.notes(iid)) == 1
    assert len(rig.versions(NEXT)) == 1
    assert f"!{iid}" in rig.body(NEXT)
    assert len([note for note in rig.notes(iid) if LISTED in note["body"]]) == 1


def noted(one: Guide, iid: int) -> list[dict[str, Any]]:
    return one.notes(iid)


def put_back(rig: DoorRig) -> list[str]:
    """The runs that wait for a platform."""
    return [name for name, seconds in rig.outages().items() if seconds]


def told(rig: DoorRig, iid: int) -> str:
    """What the bot says of release notes on a merge request."""
    return "\n".join(note["body"] for note in rig.notes(iid) if "elease" in note["body"])


def reports(rig: DoorRig) -> str:
    client = rig.redis()
    every = [client.get(key) for key in client.keys("trivet:report:*")]
    return "\n".join(one.decode() for one in every if isinstance(one, bytes))


def page_id(one: Guide) -> str:
    page = one.rig.page(one.title)
    assert page is not None
    return str(page["id"])


def traces(rig: DoorRig, *guides: Guide) -> Any:
    """What was written in Confluence and in GitLab."""
    pages = [(page["title"], page["writes"].get("trivet")) for page in rig.wiki.state()["pages"]]
    requests = rig.sandbox.state()["merge_requests"]
    return pages, [(one["iid"], one["state"], len(rig.bot_notes(one["iid"]))) for one in requests]
