"""What has become of the findings of earlier reviews at this head, and which parts of the change were read.

A finding is called fixed with proof only: the check that found it ran and does not find it, or its line has changed and
a model says, with a line that is there, that the defect is gone.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from langgraph.runtime import Runtime

from bot.agents.review.appeals import MOST as MOST_APPEALS
from bot.agents.review.checks import CHECKS
from bot.agents.review.commits import History
from bot.agents.review.gates import passed, severity_floor
from bot.agents.review.ledger_proof import Head
from bot.agents.review.nodes import BEYOND, model_files, watched, why_not
from bot.agents.review.recheck import verdict, was_closed_silently
from bot.agents.review.schema import Place, QuotedLine, ReviewState
from bot.agents.review.standing import REST, by_model, moved, stored
from bot.agents.spec import AgentContext
from bot.domain.change import FileChange, shown_path
from bot.domain.findings import Finding, normalised
from bot.domain.identity import is_alike
from bot.domain.ledger import Proof
from bot.domain.lifecycle import Course, Known
from bot.domain.reviewed import unit, unread

APPEALS: Final = "appeals"
SIZE: Final = "size"  # the one check that needs no line of a file
WORDS: Final = {"severity", "title", "detail", "evidence"}

Update = dict[str, Any]


async def trace(state: ReviewState, runtime: Runtime[AgentContext]) -> Update:
    """Follow every earlier finding to this head. Raises Unavailable."""
    context = runtime.context
    course = _Tracing(state, context).course()
    return {"course": course, "demoted": _demoted(state["shown"], course, context)}


def units_read(state: ReviewState, context: AgentContext) -> tuple[str, ...]:
    """The units of the changed files that were read, now or before; files that no model reads count as read.

    Not those that a model had no room or no budget for, nor those of which it left something undecided.
    """
    left = _left(state, context)
    return tuple(unit(file) for place, file in enumerate(context.change.files) if place not in left)


# --- what was read ---


def _left(state: ReviewState, context: AgentContext) -> set[int]:
    """The places of the files that have to be read again."""
    files = context.change.files
    if context.model is None:
        fresh = unread(files, context.reviewed)
        return {place for place in model_files(context) if files[place] in fresh}
    beyond = {one.path for one in state["coverage"] if one.reason == BEYOND}
    unsettled = {finding.path for finding in _unsettled(state)}
    unsaid = {
        place
        for place, file in enumerate(files)
        if shown_path(file.path) in beyond or unsettled & {file.path, stored(file.path, context.redactor)}
    }
    failed = {
        place
        for task in state["tasks"].values()
        if (task["kind"], task["state"]) == ("review", "failed")
        for place, _, _ in task["segments"]
    }
    return unsaid | failed


def _unsettled(state: ReviewState) -> Iterator[Finding]:
    """Claims and earlier findings of which a model was to say something, and did not."""
    failed = (task for task in state["tasks"].values() if task["state"] == "failed")
    names = {name for task in failed for name in task["claims"]}
    return (one for one in (*state["claims"], *state["doubted"]) if one.fingerprint in names)


# --- what has become of a finding ---


def _demoted(shown: Iterable[Finding], course: Course, context: AgentContext) -> list[str]:
    """Of the new findings those that are much like what somebody dismissed."""
    gone = frozenset(course.gone)
    dismissed = [one.finding for one in context.known if one.state == "dismissed" and one.key not in gone]
    return [new.fingerprint for new in shown if any(is_alike(new, one) for one in dismissed)]


@dataclass
class _Tracing:
    state: ReviewState
    context: AgentContext
    _fixed: dict[str, str] = field(default_factory=dict)
    _back: dict[str, str] = field(default_factory=dict)
    _standing: list[Finding] = field(default_factory=list)
    _rewritten: list[str] = field(default_factory=list)
    _outdated: list[str] = field(default_factory=list)
    _gone: list[str] = field(default_factory=list)

    def course(self) -> Course:
        for known in self.context.known:
            self._trace(known, self.state["places"][known.key])
        return Course(
            fixed=self._fixed,
            back=self._back,
            standing=tuple(self._standing),
            rewritten=tuple(self._rewritten),
            outdated=tuple(self._outdated),
            gone=tuple(self._gone),
        )

    def _trace(self, known: Known, place: Place) -> None:
        if known.state == "dismissed":
            self._gone += [known.key] if was_closed_silently(known) and self._is_proven(known, place) else []
        elif known.state == "fixed":
            self._trace_fixed(known, place)
        else:
            self._trace_open(known, place)

    def _trace_fixed(self, known: Known, place: Place) -> None:
        there = self._seen.get(known.key) or self._come_back(known, place)
        if there is None:
            was_gone = self.context.reviewed is not None and known.key in self.context.reviewed.gone
            self._gone += [known.key] if was_gone else []
        elif self._is_shown(known.finding):
            self._back[known.key] = self._history.turn(known, place["path"], back=True)
            self._stands(known, place, there)

    def _trace_open(self, known: Known, place: Place) -> None:
        there = self._seen.get(known.key) or self._quoted(known, place)
        if there is None and not known.is_theirs and self._is_proven(known, place):
            if known.thread:
                self._fixed[known.key] = self._history.turn(known, place["path"])
        elif there or place["stands"]:
            self._stands(known, place, there or moved(known.finding, place))
        elif known.thread:
            self._outdated.append(known.key)

    def _stands(self, known: Known, place: Place, there: Finding) -> None:
        """It is there: as it is now, in the words that people have read."""
        now = there.model_copy(
            update={
                "path": stored(there.path, self.context.redactor),
                "anchor": there.anchor or known.finding.anchor,
                "rule": known.finding.rule or there.rule,
                "fingerprint": known.key,
                "suggestion": None,
                **known.finding.model_dump(include=WORDS),
            }
        )
        if self._is_shown(now):
            self._standing.append(now)
        if known.thread and self._reads_otherwise(known, place, now):
            self._rewritten.append(known.key)

    def _reads_otherwise(self, known: Known, place: Place, now: Finding) -> bool:
        """Whether what its note keeps does not tell where it is: its line, its file, or what a model has looked at."""
        was = known.finding
        has_changed = (now.path, normalised(now.anchor)) != (was.path, normalised(was.anchor))
        looked_at = known.key in self._seen or self._verdict(known)[0] == "there"
        return has_changed or (by_model(was) and looked_at and not place["as_before"])

    def _is_shown(self, finding: Finding) -> bool:
        return not severity_floor(self.context.config.review.min_severity)(finding)

    # --- what is seen of it ---

    @cached_property
    def _seen(self) -> dict[str, Finding]:
        """Known findings that were found at this head again, by key."""
        confirmed, _ = passed(self.state["claims"], [lambda claim: why_not(claim, self.state)])
        found = {one.fingerprint: one for one in (*self.state["found"], *self.state["again"], *confirmed)}
        return {one.key: found[one.key] for one in self.context.known if one.key in found}

    def _quoted(self, known: Known, place: Place) -> Finding | None:
        """The finding at the line that a model quotes for it, where it says that it is there and its own is gone."""
        said, quote = self._verdict(known)
        proof = self._head.proof(quote) if said == "there" and not place["stands"] else None
        if proof is None or proof.path != place["path"]:
            return None
        line = {"line": proof.line, "old_line": None, "anchor": proof.quote, "end_line": None}
        return moved(known.finding, place).model_copy(update=line)

    def _come_back(self, known: Known, place: Place) -> Finding | None:
        """Its very lines, or its own line with a model's word for it."""
        could = by_model(known.finding) and place["stands"] and not place["settled"]
        is_it = could and (place["as_before"] or self._verdict(known)[0] == "there")
        return moved(known.finding, place) if is_it else None

    # --- what proves that it is gone ---

    def _is_proven(self, known: Known, place: Place) -> bool:
        if known.key in self._seen:
            return False
        if not by_model(known.finding):
            return self._checked.disproves(known.finding, place)
        said, quote = self._verdict(known)
        return place["gone"] or (
            said == "gone" and (not place["stands"] or self._prevents(self._head.proof(quote), place))
        )

    def _prevents(self, proof: Proof | None, place: Place) -> bool:
        """The line itself, which is as it was, prevents nothing."""
        return proof is not None and (proof.path, proof.line) != (place["path"], place["line"])

    def _verdict(self, known: Known) -> tuple[str, QuotedLine]:
        return verdict(self.state["rechecked"].get(known.key))

    @cached_property
    def _checked(self) -> "_Checked":
        return _Checked(self.state, self.context)

    @cached_property
    def _head(self) -> Head:
        return Head(self.context)

    @cached_property
    def _history(self) -> History:
        return History(self.context)


