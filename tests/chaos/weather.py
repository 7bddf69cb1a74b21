"""Platforms that have their days: requests they fail before or after they have done them, at random."""

import threading
from collections import Counter
from collections.abc import Mapping
from random import Random
from typing import Any

from tests.sandbox_server import SandboxServer

WRITES = "/(draft_notes|discussions|notes|award_emoji)"
Spec = dict[str, Any]
FAULTS: dict[str, Spec] = {
    "502 before the write": {"method": "POST", "path": WRITES, "status": 502},
    "502 after the write": {"method": "POST", "path": WRITES, "status": 502, "drop_answer": True},
    "cut after the write": {"method": "POST", "path": WRITES, "drop_answer": True},
    "502 after the publish": {
        "method": "POST",
        "path": "/bulk_publish",
        "status": 502,
        "drop_answer": True,
    },
    "429": {"path": "/api/v4/projects/", "status": 429, "headers": {"Retry-After": "1"}},
    "503 of a read": {"method": "GET", "path": "/merge_requests/", "status": 503},
    "slow": {"path": "/merge_requests/", "hang": 2.0},
}
TIME_OUTS: dict[str, Spec] = {
    "time-out of a read": {"method": "GET", "path": "/merge_requests/", "hang": 65.0},
    "time-out after the write": {"method": "POST", "path": WRITES, "drop_answer": True, "hold": 65.0},
}
"""Beyond the client's patience of 60 seconds (`bot.gateways.gitlab_api`)."""
LATEST = 4  # requests that a fault lets pass first


class Weather:
    """So many faults, about every so many seconds, each striking one request of the bot; ends once `enough`.

    `of`: the kinds there are, by name; GitLab's unless others are given.
    """

    def __init__(
        self,
        sandbox: SandboxServer,
        dice: Random,
        faults: int,
        every: float,
        time_outs: int = 0,
        of: Mapping[str, Spec] = FAULTS,
    ) -> None:
        self._sandbox = sandbox
        self._dice = dice
        kinds = [dice.choice(list(of)) for _ in range(faults)]
        kinds += [dice.choice(list(TIME_OUTS)) for _ in range(time_outs)]
        dice.shuffle(kinds)
        self._kinds = kinds
        self._specs = {**of, **TIME_OUTS}
        self._every = every
        self.enough = threading.Event()
        self.ordered = Counter[str]()

    def run(self) -> None:
        for kind in self._kinds:
            if self.enough.wait(self._dice.uniform(0, 2 * self._every)):
                return
            self._sandbox.fault(user="trivet", after=self._dice.randrange(LATEST), **self._specs[kind])
            self.ordered[kind] += 1
