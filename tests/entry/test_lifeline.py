"""A process ends when it is told to, and not later than who started it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
STARTING = """
import time
from bot.entry.lifeline import heed_stop
heed_stop()
print("importing", flush=True)
time.sleep(60)
"""
ORPHAN = """
import os, time
from bot.entry.lifeline import die_with_parent
die_with_parent({parent})
print("lives", flush=True)
"""


def test_a_process_that_is_told_to_stop_while_it_starts_ends_at_once_and_well() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STARTING], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "importing\n"
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert time.monotonic() - began < 10


def test_whose_parent_is_gone_already_does_not_begin() -> None:
    def said(parent: int) -> str:
        program = [sys.executable, "-c", ORPHAN.format(parent=parent)]
        return subprocess.run(program, cwd=ROOT, capture_output=True, text=True, timeout=20).stdout

    assert said(os.getpid()) == "lives\n"
    assert said(os.getppid()) == ""
