"""Our comment on an issue: a section for each thing that was said or begun, none for what has nothing to say."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final
from urllib.parse import quote

from bot.agents.spec import Code, TriageContext, Workplace
from bot.agents.triage.places import link_to
from bot.agents.triage.schema import Kept, Part, Work
from bot.agents.triage.work import BRANCH, DRAFT
from bot.domain.document import (
    Block,
    BulletList,
    Document,
    Heading,
    Inline,
    Inlines,
    Link,
    Made,
    NumberedList,
    Paragraph,
    Text,
    inlines,
    paragraph,
)

LEVEL: Final = 4
WORK = "Work begun"
BRANCH_IS, DRAFT_IS = "Branch: ", "Draft merge request: "
SUMMARY = "In short"
QUESTIONS = "To be answered before work starts"
CRITERIA = "Proposed acceptance criteria"
FIELDS = "Proposed for the fields"
WRITTEN = "Written to the fields"
CODE = "Where the work is"
BY_MODEL = "Written by a model from the texts of this issue: check it before you rely on it."
FIELD_NAMES: Final = {"labels": "Label", "component": "Component", "priority": "Priority"}
CHOICE, REASON = "{field}: ", " · {reason}"
TREE = "{project}/-/tree/{branch}"


def comment(kept: Kept, made: frozenset[str], context: TriageContext) -> Document | None:
    """None where there is nothing to say. `made`: keys of the actions beside it whose address it shows."""
    work = [*_work(kept.work, made, context)]
    said = [*_said(kept.parts, context)]
    if said:
        said.append(Paragraph(content=(Text(text=BY_MODEL, emphasis=True),)))
    return Document(blocks=(*work, *said)) if work or said else None


def _work(work: Work | None, made: frozenset[str], context: TriageContext) -> Iterator[Block]:
    """Names made of the issue alone, and where they lead; nothing of a project that is not mapped any more."""
    place = context.workplace
    if work is None or place is None or work.project != place.project.path:
        return
    yield _heading(WORK)
    items = [inlines(BRANCH_IS, _branch(work, made, place))]
    if work.title:
        draft = Made(action=DRAFT, text=work.title) if DRAFT in made else Text(text=work.title)
        items.append(inlines(DRAFT_IS, draft))
    yield BulletList(items=tuple(items))


def _branch(work: Work, made: frozenset[str], place: Workplace) -> Inline:
    if BRANCH in made:
        return Made(action=BRANCH, text=work.branch)
    if not place.project.web_url:
        return Text(text=work.branch, code=True)
    return Link(text=work.branch, url=TREE.format(project=place.project.web_url, branch=quote(work.branch)))


def _said(parts: Mapping[str, Part], context: TriageContext) -> Iterator[Block]:
    for name, section in SECTIONS.items():
        if name in parts:
            yield from section(parts[name], context)
    yield from _fields(parts, WRITTEN, written=True)
    yield from _fields(parts, FIELDS, written=False)
    if "comment" in parts:
        yield from _note(parts["comment"], context)


def _summary(part: Part, context: TriageContext) -> Iterator[Block]:
    if part.lines:
        yield _heading(SUMMARY)
        yield BulletList(items=_items(part.lines))


def _missing(part: Part, context: TriageContext) -> Iterator[Block]:
    if part.lines:
        yield _heading(QUESTIONS)
        yield NumberedList(items=_items(part.lines))
    if part.criteria:
        yield _heading(CRITERIA)
        yield BulletList(items=_items(part.criteria))


def _fields(parts: Mapping[str, Part], title: str, *, written: bool) -> Iterator[Block]:
    items = [
        (
            Text(text=CHOICE.format(field=field)),
            Text(text=one.value, strong=True),
            *inlines(*([REASON.format(reason=one.reason)] if one.reason else [])),
        )
        for name, field in FIELD_NAMES.items()
        for one in (parts[name].choices if name in parts and parts[name].written == written else ())
    ]
    if items:
        yield _heading(title)
        yield BulletList(items=tuple(items))


def _note(part: Part, context: TriageContext) -> Iterator[Block]:
    """Only where the repository may be told of."""
    if context.code is None or not part.says_something:
        return
    yield _heading(CODE)
    yield from (paragraph(one) for one in part.lines)
    if part.places:
        yield places_list(part, context, context.code)


def places_list(part: Part, context: TriageContext, code: Code) -> BulletList:
    """Each with what is there."""
    return BulletList(
        items=tuple(
            inlines(
                link_to(one, code, part.commit, context.redactor),
                *([REASON.format(reason=one.why)] if one.why else []),
            )
            for one in part.places
        )
    )


def _heading(text: str) -> Heading:
    return Heading(level=LEVEL, content=inlines(text))


def _items(lines: tuple[str, ...]) -> tuple[Inlines, ...]:
    return tuple(inlines(one) for one in lines)


SECTIONS: Mapping[str, Callable[[Part, TriageContext], Iterator[Block]]] = {
    "summarize": _summary,
    "missing": _missing,
}
