"""`trivet eval drift`: every change that makes a page wrong, or does not, held against the page and scored."""

import tempfile
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import Final

from bot.agents.pages.schema import SectionAnswer, Statement
from bot.agents.table import AGENTS
from bot.domain.actions import Proposal, UpsertNote
from bot.domain.pages import SectionEdit
from bot.entry.case_checkout import CaseReader, check_out
from bot.entry.case_wiki import PROJECT, case_wiki
from bot.entry.measuring import Order, configured, cost_of, results
from bot.entry.own_secrets import redactor
from bot.entry.unqueued import RUN
from bot.errors import PlatformError
from bot.evaluation.account import Unmeasured
from bot.evaluation.drift_account import DriftAccount
from bot.evaluation.drift_cases import DriftCase, Wrong, chosen_drifts
from bot.evaluation.drift_score import Drifted
from bot.llm.messages import Model
from bot.proposing.means import Means
from bot.routing import JobRequest
from bot.run import propose
from bot.settings import Settings
from bot.testing import ScriptedModel

NOT_ASKED = "no model was asked about the page"
AGENT: Final = "pages"

DriftModelFor = Callable[[DriftCase], Model | None]


def evaluate_drift(
    settings: Settings, *, scripted: bool, slugs: Collection[str] = (), runs: int = 1, parallel: int = 1
) -> DriftAccount:
    """Measure the models of the settings, or, `scripted`, the plumbing. Raises as `measured_drift` does."""
    model_for = true_statements if scripted else configured(settings)
    account = measured_drift(settings, model_for, slugs=slugs, runs=runs, parallel=parallel)
    return replace(account, scripted=scripted)


def measured_drift(
    settings: Settings,
    model_for: DriftModelFor,
    *,
    slugs: Collection[str] = (),
    runs: int = 1,
    parallel: int = 1,
) -> DriftAccount:
    """Hold the cases, all where none is named, against their pages, `parallel` at a time, in so many runs.

    Each is a whole run of the pages agent. Raises UsageError, and PlatformError where nothing could be measured.
    """
    made = results(
        lambda order: _drifted(settings, order, model_for), chosen_drifts(slugs), runs=runs, parallel=parallel
    )
    return DriftAccount(made.runs, made.unmeasured)


def propose_case(settings: Settings, case: DriftCase, model: Model | None) -> Proposal:
    """What one run would write. Raises PlatformError."""
    with tempfile.TemporaryDirectory(prefix="trivet-eval-", ignore_cleanup_errors=True) as place:
        folder = Path(place) / case.slug
        check_out(case, folder)
        reader = CaseReader(folder, case)
        means = Means(
            reader=reader,
            agent=AGENTS[AGENT],
            redactor=redactor(settings),
            model=model,
            wiki=case_wiki(case, reader),
        )
        request = JobRequest(
            agent=AGENT, project=PROJECT.path, project_id=PROJECT.id, iid=1, trigger=RUN, key=case.slug
        )
        return propose(request, RUN, means)


def true_statements(case: DriftCase) -> Model:
    """A scripted model that says exactly what is known to be wrong."""
    answer = SectionAnswer(wrong=[statement(case, wrong) for wrong in case.story.wrong])
    return ScriptedModel(lambda _prompt: answer)


def statement(case: DriftCase, wrong: Wrong) -> Statement:
    """A wrong block as a model says it."""
    return Statement(
        path=wrong.path,
        line=wrong.line,
        why=wrong.why,
        block=case.place(wrong.quote) + 1,
        quote=wrong.quote,
        how=wrong.how,
        text=case.right_text(wrong),
    )


def _drifted(settings: Settings, order: Order[DriftCase], model_for: DriftModelFor) -> Drifted | Unmeasured:
    """Where a model or a platform failed the figures would say nothing: the case counts as not measured."""
    case, run = order.case, order.run
    try:
        proposal = propose_case(settings, case, model_for(case))
    except PlatformError as error:
        return Unmeasured(case.slug, run, str(error))
    report = proposal.report
    failures = report.failures or (() if report.model_calls else (NOT_ASKED,))
    if failures:
        return Unmeasured(case.slug, run, "; ".join(failures), cost_of(report))
    dropped = tuple(one.reason for one in report.decisions if not one.allowed)
    return Drifted(case, _edit(proposal), dropped, cost_of(report), report.model)


def _edit(proposal: Proposal) -> SectionEdit | None:
    """What the note on the merge request would propose."""
    notes = (one for one in proposal.actions if isinstance(one, UpsertNote) and one.create)
    return next((one.section for one in notes if one.section), None)
