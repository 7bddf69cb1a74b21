"""What our comment remembers: the same issue text is not asked about again, and the comment can be written anew."""

import hashlib
import json
from typing import Final

from pydantic import ValidationError

from bot.agents.spec import TriageContext
from bot.agents.triage.schema import Kept

MOST_BYTES: Final = 20_000  # of JSON; Jira takes 32,768 characters a property


def digest(context: TriageContext) -> str:
    """Of all the issue says of what is wanted: another text is another question."""
    issue = context.issue
    said = [issue.type, issue.title, issue.description, [one.text for one in context.criteria]]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]


def question(context: TriageContext) -> str:
    """The digest of what a model is asked about, the comment that asks and the commit that is read included."""
    asked = (context.asked.comment, context.asked.text) if context.asked else ()
    commit = context.code.snapshot.commit if context.code else ""
    return hashlib.sha256(json.dumps([digest(context), commit, *asked]).encode()).hexdigest()


def remembered(context: TriageContext) -> Kept:
    """What is not ours, or of another version, counts for nothing."""
    try:
        return Kept.model_validate(dict(context.memory or {}))
    except ValidationError:
        return Kept()


def bounded(kept: Kept) -> dict[str, object]:
    """As JSON data. Where it is too large the largest parts are forgotten, and asked for again when they are wanted."""
    parts = dict(kept.parts)
    data = _data(kept)
    while parts and _size(data) > MOST_BYTES:
        del parts[max(parts, key=lambda name: len(parts[name].model_dump_json()))]
        data = _data(kept.model_copy(update={"parts": parts}))
    return data


def _data(kept: Kept) -> dict[str, object]:
    return kept.model_dump(mode="json", exclude_defaults=True)


def _size(data: dict[str, object]) -> int:
    return len(json.dumps(data))
