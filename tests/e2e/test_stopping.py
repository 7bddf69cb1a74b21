"""SIGTERM drains: every process ends what it has begun, takes nothing new, and ends with 0.

Slow (about a minute and a half): what is bought is that real processes lose and double nothing when they are stopped.
"""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bot.entry import keys
from bot.entry.tickets import digest
from tests.redis_server import RedisServer
from tests.rig import Rig, clean_environment, free_port
from tests.sandbox_server import PROJECT, SandboxServer

SECRET = "a-shared-" + "secret-for-hooks"
READER = "reader-" + "Zq8Rt2vLm4"
LEAK = "glpat-" + "Zq8Rt2vLm4" + "Xc7Wn1Kd9P"
RUN = "0123456789abcdef01234567"
SLOW_BODY_SECONDS = 15  # who sends half a delivery is not waited for


@dataclass
class Process:
    """One command of ours in a process of its own, beside a Redis."""

    command: tuple[str, ...]
    environment: dict[str, str]
    log: Path
    port: int = 0
    process: "subprocess.Popen[bytes]" = field(init=False)

    def __post_init__(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bot", *self.command], env=self.environment, stdout=log, stderr=log
            )

    def wait(self, condition: Any, what: str, seconds: float = 30) -> Any:
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert self.process.poll() is None, f"{self.command} ended:\n{self.log.read_text()[-3000:]}"
            assert time.monotonic() < deadline, (
                f"waited {seconds} s for {what}:\n{self.log.read_text()[-3000:]}"
            )
            time.sleep(0.05)
        return found

    def is_ready(self) -> bool:
        try:
            return self.ask("GET", "/healthz")[0] == 200
        except OSError:
            return False

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
        """Raises OSError, HTTPException where it is not answered."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def tell(self, number: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(number)

    def code(self, seconds: float) -> int:
        return self.process.wait(seconds)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


class Stage:
    """Starts processes beside one Redis."""

    def __init__(self, redis: RedisServer, folder: Path) -> None:
        self.redis = redis
        self.folder = folder
        self.started: list[Process] = []

    def start(self, *command: str, **settings: str) -> Process:
        port = free_port()
        environment = clean_environment() | {
            "TRIVET_REDIS_URL": self.redis.url,
            "TRIVET_DATA_DIR": str(self.folder / "data"),
            "TRIVET_PORT": str(port),
            "TRIVET_WEB_PORT": str(port),
            "TRIVET_LOG_FORMAT": "json",
            "TRIVET_GITLAB__WEBHOOK_SECRETS": SECRET,
            "TRIVET_GITLAB__PROJECTS": "acme/**",
            "TRIVET_MARK_SECRETS": "m" * 40,
            **settings,
        }
        started = Process(command, environment, self.folder / f"{command[0]}.log", port)
        self.started.append(started)
        return started


@pytest.fixture
def stage(redis_server: RedisServer, tmp_path: Path) -> Iterator[Stage]:
    made = Stage(redis_server, tmp_path)
    yield made
    for one in made.started:
        one.kill()


def delivery(number: int) -> bytes:
    head = f"{number:040x}"
    about = {"iid": number, "action": "open", "last_commit": {"id": head}, "state": "opened"}
    body = {
        "object_kind": "merge_request",
        "user": {"id": 7, "username": "ada"},
        "project": {"id": 1, "path_with_namespace": PROJECT},
        "object_attributes": about | {"updated_at": "2026-11-22 10:00:00 UTC"},
    }
    return json.dumps(body).encode()


def headers(number: int) -> dict[str, str]:
    return {
        "content-type": "application/json",
        "x-gitlab-token": SECRET,
        "x-gitlab-event": "Merge Request Hook",
        "idempotency-key": f"delivery-{number}",
    }


# --- the receiver


@pytest.fixture
def receiver(stage: Stage) -> Process:
    serve = stage.start("serve")
    serve.wait(serve.is_ready, "the receiver")
    return serve


def test_a_receiver_told_to_stop_in_the_rush_has_recorded_all_that_it_accepted(
    stage: Stage, receiver: Process
) -> None:
    answers: dict[int, int] = {}
    enough = threading.Event()

    def send_until_refused(sender: int) -> None:
        with suppress(OSError, http.client.HTTPException):
            for number in range(sender * 10_000, sender * 10_000 + 5_000):
                answers[number] = receiver.ask(
                    "POST", "/hooks/gitlab", delivery(number + 1), **headers(number)
                )[0]
                if len(answers) > 200:
                    enough.set()

    with ThreadPoolExecutor(8) as pool:
        senders = [pool.submit(send_until_refused, sender) for sender in range(8)]
        assert enough.wait(60)
        receiver.tell()
        assert receiver.code(20) == 0
    for sender in senders:
        sender.result()
    assert set(answers.values()) <= {202, 503}
    accepted = [number for number, code in answers.items() if code == 202]
    client = stage.redis.client()
    recorded = client.mget([keys.delivery(f"delivery-{number}") for number in accepted])
    assert len(accepted) > 200
    assert all(recorded)


def test_a_delivery_that_cannot_be_recorded_is_refused_though_the_receiver_is_stopping(
    stage: Stage, receiver: Process
) -> None:
    assert receiver.ask("POST", "/hooks/gitlab", delivery(1), **headers(1))[0] == 202
    assert stage.redis.process is not None
    with ThreadPoolExecutor(1) as pool:
        stage.redis.process.send_signal(signal.SIGSTOP)
        try:
            answer = pool.submit(receiver.ask, "POST", "/hooks/gitlab", delivery(2), **headers(2))
            receiver.wait(lambda: connections(receiver.port), "the delivery to be there")
            receiver.tell()
            assert answer.result(20)[0] == 503
            assert receiver.code(20) == 0
        finally:
            stage.redis.process.send_signal(signal.SIGCONT)


def connections(port: int) -> int:
    """How many are established with a local server, by the kernel's table (proc(5): state 01)."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[3] == "01" and row[1].endswith(f":{port:04X}") for row in rows)


