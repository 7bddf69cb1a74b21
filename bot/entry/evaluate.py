"""`trivet eval review`: every change with planted defects, and the clean ones, reviewed and scored."""

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Final

from bot.agents.table import AGENTS
from bot.domain.actions import Report
from bot.entry.measuring import Order, configured, cost_of, measured_report, report_of, results
from bot.evaluation.account import Account, Unmeasured
from bot.evaluation.cases import Case, chosen
from bot.evaluation.score import Reviewed
from bot.llm.messages import Model
from bot.settings import Settings
from bot.testing import ScriptedModel, confirms_everything, finding

LONGEST_TITLE: Final = 90

ModelFor = Callable[[Case], Model | None]


def evaluate(
    settings: Settings, *, scripted: bool, slugs: Collection[str] = (), runs: int = 1, parallel: int = 1
) -> Account:
    """Measure the models of the settings, or, `scripted`, the plumbing. Raises as `measured` does."""
    model_for = planted_answers if scripted else configured(settings)
    account = measured(settings, model_for, slugs=slugs, runs=runs, parallel=parallel)
    return replace(account, scripted=scripted)


def measured(
    settings: Settings, model_for: ModelFor, *, slugs: Collection[str] = (), runs: int = 1, parallel: int = 1
) -> Account:
    """Review the cases, all where none is named, `parallel` at a time, in so many runs.

    Each review closes the model it was given. Raises UsageError, and PlatformError where nothing could be measured.
    """
    made = results(
        lambda order: _reviewed(settings, order, model_for), chosen(slugs), runs=runs, parallel=parallel
    )
    return Account(made.runs, made.unmeasured)


def review_case(settings: Settings, case: Case, model: Model | None) -> Report:
    """The report of one review. Raises PlatformError."""
    return report_of(settings, case, AGENTS["review"], model)


def planted_answers(case: Case) -> Model:
    """A scripted model that reports the case's own planted defects, and confirms them."""
    reported = (
        finding(
            defect.path,
            defect.line,
            case.line(defect.path, defect.line),
            rule=defect.kind,
            severity=defect.severity,
            title=defect.about[:LONGEST_TITLE],
            detail=defect.about,
        )
        for defect in case.defects
    )
    return ScriptedModel(confirms_everything(*reported))


def _reviewed(settings: Settings, order: Order[Case], model_for: ModelFor) -> Reviewed | Unmeasured:
    report = measured_report(order, lambda case: review_case(settings, case, model_for(case)))
    if isinstance(report, Unmeasured):
        return report
    return Reviewed(order.case, report.findings, cost_of(report), report.model)
