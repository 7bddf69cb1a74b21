"""What stands of a model's answer: statements that page and code both bear out, and the edits that put them right.

Deterministic: a model's word alone changes no page.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from bot.agents.link.plain import plain
from bot.agents.pages.diff_text import digest as digest_of_change
from bot.agents.pages.diff_text import files_of
from bot.agents.pages.evidence import Proof, flat, is_outrun, proof
from bot.agents.pages.prompting import is_rewritable, shown_block
from bot.agents.pages.schema import SectionAnswer, Statement
from bot.agents.spec import LivingSection, SectionsContext
from bot.domain.clean_document import clean
from bot.domain.document import Document, Link, lines_of
from bot.domain.markdown_reader import read_markdown
from bot.domain.pages import BlockEdit, Reason, SectionEdit
from bot.domain.sections import Block, Section, digest, edited
from bot.domain.storage import to_storage

NO_BLOCK = "no such block: {block}"
NO_QUOTE = "no such quote: block {block} does not hold the words that are said to be wrong"
NO_PROOF = "no proof: the quoted line is neither in the diff nor in the file at head"
OUTRUN = "outrun: a later merge has changed the quoted line of {path}"
NO_TEXT = "no text: there is nothing to write in block {block}"
NO_WHY = "no reason: it is not said what is wrong in block {block}"
NO_CHANGE = "no change: the new text of block {block} says what the old one does"
TWICE = "twice: block {block} has another new text already"
LINKS = "a strange link: the new text of block {block} linked to addresses that the section does not have"
UNDONE = "no change: the edits together leave the section as it is"

LONGEST_WHY: Final = 300  # characters
LONGEST_INSTEAD: Final = 1_000
LONGEST_PATH: Final = 400
MOST_LINKS: Final = 20_000  # characters of Markdown of a block in which addresses are looked for
ESCAPE = re.compile(r"\\(?=[^\w\s])")


@dataclass(frozen=True)
class Judged:
    """`edit` None: the section is true. `dropped`: why statements are left out; `changed`: what some of them lost.

    `is_outrun`: a statement rests on code that a later merge has changed, which that one is held against the page for.
    """

    edit: SectionEdit | None
    dropped: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    is_outrun: bool = False


@dataclass(frozen=True)
class _Stands:
    """A statement that is borne out. `edit` None: it is told in words."""

    reason: Reason
    edit: BlockEdit | None
    changed: str = ""


class _Dropped(Exception):
    """A statement that is not borne out; its text says why."""


class _Outrun(_Dropped):
    """One that was, until a later merge."""


def judged(answer: SectionAnswer, living: LivingSection, context: SectionsContext) -> Judged:
    """Raises Unavailable where the repository cannot be read for the moment."""
    stands: list[_Stands] = []
    dropped: list[_Dropped] = []
    for said in answer.wrong:
        try:
            stands.append(_standing(said, living, context, stands))
        except _Dropped as reason:
            dropped.append(reason)
    changed = tuple(one.changed for one in stands if one.changed)
    edit = _edit(stands, living, context)
    if stands and edit is None:
        dropped.append(_Dropped(UNDONE))
    is_outrun = any(isinstance(one, _Outrun) for one in dropped)
    return Judged(edit, tuple(map(str, dropped)), changed, is_outrun)


def change_of(living: LivingSection, context: SectionsContext) -> str:
    """The digest of what the merge request changes of the section's files."""
    return digest_of_change(files_of(context.change, living.files))


# --- one statement ---