def test_who_sends_half_a_delivery_does_not_keep_the_receiver_from_stopping(receiver: Process) -> None:
    with socket.create_connection(("127.0.0.1", receiver.port)) as sender:
        sender.settimeout(5)
        sender.sendall(b"POST /hooks/gitlab HTTP/1.1\r\nhost: receiver\r\ncontent-length: 100\r\n\r\n{")
        receiver.wait(lambda: connections(receiver.port), "the sender to be there")
        receiver.tell()
        receiver.tell()
        assert receiver.code(SLOW_BODY_SECONDS) == 0
        assert sender.recv(100).startswith(b"HTTP/1.1 503 ")


# --- the runs API


def test_a_pipeline_that_waits_for_a_run_is_answered_when_the_api_is_told_to_stop(stage: Stage) -> None:
    client = stage.redis.client()
    client.hset(keys.run(RUN), mapping={"state": "running", "request": "{}"})
    client.sadd(keys.readers(RUN), digest(READER))
    web = stage.start(
        "web",
        TRIVET_PUBLIC_URL="http://127.0.0.1:9",
        TRIVET_GITLAB__URL="http://127.0.0.1:9",
        TRIVET_GITLAB__READ_TOKEN="t" * 20,
    )
    web.wait(web.is_ready, "the runs API")
    with ThreadPoolExecutor(1) as pool:
        path = f"/api/v1/runs/{RUN}?wait=50"
        answer = pool.submit(web.ask, "GET", path, authorization=f"Bearer {READER}")
        web.wait(lambda: b"trivet_api_waiting 1.0" in web.ask("GET", "/metrics")[1], "the pipeline to wait")
        began = time.monotonic()
        web.tell()
        code, body = answer.result(20)
        assert (code, json.loads(body)["state"]) == (200, "running")
        assert web.code(20) == 0
        assert time.monotonic() - began < 10


# --- the schedule


def scheduled(stage: Stage, sandbox: SandboxServer) -> Process:
    return stage.start(
        "schedule",
        TRIVET_GITLAB__URL=sandbox.url,
        TRIVET_GITLAB__READ_TOKEN=sandbox.token("trivet"),
        TRIVET_GITLAB__PROJECTS=PROJECT,
        TRIVET_SWEEP_SECONDS="3600",
    )


def test_a_schedule_told_to_stop_in_the_middle_of_a_sweep_ends_the_sweep_first(stage: Stage) -> None:
    with SandboxServer() as sandbox:
        sandbox.merge_request(files={"cart.py": "total = 1\n"})
        sandbox.fault(path="/merge_requests", method="GET", hang=3, times=1)
        schedule = scheduled(stage, sandbox)
        (fault,) = sandbox.state_object.faults
        schedule.wait(lambda: fault.times == 0, "the sweep to ask GitLab")
        schedule.tell()
        schedule.tell()
        assert schedule.code(30) == 0
    assert stage.redis.client().llen("rq:queue:agents") == 1


