"""How a section stands before any model is asked: what was proposed and accepted for this very text and change."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from bot.agents.pages.judging import change_of
from bot.agents.spec import LivingSection, SectionsContext, Shown
from bot.domain.change import MergeRequest
from bot.domain.pages import SectionEdit

Stage = Literal["draft", "open", "merged", "closed"]

REUSED = "reused: text and change are those that it was proposed for"
ACCEPTED = "reused: a member has accepted it"
UNTOUCHED = "the change does not touch its paths any more"
WRITTEN = "reused: the page says what was proposed"


@dataclass(frozen=True)
class Standing:
    """A section of which it is known whether it is true: `edit` None, or what puts it right.

    `why`: how that is known without asking a model. `is_written`: the page has the edits already, by our hand.
    """

    living: LivingSection
    edit: SectionEdit | None
    is_accepted: bool = False
    why: str = ""
    is_written: bool = False

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
        name = (page, one.wanted.section.casefold())
        first[name] = _joined(first[name], one) if name in first else one
    return list(first.values())


def known(living: LivingSection, context: SectionsContext) -> Standing | None:
    """None: a model has to be asked. What a member accepted is not asked about again while its base stands."""
    if not living.files:
        return Standing(living, None, why=UNTOUCHED)
    of, here = change_of(living, context), living.section.digest if living.section else ""
    every = list(_proposals(living))
    for shown, edit in every:
        if shown.is_accepted and edit.edits and edit.base == here:
            return Standing(living, edit, is_accepted=True, why=ACCEPTED)
    for shown, edit in every:
        if edit.edits and edit.result == here and (shown.is_accepted or edit.of == of):
            return _written(living, shown, edit, context)
    for _, edit in every:
        if edit.of == of and edit.base == here:
            return Standing(living, edit, why=REUSED)
    return None


def _proposals(living: LivingSection) -> Iterator[tuple[Shown, SectionEdit]]:
    """Those of this section, the newest first."""
    for one in reversed(living.shown):
        edit = one.edit
        if edit and living.page and (edit.page, edit.section) == (living.page.id, living.wanted.section):
            yield one, edit


def _written(
    living: LivingSection, shown: Shown, edit: SectionEdit, context: SectionsContext
) -> Standing | None:
    """The page has this text: because we wrote it at the merge, else by somebody's hand."""
    ours = Standing(living, edit, shown.is_accepted, WRITTEN, is_written=True)
    if stage(context.request) == "merged" and ours.is_due:
        return ours
    return Standing(living, None, why=WRITTEN) if edit.of == change_of(living, context) else None


def _joined(one: LivingSection, other: LivingSection) -> LivingSection:
    modes: Sequence[str] = (one.wanted.mode, other.wanted.mode)
    wanted = one.wanted if modes[0] == "propose" else other.wanted
    shown = {each.key: each for each in (*one.shown, *other.shown)}
    files = tuple(dict.fromkeys((*one.files, *other.files)))
    return replace(one, wanted=wanted, files=files, shown=tuple(shown.values()))
