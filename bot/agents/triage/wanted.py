"""What a run has to do: what the rules say that an event started, or what one comment asks for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast, get_args

from bot.agents.spec import TriageContext
from bot.domain.issues import IssueComment, memory_of
from bot.domain.rules import BRANCH, TITLE, Doing, JiraRule

COMMANDS: Final[tuple[Doing, ...]] = get_args(Doing)
FIELDS: Final[frozenset[Doing]] = frozenset({"labels", "component", "priority"})
WORK: Final[frozenset[Doing]] = frozenset({"branch", "draft_merge_request"})
OF_THE_MODEL: Final = frozenset(COMMANDS) - WORK
HELP: Final = "help"


@dataclass(frozen=True, slots=True)
class Wanted:
    """`parts` in the rules' order. `written`: those that go to the issue's fields."""

    parts: tuple[Doing, ...] = ()
    written: frozenset[Doing] = frozenset()


@dataclass(frozen=True, slots=True)
class Naming:
    """Templates of the work's names; `target` "" for the branch that work begins on."""

    branch: str = BRANCH
    title: str = TITLE
    target: str = ""


def wanted(context: TriageContext) -> Wanted:
    """A draft merge request wants its branch, too. What is commanded is written, what a rule does where it says so."""
    if context.asked is not None:
        parts = tuple(one for one in COMMANDS if one == context.asked.name)
        return Wanted(_with_branch(parts), frozenset(parts) & FIELDS)
    parts = tuple(dict.fromkeys(part for rule in context.rules for part in rule.do))
    written = {cast("Doing", field) for rule in context.rules for field in rule.fields}
    return Wanted(_with_branch(parts), frozenset(written))


def naming(rules: Sequence[JiraRule]) -> Naming:
    """By the first rule that begins work."""
    rule = next((rule for rule in rules if WORK & set(rule.do)), None)
    return Naming(rule.branch, rule.title, rule.target_branch or "") if rule else Naming()


def is_question(context: TriageContext) -> bool:
    return context.asked is not None and context.asked.name == ""


def answer_key(context: TriageContext) -> str:
    """The key of our answer to the comment that asks."""
    return f"answer:{context.asked.comment}" if context.asked else ""


def is_answered(context: TriageContext) -> bool:
    """Whether a comment of ours answers already the one that asks."""
    key = answer_key(context)
    return bool(key) and memory_of(context.comments, key, context.mine) is not None


def asking_comment(context: TriageContext) -> IssueComment | None:
    wanted_id = context.asked.comment if context.asked else ""
    return next((one for one in context.comments if one.id == wanted_id), None)


def _with_branch(parts: tuple[Doing, ...]) -> tuple[Doing, ...]:
    if "draft_merge_request" not in parts or "branch" in parts:
        return parts
    return tuple(one for part in parts for one in (("branch", part) if part in WORK else (part,)))
