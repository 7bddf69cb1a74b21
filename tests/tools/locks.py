"""Write or check the hashed lock files.

`write` compiles them with uv: one universal file for Python 3.11 and newer, hashes, no index addresses.
`check` needs no network: each lock names the digest of the requirements it was compiled from.
"""

import hashlib
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
STAMP = "# compiled from requirements with sha256 "
ADDRESS = re.compile(r"(https?|file)://|--(extra-)?index-url|--find-links")


def requirements() -> dict[str, list[str]]:
    """What each lock must satisfy: lock file name -> requirement lines."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    core = project["project"]["dependencies"]
    postgres = project["project"]["optional-dependencies"]["postgres"]
    return {
        "requirements.lock": core,
        "requirements-image.lock": core + postgres,
        "requirements-build.lock": project["build-system"]["requires"],
        "requirements-dev.lock": core + project["dependency-groups"]["dev"],
    }


def digest(lines: list[str]) -> str:
    return hashlib.sha256(json.dumps(lines).encode()).hexdigest()


def write() -> int:
    for name, lines in requirements().items():
        with tempfile.NamedTemporaryFile("w", suffix=".in") as source:
            source.write("\n".join(lines))
            source.flush()
            command = [
                "uv", "pip", "compile", "--universal", "--python-version", "3.11", "--generate-hashes",
                "--no-header", "--no-annotate", "--quiet", source.name,
            ]  # fmt: skip
            compiled = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        (ROOT / name).write_text(f"{STAMP}{digest(lines)}\n{compiled}")
    return check()


def check() -> int:
    problems = []
    for name, lines in requirements().items():
        text = (ROOT / name).read_text() if (ROOT / name).exists() else ""
        if not text.startswith(STAMP + digest(lines)):
            problems.append(f"{name} does not answer pyproject.toml: run `make locks`")
        if ADDRESS.search(text):
            problems.append(f"{name} names an index address")
        pins = re.findall(r"^[a-z0-9][^\n]*==[^\n]*\\$", text, re.M)
        entries = re.findall(r"^[a-z0-9].*$", text, re.M)
        if len(pins) != len(entries):
            problems.append(f"{name} has entries without a pin and a hash")
    print("\n".join(problems) or "locks are current")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit({"write": write, "check": check}[sys.argv[1]]())
