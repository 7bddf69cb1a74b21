"""`kill -9` at the writes of the runs that tie issues and merge requests together: in the end each thing is there once.

A write is broken off before the platform carries it out, or after that and before its answer comes, by the end of its
job; here and there, and with TEST_EVERY_POSITION everywhere, by that of the whole worker. Slow: a minute, or ten.
"""

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.jira_rig import JiraRig
from tests.jira_server import Deployment

EVERY_POSITION = bool(os.environ.get("TEST_EVERY_POSITION"))
HANG_SECONDS = 5.0
STATUS = "trivet/issue"
CONFIG = """
link:
  require_key: true
  transitions:
    - {on: opened, to: In Progress}
"""
Victim = Literal["its job", "the whole tree"]


@dataclass(frozen=True)
class Asked:
    """A request of ours. `path` is a pattern, in which `{key}` stands for the issue's."""

    name: str
    method: str
    path: str


READ = Asked("reading", "GET", "/issue/{key}/comment")
LINK = Asked("link", "POST", "/issue/{key}/remotelink$")
SET_STATUS = Asked("status", "POST", "/statuses/")
MOVE = Asked("transition", "POST", "/issue/{key}/transitions$")
COMMENT = Asked("comment", "POST", "/issue/{key}/comment$")
EDIT = Asked("edit", "PUT", "/issue/{key}/comment/")
HIDE = Asked("hide", "PUT", "/properties/sd.public.comment$")
MARK = Asked("mark", "PUT", "/properties/trivet$")
BRANCH = Asked("branch", "POST", "/repository/branches$")
DRAFT = Asked("draft", "POST", "/merge_requests$")


@dataclass(frozen=True)
class Position:
    """`done`: the write is carried out, and its answer does not come. `victim`: what of the effects worker dies."""

    deployment: Deployment
    write: Asked
    done: bool
    victim: Victim = "its job"

    def __str__(self) -> str:
        moment = "before its answer" if self.done else "before it is done"
        return f"{self.deployment}: {self.write.name} {moment}, {self.victim}"


def at(deployment: Deployment, *writes: Asked) -> list[Position]:
    return [Position(deployment, write, done) for write in writes for done in (False, True)]


def each(jobs: Sequence[Position], trees: Sequence[Position] = ()) -> pytest.MarkDecorator:
    """A test at each of these positions: a job is taken up again at once, a whole tree's after ten seconds."""
    every = [replace(one, victim="the whole tree") for one in jobs]
    return pytest.mark.parametrize("position", [*jobs, *(every if EVERY_POSITION else trees)], ids=str)


@pytest.fixture(scope="module")
def rigs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Deployment], JiraRig]]:
    """One rig for all positions on a deployment."""
    with ExitStack() as stack:
        yield cache(lambda name: stack.enter_context(started(tmp_path_factory.mktemp(name), name)))


@contextmanager
def started(folder: Path, deployment: Deployment) -> Iterator[JiraRig]:
    """Once its first look around is over, which would meet the faults."""
    with JiraRig(folder, deployment, config=CONFIG) as rig:
        rig.wait(lambda: '"swept"' in rig.log(), what="the first sweep")
        yield rig


@pytest.fixture
def rig(
    request: pytest.FixtureRequest, rigs: Callable[[Deployment], JiraRig], position: Position
) -> Iterator[JiraRig]:
    rig = rigs(position.deployment)
    yield rig
    rig.sandbox.clear_faults()


@each(
    at("cloud", LINK, SET_STATUS, MOVE, COMMENT) + at("datacenter", LINK, MOVE, COMMENT, HIDE, MARK),
    [Position("cloud", SET_STATUS, True, "the whole tree")],
)
def test_a_merge_request_and_its_issue_are_tied_once(rig: JiraRig, position: Position) -> None:
    key = rig.jira.create("Take codes")
    arm(rig, position, key)
    iid = opened(rig, key)
    strike(rig, position)
    rig.idle()
    is_tied_once(rig, key, iid)


@each(at("cloud", EDIT) + at("datacenter", HIDE, EDIT, MARK))
def test_a_comment_that_was_being_edited_is_one_and_tells_the_newest(
    rig: JiraRig, position: Position
) -> None:
    key = rig.jira.create("Take codes")
    iid = opened(rig, key)
    rig.wait(
        lambda: any("eviewed at" in one["text"] for one in rig.comments(key)), what=f"a verdict on {key}"
    )
    rig.idle()
    arm(rig, position, key)
    rig.sandbox.push(f"{key}-codes", {f"{key}.txt": "another\n"}, "Take the best code")
    strike(rig, position)
    rig.idle()
    [comment] = rig.comments(key)
    assert "Take the best code" in comment["text"]
    is_tied_once(rig, key, iid)


