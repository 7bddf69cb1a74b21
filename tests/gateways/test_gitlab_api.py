"""Whatever a server on the other side answers: one of our errors in one sentence, in bounded memory, no token lost."""

import socket
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
import responses
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.change import Target
from bot.errors import AccessDenied, Forbidden, NotFound, PlatformError, Refused, Unavailable
from bot.gateways import bounded, http
from bot.gateways.bounded import BoundedAdapter
from bot.gateways.gitlab_api import GitLabApi, merge_request_path
from bot.gateways.http import Broken, TooLarge, reset_after, retry_after, status_error

BASE = "https://gitlab.example.com"
TOKEN = "glpat-" + "x" * 20
SETTING = "TRIVET_GITLAB__READ_TOKEN"
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def api(url: str = BASE) -> GitLabApi:
    return GitLabApi(url, TOKEN, SETTING)


@pytest.fixture
def gitlab() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


def answer(mock: responses.RequestsMock, path: str = "/thing", method: str = "GET", **fields: Any) -> None:
    mock.add(method, f"{BASE}/api/v4{path}", **fields)


# --- statuses


@pytest.mark.parametrize(
    ("status", "kind", "part"),
    [
        (401, AccessDenied, "renew TRIVET_GITLAB__READ_TOKEN"),
        (403, Forbidden, "the token of TRIVET_GITLAB__READ_TOKEN lacks"),
        (404, NotFound, "the token of TRIVET_GITLAB__READ_TOKEN may not see it"),
        (410, NotFound, "the token of TRIVET_GITLAB__READ_TOKEN"),
        (400, Refused, "no such thing"),
        (409, Refused, "no such thing"),
        (422, Refused, "no such thing"),
        (418, PlatformError, "418"),
        (500, Broken, "500"),
        (502, Unavailable, "502"),
        (503, Unavailable, "503"),
        (429, Unavailable, "busy"),
        (408, Unavailable, "408"),
    ],
)
def test_a_status_becomes_one_clear_sentence(
    gitlab: responses.RequestsMock, status: int, kind: type[PlatformError], part: str
) -> None:
    answer(gitlab, status=status, json={"message": "no such thing"})
    with pytest.raises(PlatformError) as raised:
        api().get("/thing", "the thing")
    assert type(raised.value) is kind
    assert part in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_status_that_makes_no_sense_is_said_as_it_is(gitlab: responses.RequestsMock) -> None:
    answer(gitlab, status=304)
    with pytest.raises(PlatformError, match="GitLab answered 304 to the thing"):
        api().get("/thing", "the thing")


def test_a_refusal_keeps_gitlabs_own_words(gitlab: responses.RequestsMock) -> None:
    answer(gitlab, method="POST", status=400, json={"message": {"line_code": ["can't be blank"]}})
    with pytest.raises(Refused) as raised:
        api().post("/thing", "the thing", {})
    assert "line_code" in raised.value.detail


def test_a_server_that_echoes_the_token_does_not_make_us_tell_it(gitlab: responses.RequestsMock) -> None:
    answer(gitlab, status=400, json={"message": f"header PRIVATE-TOKEN: {TOKEN} \x1b[31m is odd"})
    with pytest.raises(Refused) as raised:
        api().get("/thing", "the thing")
    assert TOKEN not in str(raised.value) + raised.value.detail
    assert "\x1b" not in str(raised.value)


def test_nothing_is_asked_twice(gitlab: responses.RequestsMock) -> None:
    answer(gitlab, method="POST", status=502)
    answer(gitlab, method="POST", status=201, json={})
    with pytest.raises(Unavailable):
        api().post("/thing", "the thing", {})
    assert len(gitlab.calls) == 1
    api().post("/thing", "the thing", {})


@pytest.mark.parametrize(
    "fault",
    [
        requests.ConnectionError("refused"),
        requests.ReadTimeout(),
        requests.exceptions.ChunkedEncodingError(),
        requests.exceptions.SSLError("bad certificate"),
    ],
)
def test_no_answer_is_a_passing_fault(gitlab: responses.RequestsMock, fault: Exception) -> None:
    answer(gitlab, body=fault)
    with pytest.raises(Unavailable, match="cannot be reached for the thing"):
        api().get("/thing", "the thing")


# --- how long to wait


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("Sun, 22 Nov 2026 12:00:30 GMT", 30.0),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0.0),
        ("Sun, 22 Nov 2099 11:00:00 GMT", 3600.0),
        ("9" * 15, 3600.0),
        ("9" * 5000, None),
        ("-5", None),
        ("soon", None),
        ("", None),
    ],
)
def test_a_wait_is_what_was_said_and_never_more_than_an_hour(said: str, seconds: float | None) -> None:
    assert retry_after({"Retry-After": said}, NOW) == seconds