def test_a_schedule_without_a_redis_hears_that_it_shall_stop(stage: Stage) -> None:
    with SandboxServer() as sandbox:
        schedule = scheduled(stage, sandbox)
        swept = stage.redis.client()
        schedule.wait(lambda: swept.exists(keys.SWEPT), "the first sweep")
        stage.redis.kill()
        schedule.wait(lambda: "does not answer" in schedule.log.read_text(), "the outage to be noticed")
        schedule.tell()
        assert schedule.code(20) == 0


# --- the workers, and all on one machine


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with Rig(tmp_path) as started:
        yield started


def defects(name: str) -> dict[str, str]:
    return {f"{name}/settings.py": f'TOKEN = "{LEAK}"\n', f"{name}/code.py": "value = undefined_name\n"}


def struck(rig: Rig) -> None:
    """Wait until the fault has met its request, which hangs now."""
    (fault,) = rig.sandbox.state_object.faults
    rig.wait(lambda: fault.times == 0, 30, "the request that hangs")


def runs(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def is_one_review(rig: Rig, iid: int) -> None:
    rig.reviewed(iid, seconds=90)
    rig.idle(90)
    assert len(rig.findings(iid)) == 2
    assert len(rig.summaries(iid)) == 1
    assert rig.review(iid)["drafts"] == []
    assert rig.notifications(iid) == ["review"]


@pytest.mark.parametrize(("method", "path"), [("GET", "/diffs"), ("POST", "draft_notes$")])
def test_stopping_all_ends_the_work_at_hand_and_the_rest_goes_on_at_the_next_start(
    rig: Rig, method: str, path: str
) -> None:
    """While an agent reads, and between two drafts: neither is cut, and no try is spent."""
    rig.sandbox.fault(path=path, method=method, hang=4, times=1)
    iid = rig.sandbox.merge_request(files=defects("shop"), source="shop")
    struck(rig)
    assert rig.stop() == 0
    assert "was killed" not in rig.log()
    assert "tries_left" not in rig.log()
    if path == "draft_notes$":
        assert len(rig.findings(iid)) == 2
    rig.start()
    is_one_review(rig, iid)


def test_work_that_is_cut_short_at_a_stop_is_done_again_once(rig: Rig) -> None:
    """As after the 25 s that `up` gives: a second Ctrl-C kills at once what is not done."""
    rig.sandbox.fault(path="draft_notes$", method="POST", hang=25, times=1, after=1)
    iid = rig.sandbox.merge_request(files=defects("shop"), source="shop")
    struck(rig)
    receiver = rig.process("serve")
    os.kill(rig.up_pid, signal.SIGINT)
    rig.wait(lambda: not runs(receiver), 20, "the receiver to stop")
    began = time.monotonic()
    os.kill(rig.up_pid, signal.SIGINT)
    assert rig.stop(10) == 0
    assert time.monotonic() - began < 10
    rig.sandbox.clear_faults()
    rig.start()
    is_one_review(rig, iid)


def test_several_workers_under_one_command_finish_their_jobs(stage: Stage) -> None:
    with SandboxServer() as sandbox:
        sandbox.fault(path="/diffs", method="GET", hang=5, times=2)
        token = sandbox.token("trivet")
        hook = stage.start("serve")
        hook.wait(hook.is_ready, "the receiver")
        sandbox.add_hook(f"http://127.0.0.1:{hook.port}/hooks/gitlab", SECRET)
        agents = stage.start(
            "work", "agents", "--processes", "2",
            TRIVET_GITLAB__URL=sandbox.url, TRIVET_GITLAB__READ_TOKEN=token,
        )  # fmt: skip
        for name in ("one", "two"):
            sandbox.merge_request(files=defects(name), source=name)
        (fault,) = sandbox.state_object.faults
        agents.wait(lambda: fault.times == 0, "both to read", 60)
        agents.tell()
        agents.tell()
        assert agents.code(30) == 0
    proposed = stage.redis.client().keys("trivet:proposal:*")
    assert len(proposed) == 2
