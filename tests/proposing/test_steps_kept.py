"""A run on an issue, or for one, that is started again: what its model has said is not paid for twice."""

from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from bot.agents.link import SPEC as LINKING
from bot.agents.link.schema import LinesAnswer
from bot.agents.spec import AgentSpec
from bot.agents.triage import SPEC as TRIAGE
from bot.domain.actions import Proposal
from bot.domain.rules import JiraRule, On, Rules
from bot.domain.secrets import Redactor
from bot.entry.checkpoints import StrictSerializer
from bot.proposing.means import Means, Tracker
from bot.routing import JobRequest
from bot.run import propose
from bot.testing import ScriptedModel
from tests.agents.review.test_review_resumed import Shelf
from tests.agents.triage.test_triage_rules import SAID
from tests.proposing.test_propose_issues import LINK, ME, Reader, triage
from tests.tracker import Issues, Projects

SUMS_UP = JiraRule(project="SHOP", gitlab="acme/shop", on=On(event="created"), do=("summarize",))
RUNS = [(LINK, LINKING), (triage(), TRIAGE)]


def start(request: JobRequest, agent: AgentSpec[Any], model: ScriptedModel | None, memory: Shelf) -> Proposal:
    means = Means(
        reader=Reader(),
        agent=agent,
        redactor=Redactor(),
        me=ME,
        tracker=Tracker(Issues(), Projects(), Rules(jira=(SUMS_UP,)), "gitlab.example.com"),
        model=model,
        memory=memory,
    )
    return propose(request, "run", means)


@pytest.mark.parametrize(("request_made", "agent"), RUNS)
def test_a_second_start_proposes_the_same_and_asks_nobody(
    request_made: JobRequest, agent: AgentSpec[Any]
) -> None:
    memory = Shelf(saver=InMemorySaver(serde=StrictSerializer()))
    first = ScriptedModel([SAID if agent is TRIAGE else LinesAnswer(lines=["The cart is capped."])])
    second = ScriptedModel([])
    before = start(request_made, agent, first, memory)
    after = start(request_made, agent, second, memory)
    assert (first.calls, second.calls) == (1, 0)
    assert "comment_issue" in {action.kind for action in after.actions}
    assert after.actions == before.actions


@pytest.mark.parametrize(("request_made", "agent"), RUNS)
def test_without_a_model_no_step_is_kept(request_made: JobRequest, agent: AgentSpec[Any]) -> None:
    memory = Shelf()
    start(request_made, agent, None, memory)
    assert not memory.saver.storage
