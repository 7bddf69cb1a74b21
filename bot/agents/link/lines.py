"""What a merge request does, in a few lines: as our comments remember it, or in its author's words."""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from bot.agents.link.plain import cut, plain, safe_line, without_draft
from bot.agents.link.schema import LONGEST_LINE, MOST_LINES, Told
from bot.agents.link.stage import is_open, stage, stage_known
from bot.agents.link.verdict import verdict_kept, verdict_told
from bot.agents.spec import LinkContext, Mentioned
from bot.domain.background import Commit
from bot.domain.change import MergeRequest
from bot.domain.secrets import Redactor

LONGEST_DESCRIPTION: Final = 6_000  # characters of it that are looked at
LONGEST_NAME: Final = 100
BY_GIT: Final = re.compile(r"Merge (?:branch|remote-tracking|tag|commit)\b|(?:fixup|squash|amend)! ")
HTML_COMMENT: Final = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
NO_SENTENCE: Final = re.compile(
    r"[#/|!<>`~]|\[//\]|[-=*_]{3,}|\Z|(?:closes|fixes|resolves|implements|related)\b[^.]*\d\W*\Z", re.I
)
LIST_MARKS: Final = re.compile(r"\A(?:[-*+•–](?!\S)\s*(?:\[[ xX]\](?!\S)\s*)?|\d{1,2}[.)](?!\S)\s*)+")


def remembered(context: LinkContext) -> Told | None:
    """What a comment of ours says of this very change.

    An open merge request's lines are for one head, title and description; those of one that is over for one head.
    """
    said = (one.memory for one in context.mentioned if one.tells_code and one.memory)
    return next((told for memory in said if (told := _told(memory, context))), None)


def memory(context: LinkContext, one: Mentioned, told: Told) -> dict[str, Any]:
    """What the next run has to know: see `remembered`, `bot.agents.link.verdict`, and `bot.agents.link.moves`.

    An issue that is told no more keeps the stage for which it was moved, and no text.
    """
    if not one.is_told:
        return {"stage": stage_known(one.memory)}
    return {
        "head": context.request.head,
        "words": words(context.request),
        "stage": stage(context.request),
        "by": told.by,
        "lines": list(told.lines),
        "verdict": verdict_kept(verdict_told(context, one)),
    }


def words(request: MergeRequest) -> str:
    """A digest of title and description."""
    text = f"{without_draft(request.title)}\0{request.description}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def digest(request: MergeRequest) -> str:
    """Of what a model is asked about: another head, title or description is another question."""
    return f"{request.head} {words(request)}"


def author_says(context: LinkContext) -> Told:
    """The title, then what the commits say, oldest first; the description where no commit says more."""
    title = without_draft(context.request.title)
    more = [one for one in _subjects(context.commits) if one.casefold() != title.casefold()]
    more = more or [*_sentences(context.request.description)]
    return Told(shown([title, *more], context.redactor) or (str(context.request.target),))


def shown(texts: Iterable[str], redactor: Redactor) -> tuple[str, ...]:
    """The first of them as lines that may be shown, none twice. What it gives it leaves as it is."""
    first: dict[str, str] = {}
    for text in texts:
        line = cut(LIST_MARKS.sub("", safe_line(text, redactor)), LONGEST_LINE)
        if line:
            first.setdefault(line.casefold(), line)
        if len(first) == MOST_LINES:
            break
    return tuple(first.values())


def _told(kept: Mapping[str, Any], context: LinkContext) -> Told | None:
    """Anybody who may edit our comments may have changed it."""
    by, lines = kept.get("by"), kept.get("lines")
    if not by or kept.get("head") != context.request.head or not isinstance(lines, list):
        return None
    if is_open(context.request) and kept.get("words") != words(context.request):
        return None
    kept_lines = shown((line for line in lines if isinstance(line, str)), context.redactor)
    return Told(kept_lines, plain(str(by), context.redactor, LONGEST_NAME)) if kept_lines else None


def _subjects(newest_first: Iterable[Commit]) -> Iterator[str]:
    for commit in reversed(list(newest_first)):
        subject = commit.message.strip().partition("\n")[0]
        if not BY_GIT.match(subject):
            yield subject


def _sentences(description: str) -> Iterator[str]:
    """Its lines that are neither headings, quotes, code, tables, commands nor mere references to issues."""
    for line in HTML_COMMENT.sub("", description[:LONGEST_DESCRIPTION]).splitlines():
        if not NO_SENTENCE.match(line.strip()):
            yield line
