"""Our comment on an issue: what the merge request does, its state, its review, and when merged the criteria."""

from collections.abc import Iterator, Sequence
from typing import Final, Literal
from urllib.parse import quote

from bot.agents.link.plain import plain
from bot.agents.link.schema import Told
from bot.agents.link.stage import Stage, is_open, stage
from bot.agents.spec import LinkContext, Verdict
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
from bot.domain.markdown import counted
from bot.domain.secrets import Redactor

INTO = " in {project}, into {branch}"
BY_MODEL = "Written by {model} from the change."
BY_AUTHOR = "From the title, the commits and the description."
REVIEW = "Review: {verdict}."
NOT_YET = "not reviewed yet"
NEVER = "not reviewed"
REVIEWED = "reviewed at {head}: {state}"
OPEN_FINDINGS = "{findings} open"
NOTHING_OPEN = "nothing open"
RESOLVED = ", {count} resolved"
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


def comment(context: LinkContext, issue: str, told: Told) -> Document:
    """The comment on one issue, by its key."""
    written = BY_MODEL.format(model=told.by) if told.by else BY_AUTHOR
    blocks: tuple[Block, ...] = (
        _headline(context),
        BulletList(items=tuple(inlines(line) for line in told.lines)),
        paragraph(REVIEW.format(verdict=verdict(context.verdict, is_open(context.request)))),
        *_criteria(context, issue),
        paragraph(Text(text=written, emphasis=True)),
    )
    return Document(blocks=blocks)


def named(request: MergeRequest, redactor: Redactor) -> str:
    """Number and title: "!7 Cap the cart"."""
    return plain(f"!{request.target.iid} {request.title}", redactor, LONGEST_TITLE)


def verdict(said: Verdict, is_open: bool) -> str:
    """What the review has come to, in words."""
    if not said.head:
        return NOT_YET if is_open else NEVER
    state = OPEN_FINDINGS.format(findings=counted(said.open, "finding")) if said.open else NOTHING_OPEN
    resolved = RESOLVED.format(count=said.resolved) if said.resolved else ""
    return REVIEWED.format(head=said.head[:8], state=state + resolved)


def _headline(context: LinkContext) -> Paragraph:
    request = context.request
    text, color = LOZENGES[stage(request)]
    branch = plain(request.target_branch, context.redactor, LONGEST_TITLE)
    return paragraph(
        Lozenge(text=text, color=color),
        " ",
        Link(text=named(request, context.redactor), url=request.web_url),
        INTO.format(project=request.target.project, branch=branch),
    )


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
