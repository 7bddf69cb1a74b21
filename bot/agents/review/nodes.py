"""The steps of a review up to the words: what is covered, what checks and models find, which of it is shown."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from langgraph.runtime import Runtime
from langgraph.types import Send

from bot.agents.review.appeals import appeals
from bot.agents.review.asking import new_task
from bot.agents.review.checks import CHECKS
from bot.agents.review.checks.contract import CheckSkipped
from bot.agents.review.claims import placed
from bot.agents.review.coverage import unread_by_model
from bot.agents.review.gates import (
    Gate,
    at_most,
    kept_back,
    passed,
    said_by_a_check,
    said_by_a_person,
    severity_floor,
    worst_first,
)
from bot.agents.review.schema import ReportedFinding, ReviewState, Segment, Task, Work
from bot.agents.review.units import unit_tokens, units
from bot.agents.spec import AgentContext
from bot.domain.actions import Coverage
from bot.domain.change import ChangeSet, FileChange, FileStatus, shown_path
from bot.domain.findings import Finding, identified
from bot.errors import Unavailable

IGNORED = "ignored by .trivet.yml"
BINARY = "binary: its text was not read, its size was"
SUBMODULE = "a submodule: only its commit changes"
TOO_MANY_UNITS = "the change is too large: the checks read it, the model did not"
NOT_VERIFIED = "no second look: {missing}"
SUBMODULE_MODE: Final = "160000"
MOST_UNITS: Final = 60
MOST_CLAIMS: Final = 5  # that one second look takes

Update = dict[str, Any]


async def gather(state: ReviewState, runtime: Runtime[AgentContext]) -> Update:
    """Every changed file: read, or the reason why not."""
    context = runtime.context
    coverage = [_covered(file, context) for file in context.change.files]
    omitted = [context.change.omitted] if context.change.omitted else []
    return {"coverage": coverage, "complaints": [*context.complaints, *omitted], "failures": []}


async def check(state: ReviewState, runtime: Runtime[AgentContext]) -> Update:
    """Run every check on the files that are not ignored; one that cannot run is a complaint, not a failure.

    What keeps several of them from running, a repository that cannot be read, is complained of once.
    """
    context = runtime.context
    change = watched(context)
    found = appeals(context.request, context.background.commits, change, context.redactor)
    complaints = list(state["complaints"])
    for name, run in CHECKS.items():
        try:
            found += run(change, context.snapshot, context.redactor)
        except CheckSkipped as skipped:
            found += skipped.findings
            complaints += [] if str(skipped.__cause__) in complaints else [f"{name}: {skipped}"]
    return {"found": identified(found), "complaints": complaints}


async def plan(state: ReviewState, runtime: Runtime[AgentContext]) -> Update:
    """Cut what a model shall read into tasks. Without a model there are none."""
    context = runtime.context
    if context.model is None:
        return {"tasks": {}, "claims": []}
    room = unit_tokens(context.model.window)
    files = model_files(context)
    first = units(context.change, files, room)[:MOST_UNITS]
    again = units(context.change, files, room // 2, backwards=True)[:MOST_UNITS] if _twice(context) else []
    return {"tasks": _tasks("unit", first) | _tasks("again", again), "claims": []}


async def settle(state: ReviewState, runtime: Runtime[AgentContext]) -> Update:
    """Between rounds. Raises Unavailable where a model was out for the moment and all others have had their turn."""
    attempt = runtime.context.attempt
    waiting = [task for task in _open(state) if task["tried"] == attempt]
    if waiting and len(waiting) == len(_open(state)):
        raise Unavailable(waiting[0]["missing"])
    return {"attempt": attempt}


async def merge(state: ReviewState, runtime: Runtime[AgentContext]) -> Update:
    """Hold what was reported against the change, once each, and lay out the second look at what stands.

    What the gates keep back anyway is not looked at again: that would be paid for nothing.
    """
    context = runtime.context
    reported = [
        ReportedFinding.model_validate(one)
        for name in sorted(state["reported"])
        for one in state["reported"][name]
    ]
    claims, rejected = placed(reported, context)
    through, decisions = passed(claims, _gates(state, context))
    decisions += [kept_back(one.finding, one.reason) for one in rejected]
    return {
        "claims": [*claims, *(one.finding for one in rejected)],
        "decisions": decisions,
        "tasks": _second_looks(through, context),
    }


async def gate(state: ReviewState, runtime: Runtime[AgentContext]) -> Update:
    """Mark what is not shown, with the reason; what is shown comes worst first."""
    floor = severity_floor(runtime.context.config.review.min_severity)
    found, mild = passed(worst_first(state["found"]), [floor])
    decided = {decision.key for decision in state["decisions"]}
    candidates = [claim for claim in state["claims"] if claim.fingerprint not in decided]
    claims, refuted = passed(candidates, [lambda claim: _verdict(claim, state)])
    shown, many = at_most(worst_first([*found, *claims]))
    return {"shown": shown, "decisions": [*mild, *refuted, *many]}


def after_plan(state: ReviewState) -> list[Send] | str:
    return _sends(state) or "gate"


def after_settle(state: ReviewState) -> list[Send] | str:
    """Another round while a task is open; then the next step."""
    verified = any(task["kind"] == "verify" for task in state["tasks"].values())
    return _sends(state) or ("gate" if verified else "merge")


def watched(context: AgentContext) -> ChangeSet:
    files = tuple(file for file in context.change.files if not context.config.is_ignored(file.path))
    return ChangeSet(context.change.refs, files, context.change.omitted)


def model_files(context: AgentContext) -> list[int]:
    """The places of the files a model reads."""
    return [
        place
        for place, file in enumerate(context.change.files)
        if file.hunks and not _unread(file, context) and not unread_by_model(file)
    ]


# --- coverage ---


def _covered(file: FileChange, context: AgentContext) -> Coverage:
    reason = _unread(file, context)
    by_rule = unread_by_model(file) if context.model is not None and not reason else ""
    return Coverage(path=shown_path(file.path), read=not reason, reason=reason or by_rule)


def _unread(file: FileChange, context: AgentContext) -> str:
    reasons = (
        (context.config.is_ignored(file.path), IGNORED),
        (SUBMODULE_MODE in (file.old_mode, file.new_mode), SUBMODULE),
        (file.binary, BINARY),
        (file.unread is not None, file.unread or ""),
    )
    return next((text for applies, text in reasons if applies), "")


# --- tasks ---


def _twice(context: AgentContext) -> bool:
    """Whether the change is as large as the repository wants a second pass for."""
    added = sum(1 for file in context.change.files for _ in file.added())
    return context.config.reads_twice(len(context.change.files), added)


def _tasks(kind: str, parts: Sequence[Sequence[Segment]]) -> dict[str, Task]:
    names = (f"{kind}-{number:03}" for number in range(1, len(parts) + 1))
    return {name: new_task(name, "review", segments=part) for name, part in zip(names, parts, strict=True)}


def _second_looks(claims: Sequence[Finding], context: AgentContext) -> dict[str, Task]:
    """A few claims each, file by file, with the change around them."""
    ordered = sorted(claims, key=lambda claim: (claim.path, claim.line or claim.old_line or 0))
    groups = [ordered[start : start + MOST_CLAIMS] for start in range(0, len(ordered), MOST_CLAIMS)]
    names = (f"verify-{number:03}" for number in range(1, len(groups) + 1))
    return {
        name: new_task(
            name, "verify", segments=_around(group, context), claims=[claim.fingerprint for claim in group]
        )
        for name, group in zip(names, groups, strict=True)
    }


def _around(claims: Iterable[Finding], context: AgentContext) -> list[Segment]:
    """The changed lines near the claims, a unit's worth of each file at most."""
    reach, found = 120, list[Segment]()
    for path in dict.fromkeys(claim.path for claim in claims):
        place = next(
            number
            for number, file in enumerate(context.change.files)
            if file.path == path and (file.status is not FileStatus.DELETED or file.hunks)
        )
        lines = list(context.change.files[place].lines())
        wanted = {(claim.line, claim.old_line) for claim in claims if claim.path == path}
        near = [number for number, line in enumerate(lines) if {(line.new, None), (None, line.old)} & wanted]
        first, last = (min(near), max(near)) if near else (0, 0)
        found.append((place, max(0, first - reach), min(len(lines), last + reach + 1)))
    return found


def _open(state: ReviewState) -> list[Task]:
    return [task for _, task in sorted(state["tasks"].items()) if task["state"] == "open"]


def _sends(state: ReviewState) -> list[Send]:
    known = {claim.fingerprint: claim for claim in state.get("claims", [])}
    return [
        Send("ask", Work(task=task, claims=[known[name] for name in task["claims"]]))
        for task in _open(state)
        if not task["tried"] or task["tried"] != state["attempt"]
    ]


# --- what is shown ---


def _gates(state: ReviewState, context: AgentContext) -> list[Gate]:
    floor = severity_floor(context.config.review.min_severity)
    shown, _ = passed(state["found"], [floor])
    return [floor, said_by_a_check(shown), said_by_a_person(context.notes)]


def _verdict(claim: Finding, state: ReviewState) -> str:
    """Why a claim is not shown; "" where the second look confirmed it."""
    if claim.fingerprint in state["verdicts"]:
        return state["verdicts"][claim.fingerprint]
    task = next((task for task in state["tasks"].values() if claim.fingerprint in task["claims"]), None)
    return NOT_VERIFIED.format(missing=task["missing"] if task else "it was not reached")
