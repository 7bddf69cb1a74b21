"""Log lines as a collector and as a person see them. Each test logs in a process of its own: logging is global."""

import base64
import json
import subprocess
import sys
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot import __version__
from bot.domain.secrets import Redactor
from bot.entry.cli.edge import complain, outcome
from bot.entry.logs import ECS, OWN, Unfailing, _ecs, _encoded, _mended, _redacted

CANARY = "c4n4ry/" + "Zq8Rt2vLm4Xc7W"
PREAMBLE = f"""
import sys, asyncio, logging, threading, warnings, structlog
from structlog.contextvars import bound_contextvars
from bot.domain.secrets import Redactor
from bot.entry.logs import start_logging
canary = {CANARY!r}
start_logging(sys.argv[1], Redactor([canary]).redact, role="agents")
log = structlog.get_logger("trivet.test")
"""
# What the Elastic Common Schema 8.11 says of the fields we fill in that are not ours
SCHEMA = {
    "@timestamp": str,
    "message": str,
    "ecs.version": str,
    "error.message": str,
    "error.stack_trace": str,
    "error.type": str,
    "event.duration": int,
    "event.reason": str,
    "http.response.status_code": int,
    "log.level": str,
    "log.logger": str,
    "process.exit_code": int,
    "process.pid": int,
    "process.thread.name": str,
    "service.name": str,
    "service.node.roles": list,
    "service.version": str,
}


def logged(form: str, program: str, code: int = 0) -> list[str]:
    command = [sys.executable, "-c", PREAMBLE + program, form]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    return done.stderr.splitlines()


