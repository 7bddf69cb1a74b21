"""Breaking changes that a merge request's author declares: a "!" in the title, a footer, a label."""

import re
from collections.abc import Iterator
from typing import Final

from bot.agents.link.plain import plain
from bot.agents.pages.notes_rules import Headline, is_breaking_by_label
from bot.domain.releases import MergedRequest
from bot.domain.secrets import Redactor

FOOTER: Final = re.compile(
    r"^[ \t>#*_-]{0,10}BREAKING[ -]CHANGES?[*_]{0,3}:[*_]{0,3}[ \t]*"
    r"(?P<said>[^\n]+(?:\n(?![ \t]*\n|(?:BREAKING )?[\w-]+(?:: | #))[^\n]+)*)",
    re.MULTILINE,
)
"""A footer of conventionalcommits.org (rules 8 to 16), also as Markdown emphasises it."""
HTML_COMMENT: Final = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
NOTHING: Final = frozenset({"", "no", "none", "nothing", "n/a", "na", "-", "not applicable"})
"""What templates are filled with where there is none."""

LONGEST_DESCRIPTION: Final = 20_000  # characters of it that are looked at
LONGEST_SENTENCE: Final = 300
MOST: Final = 5  # of one merge request


def declared(merged: MergedRequest, headline: Headline, redactor: Redactor) -> tuple[str, ...]:
    """A sentence each: the footers', else the title where "!" or a label says it; () where nothing is declared."""
    said = tuple(dict.fromkeys(_footers(merged.description, redactor)))[:MOST]
    if said or not (headline.is_breaking or is_breaking_by_label(merged)):
        return said
    return (plain(headline.words, redactor, LONGEST_SENTENCE),)


def _footers(description: str, redactor: Redactor) -> Iterator[str]:
    for found in FOOTER.finditer(HTML_COMMENT.sub("", description[:LONGEST_DESCRIPTION].replace("\r", ""))):
        said = plain(found["said"], redactor, LONGEST_SENTENCE)
        if said.strip(" .!*_").casefold() not in NOTHING:
            yield said
