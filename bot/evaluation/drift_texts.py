"""How the blocks of a section would read: what is proposed for them, and the words that are looked for in that."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.domain.pages import BlockEdit, Reason, SectionEdit
from bot.domain.sections import Section
from bot.domain.storage import to_storage
from bot.domain.storage_reader import to_markdown
from bot.evaluation.drift_cases import Words

SIGNS = re.compile(r"[*`\\]")


@dataclass(frozen=True)
class Remark:
    """One thing that is said of a section. `block` None: it is told in words only, to be put right by hand."""

    why: str
    block: int | None
    how: str
    text: str


def remarks(edit: SectionEdit | None) -> list[Remark]:
    """In the order they were made: each edit has a reason of its own, those by hand have no edit."""
    if edit is None:
        return []
    by_edit = (one for one in edit.reasons if not one.by_hand)
    made = [_made(reason, change) for reason, change in zip(by_edit, edit.edits, strict=True)]
    return [*made, *(Remark(one.why, None, "", one.instead) for one in edit.reasons if one.by_hand)]


def _made(reason: Reason, edit: BlockEdit) -> Remark:
    return Remark(reason.why, edit.block, edit.how, to_markdown(to_storage(edit.body)))


def text_after(section: Section, block: int, said: Sequence[Remark]) -> str:
    """How a block reads with what is said of it, and what is inserted, as Markdown."""
    changed = next(
        (one.text for one in said if one.how in ("replace", "delete")), section.blocks[block].markdown
    )
    return "\n\n".join(filter(None, (changed, *(one.text for one in said if one.how == "insert"))))


def missing(words: Iterable[Words], text: str) -> list[str]:
    """Those that the text does not have."""
    return [
        " / ".join(_wordings(one)) for one in words if not any(has(text, each) for each in _wordings(one))
    ]


def has(text: str, words: str) -> bool:
    """Whether the text has these words, whole; emphasis, case and blanks do not matter."""
    wanted = re.escape(flat(words))
    return re.search(rf"(?<!\w){wanted}(?!\w)" if words[-1:].isalnum() else wanted, flat(text)) is not None


def flat(text: str) -> str:
    return " ".join(SIGNS.sub("", text).casefold().split())


def lines(text: str) -> list[str]:
    """Rows, items and lines that say something."""
    return [flat(line) for line in text.split("\n") if any(map(str.isalnum, line))]


def _wordings(words: Words) -> tuple[str, ...]:
    return (words,) if isinstance(words, str) else words
