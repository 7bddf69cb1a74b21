"""Pipelines for tests: GitLab's schema of them, and repositories that include the components of templates/."""

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from check_jsonschema.builtin_schemas import get_builtin_schema
from jsonschema import Draft7Validator

from tests.gitrepos import git
from tests.sandbox_server import SandboxServer
from tests.tools import ci_local
from tests.tools.inputs_table import README, TEMPLATES

ROOT = README.parent
ALL = sorted(TEMPLATES.glob("*.yml"))
REVIEW = TEMPLATES / "review.yml"
OWN_HOME = "acme/trivet"
SCHEMA = Draft7Validator(get_builtin_schema("vendor.gitlab-ci"))

needs_ci_local = pytest.mark.skipif(not ci_local.is_installed(), reason=ci_local.MISSING)
needs_rsync = pytest.mark.skipif(not shutil.which("rsync"), reason=ci_local.NO_RSYNC)


def problems(pipeline: Any) -> list[str]:
    """What GitLab's JSON schema of `.gitlab-ci.yml` has against a pipeline."""
    return [error.message for error in SCHEMA.iter_errors(pipeline)]


def job_of(template: Path) -> dict[str, Any]:
    """A component's job as it is written, inputs and all."""
    _, body = yaml.safe_load_all(template.read_text("utf-8"))
    [job] = body.values()
    return job


def environment(folder: Path) -> dict[str, str]:
    """What a job sees of this machine: programs, `trivet` among them, and a home of its own."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {"PATH": path, "HOME": str(folder), "LANG": "C.UTF-8", "TRIVET_DATA_DIR": str(folder / "data")}


def own_repository(folder: Path, pipeline: Mapping[str, Any]) -> Path:
    """A checkout of Trivet itself, with this pipeline."""
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "remote", "add", "origin", f"https://gitlab.example.com/{OWN_HOME}.git")
    (folder / "templates").mkdir()
    for template in ALL:
        (folder / "templates" / template.name).write_bytes(template.read_bytes())
    write_pipeline(folder, pipeline)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=First")
    return folder


def write_pipeline(folder: Path, pipeline: Mapping[str, Any]) -> None:
    (folder / ".gitlab-ci.yml").write_text(yaml.safe_dump(pipeline), "utf-8")


def including(template: Path, ref: str = "$CI_COMMIT_SHA", **given: Any) -> dict[str, Any]:
    """A pipeline of the component alone; `given` are its inputs, with `_` for `-`. By default of the same commit."""
    address = f"$CI_SERVER_FQDN/{OWN_HOME}/{template.stem}@{ref}"
    named = {name.replace("_", "-"): value for name, value in given.items()}
    return {"include": [{"component": address, "inputs": named}]}


def published(sandbox: SandboxServer) -> None:
    """Trivet's own project on this GitLab, for all to read."""
    files = {f"templates/{template.name}": template.read_text("utf-8") for template in ALL}
    sandbox.add_project(OWN_HOME, files, visibility="public")
