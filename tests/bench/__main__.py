"""`make bench`: every figure this project promises, measured here and now, as one Markdown table.

python -m tests.bench [NAME ...]    names: the modules beside this one that have rows; all when none is given
"""

import importlib
import sys

from tests.bench.machine import machine
from tests.bench.table import Row, table

MEASUREMENTS = (
    "help_start",
    "memory",
    "installed",
    "answers",
    "throughput",
    "review_time",
    "requests_made",
    "model_use",
    "recovery",
    "crashes",
    "hostile",
)


def main(chosen: list[str]) -> None:
    about = machine()
    rows: list[Row] = []
    for name in chosen or MEASUREMENTS:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        rows += importlib.import_module(f"tests.bench.{name}").rows()
    print(about, table(rows), sep="\n\n")


if __name__ == "__main__":
    main(sys.argv[1:])
