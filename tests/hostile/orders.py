"""S9b: requests made from docs/openapi.json, and by hand, at `trivet web` and `trivet serve`: each is answered as the
document promises, and none with a 5xx.
"""

import json
import os
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final
from urllib.parse import quote

from redis import Redis

from bot.domain.actions import Coverage, Decision, Outcome, Report
from bot.domain.findings import Finding, Severity, Suggestion
from bot.domain.ledger import Ledger, Row
from bot.entry.ending import Ending
from bot.entry.store import Store
from tests.bench.hostile import HEADERS
from tests.bench.memory import resident
from tests.canaries import plant
from tests.chaos.gates import Gate
from tests.e2e.test_runs_api import URL
from tests.hostile.material import beside, json_texts, naughty
from tests.hostile.nonsense import MOST_MEGABYTES, MOST_SECONDS, Answers
from tests.hostile.promised import DELIVERIES, RUNS, kept
from tests.hostile.proving import Job, Known, Signed
from tests.hostile.senders import RULES, receiver, sent, started, wired
from tests.redis_server import RedisServer
from tests.sandbox_server import PROJECT, SandboxServer

START = "/api/v1/runs"
REFUSALS = {"400", "401", "403", "404", "405", "409", "413", "415", "422", "429"}
NO_PLATFORM: Final = "http://127.0.0.1:9"


@dataclass(frozen=True)
class Orders:
    """At most so many made at random for each operation of the document."""

    made: int = 100


SHORT = Orders()
LONG = Orders(5_000)


@dataclass(frozen=True)
class Web:
    """`trivet web` as a process: its id and port, an ID token that is good for nothing else, and a pipeline's job."""

    pid: int
    port: int
    id_token: str
    job: Job

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def orders(dice: Random, folder: Path, size: Orders = SHORT) -> list[Gate]:
    with RedisServer(folder / "redis") as redis:
        with web(folder, redis.url) as there:
            bearer = {"authorization": f"Bearer {there.id_token}", "content-type": "application/json"}
            sent(there.port, wired("POST", START, b"{}", bearer))
            before = resident(there.pid)
            answers, odd = _answers(there.port, bearer)
            runs = kept(there.address, RUNS, there.job, size.made, dice.getrandbits(32))
            grown = resident(there.pid) - before
            assert sent(there.port, wired("GET", "/readyz"))[0] == "200", (
                "the runs API does not answer any more"
            )
        with receiver(folder, redis.url) as hooks:
            address = f"http://127.0.0.1:{hooks.port}"
            deliveries = kept(address, DELIVERIES, Signed(), size.made, dice.getrandbits(32))
    return [*_judged(answers, odd, grown), runs.gate("the runs API"), deliveries.gate("the receiver")]


@contextmanager
def web(folder: Path, redis_url: str) -> Iterator[Web]:
    """With all agents at work, a run that waits and one that is done."""
    rules = folder / "web-rules.yml"
    rules.write_text(RULES)
    with SandboxServer(folder=folder) as sandbox:
        settings = {
            "TRIVET_REDIS_URL": redis_url,
            "TRIVET_DATA_DIR": str(folder / "data"),
            "TRIVET_PUBLIC_URL": URL,
            "TRIVET_RULES": str(rules),
            "TRIVET_GITLAB__URL": sandbox.url,
            "TRIVET_GITLAB__READ_TOKEN": plant(sandbox.token("trivet")),
            "TRIVET_GITLAB__PROJECTS": "acme/**",
            "TRIVET_JIRA__URL": NO_PLATFORM,
            "TRIVET_CONFLUENCE__URL": NO_PLATFORM,
        }
        iids = [sandbox.merge_request(files={f"{name}.py": "x = 1\n"}, source=name) for name in ("a", "b")]

        def id_token(iid: int = iids[0]) -> str:
            wanted = {"audience": URL, "user": "ada", "iid": iid}
            return str(sandbox.call("POST", "/sandbox/id_token", wanted)["id_token"])

        with started("web", folder, settings) as there:
            waits, over = (_started(there.port, id_token(iid), iid) for iid in iids)
            _finish(redis_url, over["run"])
            known = [_known(there.port, one) for one in (waits, over)]
            job = Job(id_token, {"project": PROJECT, "iid": iids[0]}, known)
            yield Web(there.pid, there.port, id_token(), job)


