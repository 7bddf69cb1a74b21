"""Trivet's own pipeline, and the tool that the tests of pipelines are made with."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.pipelines import REVIEW, ROOT, environment, job_of, needs_ci_local, own_repository, problems
from tests.tools import ci_local


def own_pipeline() -> dict[str, Any]:
    return yaml.safe_load((ROOT / ".gitlab-ci.yml").read_text("utf-8"))


def images(pipeline: Mapping[str, Any]) -> list[str]:
    jobs = [job for job in pipeline.values() if isinstance(job, dict)]
    named = [one for job in jobs for one in (job.get("image"), *job.get("services", ())) if one]
    return [one["name"] if isinstance(one, dict) else one for one in named]


def test_trivets_own_pipeline_is_valid() -> None:
    assert problems(own_pipeline()) == []


def test_trivets_own_pipeline_takes_no_image_that_changes_under_its_name() -> None:
    found = images(own_pipeline())
    assert len(found) > 4
    assert [name for name in found if not re.search(r":[$\d]|:v\d|@sha256:", name)] == []


@needs_ci_local
@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        (
            {"CI_PIPELINE_SOURCE": "merge_request_event"},
            {"lint", "types", "tests", "container", "chart", "trivet-review", "component"},
        ),
        (
            {"CI_COMMIT_TAG": "1.2.3"},
            {"lint", "types", "tests", "version", "container", "chart"}
            | {"publish container", "publish chart", "release"},
        ),
        ({"CI_COMMIT_BRANCH": "main"}, {"lint", "types", "tests", "container", "chart"}),
    ],
    ids=["merge request", "release", "default branch"],
)
def test_trivets_own_pipeline_runs_what_its_occasion_asks_for(
    tmp_path: Path, variables: dict[str, str], expected: set[str]
) -> None:
    (tmp_path / "chart").mkdir()
    (tmp_path / "chart" / "Chart.yaml").touch()
    (tmp_path / "Dockerfile").touch()
    repository = own_repository(tmp_path, own_pipeline())
    names = ci_local.job_names(repository, environment(tmp_path), variables)
    assert {name.partition(":")[0] for name in names} == expected


@needs_ci_local
def test_trivets_own_pipeline_is_valid_with_its_component(tmp_path: Path) -> None:
    found = ci_local.expanded(own_repository(tmp_path, own_pipeline()), environment(tmp_path))
    assert problems(found) == []
    assert found["trivet-review"]["script"] == job_of(REVIEW)["script"]
    assert [one["job"] for one in found["trivet-review"]["needs"]] == ["container"]


def test_what_the_tests_install_is_locked_and_names_no_registry() -> None:
    locked = json.loads((ci_local.LOCKS / "package-lock.json").read_text("utf-8"))["packages"]
    assert all("integrity" in package for name, package in locked.items() if name)
    for file in ci_local.LOCKS.iterdir():
        assert not re.search(r"https?://|--index-url|--find-links", file.read_text("utf-8")), file.name
