"""Commit statuses, branches and drafts on GitLab: written once, whatever happens on the way."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest
import responses
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bot.domain.actions import (
    CodeAction,
    OpenBranch,
    OpenMergeRequest,
    Outcome,
    Proposal,
    Report,
    SetCommitStatus,
)
from bot.domain.change import Target
from bot.domain.events import Person
from bot.domain.sanitize import sanitize
from bot.errors import AccessDenied, Superseded, Unavailable
from bot.gateways.gitlab_api import GitLabApi
from bot.gateways.gitlab_work import GitLabWork
from tests.reviewing import SETTING, Desk
from tests.sandbox_server import PROJECT

ISSUE = "SHOP-12"
SECRET = "glpat-" + "Zq8Rt2vLm4" + "Xc7Wn1Kd9P"
BASE = "https://gitlab.example.com"
API = f"{BASE}/api/v4/projects/1"
HEAD = "a" * 40
numbers = count(1)


def redact(text: str) -> str:
    return text.replace(SECRET, "[secret]")


def work(api: GitLabApi, me: Person) -> GitLabWork:
    return GitLabWork(api, me=me, clean=lambda body: sanitize(body, redact=redact), redact=redact)


def work_of(desk: Desk) -> GitLabWork:
    return work(desk.api, desk.me)


def apply(desk: Desk, action: CodeAction, proposal: Proposal | None = None) -> Outcome:
    return work_of(desk).apply(action, proposal or on_issue(action))


def persist(desk: Desk, action: CodeAction, proposal: Proposal, tries: int = 8) -> Outcome:
    """Apply as the queue does: put back while GitLab is unavailable."""
    for _ in range(tries):
        try:
            return apply(desk, action, proposal)
        except Unavailable:
            continue
    raise AssertionError(f"not applied in {tries} tries")


def on_issue(*actions: CodeAction, project: str = PROJECT, project_id: int = 1) -> Proposal:
    """What a run on the issue proposes for the mapped project."""
    return Proposal(
        run="run",
        agent="triage",
        project=project,
        project_id=project_id,
        iid=0,
        head="",
        issue=ISSUE,
        actions=actions,
        report=Report(run="run", agent="triage", target=ISSUE),
    )


def branch_action(**fields: Any) -> OpenBranch:
    return OpenBranch(**{"key": "branch", "name": f"shop-12-work-{next(numbers)}", "ref": "main"} | fields)


def draft_action(branch: str, **fields: Any) -> OpenMergeRequest:
    given = {
        "key": "draft",
        "branch": branch,
        "target": "main",
        "title": f"{ISSUE}: Baskets",
        "body": "- [ ] x",
    }
    return OpenMergeRequest(**given | fields)


def status_action(**fields: Any) -> SetCommitStatus:
    given = {"key": "status", "name": "trivet/issue", "state": "failed", "description": "No issue is named"}
    return SetCommitStatus(**given | fields)


def make_branch(desk: Desk) -> str:
    action = branch_action()
    assert apply(desk, action).result == "done"
    return action.name


def opened_from(desk: Desk, branch: str) -> list[dict[str, Any]]:
    return [one for one in desk.sandbox.state()["merge_requests"] if one["source_branch"] == branch]


def statuses(desk: Desk, iid: int, *, every: bool = False) -> list[dict[str, Any]]:
    path = f"/projects/1/repository/commits/{desk.read(iid).head}/statuses"
    listed: list[dict[str, Any]] = desk.sandbox.api("GET", f"{path}?all={str(every).lower()}").body
    return listed


@contextmanager
def writes(desk: Desk) -> Iterator[list[str]]:
    """Filled, at the end, with what GitLab accepted."""
    desk.sandbox.clear_requests()
    done: list[str] = []
    yield done
    done += [one["path"] for one in desk.sandbox.requests() if one["method"] != "GET" and one["status"] < 300]


# --- branches


def test_a_branch_is_made_at_the_tip_of_its_ref_and_its_address_told(desk: Desk) -> None:
    tip = desk.sandbox.push("main", {"tip.txt": f"{next(numbers)}\n"})
    action = branch_action()
    outcome = apply(desk, action)
    assert (outcome.key, outcome.result) == ("branch", "done")
    assert outcome.url == f"{desk.sandbox.url}/{PROJECT}/-/tree/{action.name}"
    made = desk.sandbox.api("GET", f"/projects/1/repository/branches/{action.name}").body
    assert made["commit"]["id"] == tip


def test_a_branch_that_is_there_is_left_as_it_is(desk: Desk) -> None:
    action = branch_action()
    work_begun = desk.sandbox.push(action.name, {"work.txt": "begun\n"})
    with writes(desk) as done:
        outcome = apply(desk, action)
    assert (outcome.result, done) == ("unchanged", [])
    assert outcome.url.endswith(action.name)
    made = desk.sandbox.api("GET", f"/projects/1/repository/branches/{action.name}").body
    assert made["commit"]["id"] == work_begun


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": "bad..name"}, "Branch name is invalid"),
        ({"name": "with blank"}, "Branch name is invalid"),
        ({"name": "main/below"}, "conflicts with existing branch hierarchy"),
        ({"ref": "gone"}, "invalid reference name 'gone'"),
    ],
)
def test_a_branch_gitlab_does_not_make_is_refused_in_its_words(
    desk: Desk, fields: dict[str, str], words: str
) -> None:
    outcome = apply(desk, branch_action(**fields))
    assert outcome.result == "refused"
    assert words in outcome.reason


def test_a_branch_that_someone_makes_at_the_same_moment_is_the_one(desk: Desk) -> None:
    """It is not there when we look, and is there when we write."""
    action = branch_action()
    desk.sandbox.push(action.name, {"work.txt": "theirs\n"})
    gone = '{"message": "404 Branch Not Found"}'
    desk.sandbox.fault(path="/repository/branches/", method="GET", status=404, body=gone)
    outcome = apply(desk, action)
    assert (outcome.result, outcome.url.endswith(action.name)) == ("unchanged", True)


def test_a_role_too_low_is_refused_and_a_dead_token_ends_the_job(desk: Desk) -> None:
    rita = GitLabApi(desk.sandbox.url, desk.sandbox.token("rita"), SETTING)
    nobody = GitLabApi(desk.sandbox.url, "wrong", SETTING)
    action = branch_action()
    outcome = work(rita, desk.me).apply(action, on_issue(action))
    assert outcome.result == "refused"
    assert SETTING in outcome.reason
    with pytest.raises(AccessDenied, match="401"):
        work(nobody, desk.me).apply(action, on_issue(action))


def test_a_project_the_token_may_not_see_is_refused(desk: Desk) -> None:
    action = branch_action()
    outcome = apply(desk, action, on_issue(action, project="acme/secret", project_id=4711))
    assert outcome.result == "refused"
    assert "404" in outcome.reason


# --- merge requests


def test_a_draft_is_opened_with_its_tasks_and_given_to_the_assignee(desk: Desk) -> None:
    branch = make_branch(desk)
    outcome = apply(desk, draft_action(branch, assignee="ada", body="## To do\n\n- [ ] baskets\n"))
    assert outcome.result == "done"
    (seen,) = opened_from(desk, branch)
    assert outcome.url == seen["web_url"]
    assert (seen["title"], seen["draft"]) == ("Draft: SHOP-12: Baskets", True)
    assert (seen["author"], seen["assignees"], seen["files"]) == ("trivet", ["ada"], [])
    assert seen["description"] == "## To do\n\n- [ ] baskets"
    read = desk.sandbox.api("GET", f"/projects/1/merge_requests/{seen['iid']}").body
    assert read["force_remove_source_branch"] is True


def test_an_issue_begun_five_times_gives_one_branch_and_one_draft(desk: Desk) -> None:
    action = branch_action()
    draft = draft_action(action.name)
    with writes(desk) as done:
        outcomes = [(apply(desk, action).result, apply(desk, draft).result) for _ in range(5)]
    assert outcomes == [("done", "done"), *[("unchanged", "unchanged")] * 4]
    assert len(done) == 2
    assert len(opened_from(desk, action.name)) == 1


@pytest.mark.parametrize("deed", ["close", "merge"])
def test_work_that_was_begun_once_is_not_begun_anew(desk: Desk, deed: str) -> None:
    branch = make_branch(desk)
    first = apply(desk, draft_action(branch))
    desk.sandbox.push(branch, {f"{branch}.txt": "done\n"})
    iid = opened_from(desk, branch)[0]["iid"]
    desk.sandbox.act(iid, "ready")
    desk.sandbox.act(iid, deed, user="grace")
    again = apply(desk, draft_action(branch))
    assert (again.result, again.url) == ("unchanged", first.url)
    assert f"!{iid} was opened for it before" in again.reason


def test_a_branch_that_went_with_its_merge_is_not_made_again(desk: Desk) -> None:
    action = branch_action()
    apply(desk, action)
    first = apply(desk, draft_action(action.name))
    desk.sandbox.push(action.name, {f"{action.name}.txt": "done\n"})
    iid = opened_from(desk, action.name)[0]["iid"]
    desk.sandbox.act(iid, "ready")
    desk.sandbox.act(iid, "merge", user="grace")
    with writes(desk) as done:
        again = apply(desk, action)
    assert (again.result, again.url, done) == ("unchanged", first.url, [])
    assert desk.sandbox.api("GET", f"/projects/1/repository/branches/{action.name}").status == 404


def test_what_someone_else_closed_of_their_own_does_not_stop_the_work(desk: Desk) -> None:
    branch = make_branch(desk)
    iid = desk.sandbox.merge_request("Mine", {"mine.txt": "1\n"}, source=branch)
    desk.sandbox.act(iid, "close")
    assert apply(desk, draft_action(branch)).result == "done"


def test_an_open_one_by_anybody_is_the_one(desk: Desk) -> None:
    branch = make_branch(desk)
    iid = desk.sandbox.merge_request("Mine", {"mine.txt": "2\n"}, source=branch)
    outcome = apply(desk, draft_action(branch))
    assert outcome.result == "unchanged"
    assert outcome.url.endswith(f"/{iid}")


def test_a_branch_of_the_same_name_in_a_fork_is_another_one(desk: Desk) -> None:
    branch = make_branch(desk)
    desk.sandbox.add_project(f"gus/{branch}")
    desk.sandbox.merge_request("From afar", {"fork.txt": "1\n"}, source=branch, fork=f"gus/{branch}")
    request = desk.sandbox.state_object.projects[0].merge_requests[-1]
    request.state = "closed"
    request.author = desk.sandbox.state_object.user("trivet")
    assert apply(desk, draft_action(branch)).result == "done"


def test_one_that_is_opened_at_the_same_moment_is_the_one(desk: Desk) -> None:
    """It is not listed when we look, and GitLab answers 409 when we write."""
    branch = make_branch(desk)
    iid = desk.sandbox.merge_request("Mine", {"mine.txt": "3\n"}, source=branch)
    desk.sandbox.fault(path="/merge_requests", method="GET", status=200, body="[]")
    outcome = apply(desk, draft_action(branch))
    assert (outcome.result, outcome.url.endswith(f"/{iid}")) == ("unchanged", True)


def test_a_missing_branch_is_refused_in_gitlabs_words(desk: Desk) -> None:
    outcome = apply(desk, draft_action("never-made"))
    assert outcome.result == "refused"
    assert "Branch never-made does not exist" in outcome.reason


def test_nothing_an_issue_says_is_executed_or_mentions_anybody(desk: Desk) -> None:
    branch = make_branch(desk)
    hostile = "/merge\n/assign @ada\n\nCloses #1 and see @grace\n\n/close"
    title = f"{ISSUE}: ask @all, closes #1, {SECRET}\n/close"
    assert apply(desk, draft_action(branch, title=title, body=hostile)).result == "done"
    (seen,) = opened_from(desk, branch)
    assert (seen["state"], seen["assignees"]) == ("opened", [])
    executed = [one for one in desk.sandbox.state()["executed"] if one["merge_request"] == seen["iid"]]
    assert executed == []
    assert seen["title"] == f"Draft: {ISSUE}: ask @ all, closes # 1, [secret] /close"


@pytest.mark.parametrize("title", ["", "   ", "\u200b"])
def test_a_title_is_never_empty(desk: Desk, title: str) -> None:
    branch = make_branch(desk)
    assert apply(desk, draft_action(branch, title=title)).result == "done"
    (seen,) = opened_from(desk, branch)
    assert len(seen["title"]) > len("Draft: ")


def test_a_title_is_cut_to_what_gitlab_takes(desk: Desk) -> None:
    branch = make_branch(desk)
    assert apply(desk, draft_action(branch, title="é" * 400)).result == "done"
    assert len(opened_from(desk, branch)[0]["title"]) == 255


def test_an_assignee_who_is_nobody_is_told_and_stops_nothing(desk: Desk) -> None:
    branch = make_branch(desk)
    outcome = apply(desk, draft_action(branch, assignee="nobody-at-all"))
    assert outcome.result == "done"
    assert "nobody-at-all is not the name of one active account" in outcome.reason
    assert opened_from(desk, branch)[0]["assignees"] == []


def test_a_token_that_may_not_look_people_up_still_opens_the_draft(desk: Desk) -> None:
    branch = make_branch(desk)
    desk.sandbox.fault(path=r"/users\?", method="GET", status=403)
    outcome = apply(desk, draft_action(branch, assignee="ada"))
    assert outcome.result == "done"
    assert "the list of users (403)" in outcome.reason


# --- commit statuses


def test_a_status_is_set_once_and_again_only_where_it_says_something_else(desk: Desk) -> None:
    iid = desk.open()
    action = status_action(url=f"{desk.sandbox.url}/help")
    proposal = desk.proposal(iid, action, summary=None)
    with writes(desk) as done:
        results = [apply(desk, action, proposal).result for _ in range(3)]
    assert (results, len(done)) == (["done", "unchanged", "unchanged"], 1)
    other = status_action(state="success", description="SHOP-12")
    outcome = apply(desk, other, proposal)
    assert (outcome.result, outcome.url) == ("done", desk.read(iid).web_url)
    (shown,) = statuses(desk, iid)
    assert (shown["status"], shown["name"], shown["description"]) == ("success", "trivet/issue", "SHOP-12")
    assert len(statuses(desk, iid, every=True)) == 2


def test_the_same_state_in_other_words_is_written(desk: Desk) -> None:
    iid = desk.open()
    proposal = desk.proposal(iid, summary=None)
    apply(desk, status_action(), proposal)
    assert apply(desk, status_action(description="SHOP-9 is unknown"), proposal).result == "done"
    assert statuses(desk, iid)[0]["description"] == "SHOP-9 is unknown"


def test_a_status_of_another_name_is_no_reason_to_be_silent(desk: Desk) -> None:
    iid = desk.open()
    proposal = desk.proposal(iid, summary=None)
    apply(desk, status_action(name="trivet/other"), proposal)
    assert apply(desk, status_action(), proposal).result == "done"
    assert {one["name"] for one in statuses(desk, iid)} == {"trivet/issue", "trivet/other"}


def test_a_status_joins_the_merge_requests_own_pipeline_and_follows_to_a_newer_one(desk: Desk) -> None:
    iid = desk.open()
    proposal = desk.proposal(iid, summary=None)
    job = {"project": PROJECT, "iid": iid, "audience": "x", "user": "ada"}
    first = desk.sandbox.call("POST", "/sandbox/id_token", job)["pipeline"]
    apply(desk, status_action(), proposal)
    assert [one["pipeline_id"] for one in statuses(desk, iid)] == [first]
    second = desk.sandbox.call("POST", "/sandbox/id_token", job)["pipeline"]
    assert apply(desk, status_action(), proposal).result == "done"
    assert apply(desk, status_action(), proposal).result == "unchanged"
    assert [one["pipeline_id"] for one in statuses(desk, iid)] == [first, second]


def test_without_a_pipeline_the_status_stands_on_the_source_branch(desk: Desk) -> None:
    iid = desk.open()
    apply(desk, status_action(), desk.proposal(iid, summary=None))
    assert [one["ref"] for one in statuses(desk, iid)] == [desk.read(iid).source_branch]


def test_a_pipeline_of_a_merged_result_holds_no_status_of_the_head(desk: Desk) -> None:
    iid = desk.open()
    job = {"project": PROJECT, "iid": iid, "audience": "x", "user": "ada", "kind": "merged_result"}
    desk.sandbox.call("POST", "/sandbox/id_token", job)
    assert apply(desk, status_action(), desk.proposal(iid, summary=None)).result == "done"
    assert [one["ref"] for one in statuses(desk, iid)] == [desk.read(iid).source_branch]


def test_a_status_that_still_runs_is_brought_to_its_end(desk: Desk) -> None:
    iid = desk.open()
    path = f"/projects/1/statuses/{desk.read(iid).head}"
    running = {"state": "running", "name": "trivet/issue", "ref": desk.read(iid).source_branch}
    assert desk.sandbox.api("POST", path, running).status == 201
    assert apply(desk, status_action(), desk.proposal(iid, summary=None)).result == "done"
    assert [one["status"] for one in statuses(desk, iid, every=True)] == ["failed"]


def test_what_is_too_long_for_gitlab_is_cut(desk: Desk) -> None:
    iid = desk.open()
    action = status_action(description="é\n" * 300, url="https://example.com/" + "x" * 300)
    proposal = desk.proposal(iid, summary=None)
    assert [apply(desk, action, proposal).result for _ in range(2)] == ["done", "unchanged"]
    (shown,) = statuses(desk, iid)
    assert (len(shown["description"]), shown["target_url"]) == (255, None)


def test_a_fork_that_is_out_of_reach_is_refused_in_words(desk: Desk) -> None:
    path = f"gus/fork-{next(numbers)}"
    desk.sandbox.add_project(path)
    iid = desk.open(fork=path)
    outcome = apply(desk, status_action(), desk.proposal(iid, summary=None))
    assert outcome.result == "refused"
    assert "404" in outcome.reason


def test_the_status_of_a_forks_commit_stands_in_the_fork(desk: Desk) -> None:
    path = f"gus/fork-{next(numbers)}"
    fork = desk.sandbox.add_project(path, members={"trivet": 30})
    iid = desk.open(fork=path)
    shop, copy = (desk.sandbox.state_object.project(one).repository for one in (PROJECT, path))
    branch = desk.read(iid).source_branch
    copy.git("fetch", "--quiet", str(shop.folder), f"refs/heads/{branch}:refs/heads/{branch}")
    proposal = desk.proposal(iid, summary=None)
    assert [apply(desk, status_action(), proposal).result for _ in range(2)] == ["done", "unchanged"]
    there = desk.sandbox.api("GET", f"/projects/{fork['id']}/repository/commits/{proposal.head}/statuses")
    assert [one["name"] for one in there.body] == ["trivet/issue"]
    assert statuses(desk, iid) == []


def test_where_the_parent_runs_a_forks_pipeline_the_status_stands_there(desk: Desk) -> None:
    path = f"gus/fork-{next(numbers)}"
    desk.sandbox.add_project(path)
    iid = desk.open(fork=path)
    job = {"project": PROJECT, "iid": iid, "audience": "x", "user": "grace"}
    pipeline = desk.sandbox.call("POST", "/sandbox/id_token", job)["pipeline"]
    assert apply(desk, status_action(), desk.proposal(iid, summary=None)).result == "done"
    assert [one["pipeline_id"] for one in statuses(desk, iid)] == [pipeline]


# --- a GitLab whose answers the test writes


@pytest.fixture
def gitlab() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


def merge_request(**fields: Any) -> dict[str, Any]:
    given = {
        "iid": 7,
        "project_id": 1,
        "source_project_id": 1,
        "title": "Change",
        "state": "opened",
        "source_branch": "feature",
        "target_branch": "main",
        "sha": HEAD,
        "web_url": f"{BASE}/acme/shop/-/merge_requests/7",
        "updated_at": "2026-11-22T10:00:00.000Z",
    }
    return given | fields


def status(state: str, **fields: Any) -> dict[str, Any]:
    words = {"name": "trivet/issue", "ref": "feature", "description": "No issue is named", "target_url": None}
    return {"id": 3, "status": state, **words, **fields}


def set_status(gitlab: responses.RequestsMock, *lists: list[dict[str, Any]], **answer: Any) -> Outcome:
    """What becomes of it: `lists` are what GitLab shows, one reading after the other, `answer` what it says."""
    gitlab.add("GET", f"{API}/merge_requests/7", json=merge_request())
    for shown in lists:
        gitlab.add("GET", f"{API}/repository/commits/{HEAD}/statuses", json=shown)
    if answer:
        gitlab.add("POST", f"{API}/statuses/{HEAD}", **answer)
    action = status_action()
    proposal = on_issue(action).model_copy(update={"iid": 7, "head": HEAD})
    return work(GitLabApi(BASE, "token", SETTING), Person(id=5, username="trivet")).apply(action, proposal)


TRANSITION = (
    'Cannot transition status via :drop from :failed (Reason(s): Status cannot transition via "drop")'
)


def test_a_transition_refused_because_it_was_made_meanwhile_is_no_failure(
    gitlab: responses.RequestsMock,
) -> None:
    outcome = set_status(gitlab, [], [status("failed")], status=400, json={"message": TRANSITION})
    assert outcome.result == "unchanged"


def test_a_transition_refused_for_good_is_told_in_gitlabs_words(gitlab: responses.RequestsMock) -> None:
    outcome = set_status(gitlab, [status("running")], status=400, json={"message": TRANSITION})
    assert outcome.result == "refused"
    assert "Cannot transition status via :drop" in outcome.reason


def test_a_status_that_is_just_being_written_is_tried_again(gitlab: responses.RequestsMock) -> None:
    words = {"message": "Another update to this commit status is in progress"}
    with pytest.raises(Unavailable) as busy:
        set_status(gitlab, [], status=409, json=words)
    assert busy.value.retry_after


def test_the_newest_of_several_statuses_counts(gitlab: responses.RequestsMock) -> None:
    shown = [status("failed", id=9), status("success", id=4), status("success", id=99, ref="another-branch")]
    assert set_status(gitlab, shown).result == "unchanged"


def test_a_source_project_that_is_gone_is_refused_in_words(gitlab: responses.RequestsMock) -> None:
    gitlab.add("GET", f"{API}/merge_requests/7", json=merge_request(source_project_id=None))
    action = status_action()
    proposal = on_issue(action).model_copy(update={"iid": 7, "head": HEAD})
    mine = work(GitLabApi(BASE, "token", SETTING), Person(id=5, username="trivet"))
    outcome = mine.apply(action, proposal)
    assert (outcome.result, "acme/shop!7 comes from is gone" in outcome.reason) == ("refused", True)


# --- still the same


def test_a_merge_request_at_its_head_and_state_is_still_the_same(desk: Desk) -> None:
    request = desk.read(desk.open())
    work_of(desk).still(request.target, request.head, "opened")


def test_a_push_and_a_merge_supersede(desk: Desk) -> None:
    iid = desk.open()
    before = desk.read(iid)
    head = desk.push(iid, {"more.txt": f"{next(numbers)}\n"})
    with pytest.raises(Superseded) as moved:
        work_of(desk).still(before.target, before.head, "opened")
    assert moved.value.head == head
    desk.sandbox.act(iid, "merge", user="grace")
    with pytest.raises(Superseded, match="was opened and is merged now"):
        work_of(desk).still(Target(PROJECT, iid), head, "opened")
    work_of(desk).still(Target(PROJECT, iid), head, "merged")


# --- faults

FAULTS = [
    {"status": 502},
    {"status": 500},
    {"status": 429},
    {"drop_answer": True},
    {"drop_answer": True, "status": 504},
]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    faults=st.lists(
        st.tuples(st.sampled_from(["GET", "POST"]), st.integers(0, 3), st.sampled_from(FAULTS)),
        min_size=1,
        max_size=3,
    )
)
@example(faults=[("POST", 0, {"drop_answer": True}), ("POST", 1, {"drop_answer": True})])
@example(faults=[("POST", 0, {"drop_answer": True, "status": 504}), ("POST", 2, {"drop_answer": True})])
def test_whatever_request_fails_each_is_done_once(
    desk: Desk, faults: list[tuple[str, int, dict[str, Any]]]
) -> None:
    iid = desk.open()
    of_request = desk.proposal(iid, summary=None)
    branch = branch_action()
    draft = draft_action(branch.name, assignee="ada")
    for method, after, fault in faults:
        desk.sandbox.fault(path="/api/v4/", method=method, after=after, **fault)
    persist(desk, branch, on_issue(branch))
    persist(desk, draft, on_issue(draft))
    persist(desk, status_action(), of_request)
    desk.sandbox.clear_faults()
    assert len(opened_from(desk, branch.name)) == 1
    assert opened_from(desk, branch.name)[0]["assignees"] == ["ada"]
    assert [one["status"] for one in statuses(desk, iid, every=True)] == ["failed"]
