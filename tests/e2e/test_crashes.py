"""Processes die, answers are lost, GitLab is down: each merge request still carries one complete review.

Slow (a minute or two): what is bought is that the promises hold with real processes and a real `kill -9`.
"""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.rig import Rig, processes

LEAK = "glpat-" + "Zq8Rt2vLm4" + "Xc7Wn1Kd9P"
RECOVERY_SECONDS = 15.0


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with Rig(tmp_path_factory.mktemp("rig")) as started:
        yield started


@pytest.fixture(autouse=True)
def healthy(rig: Rig) -> Iterator[None]:
    """Every test leaves GitLab working and every part running."""
    yield
    rig.sandbox.clear_faults()
    rig.sandbox.drop_hooks(False)
    rig.wait(rig.is_ready, 60, "the receiver to be ready again")


@pytest.fixture
def branch(request: pytest.FixtureRequest) -> str:
    name = str(request.node.name).removeprefix("test_")
    return "".join(letter if letter.isalnum() else "-" for letter in name)[:60].strip("-")


def three_defects(name: str) -> dict[str, str]:
    return {
        f"{name}/settings.py": f'TOKEN = "{LEAK}"\n',
        f"{name}/code.py": "value = undefined_name\n",
        f"{name}/words.txt": "admin\u202enimda\n",
    }


def is_one_review(rig: Rig, iid: int) -> None:
    """Three findings, one summary, nothing left in drafts."""
    rig.reviewed(iid, seconds=90)
    rig.idle(90)
    assert len(rig.findings(iid)) == 3
    assert len(rig.summaries(iid)) == 1
    assert len({note["body"] for note in rig.findings(iid)}) == 3
    assert rig.review(iid)["drafts"] == []


def struck(rig: Rig) -> None:
    """Wait until the fault has met its request, which hangs now."""
    (fault,) = rig.sandbox.state_object.faults
    rig.wait(lambda: fault.times == 0, 30, "the request that hangs")


def last_told(rig: Rig) -> dict[str, Any]:
    """The newest delivery of a merge request, once it is answered. What else is told of comes from reviews before."""

    def answered() -> dict[str, Any] | None:
        told = [one for one in rig.sandbox.state()["deliveries"] if one["event"] == "Merge Request Hook"]
        return told[-1] if told[-1]["status"] == 202 else None

    found: dict[str, Any] = rig.wait(answered, what="the delivery to be answered")
    return found


def test_the_same_delivery_fifty_times_at_once_is_one_review(rig: Rig, branch: str) -> None:
    iid = rig.sandbox.merge_request(files=three_defects(branch), source=branch)
    opened = last_told(rig)
    with ThreadPoolExecutor(50) as pool:
        list(pool.map(rig.sandbox.resend, [opened["id"]] * 50))
    is_one_review(rig, iid)


@pytest.mark.parametrize("victim", ["the whole tree", "the worker", "its job"])
def test_an_agents_worker_killed_while_it_reads(rig: Rig, branch: str, victim: str) -> None:
    rig.sandbox.fault(path="/diffs", method="GET", hang=20, times=1)
    rig.sandbox.clear_requests()
    iid = rig.sandbox.merge_request(files=three_defects(branch), source=branch)
    struck(rig)
    killed = time.monotonic()
    if victim == "its job":
        (job,) = rig.children("agents")
        os.kill(job, signal.SIGKILL)
    else:
        rig.kill("agents", tree=victim == "the whole tree")
    rig.wait(lambda: len(rig.sandbox.requests(path="/discussions")) > 1, 60, "the job to run again")
    assert time.monotonic() - killed < RECOVERY_SECONDS
    is_one_review(rig, iid)


def test_an_effects_worker_killed_between_two_drafts(rig: Rig, branch: str) -> None:
    rig.sandbox.fault(path="draft_notes$", method="POST", hang=20, times=1, after=1)
    rig.sandbox.clear_requests()
    iid = rig.sandbox.merge_request(files=three_defects(branch), source=branch)
    struck(rig)
    assert len(rig.review(iid)["drafts"]) == 1
    rig.kill("effects", tree=True)
    is_one_review(rig, iid)


def test_an_effects_worker_killed_after_a_publish_whose_answer_was_lost(rig: Rig, branch: str) -> None:
    rig.sandbox.fault(path="bulk_publish", method="POST", drop_answer=True, hang=20, times=1)
    iid = rig.sandbox.merge_request(files=three_defects(branch), source=branch)
    rig.wait(lambda: rig.summaries(iid), what="the review to be published")
    rig.kill("effects", tree=True)
    is_one_review(rig, iid)
    assert rig.notifications(iid) == ["review"]


