"""How fast deliveries are acknowledged while 60-file reviews run, one after the other, on the same cores.

Deliveries come at a fixed rate, and a latency counts from the moment a delivery was due.
"""

import tempfile
from pathlib import Path

from tests.bench.deliveries import SIGNING_TOKEN
from tests.bench.load import Load, open_load
from tests.bench.merge_requests import open_many
from tests.bench.table import Row, row
from tests.canaries import HOOK_SECRET
from tests.rig import Rig

RATE = 200
FILES = 60
MOST_MS = 50
MS = "{:.1f} ms"


def rows(windows: int = 3, seconds: float = 10, reviews: int = 60) -> list[Row]:
    """`reviews`: how many merge requests wait at the start of a window, more than are done by its end."""
    loads = [_window(seconds, reviews) for _ in range(windows)]
    load = f"{RATE} deliveries/s (20 KB, each a new run, {seconds:g} s)"
    what = f"acknowledgement {{}} at {load} during {FILES}-file reviews"
    return [
        row(what.format("p50"), [load.p50 for load in loads], MS),
        row(what.format("p99"), [load.p99 for load in loads], MS, "under 50 ms", MOST_MS),
        row(what.format("maximum"), [load.longest for load in loads], MS),
    ]


def _window(seconds: float, reviews: int) -> Load:
    with tempfile.TemporaryDirectory() as name:
        secrets = f"{HOOK_SECRET},{SIGNING_TOKEN}"
        with Rig(Path(name), TRIVET_GITLAB__WEBHOOK_SECRETS=secrets) as rig:
            _queue_reviews(rig, reviews)
            rig.wait(lambda: rig.sandbox.requests(path="/diffs"), what="the first review to begin")
            load = open_load(rig.port, rate=RATE, seconds=seconds)
            done = len(rig.sandbox.requests("POST", "bulk_publish"))
            assert 0 < done < reviews, f"{done} of {reviews} reviews ended: they did not run all the time"
            return load


def _queue_reviews(rig: Rig, reviews: int) -> None:
    """Merge requests whose deliveries are held back until all are there."""
    rig.sandbox.drop_hooks()
    open_many(rig.sandbox, reviews, FILES, "large")
    held = [one.id for one in rig.sandbox.state_object.seen.deliveries if one.event == "Merge Request Hook"]
    rig.sandbox.drop_hooks(False)
    for delivery in held:
        rig.sandbox.resend(delivery)


if __name__ == "__main__":
    print(*rows(), sep="\n")
