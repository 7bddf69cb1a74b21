"""Pipelines that ask a running server for a review, by ID tokens of the sandbox: real HTTP, Redis and processes."""

import json
import os
import signal
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from bot.domain.actions import Report
from bot.entry.progress import Progress
from bot.entry.remote import run_on_server
from bot.entry.runs_client import RunsApi
from tests.id_token_forge import signed, unsigned, with_hmac
from tests.rig import Rig, processes
from tests.sandbox_server import PROJECT

URL = "https://trivet.example.test"
UNDEFINED = "value = undefined_name\n"
OVER = ("done", "failed", "superseded")
READ_TOKEN_SETTING = "TRIVET_GITLAB__READ_TOKEN"


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with Rig(tmp_path_factory.mktemp("rig"), TRIVET_PUBLIC_URL=URL) as started:
        started.sandbox.add_project("acme/other", {"a.txt": "a\n"})
        started.sandbox.add_project("elsewhere/shop", {"a.txt": "a\n"})
        yield started


@pytest.fixture
def branch(request: pytest.FixtureRequest) -> str:
    return str(request.node.name).removeprefix("test_")[:40].strip("_")


@pytest.fixture
def hooks_lost(rig: Rig) -> Iterator[None]:
    """No webhook arrives."""
    rig.sandbox.drop_hooks()
    yield
    rig.sandbox.drop_hooks(on=False)


def minted(rig: Rig, iid: int | None = None, **wanted: Any) -> str:
    order = {"audience": URL, "user": "ada", **({} if iid is None else {"iid": iid}), **wanted}
    return str(rig.sandbox.call("POST", "/sandbox/id_token", order)["id_token"])


def start(rig: Rig, token: str | None, iid: int, project: str = PROJECT) -> tuple[int, dict[str, Any]]:
    body = json.dumps({"agent": "review", "target": {"project": project, "iid": iid}, "options": {}}).encode()
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    code, text = rig.send("POST", "/api/v1/runs", body, **headers)
    return code, json.loads(text)


def look(rig: Rig, ticket: dict[str, str], wait: float = 0) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {ticket['token']}"}
    code, text = rig.send("GET", f"/api/v1/runs/{ticket['run']}?wait={wait}", **headers)
    assert code == 200, text
    seen: dict[str, Any] = json.loads(text)
    return seen


def awaited(rig: Rig, ticket: dict[str, str], seconds: float = 60) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    seen = look(rig, ticket)
    while seen["state"] not in OVER and time.monotonic() < deadline:
        seen = look(rig, ticket, 20)
    return seen


def test_a_pipeline_gets_the_review_that_people_see(rig: Rig, branch: str, hooks_lost: None) -> None:
    iid = rig.sandbox.merge_request(files={f"{branch}.py": UNDEFINED}, source=branch)
    code, ticket = start(rig, minted(rig, iid), iid)
    assert code == 202
    seen = awaited(rig, ticket)
    report = Report.model_validate(seen["report"])
    assert (seen["state"], report.state) == ("done", "done")
    assert [(one.path, one.line) for one in report.findings] == [(f"{branch}.py", 1)]
    assert len(rig.findings(iid)) == len(rig.summaries(iid)) == 1


def test_our_own_client_gets_the_report_as_well(rig: Rig, branch: str) -> None:
    iid = rig.sandbox.merge_request(files={f"{branch}.py": UNDEFINED}, source=branch)
    server = RunsApi(f"http://127.0.0.1:{rig.port}")
    report = run_on_server(server, minted(rig, iid), PROJECT, iid, minutes=2, progress=Progress())
    assert (report.state, len(report.findings)) == ("done", 1)


@pytest.mark.parametrize("first", ["pipeline", "webhook"])
def test_a_pipeline_and_a_webhook_on_one_head_make_one_review(rig: Rig, first: str) -> None:
    branch = f"one-review-{first}"
    path = f"one_review_{first}.py"
    if first == "pipeline":
        rig.sandbox.drop_hooks()
    iid = rig.sandbox.merge_request(files={path: UNDEFINED}, source=branch)
    if first == "pipeline":
        code, ticket = start(rig, minted(rig, iid), iid)
        awaited(rig, ticket)
        rig.sandbox.drop_hooks(on=False)
        deliveries = len(rig.sandbox.state()["deliveries"])
        rig.sandbox.act(iid, "close")
        rig.sandbox.act(iid, "reopen")
        rig.wait(lambda: len(rig.sandbox.state()["deliveries"]) >= deliveries + 2, what="the deliveries")
    else:
        rig.reviewed(iid)
        code, ticket = start(rig, minted(rig, iid), iid)
    assert code == 202
    awaited(rig, ticket)
    rig.idle()
    assert len(rig.findings(iid)) == len(rig.summaries(iid)) == 1
    assert rig.notifications(iid) == ["review"]
    assert awaited(rig, start(rig, minted(rig, iid), iid)[1])["report"]["findings"] != []


