"""How a process ends: not later than the one that started it, and not in the middle of what it must undo."""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # prctl(2)


def die_with_parent(expected_parent: int | None = None) -> None:
    """Ask the kernel to kill this process when its parent dies (Linux; elsewhere the lease alone guards).

    Ends at once where the expected parent is gone already.
    """
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if expected_parent not in (None, os.getppid()):
        os._exit(1)


def heed_stop() -> None:
    """Told to stop before there is anything to finish, a process ends at once, and that is no failure.

    The first process of a container gets only the signals that it asks for (pid_namespaces(7)): one that is still
    importing would not hear SIGTERM, and be waited for until it is killed.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))


def stoppable() -> None:
    """What ends a job or a terminal is treated like Ctrl-C: there may be something to take back."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
