"""What the bot does on Jira: links, comments, moves, fields. Idempotent, by reading what is there.

A run that ended anywhere, with or without the answer to its last request, is simply done again.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Literal

from bot.domain.actions import CommentIssue, EditIssue, IssueAction, LinkIssue, MoveIssue, Outcome
from bot.domain.document import Document, Inlines, Link, Paragraph, Text, lines_of
from bot.domain.issues import IssuePerson
from bot.domain.marks import MarkBook
from bot.errors import AccessDenied, Forbidden, NotFound, PlatformError, Refused, Unavailable
from bot.gateways.jira_api import JiraApi, issue_path
from bot.gateways.jira_comments import write_comment
from bot.gateways.jira_edits import edit
from bot.gateways.jira_links import write_link
from bot.gateways.jira_moves import move
from bot.gateways.jira_shapes import IssueShape, shaped

NOTHING_MADE = "there is nothing to link: what it should link was not made"
FOREIGN = "the link leads to an address that we do not write"

Result = Literal["done", "unchanged", "refused", "failed"]


class JiraEffects:
    """One write token on one Jira. `me` is its account, `clean` the one sanitizer before every write.

    `marks` gives the book that seals what is remembered of a comment, by a scope.
    """

    def __init__(
        self,
        api: JiraApi,
        *,
        me: IssuePerson,
        clean: Callable[[Document], Document],
        marks: Callable[[str], MarkBook] = lambda scope: MarkBook((), scope),
    ) -> None:
        self._api = api
        self._me = me
        self._clean = clean
        self._marks = marks

    def apply(self, action: IssueAction, made: Mapping[str, str]) -> Outcome:
        """Make the issue carry what the action says. `made`: addresses of what other actions made, by their key.

        What Jira says no to for this one issue is an outcome. Raises Unavailable, and AccessDenied where it does
        not accept the token at all.
        """
        try:
            return self._applied(action, made)
        except (NotFound, Forbidden, Refused) as error:
            return Outcome(key=action.key, result="refused", reason=str(error))
        except (Unavailable, AccessDenied):
            raise
        except PlatformError as error:
            return Outcome(key=action.key, result="failed", reason=str(error))

    def shares(self, issue: str) -> bool:
        """Whether it is still the issue of that key, to be seen by whoever sees its project."""
        what = f"issue {issue}"
        try:
            data = self._api.get(issue_path(issue), what, fields="security")
        except (NotFound, Forbidden):
            return False
        found = shaped(IssueShape, data, what)
        return found.key == issue and not found.fields.get("security")

    def _applied(self, action: IssueAction, made: Mapping[str, str]) -> Outcome:
        match action:
            case LinkIssue():
                return self._link(action)
            case CommentIssue():
                return self._comment(action, made)
            case MoveIssue():
                result, reason = move(self._api, action)
            case EditIssue():
                result, reason = edit(self._api, self._cleaned(action))
        return self._outcome(action, result, reason)

    def _link(self, action: LinkIssue) -> Outcome:
        if not (action.url and action.global_id and action.title):
            return Outcome(key=action.key, result="refused", reason=NOTHING_MADE)
        link = self._own_link(action)
        if link is None:
            return Outcome(key=action.key, result="refused", reason=FOREIGN)
        is_new = write_link(self._api, action, link.text, self._line(action.summary))
        return self._outcome(action, "done" if is_new else "unchanged")

    def _comment(self, action: CommentIssue, made: Mapping[str, str]) -> Outcome:
        book = self._marks(f"jira:{action.issue}:{action.key}")
        body = self._clean(action.body)
        result, reason, comment = write_comment(self._api, self._me, action, body, made, book)
        return self._outcome(action, result, reason, f"?focusedCommentId={comment}" if comment else "")

    def _outcome(self, action: IssueAction, result: Result, reason: str = "", place: str = "") -> Outcome:
        url = f"{self._api.browse(action.issue)}{place}"
        return Outcome(key=action.key, result=result, reason=reason, url=url)

    def _own_link(self, action: LinkIssue) -> Link | None:
        """The link after the sanitizer, None where it left only the text: the address is not one of ours."""
        cleaned = self._clean(_line_of(Link(text=action.title, url=action.url)))
        return next((one for line in _lines(cleaned) for one in line if isinstance(one, Link)), None)

    def _cleaned(self, action: EditIssue) -> EditIssue:
        return action.model_copy(update={"labels": tuple(map(self._line, action.labels))})

    def _line(self, text: str) -> str:
        return " ".join(" ".join(self._clean(_line_of(Text(text=text))).texts()).split())


def _line_of(content: Text | Link) -> Document:
    return Document(blocks=(Paragraph(content=(content,)),))


def _lines(document: Document) -> Iterator[Inlines]:
    for block in document.blocks:
        yield from lines_of(block)
