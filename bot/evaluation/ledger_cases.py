"""The changes whose acceptance criteria are known to be met or not: `ledger/<slug>/`, stored as those of the reviews.

Each case has an issue as it would be read from Jira. Its criteria are found by the same code as everywhere, and have to
be exactly those that the case judges.
"""

from collections.abc import Collection
from dataclasses import dataclass
from importlib.resources.abc import Traversable

from bot.domain.background import LinkedIssue
from bot.domain.criteria import Criterion, criteria
from bot.domain.ledger import State
from bot.evaluation.cases import Change, Data, Told, folders, named, read_story, trees

DIFFERENT = "{slug}: the issue's criteria are {found}, the case judges {judged}"


class Shown(Data):
    """A line at head that shows something, counted from 1."""

    path: str
    line: int


class Truth(Data):
    """What one criterion has come to, and why.

    `also` are states that can be defended as well, where the code does some of it wrongly. `trap` names what makes it
    look otherwise, "" where nothing does. `proof`: lines that show it; a proof in any of their files will do.
    """

    text: str
    state: State
    also: tuple[State, ...] = ()
    trap: str = ""
    proof: tuple[Shown, ...] = ()
    why: str

    def is_right(self, said: State) -> bool:
        return said == self.state or said in self.also


class Outside(Data):
    """Something in the change that the issue does not ask for; it may be told by any of these changed files."""

    about: str
    paths: tuple[str, ...]


class Asked(Data):
    """An issue as read. `fields` are texts of fields that hold nothing but criteria."""

    key: str
    title: str
    description: str
    fields: tuple[str, ...] = ()


class LedgerStory(Told):
    """`form` says how the issue writes its criteria. `tolerated` files may be told as outside, and need not be."""

    form: str
    issue: Asked
    criteria: tuple[Truth, ...]
    outside: tuple[Outside, ...] = ()
    tolerated: tuple[str, ...] = ()


@dataclass(frozen=True)
class LedgerCase(Change):
    """A change, and what the criteria of its issue have come to. `truths`: by the criteria's ids."""

    story: LedgerStory
    criteria: tuple[Criterion, ...]

    @property
    def issue(self) -> LinkedIssue:
        asked = self.story.issue
        return LinkedIssue(asked.key, asked.title, asked.description, criteria=self.criteria)

    @property
    def truths(self) -> dict[str, Truth]:
        ids = (one.id for one in self.criteria)
        return dict(zip(ids, self.story.criteria, strict=True))


def ledger_cases() -> list[LedgerCase]:
    """The whole set, by slug. Raises ValueError where an issue's criteria are not those that its case judges."""
    return [_case(folder) for folder in folders("ledger")]


def chosen_ledgers(slugs: Collection[str]) -> list[LedgerCase]:
    """These cases, all of them where none is named. Raises UsageError for one that does not exist."""
    return named(ledger_cases(), slugs)


def _case(folder: Traversable) -> LedgerCase:
    story = LedgerStory.model_validate(read_story(folder))
    before, after = trees(folder, story.deleted)
    return LedgerCase(folder.name, story, before, after, _criteria(folder.name, story))


def _criteria(slug: str, story: LedgerStory) -> tuple[Criterion, ...]:
    found = criteria(story.issue.key, story.issue.description, story.issue.fields)
    texts, judged = [one.text for one in found], [one.text for one in story.criteria]
    if texts != judged:
        raise ValueError(DIFFERENT.format(slug=slug, found=texts, judged=judged))
    return found
