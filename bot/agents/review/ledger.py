"""The acceptance-criteria ledger of a review: what each criterion has come to, as far as lines at head show it.

A model only says; what counts is decided here. "Met" and "partly" need a quoted line that stands at head, else the
criterion is unclear.

A row changes only when its evidence does, whatever a model says the next time:
- A row with proof stands while every line of its proof still stands in its file, also at another place.
- A row without proof, missing or unclear, stands while the change has the same lines.
- A standing row gives way to one thing: where it was missing or unclear, to "met" or "partly" with proof.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from langgraph.runtime import Runtime

from bot.agents.review.diff_text import CUT
from bot.agents.review.ledger_proof import Head
from bot.agents.review.schema import JudgedCriterion, LedgerAnswer, OutsidePart, QuotedLine, ReviewState
from bot.agents.shown import safe_text, shown_name
from bot.agents.spec import AgentContext
from bot.domain.change import ChangeSet, FileChange, Side
from bot.domain.ledger import SAID, Ledger, Proof, Row
from bot.domain.secrets import Redactor

NO_PROOF = 'said to be "{state}", but no line at head shows it'
NOT_SAID = "the model said nothing of it"
PART = "{what} ({path})"

MOST_ROWS: Final = 30
MOST_OUTSIDE: Final = 5
MOST_QUOTES: Final = 10  # of one criterion that are looked for
MOST_PROOF: Final = 3  # lines of one row
LONGEST_KEY, LONGEST_TEXT, LONGEST_REASON, LONGEST_PART, LONGEST_OUTSIDE = 50, 300, 200, 80, 200  # characters
LONGEST_PATH, LONGEST_QUOTE = 1_000, 500  # of what a model said
LARGEST: Final = 2**31
PROVEN: Final = frozenset({"met", "partly"})

Update = dict[str, Any]


async def weigh(state: ReviewState, runtime: Runtime[AgentContext]) -> Update:
    """Hold what was said of the criteria against head, and against what the earlier ledger says."""
    was_asked = any(
        task["kind"] == "ledger" and task["state"] == "done" for task in state.get("tasks", {}).values()
    )
    return {"ledger": ledger(state["judged"], state["outside"], runtime.context, was_asked=was_asked)}


def criteria(context: AgentContext) -> list[Row]:
    """The criteria of the linked issues, each once, as rows that nobody has judged: at most thirty."""
    return _all_criteria(context)[:MOST_ROWS]


def beyond(context: AgentContext) -> int:
    """How many criteria there is no room for."""
    return max(0, len(_all_criteria(context)) - MOST_ROWS)


def is_wanted(context: AgentContext) -> bool:
    """Whether a model has to be asked: not without criteria or a change, nor where all were judged at this head."""
    earlier, wanted = context.background.ledger, criteria(context)
    if context.model is None or not wanted or not context.change.files:
        return False
    if earlier is None or (earlier.head, earlier.diff) != (context.request.head, _digest(context.change)):
        return True
    return not {row.criterion for row in wanted} <= {row.criterion for row in earlier.rows}


def heard(answer: LedgerAnswer, context: AgentContext) -> Update:
    """What a model said, as it may be kept: of criteria that there are, by their ids; of parts that were changed."""
    rows = dict(enumerate(criteria(context), 1))
    said = {
        rows[one.number].criterion: _keepable(one, context.redactor).model_dump()
        for one in answer.criteria
        if one.number in rows
    }
    return {"judged": said, "outside": list(_outside(answer.outside, context))[:MOST_OUTSIDE]}


def ledger(
    judged: Mapping[str, object], outside: Sequence[str], context: AgentContext, *, was_asked: bool
) -> Ledger | None:
    """The ledger at head; None where there is nothing to judge or nobody judged it.

    `was_asked`: a model has answered, so that what it left out is unclear. Where it failed, only the earlier rows that
    still stand are left. Raises Unavailable.
    """
    if context.model is None or not context.change.files:
        return None
    diff, earlier = _digest(context.change), context.background.ledger or Ledger()
    is_same = earlier.diff == diff
    head, before = Head(context), {row.criterion: row for row in earlier.rows}
    weighed = (
        _weighed(
            old=_standing(before.get(blank.criterion), head, is_same_change=is_same),
            new=_judged(blank, judged.get(blank.criterion), head) if was_asked else None,
        )
        for blank in criteria(context)
    )
    rows, parts = tuple(filter(None, weighed)), earlier.outside if is_same else tuple(outside)
    return Ledger(rows=rows, outside=parts, head=context.request.head, diff=diff) if rows else None


# --- what is judged ---


def _all_criteria(context: AgentContext) -> list[Row]:
    """Of the issues as they are; where they cannot be read now, those that the earlier ledger tells of."""
    if context.background.issues_unread:
        earlier = context.background.ledger or Ledger()
        return [
            row.model_copy(update={"state": "unclear", "proof": (), "reason": ""}) for row in earlier.rows
        ]
    rows = [
        Row(
            issue=_words(issue.key, LONGEST_KEY, context.redactor),
            criterion=one.id,
            text=_words(one.text, LONGEST_TEXT, context.redactor),
            state="unclear",
        )
        for issue in context.background.issues
        for one in issue.criteria
    ]
    return list({row.criterion: row for row in rows}.values())


def _digest(change: ChangeSet) -> str:
    """Over what the change adds and takes away: the same wherever in its file it stands."""
    parts = (part for file in change.files for part in _changed(file))
    raw = "\0".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.sha256(raw).hexdigest()[:16]


def _changed(file: FileChange) -> Iterator[str]:
    yield from (file.old_path, file.new_path, file.status, file.old_mode, file.new_mode)
    yield from (f"{line.side} {line.text}" for line in file.lines() if line.side is not Side.CONTEXT)


# --- what a model said ---


def _keepable(said: JudgedCriterion, redactor: Redactor) -> JudgedCriterion:
    quotes = [
        QuotedLine(
            path=safe_text(one.path[:LONGEST_PATH], redactor),
            line=max(0, min(one.line, LARGEST)),
            quote=safe_text(one.quote[:LONGEST_QUOTE], redactor),
        )
        for one in said.evidence[:MOST_QUOTES]
    ]
    reason = _words(said.reason, LONGEST_REASON, redactor)
    return said.model_copy(update={"evidence": quotes, "reason": reason})


def _outside(parts: Iterable[OutsidePart], context: AgentContext) -> Iterator[str]:
    """Each file of the change at most once."""
    paths = {shown_name(file.path, context.redactor) for file in context.change.files}
    for part in parts:
        path, what = part.path.strip().strip("`"), _words(part.what, LONGEST_PART, context.redactor)
        if path in paths and what:
            paths.remove(path)
            yield _words(PART.format(what=what.rstrip("."), path=path), LONGEST_OUTSIDE, context.redactor)


def _words(text: str, limit: int, redactor: Redactor) -> str:
    """On one line, as it may be kept and shown, in at most so many characters."""
    line = " ".join(safe_text(text, redactor).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + CUT


# --- what counts ---


def _judged(blank: Row, said: object, head: Head) -> Row:
    if said is None:
        return blank.model_copy(update={"reason": NOT_SAID})
    judged = JudgedCriterion.model_validate(said)
    proof = _proof(judged.evidence, head)
    if judged.state in PROVEN and not proof:
        return blank.model_copy(update={"reason": NO_PROOF.format(state=SAID[judged.state])})
    return blank.model_copy(update={"state": judged.state, "proof": proof, "reason": judged.reason})


def _proof(quotes: Iterable[QuotedLine], head: Head) -> tuple[Proof, ...]:
    found = (proof for one in quotes if (proof := head.proof(one)))
    return tuple({(proof.path, proof.line): proof for proof in found}.values())[:MOST_PROOF]


def _standing(row: Row | None, head: Head, *, is_same_change: bool) -> Row | None:
    """The earlier row with its proof where it is now, None where it does not stand any more."""
    if row is None:
        return None
    if not row.proof:
        return row if is_same_change and row.state not in PROVEN else None
    proof = [head.again(one) for one in row.proof]
    there = tuple(one for one in proof if one)
    return row.model_copy(update={"proof": there}) if len(there) == len(proof) else None


def _weighed(*, old: Row | None, new: Row | None) -> Row | None:
    """The earlier row, if it stands and the new one does not prove what it could not."""
    is_found_now = old and new and old.state not in PROVEN and new.state in PROVEN
    return new if old is None or is_found_now else old
