"""The CI/CD components: their inputs, and what every form of include makes of them."""

import re
import shlex
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from bot import __version__
from bot.entry.cli import trivet
from tests.gitrepos import git
from tests.pipelines import (
    ALL,
    OWN_HOME,
    REVIEW,
    environment,
    including,
    job_of,
    needs_ci_local,
    own_repository,
    problems,
    published,
    write_pipeline,
)
from tests.sandbox_server import PROJECT, SandboxServer
from tests.tools import ci_local
from tests.tools.inputs_table import README, TEMPLATES, inputs, table, with_tables

SCRIPTS = ("before_script", "script", "after_script")
QUOTED = re.compile(r'"\$([A-Z_]+)"')

every_template = pytest.mark.parametrize("template", ALL, ids=lambda template: template.stem)


# --- what the files say ---


@every_template
def test_every_input_says_what_it_is_for_its_kind_its_values_and_its_default(template: Path) -> None:
    for name, spec in inputs(template).items():
        assert {"description", "type", "default"} <= spec.keys(), name
        assert spec["type"] == "array" or {"options", "regex"} & spec.keys(), name


@every_template
def test_every_default_is_one_that_its_input_takes(template: Path) -> None:
    for name, spec in inputs(template).items():
        assert isinstance(spec["default"], list if spec["type"] == "array" else str), name
        assert spec["default"] in spec.get("options", [spec["default"]]), name
        assert re.search(spec.get("regex", ""), str(spec["default"])), name


@every_template
def test_a_component_is_one_job_and_sets_nothing_for_others(template: Path) -> None:
    header, body = yaml.safe_load_all(template.read_text("utf-8"))
    assert problems(header) == []
    assert list(body) == ["$[[ inputs.job-name ]]"]


@every_template
def test_nothing_that_somebody_wrote_reaches_the_shell_but_as_a_quoted_variable(template: Path) -> None:
    job = job_of(template)
    lines = [line for key in SCRIPTS for line in job.get(key, ())]
    assert len(lines) == 1
    assert "$[[" not in lines[0]
    assert set(QUOTED.findall(lines[0])) <= job["variables"].keys()
    assert not set("$`;&|<>()") & set(QUOTED.sub("", lines[0]))


@every_template
def test_the_script_is_a_command_line_that_trivet_knows(template: Path) -> None:
    job = job_of(template)
    given = {name: _default(template, text) for name, text in job["variables"].items()}
    program, command, *words = shlex.split(QUOTED.sub(lambda name: given[name[1]], job["script"][0]))
    assert program == "trivet"
    known = trivet.get_command(click.Context(trivet), command)
    assert known is not None
    reports = known.make_context(command, words).params["reports"]
    assert {file.name for _, file in reports} == set(job["artifacts"]["paths"])


def _default(template: Path, text: str) -> str:
    name = text.removeprefix("$[[ inputs.").removesuffix(" ]]")
    return str(inputs(template)[name]["default"]) if name != text else text


@every_template
def test_the_id_token_is_for_the_address_that_the_command_posts_to(template: Path) -> None:
    job = job_of(template)
    assert job["id_tokens"] == {"TRIVET_ID_TOKEN": {"aud": "$TRIVET_SERVER"}}
    assert job["variables"]["TRIVET_SERVER"] == "$[[ inputs.server ]]"


@every_template
def test_the_image_is_that_of_this_version(template: Path) -> None:
    assert inputs(template)["image"]["default"].rpartition(":")[2] == __version__


@every_template
def test_the_readme_has_the_table_of_the_inputs_as_they_are(template: Path) -> None:
    text = README.read_text("utf-8")
    assert table(template) in text
    assert with_tables(text) == text, "run `make docs`"


