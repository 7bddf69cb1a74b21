"""Log lines as a collector and as a person see them. Each test logs in a process of its own: logging is global."""

import base64
import json
import subprocess
import sys
from urllib.parse import quote

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.secrets import Redactor
from bot.entry.logs import Unfailing, _mended, _redacted

CANARY = "c4n4ry/" + "Zq8Rt2vLm4Xc7W"
PREAMBLE = f"""
import sys, logging, warnings, structlog
from bot.domain.secrets import Redactor
from bot.entry.logs import start_logging
canary = {CANARY!r}
start_logging(sys.argv[1], Redactor([canary]).redact)
log = structlog.get_logger("trivet.test")
"""


def logged(form: str, program: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", PREAMBLE + program, form],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == ""
    return done.stderr.splitlines()


def as_objects(lines: list[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in lines]


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
warnings.warn(f"deprecated: {canary}")
"""


def test_every_line_is_a_json_object_with_time_level_and_message() -> None:
    objects = as_objects(logged("json", LEAKS))
    assert len(objects) == 6
    for line in objects:
        assert {"@timestamp", "log.level", "message"} <= set(line)
    assert [line["log.level"] for line in objects] == ["info", "info", "info", "error", "error", "warning"]


def test_no_form_of_a_secret_reaches_a_line() -> None:
    encoded = base64.b64encode(b"oauth2:" + CANARY.encode()).decode()
    for form in ("json", "human"):
        said = "\n".join(logged(form, LEAKS))
        for shape in (CANARY, encoded[10:], quote(CANARY, safe="")):
            assert shape not in said
        assert said.count("<REDACTED:own:") >= 6


def test_an_exception_stays_one_line_of_json_with_its_traceback() -> None:
    (line,) = as_objects(
        logged("json", "try:\n    1 / 0\nexcept ZeroDivisionError:\n    log.exception('broke', run='r1')")
    )
    assert "ZeroDivisionError" in str(line["exception"])
    assert line["run"] == "r1"


def test_a_librarys_chatter_is_left_out_and_its_warnings_are_named() -> None:
    (line,) = as_objects(
        logged(
            "json", "lib = logging.getLogger('lib'); lib.setLevel(10); lib.info('chat'); lib.warning('odd')"
        )
    )
    assert (line["message"], line["logger"]) == ("odd", "lib")


def test_text_of_others_forges_no_line_and_moves_no_cursor() -> None:
    program = "log.info('heard', text='hello\\n12:00:00 [info] all is well', title='red\\x1b[31m')"
    assert len(logged("json", program)) == 1
    (line,) = logged("human", program)
    assert "\x1b" not in line


def test_a_person_reads_time_level_and_message_first() -> None:
    (line,) = logged("human", "log.warning('put back', seconds=2.0)")
    clock, level, *rest = line.split()
    assert len(clock) == 8
    assert level == "[warning"
    assert rest[1:] == ["put", "back", "seconds=2.0"]


def test_work_goes_on_when_nobody_reads_the_log_any_more() -> None:
    class Gone:
        def write(self, text: str) -> None:
            raise BrokenPipeError

        def flush(self) -> None:
            raise ValueError("I/O operation on closed file")

    stream = Unfailing(Gone())  # type: ignore[arg-type]
    stream.write("a line")
    stream.flush()


secrets = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=8, max_size=30)


@settings(max_examples=60)
@given(secrets, st.text(max_size=20), st.text(max_size=20))
def test_a_redacted_line_is_json_whatever_the_secret_looks_like(secret: str, before: str, after: str) -> None:
    line = json.dumps(
        {"@timestamp": "t", "log.level": "info", "message": before + secret + after, "n": after}
    )
    safe = _redacted(Redactor([secret]).redact, _mended)(None, "info", line)
    assert isinstance(json.loads(safe), dict)


def test_a_secret_that_reaches_across_quotes_leaves_json_behind() -> None:
    line = '{"@timestamp": "t", "log.level": "info", "a": "begin", "b": "end"}'
    safe = _redacted(lambda text: text.replace('begin", "b": "end', "<REDACTED>"), _mended)(
        None, "info", line
    )
    assert json.loads(safe)["@timestamp"] == "t"
    assert "begin" not in safe
    broken = _redacted(lambda text: text.replace('"begin", "b"', "<REDACTED>"), _mended)(None, "info", line)
    assert json.loads(broken)["log.level"] == "info"
    assert "begin" not in broken
