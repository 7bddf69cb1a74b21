"""What a proposal writes, to which platform and in which order, by recorded gateways."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from bot.domain.actions import (
    Action,
    CommentIssue,
    CommentPage,
    LinkIssue,
    MoveIssue,
    OpenBranch,
    OpenMergeRequest,
    Outcome,
    Proposal,
    React,
    Report,
    UpsertNote,
    WriteSection,
)
from bot.domain.change import Target
from bot.domain.document import Document, paragraph
from bot.domain.pages import SectionEdit
from bot.errors import Superseded, UsageError
from bot.gateways.effects import Effects

URL = "https://gitlab.example.com/acme/shop/-/merge_requests/9"
COMMENT = CommentIssue(key="mr:1:7", issue="SHOP-12", body=Document(blocks=(paragraph("Hello"),)))
DRAFT = OpenMergeRequest(key="draft", branch="SHOP-12", target="main", title="Totals", body="")
MADE = LinkIssue(key="link", issue="SHOP-12", made="draft")


@dataclass
class Gateways:
    """All four; `outcomes` by an action's key, `moved`: the merge request went on meanwhile."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    moved: bool = False
    shares: bool = True
    hides: bool = False
    seen: list[tuple[str, Any]] = field(default_factory=list)

    def effects(self, **more: Any) -> Effects:
        given: dict[str, Any] = {
            "gitlab": self,
            "work": self,
            "jira": lambda: Jira(self),
            "pages": lambda: Wiki(self),
        }
        return Effects(**(given | {"host": "gitlab.example.com"} | more))

    def withdraw(self, target: Target, note: int, acknowledged: int | None) -> None:
        self.seen.append(("withdraw", (str(target), note, acknowledged)))

    def still(self, target: Target, head: str, state: str = "") -> None:
        self.seen.append(("still", (str(target), head, state)))
        if self.moved:
            raise Superseded("it moved on")

    def apply(self, action: Action, proposal: Proposal) -> Outcome:
        return self.answered("gitlab", action)

    def tell_release(self, project_id: int, tag: str, commit: str, trouble: str) -> None:
        self.seen.append(("release", (project_id, tag, commit, trouble)))

    def writer(self, proposal: Proposal) -> Callable[[Action], Outcome]:
        return lambda action: self.answered("note", action)

    def answered(self, where: str, action: Action) -> Outcome:
        self.seen.append((where, action))
        return self.outcomes.get(action.key, Outcome(key=action.key, result="done"))


@dataclass
class Jira:
    gateways: Gateways

    def apply(self, action: Action, made: dict[str, str]) -> Outcome:
        return self.gateways.answered("jira", action)

    def shares(self, issue: str) -> bool:
        self.gateways.seen.append(("shares", issue))
        return self.gateways.shares


@dataclass
class Wiki:
    gateways: Gateways

    def hides(self, page: str) -> bool:
        self.gateways.seen.append(("hides", page))
        return self.gateways.hides

    def apply(self, action: Action, made: dict[str, str]) -> Outcome:
        return self.gateways.answered("wiki", action)


def proposal(
    *actions: Action, agent: str = "link", issue: str = "", shared: tuple[str, ...] = ()
) -> Proposal:
    report = Report(run="r", agent=agent, target="acme/shop!7")
    given = {
        "project": "acme/shop",
        "project_id": 1,
        "iid": 0 if issue else 7,
        "head": "a" * 40,
        "state": "opened",
    }
    return Proposal(run="r", agent=agent, issue=issue, shared=shared, actions=actions, report=report, **given)


def test_each_action_goes_to_its_platform_in_the_proposals_order() -> None:
    gateways = Gateways()
    note = UpsertNote(key="failure", body="x", create=False)
    gateways.effects().apply(proposal(OpenBranch(key="branch", name="b", ref="main"), COMMENT, note))
    assert [where for where, _ in gateways.seen] == ["still", "gitlab", "jira", "note"]


def test_what_a_note_asked_for_ends_with_its_acknowledgement() -> None:
    gateways = Gateways()
    asked = proposal(React(key="outcome", emoji="confused", note=9), agent="ask").model_copy(
        update={"note": 9}
    )
    gateways.effects().apply(asked, acknowledged=5)
    assert [where for where, _ in gateways.seen] == ["still", "note", "withdraw"]
    assert gateways.seen[-1] == ("withdraw", ("acme/shop!7", 9, 5))