def test_every_include_that_the_readme_shows_is_valid_and_of_this_version() -> None:
    shown = [
        yaml.safe_load(block)
        for block in re.findall(r"```yml\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    ]
    forms = {form for pipeline in shown for include in pipeline["include"] for form in include}
    assert {"component", "project", "remote"} <= forms
    for pipeline in shown:
        assert problems(pipeline) == []
        assert __version__ in yaml.safe_dump(pipeline)
        assert pipeline["include"][0]["inputs"].keys() <= inputs(REVIEW).keys()


# --- expanded ---


def only_job(pipeline: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The one job of a valid pipeline, and its name."""
    assert problems(pipeline) == []
    [(name, job)] = [(name, job) for name, job in pipeline.items() if name != "stages"]
    return name, job


@needs_ci_local
@every_template
def test_a_component_without_inputs_is_a_valid_job_of_merge_request_pipelines(
    template: Path, tmp_path: Path
) -> None:
    repository = own_repository(tmp_path, including(template))
    name, job = only_job(ci_local.expanded(repository, environment(tmp_path)))
    assert name == f"trivet-{template.stem}"
    assert "$[[" not in yaml.safe_dump(job)
    names = partial(ci_local.job_names, repository, environment(tmp_path))
    assert names({"CI_PIPELINE_SOURCE": "merge_request_event"}) == [name]
    assert names({"CI_PIPELINE_SOURCE": "push"}) == []


@needs_ci_local
@pytest.mark.parametrize(
    "given",
    [
        {"job_name": "trivet: review/1 of 2", "stage": ".pre", "tags": ["docker", "$ARCH"], "mode": "report"},
        {
            "image": "$CI_REGISTRY/a-b/trivet@sha256:" + "0a" * 32,
            "server": "https://trivet.example.com:8443/a/b-c",
            "allowed_exit_codes": [1, 3],
            "rules": [
                {"if": "$CI_COMMIT_TAG", "when": "never"},
                {"exists": ["src/**"], "variables": {"DEEP": "1"}},
            ],
        },
    ],
    ids=["a name with a colon", "nested rules"],
)
def test_odd_inputs_arrive_whole(given: dict[str, Any], tmp_path: Path) -> None:
    found = ci_local.expanded(own_repository(tmp_path, including(REVIEW, **given)), environment(tmp_path))
    name, job = only_job(found)
    variables = job["variables"]
    arrived = {
        "job_name": name,
        "stage": job["stage"],
        "image": job["image"]["name"],
        "mode": variables["TRIVET_REVIEW_MODE"],
        "server": variables["TRIVET_SERVER"],
        "tags": job["tags"],
        "rules": job["rules"],
        "allowed_exit_codes": job["allow_failure"]["exit_codes"],
    }
    assert {key: arrived[key] for key in given} == given


@needs_ci_local
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mode", "both"),
        ("fail_on", "major; touch x"),
        ("server", "https://trivet.example.com/$(id)"),
        ("server", "https://user:word@trivet.example.com"),
        ("server", "https://trivet.example.com/"),
        ("image", "trivet:1 --privileged"),
        ("job_name", ".hidden"),
        ("stage", "$(touch x)"),
        ("allowed_exit_codes", 3),
        ("tags", "docker"),
    ],
)
def test_an_input_of_another_kind_or_form_is_refused_by_name(name: str, value: Any, tmp_path: Path) -> None:
    repository = own_repository(tmp_path, including(REVIEW, **{name: value}))
    with pytest.raises(ci_local.Refused, match=name.replace("_", "-")):
        ci_local.expanded(repository, environment(tmp_path))


@needs_ci_local
def test_every_form_of_include_makes_the_same_job(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "--message=First")
    with SandboxServer() as sandbox, serving(TEMPLATES) as address:
        published(sandbox)
        git(tmp_path, "remote", "add", "origin", f"{sandbox.url}/{PROJECT}.git")
        forms = [
            {"component": f"$CI_SERVER_FQDN/{OWN_HOME}/review@main"},
            {"project": OWN_HOME, "ref": "main", "file": "templates/review.yml"},
            {"remote": f"{address}/review.yml"},
        ]
        first, *others = [included(tmp_path, form) for form in forms]
    assert first[1]["variables"]["TRIVET_REVIEW_FAIL_ON"] == "critical"
    assert others == [first, first]


def included(repository: Path, form: dict[str, str]) -> tuple[str, dict[str, Any]]:
    given = {"fail-on": "critical", "tags": ["docker"], "server": "https://trivet.example.com"}
    pipeline = {"include": [{**form, "inputs": given}]}
    assert problems(pipeline) == []
    write_pipeline(repository, pipeline)
    return only_job(ci_local.expanded(repository, environment(repository)))


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """The address of a web site of this folder."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        return