def test_a_pipeline_after_a_command_gets_the_findings_of_the_command(rig: Rig, branch: str) -> None:
    iid = rig.sandbox.merge_request(files={f"{branch}.py": UNDEFINED}, source=branch, draft=True)
    rig.idle()
    assert rig.summaries(iid) == []
    rig.sandbox.comment(iid, "@trivet review")
    rig.reviewed(iid)
    rig.idle()
    _, ticket = start(rig, minted(rig, iid), iid)
    seen = awaited(rig, ticket)
    assert (seen["state"], "draft" in seen["message"]) == ("done", True)
    assert len(seen["report"]["findings"]) == 1
    assert len(rig.summaries(iid)) == 1


def test_a_merge_request_that_moved_on_is_superseded_for_its_old_pipeline(
    rig: Rig, branch: str, hooks_lost: None
) -> None:
    iid = rig.sandbox.merge_request(files={f"{branch}.py": UNDEFINED}, source=branch)
    token = minted(rig, iid)
    rig.sandbox.push(branch, {f"{branch}.py": "value = 1\n"})
    _, ticket = start(rig, token, iid)
    seen = awaited(rig, ticket)
    assert seen["state"] == "superseded"
    assert "moved on" in seen["message"]
    rig.idle()
    assert rig.findings(iid) == []


# --- the token matrix ---


@pytest.fixture(scope="module")
def quiet(rig: Rig) -> int:
    """A merge request nobody reviews while tokens are tried on it."""
    rig.sandbox.drop_hooks()
    iid = rig.sandbox.merge_request(files={"quiet.py": "x = 1\n"}, source="quiet")
    rig.sandbox.drop_hooks(on=False)
    return iid


def own(rig: Rig) -> dict[str, Any]:
    """The claims of a good token, to be signed with a key of ours."""
    claims: dict[str, Any] = jwt.decode(minted(rig), options={"verify_signature": False})
    return claims


def good_kid(rig: Rig) -> str:
    return str(jwt.get_unverified_header(minted(rig))["kid"])


def public_pem(rig: Rig) -> bytes:
    """The issuer's published key, as a secret for who takes the algorithm from the token."""
    with urllib.request.urlopen(f"{rig.sandbox.url}/oauth/discovery/keys", timeout=10) as answer:
        (found,) = json.loads(answer.read())["keys"]
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    key = jwt.PyJWK.from_dict(found).key
    return bytes(key.public_bytes(serialization.Encoding.PEM, spki))


MATRIX: dict[str, tuple[int, Callable[[Rig, int], str | None]]] = {
    "none": (401, lambda rig, iid: None),
    "not a token": (401, lambda rig, iid: "abc"),
    "wrong audience": (401, lambda rig, iid: minted(rig, iid, audience="https://other.example.test")),
    "two audiences": (
        401,
        lambda rig, iid: minted(rig, iid, claims={"aud": [URL, "https://b.example.test"]}),
    ),
    "issuer": (401, lambda rig, iid: minted(rig, iid, claims={"iss": "https://evil.example.test"})),
    "algorithm none": (401, lambda rig, iid: unsigned(own(rig), good_kid(rig))),
    "HS256 with a public key": (401, lambda rig, iid: with_hmac(own(rig), public_pem(rig), good_kid(rig))),
    "HS256 with nothing": (401, lambda rig, iid: with_hmac(own(rig), b"", good_kid(rig))),
    "RS512": (401, lambda rig, iid: signed(own(rig), kid=good_kid(rig), algorithm="RS512")),
    "another key": (401, lambda rig, iid: signed(own(rig), kid=good_kid(rig))),
    "unknown key": (401, lambda rig, iid: signed(own(rig), kid="unknown")),
    "no key named": (401, lambda rig, iid: signed(own(rig), kid=None)),
    "expired": (401, lambda rig, iid: minted(rig, iid, claims=at(-600))),
    "not yet valid": (401, lambda rig, iid: minted(rig, iid, claims=at(600))),
    "no project": (401, lambda rig, iid: minted(rig, iid, claims={"project_id": None})),
    "no commit": (401, lambda rig, iid: minted(rig, iid, claims={"sha": None})),
    "no protection told": (401, lambda rig, iid: minted(rig, iid, claims={"ref_protected": None})),
    "no id": (401, lambda rig, iid: minted(rig, iid, claims={"jti": None})),
    "other project": (403, lambda rig, iid: minted(rig, project="acme/other")),
    "project not served": (403, lambda rig, iid: minted(rig, project="elsewhere/shop")),
    "other commit": (403, lambda rig, iid: minted(rig, branch="main")),
}


def at(seconds: int) -> dict[str, int]:
    """A token of another time."""
    now = int(time.time()) + seconds
    return {"iat": now, "nbf": now, "exp": now + 300}


@pytest.mark.parametrize("case", MATRIX)
def test_a_token_that_does_not_hold_starts_nothing(rig: Rig, quiet: int, case: str) -> None:
    code, forge = MATRIX[case]
    token = forge(rig, quiet)
    runs = len(rig.runs())
    got, answer = start(rig, token, quiet)
    assert (got, set(answer)) == (code, {"error"})
    assert "\n" not in answer["error"]
    assert not token or not any(part in answer["error"] for part in token.split(".") if len(part) > 8)
    assert len(rig.runs()) == runs


