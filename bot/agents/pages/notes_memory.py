"""What a page of release notes remembers of the breaking changes that a model found, so that it is asked once ever.

    {"breaking": {"42": ["The flag --fast is gone."], "43": [], "7": null}}

By the merge requests' iids. null: it was asked, and what it said had to make room.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from bot.agents.link.plain import plain
from bot.agents.pages.notes_declared import LONGEST_SENTENCE, MOST
from bot.domain.secrets import Redactor

MOST_CHARACTERS: Final = 20_000  # of the memory as JSON
NAME: Final = "breaking"
IID: Final = re.compile(r"[1-9][0-9]{0,9}")

Found = Mapping[int, tuple[str, ...] | None]


def remembered(memory: Mapping[str, Any], redactor: Redactor) -> Found:
    """Anybody who may edit the page may have changed it: what is no answer of ours is not known."""
    kept = memory.get(NAME)
    if not isinstance(kept, dict):
        return {}
    return {
        int(iid): _sentences(said, redactor)
        for iid, said in kept.items()
        if IID.fullmatch(str(iid)) and (said is None or isinstance(said, list))
    }


def memory(found: Found, newest_first: Iterable[int]) -> dict[str, Any]:
    """Of these merge requests; the oldest sentences go where there are too many."""
    kept = {str(iid): _listed(found[iid]) for iid in newest_first if iid in found}
    size = len(json.dumps({NAME: kept}))
    for iid in reversed([iid for iid, said in kept.items() if said]):
        if size <= MOST_CHARACTERS:
            break
        size -= len(json.dumps(kept[iid])) - len(json.dumps(None))
        kept[iid] = None
    return {NAME: kept} if kept else {}


def _sentences(said: list[Any] | None, redactor: Redactor) -> tuple[str, ...] | None:
    if said is None:
        return None
    texts = (plain(one, redactor, LONGEST_SENTENCE) for one in said[:MOST] if isinstance(one, str))
    return tuple(filter(None, texts))


def _listed(said: tuple[str, ...] | None) -> list[str] | None:
    return None if said is None else list(said)
