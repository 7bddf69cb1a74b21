"""What an action would do, in words for a person who tries a run without writing."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from bot.domain.actions import (
    Action,
    CommentIssue,
    CommentPage,
    EditIssue,
    LinkIssue,
    MoveIssue,
    OpenBranch,
    OpenMergeRequest,
    SetCommitStatus,
    UpsertNote,
    WriteSection,
)
from bot.domain.document import (
    BulletList,
    Code,
    Document,
    Heading,
    Inlines,
    NumberedList,
    Table,
    TaskList,
    lines_of,
)

BULLET: Final = "- "
BOXES: Final = {False: "- [ ] ", True: "- [x] "}
INDENT: Final = "  "  # of each level of a list
NOTES: Final = ("page:", "release-notes")


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
            return "\n".join(f"{INDENT * level}{BULLET}{_line(item)}" for level, item in block.nested())
        case NumberedList():
            return "\n".join(_numbered(block))
        case TaskList():
            return "\n".join(
                f"{BOXES[done]}{_line(item)}" for done, item in zip(block.done, block.items, strict=True)
            )
        case Table():
            return "\n".join(" | ".join(map(_line, row)) for row in (block.header, *block.rows))
        case _:
            return "\n".join(map(_line, lines_of(block)))


def _numbered(block: NumberedList) -> Iterator[str]:
    """`numbers`: of each level, the last one given."""
    numbers: list[int] = []
    for level, item in block.nested():
        numbers[level:] = [numbers[level] + 1 if level < len(numbers) else 1]
        yield f"{INDENT * level}{numbers[level]}. {_line(item)}"


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


def _section(action: WriteSection) -> str:
    where = f"page {action.page}" if action.page else f"the page {action.title}"
    head = f"write the section {action.section} of {where} in the space {action.space}"
    return f"{head}:\n{action.difference}" if action.difference else head


def _page_comment(action: CommentPage) -> str:
    how = "" if action.create else ", where that comment is there already"
    head = f"comment on page {action.page} in the space {action.space}{how}"
    return f"{head}:\n{plain(action.body)}" if action.is_told else head


def _note(action: UpsertNote) -> str:
    """A review's notes are shown by its report."""
    if not action.key.startswith(NOTES):
        return ""
    if not action.create:
        return f"edit the note {action.key}, where it is there already"
    return f"write the note {action.key} on the merge request:\n{action.body}"


WORDS: Final[Mapping[type, Callable[[Any], str]]] = {
    LinkIssue: _link,
    CommentIssue: _comment,
    MoveIssue: _move,
    EditIssue: _edit,
    SetCommitStatus: _status,
    OpenBranch: _branch,
    OpenMergeRequest: _merge_request,
    WriteSection: _section,
    CommentPage: _page_comment,
    UpsertNote: _note,
}
