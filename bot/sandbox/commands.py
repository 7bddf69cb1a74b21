"""What quick actions do once they are found: every one is put on record, the harmful ones are carried out."""

import re
from collections.abc import Callable
from typing import Any

from bot.sandbox import changes
from bot.sandbox.model import Access, MergeRequest, State, User
from bot.sandbox.quick_actions import Command
from bot.sandbox.refusals import Refusal

Json = dict[str, Any]
Effect = Callable[[State, MergeRequest, User, str], None]

NAMES = re.compile(r'[~@]?(?:"([^"]+)"|([^\s,]+))')


def perform(
    state: State, request: MergeRequest, actor: User, commands: list[Command], note: int | None
) -> None:
    """Runs the commands of one text with its author's rights. `note`: the note they stood in, if it was kept."""
    for command in commands:
        record = {
            "command": command.name,
            "arguments": command.argument,
            "user": actor.username,
            "note": note,
            "project": request.project.path,
            "merge_request": request.iid,
            "done": _run(state, request, actor, command),
        }
        state.seen.executed.append(record)
    state.touch()


def _run(state: State, request: MergeRequest, actor: User, command: Command) -> bool:
    """Whether it had its effect: GitLab passes over what the author may not do."""
    effect = EFFECTS.get(command.name)
    if effect is None or not changes.may(request, actor):
        return False
    try:
        effect(state, request, actor, command.argument)
    except Refusal:
        return False
    return True


def _approve(state: State, request: MergeRequest, actor: User, argument: str) -> None:
    changes.approve(state, request, actor)


def _unapprove(state: State, request: MergeRequest, actor: User, argument: str) -> None:
    request.approved_by = [one for one in request.approved_by if one is not actor]


def _merge(state: State, request: MergeRequest, actor: User, argument: str) -> None:
    if request.project.access(actor) < Access.DEVELOPER:
        raise Refusal(403, {"message": "403 Forbidden"})
    changes.merge(state, request, actor)


def _close(state: State, request: MergeRequest, actor: User, argument: str) -> None:
    changes.close(state, request, actor)


def _reopen(state: State, request: MergeRequest, actor: User, argument: str) -> None:
    changes.reopen(state, request, actor)


def _title(state: State, request: MergeRequest, actor: User, argument: str) -> None:
    if argument:
        changes.edit(state, request, actor, title=argument)


def _target_branch(state: State, request: MergeRequest, actor: User, argument: str) -> None:
    if request.project.repository.branch(argument):
        changes.edit(state, request, actor, target_branch=argument)


def _draft(state: State, request: MergeRequest, actor: User, argument: str) -> None:
    changes.mark_draft(state, request, actor, not request.draft)


def _ready(state: State, request: MergeRequest, actor: User, argument: str) -> None:
    changes.mark_draft(state, request, actor, False)


def _label(state: State, request: MergeRequest, actor: User, argument: str) -> None:
    changes.edit(state, request, actor, labels=list(dict.fromkeys(request.labels + _names(argument))))


def _relabel(state: State, request: MergeRequest, actor: User, argument: str) -> None:
    changes.edit(state, request, actor, labels=_names(argument))


def _unlabel(state: State, request: MergeRequest, actor: User, argument: str) -> None:
    gone = _names(argument) or request.labels
    changes.edit(state, request, actor, labels=[label for label in request.labels if label not in gone])


def _assign(state: State, request: MergeRequest, actor: User, argument: str) -> None:
    people = [person for name in _names(argument) if (person := state.user(name))]
    changes.edit(
        state, request, actor, assignees=list({one.id: one for one in request.assignees + people}.values())
    )


def _unassign(state: State, request: MergeRequest, actor: User, argument: str) -> None:
    changes.edit(state, request, actor, assignees=[])


def _ask_for_review(state: State, request: MergeRequest, actor: User, argument: str) -> None:
    people = [person for name in _names(argument) if (person := state.user(name))]
    changes.ask_for_review(state, request, actor, people)


def _names(argument: str) -> list[str]:
    """`~bug ~"good first"`, `@ada @grace` -> the names."""
    return [quoted or bare.lstrip("~@") for quoted, bare in NAMES.findall(argument)]


EFFECTS: dict[str, Effect] = {
    "approve": _approve,
    "unapprove": _unapprove,
    "merge": _merge,
    "close": _close,
    "reopen": _reopen,
    "title": _title,
    "target_branch": _target_branch,
    "draft": _draft,
    "ready": _ready,
    "label": _label,
    "labels": _label,
    "relabel": _relabel,
    "unlabel": _unlabel,
    "remove_label": _unlabel,
    "assign": _assign,
    "reassign": _assign,
    "unassign": _unassign,
    "request_review": _ask_for_review,
    "assign_reviewer": _ask_for_review,
}