@pytest.mark.parametrize("path", ["draft_notes$", "bulk_publish"])
def test_a_write_that_was_done_but_answered_with_502(rig: Rig, branch: str, path: str) -> None:
    rig.sandbox.fault(path=path, method="POST", drop_answer=True, status=502, times=1)
    iid = rig.sandbox.merge_request(files=three_defects(branch), source=branch)
    is_one_review(rig, iid)
    assert rig.notifications(iid) == ["review"]


def test_gitlab_down_for_a_while(rig: Rig, branch: str) -> None:
    rig.sandbox.fault(path="/api/v4/projects", status=503, times=3)
    iid = rig.sandbox.merge_request(files=three_defects(branch), source=branch)
    is_one_review(rig, iid)


def test_gitlab_asking_for_patience_gets_it(rig: Rig, branch: str) -> None:
    rig.sandbox.fault(path="draft_notes$", method="POST", status=429, times=1, headers={"Retry-After": "2"})
    iid = rig.sandbox.merge_request(files=three_defects(branch), source=branch)
    is_one_review(rig, iid)


def test_redis_killed_while_a_review_is_under_way(rig: Rig, branch: str) -> None:
    rig.sandbox.fault(path="/diffs", method="GET", hang=2, times=1)
    iid = rig.sandbox.merge_request(files=three_defects(branch), source=branch)
    struck(rig)
    rig.kill("redis")
    is_one_review(rig, iid)


def test_the_receiver_killed_after_its_answer(rig: Rig, branch: str) -> None:
    iid = rig.sandbox.merge_request(files=three_defects(branch), source=branch)
    last_told(rig)
    rig.kill("serve")
    is_one_review(rig, iid)


def test_a_push_during_the_review_is_never_answered_with_a_stale_review(rig: Rig, branch: str) -> None:
    rig.sandbox.fault(path="/draft_notes$", method="POST", hang=2, times=1)
    iid = rig.sandbox.merge_request(files=three_defects(branch), source=branch)
    stale = rig.review(iid)["head"]
    struck(rig)
    rig.sandbox.push(branch, {f"{branch}/later.txt": "later\n"})
    is_one_review(rig, iid)
    assert not [note for note in rig.bot_notes(iid) if f"head={stale}" in note["body"]]


def test_killing_the_supervisor_leaves_no_process_and_loses_no_work(rig: Rig, branch: str) -> None:
    rig.sandbox.fault(path="/diffs", method="GET", hang=3, times=1)
    iid = rig.sandbox.merge_request(files=three_defects(branch), source=branch)
    struck(rig)
    family = {pid for pid, parent, _ in processes() if parent == rig.up_pid} | set(rig.children("agents"))
    os.kill(rig.up_pid, signal.SIGKILL)
    rig.wait(lambda: not family & {pid for pid, _, _ in processes()}, 10, "every process to be gone")
    rig.stop()
    rig.start()
    is_one_review(rig, iid)


def test_sigterm_ends_everything_cleanly(rig: Rig) -> None:
    family = {pid for pid, parent, _ in processes() if parent == rig.up_pid}
    assert rig.stop() == 0
    assert not family & {pid for pid, _, _ in processes()}
    rig.start()


def test_what_no_webhook_told_of_the_sweep_finds(tmp_path: Path, branch: str) -> None:
    with Rig(tmp_path, sweep=1) as rig:
        rig.sandbox.drop_hooks()
        iid = rig.sandbox.merge_request(files=three_defects(branch), source=branch)
        rig.reviewed(iid)
        rig.sandbox.push(branch, {f"{branch}/more.py": "value = another_name\n"})
        rig.reviewed(iid)
        assert len(rig.findings(iid)) == 4
        rig.sandbox.comment(iid, "hello")
        rig.sandbox.push(f"{branch}-other", {"broken.py": "value = a_third_name\n"})
        other = rig.sandbox.merge_request(source=f"{branch}-other")
        rig.sandbox.fault(path=f"/merge_requests/{iid}/notes", status=500, times=50)
        rig.sandbox.fault(path=f"/merge_requests/{iid}/notes", status=404, times=50)
        rig.reviewed(other)
        rig.sandbox.clear_faults()
        rig.sandbox.push(f"{branch}-base", {f"{branch}/more.py": "value = another_name\n"})
        ours = rig.sandbox.client("ada").projects.get("acme/shop").mergerequests.get(iid)
        ours.target_branch = f"{branch}-base"
        ours.save()
        rig.wait(
            lambda: any('"trigger":"retargeted"' in run["request"] for run in rig.runs()),
            30,
            "the other target",
        )
        rig.sandbox.comment(iid, "/trivet review")
        rig.wait(
            lambda: any('"trigger":"command"' in run["request"] for run in rig.runs()), 30, "the command"
        )
        rig.idle()
        assert len(rig.findings(iid)) == 4
        assert len(rig.summaries(iid)) == 1
