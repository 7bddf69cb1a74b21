"""What the keeping of pages is worth: what was said of a section against what the change made of it.

A page that is changed without need does as much harm as one that stays wrong: people stop reading proposals. Both are
counted, by changes and by blocks, and so is whether a new text says what is true and leaves the rest alone.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Literal, get_args

from bot.domain.pages import SectionEdit
from bot.evaluation.drift_cases import DriftCase, Truth, Wrong
from bot.evaluation.drift_texts import Remark, has, lines, missing, remarks, text_after
from bot.evaluation.score import Cost, PerChange, share

TRUTHS: Final[tuple[Truth, ...]] = get_args(Truth)

Verdict = Literal["found", "partly", "missed", "silent", "false alarm"]


@dataclass(frozen=True)
class Held:
    """One wrong block against what was said of it. `said` empty: nothing. `right`: how it may read."""

    wrong: Wrong
    said: tuple[Remark, ...]
    text: str
    right: str
    before: str

    @property
    def is_found(self) -> bool:
        return bool(self.said)

    @property
    def is_by_hand(self) -> bool:
        return any(one.block is None for one in self.said)

    @property
    def missing(self) -> list[str]:
        """What the new text should have, and has not. A person who is told may find it in the reason as well."""
        reasons = " ".join(one.why for one in self.said) if self.is_by_hand else ""
        return missing(self.wrong.has, f"{self.text} {reasons}")

    @property
    def left(self) -> list[str]:
        """What should be gone, and is not."""
        return [words for words in self.wrong.gone if has(self.text, words)]

    @property
    def is_right(self) -> bool:
        return self.is_found and not self.missing and not self.left

    @property
    def to_keep(self) -> list[str]:
        """Lines of the block that have no cause to change, where it was rewritten."""
        is_rewritten = any(one.how == "replace" for one in self.said)
        right = lines(self.right)
        return [line for line in lines(self.before) if line in right] if is_rewritten else []

    @property
    def lost(self) -> list[str]:
        """Those of them that did change."""
        kept = lines(self.text)
        return [line for line in self.to_keep if line not in kept]


@dataclass(frozen=True)
class Drifted:
    """What was proposed for the page of one case, None for nothing. `dropped`: what the agent's gates kept back."""

    case: DriftCase
    edit: SectionEdit | None
    dropped: tuple[str, ...] = ()
    cost: Cost = field(default_factory=Cost)
    model: str = ""

    @cached_property
    def said(self) -> list[Remark]:
        return remarks(self.edit)

    @cached_property
    def held(self) -> list[Held]:
        """Every wrong block of the case."""
        pairs = zip(self.case.story.wrong, self._told, strict=True)
        return [self._held(wrong, said) for wrong, said in pairs]

    @cached_property
    def false(self) -> list[Remark]:
        """What is said of blocks that are true, as far as the case does not tolerate it."""
        taken = {id(one) for some in self._told for one in some}
        tolerated = {self.case.place(quote) for quote in self.case.story.tolerated}
        return [one for one in self.said if id(one) not in taken and one.block not in tolerated]

    @property
    def verdict(self) -> Verdict:
        if self.case.story.truth != "drift":
            return "false alarm" if self.false else "silent"
        found = sum(one.is_found for one in self.held)
        return "missed" if not found else "found" if found == len(self.held) else "partly"

    @property
    def is_right(self) -> bool:
        """Whether all that is wrong is put right, and nothing else is said."""
        return not self.false and all(one.is_right for one in self.held)

    @cached_property
    def _told(self) -> list[tuple[Remark, ...]]:
        """What is said of each wrong block; of what is to be put right by hand nobody is told the place."""
        left = [one for one in self.said if one.block is None]
        return [self._of(wrong, left) for wrong in self.case.story.wrong]

    def _of(self, wrong: Wrong, left: list[Remark]) -> tuple[Remark, ...]:
        if self.case.is_by_hand(wrong):
            return _by_hand(wrong, left)
        here = self.case.place(wrong.quote)
        return tuple(one for one in self.said if one.block == here or _holds(one, wrong))

    def _held(self, wrong: Wrong, said: tuple[Remark, ...]) -> Held:
        before, right = self._before(wrong), self.case.right_text(wrong)
        here = self.case.place(wrong.quote)
        text = said[0].text if said and said[0].block is None else text_after(self.case.section, here, said)
        return Held(wrong, said, text if said else "", right, before)

    def _before(self, wrong: Wrong) -> str:
        return self.case.section.blocks[self.case.place(wrong.quote)].markdown


