"""What an older version left in Redis, the present one finishes: each with its effect, once, and nothing left behind.

Slow (half a minute for each version): what is bought is that an upgrade loses no work. How it is recorded says
tests/tools/record_upgrade.py.
"""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.entry import keys
from bot.entry.keys import text
from bot.entry.store import Store
from bot.routing import JobRequest
from tests.redis_server import RedisServer
from tests.sandbox_server import PROJECT
from tests.tools.record_upgrade import FIRST, ISSUE, MERGED, PUT_BACK, QUEUED, Platforms, load

RECORDED = sorted((Path(__file__).parents[1] / "upgrade").glob("*.json"))
PENDING = (
    "rq:failed:",
    "rq:job:",
    "rq:queue:",
    "rq:scheduled:",
    "rq:wip:",
    "trivet:lease:",
    "trivet:parked:",
    "trivet:proposal:",
    "trivet:reserved:",
    "trivet:unfinished",
    "trivet:waiting",
)


class Upgraded(Platforms):
    """The present version, all of it, on what an older one left."""

    recording: dict[str, Any]

    def start(self) -> None:
        """The same people did the same at the same platforms, and no delivery of it comes again."""
        self.sandbox.drop_hooks()
        bundle = self.folder / "branches.bundle"
        bundle.write_bytes(base64.b64decode(self.recording["branches"]))
        self.git("fetch", "--quiet", str(bundle), "+refs/heads/*:refs/heads/*")
        self.begin_work()
        self.ask_again()
        self.open_more("put-back")
        self.open_more("queued")
        load(self.redis(), self.recording, self.sandbox.url)
        super().start()


@pytest.fixture(scope="module", params=RECORDED, ids=lambda file: file.stem)
def upgraded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upgraded]:
    folder = tmp_path_factory.mktemp("upgraded")
    rig = Upgraded(folder)
    rig.recording = json.loads(request.param.read_text())
    with rig.server, rig:
        rig.idle(90)
        yield rig


def test_there_is_something_to_finish_of_every_kind(upgraded: Upgraded) -> None:
    stored = upgraded.recording["redis"]
    jobs = [name.split(":")[2].split("-")[0] for name in stored if name.startswith("rq:job:")]
    assert {"propose", "apply", "acknowledge"} <= set(jobs)
    proposals = [
        json.loads(key["value"]) for name, key in stored.items() if name.startswith("trivet:proposal:")
    ]
    assert {proposal["agent"] for proposal in proposals} == {"review", "link", "pages", "triage"}
    kinds = ("trivet:lease:", "trivet:parked:", "trivet:spent:", "trivet:waiting")
    assert all(any(name.startswith(kind) for name in stored) for kind in kinds)


def test_a_stored_proposal_of_a_review_is_published_and_the_parked_command_after_it_repeats_nothing(
    upgraded: Upgraded,
) -> None:
    upgraded.reviewed(FIRST)
    assert len(upgraded.findings(FIRST)) == 2
    assert len(upgraded.summaries(FIRST)) == 1
    assert upgraded.notifications(FIRST) == ["review"]


def test_a_stored_proposal_of_a_link_ties_the_issue_to_its_merge_request(upgraded: Upgraded) -> None:
    issue = upgraded.jira.issue("SHOP-12")
    [link] = issue["links"]
    assert link["url"].endswith(f"/{PROJECT}/-/merge_requests/{FIRST}")
    assert len([one for one in issue["comments"] if one["author"]["name"] == "trivet"]) == 1


def test_a_stored_proposal_of_release_notes_becomes_their_page(upgraded: Upgraded) -> None:
    page = upgraded.wiki.page("Release next")
    assert "carts take codes" in page["body"]
    assert f"!{MERGED}" in page["body"]
    assert len(page["versions"]) == 1


def test_a_stored_proposal_of_a_triage_begins_the_work_on_the_issue(upgraded: Upgraded) -> None:
    begun = [one for one in upgraded.sandbox.state()["merge_requests"] if ISSUE in one["title"]]
    assert [(one["draft"], one["author"]) for one in begun] == [(True, "trivet")]


@pytest.mark.parametrize("iid", [PUT_BACK, QUEUED])
def test_a_run_that_was_put_back_and_one_that_was_only_queued_are_made(upgraded: Upgraded, iid: int) -> None:
    upgraded.reviewed(iid)
    assert len(upgraded.findings(iid)) == 1


def test_nothing_failed_and_nothing_is_left_behind(upgraded: Upgraded) -> None:
    assert {run["state"] for run in upgraded.runs()} <= {"done", "superseded"}
    left = [text(name) for name in upgraded.redis().keys("*")]
    assert [name for name in left if name.startswith(PENDING)] == []
    assert '"log.level":"error"' not in upgraded.log()


def test_a_run_that_only_a_newer_version_can_read_keeps_no_other_from_being_found(
    redis_server: RedisServer,
) -> None:
    """After a downgrade: it stays where it is, for the version that comes back."""
    store = Store(redis_server.client())
    ours, theirs = (store.runs.start(request(key), "test") for key in ("review:1:1:a", "review:1:2:b"))
    name = keys.run(theirs)
    stored = json.loads(text(store.redis.hget(name, "request")))
    store.redis.hset(name, "request", json.dumps(stored | {"mood": "cheerful"}))
    assert [run.id for run in store.attendance.unfinished(0)] == [ours]
    assert store.redis.zscore(keys.UNFINISHED, theirs) is not None


def request(key: str) -> JobRequest:
    return JobRequest(agent="review", project=PROJECT, project_id=1, iid=1, trigger="opened", key=key)