def test_nothing_is_written_of_a_merge_request_that_went_on() -> None:
    gateways = Gateways(moved=True)
    with pytest.raises(Superseded):
        gateways.effects().apply(proposal(COMMENT))
    assert gateways.seen == [("still", ("acme/shop!7", "a" * 40, "opened"))]


def test_a_run_on_an_issue_has_no_merge_request_to_look_at() -> None:
    gateways = Gateways()
    gateways.effects().apply(proposal(COMMENT, agent="triage", issue="SHOP-12"))
    assert [where for where, _ in gateways.seen] == ["jira"]


def test_the_link_to_what_was_made_has_its_address_number_and_title() -> None:
    gateways = Gateways({"draft": Outcome(key="draft", result="done", url=URL)})
    gateways.effects().apply(proposal(DRAFT, MADE, agent="triage", issue="SHOP-12"))
    link = gateways.seen[-1][1]
    assert (link.url, link.title) == (URL, "!9 Totals")
    assert link.global_id == "system=gitlab.example.com&mr=1!9"
    assert not link.update


def test_what_was_not_made_is_not_linked() -> None:
    gateways = Gateways({"draft": Outcome(key="draft", result="refused", reason="no")})
    outcomes = gateways.effects().apply(proposal(DRAFT, MADE, agent="triage", issue="SHOP-12"))
    assert [one.result for one in outcomes] == ["refused", "refused"]
    assert [where for where, _ in gateways.seen] == ["gitlab"]


def test_a_move_that_did_not_succeed_is_told_in_the_comment_on_that_issue_alone() -> None:
    gateways = Gateways({"move": Outcome(key="move", result="refused", reason="there is no way")})
    other = COMMENT.model_copy(update={"issue": "SHOP-13"})
    move = MoveIssue(key="move", issue="SHOP-12", to="Done")
    gateways.effects().apply(proposal(move, COMMENT, other))
    told, untold = (list(one.body.texts()) for where, one in gateways.seen if isinstance(one, CommentIssue))
    assert told == ["Hello", "Not moved to Done: there is no way."]
    assert untold == ["Hello"]


@pytest.mark.parametrize("agent", ["link", "triage"])
def test_an_issue_that_shares_no_texts_any_more_is_asked_once_and_nothing_is_written(agent: str) -> None:
    gateways = Gateways(shares=False)
    issue = "SHOP-12" if agent == "triage" else ""
    made = proposal(
        OpenBranch(key="branch", name="b", ref="main"), COMMENT, agent=agent, issue=issue, shared=("SHOP-12",)
    )
    outcomes = gateways.effects().apply(made)
    refused = [one.key for one in outcomes if one.result == "refused"]
    assert refused == (["branch", "mr:1:7"] if agent == "triage" else ["mr:1:7"])
    assert [what for where, what in gateways.seen if where == "shares"] == ["SHOP-12"]
    assert "jira" not in [where for where, _ in gateways.seen]


def test_a_failure_on_an_issue_is_one_comment() -> None:
    gateways = Gateways()
    gateways.effects().complain_on_issue("SHOP-12", "the model failed for a day")
    [(_, comment)] = gateways.seen
    assert (comment.key, comment.issue, comment.internal) == ("failure", "SHOP-12", True)
    assert "the model failed for a day" in " ".join(comment.body.texts())


def test_without_a_jira_the_setting_is_named() -> None:
    with pytest.raises(UsageError, match="TRIVET_JIRA__URL"):
        Gateways().effects(jira=None).apply(proposal(COMMENT))


# --- pages ---

BODY = Document(blocks=(paragraph("Hello"),))
WRITE = WriteSection(key="section:endpoints", space="DOC", page="123", section="endpoints", body=BODY)
NOTE = UpsertNote(key="page:endpoints:" + "c" * 20, body="Accepted.", tells=(WRITE.key,))
TRUE_AGAIN = CommentPage(
    key="stale:endpoints", space="DOC", page="123", body=BODY, create=False, after=WRITE.key
)
STALE = CommentPage(key="stale:endpoints", space="DOC", page="123", body=BODY, after=WRITE.key, on="refused")
ADDRESS = "https://wiki.example.com/pages/123"


