"""A real embedded Redis for a test, which can be killed and started again on the same data."""

import subprocess
from pathlib import Path
from typing import Self

from redis import Redis

from bot.entry.embedded import redis_url, server_command, wait_until_ready


class RedisServer:
    """The server `trivet up` embeds, in a folder of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = redis_url(folder)
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        self.process = subprocess.Popen(server_command(self.folder), stdout=subprocess.DEVNULL)
        wait_until_ready(self.url)

    def kill(self) -> None:
        """As `kill -9` does."""
        if self.process:
            self.process.kill()
            self.process.wait()

    def client(self) -> Redis:
        return Redis.from_url(self.url)
