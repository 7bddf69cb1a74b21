"""Helm, the real one: renders and lints the chart, with no cluster.

`make helm` installs it into build/helm, from a locked package: Helm 4 lies in a Python wheel (38 MB, Linux on x86-64)
that is made for something else, as an archive in an archive in the wheel.
"""

import functools
import hashlib
import io
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "chart"
LOCK = Path(__file__).parent / "helm.lock"
HOME = ROOT / "build" / "helm"
TOOL = HOME / "helm"
STAMP = HOME / "installed"
WHEEL = "*/lambda_layer_kubectl_*/_jsii/*.tgz"
LAYER = "package/lib/layer.zip"
MISSING = "Helm is missing: `make helm` installs it"
NOT_HERE = "the package brings Helm for Linux on x86-64 only"
SECONDS = 60
RELEASE = "trivet"
NAMESPACE = "bots"

Values = Mapping[str, Any]
Object = dict[str, Any]


class Refused(Exception):
    """The chart does not take these values, or is wrong; the text says why."""


def rendered(*values: Values | Path, options: tuple[str, ...] = ()) -> list[Object]:
    """What the chart makes of these values, later ones over earlier ones. Raises Refused."""
    text = _run("template", RELEASE, str(CHART), "--namespace", NAMESPACE, *options, values=values)
    return [document for document in yaml.load_all(text, _LOADER) if document]


def notes(*values: Values | Path) -> str:
    """What is said to a person after the installation. Raises Refused."""
    said = _run("install", RELEASE, str(CHART), "--namespace", NAMESPACE, "--dry-run=client", values=values)
    return said.partition("NOTES:\n")[2]


def linted(*values: Values | Path) -> str:
    """What the linter says. Raises Refused where it is an error or a warning."""
    return _run("lint", str(CHART), "--strict", values=values)


def packed(folder: Path) -> Path:
    """The chart as the one file that is published. Raises Refused."""
    _run("package", str(CHART), "--destination", str(folder), values=())
    return next(folder.glob("*.tgz"))


def _run(*words: str, values: tuple[Values | Path, ...]) -> str:
    given = [word for one in values for word in ("--values", _file(one))]
    done = subprocess.run(
        [str(TOOL), *words, *given],
        env={"HOME": str(HOME), "PATH": os.defpath},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if done.returncode:
        raise Refused(done.stdout + done.stderr)
    return done.stdout


def _file(values: Values | Path) -> str:
    """Where these values lie: each set once, by its digest."""
    if isinstance(values, Path):
        return str(values)
    text = json.dumps(values, ensure_ascii=False)  # Helm's YAML knows no surrogates
    file = HOME / "values" / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"
    if not file.exists():
        file.parent.mkdir(exist_ok=True)
        whole = file.with_suffix(f".{os.getpid()}")
        whole.write_text(text, "utf-8")
        whole.rename(file)
    return str(file)


def is_installed() -> bool:
    """As it is locked now, and not as it was before an update."""
    return STAMP.exists() and STAMP.read_text() == _digest()


def install() -> None:
    """Raises CalledProcessError where the registry does not give what is locked, Refused on another machine."""
    if is_installed():
        return
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise Refused(NOT_HERE)
    shutil.rmtree(HOME, ignore_errors=True)
    folder = HOME / "python"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    locked = ["--require-hashes", "--no-deps", "-r", str(LOCK)]
    subprocess.run([*pip, *locked, "--target", str(folder)], check=True)
    TOOL.write_bytes(_unpacked(next(folder.glob(WHEEL))))
    TOOL.chmod(0o755)
    shutil.rmtree(folder)
    STAMP.write_text(_digest())


def _unpacked(package: Path) -> bytes:
    with tarfile.open(package) as outer:
        layer = outer.extractfile(LAYER)
        assert layer is not None
        with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
            return inner.read("helm/helm")


@functools.cache
def _digest() -> str:
    return hashlib.sha256(LOCK.read_bytes()).hexdigest()


_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


if __name__ == "__main__":
    install()
