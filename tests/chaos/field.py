"""Where things are broken: the product in processes of its own, beside a GitLab and a model that survive it all.

GitLab is a process apart, so that neither its time nor its locks are shared with what breaks things.
"""

import json
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redis.exceptions import RedisError

from bot.entry.keys import HEARD, SWEEP
from tests.atlassian_server import Deployment
from tests.chaos.counting import DEFECT, Tally, tally
from tests.chaos.crew import Crew
from tests.chaos.scripted import ORDERS, review
from tests.model_server import Body, ModelServer, Reply
from tests.rig import COMMANDS, Rig, processes
from tests.sandbox_server import SandboxServer

CODE = "value = undefined_name\n"
EVERY_THIRD = 3
LOOK_SECONDS = 0.2
OPENED = "Merge Request Hook"
DROPPED = "dropped"
NEVER = 3600.0
SWEPT = 120.0


@dataclass(frozen=True)
class Untold:
    """A merge request whose delivery GitLab keeps back. `key`: by which the delivery is known; `head`: a commit."""

    iid: int
    head: str
    delivery: int
    key: str


class Field(Rig):
    """`pairs`: so many agents and effects workers more, which come back at once when they end.

    `jira`, `confluence`: the deployment of the one that stands beside GitLab, if any.
    """

    def __init__(
        self,
        folder: Path,
        *,
        sweep: float,
        pairs: int,
        jira: Deployment | None = None,
        confluence: Deployment | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(folder, sweep=sweep, **settings)
        self.sandbox = SandboxServer(
            process=True, folder=folder / "sandbox", jira=jira, confluence=confluence
        )
        self.crew = Crew(folder, pairs)

    def start(self) -> None:
        """The first sweep is over then: what is opened later, it has not seen."""
        super().start()
        self.wait(lambda: self.redis().hexists(HEARD, SWEEP), what="the first sweep")
        self.crew.start(self.environment)

    def stop(self, seconds: float = 40) -> int | None:
        self.crew.stop()
        return super().stop(seconds)

    # what happens at GitLab

    def untold(self, count: int, name: str) -> list[Untold]:
        """So many merge requests, each with a defect, every third with one for the model; nobody is told of them."""
        before = len(self._told())
        self.sandbox.drop_hooks()
        iids = [self.open(f"{name}-{number:04}", EVERY_THIRD) for number in range(count)]
        self.sandbox.drop_hooks(False)
        told = self._told()[before:]
        assert len(told) == count, f"{len(told)} deliveries of {count} merge requests"
        heads = {one["iid"]: one["head"] for one in self.sandbox.state()["merge_requests"]}
        return [Untold(iid, heads[iid], one["id"], one["key"]) for iid, one in zip(iids, told, strict=True)]

    def open(self, branch: str, every: int = 1) -> int:
        """A merge request from this branch; its number. One of `every` has a defect that the model alone sees."""
        files = {f"{branch}/{DEFECT}": CODE}
        if int(branch.rpartition("-")[2]) % every == 0:
            files[f"{branch}/orders.py"] = ORDERS
        self.sandbox.push(branch, files, start="main")
        return self.sandbox.merge_request(f"Add {branch}", source=branch)

    def tell(self, requests: Sequence[Untold], rate: float) -> None:
        """Send their deliveries, so many a second."""
        began = time.monotonic()
        for number, one in enumerate(requests):
            time.sleep(max(began + number / rate - time.monotonic(), 0))
            self.sandbox.resend(one.delivery)

    def acknowledged(self, requests: Sequence[Untold]) -> list[Untold]:
        """Those whose delivery was answered with 202."""
        keys = {one["key"] for one in self._told() if one["status"] == 202}
        return [one for one in requests if one.key in keys]

    def answers(self, requests: Sequence[Untold]) -> Counter[str]:
        """With what their deliveries were answered: a status, or the fault."""
        keys = {one.key for one in requests}
        sent = (one for one in self._told() if one["key"] in keys and one["status"] != DROPPED)
        return Counter(str(one["status"]) for one in sent)

    def _told(self) -> list[dict[str, Any]]:
        return [one for one in self.sandbox.state()["deliveries"] if one["event"] == OPENED]

    # what becomes of it

    def settled(self, seconds: float) -> bool:
        """Whether every delivery was answered and every run that began is over, in time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self._is_told() and self._is_quiet():
                return True
            time.sleep(LOOK_SECONDS)
        return False

    def reviewed_all(self, iids: Sequence[int], seconds: float) -> bool:
        """Whether each of these carries its review, in time."""
        deadline = time.monotonic() + seconds
        while self.tally(iids).lost:
            if time.monotonic() > deadline:
                return False
            time.sleep(LOOK_SECONDS)
        return True

    def _is_told(self) -> bool:
        return all(one["status"] for one in self.sandbox.state()["deliveries"])

    def _is_quiet(self) -> bool:
        try:
            return self.unfinished() == 0
        except RedisError:
            return False

    def all_wait(self) -> bool:
        """Whether runs are under way, and each of them was put back."""
        pauses = self.pauses()
        runs = self.outages()
        return bool(runs) and all(pauses.get(run, 0) > 0 for run in runs)

    def tally(self, iids: Iterable[int], most_notifications: int = 1) -> Tally:
        return tally(self.sandbox.state(), {*iids}, most_notifications)

    def sweep(self) -> None:
        """A look at everything, as `trivet sweep` takes it. Raises AssertionError where not all could be seen."""
        done = subprocess.run(
            self.crew.command("sweep"),
            env=self.crew.environment(self.environment, "schedule"),
            capture_output=True,
            text=True,
            timeout=SWEPT,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    # who is there to be broken

    def parts(self, name: str) -> list[int]:
        """The processes of a part of `trivet up`: none while it is started again."""
        wanted = COMMANDS[name]
        return [pid for pid, parent, command in processes() if parent == self.up_pid and wanted in command]

    def workers(self) -> dict[int, list[int]]:
        """Every worker that takes jobs, with its job's processes, the nearest first."""
        there = processes()
        children: dict[int, list[int]] = {}
        for pid, parent, _ in there:
            children.setdefault(parent, []).append(pid)
        bosses = {self.up_pid, *self.crew.bosses}
        found = [pid for pid, parent, command in there if parent in bosses and "bot work " in command]
        return {pid: list(_below(pid, children)) for pid in found}

    def keep(self) -> None:
        """Write down what GitLab holds and was asked, for whoever looks into it."""
        (self.folder / "state.json").write_text(json.dumps(self.sandbox.state(), indent=1))
        (self.folder / "requests.json").write_text(json.dumps(self.sandbox.requests(), indent=1))


def _below(pid: int, children: dict[int, list[int]]) -> Iterator[int]:
    for child in children.get(pid, ()):
        yield child
        yield from _below(child, children)


@contextmanager
def field(
    folder: Path, *, sweep: float = NEVER, pairs: int = 0, reply: Callable[[Body], Reply] = review
) -> Iterator[tuple[Field, ModelServer]]:
    """The product at work in this folder, with the model it asks; what GitLab saw is kept there at the end."""
    with ExitStack() as stack:
        model = stack.enter_context(ModelServer())
        model.reply = reply
        settings = model.environ("openai")
        started = stack.enter_context(Field(folder, sweep=sweep, pairs=pairs, **settings))
        try:
            yield started, model
        finally:
            started.keep()
