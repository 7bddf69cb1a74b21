"""`trivet demo` from outside, in surroundings that are not friendly."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import pytest

from bot.entry.demo import _plain, bare
from tests.rig import clean_environment, processes

REPOSITORY = str(Path(__file__).parents[2])
UNFRIENDLY = {
    "TRIVET_GITLAB__URL": "https://gitlab.example.com",
    "TRIVET_GITLAB__TOKEN": "glpat-" + "of-a-real-installation",
    "TRIVET_REDIS_URL": "redis://127.0.0.1:9",
    "TRIVET_PORT": "not a port",
    "TRIVET_SECRETS_DIR": "/no/such/folder",
    "TRIVET_LOG_FORMAT": "json",
    "http_proxy": "http://127.0.0.1:9",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "ALL_PROXY": "http://127.0.0.1:9",
    "CI": "true",
}


def demo(
    folder: Path, *words: str, settings: Mapping[str, str] | None = None, cwd: Path | str | None = None
) -> subprocess.Popen[str]:
    environment = (
        clean_environment() | {"PYTHONPATH": REPOSITORY, "TMPDIR": str(folder)} | dict(settings or {})
    )
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "bot", "demo", *words],
        env=environment,
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    with process:
        try:
            out, err = process.communicate(timeout=100)
        finally:
            process.kill()
    return process.returncode, out, err


def left_behind(folder: Path) -> list[str]:
    """Files of the demo, and processes that work on them."""
    started = [command for _, _, command in processes() if str(folder) in command]
    return [*started, *(file.name for file in folder.iterdir())]


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    found = (tmp_path / "one", tmp_path / "two")
    for folder in found:
        folder.mkdir()
    return found


def test_two_at_once_show_their_review_whatever_the_surroundings(folders: tuple[Path, Path]) -> None:
    """With settings of a real installation, dead proxies, and a current folder nobody can write to."""
    both = [demo(folder, "--once", settings=UNFRIENDLY, cwd="/proc") for folder in folders]
    for (code, out, err), folder in zip([finished(process) for process in both], folders, strict=True):
        assert code == 0, err
        assert "Open http://127.0.0.1:" in out
        assert "findings on their lines, one summary" in out
        assert "shop/settings.py:12" in out
        assert err == ""
        assert left_behind(folder) == []


def test_ctrl_c_after_the_review_is_a_good_end_and_leaves_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = demo(tmp_path, "--port", str(port))
    assert process.stdout is not None
    seen = []
    while not any("Ctrl-C stops everything" in line for line in seen):
        line = process.stdout.readline()
        assert line, seen
        seen.append(line)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=20) as page:
        assert page.status == 200
    process.send_signal(signal.SIGINT)
    code, _, err = finished(process)
    assert (code, err) == (0, "")
    assert left_behind(tmp_path) == []


def test_ctrl_c_in_the_middle_of_the_start_leaves_nothing_either(tmp_path: Path) -> None:
    process = demo(tmp_path)
    deadline = time.monotonic() + 40
    while not list(tmp_path.glob("*/gitlab")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    code, _, err = finished(process)
    assert (code, err.strip()) == (130, "trivet: stopped")
    assert left_behind(tmp_path) == []


def test_a_port_in_use_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, out, err = finished(demo(tmp_path, "--port", str(port)))
    assert (code, out) == (2, "")
    assert err == f"trivet: port {port} on 127.0.0.1 is in use: free it, or choose another with --port\n"


def test_nobodys_settings_and_no_proxy_go_along() -> None:
    assert bare(UNFRIENDLY | {"PATH": "/bin", "OPENAI_API_KEY": "x", "no_proxy": "x"}) == {"PATH": "/bin"}
    assert "HOME" in bare(os.environ)


def test_a_note_is_shown_as_a_reader_would_see_it() -> None:
    shown = _plain(
        "**Bad** `x` &lt;&lt;\n\n\n\n<details><summary>More</summary>text</details>\n<!-- trivet:v1 -->"
    )
    assert "<" not in shown.replace("<<", "")
    assert "Bad" in shown
    assert "**" not in shown
    assert "\n\n\n" not in shown
