"""From a delivery to the published review of three files: raw, and without the time GitLab's stand-in took."""

import http.client
import tempfile
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bot.sandbox import webhooks
from tests.bench.merge_requests import open_request
from tests.bench.table import Row, row
from tests.rig import Rig

FILES = 3
WARM_UP = 2
MOST_SECONDS = 0.25
SECONDS = "{:.3f} s"
BESIDE = "award_emoji"  # the quiet reaction is another worker's, beside the review

Span = tuple[float, float]


def rows(runs: int = 11) -> list[Row]:
    with tempfile.TemporaryDirectory() as name, Rig(Path(name)) as rig:
        rig.sandbox.drop_hooks()
        seen = [_one_review(rig, f"warm-{number}") for number in range(WARM_UP + runs)][WARM_UP:]
    what = f"warm delivery to published review, {FILES} files"
    own = [raw - platform for raw, platform in seen]
    return [
        row(f"{what}, platform time excluded", own, SECONDS, "under 0.25 s", MOST_SECONDS),
        row(f"{what}, all of it", [raw for raw, _ in seen], SECONDS),
    ]


def _one_review(rig: Rig, name: str) -> tuple[float, float]:
    """Seconds from sending the delivery to the answer of the publish, and of these the platform's."""
    rig.idle()
    rig.sandbox.clear_requests()
    open_request(rig.sandbox, FILES, name)
    sent = time.time()
    _deliver(rig)
    published = _ended(rig.wait(lambda: _publishes(rig), what="the review"))
    spans = [_span(one) for one in _requests(rig) if BESIDE not in one["path"]]
    return published - sent, _covered(
        (begin, min(end, published)) for begin, end in spans if begin < published
    )


def _deliver(rig: Rig) -> None:
    """What the stand-in held back, sent by ourselves. Raises AssertionError unless it is accepted."""
    state = rig.sandbox.state_object
    delivery = next(one for one in reversed(state.seen.deliveries) if one.event == "Merge Request Hook")
    url = urlsplit(delivery.hook.url)
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=10)
    connection.request("POST", url.path, delivery.body, webhooks.headers(state, delivery, time.time()))
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    assert answer.status == 202, text


def _requests(rig: Rig) -> list[dict[str, Any]]:
    """The product's, read where they are kept: asking over HTTP would take the stand-in's time."""
    return [one for one in rig.sandbox.state_object.seen.requests if one["user"] == "trivet"]


def _publishes(rig: Rig) -> dict[str, Any] | None:
    return next((one for one in _requests(rig) if one["path"].endswith("bulk_publish")), None)


def _ended(request: dict[str, Any]) -> float:
    return datetime.fromisoformat(request["at"]).timestamp()


def _span(request: dict[str, Any]) -> Span:
    return _ended(request) - request["ms"] / 1000, _ended(request)


def _covered(spans: Iterable[Span]) -> float:
    """Seconds covered by the spans; what two cover counts once."""
    total, until = 0.0, 0.0
    for begin, end in sorted(spans):
        total += max(0.0, end - max(begin, until))
        until = max(until, end)
    return total


if __name__ == "__main__":
    print(*rows(), sep="\n")