@each(
    at("cloud", BRANCH, DRAFT, LINK, COMMENT) + at("datacenter", BRANCH, DRAFT, LINK, COMMENT, MARK),
)
def test_work_is_begun_once(rig: JiraRig, position: Position) -> None:
    key = rig.jira.create("Take codes")
    arm(rig, position, key)
    rig.jira.act(key, "move", to="In Progress", user="ada")
    strike(rig, position)
    is_begun_once(rig, key)


@each([Position("cloud", READ, False)], [Position("datacenter", READ, False, "the whole tree")])
def test_what_an_agents_worker_was_reading_for_is_done_once(rig: JiraRig, position: Position) -> None:
    key = rig.jira.create("Take codes")
    arm(rig, position, key)
    rig.jira.act(key, "move", to="In Progress", user="ada")
    strike(rig, position, "agents")
    is_begun_once(rig, key)


# --- breaking off ---


def arm(rig: JiraRig, position: Position, key: str) -> None:
    """The next write of this kind will not be answered; this test ends before it would."""
    ends = (
        {"drop_answer": True, "hold": HANG_SECONDS}
        if position.done
        else {"hang": HANG_SECONDS, "status": 503}
    )
    write = position.write
    rig.sandbox.fault(path=write.path.format(key=key), method=write.method, user="trivet", **ends)


def strike(rig: JiraRig, position: Position, worker: str = "effects") -> None:
    """Kill who waits for the answer."""
    (fault,) = rig.sandbox.state_object.faults
    rig.wait(lambda: fault.times == 0, 30, f"{position}")
    if position.victim == "its job":
        (job,) = rig.children(worker)
        os.kill(job, signal.SIGKILL)
    else:
        rig.kill(worker, tree=True)


# --- what people see ---


def opened(rig: JiraRig, key: str) -> int:
    return rig.sandbox.merge_request(f"{key}: take codes", {f"{key}.txt": "one\n"}, source=f"{key}-codes")


def is_tied_once(rig: JiraRig, key: str, iid: int) -> None:
    """One link, one marked comment, one commit status, one move."""
    request = rig.review(iid)
    assert [one["url"] for one in rig.links(key)] == [request["web_url"]]
    assert marks(rig, key) == [f"mr:{request['project_id']}:{iid}"]
    assert statuses(rig, request) == ["success"]
    assert rig.status(key) == "In Progress"
    written = Counter(rig.writes(key))
    assert (written["link_created"], written["comment_created"], written["transition"]) == (1, 1, 1)


def is_begun_once(rig: JiraRig, key: str) -> None:
    """One branch, one draft, one link, one comment for each of the two agents."""
    rig.wait(lambda: len(rig.comments(key)) > 1, 60, f"both comments on {key}")
    rig.idle()
    [draft] = [one for one in rig.sandbox.state()["merge_requests"] if key in one["title"]]
    assert (draft["draft"], draft["author"]) == (True, "trivet")
    assert [name for name in branches(rig, draft) if name.startswith(key)] == [draft["source_branch"]]
    assert [one["url"] for one in rig.links(key)] == [draft["web_url"]]
    assert marks(rig, key) == [f"mr:{draft['project_id']}:{draft['iid']}", "triage"]
    assert statuses(rig, draft) == ["success"]
    [told] = [one for one in rig.comments(key) if one["properties"]["trivet"]["key"] == "triage"]
    assert draft["web_url"] in told["text"]
    written = Counter(rig.writes(key))
    assert (written["link_created"], written["comment_created"]) == (1, 2)


def marks(rig: JiraRig, key: str) -> list[str]:
    return sorted(one["properties"]["trivet"]["key"] for one in rig.comments(key))


def statuses(rig: JiraRig, request: dict[str, Any]) -> list[str]:
    """Every status of ours that was ever set on the head."""
    path = f"/projects/{request['project_id']}/repository/commits/{request['head']}/statuses?all=true"
    here = (STATUS, request["source_branch"])
    found = rig.sandbox.api("GET", path).body
    return [one["status"] for one in found if (one["name"], one["ref"]) == here]


def branches(rig: JiraRig, request: dict[str, Any]) -> list[str]:
    path = f"/projects/{request['project_id']}/repository/branches?per_page=100"
    return [one["name"] for one in rig.sandbox.api("GET", path).body]
