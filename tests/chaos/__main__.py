"""`make chaos`: the product is broken at random, and what people see is counted, as one Markdown table.

python -m tests.chaos [NAME ...] [--seed N] [--full] [--keep]

Names: of scenarios, all when none is given. The seed, which is printed, fixes what is done: which processes die how,
which requests fail, when. In which moment of the product's work that falls, the machine decides. It takes about four
minutes on two idle cores, with --full an hour. Everything listens on loopback only, and only processes that
were started here are killed. Where a gate is not met the exit code is 1, and the logs, what GitLab held and what it was
asked are kept.
"""

import argparse
import importlib
import secrets
import shutil
import signal
import sys
import tempfile
import time
from http.client import HTTPException
from pathlib import Path
from random import Random

from redis.exceptions import RedisError

from tests.bench.machine import machine
from tests.chaos.gates import Gate, table

SCENARIOS = (
    "storm",
    "losses",
    "dropping",
    "dying",
    "paying",
    "pushes",
    "copies",
    "rolling",
    "outage",
)
STOPPED = 128 + signal.SIGTERM
BROKE = "it did not come to its end: {}"
KEPT = "{name}: logs, and what GitLab held and was asked, are in {folder}"


def main(words: list[str]) -> int:
    asked = _parser().parse_args(words)
    print(f"seed {asked.seed}{', full' if asked.full else ''}\n", machine(), sep="\n", flush=True)
    gates = [gate for name in asked.names or SCENARIOS for gate in _played(name, asked)]
    print("", table(gates), sep="\n")
    return 0 if all(gate.met for gate in gates) else 1


def _played(name: str, asked: argparse.Namespace) -> list[Gate]:
    """One scenario, from dice of its own: it does the same, whichever others are played."""
    print(f"playing {name} ...", file=sys.stderr, flush=True)
    scenario = importlib.import_module(f"tests.chaos.{name}")
    folder = Path(tempfile.mkdtemp(prefix=f"chaos-{name}-"))
    size = scenario.LONG if asked.full else scenario.SHORT
    began = time.monotonic()
    try:
        gates: list[Gate] = getattr(scenario, name)(Random(f"{asked.seed}:{name}"), folder, size)
    except (AssertionError, OSError, HTTPException, RedisError) as fault:
        print(fault, file=sys.stderr)
        gates = [Gate(name, "-", BROKE.format(str(fault).partition("\n")[0]), "-", False)]
    print(f"... {time.monotonic() - began:.0f} s", *gates, sep="\n", file=sys.stderr, flush=True)
    if all(gate.met for gate in gates) and not asked.keep:
        shutil.rmtree(folder)
    else:
        print(KEPT.format(name=name, folder=folder), file=sys.stderr)
    return gates


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="Break it, and count.")
    parser.add_argument(
        "names", nargs="*", choices=[[], *SCENARIOS], metavar="NAME", help="scenarios to play"
    )
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="what is done at random")
    parser.add_argument("--full", action="store_true", help="the long runs")
    parser.add_argument("--keep", action="store_true", help="keep the logs where all gates are met, too")
    return parser


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(STOPPED))  # what was started is stopped, as with Ctrl-C
    sys.exit(main(sys.argv[1:]))
