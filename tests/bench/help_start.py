"""What `trivet --help` costs beyond starting Python."""

import subprocess
import sys
import time

from tests.bench.table import Row, row
from tests.rig import clean_environment

MOST_SECONDS = 0.25
SECONDS = "{:.3f} s"
HELP = (sys.executable, "-m", "bot", "--help")
BARE = (sys.executable, "-c", "pass")


def rows(runs: int = 11) -> list[Row]:
    """Both in turn; the row's values are the differences of neighbours."""
    for command in (HELP, BARE):
        _seconds(command)
    pairs = [(_seconds(HELP), _seconds(BARE)) for _ in range(runs)]
    more = [ours - bare for ours, bare in pairs]
    what = "`trivet --help` beyond bare Python start"
    return [row(what, more, SECONDS, "at most 0.25 s", MOST_SECONDS)]


def _seconds(command: tuple[str, ...]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=clean_environment())
    return time.perf_counter() - started


if __name__ == "__main__":
    print(*rows(), sep="\n")