@given(st.text(max_size=40))
def test_no_header_breaks_the_waiting(said: str) -> None:
    for wait in (retry_after({"Retry-After": said}, NOW), reset_after({"RateLimit-Reset": said}, NOW)):
        assert wait is None or 0 <= wait <= 3600


def test_the_rate_limits_reset_counts_where_the_limit_is_reached_and_only_there() -> None:
    reset = {"RateLimit-Reset": str(int(time.time()) + 40)}
    words = {"platform": "GitLab", "what": "the thing", "setting": SETTING, "headers": reset}
    busy, broken = status_error(429, **words), status_error(502, **words)  # type: ignore[arg-type]
    assert isinstance(busy, Unavailable)
    assert isinstance(broken, Unavailable)
    assert 30 < (busy.retry_after or 0) <= 40
    assert broken.retry_after is None


# --- where the token goes


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_redirect_is_not_followed_and_says_where_it_leads(
    gitlab: responses.RequestsMock, status: int, method: str
) -> None:
    place = "https://other.example.com/api/v4/thing?private_token=secret"
    answer(gitlab, method=method.upper(), status=status, headers={"Location": place})
    with pytest.raises(PlatformError, match=r"other\.example\.com") as raised:
        getattr(api(), method)("/thing", "the thing")
    assert "TRIVET_GITLAB__URL" in str(raised.value)
    assert "secret" not in str(raised.value)
    assert len(gitlab.calls) == 1


def test_the_token_is_sent_to_gitlab_alone_whatever_link_follows(gitlab: responses.RequestsMock) -> None:
    hostile = '<https://evil.example.com/api/v4/things?page=2>; rel="next"'
    answer(gitlab, "/things", json=[{"id": 1}], headers={"Link": hostile})
    answer(gitlab, "/things", json=[{"id": 2}])
    assert [item["id"] for item in api().pages("/things", "the things")] == [1, 2]
    assert {call.request.url.split("/api/")[0] for call in gitlab.calls} == {BASE}
    assert all(call.request.headers["PRIVATE-TOKEN"] == TOKEN for call in gitlab.calls)


def test_a_project_that_is_known_by_path_only_is_asked_for_by_the_quoted_path() -> None:
    assert merge_request_path(Target("a/b c/d", 7)) == "/projects/a%2Fb%20c%2Fd/merge_requests/7"
    assert merge_request_path(Target("a/b", 7, 42)) == "/projects/42/merge_requests/7"


# --- what is not what it should be


@pytest.mark.parametrize(
    "body", ["<html>Sign in</html>", "", "{", "[" * 200_000, '{"a": NaN}', '"\\ud800"', "\xff"]
)
def test_an_answer_that_is_not_json_points_at_a_proxy(gitlab: responses.RequestsMock, body: str) -> None:
    answer(gitlab, body=body, content_type="text/html")
    with pytest.raises(Unavailable, match="is a proxy in between"):
        api().get("/thing", "the thing")


def test_an_error_page_of_any_form_is_still_that_error(gitlab: responses.RequestsMock) -> None:
    for body in ("<html>", "[" * 60_000, '"message"', "[1]", "7", "{"):
        answer(gitlab, status=503, body=body)
        with pytest.raises(Unavailable):
            api().get("/thing", "the thing")


@pytest.mark.parametrize("body", ['{"message": "hi"}', "null", "[1, 2]", '["a"]', "7"])
def test_a_list_that_is_none_is_said_to_be_none(gitlab: responses.RequestsMock, body: str) -> None:
    answer(gitlab, "/things", body=body)
    with pytest.raises(PlatformError, match="not a list"):
        list(api().pages("/things", "the things"))


def test_writes_may_be_answered_with_nothing(gitlab: responses.RequestsMock) -> None:
    answer(gitlab, method="POST", status=204)
    answer(gitlab, method="DELETE", status=204)
    assert api().post("/thing", "the thing", {}) is None
    api().delete("/thing", "the thing")


# --- pages


def test_a_list_without_end_is_refused_and_not_cut(gitlab: responses.RequestsMock) -> None:
    answer(gitlab, "/things", json=[{"id": 1}], headers={"X-Next-Page": "2"})
    with pytest.raises(PlatformError, match="more than 10,000 items in the things"):
        list(api().pages("/things", "the things"))
    assert len(gitlab.calls) == 100


