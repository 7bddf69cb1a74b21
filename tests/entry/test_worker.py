"""What RQ's workers do with our jobs, and refuse to do with anybody else's."""

import json
import os
import pickle
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis
from rq.job import JobStatus

from bot.entry.meters import METERS, count
from bot.entry.queue import AGENTS, EFFECTS, JOBS, enqueue, new_job, run_id
from bot.entry.store import Store
from bot.entry.worker import drain_seconds
from tests.job_requests import push_request
from tests.redis_server import RedisServer
from tests.rig import processes

ROOT = Path(__file__).parents[2]
PROGRAM = """
import logging, os, pathlib, sys, time
from redis import Redis
from bot.entry import worker as ours
from bot.entry.worker import make_worker

logging.basicConfig(level=logging.INFO)
folder = pathlib.Path(sys.argv[2])
done = (folder / "done.txt").open("a")

def propose(run):
    done.write(f"began {run}\\n"); done.flush()
    if run == "stubborn":
        for _ in range(40):
            try:
                time.sleep(0.25)
            except Exception:
                pass
    if run == "broken":
        raise ValueError("a secret word")
    if run.startswith("dead"):
        os.kill(os.getpid(), 9)
    while run.startswith("waiting") and not (folder / "go").exists():
        time.sleep(0.05)
    done.write(f"ended {run}\\n"); done.flush()

def at_first(broken, whole):
    sign = folder / "broken-once"
    def tried(*arguments):
        if sign.exists():
            return whole(*arguments)
        sign.touch()
        return broken(*arguments)
    return tried

def out_of_processes():
    raise BlockingIOError(11, "Resource temporarily unavailable")

def without_a_parent(_parent):
    raise OSError("no prctl here")

worker = make_worker("agents", Redis.from_url(sys.argv[1]), {"propose": propose})
if "unborn" in sys.argv:
    worker.main_work_horse = at_first(lambda *_: os.kill(os.getpid(), 9), worker.main_work_horse)
if "unforked" in sys.argv:
    os.fork = at_first(out_of_processes, os.fork)
if "unparented" in sys.argv:
    ours.die_with_parent = at_first(without_a_parent, ours.die_with_parent)
worker.run(burst="burst" in sys.argv)
"""
BROKEN_RUN = """
import sys
from redis import Redis
from bot.domain.seals import Seals
from bot.entry.jobs import Jobs
from bot.entry.store import Store
from bot.entry.worker import make_worker

def means(run):
    raise KeyError("nobody foresaw it")

redis = Redis.from_url(sys.argv[1])
jobs = Jobs(Store(redis), seals=lambda: Seals(["a mark secret of a test"]), means=means)
make_worker("agents", redis, jobs.table()).run(burst=True)
"""


def program(server: RedisServer, folder: Path, *words: str) -> list[str]:
    return [sys.executable, "-c", PROGRAM, server.url, str(folder), *words]


def work(server: RedisServer, folder: Path, *words: str) -> tuple[str, str]:
    """Let a worker do what is queued; what it did, and what it logged."""
    log = logged(program(server, folder, "burst", *words))
    done = folder / "done.txt"
    return done.read_text() if done.exists() else "", log


def logged(command: list[str]) -> str:
    """What a program says that ends well."""
    process = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60, check=True)
    return process.stdout + process.stderr


class Working:
    """A worker that waits for jobs; the run `waiting` ends once it is `let_go`."""

    def __init__(self, server: RedisServer, folder: Path) -> None:
        self.folder = folder
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.process = subprocess.Popen(
            program(server, folder),
            cwd=ROOT,
            env=os.environ | {"TMPDIR": str(self.temporary)},
            start_new_session=True,
        )
        until(self.beaten)

    def beaten(self) -> float:
        """When the worker last gave a sign of life, as a Unix time; 0 before the first."""
        return max((file.stat().st_mtime for file in self.temporary.rglob("agents-*")), default=0.0)

    def beats(self, seconds: float = 10) -> None:
        """Wait for another sign of life than the last."""
        last = self.beaten()
        until(lambda: self.beaten() > last, seconds)

    def did(self) -> list[str]:
        file = self.folder / "done.txt"
        return file.read_text().splitlines() if file.exists() else []

    def begun(self, run: str) -> None:
        until(lambda: f"began {run}" in self.did())

    def let_go(self) -> None:
        (self.folder / "go").touch()

    def horses(self) -> list[int]:
        return [pid for pid, parent, _ in processes() if parent == self.process.pid]

    def ended(self, seconds: float = 20) -> int:
        """The exit code."""
        return self.process.wait(seconds)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def working(redis_server: RedisServer, tmp_path: Path) -> Iterator[Working]:
    worker = Working(redis_server, tmp_path)
    yield worker
    worker.kill()


