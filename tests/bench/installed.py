"""Size of the core on disk. With FULL=1 really installed into a fresh environment, else summed up where we run."""

import os
import re
import subprocess
import sys
import tempfile
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from tests.bench.table import Row, row

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements.lock"
PINNED = re.compile(r"^([A-Za-z0-9._-]+)==", re.MULTILINE)
MOST_MEGABYTES = 240
MEGABYTES = "{:.0f} MB"


def rows(full: bool | None = None) -> list[Row]:
    really = os.environ.get("FULL") == "1" if full is None else full
    measure = _fresh_environment if really else _packages_here
    how, size = measure()
    return [row(f"installed size, core ({how})", [size], MEGABYTES, "under 240 MB", MOST_MEGABYTES)]


def _packages_here() -> tuple[str, float]:
    """Files of the locked packages as they are installed here; those for other platforms are not."""
    found = [package for name in PINNED.findall(LOCK.read_text()) if (package := _package(name))]
    files = {Path(str(file.locate())) for package in found for file in package.files or ()}
    sources = [file for file in files if file.suffix != ".pyc" and file.is_file()]
    how = f"files of the {len(found)} locked packages, without bytecode; FULL=1 installs them"
    return how, sum(file.stat().st_size for file in sources) / 1e6


def _package(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def _fresh_environment() -> tuple[str, float]:
    """What pip adds to a new environment, bytecode included."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([sys.executable, "-m", "venv", folder / "core"], check=True)
        before = _bytes(folder)
        pip = [folder / "core/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--require-hashes", "-r", LOCK], check=True)
        return "a fresh environment from requirements.lock, with bytecode", (_bytes(folder) - before) / 1e6


def _bytes(folder: Path) -> int:
    return sum(file.lstat().st_size for file in folder.rglob("*") if file.is_file() and not file.is_symlink())


if __name__ == "__main__":
    print(*rows(), sep="\n")
