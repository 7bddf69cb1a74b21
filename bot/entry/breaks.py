"""Ctrl-C, heard between two writes and never in the middle of one: GitLab may still do what was cut off on its way."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bot.gateways.gitlab_api import GitLabApi


class Breaks:
    """Makes the signals that stop a job or a terminal wait for the end of a write; a second one does not wait."""

    def __init__(self) -> None:
        self._writing = False
        self._asked = False

    def listen(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self.heard)

    def heard(self, *_: Any) -> None:
        if self._writing and not self._asked:
            self._asked = True
            return
        raise KeyboardInterrupt

    @contextmanager
    def write(self) -> Iterator[None]:
        """One request that changes something; KeyboardInterrupt follows it, failed or not, where we were asked."""
        self._writing = True
        try:
            yield
        finally:
            asked, self._writing, self._asked = self._asked, False, False
            if asked:
                raise KeyboardInterrupt


class WholeWrites(GitLabApi):
    """Access to GitLab whose writes are not cut off."""

    def __init__(self, breaks: Breaks, url: str, token: str, setting: str) -> None:
        super().__init__(url, token, setting)
        self._breaks = breaks

    def post(self, path: str, what: str, data: dict[str, Any] | None = None) -> Any:
        with self._breaks.write():
            return super().post(path, what, data)

    def put(self, path: str, what: str, data: dict[str, Any]) -> Any:
        with self._breaks.write():
            return super().put(path, what, data)

    def delete(self, path: str, what: str) -> None:
        with self._breaks.write():
            super().delete(path, what)
