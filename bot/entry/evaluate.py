"""`trivet eval`: every change of the evaluation set, reviewed as `trivet review --local` does it, and scored."""

import tempfile
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from bot.agents.table import AGENTS
from bot.domain.actions import Report
from bot.entry.case_checkout import CaseReader, check_out
from bot.entry.logs import start_logging
from bot.entry.progress import Progress
from bot.entry.reading import RUN
from bot.entry.side_by_side import side_by_side
from bot.entry.wiring import redactor, shell_model
from bot.errors import PlatformError, UsageError
from bot.evaluation.account import Account, Unmeasured
from bot.evaluation.cases import Case, chosen
from bot.evaluation.score import Cost, Reviewed
from bot.llm.messages import Model
from bot.routing import JobRequest
from bot.run import Means, propose
from bot.settings import Settings
from bot.testing import ScriptedModel, confirms_everything, finding

NO_MODEL = (
    "no model is configured: set TRIVET_MODELS or a provider's key (OPENAI_API_KEY, ANTHROPIC_API_KEY, OLLAMA_HOST), "
    "or name a model with --model PROVIDER:NAME"
)
NOTHING_MEASURED = "no change could be measured: {reason}"
STEP = "{done} of {all} reviews made, the last one of {slug}"
LONGEST_TITLE: Final = 90

ModelFor = Callable[[Case], Model | None]


@dataclass(frozen=True)
class Order:
    """One review to make: a case, and in which run over the set, counted from 1."""

    case: Case
    run: int


@dataclass(frozen=True)
class Made:
    """What became of an order."""

    order: Order
    result: Reviewed | Unmeasured


def evaluate(
    settings: Settings, *, scripted: bool, slugs: Collection[str] = (), runs: int = 1, parallel: int = 1
) -> Account:
    """Measure the models of the settings, or, `scripted`, the plumbing. Raises as `measured` does."""
    model_for = planted_answers if scripted else _configured(settings)
    account = measured(settings, model_for, slugs=slugs, runs=runs, parallel=parallel)
    return replace(account, scripted=scripted)


def measured(
    settings: Settings, model_for: ModelFor, *, slugs: Collection[str] = (), runs: int = 1, parallel: int = 1
) -> Account:
    """Review the cases, all where none is named, `parallel` at a time, in so many runs.

    Each review closes the model it was given. Raises UsageError, and PlatformError where nothing could be measured.
    """
    orders = [Order(case, number) for number in range(1, runs + 1) for case in chosen(slugs)]
    made: list[Made] = []
    with Progress() as progress:
        for one in side_by_side(lambda order: _made(settings, order, model_for), orders, parallel):
            made.append(one)
            progress.say(STEP.format(done=len(made), all=len(orders), slug=one.order.case.slug))
    return _account(made, runs)


def review_case(settings: Settings, case: Case, model: Model | None) -> Report:
    """The report of one review. Raises PlatformError."""
    with tempfile.TemporaryDirectory(prefix="trivet-eval-", ignore_cleanup_errors=True) as place:
        folder = Path(place) / case.slug
        check_out(case, folder)
        reader = CaseReader(folder, case)
        means = Means(reader=reader, agent=AGENTS["review"], redactor=redactor(settings), model=model)
        request = JobRequest(agent="review", project="", project_id=0, iid=0, trigger=RUN, key=case.slug)
        return propose(request, RUN, means).report


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


def _configured(settings: Settings) -> ModelFor:
    """The models of the settings, with the budget of a run for each case; what they log goes to standard error.

    Raises UsageError.
    """
    if shell_model(settings) is None:
        raise UsageError(NO_MODEL)
    start_logging(settings.log_format or "human", redactor(settings).redact)
    return lambda _case: shell_model(settings)


def _made(settings: Settings, order: Order, model_for: ModelFor) -> Made:
    """Where a model or a platform failed the figures would say nothing: the case counts as not measured."""
    case, model = order.case, model_for(order.case)
    try:
        report = review_case(settings, case, model)
    except PlatformError as error:
        return Made(order, Unmeasured(case.slug, order.run, str(error)))
    if report.failures:
        return Made(order, Unmeasured(case.slug, order.run, "; ".join(report.failures), _cost(report)))
    return Made(order, Reviewed(case, report.findings, _cost(report), report.model))


def _cost(report: Report) -> Cost:
    return Cost(report.model_calls, report.tokens, report.cached_tokens, report.cost_usd, report.seconds)


def _account(made: list[Made], runs: int) -> Account:
    """In the set's order, whichever ended first."""
    ordered = sorted(made, key=lambda one: (one.order.run, one.order.case.slug))
    unmeasured = tuple(one.result for one in ordered if isinstance(one.result, Unmeasured))
    if len(unmeasured) == len(ordered):
        raise PlatformError(NOTHING_MEASURED.format(reason=unmeasured[0].reason))
    reviewed = {number: list[Reviewed]() for number in range(1, runs + 1)}
    for one in ordered:
        if isinstance(one.result, Reviewed):
            reviewed[one.order.run].append(one.result)
    return Account(tuple(map(tuple, reviewed.values())), unmeasured)