def as_objects(lines: list[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in lines]


def fields(**event: object) -> dict[str, object]:
    """One line as a collector reads it."""
    found: dict[str, object] = json.loads(
        _encoded(_ecs("trivet.test", {}, {"level": "info", "event": "said"} | event))
    )
    return found


# --- for machines ---


def test_a_line_says_when_how_bad_what_and_who() -> None:
    (line,) = as_objects(logged("json", "log.warning('put back', run='r1')"))
    assert list(line)[:3] == ["@timestamp", "log.level", "message"]
    assert (line["log.level"], line["message"], line["log.logger"]) == ("warning", "put back", "trivet.test")
    assert (line["service.name"], line["service.version"]) == ("trivet", __version__)
    assert (line["service.node.roles"], line["trivet.run"]) == (["agents"], "r1")
    assert isinstance(line["process.pid"], int)


def test_what_the_schema_has_a_name_for_stands_under_it_in_its_unit() -> None:
    line = fields(code=202, reason="a run is queued", ms=0.48)
    assert (line["http.response.status_code"], line["event.reason"]) == (202, "a run is queued")
    assert line["event.duration"] == 480_000
    assert fields(seconds=1.25)["event.duration"] == 1_250_000_000
    assert fields(exit_code=-9)["process.exit_code"] == -9


def test_what_a_line_does_not_know_is_left_out() -> None:
    assert set(fields(project="", run=None, count=0)) - set(SCHEMA) == {"trivet.count"}


keywords = st.from_regex(r"[a-z]{1,8}(_[a-z]{1,8})?", fullmatch=True) | st.sampled_from(
    [
        "source",
        "error",
        "url",
        "host",
        "agent",
        "process",
        "event_",
        "service",
        "log",
        "user",
        "file",
        "thread",
    ]
)


@settings(max_examples=100)
@given(st.dictionaries(keywords.filter(lambda name: name not in ("event", "level")), st.just(7)))
def test_no_keyword_meets_an_object_of_the_schema(event: dict[str, object]) -> None:
    """Elasticsearch refuses a document in which a field is a value here and holds other fields there."""
    names = set(fields(**event)) | set(SCHEMA)
    assert not [name for name in names if any(other.startswith(f"{name}.") for other in names)]
    assert all(name in SCHEMA or name.startswith(OWN) for name in names)


def test_every_name_in_the_table_is_one_of_the_schema() -> None:
    assert {name for name, _ in ECS.values()} <= set(SCHEMA)


def test_values_have_the_type_of_the_schema() -> None:
    program = (
        "try:\n    1 / 0\nexcept ZeroDivisionError:\n"
        "    log.exception('broke', code=500, exit_code=3, ms=1.5, reason='it did', thread='lease')"
    )
    (line,) = as_objects(logged("json", program))
    assert {name: type(value) for name, value in line.items()} == SCHEMA


@settings(max_examples=60)
@given(st.text(st.characters(), max_size=30), st.integers() | st.floats() | st.binary() | st.none())
def test_any_value_gives_one_line_of_ascii(text: str, value: object) -> None:
    """Lone surrogates, numbers over 64 bits, NaN, bytes: other people choose what is logged."""
    line = _encoded(_ecs("trivet.test", {}, {"level": "info", "event": text, "value": value}))
    assert line.isascii()
    assert "\n" not in line
    assert json.loads(line)["message"] == text


def test_an_exception_stays_one_line_with_its_type_message_and_trace() -> None:
    program = "try:\n    1 / 0\nexcept ZeroDivisionError:\n    log.exception('broke', run='r1')"
    (line,) = as_objects(logged("json", program))
    assert (line["error.type"], line["error.message"]) == ("ZeroDivisionError", "division by zero")
    assert str(line["error.stack_trace"]).startswith("Traceback")
    assert (line["log.level"], line["trivet.run"]) == ("error", "r1")


def test_an_error_that_cannot_say_itself_is_logged_all_the_same() -> None:
    program = """
class Mute(Exception):
    def __str__(self):
        raise RuntimeError
log.error("broke", exc_info=Mute())
"""
    (line,) = as_objects(logged("json", program))
    assert line["error.type"] == "Mute"


# --- what others say ---


def test_a_librarys_chatter_is_left_out_and_its_warnings_are_named() -> None:
    program = """
lib = logging.getLogger("lib")
lib.setLevel(10)
lib.info("chat")
lib.warning("odd")
lib.log(35, "a level of its own")
"""
    lines = as_objects(logged("json", program))
    assert [(line["message"], line["log.level"]) for line in lines] == [
        ("odd", "warning"),
        ("a level of its own", "warning"),
    ]
    assert {line["log.logger"] for line in lines} == {"lib"}


def test_a_librarys_message_whose_arguments_do_not_fit_is_told_with_them() -> None:
    (line,) = as_objects(logged("json", "logging.getLogger('lib').warning('%d left', 'none')"))
    assert line["message"] == "%d left ('none',)"


NOBODY_CATCHES = {
    "a process": ("raise ValueError(canary)", 1),
    "a thread": (
        "def f():\n    raise ValueError(canary)\nt = threading.Thread(target=f)\nt.start()\nt.join()",
        0,
    ),
    "a finalizer": ("class C:\n    def __del__(self):\n        raise ValueError(canary)\nC()", 0),
    "an asyncio task": (
        "async def f():\n    raise ValueError(canary)\n"
        "async def main():\n    task = asyncio.ensure_future(f())\n    await asyncio.sleep(0.01)\n    del task\n"
        "    import gc; gc.collect()\nasyncio.run(main())",
        0,
    ),
    "a callback of a loop": (
        "def f():\n    raise ValueError(canary)\n"
        "async def main():\n    asyncio.get_running_loop().call_soon(f)\n    await asyncio.sleep(0.01)\n"
        "asyncio.run(main())",
        0,
    ),
}


@pytest.mark.parametrize("where", NOBODY_CATCHES)
def test_what_nobody_caught_is_one_redacted_line(where: str) -> None:
    program, code = NOBODY_CATCHES[where]
    (line,) = as_objects(logged("json", program, code))
    assert (line["error.type"], line["log.level"] in ("error", "critical")) == ("ValueError", True)
    assert CANARY not in json.dumps(line)
    assert "<REDACTED:own:" in str(line["error.message"])


def test_a_thread_that_ends_by_itself_is_no_error() -> None:
    assert logged("json", "t = threading.Thread(target=sys.exit)\nt.start()\nt.join()") == []


# --- the run a line belongs to ---


RUN = """
from bot.entry.side_by_side import side_by_side
lib = logging.getLogger("lib")
async def task():
    lib.warning("in a task")
    await asyncio.to_thread(lib.warning, "in a thread of the loop")
async def main():
    await asyncio.gather(task())
with bound_contextvars(run="r1"):
    log.info("at once")
    asyncio.run(main())
    list(side_by_side(lambda n: lib.warning("side by side"), [1, 2], 2))
log.info("after")
"""


def test_every_line_of_a_run_names_it_in_tasks_and_threads_and_from_libraries() -> None:
    lines = as_objects(logged("json", RUN))
    said = [line["message"] for line in lines if line.get("trivet.run") == "r1"]
    assert said == ["at once", "in a task", "in a thread of the loop", "side by side", "side by side"]
    assert [line["message"] for line in lines if "trivet.run" not in line] == ["after"]


# --- redaction is the last step ---


LEAKS = """
import base64
from urllib.parse import quote
log.info("plain", token=canary, nested={"deep": [canary]})
log.info(f"in the message: {canary}")
log.info("encoded", basic=base64.b64encode(b"oauth2:" + canary.encode()).decode(), url=quote(canary, safe=""))
try:
    raise ValueError(f"refused {canary}")
except ValueError:
    log.exception("broke")
    logging.getLogger("a.library").exception("a library says %s", canary)
    logging.getLogger("a.library").error("%d", canary)
warnings.warn(f"deprecated: {canary}")
"""


@pytest.mark.parametrize("form", ["json", "human"])
def test_no_form_of_a_secret_reaches_a_line(form: str) -> None:
    said = "\n".join(logged(form, LEAKS))
    encoded = base64.b64encode(b"oauth2:" + CANARY.encode()).decode()
    assert not [shape for shape in (CANARY, encoded[10:], quote(CANARY, safe="")) if shape in said]
    assert said.count("<REDACTED:own:") >= 7


secrets = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=8, max_size=30)


