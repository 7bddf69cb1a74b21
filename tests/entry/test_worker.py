"""What RQ's workers do with our jobs, and refuse to do with anybody else's."""

import json
import pickle
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from bot.entry import queue as queues
from bot.entry.queue import AGENTS, enqueue, new_job, run_id
from tests.redis_server import RedisServer

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys, time
from redis import Redis
from bot.entry.worker import make_worker

done = open(sys.argv[2], "a")

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
    done.write(f"ended {run}\\n"); done.flush()

make_worker("agents", Redis.from_url(sys.argv[1]), {"propose": propose}).work(burst=True, logging_level="INFO")
"""


def work(server: RedisServer, folder: Path) -> tuple[str, str]:
    """Let a worker do what is queued; what it did, and what it logged."""
    done = folder / "done.txt"
    program = [sys.executable, "-c", PROGRAM, server.url, str(done)]
    process = subprocess.run(program, capture_output=True, text=True, cwd=ROOT, timeout=60, check=True)
    return done.read_text() if done.exists() else "", process.stdout + process.stderr


def queue(server: RedisServer, run: str, timeout: int | None = None) -> str:
    client = server.client()
    with client.pipeline() as pipe:
        enqueue("propose", run, client, pipe)
        pipe.execute()
    job = client.lindex("rq:queue:agents", -1).decode()
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
    assert "job broke" in log
    assert "'arguments'" not in log


def test_retries_begin_at_once_and_then_pause_longer_and_longer(redis_server: RedisServer) -> None:
    job = new_job("propose", "run", redis_server.client())
    assert job.retry_intervals == [0, 5, 30, 120, 600]
    assert job.retries_left == 5


def test_every_kind_of_job_has_one_queue_and_a_time_limit() -> None:
    assert {kind.queue for kind in queues.JOBS.values()} == {AGENTS, queues.EFFECTS}
    assert all(0 < kind.timeout <= 1800 for kind in queues.JOBS.values())
