"""How a section stands before any model is asked: what was proposed and accepted for this very text and change."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from bot.agents.pages.judging import change_of
from bot.agents.pages.keys import is_about
from bot.agents.spec import LivingSection, SectionsContext, Shown
from bot.domain.change import MergeRequest
from bot.domain.pages import SectionEdit, slug

Stage = Literal["draft", "open", "merged", "closed"]

REUSED = "reused: text and change are those that it was proposed for"
ACCEPTED = "reused: a member has accepted it"
UNTOUCHED = "the change does not touch its paths any more"
WRITTEN = "reused: the page says what was proposed"
OVERTAKEN = "overtaken: what was accepted was proposed for other code than was merged"


@dataclass(frozen=True)
class Standing:
    """A section of which it is known whether it is true: `edit` None, or what puts it right.

    `why`: how that is known without asking a model. `is_written`: the page has the edits already, by our hand.
    `overtaken`: a note whose text a member accepted for these very words, and which nobody calls right for the code as
    it was merged. `is_judged` False: nobody held the section against that code.
    """

    living: LivingSection
    edit: SectionEdit | None
    is_accepted: bool = False
    why: str = ""
    is_written: bool = False
    overtaken: Shown | None = None
    is_judged: bool = True

    @property
    def is_unasked(self) -> bool:
        """Whether it may be written without a member's yes: over our own text, or where there is none yet."""
        living = self.living
        return living.wanted.mode == "auto" and (living.is_ours or living.section is None)

    @property
    def is_due(self) -> bool:
        """Whether it is written at the merge."""
        may = self.is_accepted or self.is_unasked
        return may and self.edit is not None and bool(self.edit.edits)


def stage(request: MergeRequest) -> Stage:
    """GitLab's "locked" is one that is being merged: its merge is told when it is done."""
    match request.state:
        case "merged" | "closed" as over:
            return over
        case _:
            return "draft" if request.draft else "open"


def each_once(sections: Iterable[LivingSection]) -> list[LivingSection]:
    """A section that several entries of `.trivet.yml` name is one, with the files of all, and asked for if one asks."""
    first: dict[tuple[str, str], LivingSection] = {}
    for one in sections:
        page = one.page.id if one.page else f"{one.wanted.space}:{one.wanted.page}"
        name = (page, slug(one.wanted.section))
        first[name] = _joined(first[name], one) if name in first else one
    return list(first.values())


def known(living: LivingSection, context: SectionsContext) -> Standing | None:
    """None: a model has to be asked.

    While the merge request is open, what a member accepted is not asked about again as long as its base stands. What is
    written has to be right for the code that was merged: then a text that was worked out from another change counts
    for nothing.
    """
    if not living.files:
        return Standing(living, None, why=UNTOUCHED)
    accepted = _accepted(living)
    if accepted and accepted.edit and stage(context.request) != "merged":
        return Standing(living, accepted.edit, is_accepted=True, why=ACCEPTED)
    of, here = change_of(living, context), _digest(living)
    every = [(shown, edit) for shown, edit in _proposals(living) if edit.of == of and edit.is_whole]
    for shown, edit in sorted(every, key=lambda one: not one[0].is_accepted):
        if edit.base == here:
            return Standing(living, edit, shown.is_accepted, ACCEPTED if shown.is_accepted else REUSED)
        if edit.edits and edit.result == here:
            return _written(living, shown, edit, context)
    return None


def settled(living: LivingSection, edit: SectionEdit | None, context: SectionsContext) -> Standing:
    """How it stands once a model has judged it. A text that is proposed already stays the one that was accepted."""
    if edit is None:
        return Standing(living, None)
    for shown, there in _proposals(living):
        if there.edits and (there.base, there.result) == (edit.base, edit.result):
            same = there.model_copy(update={"of": edit.of, "reasons": edit.reasons})
            return Standing(living, same, shown.is_accepted)
    return Standing(living, edit, overtaken=_accepted(living))


def unjudged(living: LivingSection, context: SectionsContext) -> Standing | None:
    """How it stands where no model says anything: None where nothing depends on that."""
    accepted = _accepted(living) if stage(context.request) == "merged" else None
    return Standing(living, None, why=OVERTAKEN, overtaken=accepted, is_judged=False) if accepted else None


def _digest(living: LivingSection) -> str:
    return living.section.digest if living.section else ""


def _accepted(living: LivingSection) -> Shown | None:
    """The newest note whose text a member accepted for what stands on the page."""
    here = _digest(living)
    return next(
        (one for one, edit in _proposals(living) if one.is_accepted and edit.edits and edit.base == here),
        None,
    )


def _proposals(living: LivingSection) -> Iterator[tuple[Shown, SectionEdit]]:
    """Those of this section, the newest first."""
    for one in reversed(living.shown):
        if one.edit and living.page and one.edit.page == living.page.id and is_about(one.key, living):
            yield one, one.edit


def _written(living: LivingSection, shown: Shown, edit: SectionEdit, context: SectionsContext) -> Standing:
    """The page has this text: because we wrote it at the merge, else by somebody's hand."""
    ours = Standing(living, edit, shown.is_accepted, WRITTEN, is_written=True)
    if stage(context.request) == "merged" and ours.is_due:
        return ours
    return Standing(living, None, why=WRITTEN)


def _joined(one: LivingSection, other: LivingSection) -> LivingSection:
    modes: Sequence[str] = (one.wanted.mode, other.wanted.mode)
    wanted = one.wanted if modes[0] == "propose" else other.wanted
    shown = {each.key: each for each in (*one.shown, *other.shown)}
    files = tuple(dict.fromkeys((*one.files, *other.files)))
    return replace(one, wanted=wanted, files=files, shown=tuple(shown.values()))