@dataclass
class _Checked:
    """What the checks have looked at. One that counts what it does not show says nothing of what is not shown."""

    state: ReviewState
    context: AgentContext

    def disproves(self, finding: Finding, place: Place) -> bool:
        """Whether its check has looked where it would be, given that it was not found."""
        name = finding.rule.partition("/")[0]
        if not (place["stands"] or place["in_change"] or self.context.change.omitted):
            return True
        return (
            self._runs(name) and self._looks_at(name, place["path"]) and not self._caps(name, place["path"])
        )

    def _runs(self, name: str) -> bool:
        return name == APPEALS or (name in CHECKS and name not in self.state["skipped"])

    def _looks_at(self, name: str, path: str) -> bool:
        file = self._files.get(path)
        return not path or (file is not None and (name == SIZE or not file.unread))

    def _caps(self, name: str, path: str) -> bool:
        if name == APPEALS:
            return sum(one.rule.startswith(f"{APPEALS}/") for one in self.state["found"]) >= MOST_APPEALS
        return (name, path) in self._capped

    @cached_property
    def _files(self) -> Mapping[str, FileChange]:
        return {stored(file.path, self.context.redactor): file for file in watched(self.context).files}

    @cached_property
    def _capped(self) -> frozenset[tuple[str, str]]:
        rest = (one for one in self.state["found"] if one.rule.endswith(REST))
        return frozenset(
            (one.rule.partition("/")[0], stored(one.path, self.context.redactor)) for one in rest
        )
