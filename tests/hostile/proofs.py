"""S10: signatures and tokens, right and wrong, of three platforms at the real receiver: each cell is 202 or 401."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from urllib.parse import quote

from bot.errors import BadDelivery
from bot.sources.signatures import METHODS, verify_gitlab
from tests.bench.deliveries import KEY, SIGNING_TOKEN
from tests.canaries import HOOK_SECRET, JIRA_HOOK_SECRET, WIKI_HOOK_SECRET
from tests.chaos.gates import Gate, shown
from tests.hostile.material import FIXTURES
from tests.hostile.senders import SENDERS, receiver, sent, wired
from tests.redis_server import RedisServer
from tests.sources.test_jira_signatures import hub
from tests.sources.test_signatures import signature

BODIES = {sender.name: json.dumps(sender.own[0]).encode() for sender in SENDERS}
STALE = 330  # seconds: beyond the five minutes that are tolerated
OTHER_KEY = bytes(range(32, 64))
SHAPES = (
    "v2,{0}",
    "{0}",
    "v1,",
    "v1,{0}x",
    "v1,{0},",
    "v1a,{0}",
    "V1,{0}",
    "v1,{0}=",
    "v1;{0}",
    "v1,,{0}",
    ",{0}",
)
HUB_SHAPES = (
    "{0}",
    "sha256{0}",
    "sha256:{0}",
    "sha256={0}0",
    "sha256= {0}",
    "sha256=",
    "",
    "sha256={0}, sha256={0}",
)
STAMPS = ("", "hello", "{0}.0", "{0}.75", "+{0}", "1_{0}", "-{0}", "0x{0}", "９９", "9" * 30)
WEAK = ("sha1", "md5", "sha224", "sha3_256")

Headers = dict[str, str]


@dataclass(frozen=True)
class Proofs:
    """`flips`: bits of signatures and bodies that are turned, a platform."""

    flips: int = 120


SHORT = Proofs()
LONG = Proofs(5_000)


@dataclass(frozen=True)
class Case:
    """One cell: a delivery, and whether it is to be believed."""

    name: str
    platform: str
    headers: Headers
    good: bool
    query: str = ""
    body: bytes = b""

    @property
    def wire(self) -> bytes:
        path = f"/hooks/{self.platform}" + (f"?{self.query}" if self.query else "")
        return wired("POST", path, self.body or BODIES[self.platform], self.headers)


def proofs(dice: Random, folder: Path, size: Proofs = SHORT) -> list[Gate]:
    cases = [
        *_gitlab(dice, size),
        *_hub("jira", dice, size),
        *_jira(),
        *_hub("confluence", dice, size),
        *_wiki(),
    ]
    with RedisServer(folder / "redis") as redis, receiver(folder, redis.url) as there:
        wrong = [problem(case, sent(there.port, case.wire)[0]) for case in cases]
    wrong = [words for words in wrong if words]
    good = sum(case.good for case in cases)
    done = f"{good} deliveries that prove themselves and {len(cases) - good} that do not, of three platforms"
    gates = [
        Gate(
            "S10 signatures and tokens", done, f"wrong: {shown(wrong)} of {len(cases)}", "0 wrong", not wrong
        )
    ]
    return [*gates, *_vectors()]


def problem(case: Case, status: str) -> str:
    wanted = "202" if case.good else "401"
    return "" if status == wanted else f"{case.platform}, {case.name}: {status} for {wanted}"


# --- GitLab


def _gitlab(dice: Random, size: Proofs) -> Iterator[Case]:
    body = BODIES["gitlab"]
    yield Case("signed", "gitlab", _signed(body), True)
    yield Case("signed, one of several", "gitlab", _several(body), True)
    yield Case("token", "gitlab", {"x-gitlab-token": HOOK_SECRET}, True)
    yield from (
        Case(f"{at} s", "gitlab", _signed(body, at=at), abs(at) < STALE) for at in (-280, 280, -STALE, STALE)
    )
    for name in _signed(body):
        yield Case(f"no {name}", "gitlab", {k: v for k, v in _signed(body).items() if k != name}, False)
        yield Case(
            f"another {name}", "gitlab", _signed(body) | {name: _signed(b"x", "other")[name] + "1"}, False
        )
    digest = _signed(body)["webhook-signature"].removeprefix("v1,")
    for shape in SHAPES:
        yield Case(
            f"shape {shape}", "gitlab", _signed(body) | {"webhook-signature": shape.format(digest)}, False
        )
    for stamp in STAMPS:
        yield Case(f"time {stamp}", "gitlab", _stamped(body, stamp.format(int(time.time()))), False)
    yield Case("another key", "gitlab", _signed(body, key=OTHER_KEY), False)
    yield Case("no key", "gitlab", _signed(body, key=b""), False)
    yield Case("bad signature, good token", "gitlab", _signed(b"x") | {"x-gitlab-token": HOOK_SECRET}, False)
    yield Case("a second name", "gitlab", _signed(body) | {"Webhook-Id": "x"}, False)
    for token in ("", HOOK_SECRET + "x", HOOK_SECRET[:-1], HOOK_SECRET.swapcase(), "é", SIGNING_TOKEN):
        yield Case("token alike", "gitlab", {"x-gitlab-token": token}, False)
    yield Case("nothing", "gitlab", {}, False)
    yield Case("secret in the address", "gitlab", {}, False, query=f"secret={quote(HOOK_SECRET)}")
    for platform, secret in (("jira", JIRA_HOOK_SECRET), ("confluence", WIKI_HOOK_SECRET)):
        yield Case(f"the secret of {platform}", "gitlab", {"x-gitlab-token": secret}, False)
    yield from _turned("gitlab", _signed(body), "webhook-signature", dice, size)


def _signed(body: bytes, name: str = "proof", at: int = 0, key: bytes = KEY) -> Headers:
    seconds = str(int(time.time()) + at)
    return {
        "webhook-id": name,
        "webhook-timestamp": seconds,
        "webhook-signature": signature(name, seconds, body, key),
    }


def _several(body: bytes) -> Headers:
    headers = _signed(body)
    bad = _signed(body, "other")["webhook-signature"]
    return headers | {"webhook-signature": f"{bad} v2,AAAA {headers['webhook-signature']} {bad}"}


def _stamped(body: bytes, stamp: str) -> Headers:
    """Rightly signed, at a time that is written oddly."""
    told = stamp.encode("latin-1", "replace").decode("latin-1")
    return _signed(body) | {"webhook-timestamp": told, "webhook-signature": signature("proof", told, body)}


# --- Jira and Confluence


def _hub(platform: str, dice: Random, size: Proofs) -> Iterator[Case]:
    """What both know."""
    body, secret, other = BODIES[platform], _secret(platform), HOOK_SECRET
    good = {"x-hub-signature": hub(body, secret)}
    for method in METHODS:
        yield Case(method, platform, {"x-hub-signature": hub(body, secret, method)}, True)
    for method in WEAK:
        yield Case(method, platform, {"x-hub-signature": hub(body, secret, method)}, False)
    for shape in HUB_SHAPES:
        digest = good["x-hub-signature"].removeprefix("sha256=")
        yield Case(f"shape {shape}", platform, {"x-hub-signature": shape.format(digest)}, False)
    yield Case("header", platform, {"x-trivet-token": secret}, True)
    for token in ("", secret + "x", secret[:-1], secret.swapcase(), "é", other):
        yield Case("header alike", platform, {"x-trivet-token": token}, False)
    yield Case(
        "bad signature, good header", platform, {"x-hub-signature": "x", "x-trivet-token": secret}, False
    )
    yield Case("signed with nothing", platform, {"x-hub-signature": hub(body, "")}, False)
    yield Case("another platform's signature", platform, {"x-hub-signature": hub(body, other)}, False)
    yield Case("GitLab's header", platform, {"x-gitlab-token": secret}, False)
    yield Case("nothing", platform, {}, False)
    yield from _turned(platform, good, "x-hub-signature", dice, size)


def _jira() -> Iterator[Case]:
    secret = quote(JIRA_HOOK_SECRET, safe="")
    yield Case("address", "jira", {}, True, query=f"secret={secret}")
    yield Case("address, among others", "jira", {}, True, query=f"a=1&secret={secret}&b")
    for query in (
        f"secret={secret}x",
        f"Secret={secret}",
        f"secret%5B%5D={secret}",
        secret,
        "secret",
        "secret=%zz",
    ):
        yield Case("address alike", "jira", {}, False, query=query)
    yield Case("two secrets", "jira", {}, False, query=f"secret={secret}&secret={secret}")
    yield Case("bad header, good address", "jira", {"x-trivet-token": "x"}, False, query=f"secret={secret}")


def _wiki() -> Iterator[Case]:
    yield Case("address", "confluence", {}, False, query=f"secret={quote(WIKI_HOOK_SECRET, safe='')}")


def _secret(platform: str) -> str:
    return {"jira": JIRA_HOOK_SECRET, "confluence": WIKI_HOOK_SECRET}[platform]


def _turned(platform: str, good: Headers, name: str, dice: Random, size: Proofs) -> Iterator[Case]:
    """One character of the proof, or one bit of the body, is another."""
    body = BODIES[platform]
    for _ in range(size.flips):
        place = dice.randrange(len(good[name]) - 2)  # base64 has spare bits at its end
        other = dice.choice([char for char in "0aZ9+/=,. " if char != good[name][place]])
        proof = good[name][:place] + other + good[name][place + 1 :]
        yield Case("a character of the proof", platform, good | {name: proof}, False)
        forged = bytearray(body)
        forged[dice.randrange(len(body))] ^= 1 << dice.randrange(8)
        yield Case("a bit of the body", platform, good, False, body=bytes(forged))


# --- the format's own vectors


def _vectors() -> list[Gate]:
    """At the time they were signed; none where the public sets are not there."""
    file = FIXTURES / "standard-webhooks" / "vectors.json"
    if not file.exists():
        return []
    known = json.loads(file.read_bytes())
    cells = {
        kind: _is_believed(known[kind], known["hmac_sha256"]["secret"]) for kind in ("hmac_sha256", "ed25519")
    }
    wanted = {"hmac_sha256": True, "ed25519": False}
    wrong = [kind for kind in cells if cells[kind] != wanted[kind]]
    return [
        Gate(
            "S10 published vectors",
            "the format's HMAC vector, and its ed25519 vector, which is not supported",
            f"wrong: {shown(wrong)} of {len(cells)}",
            "0 wrong",
            not wrong,
        )
    ]


def _is_believed(vector: dict[str, str], secret: str) -> bool:
    told = {"id": vector["id"], "timestamp": str(vector["timestamp"]), "signature": vector["signature"]}
    headers = {f"webhook-{name}": value for name, value in told.items()}
    try:
        verify_gitlab(headers, "", vector["payload"].encode(), [secret], float(vector["timestamp"]))
    except BadDelivery:
        return False
    return True
