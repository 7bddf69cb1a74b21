"""The steps of a review up to the words: what is covered, what checks and models find, which of it is shown."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

from langgraph.runtime import Runtime
from langgraph.types import Send

from bot.agents.review.appeals import appeals
from bot.agents.review.asking import PIECE, TOO_LONG, new_task
from bot.agents.review.checks import CHECKS
from bot.agents.review.checks.contract import CheckSkipped
from bot.agents.review.claims import placed
from bot.agents.review.coverage import declared, is_too_large, unread, unread_by_model
from bot.agents.review.gates import (
    Gate,
    at_most,
    kept_back,
    passed,
    put_aside,
    said_by_a_check,
    severity_floor,
    worst_first,
)
from bot.agents.review.ledger import MOST_ROWS, beyond, criteria, is_wanted
from bot.agents.review.prompting import rules
from bot.agents.review.recheck import doubted, near, together
from bot.agents.review.repeats import repeated
from bot.agents.review.schema import ReportedFinding, ReviewState, Segment, Task, Work
from bot.agents.review.standing import as_known, known_by_line, places, successors
from bot.agents.review.units import around, excerpt, excerpt_tokens, second_looks, unit_tokens, units
from bot.agents.spec import AgentContext
from bot.domain.actions import Coverage, Decision
from bot.domain.change import ChangeSet, FileChange, shown_path
from bot.domain.findings import Finding, identified
from bot.domain.lifecycle import taken_away
from bot.domain.markdown import counted
from bot.domain.reviewed import is_same, unit
from bot.domain.reviewed import unread as unread_since
from bot.errors import Unavailable

IGNORED = "ignored by .trivet.yml"
LARGE_FILES = "Only the checks read {files}: too large for a model"
BEYOND = "the change is larger than one review takes"
LARGE_CHANGE = f"The model did not fully read {{files}}: {BEYOND}"
MANY_CRITERIA = "{more:,} more of the acceptance criteria were not judged: at most {most} are"
RULES_LEFT_OUT = "{rules} of the repository had no room in the model's window"
READS = "{model} reads the change: {done} of {parts} parts done"
LOOKS_AGAIN = "{model} looks again at what it found: {done} of {parts} parts done"
NOT_VERIFIED = "no second look: {missing}"
MOST_UNITS: Final = 60

Update = dict[str, Any]


async def gather(state: ReviewState, runtime: Runtime[AgentContext]) -> Update:
    """Every changed file: read, or the reason why not; every earlier finding: where it stands."""
    context = runtime.context
    coverage = [_covered(file, context) for file in context.change.files]
    complaints = [*context.complaints, *filter(None, (context.change.omitted, _large_files(context)))]
    return {"coverage": coverage, "complaints": complaints, "failures": [], "places": places(context)}


async def check(state: ReviewState, runtime: Runtime[AgentContext]) -> Update:
    """Run every check on the files that are not ignored; one that cannot run is a complaint, not a failure.

    What keeps several of them from running, a repository that cannot be read, is complained of once.
    """
    context = runtime.context
    change = watched(context)
    found = appeals(context.request, context.background.commits, change, context.redactor)
    complaints = list(state["complaints"])
    skipped: list[str] = []
    for name, run in CHECKS.items():
        try:
            found += run(change, context.snapshot, context.redactor)
        except CheckSkipped as reason:
            found += reason.findings
            skipped.append(name)
            complaints += [] if str(reason.__cause__) in complaints else [f"{name}: {reason}"]
    known = as_known(identified(found), context, state["places"])
    return {"found": known, "skipped": skipped, "complaints": complaints}


async def plan(state: ReviewState, runtime: Runtime[AgentContext]) -> Update:
    """Cut what a model shall read into tasks, and declare what no task has room for. Without a model there are none.

    What was read before is not read again; about findings whose lines have changed there is a small question.
    """
    context = runtime.context
    if context.model is None:
        return {"tasks": {}, "claims": [], "again": [], "heirs": {}, "doubted": []}
    room, files = unit_tokens(context.model.window), unread_files(context)
    first = units(context.change, files, room)
    again = units(context.change, files, room // 2, backwards=True) if _twice(context) else []
    tasks = _tasks("unit", first[:MOST_UNITS]) | _tasks("again", again[:MOST_UNITS])
    if _weighs(context):
        shown = excerpt(context.change, model_files(context), excerpt_tokens(context.model.window))
        tasks["ledger"] = new_task("ledger", "ledger", segments=shown)
    asked = doubted(context, state["places"])
    tasks |= _rechecks(asked, context)
    _tell(tasks.values(), context)
    beyond = {context.change.files[place].path for unit in first[MOST_UNITS:] for place, _, _ in unit}
    return {
        "tasks": tasks,
        "claims": [],
        "again": [],
        "heirs": {},
        "doubted": asked,
        "coverage": declared(state["coverage"], {shown_path(path): BEYOND for path in beyond}),
        "complaints": [*state["complaints"], *_no_room(context, len(beyond))],
    }


async def settle(state: ReviewState, runtime: Runtime[AgentContext]) -> Update:
    """Between rounds. Raises Unavailable where a model was out for the moment and all others have had their turn."""
    attempt = runtime.context.attempt
    hopeless = _hopeless(state)
    still = [task for task in _open(state) if task["id"] not in hopeless]
    waiting = [task for task in still if task["tried"] == attempt]
    if waiting and len(waiting) == len(still):
        raise Unavailable(waiting[0]["missing"])
    _tell([task for task in state["tasks"].values() if task["id"] not in hopeless], runtime.context)
    return {"attempt": attempt, "tasks": hopeless}


async def merge(state: ReviewState, runtime: Runtime[AgentContext]) -> Update:
    """Hold what was reported against the change, once each, and lay out the second look at what stands.

    What the gates keep back anyway is not looked at again: that would be paid for nothing. Nor is what is known by its
    line, as it was looked at when it was new; but what was fixed has to be shown to be back, and of what is on another
    line nobody has shown anything yet.
    """
    context = runtime.context
    answers = [
        [ReportedFinding.model_validate(one) for one in state["reported"][name]]
        for name in sorted(state["reported"])
    ]
    claims, rejected = placed(answers, context)
    claims = known_by_line(claims, context, state["places"])
    settled = {one.key for one in context.known if one.state != "fixed"}
    again = [claim for claim in claims if claim.fingerprint in settled]
    new = [claim for claim in claims if claim.fingerprint not in settled]
    _, aside = passed(again, [_put_aside(context)])
    through, decisions = passed(worst_first(new), [_put_aside(context), *_gates(state, context)])
    worst, many = at_most(through)
    unplaced = [kept_back(one.finding, one.reason) for one in rejected]
    tasks = _second_looks(worst, context)
    _tell(tasks.values(), context)
    return {
        "claims": worst,
        "again": again,
        "heirs": successors(worst, context, state["places"]),
        "decisions": [*aside, *decisions, *many, *unplaced],
        "tasks": tasks,
    }


async def gate(state: ReviewState, runtime: Runtime[AgentContext]) -> Update:
    """Mark what is not shown, with the reason; what is new and shown comes worst first."""
    context = runtime.context
    floor = severity_floor(context.config.review.min_severity)
    elsewhere, as_told = _repeated(state, context)
    telling = (one for one in state["found"] if one.fingerprint not in elsewhere)
    found, mild = passed(worst_first(telling), [_put_aside(context), floor])
    claims, refuted = passed(state["claims"], [lambda claim: why_not(claim, state)])
    known = {one.key for one in context.known}
    new = [one for one in (*found, *claims) if one.fingerprint not in known]
    shown, many = at_most(worst_first(new))
    return {"shown": shown, "decisions": [*mild, *as_told, *refuted, *many]}


def after_plan(state: ReviewState) -> list[Send] | str:
    return _sends(state) or "gate"


def after_settle(state: ReviewState) -> list[Send] | str:
    """Another round while a task is open; then the next step."""
    verified = any(task["kind"] == "verify" for task in state["tasks"].values())
    return _sends(state) or ("gate" if verified else "merge")


def watched(context: AgentContext) -> ChangeSet:
    files = tuple(file for file in context.change.files if not context.config.is_ignored(file.path))
    return replace(context.change, files=files)


def model_files(context: AgentContext) -> list[int]:
    """The places of the files a model reads."""
    return [
        place
        for place, file in enumerate(context.change.files)
        if file.hunks and not _unread(file, context) and not unread_by_model(file)
    ]


def unread_files(context: AgentContext) -> list[int]:
    """The places of those that a model has to read now: not what it has read before."""
    files = context.change.files
    fresh = {unit(file) for file in unread_since(files, None if context.is_full else context.reviewed)}
    return [place for place in model_files(context) if unit(files[place]) in fresh]


def why_not(claim: Finding, state: ReviewState) -> str:
    """Why a claim is not shown; "" where the second look confirmed it."""
    if claim.fingerprint in state["verdicts"]:
        return state["verdicts"][claim.fingerprint]
    failed = (task for task in state["tasks"].values() if task["state"] == "failed")
    missing = next(task["missing"] for task in failed if claim.fingerprint in task["claims"])
    return NOT_VERIFIED.format(missing=missing)


# --- coverage ---


def _covered(file: FileChange, context: AgentContext) -> Coverage:
    reason = _unread(file, context)
    by_rule = unread_by_model(file) if context.model is not None and not reason else ""
    return Coverage(path=shown_path(file.path), read=not reason, reason=reason or by_rule)


def _unread(file: FileChange, context: AgentContext) -> str:
    return IGNORED if context.config.is_ignored(file.path) else unread(file)


def _large_files(context: AgentContext) -> str:
    """Told, as silence would say that a model read them."""
    if context.model is None:
        return ""
    large = sum(is_too_large(file) for file in watched(context).files)
    return LARGE_FILES.format(files=counted(large, "file")) if large else ""


def _no_room(context: AgentContext, files_beyond: int) -> list[str]:
    _, rules_beyond = rules(context)
    many = MANY_CRITERIA.format(more=beyond(context), most=MOST_ROWS) if beyond(context) else ""
    large = LARGE_CHANGE.format(files=counted(files_beyond, "file")) if files_beyond else ""
    unruled = RULES_LEFT_OUT.format(rules=counted(rules_beyond, "instruction")) if rules_beyond else ""
    return [one for one in (large, unruled, many) if one]


# --- tasks ---


def _twice(context: AgentContext) -> bool:
    """Whether the change is as large as the repository wants a second pass for."""
    added = sum(1 for file in context.change.files for _ in file.added())
    return context.config.reads_twice(len(context.change.files), added)


def _tasks(kind: str, parts: Sequence[Sequence[Segment]]) -> dict[str, Task]:
    tasks = [new_task(f"{kind}-{number:03}", "review", segments=part) for number, part in enumerate(parts, 1)]
    return {task["id"]: task for task in tasks}


def _weighs(context: AgentContext) -> bool:
    """Whether a model judges the criteria: not where change and criteria are those of the last review."""
    if context.is_full or not is_same(context.change.files, context.reviewed):
        return is_wanted(context)
    judged = context.background.ledger.rows if context.background.ledger else ()
    is_new = {row.criterion for row in criteria(context)} - {row.criterion for row in judged}
    return bool(is_new) and is_wanted(context)


def _rechecks(asked: Sequence[Finding], context: AgentContext) -> dict[str, Task]:
    tasks = [
        new_task(
            f"recheck-{number:03}",
            "recheck",
            segments=near(context.change, some),
            claims=[one.fingerprint for one in some],
        )
        for number, some in enumerate(together(asked), 1)
    ]
    return {task["id"]: task for task in tasks}


def _second_looks(claims: Sequence[Finding], context: AgentContext) -> dict[str, Task]:
    """A few claims each, with the change around them."""
    if context.model is None:
        return {}
    groups = second_looks(context.change, claims, unit_tokens(context.model.window))
    tasks = [_second_look(number, group, context.change) for number, group in enumerate(groups, 1)]
    return {task["id"]: task for task in tasks}


def _second_look(number: int, claims: Sequence[Finding], change: ChangeSet) -> Task:
    names = [claim.fingerprint for claim in claims]
    return new_task(f"verify-{number:03}", "verify", segments=around(change, claims), claims=names)


def _hopeless(state: ReviewState) -> dict[str, Task]:
    """Pieces not asked for any more: where the smallest was too long, so is all that goes along with every prompt."""
    tasks = [task for task in state["tasks"].values() if task["kind"] in ("review", "verify")]
    failed = any(task["missing"] == TOO_LONG and task["state"] == "failed" for task in tasks)
    pieces = [task for task in tasks if failed and task["state"] == "open" and PIECE in task["id"]]
    return {task["id"]: {**task, "state": "failed", "missing": TOO_LONG} for task in pieces}


def _tell(tasks: Iterable[Task], context: AgentContext) -> None:
    """How far the reading is, or the second look, where anything is left to do."""
    live = [task for task in tasks if task["state"] != "split"]
    left = [task for task in live if task["state"] == "open"]
    if left and context.model is not None:
        looks_again = left[0]["kind"] == "verify"
        states = [task["state"] for task in live if (task["kind"] == "verify") == looks_again]
        said = LOOKS_AGAIN if looks_again else READS
        context.tell(
            said.format(model=context.model.name, done=len(states) - states.count("open"), parts=len(states))
        )


def _open(state: ReviewState) -> list[Task]:
    return [task for _, task in sorted(state["tasks"].items()) if task["state"] == "open"]


def _sends(state: ReviewState) -> list[Send]:
    known = {one.fingerprint: one for one in (*state.get("claims", []), *state.get("doubted", []))}
    return [
        Send("ask", Work(task=task, claims=[known[name] for name in task["claims"]]))
        for task in _open(state)
        if not task["tried"] or task["tried"] != state["attempt"]
    ]


# --- what is shown ---


def _gates(state: ReviewState, context: AgentContext) -> list[Gate]:
    floor = severity_floor(context.config.review.min_severity)
    shown, _ = passed(state["found"], [floor])
    elsewhere, _ = _repeated(state, context)
    return [floor, said_by_a_check(shown, elsewhere)]


def _repeated(state: ReviewState, context: AgentContext) -> tuple[frozenset[str], list[Decision]]:
    gone = taken_away(context.known, context.reviewed)
    return repeated(state["found"], context.known, gone, context.redactor)


def _put_aside(context: AgentContext) -> Gate:
    return put_aside(context.known, taken_away(context.known, context.reviewed), context.redactor)
