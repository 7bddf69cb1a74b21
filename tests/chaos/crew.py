"""More workers beside those of `trivet up`, as on a second machine: what ends is started again at once."""

import os
import subprocess
import threading
from pathlib import Path

from bot.entry.credentials import MARKS, REDIS, split
from bot.entry.embedded import redis_url
from bot.entry.supervisor import PYTHON
from tests.canaries import watch

QUEUES = ("agents", "effects")
LOOK_SECONDS = 0.1
STOP_SECONDS = 40.0


class Crew:
    """`pairs` of workers, one of each queue; none before `start`. Each has only the credentials of its role."""

    def __init__(self, folder: Path, pairs: int) -> None:
        self._data = folder / "data"
        self._links = folder / "links"
        self._log = watch(folder / "crew.log")
        self._roles = QUEUES * pairs
        self._started: dict[int, subprocess.Popen[bytes]] = {}
        self._stop = threading.Event()
        self._watcher: threading.Thread | None = None

    @property
    def bosses(self) -> set[int]:
        """The processes whose children the workers are: our own."""
        return {os.getpid()} if self._started else set()

    def start(self, base: dict[str, str]) -> None:
        """`base`: the environment of `trivet up`."""
        if not self._roles:
            return
        self._stop.clear()
        for place, role in enumerate(self._roles):
            self._begin(place, role, base)
        self._watcher = threading.Thread(target=self._watch, args=(base,), name="crew", daemon=True)
        self._watcher.start()

    def stop(self) -> None:
        """SIGTERM to all; who does not end in time is killed."""
        self._stop.set()
        if self._watcher:
            self._watcher.join()
        for process in self._started.values():
            process.terminate()
        for process in self._started.values():
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._started.clear()

    def environment(self, base: dict[str, str], role: str) -> dict[str, str]:
        """What a process of this role is given."""
        shared = {REDIS: redis_url(self._data), MARKS: (self._data / "mark-secret").read_text().strip()}
        return split(base | shared, role, self._links / role)

    @staticmethod
    def command(*words: str) -> list[str]:
        return [*PYTHON, *words]

    def _watch(self, base: dict[str, str]) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            for place, role in enumerate(self._roles):
                if self._started[place].poll() is not None:
                    self._begin(place, role, base)

    def _begin(self, place: int, role: str, base: dict[str, str]) -> None:
        with self._log.open("ab") as log:
            self._started[place] = subprocess.Popen(
                self.command("work", role), env=self.environment(base, role), stdout=log, stderr=log
            )
