"""`kill -9` at the writes of the runs that tie issues and merge requests together: in the end each thing is there once.

A write is broken off before the platform carries it out, or after that and before its answer comes. Each position has
an issue of its own, and the next kill does not wait until the run of the one before is taken up again. Slow: about a
minute; with TEST_EVERY_POSITION set no write is left out, which takes several.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.jira_rig import JiraRig
from tests.jira_server import Deployment
from tests.sandbox_server import PROJECT

EVERY_POSITION = bool(os.environ.get("TEST_EVERY_POSITION"))
HANG_SECONDS = 1.5
STATUS = "trivet/issue"
CONFIG = """
link:
  require_key: true
  transitions:
    - {on: opened, to: In Progress}
"""


@dataclass(frozen=True)
class Write:
    """A request that changes something. `path` is a pattern, in which `{key}` stands for the issue's."""

    name: str
    method: str
    path: str


LINK = Write("link", "POST", "/issue/{key}/remotelink$")
SET_STATUS = Write("status", "POST", "/statuses/")
MOVE = Write("transition", "POST", "/issue/{key}/transitions$")
COMMENT = Write("comment", "POST", "/issue/{key}/comment$")
EDIT = Write("edit", "PUT", "/issue/{key}/comment/")
HIDE = Write("hide", "PUT", "/properties/sd.public.comment$")
MARK = Write("mark", "PUT", "/properties/trivet$")
BRANCH = Write("branch", "POST", "/repository/branches$")
DRAFT = Write("draft", "POST", "/merge_requests$")


@dataclass(frozen=True)
class Position:
    """`done`: the write is carried out, and its answer does not come."""

    write: Write
    done: bool


Positions = Mapping[Deployment, Sequence[Position]]


def both(*writes: Write) -> list[Position]:
    return [Position(write, done) for write in writes for done in (False, True)]


def chosen(few: Positions, every: Positions) -> Positions:
    return every if EVERY_POSITION else few


OF_A_LINK = chosen(
    {"cloud": both(MOVE, COMMENT), "datacenter": [Position(COMMENT, True), *both(MARK)]},
    {
        "cloud": both(LINK, SET_STATUS, MOVE, COMMENT),
        "datacenter": both(LINK, SET_STATUS, MOVE, COMMENT, HIDE, MARK),
    },
)
OF_AN_EDIT = chosen(
    {"cloud": [], "datacenter": [Position(EDIT, True)]},
    {"cloud": both(EDIT), "datacenter": both(EDIT, HIDE, MARK)},
)
OF_WORK_BEGUN = chosen(
    {"cloud": [Position(BRANCH, True), *both(DRAFT)], "datacenter": []},
    {"cloud": both(BRANCH, DRAFT, LINK, COMMENT), "datacenter": both(BRANCH, DRAFT, LINK, COMMENT, MARK)},
)


@pytest.fixture(scope="module", params=["cloud", "datacenter"])
def rig(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[JiraRig]:
    with JiraRig(tmp_path_factory.mktemp("rig"), request.param, config=CONFIG) as started:
        yield started


@pytest.fixture(autouse=True)
def healthy(rig: JiraRig) -> Iterator[None]:
    yield
    rig.sandbox.clear_faults()


def killed_at(rig: JiraRig, position: Position, key: str, start: Callable[[], Any]) -> Any:
    """What `start` gives, once the run that it begins has met its end at this write."""
    path = position.write.path.format(key=key)
    method = position.write.method
    ends = {"drop_answer": True} if position.done else {"status": 503}
    rig.sandbox.clear_faults()
    before = len(answered(rig, method, path))
    rig.sandbox.fault(path=path, method=method, user="trivet", hang=HANG_SECONDS, **ends)
    (fault,) = rig.sandbox.state_object.faults
    started = start()
    rig.wait(lambda: fault.times == 0, 60, f"{position.write.name} of {key}")
    rig.kill("effects", tree=True)
    assert len(answered(rig, method, path)) == before, "it was answered before the kill"
    rig.wait(lambda: len(answered(rig, method, path)) > before, 10, "the write without a writer")
    return started


def answered(rig: JiraRig, method: str, path: str) -> list[dict[str, Any]]:
    return [one for one in rig.sandbox.requests(method) if re.search(path, one["path"])]
