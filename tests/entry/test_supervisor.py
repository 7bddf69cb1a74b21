"""The supervisor on small children of the test's own."""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.entry import supervisor as supervising
from bot.entry.supervisor import Child, Supervisor
from bot.errors import PlatformError, UsageError

SLEEP = "import time; time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
FINISH = (
    "import signal, sys, time\n"
    "def end(*_): signal.signal(15, signal.SIG_IGN); time.sleep(1); print('finished'); sys.exit()\n"
    "signal.signal(15, end); print('up', flush=True); time.sleep(60)"
)
COUNT = "import pathlib, sys; p = pathlib.Path(sys.argv[1]); p.write_text(p.read_text() + 'x' if p.exists() else 'x')"


def child(program: str, *words: str, name: str = "child", **fields: object) -> Child:
    return Child(name, (sys.executable, "-c", program, *words), dict(os.environ), **fields)  # type: ignore[arg-type]


def read(log: Path) -> str:
    return log.read_text() if log.exists() else ""


def until(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to it"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def run_until(supervisor: Supervisor, condition: Callable[[], object]) -> None:
    """`run` in this thread, told to stop once the condition holds."""

    def stop() -> None:
        try:
            until(condition)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    watcher = threading.Thread(target=stop)
    watcher.start()
    supervisor.run()
    watcher.join()


def test_what_dies_is_started_again(tmp_path: Path) -> None:
    starts = tmp_path / "starts"
    sleeping = child(SLEEP, name="sleeping")
    supervisor = Supervisor([sleeping, child(COUNT, str(starts))])
    run_until(supervisor, lambda: starts.exists() and len(starts.read_text()) >= 2)
    assert sleeping.code is not None


def test_told_to_stop_it_takes_all_down_and_gives_the_signals_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    children = [child(SLEEP, name=str(number)) for number in range(3)]
    run_until(Supervisor(children), lambda: all(one.process for one in children))
    assert [one.code for one in children] == [-signal.SIGTERM] * 3
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_wrong_configuration_stops_everything_with_a_sentence() -> None:
    sleeping = child(SLEEP, name="sleeping")
    with pytest.raises(UsageError, match="wrong cannot run like this"):
        Supervisor([sleeping, child("raise SystemExit(2)", name="wrong")]).run()
    assert sleeping.code is not None


def test_what_is_needed_and_does_not_start_ends_it_with_where_to_look(tmp_path: Path) -> None:
    log = tmp_path / "its.log"
    broken = child("raise SystemExit('no disk')", name="redis", is_ready=lambda: False, log=log)
    with pytest.raises(PlatformError) as caught:
        Supervisor([broken]).run()
    assert str(caught.value) == f"redis did not start (exit code 1): {log} says why"
    assert "no disk" in log.read_text()


def test_the_next_child_waits_until_the_one_before_is_ready(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    first = child(f"import pathlib; pathlib.Path({str(ready)!r}).touch(); {SLEEP}", is_ready=ready.exists)
    second = child(f"import pathlib; assert pathlib.Path({str(ready)!r}).exists(); {SLEEP}")
    supervisor = Supervisor([first, second])
    run_until(supervisor, lambda: second.process is not None)
    assert second.failures == 0


def test_a_child_that_keeps_dying_is_started_less_and_less_often() -> None:
    dying = child("raise SystemExit(1)")
    supervisor = Supervisor([dying])
    pauses = []
    for _ in range(12):
        dying.start()
        assert dying.process is not None
        dying.process.wait()
        before = time.monotonic()
        supervisor.tend()
        pauses.append(round(dying.not_before - before, 1))
    assert pauses == sorted(pauses)
    assert pauses[0] < 1
    assert pauses[-1] == 30


def test_it_gives_no_sign_of_life_while_a_child_keeps_dying(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It dies four times, then lives. Slow (5 s): it must live long enough to count as one that has got over it."""
    monkeypatch.setattr(supervising, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(supervising, "HEALTHY_SECONDS", 3.0)
    starts = tmp_path / "starts"
    dying = child(f"{COUNT}\nif len(p.read_text()) < 5: sys.exit(1)\n{SLEEP}", str(starts))
    supervisor = Supervisor([dying])
    beats: list[tuple[int, float]] = []
    supervisor.beat = lambda: beats.append((dying.failures, time.monotonic() - dying.started))
    run_until(supervisor, lambda: beats and beats[-1][0] == 4)
    assert {failures for failures, _ in beats} <= {0, 1, 2, 4}
    assert beats[0][0] < 3
    assert all(lived > 3.0 for failures, lived in beats if failures == 4), "not before it lives on"


def test_a_stop_while_it_waits_for_a_child_is_heard() -> None:
    never = child(SLEEP, is_ready=lambda: False)
    run_until(Supervisor([never]), lambda: never.process is not None)
    assert never.code == -signal.SIGTERM


def told(supervisor: Supervisor, number: signal.Signals) -> bool:
    """Send ourselves a signal, and another one once that was heard."""
    os.kill(os.getpid(), number)
    until(supervisor.stop.is_set)
    os.kill(os.getpid(), number)
    return True


def test_a_second_ctrl_c_ends_who_does_not_listen(tmp_path: Path) -> None:
    log = tmp_path / "log"
    stubborn = child(STUBBORN, log=log)
    supervisor = Supervisor([stubborn])
    began = time.monotonic()
    run_until(supervisor, lambda: "up" in read(log) and told(supervisor, signal.SIGINT))
    assert stubborn.code == -signal.SIGKILL
    assert time.monotonic() - began < 15


def test_a_second_sigterm_takes_no_time_from_who_has_something_to_finish(tmp_path: Path) -> None:
    log = tmp_path / "log"
    finishing = child(FINISH, log=log)
    supervisor = Supervisor([finishing])
    run_until(supervisor, lambda: "up" in read(log) and told(supervisor, signal.SIGTERM))
    assert finishing.code == 0
    assert "finished" in read(log)


def test_who_does_not_stop_within_the_grace_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    stubborn = child(STUBBORN, log=log)
    began = time.monotonic()
    run_until(Supervisor([stubborn], grace=0.5), lambda: "up" in read(log))
    assert stubborn.code == -signal.SIGKILL
    assert 0.5 <= time.monotonic() - began < 15


def test_it_gives_signs_of_life_while_it_starts_watches_and_stops(tmp_path: Path) -> None:
    log = tmp_path / "log"
    beats: list[str] = []
    supervisor = Supervisor([])
    supervisor.beat = lambda: beats.append("stopping" if supervisor.stop.is_set() else "at work")
    supervisor.children.append(child(FINISH, log=log, is_ready=lambda: bool(beats)))
    run_until(supervisor, lambda: len(beats) > 3 and "up" in read(log))
    assert beats[-1] == "stopping"


def test_who_is_needed_by_the_others_goes_after_them(tmp_path: Path) -> None:
    log = tmp_path / "order"
    telling = (
        "import signal, sys, time\n"
        "def end(*_): print(sys.argv[1], flush=True); raise SystemExit\n"
        "signal.signal(15, end); print('up', flush=True); time.sleep(60)"
    )
    redis = child(telling, "redis", log=log, needed=True)
    worker = child(telling, "worker", log=log)
    run_until(Supervisor([redis, worker]), lambda: log.exists() and log.read_text().count("up") == 2)
    assert log.read_text().split()[2:] == ["worker", "redis"]


def test_nobody_waits_at_a_door_whose_children_are_stopping(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with socket.create_server(("127.0.0.1", 0)) as door:
        address = door.getsockname()
        finishing = child(FINISH, log=log)
        supervisor = Supervisor([finishing], close=door.close)
        refused: list[bool] = []
        supervisor.beat = lambda: refused.append(is_refused(address)) if supervisor.stop.is_set() else None
        run_until(supervisor, lambda: "up" in read(log))
    assert refused
    assert all(refused)


def is_refused(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, timeout=1).close()
    except ConnectionRefusedError:
        return True
    return False


def test_children_inherit_only_the_descriptors_they_are_given() -> None:
    reading, writing = os.pipe()
    try:
        one = child(f"import os; os.write({writing}, b'heir')", descriptors=(writing,))
        one.start()
        assert one.process is not None
        one.process.wait()
        assert os.read(reading, 10) == b"heir"
        other = child(f"import os; os.write({writing}, b'x')")
        other.start()
        assert other.process is not None
        assert other.process.wait() == 1
    finally:
        os.close(reading)
        os.close(writing)


def test_children_die_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    program = (
        "import sys\nfrom bot.entry.supervisor import Child, Supervisor\n"
        f"Supervisor([Child('c', (sys.executable, '-c', '''import os, pathlib, time\n"
        f"pathlib.Path({str(pid)!r}).write_text(str(os.getpid())); time.sleep(60)'''), {{}})]).run()"
    )
    parent = child(program)
    parent.start()
    assert parent.process is not None
    until(lambda: pid.exists() and pid.read_text())
    parent.process.kill()
    parent.process.wait()
    until(lambda: not alive(int(pid.read_text())))
