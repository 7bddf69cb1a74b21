"""What has become of the findings of earlier reviews at this head.

A finding is called fixed with proof only: the check that found it ran and does not find it, or its line has changed and
a model says, with a line that is there, that the defect is gone.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from langgraph.runtime import Runtime

from bot.agents.review.checked import Checked
from bot.agents.review.commits import History
from bot.agents.review.gates import passed, severity_floor
from bot.agents.review.head_files import stored
from bot.agents.review.instead import instead, last_line, lines_at_head, lines_before
from bot.agents.review.ledger_proof import Head
from bot.agents.review.nodes import why_not
from bot.agents.review.quotes import Lines
from bot.agents.review.recheck import verdict, was_closed_silently
from bot.agents.review.schema import Place, QuotedLine, ReviewState
from bot.agents.review.standing import is_left, lost, lost_at, moved
from bot.agents.spec import AgentContext
from bot.domain.findings import Finding, normalised
from bot.domain.identity import is_alike, titles_alike
from bot.domain.ledger import Proof
from bot.domain.lifecycle import Course, Known, around
from bot.domain.markdown import by_model

NEAR_BY: Final = 20  # lines between a finding and what prevents it, where nobody knows what was there before
WORDS: Final = {"severity", "title", "detail", "evidence"}

Update = dict[str, Any]


async def trace(state: ReviewState, runtime: Runtime[AgentContext]) -> Update:
    """Follow every earlier finding to this head. Raises Unavailable."""
    context = runtime.context
    tracing = _Tracing(state, context)
    course = tracing.course()
    new = [one for one in state["shown"] if one.fingerprint not in tracing.itself]
    return {
        "course": course,
        "looked_at": tracing.looked_at,
        "shown": new,
        "demoted": _demoted(new, course, context),
    }


def _demoted(shown: Iterable[Finding], course: Course, context: AgentContext) -> list[str]:
    """Of the new findings those that are much like what somebody dismissed."""
    gone = frozenset(course.gone)
    dismissed = [one.finding for one in context.known if one.state == "dismissed" and one.key not in gone]
    return [new.fingerprint for new in shown if any(is_alike(new, one) for one in dismissed)]


@dataclass
class _Tracing:
    """`looked_at`: by key what is around the places of findings that do not stand, where a model could not tell."""

    state: ReviewState
    context: AgentContext
    looked_at: dict[str, str] = field(default_factory=dict)
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
            self._trace_dismissed(known, place)
        elif known.state == "fixed":
            self._trace_fixed(known, place)
        else:
            self._trace_open(known, place)

    def _trace_dismissed(self, known: Known, place: Place) -> None:
        if not was_closed_silently(known):
            return
        if self._is_proven(known, place) and not self._checked.has_another(known.finding, place):
            self._gone.append(known.key)
        self._keep_doubt(known, place)

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
        elif there or (place["stands"] and not is_left(known, place)):
            self._stands(known, place, there or moved(known.finding, place))
        elif known.thread:
            self._outdated.append(known.key)
            self._keep_doubt(known, place)

    def _keep_doubt(self, known: Known, place: Place) -> None:
        """A model that left it open is not asked again about the same lines."""
        if not (known.thread and known.finding.line and self._left_open(known)):
            return
        head, line = lines_at_head(self.context, place["path"]), place["line"]
        if place["stands"]:
            digest = around(head.shown, line) if line else ""
        else:
            here = self._instead(known, place["path"], head)
            digest = lost(head.shown, here) if here else ""
        if digest:
            self.looked_at[known.key] = digest

    def _instead(self, known: Known, path: str, head: Lines) -> int | None:
        before, last_seen = lines_before(self.context, path), known.finding.line or 1
        was_at = last_line(known.finding, before) or lost_at(before.shown, known.around, last_seen)
        return instead(was_at, before, head) if was_at else None

    def _stands(self, known: Known, place: Place, there: Finding) -> None:
        """It is there: as it is now, in the words that people have read; which other lines a check means may change."""
        words = WORDS if by_model(known.finding) else WORDS - {"detail"}
        now = there.model_copy(
            update={
                "path": stored(there.path, self.context.redactor),
                "anchor": there.anchor or known.finding.anchor,
                "rule": known.finding.rule or there.rule,
                "fingerprint": known.key,
                "suggestion": None,
                **known.finding.model_dump(include=words),
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
        looked_at = known.key in self._seen or self._left_open(known)
        return has_changed or (by_model(was) and looked_at and not place["as_before"])

    def _is_shown(self, finding: Finding) -> bool:
        return not severity_floor(self.context.config.review.min_severity)(finding)

    def _left_open(self, known: Known) -> bool:
        return known.key in self.state["rechecked"] and self._verdict(known)[0] != "gone"

    # --- what is seen of it ---

    @cached_property
    def itself(self) -> dict[str, str]:
        """Confirmed claims that are a known finding whose line is gone, by fingerprint, with its key."""
        heirs, known = self.state["heirs"], {one.key: one for one in self.context.known}
        named = (
            (claim, known[heirs[claim.fingerprint]])
            for claim in self._confirmed
            if claim.fingerprint in heirs
        )
        return {claim.fingerprint: one.key for claim, one in named if self._is_itself(one, claim)}

    @cached_property
    def _seen(self) -> dict[str, Finding]:
        """Known findings that were found at this head again, by key."""
        all_found = (*self.state["found"], *self.state["again"], *self._confirmed)
        found = {self.itself.get(one.fingerprint, one.fingerprint): one for one in all_found}
        return {one.key: found[one.key] for one in self.context.known if one.key in found}

    @cached_property
    def _confirmed(self) -> list[Finding]:
        return passed(self.state["claims"], [lambda claim: why_not(claim, self.state)])[0]

    def _is_itself(self, known: Known, claim: Finding) -> bool:
        """Not where its own defect is gone, nor where the claim is graver: people judged the milder one.

        Else its title is alike, or a model, asked whether it is still there, says so and shows no other line.
        """
        place = self.state["places"][known.key]
        if not known.finding.severity.at_least(claim.severity) or self._is_gone(known, place):
            return False
        said, quote = self._verdict(known)
        proof = self._head.proof(quote) if said == "there" else None
        is_there = said == "there" and (proof is None or proof.line == claim.line)
        return is_there or titles_alike(known.finding.title, claim.title)

    def _quoted(self, known: Known, place: Place) -> Finding | None:
        """The finding at the line that a model quotes for it, where it says that it is there and its own is gone."""
        said, quote = self._verdict(known)
        proof = self._head.proof(quote) if said == "there" and not place["stands"] else None
        if proof is None or proof.path != place["path"] or self._is_anothers(known, proof.line):
            return None
        line = {"line": proof.line, "old_line": None, "anchor": proof.quote, "end_line": None}
        return moved(known.finding, place).model_copy(update=line)

    def _is_anothers(self, known: Known, line: int) -> bool:
        """Whether a new finding, which may be this one but is graver, stands on that line already."""
        new = (one for one in self._confirmed if self.state["heirs"].get(one.fingerprint) == known.key)
        return any(one.line == line for one in new)

    def _come_back(self, known: Known, place: Place) -> Finding | None:
        """Its very lines, or its own line with a model's word for it."""
        could = by_model(known.finding) and place["stands"] and not place["settled"]
        is_it = could and (place["as_before"] or self._verdict(known)[0] == "there")
        return moved(known.finding, place) if is_it else None

    # --- what proves that it is gone ---

    def _is_proven(self, known: Known, place: Place) -> bool:
        return known.key not in self._seen and self._is_gone(known, place)

    def _is_gone(self, known: Known, place: Place) -> bool:
        """Given that it was not found."""
        if not by_model(known.finding):
            return self._checked.disproves(known, place)
        said, quote = self._verdict(known)
        return place["gone"] or (
            said == "gone" and (not place["stands"] or self._prevents(self._head.proof(quote), place))
        )

    def _prevents(self, proof: Proof | None, place: Place) -> bool:
        """What was there all along prevents nothing: a line of the same file that came since the last review may."""
        line = place["line"] or place["old_line"] or 0
        if proof is None or proof.path != place["path"] or proof.line == line:
            return False
        before = self.context.reviewed.head if self.context.reviewed else ""
        was_there = self._history.had_line(before, proof.path, proof.quote)
        return abs(proof.line - line) <= NEAR_BY if was_there is None else not was_there

    def _verdict(self, known: Known) -> tuple[str, QuotedLine]:
        return verdict(self.state["rechecked"].get(known.key))

    @cached_property
    def _checked(self) -> Checked:
        return Checked(self.state, self.context)

    @cached_property
    def _head(self) -> Head:
        return Head(self.context)

    @cached_property
    def _history(self) -> History:
        return History(self.context)
