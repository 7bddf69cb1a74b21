"""What the checks have looked at: only then does what they do not report prove anything."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from bot.agents.review.appeals import MOST as MOST_APPEALS
from bot.agents.review.checks import CHECKS
from bot.agents.review.checks.contract import PLACES_PER_FILE
from bot.agents.review.head_files import stored
from bot.agents.review.nodes import watched
from bot.agents.review.schema import Place, ReviewState
from bot.agents.review.standing import REST, is_left
from bot.agents.spec import AgentContext
from bot.domain.change import FileChange
from bot.domain.findings import Finding
from bot.domain.lifecycle import Known

APPEALS: Final = "appeals"
PYTHON: Final = "python"
NO_PYTHON: Final = "python/invalid-syntax"
SIZE: Final = "size"  # the one check that needs no line of a file


@dataclass
class Checked:
    """One that counts what it does not show says nothing of what is not shown."""

    state: ReviewState
    context: AgentContext

    def disproves(self, known: Known, place: Place) -> bool:
        """Whether its check has looked where it would be, given that it was not found."""
        name = known.finding.rule.partition("/")[0]
        if is_left(known, place) or self._is_broken(name, place["path"]):
            return False
        if not (place["stands"] or place["in_change"] or self.context.change.omitted):
            return True
        return (
            self._runs(name) and self._looks_at(name, place["path"]) and not self._caps(name, place["path"])
        )

    def has_another(self, finding: Finding, place: Place) -> bool:
        """Whether its check says the same of another line of its file, where nothing was known."""
        keys = {one.key for one in self.context.known}
        new = (one for one in self.state["found"] if one.fingerprint not in keys)
        said = (finding.rule, finding.title, place["path"])
        return any((one.rule, one.title, stored(one.path, self.context.redactor)) == said for one in new)

    def _runs(self, name: str) -> bool:
        return name == APPEALS or (name in CHECKS and name not in self.state["skipped"])

    def _looks_at(self, name: str, path: str) -> bool:
        file = self._files.get(path)
        return not path or (file is not None and (name == SIZE or not file.unread))

    def _is_broken(self, name: str, path: str) -> bool:
        """Whether the file does not parse: then of Python nothing else is looked at."""
        broken = (one for one in self.state["found"] if one.rule == NO_PYTHON)
        return name == PYTHON and any(stored(one.path, self.context.redactor) == path for one in broken)

    def _caps(self, name: str, path: str) -> bool:
        if name == APPEALS:
            return sum(one.rule.startswith(f"{APPEALS}/") for one in self.state["found"]) >= MOST_APPEALS
        return (name, path) in self._capped or self._told[name, path] >= PLACES_PER_FILE

    @cached_property
    def _files(self) -> Mapping[str, FileChange]:
        return {stored(file.path, self.context.redactor): file for file in watched(self.context).files}

    @cached_property
    def _told(self) -> Counter[tuple[str, str]]:
        """How many findings of a check there are in a file."""
        redactor = self.context.redactor
        return Counter(
            (one.rule.partition("/")[0], stored(one.path, redactor)) for one in self.state["found"]
        )

    @cached_property
    def _capped(self) -> frozenset[tuple[str, str]]:
        rest = (one for one in self.state["found"] if one.rule.endswith(REST))
        return frozenset(
            (one.rule.partition("/")[0], stored(one.path, self.context.redactor)) for one in rest
        )
