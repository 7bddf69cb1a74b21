"""Servers under measurement, each a process of its own on a loopback port, stopped when the `with` ends."""

import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.deliveries import SIGNING_TOKEN
from tests.redis_server import RedisServer
from tests.rig import clean_environment, free_port

START_SECONDS = 30.0


@dataclass(frozen=True)
class Server:
    pid: int
    port: int


@contextmanager
def redis(folder: Path) -> Iterator[RedisServer]:
    """The embedded Redis, as `trivet up` starts it."""
    folder.mkdir(parents=True, exist_ok=True)
    with RedisServer(folder) as server:
        yield server


@contextmanager
def receiver(folder: Path, redis_url: str, secret: str = SIGNING_TOKEN) -> Iterator[Server]:
    """`trivet serve`; its log goes to a file, as a service manager would have it."""
    port = free_port()
    settings = {
        "TRIVET_REDIS_URL": redis_url,
        "TRIVET_LOG_FORMAT": "json",
        "TRIVET_GITLAB__WEBHOOK_SECRETS": secret,
        "TRIVET_GITLAB__PROJECTS": "acme/**",
    }
    command = [sys.executable, "-m", "bot", "serve", "--port", str(port)]
    with _process(command, port, "/readyz", folder / "serve.log", settings) as server:
        yield server


@contextmanager
def bare(folder: Path, redis_url: str) -> Iterator[Server]:
    """The bare endpoint the receiver is compared with."""
    port = free_port()
    command = [sys.executable, "-m", "tests.bench.bare", str(port), redis_url]
    with _process(command, port, "/", folder / "bare.log", {}) as server:
        yield server


@contextmanager
def _process(
    command: list[str], port: int, path: str, log: Path, settings: Mapping[str, str]
) -> Iterator[Server]:
    with log.open("ab") as output:
        started = subprocess.Popen(command, env=clean_environment() | settings, stdout=output, stderr=output)
    try:
        _wait_until_it_answers(started, f"http://127.0.0.1:{port}{path}", log)
        yield Server(started.pid, port)
    finally:
        started.terminate()
        started.wait(START_SECONDS)


def _wait_until_it_answers(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Raises AssertionError with the log when it does not."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise AssertionError(f"{url} does not answer; the log: {log.read_text()}")
