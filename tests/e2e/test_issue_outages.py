"""Jira is down, asks for patience or does not know our token, webhooks are lost, issues change meanwhile: nothing is
lost, nothing is told twice, and nobody learns what they could not read.

The pauses of what was put back are skipped, and its outage is made as much older. Slow: a minute or two.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.jira_rig import RULES, Door, JiraRig
from tests.jira_server import Deployment
from tests.model_replies import confirmed, verifies
from tests.model_server import ModelServer, answered
from tests.sandbox_server import PROJECT

HOUR = 3_600
HERE = "{project: SHOP, gitlab: " + PROJECT
ALL_RULES = f"{RULES}  - {HERE}, on: {{event: created}}, do: [branch], branch: 'new/{{key}}'}}\n"
NOT_MAPPED = "jira: [{project: SHOP, commands: [Developers]}]"
CONFIG = """
link:
  require_key: true
  transitions:
    - {on: opened, to: In Progress}
    - {on: merged, to: Done, fields: {resolution: Done}}
"""
STATUS = "trivet/issue"
TITLE = "Sell the moon"  # told nowhere but where it may be
WRITING = ("POST", "PUT", "DELETE")
QUOTA = {"Retry-After": "1200", "RateLimit-Reason": "jira-quota-global-based"}
ONE_ISSUE = {"Retry-After": "20", "RateLimit-Reason": "jira-per-issue-on-write"}
NO_LOGIN = {"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"}


class DoorRig(JiraRig):
    """Jira is behind a door, which may be closed."""

    def __init__(self, folder: Path, deployment: Deployment, **given: Any) -> None:
        super().__init__(folder, deployment, config=CONFIG, **given)
        self.door = Door(lambda: self.sandbox.url)

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self.door.close()

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | {"TRIVET_JIRA__URL": f"{self.door.url}/jira"}

    def start(self) -> None:
        self.door.open()
        super().start()
        self.wait(lambda: '"swept"' in self.log(), what="the first sweep")


@pytest.fixture(scope="module")
def rigs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Deployment], DoorRig]]:
    """One rig for all tests on a deployment."""
    with ExitStack() as stack:
        yield cache(lambda name: stack.enter_context(DoorRig(tmp_path_factory.mktemp(name), name)))


@pytest.fixture(params=["cloud", "datacenter"])
def rig(request: pytest.FixtureRequest, rigs: Callable[[Deployment], DoorRig]) -> Iterator[DoorRig]:
    rig = rigs(request.param)
    yield rig
    rig.sandbox.clear_faults()
    rig.jira.control("limits", windows=[[1_000, 1.0]])
    rig.rules.write_text(RULES, "utf-8")


on_cloud = pytest.mark.parametrize("rig", ["cloud"], indirect=True)


# --- Jira is down ---


@pytest.mark.parametrize("how", ["answers 503", "refuses connections"])
@on_cloud
def test_an_hour_without_jira_holds_up_no_review_and_loses_and_doubles_nothing(
    rig: DoorRig, how: str
) -> None:
    named, begun = rig.jira.create("Take codes"), rig.jira.create("Take coins")
    with down(rig) if how == "answers 503" else closed(rig):
        iid = opened(rig, named, {f"{named}.py": "value = undefined_name\n"})
        rig.jira.act(begun, "move", to="In Progress", user="ada")
        rig.jira.act(named, "comment", body="/trivet help", user="ada")
        rig.reviewed(iid)
        rig.sandbox.push(f"{named}-codes", {f"{named}-2.py": "value = another_name\n"})
        rig.reviewed(iid)
        rig.wait(
            lambda: skipped(rig) and min(rig.outages().values(), default=0) > HOUR, 60, "an hour to pass"
        )
        assert len(rig.findings(iid)) == 2
        assert (rig.writes(named), rig.writes(begun)) == ({}, {})
    done_after_all(rig)
    is_tied_once(rig, named, iid, comments=2)
    is_begun_once(rig, begun)
    assert len(rig.summaries(iid)) == 1
    assert {run["state"] for run in rig.runs()} <= {"done", "superseded"}


def test_a_model_reviews_on_while_jira_is_away(tmp_path: Path) -> None:
    with ModelServer() as model, DoorRig(tmp_path, "cloud", **model.environ("openai")) as rig:
        model.reply = lambda body: confirmed(body) if verifies(body) else answered({"findings": []})
        key = rig.jira.create("Take codes")
        with closed(rig):
            iid = opened(rig, key, {f"{key}.py": "value = undefined_name\n"})
            rig.reviewed(iid, seconds=30)
            rig.wait(lambda: any(rig.outages().values()), what="the issue's run to be put back")
        done_after_all(rig)
        assert marks(rig, key) == [f"mr:1:{iid}"]


@pytest.mark.parametrize(("headers", "least"), [(QUOTA, 1_100), (ONE_ISSUE, 15)])
@on_cloud
def test_the_patience_that_jira_asks_for_it_gets(rig: DoorRig, headers: dict[str, str], least: float) -> None:
    key = rig.jira.create("Take codes")
    rig.sandbox.fault(path=f"/issue/{key}/comment$", method="POST", status=429, headers=headers)
    rig.sandbox.clear_requests()
    iid = opened(rig, key)
    rig.wait(
        lambda: max(rig.pauses().values(), default=0) > least, what="a pause as long as it was asked for"
    )
    assert [one["status"] for one in rig.jira.requests("POST", f"/issue/{key}/comment")] == [429]
    done_after_all(rig)
    is_tied_once(rig, key, iid)


@on_cloud
def test_a_limit_of_writes_to_one_issue_slows_down_and_loses_nothing(rig: DoorRig) -> None:
    rig.jira.control("limits", windows=[[1, 2.0]])
    key = rig.jira.create("Take codes")
    iid = opened(rig, key)
    rig.wait(lambda: rig.comments(key), 60, f"a comment on {key}")
    done_after_all(rig)
    is_tied_once(rig, key, iid)


# --- our token is not good any more ---


def test_a_token_that_expired_is_told_in_the_log_and_nothing_is_lost_until_it_works_again(
    rig: DoorRig,
) -> None:
    named, begun = rig.jira.create("Take codes"), rig.jira.create("Take coins")
    seen = len(rig.log())
    token = rig.jira.person("trivet")["token"]
    rig.jira.control("people/trivet", token="another" + "-token")
    iid = opened(rig, named)
    rig.jira.act(begun, "move", to="In Progress", user="ada")
    rig.jira.act(begun, "comment", body="/trivet help", user="ada")
    rig.wait(lambda: len(rig.outages()) > 2 and all(rig.outages().values()), what="every run to be put back")
    skipped(rig)
    rig.wait(lambda: min(rig.pauses().values(), default=0) > 30, what="every run to be put back again")
    assert "Jira does not accept the token (401)" in rig.log()[seen:]
    assert "TRIVET_JIRA__TOKEN" in rig.log()[seen:]
    assert (rig.writes(named), rig.writes(begun)) == ({}, {})
    rig.jira.control("people/trivet", token=token)
    done_after_all(rig)
    is_tied_once(rig, named, iid)
    is_begun_once(rig, begun, comments=3)


@on_cloud
def test_a_writing_token_that_expired_between_two_writes_ends_in_one_of_each(rig: DoorRig) -> None:
    key = rig.jira.create("Take codes")
    rig.sandbox.fault(path=f"/issue/{key}/comment$", method="POST", status=404, headers=NO_LOGIN, times=2)
    iid = opened(rig, key)
    rig.wait(lambda: rig.writes(key).get("transition"), what="the writes before")
    rig.wait(lambda: any(rig.outages().values()), what="the run to be put back")
    done_after_all(rig)
    is_tied_once(rig, key, iid)


# --- webhooks are lost ---


@pytest.mark.parametrize("deployment", ["cloud", "datacenter"])
def test_what_no_webhook_told_is_found_and_done_once_also_when_it_is_told_late(
    tmp_path: Path, deployment: Deployment
) -> None:
    with DoorRig(tmp_path, deployment, rules=ALL_RULES, sweep=2) as rig:
        named = rig.jira.create("Take codes")
        iid = opened(rig, named, {"codes.txt": "one\n"})
        rig.wait(lambda: "eviewed at" in said(rig, named), what="a verdict")
        rig.idle()
        lose(rig)
        made = rig.jira.create("Take coins")
        rig.wait(lambda: f"new/{made}" in branches(rig), 30, "the new issue to be found")
        rig.jira.act(made, "move", to="In Progress", user="ada")
        rig.wait(lambda: drafts(rig, made), 30, "the move to be found")
        rig.jira.act(made, "comment", body="/trivet help", user="ada")
        rig.wait(lambda: answers(rig, made), 30, "the command to be found")
        rig.sandbox.act(iid, "merge", user="grace")
        rig.wait(lambda: rig.status(named) == "Done", 30, "the merge to be found")
        rig.wait(lambda: "MERGED" in said(rig, named), 30, "the merge to be told")
        rig.idle()
        before = traces(rig, named, made)
        tell_late(rig)
        rig.idle()
        assert traces(rig, named, made) == before
        assert len(drafts(rig, made)) == len(answers(rig, made)) == 1
        assert marks(rig, named) == [f"mr:1:{iid}", "triage"]
        assert rig.writes(named)["transition"] == 2


def test_our_own_move_starts_no_work_though_the_receiver_does_not_know_us_yet(rig: DoorRig) -> None:
    known = rig.redis().hget("trivet:identities", "jira")
    assert known
    rig.redis().hdel("trivet:identities", "jira")
    starts = rig.log().count('"trivet.process":"serve","trivet.pid"')
    rig.kill("serve")
    rig.wait(
        lambda: rig.log().count('"trivet.process":"serve","trivet.pid"') > starts, what="another receiver"
    )
    rig.wait(rig.is_ready, what="it to be ready")
    key = rig.jira.create("Take codes")
    opened(rig, key)
    rig.wait(
        lambda: f"the bot moved {key} to In Progress itself" in str(rig.runs()), what="the run of our move"
    )
    rig.idle()
    rig.redis().hset("trivet:identities", "jira", known)
    assert not drafts(rig, key)
    assert not [name for name in branches(rig) if name.startswith(f"{key}-take")]


# --- the issue changes between the event and the run ---


def deleted(rig: DoorRig, key: str) -> None:
    rig.jira.act(key, "delete")


def moved(rig: DoorRig, key: str) -> None:
    """To a project that belongs to others, and that no rule speaks of; the bot sees it."""
    if not any(one["key"] == "OTHER" for one in rig.jira.state()["projects"]):
        rig.jira.control("projects", key="OTHER", people=["trivet", "ada"])
    rig.jira.act(key, "project", to="OTHER")


def hidden(rig: DoorRig, key: str) -> None:
    rig.jira.act(key, "security", level="Internal", people=["grace"])


def secured(rig: DoorRig, key: str) -> None:
    rig.jira.act(key, "security", level="Internal", people=["grace", "trivet"])


def unmapped(rig: DoorRig, key: str) -> None:
    rig.rules.write_text(NOT_MAPPED, "utf-8")


Change = Callable[[DoorRig, str], None]
CHANGES: list[Change] = [deleted, moved, hidden, secured, unmapped]
REASONS: dict[Change, str] = {
    deleted: "is gone, or the bot may not see it",
    moved: "no rule of TRIVET_RULES is started",
    hidden: "is gone, or the bot may not see it",
    unmapped: "no rule of TRIVET_RULES is started",
}


@pytest.mark.parametrize("change", REASONS)
@on_cloud
def test_work_on_an_issue_that_changed_before_its_run_is_not_begun(rig: DoorRig, change: Change) -> None:
    key = rig.jira.create(TITLE)
    with down(rig):
        rig.jira.act(key, "move", to="In Progress", user="ada")
        rig.wait(lambda: any(rig.outages().values()), what="the run to be put back")
        [run] = rig.outages()
        change(rig, key)
    done_after_all(rig)
    assert rig.run(run)["state"] == "done"
    assert REASONS[change] in rig.report(run)
    is_told_nowhere(rig, key)


@on_cloud
def test_work_on_an_issue_that_was_secured_before_its_run_has_the_key_and_the_link_alone(
    rig: DoorRig,
) -> None:
    key = rig.jira.create(TITLE)
    with down(rig):
        rig.jira.act(key, "move", to="In Progress", user="ada")
        rig.wait(lambda: any(rig.outages().values()), what="the run to be put back")
        secured(rig, key)
    done_after_all(rig)
    assert [name for name in branches(rig) if key in name] == [key]
    [draft] = [one for one in rig.sandbox.state()["merge_requests"] if key in one["title"]]
    address = f"{rig.door.url}/jira/browse/{key}"
    assert (draft["title"], draft["description"]) == (f"Draft: {key}", f"Issue: [`{key}`]({address})")
    assert TITLE not in str(draft)
    assert [one["url"] for one in there(rig, key)["links"]] == [draft["web_url"]]
    made = f"[{key}|{rig.sandbox.url}/{PROJECT}/-/tree/{key}]", f"[{key}|{draft['web_url']}]"
    assert [one for one in said(rig, key).split("\n") if one] == [
        "h4. Work begun",
        f"* Branch: {made[0]}",
        f"* Draft merge request: {made[1]}",
    ]


@pytest.mark.parametrize("change", CHANGES)
@on_cloud
def test_of_an_issue_that_changed_before_the_link_no_more_than_the_link_is_told(
    rig: DoorRig, change: Change
) -> None:
    key = rig.jira.create("Take codes")
    with down(rig):
        iid = opened(rig, key, title=TITLE)
        rig.wait(lambda: any(rig.outages().values()), what="the run to be put back")
        change(rig, key)
    done_after_all(rig)
    issue = there(rig, key)
    assert {run["state"] for run in rig.runs()} <= {"done", "superseded"}
    assert TITLE not in str(issue)
    assert [one["url"] for one in issue.get("links", [])] in ([], [rig.review(iid)["web_url"]])
    assert bool(issue.get("links")) == (change in (moved, secured, unmapped))


@pytest.mark.parametrize("change", [hidden, moved, secured])
@on_cloud
def test_an_issue_that_changed_after_the_proposal_is_not_told_what_it_says(
    rig: DoorRig, change: Change
) -> None:
    key = rig.jira.create("Take codes")
    with down(rig, *WRITING):
        opened(rig, key, title=TITLE)
        rig.wait(lambda: any(rig.outages().values()), what="the run to be put back")
        change(rig, key)
    done_after_all(rig)
    assert TITLE not in str(there(rig, key))


@pytest.mark.parametrize("change", [deleted, secured])
@on_cloud
def test_no_work_is_begun_for_an_issue_that_changed_after_the_proposal(rig: DoorRig, change: Change) -> None:
    """GitLab is out while the branch is to be made."""
    key = rig.jira.create("Sell the sun")
    rig.sandbox.fault(path="/repository/branches", method="POST", status=503, times=10_000)
    rig.jira.act(key, "move", to="In Progress", user="ada")
    rig.wait(lambda: any(rig.outages().values()), what="the run to be put back")
    change(rig, key)
    rig.sandbox.clear_faults()
    done_after_all(rig)
    assert not [name for name in branches(rig) if key in name]
    assert not [one for one in rig.sandbox.state()["merge_requests"] if key in one["title"]]
    assert not there(rig, key).get("writes", {}).get("trivet")


# --- commands ---


def test_a_developers_command_is_answered_once_however_often_it_is_told(rig: DoorRig) -> None:
    key = rig.jira.create("Take codes")
    rig.jira.act(key, "comment", body="/trivet help", user="ada")
    rig.wait(lambda: answers(rig, key), what="an answer")
    told = [one["id"] for one in rig.jira.state()["deliveries"][-10:] if one["event"] == "comment_created"]
    for _ in range(5):
        rig.jira.control(f"deliveries/{told[0]}/resend")
    rig.wait(lambda: all(one["done"] for one in rig.jira.state()["deliveries"]), what="the deliveries")
    rig.idle()
    assert len(answers(rig, key)) == 1
    written = Counter(rig.writes(key))
    assert (written["comment_created"], written["comment_updated"]) == (1, 0)


def test_a_customers_command_is_met_with_silence(rig: DoorRig) -> None:
    key = rig.jira.create("Take codes")
    before = {run["request"] for run in rig.runs()}
    rig.jira.act(key, "comment", body="/trivet draft", user="sam")
    rig.wait(lambda: {run["request"] for run in rig.runs()} - before, what="the run")
    rig.idle()
    [run] = [one for one in rig.runs() if one["request"] not in before]
    assert (run["state"], "roles that may command" in run["message"]) == ("done", True)
    assert not rig.writes(key)
    assert not drafts(rig, key)


# --- doing ---


@contextmanager
def down(rig: DoorRig, *methods: str) -> Iterator[None]:
    """Jira answers 503, to these methods or to all."""
    for method in methods or (None,):
        rig.sandbox.fault(path="^/jira/rest", method=method, status=503, times=10_000)
    yield
    rig.sandbox.clear_faults()


@contextmanager
def closed(rig: DoorRig) -> Iterator[None]:
    rig.door.close()
    try:
        yield
    finally:
        rig.door.open()


def opened(rig: DoorRig, key: str, files: Mapping[str, str] | None = None, title: str = "Take codes") -> int:
    return rig.sandbox.merge_request(
        f"{key}: {title}", files or {f"{key}.txt": "one\n"}, source=f"{key}-codes"
    )


def skipped(rig: DoorRig) -> bool:
    rig.skip_pauses()
    return True


def done_after_all(rig: DoorRig) -> None:
    rig.wait(lambda: skipped(rig) and not rig.unfinished(), 60, "every run to end")


def lose(rig: DoorRig) -> None:
    rig.sandbox.drop_hooks()
    rig.jira.control("hooks/drop")


def tell_late(rig: DoorRig) -> None:
    """Every webhook that was lost."""
    rig.sandbox.drop_hooks(False)
    rig.jira.control("hooks/drop", on=False)
    for one in rig.jira.state()["deliveries"]:
        if "dropped" in one["statuses"]:
            rig.jira.control(f"deliveries/{one['id']}/resend")
    for one in rig.sandbox.state()["deliveries"]:
        if one["status"] == "dropped":
            rig.sandbox.resend(one["id"])
    rig.wait(lambda: all(one["done"] for one in rig.jira.state()["deliveries"]), what="Jira's webhooks")
    rig.wait(
        lambda: all(one["status"] for one in rig.sandbox.state()["deliveries"]), what="GitLab's webhooks"
    )


# --- looking ---


def is_tied_once(rig: DoorRig, key: str, iid: int, comments: int = 1) -> None:
    """One link, one marked comment, one commit status a head, one move."""
    request = rig.review(iid)
    assert [one["url"] for one in rig.links(key)] == [request["web_url"]]
    assert marks(rig, key).count(f"mr:{request['project_id']}:{iid}") == 1
    assert len(set(marks(rig, key))) == len(rig.comments(key)) == comments
    assert statuses(rig, request) == ["success"]
    assert rig.status(key) == "In Progress"
    written = Counter(rig.writes(key))
    assert (written["link_created"], written["comment_created"], written["transition"]) == (1, comments, 1)


def is_begun_once(rig: DoorRig, key: str, comments: int = 2) -> None:
    """One branch, one draft, one link, each comment once."""
    rig.wait(lambda: len(rig.comments(key)) == comments, 60, f"the comments on {key}")
    rig.idle()
    [draft] = drafts(rig, key)
    assert [name for name in branches(rig) if name.startswith(key)] == [draft["source_branch"]]
    assert [one["url"] for one in rig.links(key)] == [draft["web_url"]]
    assert len(set(marks(rig, key))) == comments
    [told] = [one for one in rig.comments(key) if one["properties"]["trivet"]["key"] == "triage"]
    assert draft["web_url"] in told["text"]
    written = Counter(rig.writes(key))
    assert (written["link_created"], written["comment_created"]) == (1, comments)


def is_told_nowhere(rig: DoorRig, key: str) -> None:
    """Neither branch nor draft, and no comment of ours."""
    assert not [name for name in branches(rig) if key in name]
    assert not [one for one in rig.sandbox.state()["merge_requests"] if TITLE in str(one)]
    assert not there(rig, key).get("writes", {}).get("trivet")


def there(rig: DoorRig, key: str) -> dict[str, Any]:
    """The issue, whatever its key is now, without what it says itself; nothing where it is gone."""
    found = (one for one in rig.jira.state()["issues"] if key in (one["key"], *one["former_keys"]))
    issue: dict[str, Any] = next(found, {})
    return {name: issue[name] for name in ("comments", "links", "writes") if name in issue}


def said(rig: DoorRig, key: str) -> str:
    return "\n".join(one["text"] for one in rig.comments(key))


def marks(rig: DoorRig, key: str) -> list[str]:
    return sorted(one["properties"]["trivet"]["key"] for one in rig.comments(key))


def answers(rig: DoorRig, key: str) -> list[str]:
    """The marks of our answers, once they stand."""
    found = [one["properties"].get("trivet", {}).get("key", "") for one in rig.comments(key)]
    return [name for name in found if name.startswith("answer:")]


def drafts(rig: DoorRig, key: str) -> list[dict[str, Any]]:
    return [one for one in rig.sandbox.state()["merge_requests"] if one["draft"] and key in one["title"]]


def branches(rig: DoorRig) -> list[str]:
    found = rig.sandbox.api("GET", "/projects/1/repository/branches?per_page=100").body
    return [one["name"] for one in found]


def statuses(rig: DoorRig, request: dict[str, Any]) -> list[str]:
    """Every status of ours that was ever set on the head."""
    path = f"/projects/{request['project_id']}/repository/commits/{request['head']}/statuses?all=true"
    here = (STATUS, request["source_branch"])
    found = rig.sandbox.api("GET", path).body
    return [one["status"] for one in found if (one["name"], one["ref"]) == here]


def traces(rig: DoorRig, *keys: str) -> Any:
    """What was written in Jira and in GitLab, and which branches there are."""
    requests = rig.sandbox.state()["merge_requests"]
    notes = [(one["iid"], one["state"], len(rig.bot_notes(one["iid"]))) for one in requests]
    return [dict(rig.writes(key)) for key in keys], notes, branches(rig)
