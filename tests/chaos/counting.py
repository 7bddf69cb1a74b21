"""What people see of reviews, counted where they see it: at the sandbox, never in tables of ours.

What is the same is judged twice: by the mark of a note, and as a person would, by its place and its words.
"""

import re
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

BOT = "trivet"
DEFECT = "code.py"  # a file of this name holds what a check finds without a model
MARK = re.compile(r"<!-- trivet:v1 agent=\w+ kind=(\w+) key=(\S+) head=([0-9a-f]*) mac=\w+ -->")
HIDDEN = re.compile(r"<!--.*?-->", re.DOTALL)


@dataclass(frozen=True)
class Seen:
    """A note of the bot. `place`: the file and line it stands at; `told`: kind and key of its mark, its head apart."""

    id: int
    at: str
    place: tuple[str, int] | None
    told: tuple[str, str]
    head: str
    words: str


@dataclass(frozen=True)
class Tally:
    """Sentences: the reviews that are missing, what is there more than once, what was left behind."""

    lost: tuple[str, ...]
    doubled: tuple[str, ...]
    left: tuple[str, ...]


def tally(state: Json, iids: Collection[int], most_notifications: int = 1) -> Tally:
    """Of these merge requests, each of which ought to carry one review of its present head."""
    requests = [one for one in state["merge_requests"] if one["iid"] in iids]
    found = [(request, list(notes(request))) for request in requests]
    return Tally(
        lost=tuple(text for request, seen in found for text in _lost(request, seen)),
        doubled=tuple(
            text
            for request, seen in found
            for text in (*twice(request), *_told_again(state, request, seen, most_notifications))
        ),
        left=tuple(text for request, _ in found for text in left_behind(request)),
    )


def notes(request: Json) -> Iterator[Seen]:
    """Every note of the bot, in threads and alone."""
    for thread in request["discussions"]:
        yield from (_seen(note, thread["position"]) for note in thread["notes"] if _is_ours(note))
    yield from (_seen(note, None) for note in request["notes"] if _is_ours(note))


def _is_ours(note: Json) -> bool:
    return note["author"] == BOT and not note["system"]


def _seen(note: Json, position: Json | None) -> Seen:
    """A summary holds the marks of the findings it lists, too; its own is the last."""
    kind, key, head = (MARK.findall(note["body"]) or [("", "", "")])[-1]
    place = (position["new_path"], position.get("new_line") or 0) if position else None
    words = HIDDEN.sub("", note["body"]).strip()
    return Seen(note["id"], note["created_at"], place, (kind, key), head, words)


def _lost(request: Json, seen: list[Seen]) -> Iterator[str]:
    name = f"!{request['iid']}"
    if not any(one.told[0] == "summary" and one.head == request["head"] for one in seen):
        yield f"{name} has no review of its head"
    shown = {one.place[0] for one in seen if one.place}
    defects = (file["new_path"] for file in request["files"] if file["new_path"].endswith(f"/{DEFECT}"))
    yield from (f"{name} has nothing on {path}" for path in defects if path not in shown)


def twice(request: Json) -> Iterator[str]:
    """Notes of ours that are there more often than once."""
    seen = list(notes(request))
    again = {*_repeated(seen, lambda one: one.told), *_repeated(seen, lambda one: (one.place, one.words))}
    yield from (
        f"!{request['iid']} has note {one.id} twice, {one.told[0]}" for one in seen if one.id in again
    )


def _repeated(seen: Iterable[Seen], same: Callable[[Seen], Hashable]) -> set[int]:
    """The notes that are the same as one before them."""
    first: dict[Hashable, int] = {}
    return {one.id for one in seen if first.setdefault(same(one), one.id) != one.id}


def _told_again(state: Json, request: Json, seen: list[Seen], most: int) -> Iterator[str]:
    ours = {one.id for one in seen}
    told = [one["kind"] for one in state["notifications"] if ours & set(one["notes"])]
    if len(told) > most:
        yield f"!{request['iid']} told people {len(told)} times"


def left_behind(request: Json) -> Iterator[str]:
    """What is of use to a run alone, and is still there."""
    if request["drafts"]:
        yield f"!{request['iid']} has {len(request['drafts'])} drafts"
    if any(award["user"] == BOT and award["name"] == "eyes" for award in request["awards"]):
        yield f"!{request['iid']} is still acknowledged"
