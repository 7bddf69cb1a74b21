"""The changes of an evaluation set, reviewed as `trivet review --local` does it, several at a time."""

import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from bot.agents.spec import AgentSpec
from bot.domain.actions import Report
from bot.entry.case_checkout import CaseReader, check_out
from bot.entry.logs import start_logging
from bot.entry.models import shell_model
from bot.entry.own_secrets import redactor
from bot.entry.progress import Progress
from bot.entry.side_by_side import side_by_side
from bot.entry.unqueued import RUN
from bot.errors import PlatformError, UsageError
from bot.evaluation.account import Unmeasured
from bot.evaluation.cases import Change
from bot.evaluation.score import Cost
from bot.llm.messages import Model
from bot.proposing.means import Means
from bot.routing import JobRequest
from bot.run import propose
from bot.settings import Settings

NO_MODEL = (
    "no model is configured: set TRIVET_MODELS or a provider's key (OPENAI_API_KEY, ANTHROPIC_API_KEY, OLLAMA_HOST), "
    "or name a model with --model PROVIDER:NAME"
)
NOTHING_MEASURED = "no change could be measured: {reason}"
STEP = "{done} of {all} reviews made, the last one of {slug}"

SomeCase = TypeVar("SomeCase", bound=Change)
Result = TypeVar("Result")


@dataclass(frozen=True)
class Order(Generic[SomeCase]):
    """One review to make: a case, and in which run over the set, counted from 1."""

    case: SomeCase
    run: int


@dataclass(frozen=True)
class Made(Generic[SomeCase, Result]):
    """What became of an order."""

    order: Order[SomeCase]
    result: Result | Unmeasured


@dataclass(frozen=True)
class Results(Generic[Result]):
    """What came of the cases in each run, in the set's order, and what could not be measured."""

    runs: tuple[tuple[Result, ...], ...]
    unmeasured: tuple[Unmeasured, ...]


def results(
    make: Callable[[Order[SomeCase]], Result | Unmeasured],
    cases: Sequence[SomeCase],
    *,
    runs: int,
    parallel: int,
) -> Results[Result]:
    """What `make` makes of the cases, `parallel` at a time, in so many runs.

    Raises what it raises, and PlatformError where nothing could be measured.
    """
    orders = [Order(case, number) for number in range(1, runs + 1) for case in cases]
    made: list[Made[SomeCase, Result]] = []
    with Progress() as progress:
        for one in side_by_side(lambda order: Made(order, make(order)), orders, parallel):
            made.append(one)
            progress.say(STEP.format(done=len(made), all=len(orders), slug=one.order.case.slug))
    return _in_order(made, runs)


def report_of(settings: Settings, case: Change, agent: AgentSpec[Any], model: Model | None) -> Report:
    """The report of one review. Raises PlatformError."""
    with tempfile.TemporaryDirectory(prefix="trivet-eval-", ignore_cleanup_errors=True) as place:
        folder = Path(place) / case.slug
        check_out(case, folder)
        reader = CaseReader(folder, case)
        means = Means(reader=reader, agent=agent, redactor=redactor(settings), model=model)
        request = JobRequest(agent="review", project="", project_id=0, iid=0, trigger=RUN, key=case.slug)
        return propose(request, RUN, means).report


def measured_report(order: Order[SomeCase], review: Callable[[SomeCase], Report]) -> Report | Unmeasured:
    """Where a model or a platform failed the figures would say nothing: the case counts as not measured."""
    try:
        report = review(order.case)
    except PlatformError as error:
        return Unmeasured(order.case.slug, order.run, str(error))
    if report.failures:
        return Unmeasured(order.case.slug, order.run, "; ".join(report.failures), cost_of(report))
    return report


def configured(settings: Settings) -> Callable[[Change], Model | None]:
    """The models of the settings, with the budget of a run for each case; what they log goes to standard error.

    Raises UsageError.
    """
    if shell_model(settings) is None:
        raise UsageError(NO_MODEL)
    start_logging(settings.log_format or "human", redactor(settings).redact)
    return lambda _case: shell_model(settings)


def cost_of(report: Report) -> Cost:
    return Cost(report.model_calls, report.tokens, report.cached_tokens, report.cost_usd, report.seconds)


def _in_order(made: list[Made[SomeCase, Result]], runs: int) -> Results[Result]:
    """In the set's order, whichever ended first."""
    ordered = sorted(made, key=lambda one: (one.order.run, one.order.case.slug))
    unmeasured = tuple(one.result for one in ordered if isinstance(one.result, Unmeasured))
    if len(unmeasured) == len(ordered):
        raise PlatformError(NOTHING_MEASURED.format(reason=unmeasured[0].reason))
    by_run: dict[int, list[Result]] = defaultdict(list)
    for one in ordered:
        if not isinstance(one.result, Unmeasured):
            by_run[one.order.run].append(one.result)
    return Results(tuple(tuple(by_run[number]) for number in range(1, runs + 1)), unmeasured)