def until(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to it"
        time.sleep(0.02)


def give(server: RedisServer, run: str) -> None:
    """Queue a run, for a worker that may take it at once."""
    client = server.client()
    with client.pipeline() as pipe:
        enqueue("propose", run, client, pipe)
        pipe.execute()


def queue(server: RedisServer, run: str, timeout: int | None = None) -> str:
    """Queue a run where no worker is; the job's id."""
    give(server, run)
    client = server.client()
    job = client.lrange("rq:queue:agents", -1, -1)[0].decode()  # type: ignore[union-attr]
    if timeout:
        client.hset(f"rq:job:{job}", mapping={"timeout": timeout, "retries_left": 0})
    return str(job)


def test_a_queued_run_is_done_by_name_and_its_id_stays_out_of_the_jobs_description(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    queue(redis_server, run_id("a"))
    done, log = work(redis_server, tmp_path)
    assert done == f"began {run_id('a')}\nended {run_id('a')}\n"
    assert "propose('" not in log
    assert redis_server.client().keys("rq:job:*") == [], "a finished job leaves nothing behind"


@pytest.mark.parametrize(
    "data",
    [
        zlib.compress(json.dumps(["os.system", None, ["touch {canary}"], {}]).encode()),
        zlib.compress(json.dumps(["propose", None, ["run", "more"], {}]).encode()),
        zlib.compress(json.dumps(["propose", None, ["run"], {"key": 1}]).encode()),
        zlib.compress(pickle.dumps(("os.system", None, ("touch {canary}",), {}))),
        b"not even compressed",
    ],
)
def test_a_job_that_is_not_ours_does_not_run(redis_server: RedisServer, tmp_path: Path, data: bytes) -> None:
    canary = tmp_path / "canary"
    job = queue(redis_server, "run")
    planted = (
        zlib.compress(zlib.decompress(data).replace(b"{canary}", str(canary).encode()))
        if data[:1] == b"x"
        else data
    )
    redis_server.client().hset(f"rq:job:{job}", mapping={"data": planted, "retries_left": 0})
    done, _ = work(redis_server, tmp_path)
    assert done == ""
    assert not canary.exists()


def test_a_job_that_swallows_every_exception_still_stops_at_its_limit(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    queue(redis_server, "stubborn", timeout=1)
    done, _ = work(redis_server, tmp_path)
    assert done == "began stubborn\n"


def test_a_broken_job_is_logged_without_its_arguments(redis_server: RedisServer, tmp_path: Path) -> None:
    queue(redis_server, "broken", timeout=5)
    done, log = work(redis_server, tmp_path)
    assert done == "began broken\n"
    assert log.count("job broke") == 1
    assert "'arguments'" not in log


def test_a_run_that_breaks_is_logged_once_for_each_try(redis_server: RedisServer) -> None:
    Store(redis_server.client()).runs.start(push_request("a" * 40), "test")
    log = logged([sys.executable, "-c", BROKEN_RUN, redis_server.url])
    assert log.count("the job broke") == log.count("KeyError: 'nobody foresaw it'") == 2, (
        "one try, and the next one at once"
    )
    assert log.count("tries_left") == 2


def errors(client: Redis, kind: str, error: str) -> int:
    """How often it was counted that an error stopped a kind of job."""
    return int(float(client.hget(METERS, count("trivet_errors", kind, error).cell) or 0))


def test_a_job_whose_process_is_killed_is_logged_once_and_counted_for_each_try(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    """As a kernel that is short of memory does it, without a word."""
    job, client = queue(redis_server, "dead"), redis_server.client()
    done, log = work(redis_server, tmp_path)
    assert done == "began dead\nbegan dead\n", "one try, and the next one at once"
    assert log.count("the job's process was killed") == 2
    assert "exit_code=-9" in log
    assert "Work-horse" not in log
    assert errors(client, "propose", "WorkHorseTerminated") == 2
    assert client.zrange("rq:scheduled:agents", 0, -1) == [job.encode()]


def test_a_job_whose_process_is_killed_before_it_began_is_tried_once_more_and_not_twice(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    queue(redis_server, "a")
    done, _ = work(redis_server, tmp_path, "unborn")
    assert done == "began a\nended a\n"
    assert redis_server.client().keys("rq:queue:*") == [], "nor does it stand among the taken ones"


def test_a_worker_that_gets_no_process_for_a_job_goes_on_with_the_next_and_the_job_can_be_found(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    job, client = queue(redis_server, "a"), redis_server.client()
    queue(redis_server, "b")
    done, log = work(redis_server, tmp_path, "unforked")
    assert done == "began b\nended b\n"
    assert "it comes back" in log
    assert client.lrange("rq:queue:agents:intermediate", 0, -1) == [job.encode()]


def test_a_process_that_cannot_begin_its_job_ends_and_is_no_second_worker(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    queue(redis_server, "a")
    done, log = work(redis_server, tmp_path, "unparented")
    assert done == "began a\nended a\n"
    assert log.count("the job's process could not begin") == 1
    assert log.count("OSError: no prctl here") == 1


@pytest.mark.parametrize(("field", "value"), [("created_at", "yesterday"), ("timeout", "")])
def test_a_job_that_cannot_be_read_is_set_aside_and_the_next_one_is_done(
    redis_server: RedisServer, tmp_path: Path, field: str, value: str
) -> None:
    job, client = queue(redis_server, "ab12"), redis_server.client()
    client.hset(f"rq:job:{job}", field, value)
    queue(redis_server, "next")
    done, log = work(redis_server, tmp_path)
    assert done == "began next\nended next\n"
    assert log.count("a job's record cannot be read") == 1
    assert "job=propose" in log
    assert "run=ab12" in log
    assert errors(client, "propose", "ValueError") == 1
    assert client.keys("rq:queue:agents*") == []


def test_a_job_that_cannot_be_read_keeps_no_other_from_being_brought_back(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    """Two workers died, with a job each."""
    client = redis_server.client()
    unreadable, readable = queue(redis_server, "ab12"), queue(redis_server, "back")
    client.delete("rq:queue:agents")
    client.hset(f"rq:job:{readable}", "status", JobStatus.STARTED.value)
    client.hset(f"rq:job:{unreadable}", "created_at", "yesterday")
    client.rpush("rq:queue:agents:intermediate", unreadable)
    client.zadd("rq:wip:agents", {f"{unreadable}:1": 1, f"{readable}:1": 1})
    done, log = work(redis_server, tmp_path)
    assert done == ""
    assert log.count("a job's record cannot be read") == 1
    client.delete("rq:clean_registries:agents")  # who stumbles holds RQ's lock for 15 s
    done, log = work(redis_server, tmp_path)
    assert done == "began back\nended back\n"
    assert log.count("the job's worker died") == 1
    assert errors(client, "unknown", "AbandonedJobError") == 1
    assert client.keys("rq:wip:*") == client.keys("rq:queue:*") == []


def test_a_job_whose_worker_died_before_it_began_comes_back_in_seconds(
    redis_server: RedisServer, request: pytest.FixtureRequest
) -> None:
    """The 15 s are a promise, and RQ's own minute would break it: the only way to see is to wait."""
    queue(redis_server, "taken")
    redis_server.client().lmove("rq:queue:agents", "rq:queue:agents:intermediate")
    working: Working = request.getfixturevalue("working")
    until(lambda: "ended taken" in working.did(), seconds=15)


def test_what_stops_maintenance_each_time_stops_no_job_and_is_said(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    client = redis_server.client()
    taken = queue(redis_server, "taken")
    client.lmove("rq:queue:agents", "rq:queue:agents:intermediate")
    client.set(f"rq:queue:agents:intermediate:first_seen:{taken}", "never")
    queue(redis_server, "next")
    done, log = work(redis_server, tmp_path)
    assert done == "began next\nended next\n"
    assert log.count("the worker stumbled between two jobs") == 1
    assert "ValueError: could not convert string to float" in log


def test_a_redis_that_lost_all_it_had_learns_of_an_idle_worker_again(
    redis_server: RedisServer, working: Working
) -> None:
    """Nobody would be counted else, and an alert say that nobody works."""
    client = redis_server.client()
    until(lambda: client.smembers("rq:workers:agents"))
    client.flushall()
    until(lambda: any(client.exists(name) for name in client.smembers("rq:workers:agents")))


def test_retries_begin_at_once_and_then_pause_longer_and_longer(redis_server: RedisServer) -> None:
    job = new_job("propose", "run", redis_server.client())
    assert job.retry_intervals == [0, 5, 30, 120, 600]
    assert job.retries_left == 5


def test_an_idle_worker_that_is_told_to_stop_ends_well_and_takes_no_other_job(
    redis_server: RedisServer, working: Working
) -> None:
    working.beats()
    working.process.terminate()
    assert working.ended(5) == 0
    give(redis_server, "later")
    assert working.did() == []
    assert redis_server.client().llen("rq:queue:agents") == 1
    assert redis_server.client().keys("rq:queue:agents:intermediate") == []


def told_once(worker: Working) -> None:
    worker.process.terminate()


def told_with_its_group(worker: Working) -> None:
    os.killpg(worker.process.pid, signal.SIGTERM)


def told_with_its_job(worker: Working) -> None:
    for pid in (*worker.horses(), worker.process.pid):
        os.kill(pid, signal.SIGTERM)


def told_twice(worker: Working) -> None:
    """More than a second apart: closer ones RQ itself takes for one."""
    worker.process.terminate()
    worker.beats()
    worker.process.terminate()


@pytest.mark.parametrize("tell", [told_once, told_with_its_group, told_with_its_job, told_twice])
def test_a_worker_that_is_told_to_stop_finishes_the_job_at_hand_and_leaves_the_next(
    redis_server: RedisServer, working: Working, tell: Callable[[Working], None]
) -> None:
    give(redis_server, "waiting")
    give(redis_server, "next")
    working.begun("waiting")
    tell(working)
    working.beats()
    assert working.process.poll() is None
    working.let_go()
    assert working.ended() == 0
    assert working.did() == ["began waiting", "ended waiting"]
    client = redis_server.client()
    assert client.llen("rq:queue:agents") == 1
    assert client.zcard("rq:wip:agents") == 0
    assert work(redis_server, working.folder)[0].splitlines()[2:] == ["began next", "ended next"]


def test_a_second_ctrl_c_ends_the_worker_at_once_and_the_job_comes_back(
    redis_server: RedisServer, working: Working
) -> None:
    """Slow (15 s): it waits until the dropped job counts as one that nobody is at."""
    give(redis_server, "waiting")
    working.begun("waiting")
    (horse,) = working.horses()
    working.process.send_signal(signal.SIGINT)
    working.beats()
    working.process.send_signal(signal.SIGINT)
    assert working.ended(5) != 0
    assert horse not in {pid for pid, _, _ in processes()}
    working.let_go()
    again = Working(redis_server, fresh(working.folder))
    again.let_go()
    until(lambda: again.did() == ["began waiting", "ended waiting"], 30)
    again.kill()


def fresh(folder: Path) -> Path:
    made = folder / "again"
    made.mkdir()
    return made


def test_a_redis_that_is_away_ends_neither_an_idle_worker_nor_its_signs_of_life(
    redis_server: RedisServer, working: Working
) -> None:
    redis_server.kill()
    for _ in range(2):
        working.beats()
    redis_server.start()
    give(redis_server, "later")
    until(lambda: working.did() == ["began later", "ended later"])


def test_a_job_goes_on_while_redis_is_away_and_the_worker_goes_on_after_it(
    redis_server: RedisServer, working: Working
) -> None:
    """Slow (10 s): what is bought is that a restart of Redis costs no review."""
    give(redis_server, "waiting")
    working.begun("waiting")
    (horse,) = working.horses()
    redis_server.kill()
    for _ in range(2):
        working.beats()
    assert working.horses() == [horse]
    redis_server.start()
    working.let_go()
    until(lambda: working.did() == ["began waiting", "ended waiting"])
    give(redis_server, "next")
    until(lambda: working.did()[2:] == ["began next", "ended next"])
    assert working.process.poll() is None


def test_a_worker_without_a_redis_hears_that_it_shall_stop(
    redis_server: RedisServer, working: Working
) -> None:
    redis_server.kill()
    working.beats()
    working.process.terminate()
    assert working.ended() == 0


def test_a_job_of_another_version_is_put_back_with_growing_pauses_and_kept_where_it_fails(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    job, client = queue(redis_server, "run"), redis_server.client()
    data = zlib.compress(json.dumps(["dance", None, ["run"], {}]).encode())
    client.hset(f"rq:job:{job}", mapping={"data": data})
    done, logged = work(redis_server, tmp_path)
    assert done == ""
    assert "this version knows no such job" in logged
    assert client.zrange("rq:scheduled:agents", 0, -1) == [job.encode()], (
        "it waits for a version that knows it"
    )
    assert client.hget(f"rq:job:{job}", "retries_left") == b"3", "one try at once, then pauses"
    client.zrem("rq:scheduled:agents", job)
    client.hset(f"rq:job:{job}", mapping={"retries_left": 0, "status": JobStatus.QUEUED.value})
    client.rpush("rq:queue:agents", job)
    _, logged = work(redis_server, tmp_path)
    assert "job broke" in logged
    assert client.zrange("rq:failed:agents", 0, -1) == [job.encode()]


def test_a_worker_may_take_as_long_to_stop_as_its_longest_job() -> None:
    for name in (AGENTS, EFFECTS):
        assert all(drain_seconds(name) > kind.timeout + 60 for kind in JOBS.values() if kind.queue == name)
    assert drain_seconds(EFFECTS) < drain_seconds(AGENTS)


def test_every_kind_of_job_has_one_queue_and_a_time_limit() -> None:
    assert {kind.queue for kind in JOBS.values()} == {AGENTS, EFFECTS}
    assert all(0 < kind.timeout <= 1800 for kind in JOBS.values())
