"""Which way a job takes, by what it is given."""

import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from bot.entry.pipeline import Wishes, left_to_server, nothing_to_do, planned
from bot.errors import UsageError
from bot.settings import load_settings
from tests.ci_variables import DETACHED
from tests.rig import clean_environment

WRITE = {"TRIVET_GITLAB__TOKEN": "glpat-" + "Zq8Rt2vLm4" + "Xc7Wn1Kd9P"}
READ = {"TRIVET_GITLAB__READ_TOKEN": "glpat-" + "Wn1Kd9PXc7" + "Zq8Rt2vLm4"}
ID_TOKEN = {"TRIVET_ID_TOKEN": "eyJh." + "Zq8Rt2vLm4.Xc7Wn1Kd9P"}
SERVER = {"TRIVET_SERVER": "https://t.test/", **ID_TOKEN}
JIRA = {**WRITE, "TRIVET_JIRA__URL": "https://jira.test", "TRIVET_JIRA__TOKEN": "Vb7Qp3" + "Lm9Xc2Rt"}
CONFLUENCE = {
    **WRITE,
    "TRIVET_CONFLUENCE__URL": "https://wiki.test",
    "TRIVET_CONFLUENCE__TOKEN": "Nh4Wd8" + "Kq1Zr6Ty",
    "TRIVET_MARK_SECRETS": "Gm5Xb2Pw" * 4,
}
MODEL = {"OPENAI_API_KEY": "sk-" + "Rt2vLm4Xc7"}
FORK = {"CI_PROJECT_ID": "56", "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "56"}

BY_SERVER = "server mode: https://t.test reviews acme/shop!7,"
DIRECT = "direct mode: this job reviews acme/shop!7 "
NOTHING = "report only (neither TRIVET_SERVER nor TRIVET_GITLAB__TOKEN is set): this job reviews acme/shop!7 "
OF_A_FORK = "report only (the merge request comes from a fork): "


@pytest.fixture(autouse=True)
def job(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment of a job of a detached pipeline."""
    for name in os.environ.keys() - clean_environment().keys():
        monkeypatch.delenv(name)
    monkeypatch.delenv("TRIVET_GITLAB__URL", raising=False)
    for name, value in DETACHED.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def sentence(given: Mapping[str, str], job: pytest.MonkeyPatch, **wishes: Any) -> str:
    for name, value in given.items():
        job.setenv(name, value)
    plan = planned(os.environ, Wishes(**wishes))
    assert plan is not None
    return plan.sentence


@pytest.mark.parametrize(
    ("given", "wishes", "beginning"),
    [
        ({}, {}, NOTHING),
        (ID_TOKEN, {}, NOTHING),
        (READ, {}, NOTHING),
        (MODEL, {}, f"{NOTHING}with openai:"),
        (WRITE, {}, f"{DIRECT}by its checks alone"),
        ({**WRITE, **MODEL}, {}, f"{DIRECT}with openai:"),
        (SERVER, {}, BY_SERVER),
        ({**SERVER, **WRITE, **MODEL}, {}, BY_SERVER),
        (ID_TOKEN, {"server": "t.test"}, BY_SERVER),
        ({**SERVER, "TRIVET_SERVER": "https://other.test"}, {"server": "https://t.test"}, BY_SERVER),
        ({**SERVER, **WRITE}, {"mode": "direct"}, DIRECT),
        ({**SERVER, **WRITE}, {"mode": "report"}, "report only (--mode report): "),
        ({**SERVER, **WRITE}, {"dry_run": True}, "report only (--dry-run): "),
        ({**SERVER, **WRITE, **FORK}, {}, OF_A_FORK),
        ({**SERVER, **WRITE, **FORK}, {"mode": "server"}, OF_A_FORK),
        ({**SERVER, **WRITE, **FORK}, {"mode": "direct"}, OF_A_FORK),
        ({**WRITE, "TRIVET_GITLAB__TOKEN": ""}, {}, NOTHING),
    ],
)
def test_the_log_begins_with_the_way_that_is_taken(
    job: pytest.MonkeyPatch, given: Mapping[str, str], wishes: Mapping[str, Any], beginning: str
) -> None:
    assert sentence(given, job, **wishes).startswith(beginning)


@pytest.mark.parametrize(
    ("given", "wishes", "problem"),
    [
        (ID_TOKEN, {"mode": "server"}, "--mode server needs the server's address"),
        ({"TRIVET_SERVER": "https://t.test"}, {}, "id_tokens: TRIVET_ID_TOKEN: aud: https://t.test"),
        ({**SERVER, "TRIVET_ID_TOKEN": "a b\nc"}, {}, "TRIVET_ID_TOKEN is not an ID token"),
        (READ, {"mode": "direct"}, "TRIVET_GITLAB__TOKEN is not set"),
        ({**MODEL, "TRIVET_MODELS": "gpt"}, {}, "TRIVET_MODELS"),
    ],
)
def test_what_a_way_needs_and_the_job_lacks_is_said(
    job: pytest.MonkeyPatch, given: Mapping[str, str], wishes: Mapping[str, Any], problem: str
) -> None:
    with pytest.raises(UsageError, match=problem) as told:
        sentence(given, job, **wishes)
    assert "Zq8Rt2vLm4" not in str(told.value)


def test_the_jobs_own_gitlab_is_worked_with_unless_another_is_configured(job: pytest.MonkeyPatch) -> None:
    sentence(WRITE, job)
    assert os.environ["TRIVET_GITLAB__URL"] == "https://gitlab.example.com"
    sentence({"TRIVET_GITLAB__URL": "https://gitlab.internal"}, job)
    assert os.environ["TRIVET_GITLAB__URL"] == "https://gitlab.internal"


def test_where_there_is_no_merge_request_there_is_no_plan_and_an_empty_report(
    job: pytest.MonkeyPatch,
) -> None:
    job.setenv("CI_MERGE_REQUEST_IID", "")
    assert planned(os.environ, Wishes()) is None
    report = nothing_to_do("review")
    assert (report.state, report.findings) == ("done", ())
    assert "merge_request_event" in report.message


def test_a_job_that_waits_for_a_server_loads_neither_agents_nor_clients_of_platforms_or_models() -> None:
    program = (
        "import os, sys; from bot.entry import pipeline, remote;"
        "pipeline.planned(os.environ, pipeline.Wishes());"
        "print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    environment = clean_environment() | DETACHED | SERVER
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert {"langgraph", "gitlab", "openai", "anthropic", "redis", "rq", "fastapi"}.isdisjoint(
        done.stdout.split()
    )


# --- linking ---


@pytest.mark.parametrize(
    ("given", "wishes", "beginning"),
    [
        (SERVER, {}, "server mode: https://t.test ties acme/shop!7 to its issues"),
        ({**SERVER, **JIRA}, {"mode": "direct"}, "direct mode: this job ties acme/shop!7 to its issues"),
        (JIRA, {}, "direct mode: this job ties acme/shop!7"),
        ({**SERVER, **JIRA}, {"dry_run": True}, "direct mode: "),
        ({**SERVER, **WRITE, **FORK}, {}, "acme/shop!7 comes from a fork, whose pipelines write nothing"),
        ({**SERVER, **WRITE, **FORK}, {"mode": "server"}, "acme/shop!7 comes from a fork"),
    ],
)
def test_linking_is_done_by_the_server_or_with_tokens_and_never_for_a_fork(
    job: pytest.MonkeyPatch, given: Mapping[str, str], wishes: Mapping[str, Any], beginning: str
) -> None:
    assert sentence(given, job, agent="link", **wishes).startswith(beginning)


def test_a_forks_pipeline_ends_well_and_says_who_links_instead(job: pytest.MonkeyPatch) -> None:
    for name, value in FORK.items():
        job.setenv(name, value)
    plan = planned(os.environ, Wishes(agent="link"))
    assert plan is not None
    report = plan.run()
    assert (report.state, report.agent) == ("done", "link")
    assert "by its webhook" in report.message


@pytest.mark.parametrize(
    ("given", "dry_run", "missing"),
    [
        ({}, False, "TRIVET_JIRA__URL is not set"),
        (WRITE, False, "TRIVET_JIRA__URL is not set"),
        (JIRA | {"TRIVET_GITLAB__TOKEN": ""}, False, "TRIVET_GITLAB__TOKEN is not set"),
        (JIRA | {"TRIVET_GITLAB__TOKEN": ""}, True, "TRIVET_GITLAB__READ_TOKEN .* is not set"),
    ],
    ids=["nothing", "no Jira", "no GitLab", "no GitLab to read"],
)
def test_linking_that_cannot_be_is_not_announced(
    job: pytest.MonkeyPatch, given: Mapping[str, str], dry_run: bool, missing: str
) -> None:
    with pytest.raises(UsageError, match=missing):
        sentence(given, job, agent="link", dry_run=dry_run)


@pytest.mark.parametrize(
    ("agent", "ways"),
    [
        ("review", "choose --mode direct or report"),
        ("link", "choose --mode direct"),
        ("pages", "choose --mode direct"),
    ],
)
def test_who_has_no_id_token_is_told_the_modes_that_there_are(
    job: pytest.MonkeyPatch, agent: str, ways: str
) -> None:
    with pytest.raises(UsageError) as told:
        sentence({"TRIVET_SERVER": "https://t.test"}, job, agent=agent)
    assert str(told.value).endswith(ways)


# --- pages ---


@pytest.mark.parametrize(
    ("given", "wishes", "beginning"),
    [
        (SERVER, {}, "server mode: https://t.test holds the pages against acme/shop!7"),
        (
            {**SERVER, **CONFLUENCE},
            {"mode": "direct"},
            "direct mode: this job holds the pages against acme/shop!7",
        ),
        ({**SERVER, **CONFLUENCE, "TRIVET_MARK_SECRETS": ""}, {"dry_run": True}, "direct mode: "),
        ({**SERVER, **WRITE, **FORK}, {}, "acme/shop!7 comes from a fork, whose pipelines write nothing"),
    ],
)
def test_pages_are_held_against_a_merge_request_by_the_server_or_with_tokens_and_never_for_a_fork(
    job: pytest.MonkeyPatch, given: Mapping[str, str], wishes: Mapping[str, Any], beginning: str
) -> None:
    assert sentence(given, job, agent="pages", **wishes).startswith(beginning)


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({}, "TRIVET_CONFLUENCE__URL"),
        (WRITE, "TRIVET_CONFLUENCE__URL"),
        (CONFLUENCE | {"TRIVET_GITLAB__TOKEN": ""}, "TRIVET_GITLAB__TOKEN"),
        (CONFLUENCE | {"TRIVET_CONFLUENCE__TOKEN": ""}, r"TRIVET_CONFLUENCE__READ_TOKEN .*"),
        (CONFLUENCE | {"TRIVET_MARK_SECRETS": ""}, "TRIVET_MARK_SECRETS"),
    ],
    ids=["nothing", "no Confluence", "no GitLab", "no token", "no mark secret"],
)
def test_holding_pages_that_cannot_be_is_not_announced(
    job: pytest.MonkeyPatch, given: Mapping[str, str], missing: str
) -> None:
    with pytest.raises(UsageError, match=f"{missing} is not set"):
        sentence(given, job, agent="pages", mode="direct")


# --- release notes ---


def of_tag(given: Mapping[str, str], job: pytest.MonkeyPatch, **wishes: Any) -> str | None:
    """What a tag's job says it leaves to the server; None where it writes the notes itself."""
    for name, value in given.items():
        job.setenv(name, value)
    report = left_to_server(
        os.environ, Wishes(agent="pages", **wishes), load_settings(), "acme/shop", "v1.4.0"
    )
    return f"{report.state}: {report.message}" if report else None


@pytest.mark.parametrize(
    ("given", "mode"),
    [(SERVER, "auto"), ({"TRIVET_SERVER": "t.test"}, "auto"), ({**SERVER, **CONFLUENCE}, "server")],
    ids=["a server alone", "without an ID token", "asked for"],
)
def test_a_tags_job_leaves_the_notes_to_the_server_and_says_so(
    job: pytest.MonkeyPatch, given: Mapping[str, str], mode: str
) -> None:
    assert of_tag(given, job, mode=mode) == (
        "done: the server https://t.test writes the release notes of v1.4.0 by its webhook, so there is nothing to "
        "do; --mode direct writes them here"
    )


@pytest.mark.parametrize(
    ("given", "wishes"),
    [
        ({}, {}),
        (CONFLUENCE, {}),
        ({**SERVER, **CONFLUENCE}, {}),
        (SERVER, {"mode": "direct"}),
        (SERVER, {"dry_run": True}),
    ],
    ids=["no server", "no server, a Confluence", "a Confluence of its own", "direct", "tried"],
)
def test_a_tags_job_writes_the_notes_itself(
    job: pytest.MonkeyPatch, given: Mapping[str, str], wishes: Mapping[str, Any]
) -> None:
    assert of_tag(given, job, **wishes) is None


def test_notes_by_a_server_need_its_address(job: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="--mode server needs the server's address"):
        of_tag({}, job, mode="server")
