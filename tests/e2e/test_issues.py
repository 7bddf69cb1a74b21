"""Issues and merge requests that know each other, and issues that start work: the whole product beside a Jira."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.jira_rig import RULES, TRIVET_YML, JiraRig
from tests.jira_server import Deployment
from tests.sandbox_server import PROJECT

FILES = {"shop/cart.py": "def total(prices: list[int]) -> int:\n    return sum(prices)\n"}


LINK_ONLY = f"jira: [{{project: SHOP, gitlab: {PROJECT}}}]"


@pytest.fixture(params=["cloud", "datacenter"])
def deployment(request: pytest.FixtureRequest) -> Deployment:
    """What one flavour takes the other may refuse."""
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def rig(request: pytest.FixtureRequest, deployment: Deployment, tmp_path: Path) -> Iterator[JiraRig]:
    """With the rules that the test's mark `rules` has, if any."""
    mark = request.node.get_closest_marker("rules")
    with JiraRig(tmp_path, deployment, rules=mark.args[0] if mark else RULES) as running:
        yield running


def comment_says(rig: JiraRig, key: str, words: str) -> None:
    """Wait for our one comment on the issue to say it, and for every run to end."""
    rig.wait(lambda: any(words in one["text"] for one in rig.comments(key)), 60, f"{words!r} on {key}")
    rig.idle()


@pytest.mark.rules(LINK_ONLY)
def test_a_merge_request_and_its_issue_know_each_other_once_however_often_they_are_told(rig: JiraRig) -> None:
    rig.sandbox.push(
        "main", {".trivet.yml": f"{TRIVET_YML}\nreview: {{pause: {{pushes: 1000}}}}\n"}, user="grace"
    )
    rig.jira.act("SHOP-12", "move", to="In Progress", user="ada")
    iid = rig.sandbox.merge_request("SHOP-12: take codes", FILES, source="SHOP-12-codes")
    comment_says(rig, "SHOP-12", f"eviewed at {rig.review(iid)['head'][:8]}")
    rig.wait(lambda: rig.status("SHOP-12") == "In Review", 30, "the issue to be in review")
    for nth in range(5):
        rig.sandbox.push("SHOP-12-codes", {"shop/cart.py": f"TOTAL = {nth}\n"}, f"Change {nth}")
    comment_says(rig, "SHOP-12", f"eviewed at {rig.review(iid)['head'][:8]}")
    delivered = [one["id"] for one in rig.sandbox.state()["deliveries"]]
    for nth in range(20):
        rig.sandbox.resend(delivered[nth % len(delivered)])
    rig.idle()
    [link] = rig.links("SHOP-12")
    assert link["url"].endswith(f"/{PROJECT}/-/merge_requests/{iid}")
    assert len(rig.comments("SHOP-12")) == 1
    assert rig.writes("SHOP-12")["transition"] == 1
    rig.sandbox.act(iid, "merge", user="grace")
    rig.wait(lambda: rig.status("SHOP-12") == "Done", 60, "the issue to be done")
    rig.idle()
    [link], [comment] = rig.links("SHOP-12"), rig.comments("SHOP-12")
    assert link["resolved"] is True
    assert "MERGED" in comment["text"].upper()
    assert rig.writes("SHOP-12")["transition"] == 2


@pytest.mark.rules(LINK_ONLY)
@pytest.mark.parametrize("deployment", ["cloud"], indirect=False)
def test_an_issue_that_a_title_named_once_is_not_left_open_by_the_merge(rig: JiraRig) -> None:
    rig.sandbox.push("codes", FILES, "Take codes")
    iid = rig.sandbox.merge_request("SHOP-12: take codes", source="codes")
    comment_says(rig, "SHOP-12", f"eviewed at {rig.review(iid)['head'][:8]}")
    before = rig.status("SHOP-12")
    shop = rig.sandbox.client("ada").projects.get(PROJECT)
    shop.mergerequests.update(iid, {"title": "Take codes"})
    comment_says(rig, "SHOP-12", "no longer names this issue")
    rig.sandbox.act(iid, "merge", user="grace")
    comment_says(rig, "SHOP-12", "MERGED")
    [link], [comment] = rig.links("SHOP-12"), rig.comments("SHOP-12")
    assert link["resolved"] is True
    assert link["title"] == f"!{iid} Take codes"
    assert "OPEN" not in comment["text"]
    assert comment["text"].count("no longer names this issue") == 1
    assert rig.status("SHOP-12") == before


def test_an_issue_moved_to_in_progress_five_times_starts_one_branch_and_one_draft(rig: JiraRig) -> None:
    for _ in range(5):
        rig.jira.act("SHOP-13", "move", to="In Progress", user="ada")
        rig.jira.act("SHOP-13", "move", to="To Do", user="ada")
    rig.jira.act("SHOP-13", "move", to="In Progress", user="ada")
    rig.wait(lambda: rig.links("SHOP-13"), 60, "a link on SHOP-13")
    rig.idle()
    drafts = [one for one in rig.sandbox.state()["merge_requests"] if "SHOP-13" in one["title"]]
    assert [(one["draft"], one["author"]) for one in drafts] == [(True, "trivet")]
    [link] = rig.links("SHOP-13")
    assert link["url"] == drafts[0]["web_url"]
    keys = [one["properties"]["trivet"]["key"] for one in rig.comments("SHOP-13")]
    assert sorted(keys) == sorted(set(keys))
    assert "triage" in keys
