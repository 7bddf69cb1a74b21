"""Tokens that are renewed: beside the old ones, or in their place, as GitLab's own pages and its rotation do it."""

from collections.abc import Iterator

import pytest

from tests.sandbox_server import SandboxServer

NEW, NEWER = "renewed-" + "Zq8Rt2vLm4", "renewed-" + "Xc7Wn1Kd9P"


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer() as server:
        yield server


def renew(sandbox: SandboxServer, token: str, *, keep: bool) -> None:
    sandbox.call("POST", "/sandbox/users/trivet/token", {"token": token, "keep": keep})


def entered(sandbox: SandboxServer, *tokens: str) -> list[int]:
    return [sandbox.api("GET", "/user", token=token).status for token in tokens]


def test_a_token_that_is_added_is_the_same_persons_and_the_old_one_stays_good(sandbox: SandboxServer) -> None:
    old = sandbox.token("trivet")
    renew(sandbox, NEW, keep=True)
    assert entered(sandbox, old, NEW) == [200, 200]
    assert sandbox.api("GET", "/user", token=NEW).body["username"] == "trivet"


def test_a_token_that_replaces_others_is_the_only_one(sandbox: SandboxServer) -> None:
    old = sandbox.token("trivet")
    renew(sandbox, NEW, keep=True)
    renew(sandbox, NEWER, keep=False)
    assert entered(sandbox, old, NEW, NEWER) == [401, 401, 200]
