"""S18: ID tokens of pipelines, good and forged, at the real runs API: each cell is what it ought to be."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import jwt

from tests.chaos.gates import Gate, shown
from tests.e2e.test_runs_api import MATRIX, URL, minted, own, start
from tests.entry.test_id_tokens import REQUIRED
from tests.id_token_forge import private_key, public_jwk
from tests.rig import Rig
from tests.sandbox_server import PROJECT

Forge = Callable[[Rig, int], str | None]
ODD: tuple[Any, ...] = ("", -1, 0, True, [], {}, "²", "9" * 500, 1e308, "a\nb")
TEXTS: tuple[Any, ...] = ("", -1, 0, True, [], {}, "x" * 2_000)
ODD_CLAIMS: dict[str, tuple[Any, ...]] = {
    "project_id": ODD,
    "pipeline_id": ODD,
    "job_id": ODD,
    "exp": ODD,
    "iat": ODD,
    "nbf": ODD[:2] + ODD[4:],
    "sha": ODD,
    "aud": ODD,
    "iss": ("", "²", "a\nb", "https://evil.example"),
    "jti": TEXTS,
    "ref": TEXTS,
    "project_path": TEXTS,
    "ref_protected": ("", -1, [], {}, "²", "maybe"),
}


@dataclass(frozen=True)
class Passes:
    """`changed`: good tokens of which one character is another."""

    changed: int = 100


SHORT = Passes()
LONG = Passes(3_000)


@dataclass(frozen=True)
class Cell:
    """A token, and what it is answered. `iid`: what it asks for, where that is not the merge request of all."""

    name: str
    code: int
    token: str | None
    iid: int = 0


def passes(dice: Random, folder: Path, size: Passes = SHORT) -> list[Gate]:
    with Rig(folder, TRIVET_PUBLIC_URL=URL) as rig:
        rig.sandbox.add_project("acme/other", {"a.txt": "a\n"})
        rig.sandbox.add_project("elsewhere/shop", {"a.txt": "a\n"})
        rig.sandbox.drop_hooks()
        iid = rig.sandbox.merge_request(files={"quiet.py": "x = 1\n"}, source="quiet")
        bad = [_tried(rig, iid, cell) for cell in _bad(rig, iid, dice, size)]
        begun = sum('"trigger":"pipeline"' in run["request"] for run in rig.runs())
        good = [_tried(rig, iid, Cell("good", 202, minted(rig, iid))) for _ in range(3)]
    wrong = [problem for problem in (*bad, *good) if problem]
    wrong += [f"{begun} runs began by forged tokens"] if begun else []
    return [
        Gate(
            "S18 ID tokens",
            f"{len(bad)} tokens that do not hold and {len(good)} that do",
            f"wrong: {shown(wrong)} of {len(bad) + len(good)}; runs by forged ones: {begun}",
            "0 wrong",
            not wrong,
        )
    ]


def _tried(rig: Rig, iid: int, cell: Cell) -> str:
    """What is wrong with the answer, "" for nothing."""
    code, answer = start(rig, cell.token, cell.iid or iid)
    if code != cell.code:
        return f"{cell.name}: {code} for {cell.code}"
    parts = (cell.token or "").split(".")
    is_told = code != 202 and any(part in str(answer) for part in parts if len(part) > 8)
    return f"{cell.name}: the answer repeats the token" if is_told else ""


def _bad(rig: Rig, iid: int, dice: Random, size: Passes) -> Iterator[Cell]:
    for name, (code, forge) in MATRIX.items():
        yield Cell(name, code, forge(rig, iid))
    for claim in REQUIRED:
        yield Cell(f"no {claim}", 401, minted(rig, iid, claims={claim: None}))
    for claim, values in ODD_CLAIMS.items():
        for value in values:
            yield Cell(f"{claim} {value!r:.20}", 401, minted(rig, iid, claims={claim: value}))
    yield Cell("its key in the token", 401, _with_own_key(own(rig)))
    yield Cell("valid for ever", 401, minted(rig, iid, claims={"exp": int(time.time()) + 10**9}))
    yield from _of_forks(rig)
    yield Cell(
        "a run's token", 401, str(start(rig, minted(rig, project="acme/other"), iid)[1].get("token", "x"))
    )
    token = minted(rig, iid)
    for _ in range(size.changed):
        place = dice.randrange(len(token) - 1)  # base64 has spare bits at the very end
        other = dice.choice([char for char in "Aaz0_-.=" if char != token[place]])
        yield Cell("a character changed", 401, token[:place] + other + token[place + 1 :])


def _with_own_key(claims: dict[str, Any]) -> str:
    headers = {"kid": "the-key", "jwk": public_jwk("mallory"), "jku": "https://evil.example/keys"}
    return jwt.encode(claims, private_key("mallory"), algorithm="RS256", headers=headers)


def _of_forks(rig: Rig) -> Iterator[Cell]:
    """A fork's pipeline as it is, and with its parent's claims, as gitlab-org/gitlab#548165 had them."""
    shop = next(one["id"] for one in rig.sandbox.state()["projects"] if one["path"] == PROJECT)
    parents = {"project_id": str(shop), "project_path": PROJECT, "ref_protected": "true"}
    for name, claims in (("fork", {}), ("lying-fork", parents)):
        path = f"acme/{name}"
        rig.sandbox.add_project(path, {"a.txt": "a\n"})
        iid = rig.sandbox.merge_request(files={f"{name}.py": "x = 1\n"}, source=name, fork=path)
        yield Cell(f"of a {name}", 403, minted(rig, iid, project=path, of=PROJECT, claims=claims), iid)
