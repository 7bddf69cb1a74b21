"""What is told to Sentry, and what is not. Each test reports in a process of its own: tracking is global."""

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from bot import __version__
from bot.domain.secrets import Redactor
from bot.entry.error_tracking import AGAIN_SECONDS, SHUTDOWN_SECONDS, Places, outgoing, report_error
from tests.sentry_sink import SentrySink

ROOT = Path(__file__).parents[2]
OWN = "c4n4ry" + "Zq8Rt2vLm4Xc7W"
TOKEN = "glpat-" + "Zq8Rt2vLm4" + "Xc7Wn1Kd9P"
PAYLOAD = "what-somebody-" + "wrote-in-an-issue"
PREAMBLE = """
import sys, structlog
from bot.domain.secrets import Redactor
from bot.entry.process import begin
from bot.entry.error_tracking import report_error
from bot.errors import Unavailable
from bot.settings import load_settings
role, own, token, payload = sys.argv[1:]
begin(load_settings(), role, lambda secrets: Redactor([own, *secrets]))

def broken(body):
    headers = {"x-gitlab-token": token}
    raise ValueError(f"cannot read {body} with {token} and {own}", body)
"""
BREAK = """
try:
    broken(payload)
except ValueError as error:
    report_error(error, run="a1b2c3")
"""


@pytest.fixture
def sink() -> Iterator[SentrySink]:
    with SentrySink() as opened:
        yield opened


def ran(program: str, dsn: str | None, role: str = "schedule", **environ: str) -> tuple[str, float]:
    """What a process says on standard error, and the seconds it took. It may not fail."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TRIVET_")}
    environment |= {"TRIVET_LOG_FORMAT": "json", **environ} | ({"TRIVET_SENTRY_DSN": dsn} if dsn else {})
    command = [sys.executable, "-c", PREAMBLE + program, role, OWN, TOKEN, PAYLOAD]
    started = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stderr, time.monotonic() - started


def tell_nothing(sink: SentrySink) -> None:
    encoded = base64.b64encode(OWN.encode()).decode().rstrip("=")[:-1]
    for canary in (OWN, TOKEN, PAYLOAD, OWN[::-1], encoded):
        assert not sink.heard(canary)


# --- an event ---


def test_an_event_says_what_broke_where_in_which_run_and_version(sink: SentrySink) -> None:
    ran(BREAK, sink.dsn, SENTRY_ENVIRONMENT="staging")
    (event,) = sink.events
    assert event["tags"] == {"role": "schedule", "run": "a1b2c3"}
    assert event["release"] == f"trivet@{__version__}"
    assert event["environment"] == "staging"
    (exception,) = event["exception"]["values"]
    assert exception["type"] == "ValueError"
    assert exception["stacktrace"]["frames"][-1]["function"] == "broken"


def test_neither_payload_nor_secret_nor_a_local_variable_is_told(sink: SentrySink) -> None:
    ran(BREAK, sink.dsn)
    assert len(sink.events) == 1
    tell_nothing(sink)
    assert not sink.heard('"vars"')
    assert sink.events[0]["exception"]["values"][0]["value"] == "its text is in the log only"


def test_a_chain_of_errors_is_told_without_any_of_its_texts(sink: SentrySink) -> None:
    program = """
try:
    try:
        broken(payload)
    except ValueError as error:
        error.add_note(payload)
        raise KeyError(payload) from error
except KeyError as error:
    report_error(error)
"""
    ran(program, sink.dsn)
    (event,) = sink.events
    assert {one["type"] for one in event["exception"]["values"]} == {"ValueError", "KeyError"}
    tell_nothing(sink)


def test_what_else_hangs_on_an_event_stays_here(sink: SentrySink) -> None:
    program = """
import sentry_sdk
sentry_sdk.set_user({"email": payload})
sentry_sdk.set_context("delivery", {"body": payload})
sentry_sdk.set_tag("title", payload)
sentry_sdk.set_extra("more", payload)
sentry_sdk.add_breadcrumb(message=payload)
sentry_sdk.capture_message(payload)
"""
    ran(program + BREAK, sink.dsn)
    (event,) = sink.events
    assert event["exception"]
    tell_nothing(sink)


def test_a_secret_in_the_name_of_a_file_is_redacted(sink: SentrySink) -> None:
    program = """
