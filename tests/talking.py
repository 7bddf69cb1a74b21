"""A merge request in real processes as people live with it: pushes and talk, the model's part played by rules.

What the product does is looked at from outside only: the platform's transcript, its notes, threads and reactions, and
the reports of runs.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

from bot.testing import CLAIM
from tests.model_replies import reported
from tests.model_server import Body, Reply, answered, nothing_found, schema_of, text_of
from tests.rig import Rig
from tests.sandbox_server import PROJECT

DEFECT = re.compile(r"^\s+return [a-z_.]+\[0\]$")
"""What the model reports: a first item is returned, of a list that may be empty."""
TITLES = {
    "order": "Orders without articles end in an error",
    "stock": "A warehouse that is empty cannot be counted",
    "cart": "New visitors never see their basket",
}
CLAIMED = re.compile(r"^The line: (?P<line>.+)$", re.MULTILINE)
HEADING = re.compile(r"^=== (?P<path>[^\s,]+)", re.MULTILINE)
BOT = "trivet"


# --- the model ---


class Reader:
    """A reviewer that goes by the code at head: `answers` is a model server's `reply`.

    It reports every line of the files under review that fits `DEFECT`, confirms what it is asked to verify, and says
    that a defect is gone where no file at head has its line any more. `said` answers what people ask.
    """

    def __init__(self, rig: Rig, branch: str) -> None:
        self._rig = rig
        self._branch = branch
        self.said: Callable[[Body], Reply] = nothing_found

    def answers(self, body: Body) -> Reply:
        fields = answer_fields(body)
        if "findings" in fields:
            return answered({"findings": list(self._found(body))})
        if "verdicts" in fields:
            return answered({"verdicts": [self._verdict(*one, body) for one in _claims(body)]})
        return self.said(body)

    def _found(self, body: Body) -> Iterator[dict[str, Any]]:
        for path in under_review(body):
            for number, line in enumerate(self._lines(path), 1):
                if DEFECT.match(line):
                    yield reported(path, number, line, **_words(line.split()[1]))

    def _verdict(self, number: int, line: str, body: Body) -> dict[str, Any]:
        """To a second look, or to a recheck: there as long as its line is, else gone by the line that begins alike."""
        if "gone" not in json.dumps(schema_of(body)):
            return {"claim": number, "verdict": "confirmed", "reason": "The line does it."}
        alike = [one for one in self._code() if one[2].strip().startswith(line.strip())]
        still = [one for one in alike if one[2].strip() == line.strip()]
        path, place, quote = (still or alike or [("", 0, "")])[0]
        return {
            "claim": number,
            "verdict": "there" if still else "gone",
            "path": path,
            "line": place,
            "quote": quote,
            "reason": "The code at head says so.",
        }

    def _code(self) -> Iterator[tuple[str, int, str]]:
        """Path, number and text of every line of the changed files at head."""
        for path in self._paths():
            for number, line in enumerate(self._lines(path), 1):
                yield path, number, line

    def _paths(self) -> list[str]:
        request = next(one for one in self._rig.sandbox.state()["merge_requests"] if self._is_ours(one))
        return [file["new_path"] for file in request["files"] if file["status"] != "deleted"]

    def _is_ours(self, request: dict[str, Any]) -> bool:
        return bool(request["source_branch"] == self._branch)

    def _lines(self, path: str) -> list[str]:
        repository = self._rig.sandbox.state_object.project(PROJECT).repository
        content = repository.read(self._branch, path)
        return content.decode().splitlines() if content else []


def _words(code: str) -> dict[str, str]:
    """Title and detail; findings about different lists have different titles."""
    title = TITLES.get(code.partition(".")[0], f"Nobody sees to it that {code} is there")
    return {"title": title, "detail": f"`{code}` raises IndexError for a list without items."}


def answer_fields(body: Body) -> set[str]:
    """What the answer has to hold: "findings" for a reading, "verdicts" for a second look."""
    return set((schema_of(body) or {}).get("properties", {}))


def under_review(body: Body) -> list[str]:
    """The files whose diffs a request shows in its own part."""
    own = text_of({"messages": [one for one in body["messages"] if one["role"] == "user"]})
    return list(dict.fromkeys(HEADING.findall(own)))


def read_files(asked: Iterable[Body]) -> set[str]:
    """The files that were given to a model to read."""
    return {path for body in asked if "findings" in answer_fields(body) for path in under_review(body)}


def _claims(body: Body) -> list[tuple[int, str]]:
    """Number and line of each claim."""
    text = text_of(body)
    return list(zip((int(one) for one in CLAIM.findall(text)), CLAIMED.findall(text), strict=True))


# --- what came of it ---


def reports(rig: Rig, iid: int) -> list[dict[str, Any]]:
    """The accounts of the runs about a merge request that are over."""
    client = rig.redis()
    found = [json.loads(client.get(key) or b"{}") for key in client.keys("trivet:report:*")]
    return [one for one in found if str(one.get("target", "")).endswith(f"!{iid}")]


def settled(rig: Rig, iid: int, seconds: float = 60) -> None:
    """Wait until the present head was reviewed, written or not, and nothing is under way."""
    head = rig.review(iid)["head"]

    def done() -> bool:
        return any((one["head"], one["agent"]) == (head, "review") for one in reports(rig, iid))

    rig.wait(done, seconds, f"a run on !{iid} at {head[:8]}")
    rig.idle()


def delivered(rig: Rig, seconds: float = 30) -> None:
    """Wait until every webhook was answered and what it started is over."""
    rig.wait(
        lambda: all(one["status"] is not None for one in rig.sandbox.state()["deliveries"]),
        seconds,
        "the webhooks to be answered",
    )
    rig.idle()


def writes(rig: Rig) -> list[str]:
    """What the bot has written since the transcript was cleared."""
    seen = rig.sandbox.requests(path="/api/")
    return [f"{one['method']} {one['path']}" for one in seen if one["user"] == BOT and one["method"] != "GET"]


@contextmanager
def nothing_written(rig: Rig) -> Iterator[None]:
    """What happens inside is seen by the bot and moves it to write nothing at all."""
    delivered(rig)
    rig.sandbox.clear_requests()
    yield
    delivered(rig)
    found = writes(rig)
    assert not found, found


def told(rig: Rig, iid: int) -> list[str]:
    """The messages people got from the bot, those that GitLab sends of its own accord left out."""
    mine = [
        one
        for one in rig.sandbox.state()["notifications"]
        if (one["merge_request"], one["user"]) == (iid, BOT)
    ]
    return [one["kind"] for one in mine if one["kind"] != "all_resolved"]


def threads(rig: Rig, iid: int) -> list[dict[str, Any]]:
    """Those that the bot began with a finding, in order."""
    found = rig.review(iid)["discussions"]
    return [one for one in found if is_ours(one["notes"][0]) and "kind=finding" in one["notes"][0]["body"]]


def is_ours(note: dict[str, Any]) -> bool:
    return bool(note["author"] == BOT)


def thread_on(rig: Rig, iid: int, words: str) -> dict[str, Any]:
    """The one thread of a finding whose first note holds these words."""
    (found,) = [one for one in threads(rig, iid) if words in one["notes"][0]["body"]]
    return found


def thread(rig: Rig, iid: int, key: str) -> dict[str, Any]:
    return next(one for one in rig.review(iid)["discussions"] if one["id"] == key)


def replies(rig: Rig, iid: int, key: str) -> list[str]:
    """The bot's replies in a thread, without what is hidden in them; none to a note that stands alone."""
    notes = [
        one for found in rig.review(iid)["discussions"] if found["id"] == key for one in found["notes"][1:]
    ]
    return [shown(one) for one in notes if is_ours(one)]


