"""What is counted of a run, of an error and of a request to a model."""

from collections.abc import Iterator

from bot.domain.actions import PostFinding, Proposal, Report
from bot.entry.meters import Count, count, observe
from bot.llm.chain import Call

FINDING_STATES = {"done": "posted", "unchanged": "known", "refused": "refused", "failed": "failed"}
HELD_BACK = "held_back"
UNTOLD = "unknown"


def ended(agent: str, trigger: str, state: str, seconds: float) -> list[Count]:
    """A run that is over, `seconds` after it was asked for."""
    return [
        count("trivet_runs", agent, trigger, state),
        *observe("trivet_run_seconds", agent, "whole", seconds=seconds),
    ]


def stage(agent: str, name: str, seconds: float) -> list[Count]:
    """`name`: "propose" or "apply"."""
    return list(observe("trivet_run_seconds", agent, name, seconds=seconds))


def applied(proposal: Proposal, report: Report) -> Iterator[Count]:
    """What became of each action, and of each finding, those included that no action was made of."""
    results = {outcome.key: outcome.result for outcome in report.outcomes}
    for action in proposal.actions:
        result = results.get(action.key)
        if result is None:
            continue
        yield count("trivet_actions", action.kind, result)
        if isinstance(action, PostFinding):
            yield count("trivet_findings", action.finding.severity, FINDING_STATES[result])
    held = sum(not one.allowed for one in report.decisions) if report.agent == "review" else 0
    if held:
        yield count("trivet_findings", UNTOLD, HELD_BACK, by=held)


def stopped(job: str, error: BaseException | type[BaseException]) -> Count:
    """`job`: the kind of job, or "schedule"."""
    kind = error if isinstance(error, type) else type(error)
    return count("trivet_errors", job, kind.__name__)


def asked(call: Call) -> Iterator[Count]:
    """One request to a model, whatever came of it."""
    usage = call.usage
    yield count("trivet_model_calls", call.model, call.result)
    yield from observe("trivet_model_seconds", call.model, seconds=call.seconds)
    tokens = {"input": usage.input, "cached": usage.cached, "output": usage.output}
    yield from (
        count("trivet_model_tokens", call.model, kind, by=paid) for kind, paid in tokens.items() if paid
    )
    if usage.cost_usd:
        yield count("trivet_model_cost_dollars", call.model, by=usage.cost_usd)
