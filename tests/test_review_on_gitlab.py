"""A whole review by the real agent, proposed and applied: what it costs, and what it does without git."""

from collections.abc import Iterator
from typing import Any

import pytest

from bot.agents.table import AGENTS
from bot.domain.actions import Report
from bot.domain.change import Target
from bot.domain.marks import MarkBook
from bot.domain.secrets import Redactor
from bot.errors import NotFound, Stopped
from bot.proposing.means import Means
from bot.routing import JobRequest
from bot.run import apply, propose
from tests.reviewing import SECRET, Desk
from tests.sandbox_server import PROJECT

LEAK = "glpat-" + "Zq8Rt2vLm4" + "Xc7Wn1Kd9P"
GIT = r"\.git/"


@pytest.fixture(autouse=True)
def no_rules_left(desk: Desk) -> Iterator[None]:
    """What a test wrote into the target branch is gone for the next."""
    yield
    desk.sandbox.push("main", {".trivet.yml": None})


def job(iid: int, trigger: str = "opened") -> JobRequest:
    return JobRequest(
        agent="review", project=PROJECT, project_id=0, iid=iid, trigger=trigger, key=f"review:{iid}"
    )


def review(desk: Desk, iid: int, trigger: str = "opened") -> Report:
    """As a delivery makes it: the reaction once there is work, then the proposal, then the writing."""
    effects, awards = desk.effects(), list[int | None]()
    means = Means(
        reader=desk.reader(),
        agent=AGENTS["review"],
        redactor=Redactor(),
        me=desk.me,
        marks=lambda scope: MarkBook([SECRET], scope),
        begun=lambda: awards.append(effects.acknowledge(Target(PROJECT, iid))),
    )
    proposal = propose(job(iid, trigger), "run", means)
    return apply(proposal, effects, acknowledged=awards[0])


def defects(count: int, first: int = 0) -> dict[str, Any]:
    """Python files with a defect each."""
    return {f"pkg/part_{n}.py": f"value = undefined_{n}\n" for n in range(first, first + count)}


def asked(desk: Desk) -> list[tuple[str, str]]:
    """Requests to the API since the transcript was cleared, without one POST for each comment."""
    seen = [(one["method"], one["path"]) for one in desk.sandbox.requests() if "/api/" in one["path"]]
    return [one for one in seen if not (one[0] == "POST" and one[1].endswith("/draft_notes"))]


@pytest.mark.parametrize(("files", "most"), [(3, 10), (60, 12)])
def test_a_first_review_costs_few_requests(desk: Desk, files: int, most: int) -> None:
    iid = desk.open(defects(files))
    assert desk.me.username == "trivet"
    desk.sandbox.clear_requests()
    review(desk, iid)
    requests = asked(desk)
    assert len(requests) <= most, requests
    assert len(desk.notes(iid, "finding")) == min(files, 10)
    assert desk.told(iid) == ["review"]
    assert desk.awards(iid) == []


def test_a_review_that_is_asked_for_again_writes_nothing(desk: Desk) -> None:
    iid = desk.open(defects(3))
    review(desk, iid)
    with pytest.raises(Stopped, match="already reviewed"):
        review(desk, iid)
    with desk.writes() as writes:
        review(desk, iid, trigger="command")
        assert {path.rpartition("/award_emoji")[1] for _, path in writes()} == {"/award_emoji"}
    assert desk.awards(iid) == []


def test_where_git_is_refused_the_same_is_found_by_the_same_rules(desk: Desk) -> None:
    desk.sandbox.push("main", {".trivet.yml": "review: {ignore: ['*_1.py']}\n"})
    by_git = review(desk, desk.open(defects(3)))
    desk.sandbox.fault(path=GIT, status=403, times=99)
    iid = desk.open(defects(3))
    by_api = review(desk, iid)
    assert by_api.complaints == by_git.complaints == ()
    assert [one.fingerprint for one in by_api.findings] == [one.fingerprint for one in by_git.findings]
    assert {one.path for one in by_api.findings} == {"pkg/part_0.py", "pkg/part_2.py"}


def test_where_no_file_can_be_read_the_diff_is_reviewed_and_one_complaint_made(desk: Desk) -> None:
    iid = desk.open(defects(2) | {"settings.txt": f"TOKEN = {LEAK}\n", "logo.bin": b"\x00\x01" * 9})
    desk.sandbox.fault(path=GIT, status=403, times=99)
    desk.sandbox.fault(path="/repository/", status=403, times=99)
    report = review(desk, iid)
    assert [one.path for one in report.findings] == ["settings.txt"]
    assert len(report.complaints) == 1
    (summary,) = desk.notes(iid, "summary")
    assert summary.count("can be read neither by git") == 1


def test_a_target_branch_that_is_gone_ends_the_run_with_a_sentence(desk: Desk) -> None:
    desk.sandbox.push("release", {"x.txt": "x\n"})
    desk.sandbox.push("fix", {"y.txt": "y\n"}, start="release")
    iid = desk.sandbox.merge_request("Fix", source="fix", target="release")
    desk.sandbox.state_object.projects[0].repository.delete_ref("refs/heads/release")
    with pytest.raises(NotFound, match="branch release of acme/shop"):
        review(desk, iid)
    assert desk.notes(iid) == []


def test_rules_too_large_to_be_read_are_complained_of(desk: Desk) -> None:
    desk.sandbox.push("main", {".trivet.yml": "# " + "x" * 1_100_000})
    report = review(desk, desk.open({"a.txt": "a\n"}))
    assert report.complaints == (".trivet.yml is too large to be read: the defaults hold",)


def test_an_empty_merge_request_gets_the_quiet_reaction(desk: Desk) -> None:
    desk.sandbox.push("still", {"x.txt": "x\n"})
    desk.sandbox.push("still", {"x.txt": None})
    iid = desk.sandbox.merge_request("Nothing", source="still")
    review(desk, iid)
    assert desk.notes(iid) == []
    assert desk.awards(iid) == ["thumbsup"]
