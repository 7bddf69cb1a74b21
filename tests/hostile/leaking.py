"""S16: secrets of ours and of the code under review, looked for in all that is left behind, in every form.

Ours are those of every setting; those under review stand in files, titles, descriptions, messages and comments. What
is looked through: logs, all that Redis holds and its files, checkpoints, the bot's notes, metrics, and what a model was
shown. Forms: as it is, in a URL, in base64 at any offset, and each of them with an end cut off.
"""

import json
import time
import zlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from tests.canaries import EVERY_SETTING, leaks, plant
from tests.chaos.gates import Gate, shown
from tests.chaos.scripted import review
from tests.domain.test_secrets import SAMPLES, Dice
from tests.model_server import Body, ModelServer, Reply
from tests.rig import Rig

CUT = 7  # characters that are missing at an end
KINDS = (
    "gitlab-access-token",
    "github-token",
    "anthropic-key",
    "huggingface-token",
    "slack-token",
    "npm-token",
)
THINKS_SECONDS = 1.0
LOOK_SECONDS = 0.3
PATIENCE_SECONDS = 240.0
ORDERS = "def first(order):\n    return order.items[0]\n"
PLACES = "logs, Redis, its files, checkpoints, notes, metrics, the model's requests"


@dataclass(frozen=True)
class Leaking:
    """Merge requests, each of which carries a secret of each kind."""

    requests: int = 4


SHORT = Leaking()
LONG = Leaking(60)

SETTINGS: dict[str, Any] = {
    name: value for name, value in EVERY_SETTING.items() if not name.startswith("TRIVET_GITLAB__")
}
"""Where nothing is connected, its secret is set all the same."""

HELD = {
    "Redis": "acme/shop",
    "appendonly": "acme/shop",
    "checkpoints": "orders.py",
    "logs": "accepted",
    "metrics": "trivet_deliveries",
    "notes": "undefined_name",
    "the model's requests": "leak-0",
}
"""By the beginning of a place's name, what must stand there."""

Seen = Collection[tuple[str, str]]  # a place, and what stands there


def leaking(dice: Random, folder: Path, size: Leaking = SHORT) -> list[Gate]:
    theirs = [_made(dice) for _ in range(size.requests)]
    with ModelServer() as model:
        model.reply = _slowly
        with Rig(folder, **SETTINGS | model.environ("openai")) as here:
            iids = [_opened(here, number, secrets) for number, secrets in enumerate(theirs)]
            seen = dict.fromkeys(_while_running(here, iids))
            seen |= dict.fromkeys([*_stored(here), *_said(here, model, iids)])
            ours = [value for name, value in here.environment.items() if name in EVERY_SETTING]
    _check(seen)
    plant_all(ours)
    first = found(seen)
    planted = [secret for secrets in theirs for secret in secrets]
    plant_all(planted)
    second = [one for one in found(seen) if one not in first]
    size_seen = sum(len(text) for _, text in seen) / 1e6
    return [
        _judged("S16 our own secrets", f"{len(ours)} secrets of settings", size_seen, first),
        _judged("S16 secrets under review", f"{len(planted)} secrets in merge requests", size_seen, second),
    ]


def _made(dice: Random) -> list[str]:
    return [SAMPLES[kind][0](Dice(dice.getrandbits(32))) for kind in KINDS]


def _opened(here: Rig, number: int, secrets: list[str]) -> int:
    """A secret in each place; its shape is the one that its provider documents."""
    code, title, description, message, comment, name = secrets
    branch = f"leak-{number}"
    files = {
        f"{branch}/code.py": f'TOKEN = "{code}"\nvalue = undefined_name\n',
        f"{branch}/orders.py": ORDERS,
        f"{branch}/settings.py": f'NPM = "{name}"\n',
    }
    here.sandbox.push(branch, files, f"Use {message}")
    iid = here.sandbox.merge_request(
        f"Use {title}", source=branch, description=f"With {description} it works."
    )
    here.sandbox.comment(iid, f"I used {comment} myself")
    return iid


def _slowly(body: Body) -> Reply:
    """So that there is something to be found in the middle."""
    return replace(review(body), delay=THINKS_SECONDS)


# --- looking


def _while_running(here: Rig, iids: list[int]) -> Iterator[tuple[str, str]]:
    """What is stored, again and again until all is reviewed: steps are kept no longer than their run."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while here.unfinished() or not all(here.summaries(iid) for iid in iids):
        assert time.monotonic() < deadline, "runs were still under way"
        yield from _stored(here)
        time.sleep(LOOK_SECONDS)


def _stored(here: Rig) -> Iterator[tuple[str, str]]:
    """What lies in Redis and in the data folder at this moment."""
    with here.redis() as client:
        yield "Redis", "\n".join(_text(one) for one in _values(client))
    for file in sorted((here.folder / "data").rglob("*")):
        if file.is_file() and file.name != "mark-secret":
            with suppress(FileNotFoundError):  # a database's journal comes and goes
                yield file.name, _text(file.read_bytes())


def _values(client: Any) -> Iterator[bytes]:
    """Names and contents of all keys."""
    for key in client.scan_iter():
        yield key
        kind = client.type(key).decode()
        if kind == "string":
            yield client.get(key) or b""
        elif kind == "hash":
            yield from (part for pair in client.hgetall(key).items() for part in pair)
        elif kind in ("list", "set", "zset"):
            yield from _members(client, key, kind)
        else:
            assert kind in ("none", "stream"), f"{key!r} is a {kind}, which nobody looks into"


def _members(client: Any, key: bytes, kind: str) -> Iterable[bytes]:
    if kind == "list":
        return list(client.lrange(key, 0, -1))
    return list(client.smembers(key) if kind == "set" else client.zrange(key, 0, -1))


def _text(content: bytes) -> str:
    """RQ packs what a job is about."""
    with suppress(zlib.error):
        content = zlib.decompress(content)
    return content.decode("utf-8", "replace")


def _said(here: Rig, model: ModelServer, iids: list[int]) -> Iterator[tuple[str, str]]:
    yield "logs", here.log()
    yield "metrics", here.get("/metrics")[1]
    yield "notes", json.dumps([here.bot_notes(iid) for iid in iids])
    yield "the model's requests", json.dumps(model.asked)


def _check(seen: Seen) -> None:
    """Raises AssertionError where a place is empty, or holds nothing of these runs: then nothing is proven by it."""
    for place, word in HELD.items():
        texts = [text for name, text in seen if name.startswith(place)]
        assert any(word in text for text in texts), (
            f"{place}: nothing of these runs was there to be looked at"
        )


# --- judging


def plant_all(secrets: Iterable[str]) -> None:
    """With an end cut off, too, where what is left is still a secret."""
    for secret in secrets:
        for part in (secret, secret[CUT:], secret[:-CUT]):
            if len(part) >= 2 * CUT:
                plant(part)


def found(seen: Seen) -> list[str]:
    return list(dict.fromkeys(f"{name} in {place}" for place, text in seen for name in leaks(text)))


def _judged(name: str, what: str, megabytes: float, leaked: list[str]) -> Gate:
    return Gate(
        name,
        f"{what}, plain, in URLs, base64 and cut; in {PLACES}",
        f"found: {shown(leaked)}; {megabytes:.1f} MB looked through",
        "0 found",
        not leaked,
    )
