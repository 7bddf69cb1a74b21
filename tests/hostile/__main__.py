"""`make hostile`: whatever an attacker can send or write is sent and written, and what gets through is counted.

python -m tests.hostile [NAME ...] [--seed N] [--full] [--keep]

Names: of scenarios, all when none is given. The seed, which is printed, fixes what is made up at random. Public sets of
hostile texts are used where they lie beside the checkout, and what they add is counted apart; our own are always there.
Everything listens on loopback only. Where a gate is not met the exit code is 1, and the logs are kept.
"""

import argparse
import importlib
import secrets
import shutil
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path
from random import Random

from tests.bench.machine import machine
from tests.chaos.gates import Gate, table

SCENARIOS = (
    "nonsense",
    "orders",
    "proofs",
    "spending",
    "obeying",
    "redacting",
    "leaking",
    "showing",
    "passes",
    "bombs",
)
STOPPED = 128 + signal.SIGTERM
BROKE = "it did not come to its end: {}"
KEPT = "{name}: the logs are in {folder}"


def main(words: list[str]) -> int:
    asked = _parser().parse_args(words)
    print(f"seed {asked.seed}{', full' if asked.full else ''}\n", machine(), sep="\n", flush=True)
    gates = [gate for name in asked.names or SCENARIOS for gate in _tried(name, asked)]
    print("", table(gates), sep="\n")
    return 0 if all(gate.met for gate in gates) else 1


def _tried(name: str, asked: argparse.Namespace) -> list[Gate]:
    """One scenario, from dice of its own: it does the same, whichever others are tried."""
    print(f"trying {name} ...", file=sys.stderr, flush=True)
    scenario = importlib.import_module(f"tests.hostile.{name}")
    folder = Path(tempfile.mkdtemp(prefix=f"hostile-{name}-"))
    size = scenario.LONG if asked.full else scenario.SHORT
    began = time.monotonic()
    try:
        gates: list[Gate] = getattr(scenario, name)(Random(f"{asked.seed}:{name}"), folder, size)
    except Exception as fault:  # noqa: BLE001 - whatever the product raises, the other scenarios are tried
        traceback.print_exc()
        gates = [
            Gate(name, "-", BROKE.format(f"{type(fault).__name__}: {fault}".partition("\n")[0]), "-", False)
        ]
    print(f"... {time.monotonic() - began:.0f} s", *gates, sep="\n", file=sys.stderr, flush=True)
    if all(gate.met for gate in gates) and not asked.keep:
        shutil.rmtree(folder)
    else:
        print(KEPT.format(name=name, folder=folder), file=sys.stderr)
    return gates


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description="Attack it, and count.")
    parser.add_argument("names", nargs="*", choices=[[], *SCENARIOS], metavar="NAME", help="scenarios to try")
    parser.add_argument(
        "--seed", type=int, default=secrets.randbelow(10**6), help="what is made up at random"
    )
    parser.add_argument("--full", action="store_true", help="the long runs")
    parser.add_argument("--keep", action="store_true", help="keep the logs where all gates are met, too")
    return parser


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(STOPPED))  # what was started is stopped, as with Ctrl-C
    sys.exit(main(sys.argv[1:]))
