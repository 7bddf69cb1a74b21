"""Real processes meet what nobody foresaw, a record in Redis that is no record, and a Sentry on this machine is told.

Slow (half a minute): what is bought is that a job that is tried six times, in processes of its own, is one event, that
nothing of what it worked on is in it, and that the next one is done as if nothing had been.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bot.domain.seals import Seals
from bot.entry import keys
from tests.rig import Rig
from tests.sentry_sink import SentrySink

TOKEN = "glpat-" + "Zq8Rt2vLm4" + "Xc7Wn1Kd9P"
MARK_SECRET = "Xc7Wn1Kd9P" + "Zq8Rt2vLm4"
PAYLOAD = (
    "their-" + "own-words"
)  # short, as pydantic quotes no more than fifty characters of what it cannot read
DEFECT = {"code.py": "value = undefined_name\n"}


@pytest.fixture(scope="module")
def opened() -> Iterator[SentrySink]:
    with SentrySink() as sink:
        yield sink


@pytest.fixture(scope="module")
def rig(opened: SentrySink, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    settings = {"TRIVET_SENTRY_DSN": opened.dsn, "TRIVET_MARK_SECRETS": MARK_SECRET}
    with Rig(tmp_path_factory.mktemp("rig"), **settings) as started:
        yield started


@pytest.fixture
def sink(opened: SentrySink) -> SentrySink:
    """What tests before were told is forgotten."""
    opened.items.clear()
    opened.raw.clear()
    return opened


def leave(rig: Rig, run: str, content: bytes) -> None:
    """In the place of the run's proposal, as an agents worker of our own would that is broken."""
    rig.redis().set(keys.proposal(run), content)
    rig.redis().hset(keys.run(run), "seal", Seals([MARK_SECRET]).seal(b"proposal", run.encode(), content))


def test_a_job_that_breaks_each_time_is_one_event_that_names_its_run(rig: Rig, sink: SentrySink) -> None:
    with held(rig, "effects"):
        opened = rig.sandbox.merge_request(files=DEFECT, source="broken-proposal")
        job, run = queued(rig, "apply")
        leave(rig, run, f'{{"agent": "{PAYLOAD}"}}'.encode())
        try_again_at_once(rig, job)
    (event,) = sink.wait(1)
    rig.idle()
    assert event["tags"] == {"role": "effects", "job": "apply", "run": run}
    assert rig.log().count("the job broke") == 6
    assert f"the log of run {run} has the details" in rig.run(run)["message"]
    assert rig.findings(opened) == []
    goes_on_and_told_nothing_more(rig, sink, "after-a-broken-proposal")


def test_a_job_whose_run_cannot_be_read_is_one_event_too(rig: Rig, sink: SentrySink) -> None:
    with held(rig, "agents"):
        rig.sandbox.merge_request(files=DEFECT, source="broken-run")
        job, run = queued(rig, "propose")
        rig.redis().hset(keys.run(run), "request", f'"{TOKEN}"')
        try_again_at_once(rig, job)
    (event,) = sink.wait(1)
    assert event["tags"] == {"role": "agents", "job": "propose", "run": run}
    rig.wait(lambda: rig.redis().hget(job, "status") == b"failed", what="the last try to be over")
    rig.redis().delete(keys.run(run))
    rig.redis().zrem(keys.UNFINISHED, run)
    goes_on_and_told_nothing_more(rig, sink, "after-a-broken-run")


def test_a_delivery_that_breaks_the_receiver_is_one_event_however_often_it_comes(
    rig: Rig, sink: SentrySink
) -> None:
    rig.reviewed(rig.sandbox.merge_request(files=DEFECT, source="seen", title=PAYLOAD))
    rig.idle()
    deliveries = [one for one in rig.sandbox.state()["deliveries"] if one["event"] == "Merge Request Hook"]
    for key in rig.redis().keys(keys.delivery("*")):
        rig.redis().set(key, b"\xff\xfe")
    for _ in range(5):
        rig.sandbox.resend(deliveries[-1]["id"])
    (event,) = sink.wait(1)
    assert event["tags"] == {"role": "serve"}
    assert event["exception"]["values"][0]["type"] == "UnicodeDecodeError"
    goes_on_and_told_nothing_more(rig, sink, "after-a-broken-delivery")


def goes_on_and_told_nothing_more(rig: Rig, sink: SentrySink, branch: str) -> None:
    """The next merge request is reviewed; a job's process ends after its events were sent, so none is under way."""
    iid = rig.sandbox.merge_request(files=DEFECT, source=branch)
    rig.reviewed(iid)
    rig.idle()
    assert len(rig.findings(iid)) == 1
    assert len(sink.events) == 1
    assert sink.refused == []
    for canary in (PAYLOAD, TOKEN, rig.environment["TRIVET_GITLAB__TOKEN"]):
        assert not sink.heard(canary)


@contextmanager
def held(rig: Rig, name: str) -> Iterator[None]:
    """A worker that does nothing meanwhile."""
    rig.idle()
    worker = rig.process(name)
    os.kill(worker, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(worker, signal.SIGCONT)


def queued(rig: Rig, kind: str) -> tuple[str, str]:
    """The Redis key of the one job of a kind, once it is there, and its run."""
    (key,) = rig.wait(lambda: rig.redis().keys(f"rq:job:{kind}-*"), what=f"a job to {kind}")
    return key.decode(), key.decode().split("-")[1]


def try_again_at_once(rig: Rig, job: str) -> None:
    """Its tries follow each other; the last would come after thirteen minutes."""
    rig.redis().hset(job, "retry_intervals", "[0]")
