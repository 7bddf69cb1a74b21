"""What a run may do to issues and to the project where work begins: only what it is bound to."""

from typing import Any

import pytest

from bot.agents.spec import AgentResult, AgentSpec
from bot.domain.actions import (
    Action,
    CommentIssue,
    EditIssue,
    LinkIssue,
    MoveIssue,
    OpenBranch,
    OpenMergeRequest,
    SetCommitStatus,
)
from bot.domain.document import Document, paragraph
from bot.policy import Ground, decide
from tests.tracker import SHOP

EVERY = frozenset(
    {
        "comment_issue",
        "edit_issue",
        "link_issue",
        "move_issue",
        "open_branch",
        "open_merge_request",
        "set_commit_status",
    }
)
AGENT: AgentSpec[Any] = AgentSpec("triage", EVERY, lambda _context: AgentResult(actions=()))
GROUND = Ground(AGENT, issues=frozenset({"SHOP-12", "SHOP-13"}), code=SHOP)
BRANCH = OpenBranch(key="branch", name="SHOP-12-totals", ref="main")
DRAFT = OpenMergeRequest(key="draft", branch="SHOP-12-totals", target="main", title="Totals", body="")


def comment(issue: str = "SHOP-12", text: str = "Hello", key: str = "triage") -> CommentIssue:
    return CommentIssue(key=key, issue=issue, body=Document(blocks=(paragraph(text),)))


def link(issue: str = "SHOP-12", **more: Any) -> LinkIssue:
    given = {"key": f"link:{issue}", "issue": issue, "global_id": "g", "url": "https://g/1", "title": "!1"}
    return LinkIssue(**given | more)


def refused(*actions: Action, ground: Ground = GROUND) -> str:
    """The reason why the last of them is not allowed."""
    allowed, decisions = decide(actions, ground)
    assert list(allowed) == list(actions[:-1])
    return decisions[-1].reason


def test_what_is_bound_to_the_run_is_allowed_in_its_order() -> None:
    actions = [
        BRANCH,
        DRAFT,
        link(global_id="", url="", title="", made="draft"),
        comment(),
        comment("SHOP-13"),
        MoveIssue(key="move", issue="SHOP-12", to="Done"),
        EditIssue(key="fields", issue="SHOP-12", labels=("cart",)),
        SetCommitStatus(key="status", name="trivet/issue", state="success", description="SHOP-12"),
    ]
    assert decide(actions, GROUND) == (actions, [])


@pytest.mark.parametrize(
    "action",
    [
        comment("OPS-1"),
        link("OPS-1"),
        MoveIssue(key="move", issue="OPS-1", to="Done"),
        EditIssue(key="fields", issue="OPS-1", priority="High"),
    ],
    ids=lambda action: action.kind,
)
def test_no_other_issue_is_written_to(action: Action) -> None:
    assert refused(action) == "OPS-1 is no issue of this run"


@pytest.mark.parametrize(
    "name", ["-x", "a..b", "a/.lock", "x.lock", "a b", "a~1", "a@{1}", "a//b", "", "x" * 300, "ä"]
)
def test_no_branch_is_made_of_a_name_that_git_or_a_shell_could_take_for_something_else(name: str) -> None:
    assert "can be no branch" in refused(BRANCH.model_copy(update={"name": name}))


def test_a_merge_request_comes_from_a_branch_of_the_same_run() -> None:
    assert "is no branch of this run" in refused(DRAFT)


def test_without_a_mapped_project_no_work_is_begun() -> None:
    alone = Ground(AGENT, issues=GROUND.issues)
    assert "no GitLab project is mapped" in refused(BRANCH, ground=alone)


@pytest.mark.parametrize(
    ("actions", "said"),
    [
        ([comment(), comment(text="Again")], "proposed twice"),
        ([comment(text="x" * 30_001)], "longer than 30000 characters"),
        ([comment(key="a key")], "its key is none"),
        ([link(url="")], "without id, address or title"),
        ([link(made="draft")], "there is nothing that 'draft' makes"),
        ([EditIssue(key="fields", issue="SHOP-12", labels=("two words",))], "can be no label"),
        (
            [MoveIssue(key="a", issue="SHOP-12", to="Done"), MoveIssue(key="b", issue="SHOP-12", to="To Do")],
            "moved twice",
        ),
        ([SetCommitStatus(key="s", name="deploy", state="success", description="")], "is not on the list"),
    ],
)
def test_what_is_malformed_or_too_much_is_refused_with_its_reason(actions: list[Action], said: str) -> None:
    assert said in refused(*actions)
