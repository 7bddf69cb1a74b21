"""A stranger's text as it may stand in an issue: one line, visible, without secrets, no longer than it may be."""

import re

from bot.agents.shown import safe_text
from bot.domain.secrets import Redactor
from bot.domain.visible import on_one_line

CUT = "…"
JOINT = "\u200d"  # between two emoji; what is cut ends with none
DRAFT = re.compile(
    r"\s*(?:draft:|\[draft\]|\(draft\))\s*", re.IGNORECASE
)  # docs.gitlab.com/user/project/merge_requests/drafts


def plain(text: str, redactor: Redactor, longest: int) -> str:
    return cut(safe_line(text, redactor), longest)


def safe_line(text: str, redactor: Redactor) -> str:
    return on_one_line(safe_text(text, redactor))


def cut(text: str, longest: int) -> str:
    """At most so many characters."""
    return text if len(text) <= longest else text[: longest - len(CUT)].rstrip().removesuffix(JOINT) + CUT


def without_draft(title: str) -> str:
    """The title without GitLab's marks of a draft: it stays the same when the merge request becomes ready."""
    while found := DRAFT.match(title):
        title = title[found.end() :]
    return title
