"""A worker's whole process tree is killed in the middle of a review: how long until the job runs again."""

import tempfile
import time
from pathlib import Path

from tests.bench.merge_requests import open_request
from tests.bench.table import Row, row
from tests.rig import Rig

MOST_SECONDS = 15
SECONDS = "{:.1f} s"
HANG_SECONDS = 8


def rows(runs: int = 3) -> list[Row]:
    with tempfile.TemporaryDirectory() as name, Rig(Path(name)) as rig:
        seen = [_one_death(rig, f"killed-{number}") for number in range(runs)]
    what = "a worker's process tree is killed: time until the job runs again"
    return [row(what, seen, SECONDS, "under 15 s", MOST_SECONDS)]


def _one_death(rig: Rig, name: str) -> float:
    """Seconds from the kill to the first request of the job's second execution."""
    rig.idle()
    rig.sandbox.clear_requests()
    rig.sandbox.fault(path="/discussions", method="GET", hang=HANG_SECONDS, times=1)
    iid = open_request(rig.sandbox, 1, name)
    begun = f"/merge_requests/{iid}"
    rig.wait(lambda: rig.sandbox.requests(path="/diffs"), what="the job to be on its way")
    before = len(_reads(rig, begun))
    rig.kill("agents", tree=True)
    killed = time.monotonic()
    rig.wait(lambda: len(_reads(rig, begun)) > before, what="the job to run again")
    seconds = time.monotonic() - killed
    rig.reviewed(iid)
    return seconds


def _reads(rig: Rig, path: str) -> list[dict[str, str]]:
    return [one for one in rig.sandbox.requests("GET") if one["path"].endswith(path)]


if __name__ == "__main__":
    print(*rows(), sep="\n")