def alone(rig: Rig, iid: int, mark: str) -> list[str]:
    """The bot's notes that stand alone and hold this mark, as people read them."""
    return [shown(one) for one in rig.review(iid)["notes"] if is_ours(one) and mark in one["body"]]


def shown(note: dict[str, Any]) -> str:
    """Without what is hidden in it."""
    return re.sub(r"<!--.*?-->", "", note["body"], flags=re.DOTALL).strip()


def note_of(rig: Rig, iid: int, mark: str) -> dict[str, Any]:
    """The bot's one note that holds this mark, with the id of its discussion, as GitLab's API has it."""
    project = rig.sandbox.client(BOT).projects.get(PROJECT)
    found = [
        {**note, "discussion": one.id}
        for one in project.mergerequests.get(iid).discussions.list(iterator=True)
        for note in one.attributes["notes"]
        if note["author"]["username"] == BOT and mark in note["body"]
    ]
    (note,) = found
    return note


def reactions(rig: Rig, iid: int, note: int) -> list[str]:
    """The bot's, on a note."""
    given = rig.review(iid)["note_awards"]
    return [one["name"] for one in given if (one["user"], one["note"]) == (BOT, note)]


# --- time ---


def pass_time(rig: Rig, iid: int, minutes: float) -> None:
    """As if everything that was pushed so far had been pushed that much earlier."""
    state = rig.sandbox.state_object
    with state.lock:
        request = state.project(PROJECT).merge_request(iid)
        request.versions = [
            replace(one, created_at=one.created_at - timedelta(minutes=minutes)) for one in request.versions
        ]