def outcome(result: str, reason: str = "", url: str = "") -> dict[str, Outcome]:
    return {
        WRITE.key: Outcome.model_validate({"key": WRITE.key, "result": result, "reason": reason, "url": url})
    }


@pytest.mark.parametrize(
    ("became", "said"),
    [
        (outcome("done", url=ADDRESS), f"Accepted.\n\nIt stands on [the page]({ADDRESS})."),
        (outcome("unchanged", url=ADDRESS), f"Accepted.\n\nIt stands on [the page]({ADDRESS})."),
        (
            outcome("refused", "the <b>page</b> changed"),
            "Accepted.\n\nNot written: the &lt;b&gt;page&lt;/b&gt; changed.",
        ),
    ],
)
def test_a_note_tells_what_became_of_the_page(became: dict[str, Outcome], said: str) -> None:
    gateways = Gateways(became)
    gateways.effects().apply(proposal(WRITE, NOTE, agent="pages"))
    [(_, note)] = [one for one in gateways.seen if one[0] == "note"]
    assert note.body == said


@pytest.mark.parametrize(
    ("result", "comment"),
    [("done", TRUE_AGAIN), ("unchanged", TRUE_AGAIN), ("refused", STALE), ("failed", STALE)],
)
def test_of_two_comments_on_a_page_the_one_for_what_happened_is_written(
    result: str, comment: CommentPage
) -> None:
    gateways = Gateways(outcome(result, "why"))
    outcomes = gateways.effects().apply(proposal(WRITE, TRUE_AGAIN, STALE, agent="pages"))
    assert [action for where, action in gateways.seen if where == "wiki"] == [WRITE, comment]
    assert len(outcomes) == 2


def test_an_issue_is_linked_to_the_page_once_its_address_is_known() -> None:
    link = LinkIssue(
        key="page:SHOP-12", issue="SHOP-12", global_id="confluence=DOC", title="Release", made=WRITE.key
    )
    gateways = Gateways(outcome("done", url=ADDRESS))
    gateways.effects().apply(proposal(WRITE, link, agent="pages"))
    [(_, seen)] = [one for one in gateways.seen if one[0] == "jira"]
    assert (seen.url, seen.made, seen.title) == (ADDRESS, "", "Release")


def test_release_notes_of_a_tag_are_of_no_merge_request() -> None:
    gateways = Gateways()
    gateways.effects().apply(proposal(WRITE, agent="pages").model_copy(update={"iid": 0}))
    assert [where for where, _ in gateways.seen] == ["wiki"]


def test_without_a_confluence_its_setting_is_named() -> None:
    with pytest.raises(UsageError, match="TRIVET_CONFLUENCE__URL"):
        Gateways().effects(pages=None).apply(proposal(WRITE, agent="pages"))


@pytest.mark.parametrize(
    ("became", "trouble"),
    [
        (outcome("done"), ""),
        (
            outcome("refused", "a page of this title stands elsewhere"),
            "a page of this title stands elsewhere",
        ),
    ],
)
def test_what_keeps_a_tags_release_notes_from_being_written_is_told_at_the_tag(
    became: dict[str, Outcome], trouble: str
) -> None:
    gateways = Gateways(became)
    tagged = proposal(WRITE, agent="pages").model_copy(update={"iid": 0, "tag": "v1.4.0"})
    gateways.effects().apply(tagged)
    assert gateways.seen[-1] == ("release", (1, "v1.4.0", "a" * 40, trouble))


PROPOSED = UpsertNote(
    key="page:endpoints:" + "c" * 20,
    body="A new text.",
    section=SectionEdit(page="123", section="endpoints", base="", result="c" * 20, edits=()),
)


@pytest.mark.parametrize(("hides", "written"), [(False, True), (True, False)])
def test_a_page_that_was_restricted_after_it_was_read_is_told_to_nobody(hides: bool, written: bool) -> None:
    gateways = Gateways(hides=hides)
    outcomes = gateways.effects().apply(proposal(PROPOSED, PROPOSED, agent="pages"))
    assert [where for where, _ in gateways.seen].count("hides") == 1
    assert any(where == "note" for where, _ in gateways.seen) is written
    assert {one.result for one in outcomes} == {"done" if written else "refused"}
