"""Whether the processes of a container live and work, told by the files they touch."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.entry.pulse import STALE, Pulse, health

BEAT_AND_END = "from bot.entry.pulse import Pulse; Pulse('agents').beat()"
BEAT_AND_STAY = (
    "from bot.entry.pulse import Pulse; Pulse('agents').beat(); print('beaten', flush=True); input()"
)
BEAT_IN_CHILD = """
import os
from bot.entry.pulse import Pulse
pulse = Pulse("effects")
child = os.fork()
if not child:
    pulse.beat()
    os._exit(0)
os.waitpid(child, 0)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the processes of this test leave their files."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path / f"trivet-pulse-{os.getuid()}"


@contextmanager
def another_process() -> Iterator["subprocess.Popen[str]"]:
    """One of Trivet's that has beaten once, and stays until its input ends."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", BEAT_AND_STAY], stdin=pipe, stdout=pipe, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "beaten\n"
        yield process


def ran(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_process_that_beats_is_fine_and_named(capsys: pytest.CaptureFixture[str]) -> None:
    Pulse("effects").beat()
    assert health() == 0
    assert f"effects (process {os.getpid()})" in capsys.readouterr().out


def test_where_no_process_beats_somebody_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert health() == 3
    assert "no process of Trivet has a pulse" in capsys.readouterr().out


def test_a_process_that_lives_and_beats_no_more_hangs(capsys: pytest.CaptureFixture[str]) -> None:
    Pulse("agents").beat()
    assert health(time.time() + STALE - 5) == 0
    assert health(time.time() + STALE + 5) == 3
    assert f"agents (process {os.getpid()}) hangs" in capsys.readouterr().out


def test_one_that_hangs_is_enough(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with another_process() as other:
        [silent] = folder.iterdir()
        os.utime(silent, (0, time.time() - STALE - 5))
        Pulse("serve").beat()
        assert health() == 3
        said = capsys.readouterr().out
        assert f"agents (process {other.pid}) hangs" in said
        assert f"serve (process {os.getpid()}): its pulse is" in said


def test_a_clock_that_was_put_back_makes_nobody_hang() -> None:
    Pulse("web").beat()
    assert health(time.time() - 3600) == 0


def test_a_process_that_ended_does_not_count_and_leaves_nothing(folder: Path) -> None:
    ran(BEAT_AND_END)
    assert len(list(folder.iterdir())) == 1
    assert health() == 3
    assert list(folder.iterdir()) == []


def test_a_killed_process_that_nobody_has_buried_does_not_count(folder: Path) -> None:
    with another_process() as process:
        assert health() == 0
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert health() == 3
        assert list(folder.iterdir()) == []


def test_a_process_with_the_number_of_a_dead_one_is_another(folder: Path) -> None:
    """As in a container that was started again, whose processes get the numbers of the ones before."""
    Pulse("agents").beat()
    [mine] = folder.iterdir()
    role, pid, born = mine.name.split("-")
    mine.rename(folder / f"{role}-{pid}-{int(born) - 1}")
    assert health() == 3
    assert list(folder.iterdir()) == []


def test_what_a_worker_forks_does_not_beat_for_it(folder: Path) -> None:
    ran(BEAT_IN_CHILD)
    assert not folder.exists()


def test_a_pulse_touches_its_file_once_a_second_at_most(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulse = Pulse("agents")
    pulse.beat()
    [mine] = folder.iterdir()
    began = time.monotonic()
    os.utime(mine, (0, 0))
    monkeypatch.setattr(time, "monotonic", lambda: began + 0.5)
    pulse.beat()
    assert mine.stat().st_mtime == 0
    monkeypatch.setattr(time, "monotonic", lambda: began + 1.5)
    pulse.beat()
    assert mine.stat().st_mtime > 0


def test_only_we_may_enter_the_folder(folder: Path) -> None:
    Pulse("agents").beat()
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("how", ["a link", "a file", "writable"])
def test_in_a_folder_that_others_may_have_made_nobody_beats(
    how: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    if how == "a link":
        folder.symlink_to(elsewhere)
    elif how == "a file":
        folder.touch()
    else:
        folder.mkdir()
        folder.chmod(0o777)
    Pulse("agents").beat()
    assert health() == 3
    assert "is not a folder that only we can write to" in capsys.readouterr().out
    assert not list(tmp_path.rglob("agents-*"))


def test_where_nothing_can_be_written_the_process_goes_on_and_health_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "missing"))
    Pulse("agents").beat()
    assert health() == 3
    assert "missing" in capsys.readouterr().out


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.text("agents-. ²", min_size=1, max_size=20).filter(lambda name: name.strip(".")),
)
def test_what_else_lies_in_the_folder_is_nobodys_pulse(name: str, folder: Path) -> None:
    """Neither counted nor a reason to break."""
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / name).touch()
    assert health() == 3
    (folder / name).unlink(missing_ok=True)


def test_the_command_says_it_by_its_exit_code() -> None:
    command = [sys.executable, "-m", "bot", "health"]
    assert subprocess.run(command, capture_output=True).returncode == 3
    Pulse("schedule").beat()
    told = subprocess.run(command, capture_output=True, text=True)
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.startswith("schedule (process ")


def test_a_health_check_imports_little() -> None:
    """It is started every few seconds in each container."""
    code = "import sys; before = set(sys.modules); import bot.entry.pulse; print(*set(sys.modules) - before)"
    imported = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert {name.partition(".")[0] for name in imported.split()} <= sys.stdlib_module_names | {"bot"}
