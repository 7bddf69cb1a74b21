"""S8: the same push told of many times at once, as one delivery and as many: one run, one review."""

import http.client
import json
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

from bot.entry.keys import text
from tests.bench.deliveries import event
from tests.canaries import HOOK_SECRET
from tests.chaos.field import Field, field
from tests.chaos.gates import Gate, shown

HOOKS = "/hooks/gitlab"


@dataclass(frozen=True)
class Copies:
    copies: int = 100
    drain_seconds: float = 60


SHORT = Copies()
LONG = Copies(1000)


def copies(dice: Random, folder: Path, size: Copies = SHORT) -> list[Gate]:
    with field(folder) as (here, _):
        key = str(UUID(int=dice.getrandbits(128)))
        others = [str(UUID(int=dice.getrandbits(128))) for _ in range(size.copies)]
        return [
            _one(here, 1, [key] * size.copies, "identical deliveries", size),
            _one(here, 2, others, "deliveries of one push, each with a key of its own,", size),
        ]


def _one(here: Field, number: int, keys: list[str], what: str, size: Copies) -> Gate:
    here.sandbox.drop_hooks()
    iid = here.open(f"copies-{number}")
    here.sandbox.drop_hooks(False)
    body = _body(here, iid)
    together = threading.Barrier(len(keys))

    def sent(key: str) -> tuple[int, str, tuple[str, ...]]:
        together.wait(30)
        return _sent(here.port, body, key)

    with ThreadPoolExecutor(len(keys)) as pool:
        answers = list(pool.map(sent, keys))
    is_settled = here.settled(size.drain_seconds)
    seen = here.tally([iid])
    runs = {run for _, _, named in answers for run in named} | set(_runs(here, iid))
    statuses = Counter(f"{status} {said}" for status, said, _ in answers)
    return Gate(
        "S8 the same at once",
        f"{len(keys)} {what} at once",
        f"{', '.join(f'{count} x {name}' for name, count in sorted(statuses.items()))}; runs: {len(runs)}; "
        f"lost: {shown(seen.lost)}; doubled: {shown(seen.doubled)}",
        "all 202, 1 run, 1 summary",
        is_settled
        and {status for status, _, _ in answers} == {202}
        and len(runs) == 1
        and not (seen.lost or seen.doubled),
    )


def _body(here: Field, iid: int) -> bytes:
    """What GitLab tells of a merge request that was opened."""
    request = here.review(iid)
    payload = event()
    payload["project"]["id"] = request["project_id"]
    about = {"iid": iid, "source_branch": request["source_branch"], "title": request["title"]}
    about["last_commit"] = payload["object_attributes"]["last_commit"] | {"id": request["head"]}
    payload["object_attributes"] |= about
    return json.dumps(payload).encode()


def _sent(port: int, body: bytes, key: str) -> tuple[int, str, tuple[str, ...]]:
    """The status, what was said, and the run that was named."""
    headers = {
        "content-type": "application/json",
        "x-gitlab-token": HOOK_SECRET,
        "x-gitlab-event": "Merge Request Hook",
        "idempotency-key": key,
    }
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", HOOKS, body, headers)
        answer = connection.getresponse()
        said: dict[str, Any] = json.loads(answer.read())
        return answer.status, said["status"], (said["run"],) if said.get("run") else ()
    finally:
        connection.close()


def _runs(here: Field, iid: int) -> Iterator[str]:
    """The reviews of a merge request that were ever begun."""
    client = here.redis()
    for key in map(text, client.keys("trivet:run:*")):
        request = json.loads(client.hget(key, "request") or "{}")
        if (request.get("iid"), request.get("agent")) == (iid, "review"):
            yield key.rpartition(":")[2]
