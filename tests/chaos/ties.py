"""S2: workers are killed at random while merge requests name issues, issues start work and merges change pages.

GitLab, Jira and Confluence stumble meanwhile, before a write and after it was done, and a sweep looks at everything
every few seconds, beside the webhooks. What people do next waits for what they would see first.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from random import Random

from tests.atlassian_server import Deployment
from tests.chaos.counting import Tally
from tests.chaos.counting_issues import issues
from tests.chaos.counting_pages import Kept, pages
from tests.chaos.gates import Gate, shown
from tests.chaos.grounds import GUIDE, Grounds, Sight, grounds
from tests.chaos.kills import Reaper
from tests.chaos.weather import Spec, Weather
from tests.limits import code

DEPLOYMENTS: tuple[Deployment, ...] = ("cloud", "datacenter")
LIMITS = (50, 70, 90, 110)
LOOK_SECONDS = 0.4
JIRA = "^/jira/.*/(comment|remotelink|transitions|properties)"
CONFLUENCE = "^/confluence/.*/(pages|content|propert|footer-comments)"
GITLAB = "^/api/.*/(notes|statuses|branches|merge_requests$)"
WAYS: dict[str, Spec] = {
    "503 before": {"status": 503},
    "502 after": {"status": 502, "drop_answer": True},
    "cut after": {"drop_answer": True},
}
FAULTS: dict[str, Spec] = {
    f"{way} a {method} at {platform}": {"method": method, "path": path, **spec}
    for platform, path in {"GitLab": GITLAB, "Jira": JIRA, "Confluence": CONFLUENCE}.items()
    for method in ("POST", "PUT")
    for way, spec in WAYS.items()
} | {
    "429 at Jira": {"path": "^/jira/", "status": 429, "headers": {"Retry-After": "1"}},
    "429 at Confluence": {"path": "^/confluence/", "status": 429, "headers": {"Retry-After": "1"}},
    "503 of a read at Jira": {"path": "^/jira/", "method": "GET", "status": 503},
    "503 of a read at Confluence": {"path": "^/confluence/", "method": "GET", "status": 503},
}
UNTOLD = "; {number} people still waited for something at the end"
UNDER_WAY = "; runs were still under way at the end"
TOO_FEW = "; only {made} of {wanted} kills were made: everything was over before"

Condition = Callable[[Sight], bool]
Story = Iterator[Condition]
"""What a person does, piece by piece: each waits until this is to be seen."""
Waiting = tuple[Story, Condition]


@dataclass(frozen=True)
class Ties:
    """`named`: merge requests for an issue each; `begun`: issues that start work; `guides`: pages,
    each of which so many `changes` make wrong one after the other.

    `every`: seconds between two kills, about; `sweep`: seconds between looks at everything.
    """

    named: int = 5
    begun: int = 4
    guides: int = 2
    changes: int = 2
    kills: int = 6
    every: float = 1.2
    faults: int = 12
    pairs: int = 1
    sweep: float = 10
    patience: float = 150
    drain_seconds: float = 120


SHORT = Ties()
LONG = Ties(80, 60, 20, 4, 120, 3, 400, pairs=2, patience=1800, drain_seconds=900)


class Told:
    """What people did, by issue and page, to be compared with what became of it."""

    def __init__(self, here: Grounds, size: Ties) -> None:
        self._here = here
        self._numbers = count(1)
        self.named: dict[str, int] = {}
        self.begun: list[str] = []
        self.kept: list[Kept] = []
        guides = [self._guide(number, LIMITS[: size.changes]) for number in range(1, size.guides + 1)]
        named = [self._named() for _ in range(size.named)]
        begun = [self._begun() for _ in range(size.begun)]
        self.waiting: list[Waiting] = [(story, _at_once) for story in (*guides, *named, *begun)]

    def _begun(self) -> Story:
        """An issue that somebody takes up."""
        key = self._issue("Something new")
        self._here.jira.act(key, "move", to="In Progress", user="ada")
        self.begun.append(key)
        yield _at_once

    def _named(self) -> Story:
        """A merge request for an issue, merged once the issue says it is worked on."""
        number = next(self._numbers)
        yield from self._merged({f"part-{number}.txt": "one\n"}, f"part {number}")

    def _guide(self, number: int, limits: tuple[int, ...]) -> Story:
        """Changes that a page describes: the first new text is accepted by a person, later ones are written unasked."""
        title = GUIDE.format(number=number)
        for limit in limits:
            accepts = limit == limits[0]
            yield from self._merged({f"guide-{number}/cart.py": code(limit)}, f"{title} {limit}", accepts)
            yield _says(title, limit)
        self.kept.append(Kept(title, limits))

    def _merged(self, files: dict[str, str], title: str, accepts: bool = False) -> Story:
        key = self._issue(title)
        iid = self._here.request(key, title, files)
        if accepts:
            yield lambda sight: bool(_proposals(sight, iid))
            (note,) = _proposals(self._here.look(), iid)[:1]
            self._here.sandbox.act(iid, "award", name="thumbsup", note=note, user="grace")
        yield lambda sight: sight.status(key) == "In Progress"
        self._here.sandbox.act(iid, "merge", user="grace")
        self.named[key] = iid

    def _issue(self, title: str) -> str:
        return self._here.jira.create(title, user="ada")


def _says(title: str, limit: int) -> Condition:
    return lambda sight: f"<strong>{limit}</strong>" in sight.pages(title)[0]["body"]


def _at_once(_sight: Sight) -> bool:
    return True


def _proposals(sight: Sight, iid: int) -> list[int]:
    """Our notes there that propose a text for a page."""
    return [one["id"] for one in sight.request(iid)["notes"] if "kind=page" in one["body"]]


def ties(dice: Random, folder: Path, size: Ties = SHORT) -> list[Gate]:
    jira, confluence = dice.choice(DEPLOYMENTS), dice.choice(DEPLOYMENTS)
    given = {"pairs": size.pairs, "sweep": size.sweep, "guides": size.guides}
    with grounds(folder, jira=jira, confluence=confluence, **given) as here:
        told = Told(here, size)
        reaper, troubles, waiting = _stormed(here, told, dice, size)
        problem = _drained(here, waiting, size)
        if reaper.killed.total() < size.kills:
            problem += TOO_FEW.format(made=reaper.killed.total(), wanted=size.kills)
        done = (
            f"{len(told.named)} merge requests that name issues, {len(told.begun)} issues that start work, "
            f"{len(told.kept)} pages changed {size.changes} times; Jira {jira}, Confluence {confluence}; "
            f"kill -9: {reaper}; faults: {troubles.ordered.total()}"
        )
        return judged(seen(here.look(with_branches=True), told), done, problem)


def _stormed(here: Grounds, told: Told, dice: Random, size: Ties) -> tuple[Reaper, Weather, list[Waiting]]:
    """Who killed, what failed, and the stories that could not be told to their end meanwhile."""
    reaper = Reaper(here, Random(dice.random()), size.kills, size.every)
    every = size.every * size.kills / max(size.faults, 1)
    troubles = Weather(here.sandbox, Random(dice.random()), size.faults, every, of=FAULTS)
    with ThreadPoolExecutor(2) as pool:
        under_way = [pool.submit(reaper.run), pool.submit(troubles.run)]
        waiting = _tell(here, told.waiting, size.patience)
        here.settled(size.drain_seconds)
        reaper.enough.set()
        troubles.enough.set()
        for one in under_way:
            one.result()
    return reaper, troubles, waiting


def _drained(here: Grounds, waiting: list[Waiting], size: Ties) -> str:
    """Let it come to its end, with a sweep and no more trouble; what there is to say against that."""
    here.sandbox.clear_faults()
    here.sweep()
    left = _tell(here, waiting, size.drain_seconds)
    problem = "" if here.settled(size.drain_seconds) else UNDER_WAY
    return problem + (UNTOLD.format(number=len(left)) if left else "")


def _tell(here: Grounds, waiting: list[Waiting], seconds: float) -> list[Waiting]:
    """Go on with each story when it can; those that could not in time."""
    deadline = time.monotonic() + seconds
    while waiting and time.monotonic() < deadline:
        sight = here.look()
        waiting = [one for story, until in waiting for one in _next(story, until, sight)]
        time.sleep(LOOK_SECONDS)
    return waiting


def _next(story: Story, until: Condition, sight: Sight) -> Iterator[Waiting]:
    """What this story waits for now; nothing where it is over."""
    if not until(sight):
        yield story, until
    elif further := next(story, None):
        yield story, further


def seen(sight: Sight, told: Told) -> Tally:
    found = (issues(sight, told.named, told.begun), pages(sight, list(told.named.values()), told.kept))
    return Tally(
        lost=tuple(text for one in found for text in one.lost),
        doubled=tuple(text for one in found for text in one.doubled),
        left=tuple(text for one in found for text in one.left),
    )


def judged(found: Tally, done: str, problem: str = "") -> list[Gate]:
    """The rows of S1 and S2. `problem`: why the first says nothing, whatever was seen."""
    lost = f"lost: {shown(found.lost)}{problem}"
    left = f"; left behind: {shown(found.left)}" if found.left else ""
    doubled = f"doubled: {shown(found.doubled)}{left}"
    return [
        Gate("S1 kill -9 of workers: issues and pages", done, lost, "0 lost", not (found.lost or problem)),
        Gate(
            "S2 kill -9 of workers: links, moves, drafts, page versions",
            "the same",
            doubled,
            "0 doubled",
            not found.doubled,
        ),
    ]
