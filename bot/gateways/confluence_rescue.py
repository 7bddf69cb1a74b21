"""Inline comments that people put onto a page between our reading and our writing of it.

Their marker goes into the body that stands without making a version, so no version number guards it: what we write
from the body we read takes it away, and the comment hangs on nothing. The version we wrote over still has it.
"""

from dataclasses import dataclass

from bot.domain.inline_comments import MARKER
from bot.domain.sections import Section, append, find, lost_comments, reanchored, splice
from bot.errors import Damaged


@dataclass(frozen=True, slots=True)
class Rescue:
    """A body with the comments again. `is_undone`: our section is as it was, for the words they hang on had gone."""

    storage: str
    is_undone: bool = False


def is_any_lost(former: str, now: str) -> bool:
    """Whether comments of the body `former` are missing in `now`. Most pages have none, and are not read for it."""
    return MARKER in former and lost_comments(former, now) > 0


def rescued(former: str, now: str, name: str, digest: str, *, is_next: bool) -> Rescue | None:
    """What to write where comments of the body `former` are missing in `now`; None where none is, or none can be saved.

    `is_next`: `now` is what we wrote over `former`, and nobody wrote since: all but our section is taken from `former`.
    Else people wrote since, and markers are put where their words still are; ours is a section with this `digest`.
    """
    section = standing(now, name)
    if not is_next and (section is None or section.digest != digest):
        return marked_again(former, now)
    before, written = text(former, name), text(now, name)
    base = former if is_next else now
    whole = _marked(former, now, placed(base, name, reanchored(before, written)))
    if lost_comments(former, whole) and before:
        undone = Rescue(_marked(former, now, placed(base, name, before)), is_undone=True)
        return _better(undone, former, now)
    return _better(Rescue(whole), former, now)


def marked_again(former: str, now: str) -> Rescue | None:
    """The body `now` with the comments of `former` whose words are still there; None as above."""
    return _better(Rescue(reanchored(former, now)), former, now)


def _marked(former: str, now: str, storage: str) -> str:
    """With comments of both: some came since we wrote."""
    return reanchored(now, reanchored(former, storage))


def _better(rescue: Rescue, former: str, now: str) -> Rescue | None:
    return rescue if lost_comments(former, rescue.storage) < lost_comments(former, now) else None


def standing(storage: str, name: str) -> Section | None:
    """The section; None, too, where somebody has broken its boundary, so that it is not ours to write any more."""
    try:
        return find(storage, name)
    except Damaged:
        return None


def text(storage: str, name: str) -> str:
    """The section's storage, "" where there is none."""
    section = find(storage, name)
    return section.storage if section else ""


def placed(storage: str, name: str, text: str) -> str:
    section = find(storage, name)
    return splice(storage, section, text) if section else append(storage, name, text)
