"""The sandbox as an issuer of ID tokens: what GitLab's jobs get, checked with a client that knows nothing of us."""

import json
import time
import urllib.request
from typing import Any

import jwt
import pytest

from tests.sandbox_server import PROJECT, SandboxServer

AUDIENCE = "https://trivet.example.test"


def fetched(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.loads(answer.read())


def mint(sandbox: SandboxServer, **wanted: Any) -> dict[str, Any]:
    made: dict[str, Any] = sandbox.call("POST", "/sandbox/id_token", {"audience": AUDIENCE, **wanted})
    return made


def keys(sandbox: SandboxServer) -> jwt.PyJWKSet:
    discovery = fetched(f"{sandbox.url}/.well-known/openid-configuration")
    assert discovery["issuer"] == sandbox.url
    return jwt.PyJWKSet.from_dict(fetched(discovery["jwks_uri"]))


def read(sandbox: SandboxServer, token: str) -> dict[str, Any]:
    kid = jwt.get_unverified_header(token)["kid"]
    return jwt.decode(token, keys(sandbox)[kid], algorithms=["RS256"], audience=AUDIENCE, issuer=sandbox.url)


@pytest.fixture
def iid(sandbox: SandboxServer) -> int:
    return sandbox.merge_request(files={"app.py": "1\n"})


def test_a_jobs_token_says_what_gitlab_says_with_ids_as_texts(sandbox: SandboxServer, iid: int) -> None:
    made = mint(sandbox, iid=iid)
    claims = read(sandbox, made["id_token"])
    head = sandbox.merge_request_state(iid)["head"]
    assert (claims["project_id"], claims["project_path"], claims["sha"]) == ("1", PROJECT, head)
    assert (claims["pipeline_source"], claims["ref"], claims["ref_type"]) == (
        "merge_request_event",
        "feature",
        "branch",
    )
    assert claims["pipeline_id"] == str(made["pipeline"])
    assert claims["sub"] == f"project_path:{PROJECT}:ref_type:branch:ref:feature"
    assert claims["exp"] > time.time()


def test_no_two_jobs_get_the_same_token(sandbox: SandboxServer, iid: int) -> None:
    assert len({read(sandbox, mint(sandbox, iid=iid)["id_token"])["jti"] for _ in range(3)}) == 3


def test_claims_can_be_replaced_and_taken_away(sandbox: SandboxServer) -> None:
    claims = read(sandbox, mint(sandbox, claims={"project_id": "7", "sha": None})["id_token"])
    assert (claims["project_id"], "sha" in claims) == ("7", False)


def test_after_a_rotation_the_old_key_is_gone(sandbox: SandboxServer) -> None:
    old = mint(sandbox)["id_token"]
    read(sandbox, old)
    sandbox.call("POST", "/sandbox/oidc/rotate")
    with pytest.raises(KeyError):
        read(sandbox, old)
    assert read(sandbox, mint(sandbox)["id_token"])


def test_the_api_knows_the_pipeline_in_its_own_project_only(sandbox: SandboxServer, iid: int) -> None:
    made = mint(sandbox, iid=iid, kind="merged_result")
    told = sandbox.api("GET", f"/projects/acme%2Fshop/pipelines/{made['pipeline']}").body
    assert (told["ref"], told["sha"]) == (f"refs/merge-requests/{iid}/merge", made["sha"])
    sandbox.add_project("acme/fork", {"a": "a\n"}, members={"trivet": 30})
    assert sandbox.api("GET", f"/projects/acme%2Ffork/pipelines/{made['pipeline']}").status == 404


def test_a_merged_result_has_the_target_and_the_head_as_parents(sandbox: SandboxServer, iid: int) -> None:
    sha = mint(sandbox, iid=iid, kind="merged_result")["sha"]
    repository = sandbox.state_object.project(PROJECT).repository
    main = repository.branch("main")
    assert repository.commit(sha).parents == (main, sandbox.merge_request_state(iid)["head"])


def test_a_merge_request_from_a_fork_names_it_as_its_source(sandbox: SandboxServer) -> None:
    fork = sandbox.add_project("acme/fork", {"a": "a\n"})
    iid = sandbox.merge_request(files={"f.py": "1\n"}, source="of-fork", fork="acme/fork")
    told = sandbox.api("GET", f"/projects/acme%2Fshop/merge_requests/{iid}").body
    assert (told["source_project_id"], told["target_project_id"]) == (fork["id"], 1)
