"""The client of the runs API: what it sends, how it waits, and the one line it ends with when it cannot."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.actions import Report
from bot.domain.findings import Finding, Severity
from bot.entry import remote
from bot.entry.progress import Progress
from bot.entry.remote import run_on_server
from bot.entry.runs_client import RunsApi, one_line, server_address
from bot.entry.verdict import exit_code
from bot.errors import PlatformError, UsageError
from tests.rig import free_port

ID_TOKEN = "eyJhbGciOiJSUzI1NiJ9." + "Zq8Rt2vLm4.Xc7Wn1Kd9P"
RUN_TOKEN = "run-" + "k3Vt8Qm1Zp"
RUN = "0f6a2c"
REPORT = Report(
    run=RUN,
    agent="review",
    target="acme/shop!7",
    state="done",
    findings=(
        Finding(rule="python/F821", severity=Severity.MAJOR, path="app.py", line=3, title="Undefined"),
    ),
)
STARTED = {"run": RUN, "token": RUN_TOKEN, "state": "queued"}


@dataclass(frozen=True)
class Answer:
    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Asked:
    """One request as the server saw it."""

    line: str
    authorization: str
    etag: str
    body: Any


def started() -> Answer:
    return Answer(202, STARTED)


def seen(state: str, progress: str = "", **more: Any) -> Answer:
    etag = f'"{state}-{progress}"'
    return Answer(200, {"run": RUN, "state": state, "progress": progress, **more}, {"ETag": etag})


def finished(report: Report = REPORT, **more: Any) -> Answer:
    return seen("done", message="", report={**report.model_dump(mode="json"), **more})


def unchanged(delay: float = 0.0) -> Answer:
    return Answer(304, b"", delay=delay)


class Server:
    """Gives its answers in turn, the last one again and again, and keeps what it was asked."""

    def __init__(self, answers: list[Answer]) -> None:
        self._answers = answers
        self.asked: list[Asked] = []
        self.url = ""

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        headers = request.headers
        self.asked.append(
            Asked(
                f"{request.command} {request.path}",
                headers.get("Authorization", ""),
                headers.get("If-None-Match", ""),
                json.loads(body) if body else None,
            )
        )
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        time.sleep(answer.delay)
        request.send_response(answer.status)
        for name, value in answer.headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(answer.content)))
        request.end_headers()
        request.wfile.write(answer.content)

    def lines(self) -> list[str]:
        return [one.line for one in self.asked]


@contextmanager
def serving(*answers: Answer) -> Iterator[Server]:
    server = Server(list(answers))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            server.answer(self)

        do_POST = do_GET

        def log_message(self, *_args: object) -> None:
            return

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener.daemon_threads = True
    server.url = f"http://127.0.0.1:{listener.server_port}"
    thread = threading.Thread(target=listener.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()


@pytest.fixture(autouse=True)
def out_of_breath(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "BREATH_SECONDS", 0.0)


def review(
    url: str, minutes: float = 1.0, pauses: tuple[float, ...] = (0.0, 0.0), agent: str = "review"
) -> Report:
    api = RunsApi(url, pauses)
    try:
        with Progress() as progress:
            return run_on_server(
                api, ID_TOKEN, "acme/shop", 7, minutes=minutes, progress=progress, agent=agent
            )
    finally:
        api.close()


# --- what goes over the line ---


def test_a_run_is_asked_for_by_the_id_token_and_read_by_its_own_until_it_has_ended() -> None:
    with serving(started(), seen("queued"), unchanged(), seen("running", "reading"), finished()) as server:
        assert review(server.url) == REPORT
    order = {"agent": "review", "target": {"project": "acme/shop", "iid": 7}, "options": {}}
    look, own = f"GET /api/v1/runs/{RUN}?wait=", f"Bearer {RUN_TOKEN}"
    assert server.asked == [
        Asked("POST /api/v1/runs", f"Bearer {ID_TOKEN}", "", order),
        Asked(f"{look}0", own, "", None),
        Asked(f"{look}25", own, '"queued-"', None),
        Asked(f"{look}25", own, '"queued-"', None),
        Asked(f"{look}25", own, '"running-reading"', None),
    ]


def test_a_line_is_said_for_each_change_and_for_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    steps = [
        seen("queued"),
        unchanged(),
        seen("running", "reading\x1b[2J the diff"),
        seen("applying"),
        finished(),
    ]
    with serving(started(), *steps) as server:
        review(server.url)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        f"trivet: run {RUN} is queued at {server.url}",
        "trivet: queued",
        "trivet: running: reading[2J the diff",
        "trivet: applying",
    ]


def test_a_job_shows_that_it_is_alive_but_not_at_every_look(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "SILENCE_SECONDS", 0.3)
    quiet = [unchanged(0.1) for _ in range(10)]
    with serving(started(), seen("running", "thinking"), *quiet, finished()) as server:
        review(server.url)
    said = capsys.readouterr().err.splitlines()
    assert said[1] == "trivet: running: thinking"
    assert set(said[2:]) == {"trivet: still running, after 0 min"}
    assert 1 <= len(said[2:]) <= 4


def test_a_netrc_of_the_image_does_not_put_its_credentials_in_the_tokens_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login gitlab-ci-token password " + "glcbt-64" + "_Zq8Rt2vLm4\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with serving(started(), finished()) as server:
        review(server.url)
    assert [one.authorization for one in server.asked] == [f"Bearer {ID_TOKEN}", f"Bearer {RUN_TOKEN}"]


# --- how it ends ---


def test_what_a_newer_server_says_besides_is_left_aside() -> None:
    finding = {**REPORT.findings[0].model_dump(mode="json"), "mood": "grim"}
    with serving(started(), finished(colour="blue", findings=[finding, finding])) as server:
        report = review(server.url)
    assert report.findings == REPORT.findings * 2


def test_a_run_that_a_newer_commit_overtook_has_not_failed() -> None:
    with serving(started(), seen("superseded", message=None, report=None)) as server:
        report = review(server.url)
    assert exit_code(report, "info") == 0
    assert (report.state, report.message, report.findings) == (
        "superseded",
        "a newer commit has a run of its own",
        (),
    )


def test_a_run_that_failed_has_failed_with_the_servers_words() -> None:
    with serving(started(), seen("failed", message="GitLab is down\n::error::", report=None)) as server:
        report = review(server.url)
    assert exit_code(report, None) == 3
    assert (report.state, report.message) == ("failed", "GitLab is down ::error::")


@pytest.mark.parametrize("said", ["failed", "applying", "done"])
def test_what_was_found_before_a_run_failed_is_kept_and_is_no_success(said: str) -> None:
    half = REPORT.model_copy(update={"state": said, "message": "half of it"})
    with serving(started(), seen("failed", report=half.model_dump(mode="json"))) as server:
        report = review(server.url)
    assert report == half.model_copy(update={"state": "failed"})
    assert exit_code(report, None) == 3


def test_a_server_that_holds_no_look_back_is_not_asked_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "BREATH_SECONDS", 0.2)
    with (
        serving(started(), seen("running")) as server,
        pytest.raises(PlatformError, match="no report within"),
    ):
        review(server.url, minutes=1 / 60)
    assert 4 <= len(server.asked) <= 8


def test_a_report_that_takes_too_long_is_not_waited_for() -> None:
    with (
        serving(started(), seen("running"), unchanged(0.1)) as server,
        pytest.raises(PlatformError, match=r"no report within 0.01 minutes .* the run goes on at http"),
    ):
        review(server.url, minutes=0.01)


def test_who_is_interrupted_says_that_the_run_goes_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(RunsApi, "look", interrupted)
    with serving(started()) as server, pytest.raises(KeyboardInterrupt):
        review(server.url)
    assert "the run goes on at" in capsys.readouterr().err.splitlines()[-1]


# --- what goes wrong ---


REFUSALS = {
    "no token": (
        401,
        {"error": "the ID token is for another audience"},
        "refuses the review .401.: the ID token is",
    ),
    "a fork": (
        403,
        {"error": "the merge request is of another project"},
        "refuses the review .403.: the merge",
    ),
    "no such address": (404, {"detail": "Not Found"}, "has no runs API .404.: is it the address of a Trivet"),
    "too large": (413, b"", "refuses the review .413.: no reason given"),
    "wrong type": (415, {"error": "send JSON"}, "refuses the review .415.: send JSON"),
    "not understood": (422, {"error": "agent: unknown"}, "refuses the review .422.: agent: unknown"),
    "deep": (401, b"[" * 100_000, "refuses the review .401.: no reason given"),
}


@pytest.mark.parametrize(("status", "body", "sentence"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_is_a_matter_of_configuration_and_is_not_repeated(
    status: int, body: Any, sentence: str
) -> None:
    with serving(Answer(status, body)) as server, pytest.raises(UsageError, match=sentence):
        review(server.url)
    assert server.lines() == ["POST /api/v1/runs"]


@pytest.mark.parametrize(
    ("agent", "wish"),
    [
        ("review", "refuses the review"),
        ("link", "refuses to tie the merge request to its issues"),
        ("pages", "refuses to hold the pages against the merge request"),
    ],
)
def test_a_refusal_names_what_is_refused(agent: str, wish: str) -> None:
    with serving(Answer(403, {"error": "no"})) as server, pytest.raises(UsageError) as told:
        review(server.url, agent=agent)
    assert str(told.value) == f"{server.url} {wish} (403): no"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_token_follows_no_redirect(status: int) -> None:
    with serving(started()) as other:
        away = Answer(status, b"", {"Location": f"{other.url}/api/v1/runs?x=1"})
        with serving(away) as server, pytest.raises(UsageError, match=f"set the address to {other.url}/api"):
            review(server.url)
    assert other.asked == []


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_server_that_is_busy_or_starts_anew_is_asked_again_for_the_same_run(status: int) -> None:
    busy = Answer(status, {"error": "later"}, {"Retry-After": "0"})
    with serving(busy, started(), busy, busy, finished()) as server:
        assert review(server.url) == REPORT
    assert [line.split("?")[0] for line in server.lines()] == [
        "POST /api/v1/runs",
        "POST /api/v1/runs",
        *[f"GET /api/v1/runs/{RUN}"] * 3,
    ]
    assert server.asked[0] == server.asked[1]


def test_a_server_that_stays_busy_has_failed() -> None:
    with (
        serving(Answer(503, {"error": "Redis does not answer"})) as server,
        pytest.raises(PlatformError, match=r"is busy or broken \(503: Redis does not answer\)"),
    ):
        review(server.url, pauses=(0.0, 0.0))
    assert len(server.asked) == 3


def test_a_wait_the_server_asks_for_is_kept() -> None:
    with serving(Answer(429, {"error": "too often"}, {"Retry-After": "1"}), started(), finished()) as server:
        began = time.monotonic()
        review(server.url)
    assert time.monotonic() - began >= 1


def test_no_wait_is_begun_that_would_outlast_the_time() -> None:
    began = time.monotonic()
    with (
        serving(Answer(503, {"error": "down"}, {"Retry-After": "50"})) as server,
        pytest.raises(PlatformError, match="503: down"),
    ):
        review(server.url, minutes=0.5)
    assert time.monotonic() - began < 10


def test_a_server_that_is_down_is_named() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(PlatformError, match=f"{url} cannot be reached") as told:
        review(url)
    assert not isinstance(told.value, UsageError)


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"", b"[]", b"null", {"run": RUN}, {"run": "", "token": "x"}, {"run": 7, "token": "x"}],
)
def test_what_is_no_answer_of_the_api_is_named_as_such(body: Any) -> None:
    with (
        serving(Answer(202, body)) as server,
        pytest.raises(PlatformError, match="is a proxy in between"),
    ):
        review(server.url)


def test_a_page_in_the_place_of_the_runs_api_is_no_run() -> None:
    with (
        serving(Answer(200, b"<html>Sign in</html>")) as server,
        pytest.raises(PlatformError, match="is a proxy in between"),
    ):
        review(server.url)


@pytest.mark.parametrize("report", [{}, {"run": RUN}, {**REPORT.model_dump(mode="json"), "seconds": "long"}])
def test_a_report_that_cannot_be_read_is_no_success(report: Any) -> None:
    with (
        serving(started(), seen("done", report=report)) as server,
        pytest.raises(PlatformError, match="is a proxy in between"),
    ):
        review(server.url)


def test_a_run_that_is_done_without_a_report_is_no_success() -> None:
    with (
        serving(started(), seen("done", report=None)) as server,
        pytest.raises(PlatformError, match="gives no report"),
    ):
        review(server.url)


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_run_that_is_not_shown_any_more_has_failed(status: int) -> None:
    with (
        serving(started(), Answer(status, {"error": "gone"})) as server,
        pytest.raises(PlatformError, match=f"does not show run {RUN} any more .{status}."),
    ):
        review(server.url)


def test_a_body_without_end_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.entry.runs_client.MAX_HELD", 1_000)
    with (
        serving(started(), finished(message="x" * 2_000)) as server,
        pytest.raises(PlatformError, match="answers with more than"),
    ):
        review(server.url)
    assert len(server.asked) == 2


# --- addresses and lines ---


@pytest.mark.parametrize(
    ("given_address", "address"),
    [
        ("https://trivet.example.com/", "https://trivet.example.com"),
        ("trivet.example.com", "https://trivet.example.com"),
        ("trivet.example.com:8443/trivet/", "https://trivet.example.com:8443/trivet"),
        ("http://trivet.internal:8081", "http://trivet.internal:8081"),
        ("localhost:8081", "http://localhost:8081"),
        ("127.0.0.1:8081", "http://127.0.0.1:8081"),
        ("[::1]:8081", "http://[::1]:8081"),
        ("[2001:db8::1]:8081", "https://[2001:db8::1]:8081"),
    ],
)
def test_an_address_without_a_scheme_is_encrypted_but_on_this_machine(
    given_address: str, address: str
) -> None:
    assert server_address(given_address) == address


def test_a_wrong_address_is_quoted_on_one_line() -> None:
    with pytest.raises(UsageError) as refusal:
        server_address("https://a b\n\x1b[31m$(id)")
    assert "\n" not in str(refusal.value)
    assert "\x1b" not in str(refusal.value)


@pytest.mark.parametrize(
    "address",
    ["", "https://", "ftp://trivet.example.com", "https://me:pw@trivet.example.com", "https://t.test/?a=b",
     "https://t.test:99999", "https://[::1", "https://t.test/\x1b[2J", "$(ls)\n"],
)  # fmt: skip
def test_what_is_no_address_of_a_server_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match="is not a server's address"):
        server_address(address)


@given(st.text(max_size=2_000))
def test_whatever_a_server_says_is_one_line_of_a_job_log(text: str) -> None:
    line = one_line(text)
    assert len(line) <= 300
    assert line.splitlines() in ([], [line])
    assert "\x1b" not in line
