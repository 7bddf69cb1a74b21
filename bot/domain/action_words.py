"""What an action would do, in words for a person who tries a run without writing."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from bot.domain.actions import (
    Action,
    CommentIssue,
    EditIssue,
    LinkIssue,
    MoveIssue,
    OpenBranch,
    OpenMergeRequest,
    SetCommitStatus,
)
from bot.domain.document import BulletList, Code, Document, Heading, Inlines, NumberedList, Table, lines_of

BULLET: Final = "- "


def described(action: Action) -> str:
    """A line, and for a text the text below it; "" for what a review writes, which its report shows anyway."""
    words = WORDS.get(type(action))
    return words(action) if words else ""


def plain(document: Document) -> str:
    """A document as plain text, blocks apart by a blank line."""
    return "\n\n".join(_block(block) for block in document.blocks)


def _block(block: Any) -> str:
    match block:
        case Heading():
            return f"{'#' * block.level} {_line(block.content)}"
        case Code():
            return block.text
        case BulletList():
            return "\n".join(f"{BULLET}{_line(item)}" for item in block.items)
        case NumberedList():
            return "\n".join(f"{nth}. {_line(item)}" for nth, item in enumerate(block.items, 1))
        case Table():
            return "\n".join(" | ".join(map(_line, row)) for row in (block.header, *block.rows))
        case _:
            return "\n".join(map(_line, lines_of(block)))


def _line(content: Inlines) -> str:
    return "".join(one.text for one in content)


def _link(action: LinkIssue) -> str:
    return f"link {action.issue} to {action.title or 'the merge request that is made'}"


def _comment(action: CommentIssue) -> str:
    how = "" if action.create else ", where that comment is there already"
    seen = f", for the role {action.visibility} only" if action.visibility else ""
    return f"comment on {action.issue}{seen}{how}:\n{plain(action.body)}"


def _move(action: MoveIssue) -> str:
    return f"move {action.issue} to {action.to}"


def _edit(action: EditIssue) -> str:
    parts = {
        "labels": ", ".join(action.labels),
        "components": ", ".join(action.components),
        "priority": action.priority,
    }
    said = "; ".join(f"{name} {value}" for name, value in parts.items() if value)
    return f"set on {action.issue}: {said}"


def _status(action: SetCommitStatus) -> str:
    return f"set the commit status {action.name} to {action.state}: {action.description}"


def _branch(action: OpenBranch) -> str:
    return f"make the branch {action.name} from {action.ref}"


def _merge_request(action: OpenMergeRequest) -> str:
    return f"open the draft merge request {action.title}, from {action.branch} into {action.target}"


WORDS: Final[Mapping[type, Callable[[Any], str]]] = {
    LinkIssue: _link,
    CommentIssue: _comment,
    MoveIssue: _move,
    EditIssue: _edit,
    SetCommitStatus: _status,
    OpenBranch: _branch,
    OpenMergeRequest: _merge_request,
}
