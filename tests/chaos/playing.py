"""What the tools that break and attack the product share: scenarios by name, a seed, one table, an exit code."""

import argparse
import importlib
import secrets
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.bench.machine import machine
from tests.chaos.gates import Gate, table

BROKE = "it did not come to its end: {}"


@dataclass(frozen=True)
class Tool:
    """`package` holds a module for each scenario, with a function of its name, SHORT and LONG.

    `lengthy`: scenarios that are played in full runs, or by name.

    `does` is the verb of what is done with a scenario, `at_random` what the seed fixes, `kept` what is said of a
    folder that stays.
    """

    package: str
    scenarios: Sequence[str]
    description: str
    does: str
    at_random: str
    kept: str
    lengthy: Sequence[str] = ()

    def main(self, words: Sequence[str]) -> int:
        """0 where every gate is met, else 1."""
        asked = self._parser().parse_args(words)
        print(f"seed {asked.seed}{', full' if asked.full else ''}\n", machine(), sep="\n", flush=True)
        names = asked.names or (*self.scenarios, *(self.lengthy if asked.full else ()))
        gates = [gate for name in names for gate in self._played(name, asked)]
        print("", table(gates), sep="\n")
        return 0 if all(gate.met for gate in gates) else 1

    def _played(self, name: str, asked: argparse.Namespace) -> list[Gate]:
        """One scenario, from dice of its own: it does the same, whichever others are played."""
        print(f"{self.does} {name} ...", file=sys.stderr, flush=True)
        scenario = importlib.import_module(f"{self.package}.{name}")
        folder = Path(tempfile.mkdtemp(prefix=f"{self.package.rpartition('.')[2]}-{name}-"))
        size = scenario.LONG if asked.full else scenario.SHORT
        began = time.monotonic()
        try:
            gates: list[Gate] = getattr(scenario, name)(Random(f"{asked.seed}:{name}"), folder, size)
        except Exception as fault:  # noqa: BLE001 - whatever the product raises, the others are played
            traceback.print_exc()
            said = f"{type(fault).__name__}: {fault}".partition("\n")[0]
            gates = [Gate(name, "-", BROKE.format(said), "-", False)]
        print(f"... {time.monotonic() - began:.0f} s", *gates, sep="\n", file=sys.stderr, flush=True)
        if all(gate.met for gate in gates) and not asked.keep:
            shutil.rmtree(folder)
        else:
            print(self.kept.format(name=name, folder=folder), file=sys.stderr)
        return gates

    def _parser(self) -> argparse.ArgumentParser:
        parser = argparse.ArgumentParser(prog=f"python -m {self.package}", description=self.description)
        parser.add_argument(
            "names", nargs="*", choices=[[], *self.scenarios, *self.lengthy], metavar="NAME", help="scenarios"
        )
        parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help=self.at_random)
        parser.add_argument("--full", action="store_true", help="the long runs")
        parser.add_argument("--keep", action="store_true", help="keep the logs where all gates are met, too")
        return parser