def _started(port: int, id_token: str, iid: int) -> dict[str, str]:
    order = {"agent": "review", "target": {"project": PROJECT, "iid": iid}}
    headers = {"authorization": f"Bearer {id_token}", "content-type": "application/json"}
    status, _, answer = sent(port, wired("POST", START, json.dumps(order).encode(), headers))
    assert status == "202", answer
    ticket: dict[str, str] = json.loads(answer.partition(b"\r\n\r\n")[2])
    return ticket


def _known(port: int, ticket: dict[str, str]) -> Known:
    headers = {"authorization": f"Bearer {ticket['token']}"}
    _, _, answer = sent(port, wired("GET", f"{START}/{ticket['run']}", headers=headers))
    fields = dict(line.split(b": ", 1) for line in answer.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:])
    return Known(ticket["run"], ticket["token"], fields[b"etag"].decode())


def _finish(redis_url: str, name: str) -> None:
    """With a report that holds something of each kind."""
    with Redis.from_url(redis_url) as connection:
        store = Store(connection)
        run = store.runs.get(name)
        assert run is not None
        report = FULL.model_copy(update={"run": run.id, "head": run.request.head})
        store.runs.finish(run, Ending("done", "", report))


FULL: Final = Report(
    run="", agent="review", target=f"{PROJECT}!2", model="openai:a", model_calls=1, tokens=9, seconds=0.5,
    findings=(
        Finding(
            rule="python/F821", severity=Severity.MAJOR, path="b.py", line=1, title="y is undefined",
            suggestion=Suggestion(start=1, end=1, replaces=("x = y",), lines=("x = 1",)),
        ),
        Finding(rule="python/F401", severity=Severity.INFO, path="b.py", old_line=2, title="unused"),
    ),
    ledger=Ledger(rows=(Row(issue="SHOP-1", criterion="1", text="It works.", state="missing"),), outside=("more",)),
    coverage=(Coverage(path="b.py", read=True), Coverage(path="c.bin", read=False, reason="binary")),
    decisions=(Decision(key="k", allowed=False, reason="too many", about="unused"),),
    outcomes=(Outcome(key="k", result="done", url="https://gitlab.example.test/1"),),
    complaints=("a", "b"), failures=("a",),
)  # fmt: skip


def _answers(port: int, bearer: dict[str, str]) -> tuple[Answers, int]:
    """Also how many refusals are not of the documented shape, one JSON object with one sentence."""
    answers, odd = Answers(), 0

    def send(request: bytes) -> None:
        nonlocal odd
        status, seconds, answer = sent(port, request)
        answers.add(status, seconds)
        odd += status in REFUSALS - {"400"} and not is_refusal(answer)

    for content in json_texts():
        send(wired("POST", START, content, bearer))
    for text in naughty():
        name = quote(text.encode("utf-8", "surrogatepass"), safe="")
        send(wired("GET", f"{START}/{name}?wait={name}", headers=bearer))
        send(wired("POST", START, json.dumps({"agent": text, "target": {"issue": text}}).encode(), bearer))
    for header in HEADERS:
        told = header.startswith((b"content-length", b"transfer-encoding"))
        length = b"" if told else b"content-length: 2\r\n"
        send(
            b"POST %b HTTP/1.1\r\nhost: x\r\nconnection: close\r\n%b%b\r\n\r\n{}"
            % (START.encode(), length, header)
        )
    return answers, odd


def is_refusal(answer: bytes) -> bool:
    try:
        body = json.loads(answer.partition(b"\r\n\r\n")[2])
    except ValueError:
        return False
    return isinstance(body, dict) and isinstance(body.get("error"), str) and "\n" not in body["error"]


def _judged(answers: Answers, odd: int, grown: float) -> list[Gate]:
    total = sum(answers.statuses.values())
    p99 = f"p50 {statistics.median(answers.seconds) * 1000:.1f} ms, p99 {answers.p99 * 1000:.1f} ms"
    done = f"{total} requests at the runs API, made by hand, {beside()}"
    return [
        Gate("S9 hostile orders", done, f"5xx: {answers.broken} ({answers})", "0 x 5xx", not answers.broken),
        Gate("S9 refusals of orders", "the same", f"{odd} are not one JSON sentence", "0", odd == 0),
        Gate(
            "S9 time and memory of the runs API",
            "the same",
            f"{p99}; load average {os.getloadavg()[0]:.1f}; grown by {grown:.1f} MB",
            "p99 under 50 ms, under 20 MB",
            answers.p99 < MOST_SECONDS and grown < MOST_MEGABYTES,
        ),
    ]
