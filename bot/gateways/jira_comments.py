"""Our one comment with a key on an issue: found by its property and its author, edited in place.

On Data Center it is found before it has its property, too, by what was remembered of its words (`jira_intents`).

What we wrote is remembered in the property as a digest, for Jira gives bodies back in another form. A body that
somebody else edited stays until we have something new to say.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import quote

import orjson

from bot.domain.actions import CommentIssue
from bot.domain.document import Document, paragraph
from bot.domain.issues import PROPERTY, IssuePerson
from bot.domain.marks import MarkBook
from bot.errors import NotFound
from bot.gateways.jira_api import JiraApi, issue_path
from bot.gateways.jira_intents import Intents, words
from bot.gateways.jira_reader import INTERNAL, read_comments
from bot.gateways.jira_shapes import CommentShape, shaped
from bot.gateways.jira_texts import stored

VERSION = 1
LONGEST = 32_767  # characters of a comment (`jira.text.field.character.limit`, which Cloud cannot raise)
REST = paragraph("The rest is left out: Jira takes no longer comment.")

WRITTEN, EDITED, ADOPTED = "written", "edited in place", "written before, now marked as ours"
NOT_THERE = "there is no comment to edit"

Done = tuple[Literal["done", "unchanged"], str, str]
NOTHING: Done = ("unchanged", NOT_THERE, "")


def write_comment(
    api: JiraApi,
    me: IssuePerson,
    action: CommentIssue,
    document: Document,
    made: Mapping[str, str],
    book: MarkBook,
) -> Done:
    """Make the issue carry this comment once: what was done, in words, and the comment's id ("": there is none).

    `book` seals what is remembered of it.
    """
    intents = Intents(api, action, book)
    body = stored(_fitting(document, made, is_cloud=api.is_cloud), made, is_cloud=api.is_cloud)
    value = _value(action, body)
    own = [one for one in read_comments(api, action.issue) if one.author and one.author.person().id == me.id]
    there = _collapsed(api, action, own, intents) or _orphan(own, body)
    if there is None:
        return ("done", WRITTEN, _create(api, action, body, value, intents)) if action.create else NOTHING
    if _properties(there).get(PROPERTY) == value:
        return "unchanged", "", there.id
    if _key(there) is None and words(there.body) == words(body):
        _mark(api, action, there.id, _marks(action, value))
        return "done", ADOPTED, there.id
    _edit(api, action, there, body, value)
    return "done", EDITED, there.id


def _collapsed(
    api: JiraApi, action: CommentIssue, own: list[CommentShape], intents: Intents
) -> CommentShape | None:
    """The comment with the action's key. Of several, two runs that overlapped, the oldest stays."""
    same = _with_key(action, own, intents)
    for double in same[1:]:
        try:
            api.delete(f"{issue_path(action.issue)}/comment/{double.id}", _named(action, double.id))
        except NotFound:
            continue
    return same[0] if same else None


def _with_key(action: CommentIssue, own: list[CommentShape], intents: Intents) -> list[CommentShape]:
    """Those marked with the action's key, and those that a job wrote for it and did not come to mark."""
    unmarked = list(filter(_is_unmarked, own))
    said = intents.said([one.body for one in unmarked])
    meant = {one.id for one, is_meant in zip(unmarked, said, strict=True) if is_meant}
    return [one for one in own if _key(one) == action.key or one.id in meant]


def _is_unmarked(comment: CommentShape) -> bool:
    return PROPERTY not in _properties(comment)


def _orphan(own: list[CommentShape], body: Any) -> CommentShape | None:
    """A comment that says the same and was not marked, nor could what it would say be remembered."""
    unmarked = filter(_is_unmarked, own)
    return next((one for one in unmarked if words(body) and words(one.body) == words(body)), None)


def _create(api: JiraApi, action: CommentIssue, body: Any, value: dict[str, Any], intents: Intents) -> str:
    what = f"a comment on {action.issue}"
    marks = _marks(action, value)
    data = {"body": body, **_visibility(action, None), "properties": _pairs(marks)}
    intents.intend(body)
    found = shaped(CommentShape, api.post(f"{issue_path(action.issue)}/comment", what, data), what)
    if not api.is_cloud:
        _mark(api, action, found.id, marks)
    return found.id


def _edit(api: JiraApi, action: CommentIssue, there: CommentShape, body: Any, value: dict[str, Any]) -> None:
    """On Data Center in steps. Our digest is the last: until it stands the next run writes all of it again."""
    path, what = f"{issue_path(action.issue)}/comment/{there.id}", _named(action, there.id)
    data = {"body": body, **_visibility(action, there)}
    marks = _marks(action, value)
    if api.is_cloud:
        api.put_quietly(path, what, {**data, "properties": _pairs(marks)})
        return
    ours = {PROPERTY: marks.pop(PROPERTY)}
    _mark(api, action, there.id, marks)
    api.put(path, what, data)
    _mark(api, action, there.id, ours)


def _mark(api: JiraApi, action: CommentIssue, comment: str, marks: Mapping[str, Any]) -> None:
    for key, data in marks.items():
        path = f"/comment/{quote(comment, safe='')}/properties/{quote(key, safe='')}"
        api.put(path, f"a property of {_named(action, comment)}", data)


def _marks(action: CommentIssue, value: dict[str, Any]) -> dict[str, Any]:
    """The comment's properties by key."""
    internal = {INTERNAL: {"internal": True}} if action.internal else {}
    return {**internal, PROPERTY: value}


def _pairs(marks: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": value} for key, value in marks.items()]


def _visibility(action: CommentIssue, there: CommentShape | None) -> dict[str, Any]:
    """The role that may read it, told with every write: Jira opens a comment to all otherwise.

    A restriction that somebody set by hand is kept where we want none.
    """
    if action.visibility:
        return {"visibility": {"type": "role", "value": action.visibility}}
    kept = there.visibility if there else None
    if kept is None:
        return {}
    who = {"identifier": kept.identifier} if kept.identifier else {"value": kept.value}
    return {"visibility": {"type": kept.type, **who}}


def _value(action: CommentIssue, body: Any) -> dict[str, Any]:
    """The property: the action's memory, and what we wrote for whom, as a digest."""
    written = orjson.dumps([body, action.visibility, action.internal], option=orjson.OPT_SORT_KEYS)
    ours = {"v": VERSION, "key": action.key, "body": hashlib.sha256(written).hexdigest()[:32]}
    memory: dict[str, Any] = orjson.loads(orjson.dumps(action.memory))
    return {**memory, **ours}


def _fitting(document: Document, made: Mapping[str, str], *, is_cloud: bool) -> Document:
    """The document, without its last blocks where Jira would find it too long."""

    def length(part: Document) -> int:
        """How Cloud counts a document is not said: as the longer of its two forms."""
        wiki = len(stored(part, made, is_cloud=False))
        return max(wiki, len(orjson.dumps(stored(part, made, is_cloud=True)))) if is_cloud else wiki

    def first(count: int) -> Document:
        return Document(blocks=(*document.blocks[:count], REST))

    if length(document) <= LONGEST:
        return document
    fits = bisect_right(range(len(document.blocks)), LONGEST, key=lambda count: length(first(count)))
    return first(max(fits - 1, 0))


def _properties(comment: CommentShape) -> dict[str, Any]:
    return {one.key: one.value for one in comment.properties}


def _key(comment: CommentShape) -> str | None:
    value = _properties(comment).get(PROPERTY)
    return value.get("key") if isinstance(value, dict) else None


def _named(action: CommentIssue, comment: str) -> str:
    return f"comment {comment} on {action.issue}"