try:
    exec(compile("1 / 0", f"/srv/{own}/page.py", "exec"))
except ZeroDivisionError as error:
    report_error(error)
"""
    ran(program, sink.dsn)
    (event,) = sink.events
    assert "<REDACTED:own:" in json.dumps(event)
    tell_nothing(sink)


@examples(max_examples=40)
@given(
    st.recursive(
        st.text(max_size=10) | st.just(f"key={OWN}") | st.integers() | st.booleans() | st.none(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=12,
    )
)
def test_no_place_of_an_event_hides_a_secret(value: Any) -> None:
    error = ValueError()
    event: Any = {
        "server_name": value,
        "sdk": {"name": value},
        "request": {"data": value},
        "tags": {"role": value},
        "exception": {"values": [{"type": "ValueError", "value": value, "mechanism": {"data": value}}]},
    }
    told = outgoing(event, {"exc_info": (ValueError, error, None)}, redact=Redactor([OWN]).redact)
    assert told is not None
    assert OWN not in json.dumps(told)
    assert set(told) == {"server_name", "sdk", "tags", "exception"}


# --- what is no event ---


def test_what_is_foreseen_is_no_event(sink: SentrySink) -> None:
    program = """
from redis.exceptions import ConnectionError, BusyLoadingError
for foreseen in (Unavailable("GitLab is down"), ConnectionError("refused"), BusyLoadingError("loading")):
    report_error(foreseen)
"""
    ran(program + BREAK, sink.dsn)
    (event,) = sink.events
    assert event["exception"]["values"][0]["type"] == "ValueError"


def test_a_defect_that_is_met_again_and_again_is_told_of_once(sink: SentrySink) -> None:
    ran(f"for again in range(50):{BREAK.replace(chr(10), chr(10) + '    ')}", sink.dsn)
    assert len(sink.events) == 1


def test_it_is_told_of_again_after_a_while_and_another_place_at_once() -> None:
    def caught(divisor: str) -> BaseException:
        try:
            1 / int(divisor)
        except ArithmeticError as error:
            return error
        except ValueError as error:
            return error
        raise AssertionError(divisor)

    now = 0.0
    places = Places(lambda: now)
    assert places.is_due(caught("0"))
    assert places.is_due(caught("x"))
    assert not places.is_due(caught("0"))
    now = AGAIN_SECONDS
    assert places.is_due(caught("0"))


def test_where_no_dsn_is_set_nothing_is_imported_and_nothing_happens(sink: SentrySink) -> None:
    said, _ = ran(BREAK + "print('sentry_sdk' in sys.modules, file=sys.stderr)", None, SENTRY_DSN=sink.dsn)
    assert said == "False\n"
    assert sink.raw == []


def test_an_error_may_be_reported_before_anything_is_set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "sentry_sdk", raising=False)
    report_error(ValueError("nobody listens"))
    assert "sentry_sdk" not in sys.modules


@pytest.mark.parametrize("role", ["serve", "agents", "schedule"])
def test_no_library_is_imported_for_its_integration(sink: SentrySink, role: str) -> None:
    others = ("openai", "anthropic", "langgraph", "requests", "httpx2")
    program = f"print([name for name in {others} if name in sys.modules], file=sys.stderr)"
    said, _ = ran(program, sink.dsn, role=role)
    assert said == "[]\n"


# --- where errors are caught ---


def test_a_page_of_the_receiver_that_breaks_is_told_of_without_its_request(sink: SentrySink) -> None:
    program = """
from bot.entry.receiver import create_receiver
from bot.routing import Routing
from tests.receiving import DictInbox, call
inbox = DictInbox()
inbox.broken = ValueError(payload)
app = create_receiver(inbox, secrets=lambda source: [own], policy=lambda: Routing(()))
for path in ("/nowhere", "/readyz?secret=" + own):
    call(app, "GET", path, headers={"cookie": payload, "x-trivet-token": token})
