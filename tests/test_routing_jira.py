"""What events of Jira start, and which changes of a merge request the issues are told of."""

from typing import Any

import pytest

from bot.domain.events import (
    Ignored,
    IssueChanged,
    IssueCommented,
    JiraUser,
    MergeRequestChanged,
    Person,
    Project,
    VersionReleased,
)
from bot.domain.issue_commands import NamedBy
from bot.domain.rules import JiraRule, On, Rules
from bot.routing import JobRequest, Routing, route

ADA, BOT = JiraUser(id="ada-1", name="Ada"), JiraUser(id="bot-1", name="Trivet Bot", username="trivet")
RULES = Rules(
    jira=(
        JiraRule(project="SHOP", gitlab="acme/shop", on=On(event="created"), do=("summarize",)),
        JiraRule(
            project="SHOP",
            gitlab="acme/shop",
            on=On(event="transitioned", to="In Progress"),
            do=("branch",),
        ),
        JiraRule(project="SHOP", commands=("Developers",)),
        JiraRule(project="DESK", on=On(event="created"), do=("missing",)),
    )
)
POLICY = Routing(
    projects=("acme/*",),
    bot_id=9,
    bot_name="trivet",
    agents=frozenset({"review", "link", "triage"}),
    rules=RULES,
    tracker=NamedBy("bot-1", "trivet", "Trivet Bot"),
)


def changed(**fields: Any) -> IssueChanged:
    given = {"issue": "SHOP-12", "number": "10012", "project": "SHOP", "action": "updated", "actor": ADA}
    return IssueChanged(**given | fields)


def commented(body: str = "[~trivet] summarize", **fields: Any) -> IssueCommented:
    given = {"issue": "SHOP-12", "project": "SHOP", "comment": "77", "author": ADA, "body": body}
    return IssueCommented(**given | fields)


def started(event: Any, policy: Routing = POLICY) -> JobRequest:
    requests = route(event, policy)
    assert isinstance(requests, list), requests
    [request] = requests
    return request


def reason(event: Any, policy: Routing = POLICY) -> str:
    said = route(event, policy)
    assert isinstance(said, Ignored), said
    return said.reason


def test_a_new_issue_is_one_run_whoever_tells_of_it_and_when() -> None:
    keys = {started(changed(action="created", at=at)).key for at in (1, 2)}
    assert len(keys) == 1
    request = started(changed(action="created"))
    assert (request.agent, request.issue, request.trigger) == ("triage", "SHOP-12", "created")
    assert request.target_key == "jira:SHOP-12"


@pytest.mark.parametrize("to", ["In Progress", "in progress", "IN PROGRESS "])
def test_a_transition_to_the_status_of_a_rule_starts_it(to: str) -> None:
    request = started(changed(to=to, transitioned=True, change="501"))
    assert (request.trigger, request.to, request.repeats) == ("transitioned", to, False)


def test_a_transition_to_a_status_that_may_be_of_the_rules_category_is_looked_at() -> None:
    assert started(changed(to="In Arbeit", transitioned=True)).to == "In Arbeit"


def test_each_entry_of_the_history_is_one_move_and_what_nothing_tells_apart_may_come_again() -> None:
    first, second = (started(changed(to="In Progress", transitioned=True, change=one)) for one in ("1", "2"))
    assert first.key != second.key
    untold = started(changed(to="", transitioned=True, number=""))
    assert untold.repeats


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (changed(action="created", actor=BOT), "the bot did this itself"),
        (changed(project="DESK", to="Done", transitioned=True), "no rule of TRIVET_RULES is started"),
        (changed(), "no rule of TRIVET_RULES is started"),
        (changed(project="OTHER", issue="OTHER-1"), "the Jira project OTHER is in no rule"),
        (commented(author=BOT), "the bot did this itself"),
        (commented("just a remark"), "does not speak to the bot"),
        (commented(project="DESK", issue="DESK-1"), "lets anybody command in DESK"),
        (VersionReleased(version="1", name="1.0", project="10000"), "no Confluence"),
    ],
)
def test_what_starts_nothing_says_why(event: Any, said: str) -> None:
    assert said in reason(event)


def test_a_comment_is_one_run_however_often_it_is_told() -> None:
    one, again = started(commented()), started(commented(number="10012", at=5))
    assert (one.key, one.comment, one.trigger) == (again.key, "77", "command")


def test_a_comment_without_its_words_is_read_before_it_is_judged() -> None:
    assert started(commented("")).comment == "77"


def test_an_issue_whose_project_is_not_told_may_be_meant_by_any_rule() -> None:
    assert started(changed(project="", issue="10012", action="created")).issue == "10012"


def test_without_a_jira_nothing_of_it_is_started() -> None:
    alone = Routing(projects=("acme/*",), rules=RULES)
    assert "in no rule" in reason(changed(action="created"), alone)


# --- merge requests, told to their issues ---


def request_changed(**fields: Any) -> MergeRequestChanged:
    given = {
        "project": Project(id=1, path="acme/shop"),
        "iid": 7,
        "action": "updated",
        "head": "a" * 40,
        "actor": Person(id=7, username="ann"),
        "at": "2026-11-22T10:00:00.000Z",
    }
    return MergeRequestChanged(**given | fields)


def agents(event: MergeRequestChanged, policy: Routing = POLICY) -> dict[str, str]:
    requests = route(event, policy)
    return {one.agent: one.trigger for one in requests} if isinstance(requests, list) else {}


@pytest.mark.parametrize(
    ("fields", "started"),
    [
        ({"action": "opened"}, {"review": "opened", "link": "opened"}),
        ({"action": "opened", "asked": (9,)}, {"review": "asked", "link": "opened"}),
        ({"pushed": True}, {"review": "pushed", "link": "pushed"}),
        ({"became_ready": True}, {"review": "became_ready", "link": "became_ready"}),
        ({"reworded": True}, {"link": "reworded"}),
        ({"action": "merged"}, {"link": "merged"}),
        ({"action": "closed"}, {"link": "closed"}),
        ({"asked": (5,)}, {}),
    ],
)
def test_the_issues_are_told_of_every_change_that_matters_to_them(
    fields: dict[str, Any], started: dict[str, str]
) -> None:
    assert agents(request_changed(**fields)) == started


def test_a_draft_that_the_bot_opened_is_linked_and_not_reviewed() -> None:
    bot = Person(id=9, username="trivet")
    assert agents(request_changed(action="opened", actor=bot)) == {"link": "opened"}


def test_without_a_jira_only_reviews_are_started() -> None:
    alone = Routing(projects=("acme/*",), bot_id=9, bot_name="trivet")
    assert agents(request_changed(action="opened"), alone) == {"review": "opened"}
    assert agents(request_changed(action="merged"), alone) == {}
    assert agents(request_changed(reworded=True), alone) == {}
