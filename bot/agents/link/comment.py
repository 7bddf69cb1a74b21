"""Our comment on an issue: what the merge request does, its state, its review, and when merged the criteria."""

from collections.abc import Iterator, Sequence
from typing import Final, Literal
from urllib.parse import quote

from bot.agents.link.plain import cut, plain
from bot.agents.link.schema import Told
from bot.agents.link.stage import Stage, stage
from bot.agents.link.verdict import in_words, verdict_told
from bot.agents.spec import LinkContext, Mentioned
from bot.domain.change import MergeRequest
from bot.domain.document import (
    Block,
    BulletList,
    Document,
    Heading,
    Inline,
    Inlines,
    Link,
    Lozenge,
    Paragraph,
    Table,
    Text,
    inlines,
    paragraph,
)
from bot.domain.ledger import SAID, Proof, Row
from bot.domain.secrets import Redactor

INTO = " in {project}, into {branch}"
BY_MODEL = "Written by {model} from the change."
BY_AUTHOR = "From the title, the commits and the description."
NOT_NAMED = "The merge request no longer names this issue."
REVIEW = "Review: {verdict}."
CRITERIA = "Acceptance criteria"
HEADER = ("Criterion", "State", "Proof")
NO_PROOF = "none"

Color = Literal["grey", "blue", "green", "yellow", "red"]
LOZENGES: Final[dict[Stage, tuple[str, Color]]] = {
    "draft": ("DRAFT", "grey"),
    "opened": ("OPEN", "blue"),
    "merged": ("MERGED", "green"),
    "closed": ("CLOSED", "red"),
}
"""Text and colour, which in Jira is blue for what goes on and green for what is done."""

LONGEST_TITLE: Final = 255  # characters
LONGEST_CRITERION: Final = 200
LONGEST_PLACE: Final = 100
MOST_PROOFS: Final = 2
PAGE: Final = "/-/merge_requests/"


def comment(context: LinkContext, one: Mentioned, told: Told) -> Document:
    """The comment on one issue: what was told before may be more than may or shall be told now."""
    if not one.tells_code:
        return Document(blocks=(_state_of(reference(context.request), context.request),))
    if not one.named:
        return Document(blocks=(_headline(context), paragraph(NOT_NAMED)))
    written = BY_MODEL.format(model=told.by) if told.by else BY_AUTHOR
    blocks: tuple[Block, ...] = (
        _headline(context),
        BulletList(items=tuple(inlines(line) for line in told.lines)),
        *_review(context, one),
        *_criteria(context, one.issue.key),
        paragraph(Text(text=written, emphasis=True)),
    )
    return Document(blocks=blocks)


def named(request: MergeRequest, redactor: Redactor) -> str:
    """Number and title: "!7 Cap the cart"."""
    return plain(f"!{request.target.iid} {request.title}", redactor, LONGEST_TITLE)


def reference(request: MergeRequest) -> str:
    """Project and number, no text: "group/project!7"."""
    return cut(str(request.target), LONGEST_TITLE)


def _headline(context: LinkContext) -> Paragraph:
    request = context.request
    branch = plain(request.target_branch, context.redactor, LONGEST_TITLE)
    into = INTO.format(project=request.target.project, branch=branch)
    return _state_of(named(request, context.redactor), request, into)


def _state_of(name: str, request: MergeRequest, *more: str) -> Paragraph:
    text, color = LOZENGES[stage(request)]
    return paragraph(Lozenge(text=text, color=color), " ", Link(text=name, url=request.web_url), *more)


def _review(context: LinkContext, one: Mentioned) -> Iterator[Block]:
    verdict = verdict_told(context, one)
    if verdict:
        yield paragraph(REVIEW.format(verdict=in_words(verdict, context.request)))


def _criteria(context: LinkContext, issue: str) -> Iterator[Block]:
    """What has become of the issue's criteria, once it is merged."""
    rows = [row for row in context.ledger.rows if row.issue == issue] if context.ledger else []
    if rows and context.request.state == "merged":
        yield Heading(level=4, content=inlines(CRITERIA))
        yield Table(
            header=tuple(inlines(name) for name in HEADER),
            rows=tuple(_row(row, context) for row in rows),
        )


def _row(row: Row, context: LinkContext) -> tuple[Inlines, ...]:
    text = plain(row.text, context.redactor, LONGEST_CRITERION)
    return inlines(text), inlines(SAID[row.state]), _proofs(row.proof[:MOST_PROOFS], context)


def _proofs(proofs: Sequence[Proof], context: LinkContext) -> Inlines:
    if not proofs:
        return inlines(NO_PROOF)
    links = [_place(proof, context) for proof in proofs]
    commas: list[Inline] = [Text(text=", ")] * (len(links) - 1)
    return tuple(one for pair in zip(links, [*commas, None], strict=True) for one in pair if one is not None)


def _place(proof: Proof, context: LinkContext) -> Link:
    """The line at the merge request's head (docs.gitlab.com/user/project/repository/files, "Link to a line")."""
    request = context.request
    project = request.web_url.partition(PAGE)[0]
    url = f"{project}/-/blob/{request.head}/{quote(proof.path)}#L{proof.line}"
    return Link(text=plain(f"{proof.path}:{proof.line}", context.redactor, LONGEST_PLACE), url=url)