def _by_hand(wrong: Wrong, left: list[Remark]) -> tuple[Remark, ...]:
    """The remark that has its words, else the next one. Each is about one block, so it is taken out of those left."""
    if not left:
        return ()
    fitting = (one for one in left if not missing(wrong.has, f"{one.text} {one.why}"))
    found = next(fitting, left[0])
    left.remove(found)
    return (found,)


def _holds(one: Remark, wrong: Wrong) -> bool:
    """Whether it inserts, wherever, what is missing here."""
    return one.how == "insert" == wrong.how and not missing(wrong.has, one.text)


# --- figures ---


@dataclass(frozen=True)
class DriftScore(PerChange):
    """The figures of one or more results, as counts of changes, of blocks, of new texts and of their lines.

    `seen` are the changes that make a page wrong of which anything was found, `silent` the others on which nothing was
    said. `right`: new texts that say what is true. `kept`: lines that stayed, of those that had no cause to change.
    """

    right_changes: int
    drifts: int
    seen: int
    quiet: int
    silent: int
    wrong: int
    found: int
    false: int
    right: int
    to_keep: int
    kept: int

    @property
    def right_changes_share(self) -> float | None:
        """The share of the changes on which all is put right, and nothing else said."""
        return share(self.right_changes, self.changes)

    @property
    def seen_share(self) -> float | None:
        return share(self.seen, self.drifts)

    @property
    def silence(self) -> float | None:
        return share(self.silent, self.quiet)

    @property
    def recall(self) -> float | None:
        """The share of the wrong blocks that are found."""
        return share(self.found, self.wrong)

    @property
    def told(self) -> int:
        return self.found + self.false

    @property
    def precision(self) -> float | None:
        """The share of what is said that is about a wrong block. None: nothing was said."""
        return share(self.found, self.told)

    @property
    def right_share(self) -> float | None:
        return share(self.right, self.found)

    @property
    def kept_share(self) -> float | None:
        return share(self.kept, self.to_keep)


@dataclass(frozen=True)
class Group:
    """The changes that have something in common: how many, how many of them right, how many false alarms."""

    name: str
    changes: int
    right: int
    false: int


def drift_score(results: Iterable[Drifted]) -> DriftScore:
    every = list(results)
    drifts = [one for one in every if one.case.story.truth == "drift"]
    quiet = [one for one in every if one.case.story.truth != "drift"]
    held = [held for one in every for held in one.held]
    to_keep = sum(len(one.to_keep) for one in held)
    return DriftScore(
        changes=len(every),
        right_changes=sum(one.is_right for one in every),
        drifts=len(drifts),
        seen=sum(one.verdict != "missed" for one in drifts),
        quiet=len(quiet),
        silent=sum(one.verdict == "silent" for one in quiet),
        wrong=len(held),
        found=sum(one.is_found for one in held),
        false=sum(len(one.false) for one in every),
        right=sum(one.is_right for one in held),
        to_keep=to_keep,
        kept=to_keep - sum(len(one.lost) for one in held),
        cost=sum((one.cost for one in every), Cost()),
    )


def by_truth(results: Iterable[Drifted]) -> list[Group]:
    return _groups(results, lambda one: one.case.story.truth)


def by_page(results: Iterable[Drifted]) -> list[Group]:
    """By the kind of page."""
    return _groups(results, lambda one: one.case.story.kind)


def by_drift_trap(results: Iterable[Drifted]) -> list[Group]:
    """Only the changes that look otherwise than they are."""
    return _groups(results, lambda one: one.case.story.trap)


def drifts_by_language(results: Iterable[Drifted]) -> list[Group]:
    return _groups(results, lambda one: one.case.story.language)


def _groups(results: Iterable[Drifted], name_of: Callable[[Drifted], str]) -> list[Group]:
    """Those that most often went wrong first."""
    every = list(results)
    names = sorted({name_of(one) for one in every if name_of(one)})
    groups = [_group(name, [one for one in every if name_of(one) == name]) for name in names]
    return sorted(groups, key=lambda group: group.right / group.changes)


def _group(name: str, some: list[Drifted]) -> Group:
    right, false = sum(one.is_right for one in some), sum(len(one.false) for one in some)
    return Group(name, len(some), right, false)