def paged(items: int, fails: Callable[[int, int], bool]) -> Any:
    """A list of numbered items, whose pages of some sizes fail with 500."""

    def reply(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        size, page = int(request.params["per_page"]), int(request.params["page"])  # type: ignore[attr-defined]
        if fails(size, page):
            return 500, {}, "{}"
        shown = range((page - 1) * size, min(page * size, items))
        following = {"X-Next-Page": str(page + 1)} if page * size < items else {}
        return 200, following, "[" + ",".join(f'{{"id": {number}}}' for number in shown) + "]"

    return reply


@pytest.mark.parametrize("first_failing", [1, 2, 3])
def test_pages_too_large_for_gitlab_are_asked_for_in_fifths_and_none_is_lost(
    gitlab: responses.RequestsMock, first_failing: int
) -> None:
    reply = paged(270, lambda size, page: size > 30 and page >= first_failing)
    gitlab.add_callback("GET", f"{BASE}/api/v4/things", callback=reply)
    assert [item["id"] for item in api().pages("/things", "the things")] == list(range(270))


def test_a_gitlab_that_fails_at_any_size_is_asked_twice_only(gitlab: responses.RequestsMock) -> None:
    gitlab.add_callback("GET", f"{BASE}/api/v4/things", callback=paged(5, lambda size, page: True))
    with pytest.raises(Broken):
        list(api().pages("/things", "the things"))
    assert len(gitlab.calls) == 2


# --- bounds, against a real socket


@contextmanager
def server(reply: Callable[[socket.socket], None]) -> Iterator[str]:
    """Answers every connection by `reply`, after the request's head has come."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.2)
    ended = threading.Event()

    def serve() -> None:
        while not ended.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            with connection:
                connection.settimeout(5)
                connection.recv(65_536)
                try:
                    reply(connection)
                except OSError:
                    continue

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        ended.set()
        thread.join()
        listener.close()


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
MEGABYTE = b"[" + b"0," * 500_000


def endless(connection: socket.socket, head: bytes = HEAD) -> None:
    connection.sendall(head + b"\r\n")
    for _ in range(400):
        connection.sendall(MEGABYTE)


def squeezed(connection: socket.socket) -> None:
    """200 MB in 200 KB."""
    packer = zlib.compressobj(wbits=31)
    body = b"".join([*(packer.compress(MEGABYTE) for _ in range(200)), packer.flush()])
    connection.sendall(HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


@pytest.mark.parametrize("reply", [endless, squeezed])
def test_an_answer_that_does_not_end_is_given_up_in_bounded_memory(reply: Any) -> None:
    with server(reply) as url:
        tracemalloc.start()
        with pytest.raises(TooLarge, match="more than 33,554,432 bytes"):
            api(url).get("/thing", "the thing")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 3 * bounded.MAX_ANSWER


def test_of_an_error_only_the_beginning_is_read() -> None:
    with server(lambda link: endless(link, HEAD.replace(b"200 OK", b"502 Bad"))) as url:
        tracemalloc.start()
        with pytest.raises(Unavailable, match="502"):
            api(url).get("/thing", "the thing")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 5_000_000


def test_a_stream_ends_at_its_limit() -> None:
    with server(endless) as url, pytest.raises(TooLarge):
        for _ in api(url).stream("/thing", "the thing", limit=3_000_000):
            pass


def drip(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    for _ in range(200):
        connection.sendall(b"1\r\n0\r\n")
        time.sleep(0.02)


def test_an_answer_that_comes_too_slowly_is_given_up() -> None:
    with server(drip) as url:
        session = requests.Session()
        session.mount("http://", BoundedAdapter(seconds=0.2))
        began = time.monotonic()
        with pytest.raises(requests.ReadTimeout):
            session.get(url, timeout=5)
        assert time.monotonic() - began < 3


def test_a_connection_cut_in_the_middle_is_a_passing_fault() -> None:
    with server(lambda link: link.sendall(HEAD + b"Content-Length: 100\r\n\r\n[1")) as url:
        with pytest.raises(Unavailable):
            api(url).get("/thing", "the thing")
        with pytest.raises(Unavailable):
            list(api(url).stream("/thing", "the thing", limit=1000))


# --- files


def test_a_file_is_read_with_its_size(gitlab: responses.RequestsMock) -> None:
    answer(gitlab, body=b"abc", headers={"X-Gitlab-Size": "3"})
    assert api().file("/thing", "a file", keep=10) == (3, b"abc")


def test_of_a_large_file_the_size_is_known_and_nothing_is_read(gitlab: responses.RequestsMock) -> None:
    answer(gitlab, body=b"abc", headers={"X-Gitlab-Size": "3000"})
    assert api().file("/thing", "a file", keep=10) == (3000, None)


def test_a_file_that_is_larger_than_said_is_not_kept() -> None:
    with server(endless) as url:
        assert api(url).file("/thing", "a file", keep=1000) == (None, None)


def test_the_table_of_statuses_names_the_setting_for_each_problem_with_the_token() -> None:
    for status in (401, 403, 404, 410):
        assert "{setting}" in http.SENTENCES[status][1]
