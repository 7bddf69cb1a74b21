"""`make hostile`: whatever an attacker can send or write is sent and written, and what gets through is counted.

python -m tests.hostile [NAME ...] [--seed N] [--full] [--keep]

Names: of scenarios, all when none is given. The seed, which is printed, fixes what is made up at random. Public sets of
hostile texts are used where they lie beside the checkout, and what they add is counted apart; our own are always there.
Everything listens on loopback only. Where a gate is not met the exit code is 1, and the logs are kept.
"""

import signal
import sys

from tests.chaos.playing import Tool

SCENARIOS = (
    "nonsense",
    "orders",
    "proofs",
    "spending",
    "failing",
    "obeying",
    "redacting",
    "leaking",
    "showing",
    "passes",
    "bombs",
)
STOPPED = 128 + signal.SIGTERM


def main(words: list[str]) -> int:
    tool = Tool(
        package="tests.hostile",
        scenarios=SCENARIOS,
        description="Attack it, and count.",
        does="trying",
        at_random="what is made up at random",
        kept="{name}: the logs are in {folder}",
    )
    return tool.main(words)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(STOPPED))  # what was started is stopped, as with Ctrl-C
    sys.exit(main(sys.argv[1:]))
