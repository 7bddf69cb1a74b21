"""`trivet pages` in a shell: release notes of a merge and of a tag, without any server."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.confluence_server import Flavour
from tests.sandbox_server import PROJECT
from tests.wiki_rig import WikiRig

NEXT = "Release next"


class Shell(WikiRig):
    """The platforms alone; every command is a process of its own."""

    def start(self) -> None:
        self.sandbox.push("main", {".trivet.yml": self._config}, "Which pages describe what")

    def run_pages(self, *words: str, **settings: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "bot", "pages", *words],
            env=self.environment | settings,
            capture_output=True,
            text=True,
            timeout=100,
        )

    def account(self, *words: str) -> dict[str, Any]:
        """The report of a run that went well."""
        done = self.run_pages(*words, "--format", "json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)  # type: ignore[no-any-return]


@pytest.fixture(params=["cloud", "datacenter"])
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shell]:
    flavour: Flavour = request.param
    with Shell(tmp_path, flavour) as running:
        yield running


def merged(shell: Shell) -> str:
    iid = shell.sandbox.merge_request("feat: carts take codes", {"codes.md": "codes"}, source="codes")
    shell.sandbox.act(iid, "merge", user="grace")
    return f"{shell.sandbox.url}/{PROJECT}/-/merge_requests/{iid}"


def test_a_merge_is_noted_once_and_tried_before_it_is_written(shell: Shell) -> None:
    address = merged(shell)
    tried = shell.run_pages(address, "--dry-run")
    assert tried.returncode == 0, tried.stderr
    assert "write the section release-notes of the page Release next" in tried.stdout
    assert "+- carts take codes" in tried.stdout
    assert shell.page(NEXT) is None
    assert shell.account(address)["state"] == "done"
    assert "carts take codes" in shell.body(NEXT)
    again = shell.account(address)
    assert {one["result"] for one in again["outcomes"]} == {"unchanged"}
    assert len(shell.versions(NEXT)) == 1


def test_the_notes_of_a_tag_are_written_by_its_name(shell: Shell) -> None:
    merged(shell)
    shell.sandbox.tag("v1.4.0")
    done = shell.run_pages("--release", "v1.4.0", "--project", PROJECT)
    assert done.returncode == 0, done.stderr
    assert shell.page("Release v1.4.0")["url"] in done.stdout  # type: ignore[index]
    assert "carts take codes" in shell.body("Release v1.4.0")


@pytest.mark.parametrize(
    ("words", "settings", "code", "said"),
    [
        (("--release", "v9.9.9", "--project", PROJECT), {}, 2, f"{PROJECT} has no tag v9.9.9"),
        (("--release", "v1.4.0"), {}, 2, "--release needs --project PATH"),
        (("--project", PROJECT), {}, 2, "--release TAG with --project PATH"),
        (
            ("--release", "v1.4.0", "--project", PROJECT),
            {"TRIVET_CONFLUENCE__URL": ""},
            2,
            "TRIVET_CONFLUENCE__URL",
        ),
        (("--release", "v1.4.0", "--project", PROJECT), {"TRIVET_RULES": ""}, 3, "TRIVET_RULES does not map"),
        (
            ("--release", "v1.4.0", "--project", PROJECT),
            {"TRIVET_CONFLUENCE__TOKEN": "wrong-" + "token-9Xq2"},
            3,
            "TRIVET_CONFLUENCE__TOKEN",
        ),
    ],
    ids=["no tag", "no project", "no release", "no Confluence", "no rules", "wrong token"],
)
def test_what_is_wrong_is_said_with_what_to_do(
    tmp_path: Path, words: tuple[str, ...], settings: dict[str, str], code: int, said: str
) -> None:
    with Shell(tmp_path, "cloud") as shell:
        shell.sandbox.tag("v1.4.0")
        done = shell.run_pages(*words, **settings)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
