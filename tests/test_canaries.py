"""No test prints a secret it gave to the product; and the hook that says so would catch one that does."""

import base64
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import canaries
from tests.rig import clean_environment

LEAKY = """
import base64, logging, subprocess, sys
from pathlib import Path
from urllib.parse import quote
from tests import canaries

def test_prints_it():
    print(canaries.WRITE_TOKEN)

def test_prints_it_and_takes_it_away(capsys):
    print(canaries.WRITE_TOKEN)
    capsys.readouterr()

def test_logs_it_as_basic_authentication():
    logging.getLogger("lib").warning(base64.b64encode(b"bot:" + canaries.JIRA_TOKEN.encode()).decode())

def test_has_a_child_that_writes_it_into_a_file(tmp_path):
    log = canaries.watch(tmp_path / "a.log")
    url = quote(canaries.REDIS_PASSWORD, safe="")
    with log.open("wb") as file:
        subprocess.run([sys.executable, "-c", f"print({url!r})"], stdout=file, check=True)

def test_has_a_command_that_answers_it():
    subprocess.run(["bot", canaries.HOOK_SECRET], executable="/bin/echo", stdout=subprocess.PIPE, check=True)

def test_prints_something_else():
    print("hello")
"""


def test_the_hook_catches_what_leaks(tmp_path: Path) -> None:
    """A pytest of its own with this suite's hooks: 1.5 s that show the whole of it at work."""
    file = tmp_path / "test_leaky.py"
    file.write_text(LEAKY)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.conftest",
        "-p",
        "no:cacheprovider",
        "-q",
        str(file),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "5 failed, 1 passed" in done.stdout
    assert done.stdout.count("a secret came out: ") >= 5


@given(
    st.binary(max_size=5),
    st.binary(max_size=5),
    st.sampled_from([base64.b64encode, base64.urlsafe_b64encode]),
)
def test_base64_is_seen_through_whatever_stands_beside_the_secret(
    before: bytes, after: bytes, encode: object
) -> None:
    assert callable(encode)
    text = encode(before + canaries.MARK_SECRET.encode() + after).decode()
    assert canaries.leaks(f"Basic {text}") == [canaries.MARK_SECRET[: canaries.SHOWN] + "…"]


def test_a_url_is_seen_through_and_clean_text_is_clean() -> None:
    secret = quote(canaries.REDIS_PASSWORD, safe="")
    assert secret != canaries.REDIS_PASSWORD
    assert canaries.leaks(f"redis://:{secret}@127.0.0.1:6379")
    assert not canaries.leaks("redis://:<REDACTED:own:0123abcd>@127.0.0.1:6379")


REVIEW = "review http://127.0.0.1:9/a/b/-/merge_requests/1"


@pytest.mark.parametrize(("words", "form"), [("work agents", "json"), ("doctor", "human"), (REVIEW, "human")])
def test_a_command_that_holds_every_secret_and_fails_tells_none(
    words: str, form: str, tmp_path: Path
) -> None:
    """Nobody answers it: what it says goes through the hook when this test ends. A second or two each, to start."""
    redis = f"redis://:{quote(canaries.REDIS_PASSWORD, safe='')}@127.0.0.1:9"
    nobody = "http://127.0.0.1:9"
    settings = {
        "TRIVET_DATA_DIR": str(tmp_path),
        "TRIVET_LOG_FORMAT": form,
        "TRIVET_DEBUG": "1",
        "TRIVET_REDIS_URL": redis,
        "TRIVET_GITLAB__URL": nobody,
        "TRIVET_JIRA__URL": nobody,
        "TRIVET_CONFLUENCE__URL": nobody,
        "TRIVET_PUBLIC_URL": nobody,
    }
    environment = clean_environment() | settings | canaries.EVERY_SETTING
    command = [sys.executable, "-m", "bot", *words.split()]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode in (2, 3), done.stderr
    assert done.stderr or done.stdout
