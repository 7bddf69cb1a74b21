"""`make chaos`: the product is broken at random, and what people see is counted, as one Markdown table.

python -m tests.chaos [NAME ...] [--seed N] [--full] [--keep]

Names: of scenarios; when none is given, all those that take minutes, and with --full the soak, too. The seed, which is
printed, fixes what is done: which processes die how, which requests fail, when. In which moment of the product's work
that falls, the machine decides. It takes some six minutes on two idle cores, with --full hours.
Everything listens on loopback only, and only processes that were started here are killed. Where a gate is not met the
exit code is 1, and the logs, what GitLab held and what it was asked are kept.
"""

import signal
import sys

from tests.chaos.playing import Tool

SCENARIOS = (
    "storm",
    "freezing",
    "ties",
    "losses",
    "dropping",
    "dying",
    "paying",
    "pushes",
    "copies",
    "rolling",
    "outage",
)
SOAKS = ("soak",)
"""Played with --full, or by name."""
STOPPED = 128 + signal.SIGTERM


def main(words: list[str]) -> int:
    tool = Tool(
        package="tests.chaos",
        scenarios=SCENARIOS,
        lengthy=SOAKS,
        description="Break it, and count.",
        does="playing",
        at_random="what is done at random",
        kept="{name}: logs, and what GitLab held and was asked, are in {folder}",
    )
    return tool.main(words)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(STOPPED))  # what was started is stopped, as with Ctrl-C
    sys.exit(main(sys.argv[1:]))