@settings(max_examples=60)
@given(secrets, st.text(max_size=20), st.text(max_size=20))
def test_a_redacted_line_is_json_whatever_the_secret_looks_like(secret: str, before: str, after: str) -> None:
    line = _encoded(
        _ecs("trivet.test", {}, {"level": "info", "event": before + secret + after, "rest": after})
    )
    safe = json.loads(_redacted(Redactor([secret]).redact, _mended)(None, "info", line))
    assert safe["log.level"] == "info"


hard_secrets = st.text(st.sampled_from('"\\/\n\té☃😀aZ9'), min_size=12, max_size=30)


@settings(max_examples=60)
@given(hard_secrets)
def test_a_secret_is_found_across_the_escapes_of_json(secret: str) -> None:
    """Quotes, backslashes, newlines and what is not ASCII stand in a line as escapes."""
    line = _encoded(_ecs("trivet.test", {}, {"level": "info", "event": "said", "value": f"<{secret}>"}))
    safe = _redacted(Redactor([secret]).redact, _mended)(None, "info", line)
    assert secret not in str(json.loads(safe).get("trivet.value", ""))
    assert "<REDACTED:own:" in safe


def test_a_secret_that_reaches_across_quotes_leaves_json_behind() -> None:
    line = '{"@timestamp":"t","log.level":"info","a":"begin","b":"end"}'
    safe = _redacted(lambda text: text.replace('begin","b":"end', "<REDACTED>"), _mended)(None, "info", line)
    assert json.loads(safe)["@timestamp"] == "t"
    assert "begin" not in safe
    broken = _redacted(lambda text: text.replace('"begin","b"', "<REDACTED>"), _mended)(None, "info", line)
    assert json.loads(broken)["log.level"] == "info"
    assert "begin" not in broken


# --- what a command says ---


@pytest.mark.parametrize("form", ["json", "human"])
def test_a_command_that_fails_tells_no_secret(
    form: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise ValueError(f"refused {CANARY}")

    monkeypatch.setenv("TRIVET_GITLAB__TOKEN", CANARY)
    monkeypatch.setenv("TRIVET_LOG_FORMAT", form)
    monkeypatch.setenv("TRIVET_DEBUG", "1")
    assert outcome(broken) == 3
    said = capsys.readouterr().err
    assert CANARY not in said
    assert said.count("<REDACTED:own:") == 2
    assert ("Traceback" in said, "internal error: ValueError: refused" in said) == (True, True)


def test_a_commands_sentence_is_a_line_like_all_others_where_logs_are_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRIVET_LOG_FORMAT", "json")
    assert complain('the "rules" file is gone', 2) == 2
    line = json.loads(capsys.readouterr().err)
    assert (line["message"], line["log.level"]) == ('the "rules" file is gone', "error")
    assert line["service.name"] == "trivet"


def test_work_goes_on_when_nobody_reads_the_log_any_more() -> None:
    class Gone:
        def write(self, text: str) -> None:
            raise BrokenPipeError

        def flush(self) -> None:
            raise ValueError("I/O operation on closed file")

    stream = Unfailing(Gone())  # type: ignore[arg-type]
    stream.write("a line")
    stream.flush()
