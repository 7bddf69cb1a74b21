"""A job made from a form is the job RQ would have made."""

import json
import zlib
from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.utils import str_to_date

from bot.entry.queue import BLANK_RUN, JOBS, job_fields, job_form, job_id, job_time, new_job
from tests.redis_server import RedisServer

RUN = "a1" * 12
TIMES = {"created_at", "enqueued_at"}


@pytest.mark.parametrize("kind", JOBS)
def test_a_filled_form_has_the_fields_rq_writes(kind: str) -> None:
    flat = json.loads(job_form(kind).fixed)
    fixed = dict(zip(flat[::2], flat[1::2], strict=True))
    ours = fixed | {"data": zlib.decompress(job_form(kind).data(RUN))}
    fields = job_fields(new_job(kind, RUN, Redis()))
    theirs = {name: value for name, value in fields.items() if value != "" and name not in TIMES}
    theirs["data"] = zlib.decompress(theirs["data"])
    assert ours == {
        name: value if isinstance(value, bytes | str) else str(value) for name, value in theirs.items()
    }
    assert BLANK_RUN not in str(ours)


def test_rq_reads_a_filled_form_as_its_own(redis_server: RedisServer) -> None:
    client, name, form = redis_server.client(), job_id("propose", RUN), job_form("propose")
    flat = [
        *json.loads(form.fixed),
        "data",
        form.data(RUN),
        "created_at",
        job_time(),
        "enqueued_at",
        job_time(),
    ]
    client.hset(Job.key_for(name), items=flat)
    read, made = Job.fetch(name, client, JSONSerializer), new_job("propose", RUN, client)
    assert (read.func_name, read.args, read.kwargs) == ("propose", [RUN], {})
    for part in ("origin", "timeout", "result_ttl", "failure_ttl", "description", "retries_left"):
        assert getattr(read, part) == getattr(made, part)
    assert read.retry_intervals == made.retry_intervals
    assert read.get_status(refresh=False) == made.get_status(refresh=False) == "queued"


def test_our_time_is_one_rq_reads() -> None:
    assert abs(str_to_date(job_time()) - datetime.now(UTC)) < timedelta(seconds=10)


def test_no_two_jobs_of_a_run_share_an_id() -> None:
    assert len({job_id("propose", RUN) for _ in range(100)}) == 100
