"""The three platforms as senders: what they send, how they prove themselves, and the receiver they send it to."""

import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.entry.supervisor import PYTHON
from tests.bench.deliveries import SIGNING_TOKEN, event, signed
from tests.bench.serving import Server
from tests.canaries import HOOK_SECRET, JIRA_HOOK_SECRET, WIKI_HOOK_SECRET, watch
from tests.entry.test_receiver_jira import created
from tests.hostile.material import payloads
from tests.rig import clean_environment, free_port
from tests.sources.test_confluence_source import connect, forge, server
from tests.sources.test_jira_signatures import hub

START_SECONDS = 60.0
PATIENCE_SECONDS = 2.0
RULES = """
jira: [{project: SHOP, gitlab: acme/shop, on: {event: created}, do: [summarize]}]
spaces: [{space: DOC, gitlab: acme/shop}]
"""

Json = dict[str, Any]


@dataclass(frozen=True)
class Sender:
    """`prove`: the headers that make a body of this name authentic; `own`: payloads that are always there."""

    name: str
    prove: Callable[[bytes, str], dict[str, str]]
    own: tuple[Json, ...]

    @property
    def path(self) -> str:
        return f"/hooks/{self.name}"

    @property
    def events(self) -> tuple[Json, ...]:
        return self.own + payloads(self.name)


def _from_jira(body: bytes, name: str) -> dict[str, str]:
    return {"x-hub-signature": hub(body, JIRA_HOOK_SECRET), "x-atlassian-webhook-identifier": name}


def _from_confluence(body: bytes, name: str) -> dict[str, str]:
    return {"x-hub-signature": hub(body, WIKI_HOOK_SECRET)}


SENDERS = (
    Sender("gitlab", signed, (event(),)),
    Sender("jira", _from_jira, (json.loads(created()),)),
    Sender("confluence", _from_confluence, (server("page_updated"), forge(), connect())),
)


@contextmanager
def receiver(folder: Path, redis_url: str) -> Iterator[Server]:
    """`trivet serve` with a secret for each platform."""
    rules = folder / "rules.yml"
    rules.write_text(RULES)
    settings = {
        "TRIVET_REDIS_URL": redis_url,
        "TRIVET_DATA_DIR": str(folder / "data"),
        "TRIVET_LOG_FORMAT": "json",
        "TRIVET_RULES": str(rules),
        "TRIVET_GITLAB__WEBHOOK_SECRETS": f"{SIGNING_TOKEN},{HOOK_SECRET}",
        "TRIVET_GITLAB__PROJECTS": "acme/**",
        "TRIVET_JIRA__WEBHOOK_SECRETS": JIRA_HOOK_SECRET,
        "TRIVET_CONFLUENCE__WEBHOOK_SECRETS": WIKI_HOOK_SECRET,
    }
    with started("serve", folder, settings) as running:
        yield running


@contextmanager
def started(part: str, folder: Path, settings: Mapping[str, str]) -> Iterator[Server]:
    """`trivet serve` or `trivet web` as a process of its own. Raises AssertionError with its log."""
    port = free_port()
    log = watch(folder / f"{part}.log")
    environment = {**clean_environment(), **settings}
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*PYTHON, part, "--port", str(port)], env=environment, stdout=output, stderr=output
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while sent(port, wired("GET", "/readyz"))[0] != "200":
            is_over = process.poll() is not None or time.monotonic() > deadline
            assert not is_over, f"{part} does not start; its log: {log.read_text()}"
            time.sleep(0.1)
        yield Server(process.pid, port)
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def wired(method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> bytes:
    """The bytes of a request on the wire. Headers go as Latin-1, and as they are otherwise."""
    lines = [
        f"{method} {path} HTTP/1.1",
        "host: 127.0.0.1",
        f"content-length: {len(body)}",
        "connection: close",
    ]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + body


def sent(port: int, request: bytes, patience: float = PATIENCE_SECONDS) -> tuple[str, float, bytes]:
    """Status, seconds and the whole answer, on a connection of its own.

    "closed" or "waits" in place of a status: cut off without an answer, or more is expected.
    """
    began = time.perf_counter()
    answer = b""
    try:
        with socket.create_connection(("127.0.0.1", port), patience) as client:
            client.sendall(request)
            while piece := client.recv(65_536):
                answer += piece
    except TimeoutError:
        return _status(answer) if answer else "waits", time.perf_counter() - began, answer
    except OSError:
        pass
    return _status(answer), time.perf_counter() - began, answer


def _status(answer: bytes) -> str:
    return answer.split(b" ", 2)[1].decode() if answer.startswith(b"HTTP/1.") else "closed"
