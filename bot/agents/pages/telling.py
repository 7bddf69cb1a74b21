"""What people are told of a section in both places: the difference, and where the line is that shows what is wrong."""

from typing import Final
from urllib.parse import quote

from bot.agents.pages.standing import Standing
from bot.agents.shown import safe_text
from bot.agents.spec import SectionsContext
from bot.domain.change import MergeRequest
from bot.domain.pages import Reason
from bot.domain.sections import difference, edited

CUT_LINE = "… (the rest is left out)"
BEFORE = "{path}, line {line} before the change"
AT_HEAD = "{path}:{line}"

LONGEST: Final = 20_000  # characters of a difference that is kept beside an action
PAGE: Final = "/-/merge_requests/"


def changed_lines(standing: Standing, context: SectionsContext, longest: int = LONGEST) -> list[str]:
    """What the edits change, as a unified diff of Markdown lines; none where the page has another text by now."""
    section, edit = standing.living.section, standing.edit
    if edit is None or not edit.edits or edit.base != (section.digest if section else ""):
        return []
    text = difference(section.storage if section else "", edited(section, edit.edits))
    return _cut(safe_text(text, context.redactor).strip("\n"), longest)


def place(reason: Reason) -> str:
    """Where the line is that shows it, in words."""
    form = BEFORE if reason.is_removed else AT_HEAD
    return form.format(path=reason.path, line=reason.line)


def address(reason: Reason, request: MergeRequest) -> str:
    """The line at the merge request's head (docs.gitlab.com/user/project/repository/files, "Link to a line").

    "" for a line that is not there any more, or whose path cannot be shown as it is.
    """
    project = request.web_url.partition(PAGE)[0]
    if reason.is_removed or not project or set("<\\…") & set(reason.path):
        return ""
    return f"{project}/-/blob/{request.head}/{quote(reason.path)}#L{reason.line}"


def _cut(text: str, longest: int) -> list[str]:
    if len(text) <= longest:
        return text.split("\n")
    kept = text[: longest - len(CUT_LINE)].rpartition("\n")[0]
    return [*kept.split("\n"), CUT_LINE] if kept else [CUT_LINE]
