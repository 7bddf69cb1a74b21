"""What a reviewer knows besides the diff: why the change is made, and what this repository expects of it."""

from dataclasses import dataclass

from bot.domain.criteria import Criterion
from bot.domain.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit of a merge request: full SHA, whole message, author's name. All of it is untrusted text."""

    sha: str
    message: str
    author: str = ""


@dataclass(frozen=True, slots=True)
class LinkedIssue:
    """What an issue asks for, as untrusted plain text. `key` is like "SHOP-12".

    Only of issues whose texts may be told in the merge request: see `bot.domain.flow`.
    """

    key: str
    title: str
    description: str
    url: str = ""
    criteria: tuple[Criterion, ...] = ()


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction of the repository. `paths` are patterns as in .gitignore; `source` is the file it stands in."""

    text: str
    source: str
    paths: tuple[str, ...] = ("**",)


@dataclass(frozen=True, slots=True)
class Background:
    """Everything besides the diff. Instructions come from the target branch; the rest is untrusted text.

    `ledger`: the one our last summary on this merge request shows, None where there is none. `issues_unread`: they
    could not be read now, so that none in `issues` does not mean there are none.
    """

    instructions: tuple[Instruction, ...] = ()
    commits: tuple[Commit, ...] = ()
    issues: tuple[LinkedIssue, ...] = ()
    issues_unread: bool = False
    ledger: Ledger | None = None
