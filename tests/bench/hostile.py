"""Requests no honest sender makes, at the real receiver: none may be answered with 5xx, none may stop it."""

import gzip
import json
import random
import socket
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.bench import serving
from tests.bench.deliveries import PATH, event, http_request, signed
from tests.bench.table import Row

SEED = 20_261_122
PATIENCE_SECONDS = 1.0
KINDS = ("merge_request",) * 5 + ("note", "emoji", "push", "tag_push", "pipeline")
ODD: tuple[Any, ...] = (
    None, True, 0, -1, 2**63, 10**400, 1e308, "", "\0", "\ud800", "x" * 100_000, "../../etc/passwd",
    "2026-99-99T99:99:99Z", [], [[]], {}, {"": {}}, [{"id": []}],
)  # fmt: skip
BODIES: tuple[bytes, ...] = (
    b"", b"\0", b"null", b"0", b'""', b"[]", b"{", b'{"a":', b"\xff\xfe{\0}\0", b"\xef\xbb\xbf{}", b"[" * 100_000,
    b'{"a":' * 50_000, b"[" * 500 + b"]" * 500, b'{"object_kind":"merge_request"', b"1" * 100_000, b"NaN",
    b'{"object_kind":"merge_request","object_kind":"note"}', b"\x80\x81", b'{"\\ud800":"\\udfff"}', gzip.compress(b"{}"),
)  # fmt: skip
HEADERS: tuple[bytes, ...] = (
    b"webhook-id: " + b"x" * 9_000, b"webhook-id: \xff\xfe", b"webhook-id: a\r\nwebhook-id: b",
    b"webhook-timestamp: 99999999999999999999", b"webhook-timestamp: -1", b"webhook-timestamp: \xb2",
    b"webhook-signature: v1,", b"webhook-signature: v1,====", b"webhook-signature: v1,\xff", b"webhook-signature:",
    b"webhook-signature: " + b"v1,AAAA " * 900, b"x-gitlab-token:", b"x-gitlab-token: \xe9\xff", b"x-gitlab-token: wrong",
    b"content-length: -1", b"content-length: 99999999999999999999", b"content-length: 1e3", b"content-length: 2\r\ncontent-length: 3",
    b"content-encoding: gzip", b"content-encoding: \xff", b"transfer-encoding: chunked", b"transfer-encoding: chunked, chunked",
    b"expect: 100-continue", b"upgrade: websocket\r\nconnection: upgrade", b"host: \xff", b"content-type: \xff/\xff",
    b"connection: close, \xff", b"x" * 70_000 + b": y", b": empty", b"no colon at all", b"x-forwarded-for: \xff,,,",
)  # fmt: skip


def rows(mutations: int = 400) -> list[Row]:
    answers: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name, serving.redis(Path(name) / "redis") as redis:
        with serving.receiver(Path(name), redis.url) as receiver:
            for request in requests(mutations):
                answers[_status(receiver.port, request)] += 1
            alive = _status(receiver.port, b"GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    assert alive == "200", f"the receiver does not answer any more: {alive}"
    broken = sum(count for status, count in answers.items() if status.startswith("5"))
    said = ", ".join(f"{count} x {status}" for status, count in sorted(answers.items()))
    total = sum(answers.values())
    return [Row(f"hostile requests answered with 5xx, of {total}", str(broken), said, 1, "0", broken == 0)]


def requests(mutations: int) -> Iterator[bytes]:
    """Signed nonsense, unsigned nonsense, odd headers, and honest payloads with one odd value each."""
    for number, body in enumerate(BODIES):
        yield http_request(body, signed(body, f"body-{number}"))
        yield http_request(body, {})
    for header in HEADERS:
        yield _raw(header)
    for number, payload in enumerate(_mutated(mutations)):
        body = _json(payload)
        yield http_request(body, signed(body, f"odd-{number}"))


def _raw(header: bytes) -> bytes:
    length = b"" if header.startswith((b"content-length", b"transfer-encoding")) else b"content-length: 2\r\n"
    return b"POST %b HTTP/1.1\r\nhost: x\r\n%b%b\r\n\r\n{}" % (PATH.encode(), length, header)


def _mutated(count: int) -> Iterator[Any]:
    chance = random.Random(SEED)
    for _ in range(count):
        payload = event()
        payload["object_kind"] = chance.choice(KINDS)
        for _ in range(chance.randint(1, 3)):
            _spoil(payload, chance)
        yield payload


def _spoil(payload: dict[str, Any], chance: random.Random) -> None:
    """Put an odd value at a random place."""
    part = payload
    name = chance.choice(list(part))
    while isinstance(part[name], dict) and part[name] and chance.random() < 0.8:
        part = part[name]
        name = chance.choice(list(part))
    part[name] = chance.choice(ODD)


def _json(payload: Any) -> bytes:
    return json.dumps(payload).encode()


def _status(port: int, request: bytes) -> str:
    """The answer's status; "closed" or "waits" where there is none: cut off, or more is expected."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS) as client:
        try:
            client.sendall(request)
            head = client.recv(4096)
        except TimeoutError:
            return "waits"
        except OSError:
            return "closed"
    return head.split(b" ", 2)[1].decode() if head.startswith(b"HTTP/1.") else "closed"


if __name__ == "__main__":
    print(*rows(), sep="\n")