def _standing(
    said: Statement, living: LivingSection, context: SectionsContext, before: Sequence[_Stands]
) -> _Stands:
    block = _block(said, living.section)
    if not flat(said.why):
        raise _Dropped(NO_WHY.format(block=said.block))
    if block is not None and _words(said.quote) not in _words(shown_block(block, context.redactor)):
        raise _Dropped(NO_QUOTE.format(block=said.block))
    shown = proof(said.path, said.line, context)
    if shown is None:
        raise _Dropped(NO_PROOF)
    if is_outrun(shown, said.line, context):
        raise _Outrun(OUTRUN.format(path=plain(shown.path, context.redactor, LONGEST_PATH)))
    if said.how != "insert" and block is not None and not is_rewritable(block, context.redactor):
        return _Stands(_reason(said, shown, context, by_hand=True), None)
    body, changed = _body(said, living.section, context)
    edit = BlockEdit(block=said.block - 1, how=said.how, body=body)
    _check(edit, block, before)
    return _Stands(_reason(said, shown, context), edit, changed)


def _words(text: str) -> str:
    """Blanks and Markdown's escapes do not matter."""
    return flat(ESCAPE.sub("", text))


def _block(said: Statement, section: Section | None) -> Block | None:
    """The block that is changed or inserted after; None for the beginning."""
    blocks = section.blocks if section else ()
    if said.block == 0 and said.how == "insert" and not said.quote.strip():
        return None
    if not 1 <= said.block <= len(blocks) or (said.how == "delete" and not said.quote.strip()):
        raise _Dropped(NO_BLOCK.format(block=said.block))
    return blocks[said.block - 1]


def _body(said: Statement, section: Section | None, context: SectionsContext) -> tuple[Document, str]:
    """The new text, and what was taken out of it. A link that the section has not becomes its text."""
    if said.how == "delete":
        return Document(blocks=()), ""
    read = read_markdown(said.text)
    if not any(text.strip() for text in read.texts()):
        raise _Dropped(NO_TEXT.format(block=said.block))
    body = clean(read, redact=context.redactor.redact, hosts=frozenset(), urls=_addresses(section))
    is_changed = set(_links(body)) != set(_links(read))
    return body, LINKS.format(block=said.block) if is_changed else ""


def _addresses(section: Section | None) -> frozenset[str]:
    blocks = section.blocks if section else ()
    documents = (read_markdown(block.markdown[:MOST_LINKS]) for block in blocks if "](" in block.markdown)
    return frozenset(url for document in documents for url in _links(document))


def _links(document: Document) -> Iterator[str]:
    every = (one for block in document.blocks for each in lines_of(block) for one in each)
    return (one.url for one in every if isinstance(one, Link))


def _check(edit: BlockEdit, block: Block | None, before: Sequence[_Stands]) -> None:
    if edit.how == "insert" or block is None:
        return
    number = edit.block + 1
    taken = {one.edit.block for one in before if one.edit and one.edit.how != "insert"}
    if edit.block in taken:
        raise _Dropped(TWICE.format(block=number))
    if digest(to_storage(edit.body)) == digest(block.storage):
        raise _Dropped(NO_CHANGE.format(block=number))


def _reason(said: Statement, shown: Proof, context: SectionsContext, *, by_hand: bool = False) -> Reason:
    is_told = by_hand and said.how != "delete"
    return Reason(
        why=plain(said.why, context.redactor, LONGEST_WHY),
        path=plain(shown.path, context.redactor, LONGEST_PATH),
        line=shown.line,
        is_removed=shown.is_removed,
        by_hand=by_hand,
        instead=said.text[:LONGEST_INSTEAD] if is_told else "",
    )


# --- all of them ---


def _edit(stands: Sequence[_Stands], living: LivingSection, context: SectionsContext) -> SectionEdit | None:
    """None where nothing is wrong, or nothing would be changed and there is nothing to tell."""
    section = living.section
    base = section.digest if section else ""
    edits = tuple(one.edit for one in stands if one.edit is not None)
    result = digest(edited(section, edits)) if edits else base
    if result == base:
        edits = ()
    reasons = tuple(one.reason for one in stands if edits or one.reason.by_hand)
    if not reasons or living.page is None:
        return None
    return SectionEdit(
        page=living.page.id,
        section=living.wanted.section,
        base=base,
        result=result,
        edits=edits,
        reasons=reasons,
        of=change_of(living, context),
        after=context.newest_note,
    )
