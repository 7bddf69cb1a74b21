"""What the link agent proposes: by state, trigger, mapping and configuration."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.agents.link import SPEC
from bot.agents.spec import AgentResult, LinkContext, Mentioned
from bot.domain.actions import CommentIssue, LinkIssue, MoveIssue, SetCommitStatus
from bot.domain.change import MergeRequest
from bot.domain.document import Document
from bot.domain.issues import Issue, IssueStatus
from bot.domain.repo_config import RepoConfig
from bot.domain.secrets import Redactor
from tests.doubles import REQUEST

T = TypeVar("T")
URL = "https://gitlab.example/acme/shop/-/merge_requests/7"
TO_DO = IssueStatus("To Do", "new")
MOVES = [
    {"on": "opened", "to": "In Review"},
    {"on": "merged", "to": "Done", "target_branch": "main", "fields": {"resolution": "Fixed"}},
    {"on": "closed", "to": "To Do"},
]


def issue(key: str = "SHOP-12", status: IssueStatus = TO_DO, **fields: Any) -> Issue:
    given: dict[str, Any] = {"id": "1", "type": "Task", "title": "Cap the cart", "description": ""}
    place = {"key": key, "project": key.partition("-")[0], "url": f"https://jira.example/browse/{key}"}
    return Issue(status=status, **given | place | fields)


def mentioned(*keys: str, tells: bool = True, memory: Mapping[str, Any] | None = None) -> list[Mentioned]:
    return [Mentioned(issue(key), tells, memory) for key in keys or ("SHOP-12",)]


def request(**fields: Any) -> MergeRequest:
    return replace(REQUEST, **{"title": "Cap the cart", "web_url": URL} | fields)


def context(**fields: Any) -> LinkContext:
    """An opened merge request that names SHOP-12 of a mapped project; `link` is that part of `.trivet.yml`."""
    config = RepoConfig.model_validate({"link": fields.pop("link", {})}, strict=False)
    given: dict[str, Any] = {
        "request": request(),
        "trigger": "opened",
        "host": "gitlab.example",
        "config": config,
        "redactor": Redactor(),
        "mentioned": mentioned(),
    }
    return LinkContext(**given | fields)


def link(**fields: Any) -> AgentResult:
    return SPEC.run(context(**fields))


def kind(result: AgentResult, wanted: type[T]) -> list[T]:
    return [one for one in result.actions if isinstance(one, wanted)]


def comments(result: AgentResult) -> list[CommentIssue]:
    return kind(result, CommentIssue)


def text(body: Document) -> str:
    return "\n".join(body.texts())


def moved(result: AgentResult) -> list[tuple[str, str]]:
    return [(one.issue, one.to) for one in kind(result, MoveIssue)]


# --- links


def test_each_issue_gets_one_link_that_names_the_pair() -> None:
    links = kind(link(mentioned=mentioned("SHOP-12", "SHOP-13")), LinkIssue)
    assert [(one.key, one.issue) for one in links] == [
        ("link:SHOP-12", "SHOP-12"),
        ("link:SHOP-13", "SHOP-13"),
    ]
    assert {one.global_id for one in links} == {"system=gitlab.example&mr=1!7"}
    assert {(one.url, one.title, one.state) for one in links} == {(URL, "!7 Cap the cart", "opened")}
    assert {one.summary for one in links} == {"acme/shop, into main"}


def test_the_link_of_an_unmapped_issue_shows_the_place_and_no_text() -> None:
    (one,) = link(mentioned=mentioned(tells=False)).actions
    assert isinstance(one, LinkIssue)
    assert (one.title, one.summary, one.url) == ("acme/shop!7", "", URL)
    assert "Cap the cart" not in one.model_dump_json()


@pytest.mark.parametrize(
    ("state", "shown"),
    [("opened", "opened"), ("locked", "opened"), ("merged", "merged"), ("closed", "closed")],
)
def test_a_link_shows_the_state(state: str, shown: str) -> None:
    assert [one.state for one in kind(link(request=request(state=state)), LinkIssue)] == [shown]


@given(host=st.text("abc.-:1", max_size=400))
@settings(max_examples=40, deadline=None)
def test_a_global_id_is_never_longer_than_jira_takes(host: str) -> None:
    ids = [
        kind(link(host=host, request=request(state=state)), LinkIssue)[0].global_id
        for state in ("opened", "merged")
    ]
    assert len(set(ids)) == 1
    assert len(ids[0]) <= 255
    assert ids[0].endswith("&mr=1!7")


def test_an_issue_named_by_its_old_and_its_new_key_is_one() -> None:
    result = link(mentioned=mentioned("SHOP-12", "SHOP-12"), link={"transitions": MOVES})
    assert len(kind(result, LinkIssue)) == len(comments(result)) == len(moved(result)) == 1


# --- comments and moves, by stage


@pytest.mark.parametrize("mapped", [True, False])
@pytest.mark.parametrize(
    "trigger", ["opened", "reopened", "pushed", "reworded", "merged", "closed", "command"]
)
@pytest.mark.parametrize(
    ("state", "draft", "lozenge", "move"),
    [
        ("opened", False, "OPEN", "In Review"),
        ("opened", True, "DRAFT", None),
        ("locked", False, "OPEN", "In Review"),
        ("merged", False, "MERGED", "Done"),
        ("merged", True, "MERGED", "Done"),
        ("closed", False, "CLOSED", None),
        ("closed", True, "CLOSED", None),
    ],
)
def test_state_decides_what_an_issue_gets(
    state: str, draft: bool, lozenge: str, move: str | None, trigger: str, mapped: bool
) -> None:
    """The issue is still to do, so that nothing moves it there."""
    result = link(
        request=request(state=state, draft=draft),
        trigger=trigger,
        mentioned=mentioned(tells=mapped),
        link={"transitions": MOVES},
    )
    said = comments(result)
    assert len(kind(result, LinkIssue)) == 1
    assert len(said) == mapped
    assert [text(one.body).partition("\n")[0] for one in said] == [lozenge] * mapped
    assert [one.create for one in said] == [state != "closed"] * mapped
    assert moved(result) == ([("SHOP-12", move)] if mapped and move else [])


def test_a_comment_has_one_key_for_the_merge_request_and_is_not_for_customers() -> None:
    (one,) = comments(link(link={"comment_visibility": "Developers"}))
    assert (one.key, one.issue, one.visibility, one.internal) == ("mr:1:7", "SHOP-12", "Developers", True)
    assert comments(link())[0].visibility is None


def test_comments_come_after_links_and_moves() -> None:
    result = link(link={"transitions": MOVES, "require_key": True})
    assert [one.kind for one in result.actions] == [
        "link_issue",
        "set_commit_status",
        "move_issue",
        "comment_issue",
    ]


def test_only_kinds_that_the_agent_may_propose_come_out() -> None:
    result = link(link={"transitions": MOVES, "require_key": True})
    assert {one.kind for one in result.actions} == SPEC.may - {"upsert_note"}


# --- moves


def again(now: MergeRequest, before: MergeRequest, trigger: str = "pushed") -> AgentResult:
    """A run on `now` whose issue has our comment of a run on `before`."""
    kept = comments(link(request=before))[0].memory
    return link(request=now, trigger=trigger, mentioned=mentioned(memory=kept), link={"transitions": MOVES})


def test_an_issue_that_a_person_moved_elsewhere_is_left_there_by_a_push() -> None:
    assert moved(again(request(head="c" * 40), request())) == []


@pytest.mark.parametrize("trigger", ["merged", "pushed", "sweep"])
def test_a_merge_moves_once_whichever_event_tells_of_it(trigger: str) -> None:
    merged = request(state="merged")
    assert moved(again(merged, request(), trigger)) == [("SHOP-12", "Done")]
    assert moved(again(merged, merged, trigger)) == []


def test_a_draft_moves_its_issue_once_it_is_ready() -> None:
    draft = request(draft=True, title="Draft: Cap the cart")
    assert moved(again(draft, draft)) == []
    assert moved(again(request(), draft, "became_ready")) == [("SHOP-12", "In Review")]


def test_reopening_moves_again() -> None:
    assert moved(again(request(), request(state="closed"), "reopened")) == [("SHOP-12", "In Review")]


@pytest.mark.parametrize("trigger", ["command", "shell"])
def test_who_asks_for_a_run_has_the_move_tried_again(trigger: str) -> None:
    assert moved(again(request(), request(), trigger)) == [("SHOP-12", "In Review")]


@pytest.mark.parametrize(
    ("to", "status", "moves"),
    [
        ("Done", IssueStatus("Fertig", "done"), False),
        ("done", IssueStatus("DONE", "done"), False),
        ("In Review", IssueStatus("in review", "indeterminate"), False),
        ("In Review", IssueStatus("In Progress", "indeterminate"), True),
        ("Done", IssueStatus("In Review", "indeterminate"), True),
    ],
)
def test_an_issue_that_is_there_already_is_not_moved(to: str, status: IssueStatus, moves: bool) -> None:
    there = [Mentioned(issue(status=status), True)]
    assert bool(moved(link(mentioned=there, link={"transitions": [{"on": "opened", "to": to}]}))) is moves


@pytest.mark.parametrize(
    ("branch", "to"), [("main", "Done"), ("release/1", "Released"), ("Main", None), ("main2", None)]
)
def test_the_first_transition_for_the_target_branch_counts(branch: str, to: str | None) -> None:
    transitions = [
        {"on": "merged", "to": "Released", "target_branch": "release/1"},
        {"on": "merged", "to": "Done", "target_branch": "main"},
        {"on": "merged", "to": "Too late", "target_branch": "main"},
    ]
    result = link(request=request(state="merged", target_branch=branch), link={"transitions": transitions})
    assert moved(result) == ([("SHOP-12", to)] if to else [])


def test_a_move_brings_the_fields_jira_asks_for() -> None:
    (one,) = kind(link(request=request(state="merged"), link={"transitions": MOVES}), MoveIssue)
    assert (one.key, one.fields) == ("move:SHOP-12:merged", {"resolution": "Fixed"})


# --- the commit status


@pytest.mark.parametrize(
    ("named", "unreadable", "state", "description"),
    [
        (["SHOP-12"], [], "success", "SHOP-12"),
        (["SHOP-12", "SHOP-13"], ["SHOP-99"], "success", "SHOP-12, SHOP-13"),
        ([], [], "failed", "name an issue like SHOP-12 in title, branch, description or a commit"),
        (
            [],
            ["SHOP-99"],
            "failed",
            "SHOP-99 cannot be read; name an issue like SHOP-12 in title, branch, description or a commit",
        ),
    ],
)
def test_a_required_key_sets_the_status(
    named: Sequence[str], unreadable: Sequence[str], state: str, description: str
) -> None:
    there = mentioned(*named) if named else []
    result = link(mentioned=there, unreadable=unreadable, link={"require_key": True})
    (status,) = kind(result, SetCommitStatus)
    assert (status.key, status.name, status.state) == ("status", "trivet/issue", state)
    assert status.description == description
    assert status.url == ("https://jira.example/browse/SHOP-12" if named else "")


def test_an_unmapped_issue_is_a_key_too() -> None:
    (status,) = kind(link(mentioned=mentioned(tells=False), link={"require_key": True}), SetCommitStatus)
    assert status.state == "success"


@pytest.mark.parametrize(
    ("state", "required", "statuses"),
    [
        ("opened", True, 1),
        ("opened", False, 0),
        ("merged", True, 0),
        ("closed", True, 0),
        ("locked", True, 1),
    ],
)
def test_the_status_is_for_open_merge_requests_that_need_a_key(
    state: str, required: bool, statuses: int
) -> None:
    result = link(request=request(state=state), link={"require_key": required})
    assert len(kind(result, SetCommitStatus)) == statuses


# --- what is left out is told


def test_a_pair_that_is_not_mapped_is_complained_of_once() -> None:
    result = link(mentioned=mentioned("SHOP-1", "SHOP-2", "OPS-3", tells=False))
    assert result.complaints == (
        "SHOP is not mapped to acme/shop in TRIVET_RULES: link only",
        "OPS is not mapped to acme/shop in TRIVET_RULES: link only",
    )
    assert [(one.allowed, one.about) for one in result.decisions] == [
        (False, "SHOP-1"),
        (False, "SHOP-2"),
        (False, "OPS-3"),
    ]
    assert {one.reason.partition(": ")[0] for one in result.decisions} == {"link only"}


def test_a_secured_issue_is_named_as_such() -> None:
    result = link(mentioned=[Mentioned(issue(security="Management"), False)])
    assert result.complaints == ("SHOP-12 has a security level: link only",)
    assert "Management" not in repr(result)


def test_unreadable_issues_and_those_beyond_the_most_are_told() -> None:
    keys = [f"SHOP-{number}" for number in range(100, 140)]
    result = link(mentioned=mentioned(), unreadable=keys, left_out=159, complaints=("Jira is slow",))
    first, unread, beyond = result.complaints
    assert first == "Jira is slow"
    assert unread.startswith("SHOP-100, SHOP-101, ")
    assert "SHOP-109 and 30 more cannot be read" in unread
    assert beyond == "159 issues beyond the first 41 named: left out"


def test_two_hundred_keys_are_two_hundred_links_and_one_short_status() -> None:
    keys = [f"SHOP-{number}" for number in range(1, 201)]
    result = link(mentioned=mentioned(*keys), link={"require_key": True, "transitions": MOVES})
    assert [one.issue for one in kind(result, LinkIssue)] == keys
    assert [one.issue for one in comments(result)] == keys
    (status,) = kind(result, SetCommitStatus)
    assert len(status.description) <= 255
    assert status.description.endswith("SHOP-10 and 190 more")


def test_nothing_named_is_nothing_proposed() -> None:
    result = link(mentioned=[])
    assert (result.actions, result.complaints, result.failures) == ((), (), ())