"""
    ran(program, sink.dsn, role="serve")
    (event,) = sink.events
    assert event["exception"]["values"][0]["type"] == "ValueError"
    tell_nothing(sink)


def test_the_runs_api_reports_what_it_did_not_foresee_and_nothing_else(sink: SentrySink) -> None:
    program = """
from redis.exceptions import ResponseError
from bot.entry.refusals import refusal
from bot.errors import Denied
for error in (Denied(503, "busy"), Unavailable("GitLab is down"), ResponseError("WRONGTYPE"), OSError("disk")):
    refusal(error)
try:
    broken(payload)
except ValueError as error:
    refusal(error)
"""
    ran(program, sink.dsn, role="web")
    (event,) = sink.events
    assert event["tags"] == {"role": "web"}
    assert event["exception"]["values"][0]["type"] == "ValueError"
    tell_nothing(sink)


def test_what_ends_a_process_is_told_of_before_it_is_gone(sink: SentrySink) -> None:
    program = """
import click
from bot.entry.cli import trivet, main
trivet.add_command(click.command("break")(lambda: broken(payload)))
sys.argv = ["trivet", "break"]
try:
    main()
except SystemExit as stop:
    assert stop.code == 3
"""
    ran(program, sink.dsn)
    (event,) = sink.events
    assert event["exception"]["values"][0]["stacktrace"]["frames"][-1]["function"] == "broken"
    tell_nothing(sink)


# --- a thread, the end of a process, a Sentry that is away ---


def test_a_thread_that_dies_is_told_of(sink: SentrySink) -> None:
    program = """
from threading import Thread
thread = Thread(target=broken, args=[payload], name="exchange")
thread.start()
thread.join()
"""
    ran(program, sink.dsn, role="serve")
    (event,) = sink.events
    assert event["tags"] == {"role": "serve"}
    tell_nothing(sink)


def test_a_wrong_dsn_is_a_sentence_and_exit_code_2() -> None:
    for wrong in ("sentry.example.com", f"https://{OWN}@/42", f"https://{OWN}@sentry.example.com/shop"):
        environment = {**os.environ, "TRIVET_SENTRY_DSN": wrong, "TRIVET_REDIS_URL": "redis://127.0.0.1:1"}
        done = subprocess.run(
            [sys.executable, "-m", "bot", "serve"], capture_output=True, text=True, env=environment, cwd=ROOT
        )
        assert done.returncode == 2
        assert "TRIVET_SENTRY_DSN is not an address that Sentry gives out" in done.stderr
        assert OWN not in done.stderr


def test_a_sentry_that_refuses_connections_delays_nobody() -> None:
    with SentrySink() as closed:
        dsn = closed.dsn
    said, seconds = ran(BREAK + "print('work goes on', file=sys.stderr)", dsn)
    assert "work goes on" in said
    assert "Traceback" not in said
    assert "an error could not be reported to Sentry" in said
    assert seconds < SHUTDOWN_SECONDS + 5


def test_a_sentry_that_takes_nothing_from_us_is_named_in_the_log(sink: SentrySink) -> None:
    said, _ = ran(BREAK, sink.dsn.replace("/42", "/43"))
    assert sink.events == []
    assert "an error could not be reported to Sentry" in said
    assert "status_400" in said


def test_a_sentry_that_hangs_holds_a_process_up_for_two_seconds_at_its_end_only() -> None:
    program = """
import time
started = time.monotonic()
for line in range(300):
    try:
        exec("\\n" * line + "1 / 0")
    except ZeroDivisionError as error:
        report_error(error)
print("reporting took", time.monotonic() - started, file=sys.stderr)
"""
    with SentrySink(hangs=True) as sink:
        said, seconds = ran(program, sink.dsn)
        assert sink.begun.is_set()
    [reporting] = [float(line.split()[-1]) for line in said.splitlines() if line.startswith("reporting")]
    assert reporting < 5, "300 events, of which 100 may wait"
    assert "full_queue" in said
    assert seconds < reporting + SHUTDOWN_SECONDS + 5