def test_a_served_projects_token_is_not_good_for_another_target(rig: Rig, quiet: int) -> None:
    code, answer = start(rig, minted(rig, quiet), 1, "acme/other")
    assert code == 403
    assert PROJECT in answer["error"]


def test_a_good_token_works_twice_for_the_same_and_never_for_something_else(rig: Rig, quiet: int) -> None:
    token = minted(rig, quiet)
    first, again = start(rig, token, quiet), start(rig, token, quiet)
    assert first[0] == again[0] == 202
    assert (first[1]["run"], first[1]["token"]) == (again[1]["run"], again[1]["token"])
    assert start(rig, token, quiet + 1)[0] == 401
    awaited(rig, first[1])


def test_a_read_token_is_good_for_its_run_only(rig: Rig, quiet: int, branch: str) -> None:
    _, ticket = start(rig, minted(rig, quiet), quiet)
    iid = rig.sandbox.merge_request(files={f"{branch}.py": "x = 1\n"}, source=branch)
    _, other = start(rig, minted(rig, iid), iid)
    mixed = {"Authorization": f"Bearer {other['token']}"}
    wrong = rig.send("GET", f"/api/v1/runs/{ticket['run']}", **mixed)
    unknown = rig.send("GET", f"/api/v1/runs/{'0' * 24}", **mixed)
    assert wrong == unknown
    assert wrong[0] == 404
    assert start(rig, other["token"], iid)[0] == 401
    awaited(rig, other)


def test_who_waits_hears_of_the_end_at_once(rig: Rig, branch: str, hooks_lost: None) -> None:
    iid = rig.sandbox.merge_request(files={f"{branch}.py": UNDEFINED}, source=branch)
    rig.sandbox.fault(path=f"/merge_requests/{iid}/", hang=1.5, times=1)
    _, ticket = start(rig, minted(rig, iid), iid)
    steps, deadline = [], time.monotonic() + 60
    while not steps or steps[-1]["state"] not in OVER:
        began = time.monotonic()
        steps.append(look(rig, ticket, 25))
        assert time.monotonic() - began < 20, steps
        assert time.monotonic() < deadline
    told = [one["progress"] for one in steps if one["progress"]]
    assert steps[-1]["state"] == "done"
    assert told
    assert all("\n" not in line for line in told)


# --- the server's own troubles ---


def web_process(rig: Rig) -> int:
    found = [pid for pid, parent, line in processes() if parent == rig.up_pid and "bot web" in line]
    return found[0] if found else 0


def test_after_a_rotation_of_the_issuers_keys_new_tokens_are_good(rig: Rig, quiet: int) -> None:
    """A server that has just fetched keys asks again a minute later; one that starts asks at once."""
    rig.sandbox.call("POST", "/sandbox/oidc/rotate")
    token = minted(rig, quiet)
    before = web_process(rig)
    os.kill(before, signal.SIGKILL)
    rig.wait(lambda: web_process(rig) not in (0, before), what="the runs API to be started again")
    code, answer = start(rig, token, quiet)
    while code == 503:
        time.sleep(0.1)
        code, answer = start(rig, token, quiet)
    assert code == 202, answer


def test_deliveries_are_taken_while_the_runs_api_is_dead(rig: Rig, branch: str) -> None:
    receiver = rig.process("serve")
    os.kill(web_process(rig), signal.SIGKILL)
    iid = rig.sandbox.merge_request(files={f"{branch}.py": UNDEFINED}, source=branch)
    rig.reviewed(iid)
    assert rig.process("serve") == receiver
    rig.wait(lambda: web_process(rig), what="the runs API to be started again")
    rig.wait(lambda: start(rig, minted(rig, iid), iid)[0] == 202, what="the runs API to serve")


def test_the_runs_api_holds_the_read_token_and_no_other_secret(rig: Rig) -> None:
    environment = Path(f"/proc/{web_process(rig)}/environ").read_text()
    assert f"{READ_TOKEN_SETTING}=" in environment
    names = ("TRIVET_GITLAB__TOKEN=", "TRIVET_MARK_SECRETS=", "TRIVET_GITLAB__WEBHOOK_SECRETS=")
    assert not any(name in environment for name in names)


def test_the_receiver_stays_small_with_pipelines_waiting(rig: Rig, quiet: int) -> None:
    _, ticket = start(rig, minted(rig, quiet), quiet)
    headers = {"Authorization": f"Bearer {ticket['token']}"}
    path = f"/api/v1/runs/{ticket['run']}?wait=1"
    threads = [threading.Thread(target=rig.send, args=("GET", path), kwargs=headers) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    status = Path(f"/proc/{rig.process('serve')}/status").read_text()
    assert int(status.split("VmRSS:")[1].split()[0]) < 80_000


def test_nothing_of_any_token_is_in_the_log(rig: Rig, quiet: int) -> None:
    token = minted(rig, quiet)
    _, ticket = start(rig, token, quiet)
    look(rig, ticket)
    log = rig.log()
    assert '"asked for"' in log
    assert ticket["token"] not in log
    assert not any(part in log for part in token.split("."))
