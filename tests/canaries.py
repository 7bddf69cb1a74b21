"""Secrets that nothing may print: what a test gives to the product is planted here, and all that comes out is read.

What comes out: what pytest captures of a test, what our own commands answer into a pipe, and the log files of processes
under test that are watched. A test after which a planted secret stands in any of them has failed.
"""

import base64
import hashlib
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch
from urllib.parse import quote

import pytest

LEAKED = "a secret came out: {}"
SHOWN: Final = 6  # characters of a secret by which a person finds it again
OVERLAP: Final = 400  # characters read again: a line may have been half written


def _made(name: str, prefix: str, suffix: str = "") -> str:
    digest = hashlib.sha256(f"a canary, {name}".encode()).digest()
    return prefix + base64.b64encode(digest, altchars=b"xY").decode()[:24] + suffix


_planted: Final[dict[str, tuple[str, ...]]] = {}  # with its forms
_logs: Final[dict[Path, int]] = {}  # with how much of it is read
_heard: Final[list[str]] = []


def plant(secret: str) -> str:
    """The secret, which from now on nothing may print."""
    if secret not in _planted:
        _planted[secret] = tuple(dict.fromkeys(_forms(secret)))
    return secret


def _forms(secret: str) -> Iterator[str]:
    """As it is, in a URL, and the part of its base64 that does not depend on what stands beside it."""
    raw = secret.encode()
    yield from (secret, quote(secret, safe=""))
    for before in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            encoded = encode(b"\0" * before + raw).decode()
            yield encoded[(0, 2, 3)[before] : (len(raw) + before) * 8 // 6]


WRITE_TOKEN: Final = plant(_made("write", "glpat-"))
READ_TOKEN: Final = plant(_made("read", "glpat-"))
JIRA_TOKEN: Final = plant(_made("jira", "ATATT3x"))
WIKI_TOKEN: Final = plant(_made("wiki", "ATATT3x"))
HOOK_SECRET: Final = plant(_made("hooks", "hook-", "/+="))
JIRA_HOOK_SECRET: Final = plant(_made("jira hooks", "hook-", "/+="))
WIKI_HOOK_SECRET: Final = plant(_made("wiki hooks", "hook-", "/+="))
MARK_SECRET: Final = plant(_made("marks", "mark-"))
OPENAI_KEY: Final = plant(_made("openai", "sk-"))
ANTHROPIC_KEY: Final = plant(_made("anthropic", "sk-ant-"))
REDIS_PASSWORD: Final = plant(_made("redis", "", "@:"))
EVERY_SETTING: Final = {
    "TRIVET_GITLAB__TOKEN": WRITE_TOKEN,
    "TRIVET_GITLAB__READ_TOKEN": READ_TOKEN,
    "TRIVET_GITLAB__WEBHOOK_SECRETS": HOOK_SECRET,
    "TRIVET_JIRA__TOKEN": JIRA_TOKEN,
    "TRIVET_JIRA__WEBHOOK_SECRETS": JIRA_HOOK_SECRET,
    "TRIVET_CONFLUENCE__TOKEN": WIKI_TOKEN,
    "TRIVET_CONFLUENCE__WEBHOOK_SECRETS": WIKI_HOOK_SECRET,
    "TRIVET_MARK_SECRETS": MARK_SECRET,
    "OPENAI_API_KEY": OPENAI_KEY,
    "ANTHROPIC_API_KEY": ANTHROPIC_KEY,
}


def watch(log: Path) -> Path:
    """The file, which is read from now on whenever a test ends."""
    _logs.setdefault(log, 0)
    return log


def hear(*texts: str | bytes | None) -> None:
    """What is judged when the present test ends."""
    _heard.extend(
        text.decode("utf-8", "replace") if isinstance(text, bytes) else text for text in texts if text
    )


def leaks(text: str) -> list[str]:
    """The beginnings of the planted secrets that stand in the text in any form."""
    return [secret[:SHOWN] + "…" for secret, forms in _planted.items() if any(form in text for form in forms)]


def judge(report: pytest.TestReport) -> None:
    """Fail the test after which a planted secret stands in what came out."""
    texts = [*(content for _, content in report.sections), *_heard, *_news()]
    _heard.clear()
    found = leaks("\n".join(texts)) if texts else []
    if found:
        report.outcome = "failed"
        report.longrepr = LEAKED.format(", ".join(found))


def _news() -> Iterable[str]:
    """What the watched files say since they were read last."""
    for log, seen in list(_logs.items()):
        size = log.stat().st_size if log.exists() else 0
        if size > seen:
            with log.open("rb") as file:
                file.seek(max(seen - OVERLAP, 0))
                yield file.read().decode("utf-8", "replace")
            _logs[log] = size


@contextmanager
def listening() -> Iterator[None]:
    """Meanwhile what our commands answer into a pipe, and what tests take out of pytest's capture, is heard."""
    communicate, readouterr = subprocess.Popen.communicate, pytest.CaptureFixture.readouterr

    def answered(process: subprocess.Popen[Any], *words: Any, **named: Any) -> Any:
        answer = communicate(process, *words, **named)
        if isinstance(process.args, list) and "bot" in process.args:
            hear(*answer)
        return answer

    def taken(capture: pytest.CaptureFixture[Any]) -> Any:
        captured = readouterr(capture)
        hear(*captured)
        return captured

    with (
        patch.object(subprocess.Popen, "communicate", answered),
        patch.object(pytest.CaptureFixture, "readouterr", taken),
    ):
        yield
