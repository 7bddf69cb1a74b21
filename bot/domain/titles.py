"""A title that strangers wrote, made safe for GitLab: a title is no Markdown, so nothing can be put into code there.

GitLab looks for references in titles as it does in texts: a name is mentioned and told, an issue cross-referenced, and
closed by "Closes #1" at the merge (app/models/concerns/mentionable.rb; `closes_issues` in app/models/merge_request.rb).
"""

import re
from collections.abc import Callable
from typing import Final

from bot.domain.references import REFERENCES
from bot.domain.visible import on_one_line

LONGEST: Final = 255  # characters, GitLab's own limit for titles
LEFT_OUT: Final = "…"

_SIGIL = re.compile(r"([@#!&%~$^:/.\[*+])(?=\S)")
_KEY = re.compile(r"(?<=[A-Z0-9_])-(?=\d)")
_HYPHEN = "\u2011"  # looks the same, and is none to GitLab


def inert_title(text: str, *, keep: frozenset[str], redact: Callable[[str], str]) -> str:
    """One visible line of at most LONGEST characters without secrets and without references but those in `keep`.

    What looks like one is taken apart, `@ada` to `@ ada`; what cannot be is left out. `redact` replaces secrets.
    """
    line = on_one_line(redact(on_one_line(text)))
    parts, at = [], 0
    for found in REFERENCES.finditer(line):
        parts += [line[at : found.start()], found[0] if found[0] in keep else _apart(found[0])]
        at = found.end()
    return _cut("".join((*parts, line[at:])))


def _apart(reference: str) -> str:
    broken = _KEY.sub(_HYPHEN, _SIGIL.sub(r"\1 ", reference))
    return LEFT_OUT if REFERENCES.search(broken) else broken


def _cut(line: str) -> str:
    return line if len(line) <= LONGEST else line[: LONGEST - 1].rstrip() + LEFT_OUT
