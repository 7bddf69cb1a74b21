"""`trivet eval ledger`: every change whose acceptance criteria are known to be met or not, judged and scored."""

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any, Final

from bot.agents.spec import AgentContext, AgentResult, AgentSpec
from bot.agents.table import AGENTS
from bot.domain.actions import Report
from bot.domain.background import LinkedIssue
from bot.entry.measuring import Order, configured, cost_of, measured_report, report_of, results
from bot.evaluation.account import LedgerAccount, Unmeasured
from bot.evaluation.ledger_cases import LedgerCase, Truth, chosen_ledgers
from bot.evaluation.ledger_score import Judged
from bot.llm.messages import Model, Prompt
from bot.settings import Settings
from bot.testing import Said, ScriptedModel, confirms_everything, judges

NO_LEDGER = "the review came to an end without a ledger"
LONGEST_REASON: Final = 150

LedgerModelFor = Callable[[LedgerCase], Model | None]


def evaluate_ledger(
    settings: Settings, *, scripted: bool, slugs: Collection[str] = (), runs: int = 1, parallel: int = 1
) -> LedgerAccount:
    """Measure the models of the settings, or, `scripted`, the plumbing. Raises as `measured_ledger` does."""
    model_for = true_answers if scripted else configured(settings)
    account = measured_ledger(settings, model_for, slugs=slugs, runs=runs, parallel=parallel)
    return replace(account, scripted=scripted)


def measured_ledger(
    settings: Settings,
    model_for: LedgerModelFor,
    *,
    slugs: Collection[str] = (),
    runs: int = 1,
    parallel: int = 1,
) -> LedgerAccount:
    """Judge the cases, all where none is named, `parallel` at a time, in so many runs.

    Each is a whole review, as the criteria are never judged without one. It closes the model it was given. Raises
    UsageError, and PlatformError where nothing could be measured.
    """
    made = results(
        lambda order: _judged(settings, order, model_for), chosen_ledgers(slugs), runs=runs, parallel=parallel
    )
    return LedgerAccount(made.runs, made.unmeasured)


def judge_case(settings: Settings, case: LedgerCase, model: Model | None) -> Report:
    """The report of one review, with its ledger. Raises PlatformError."""
    return report_of(settings, case, _knowing(case.issue), model)


def true_answers(case: LedgerCase) -> Model:
    """A scripted model that finds nothing, and says of each criterion what is known of it."""
    known = enumerate(case.truths.values(), 1)
    criteria = [_answer(number, truth, case) for number, truth in known]
    outside = [(part.about, part.paths[0]) for part in case.story.outside]
    said, silent = judges(*criteria, outside=outside), confirms_everything()

    def script(prompt: Prompt) -> Said:
        return said if issubclass(prompt.answer, type(said)) else silent(prompt)

    return ScriptedModel(script)


def _knowing(issue: LinkedIssue) -> AgentSpec[Any]:
    """The review agent, with this issue read beside the change."""
    agent: AgentSpec[AgentContext] = AGENTS["review"]

    def review(context: AgentContext) -> AgentResult:
        background = replace(context.background, issues=(issue,))
        return agent.run(replace(context, background=background))

    return replace(agent, run=review)


def _judged(settings: Settings, order: Order[LedgerCase], model_for: LedgerModelFor) -> Judged | Unmeasured:
    report = measured_report(order, lambda case: judge_case(settings, case, model_for(case)))
    if isinstance(report, Unmeasured):
        return report
    if report.ledger is None:
        return Unmeasured(order.case.slug, order.run, NO_LEDGER, cost_of(report))
    return Judged(order.case, report.ledger, cost_of(report), report.model)


def _answer(number: int, truth: Truth, case: LedgerCase) -> dict[str, Any]:
    evidence = [(one.path, one.line, case.line(one.path, one.line)) for one in truth.proof]
    return {
        "number": number,
        "state": truth.state,
        "evidence": evidence,
        "reason": truth.why[:LONGEST_REASON],
    }
