"""The repositories over HTTP, fetched with the git executable."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.sandbox_server import SandboxServer

ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_TERMINAL_PROMPT": "0",
}


def git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["git", "-c", "credential.helper=", *arguments]
    environment = ENVIRONMENT | {"HOME": str(folder)}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def address(sandbox: SandboxServer, credentials: str, project: str = "acme/shop") -> str:
    return sandbox.url.replace("http://", f"http://{credentials}@") + f"/{project}.git"


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    assert git(tmp_path, "init", "--quiet", "--bare", ".").returncode == 0
    return tmp_path


@pytest.mark.parametrize("protocol", ["0", "2"])
def test_a_commit_is_fetched_by_its_sha_and_a_merge_request_by_its_ref(
    sandbox: SandboxServer, bare: Path, protocol: str
) -> None:
    first = sandbox.push("feature", {"a": "1\n"})
    sandbox.merge_request()
    second = sandbox.push("feature", {"a": "2\n"})
    remote = address(sandbox, f"oauth2:{sandbox.token('trivet')}")
    fetch = ("-c", f"protocol.version={protocol}", "fetch", "--depth=1", remote)
    by_sha = git(bare, *fetch, first)
    assert by_sha.returncode == 0, by_sha.stderr
    by_ref = git(bare, *fetch, "refs/merge-requests/1/head:refs/heads/mine")
    assert by_ref.returncode == 0, by_ref.stderr
    assert git(bare, "show", f"{first}:a").stdout == "1\n"
    assert git(bare, "rev-parse", "mine").stdout.strip() == second


def test_a_large_request_arrives_compressed(sandbox: SandboxServer, bare: Path) -> None:
    shas = [sandbox.push("many", {"n": f"{number}\n"}) for number in range(40)]
    fetched = git(bare, "fetch", "--depth=1", address(sandbox, f"any:{sandbox.token('trivet')}"), *shas)
    assert fetched.returncode == 0, fetched.stderr
    assert git(bare, "cat-file", "-t", shas[17]).stdout == "commit\n"


def test_blobs_can_be_left_out(sandbox: SandboxServer, bare: Path) -> None:
    remote = address(sandbox, f"oauth2:{sandbox.token('trivet')}")
    assert git(bare, "fetch", "--depth=1", "--filter=blob:none", remote, "main").returncode == 0


@pytest.mark.parametrize("credentials", ["", "oauth2:wrong", "gus:{gus}", "mallory:{mallory}"])
def test_a_private_repository_is_kept_from_strangers(
    sandbox: SandboxServer, bare: Path, credentials: str
) -> None:
    filled = credentials.format(gus=sandbox.token("gus"), mallory=sandbox.token("mallory"))
    refused = git(bare, "ls-remote", address(sandbox, filled) if filled else f"{sandbox.url}/acme/shop.git")
    assert refused.returncode != 0
    assert not refused.stdout


def test_the_scope_decides_too(sandbox: SandboxServer, bare: Path) -> None:
    for scope, code in (("read_repository", 0), ("read_api", 0), ("read_user", 128)):
        sandbox.add_user(f"with_{scope}", 20, scopes=[scope])
        listed = git(bare, "ls-remote", address(sandbox, f"x:{sandbox.token(f'with_{scope}')}"))
        assert listed.returncode == code, (scope, listed.stderr)


def test_a_public_repository_is_open_and_nobody_pushes(sandbox: SandboxServer, bare: Path) -> None:
    sandbox.add_project("acme/open", {"a": "1\n"}, {"ada": 30}, visibility="public")
    remote = f"{sandbox.url}/acme/open.git"
    assert git(bare, "fetch", remote, "main:main").returncode == 0
    pushed = git(bare, "push", address(sandbox, f"ada:{sandbox.token('ada')}", "acme/open"), "main:other")
    assert pushed.returncode != 0
    assert "403" in pushed.stderr
    assert "other" not in git(bare, "ls-remote", remote).stdout


def test_nothing_is_said_about_a_repository_that_is_not_there(sandbox: SandboxServer, bare: Path) -> None:
    listed = git(bare, "ls-remote", address(sandbox, f"ada:{sandbox.token('ada')}", "acme/none"))
    assert listed.returncode != 0
    assert "not found" in listed.stderr
