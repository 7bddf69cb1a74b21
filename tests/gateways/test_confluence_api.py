"""Whatever a Confluence answers: one of our errors in one sentence, nothing sent twice, no token gone elsewhere."""

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
import requests
import responses
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import AccessDenied, Forbidden, NotFound, PlatformError, Refused, Unavailable
from bot.gateways.confluence_api import ConfluenceApi
from bot.gateways.http import Broken, Conflict

SITE = "https://shop.atlassian.net"
CENTER = "https://docs.example.com/confluence"
CONTEXT_WIKI = "https://docs.example.com/wiki"
GATEWAY = "https://api.atlassian.com/ex/confluence/1f2a-3b"
V2 = f"{SITE}/wiki/api/v2"
TOKEN = "ATATT3x" + "Zq8Rt2vLm4" + "Xc7Wn1Kd9P"
SETTING = "TRIVET_CONFLUENCE__READ_TOKEN"
BURST = {"RateLimit-Reason": "confluence-burst-based", "Retry-After": "1"}


@pytest.fixture
def confluence() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


def api(url: str = SITE, waits: list[float] | None = None, **given: Any) -> ConfluenceApi:
    given = {"email": "bot@shop.example", **given}
    return ConfluenceApi(
        url, token=TOKEN, setting=SETTING, pause=([] if waits is None else waits).append, **given
    )


def answer(mock: responses.RequestsMock, method: str = "GET", path: str = "/thing", **fields: Any) -> None:
    mock.add(method, V2 + path, **fields)


def asked(mock: responses.RequestsMock) -> list[str]:
    return [call.request.url or "" for call in mock.calls]


# --- statuses


@pytest.mark.parametrize(
    ("status", "kind", "part"),
    [
        (400, Refused, "Bad title"),
        (401, AccessDenied, "expired or revoked; renew TRIVET_CONFLUENCE__READ_TOKEN"),
        (403, Forbidden, "the token of TRIVET_CONFLUENCE__READ_TOKEN lacks"),
        (404, NotFound, "does not find the thing"),
        (409, Conflict, "the thing changed in Confluence at the same moment (409)"),
        (410, NotFound, "no longer has the thing"),
        (413, Refused, "too large (413)"),
        (500, Broken, "500"),
        (503, Unavailable, "503"),
        (418, PlatformError, "418"),
    ],
)
def test_a_status_becomes_one_sentence(
    confluence: responses.RequestsMock, status: int, kind: type[PlatformError], part: str
) -> None:
    answer(confluence, "PUT", status=status, json={"errors": [{"status": status, "title": "Bad title"}]})
    with pytest.raises(PlatformError) as raised:
        api().v2.put("/thing", "the thing", {})
    assert type(raised.value) is kind
    assert part in str(raised.value)
    assert "\n" not in str(raised.value)
    assert len(confluence.calls) == 1


@pytest.mark.parametrize(
    ("body", "part"),
    [
        (
            b'{"errors": [{"title": "Bad title", "detail": "too long"}, {"title": "Bad body"}]}',
            "Bad title: too long; Bad body",
        ),
        (
            b'{"statusCode": 400, "message": "com.atlassian.api.BadRequestException: No body", "data": {}}',
            ": No body",
        ),
        (
            b'{"message": "Bad", "data": {"errors": [{"message": {"key": "k", "translation": "No macro"}}]}}',
            "Bad; No macro",
        ),
        (b'{"message": "Bad", "data": {"errors": [{"message": {"key": "no.macro"}}]}}', "Bad; no.macro"),
        (b'{"code": 400, "message": "scope does not match"}', "scope does not match"),
        (b"<html>Bad</html>", "Bad Request"),
        (b"[1, 2]", "Bad Request"),
        (b'{"errors": 7, "data": {"errors": [1]}}', "Bad Request"),
        (b'{"errors": [{"message": "odd"}]}', "Bad Request"),
        (b"[" * 100_000, "Bad Request"),
    ],
)
def test_every_form_of_refusal_is_read(confluence: responses.RequestsMock, body: bytes, part: str) -> None:
    answer(confluence, status=400, body=body)
    with pytest.raises(Refused) as raised:
        api().v2.get("/thing", "the thing")
    assert part in str(raised.value)
    assert "<" not in str(raised.value)
    assert "atlassian" not in str(raised.value)


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ("Version must be incremented on update. Current version is: 7", Conflict),
        (
            "Version must be incremented when updating a page. Current Version: [7]. Provided version: [7]",
            Conflict,
        ),
        ("A page already exists with the title Current version 2 in the space with key DOC", Refused),
        ("Error parsing xhtml: Unexpected close tag </p>; ri:version-at-save", Refused),
    ],
)
def test_a_refusal_that_speaks_of_the_version_is_a_conflict(
    confluence: responses.RequestsMock, told: str, kind: type[PlatformError]
) -> None:
    answer(confluence, "PUT", status=400, json={"errors": [{"title": told}]})
    with pytest.raises(PlatformError) as raised:
        api().v2.put("/thing", "the thing", {})
    assert type(raised.value) is kind


def test_a_server_that_echoes_the_token_does_not_make_us_tell_it(confluence: responses.RequestsMock) -> None:
    answer(confluence, status=400, json={"message": f"Bearer {TOKEN} \x1b[31m is odd"})
    with pytest.raises(Refused) as raised:
        api().v2.get("/thing", "the thing")
    assert TOKEN not in str(raised.value) + raised.value.detail
    assert "\x1b" not in str(raised.value)


@pytest.mark.parametrize("status", [200, 404])
def test_being_taken_for_nobody_is_a_token_that_is_not_accepted(
    confluence: responses.RequestsMock, status: int
) -> None:
    answer(confluence, status=status, json={}, headers={"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"})
    with pytest.raises(AccessDenied, match="renew TRIVET_CONFLUENCE__READ_TOKEN") as raised:
        api().v2.get("/thing", "the thing")
    assert not isinstance(raised.value, Forbidden)


def test_a_token_without_the_scope_is_good_and_may_not_do_this(confluence: responses.RequestsMock) -> None:
    answer(confluence, status=401, json={"code": 401, "message": "Unauthorized; scope does not match"})
    with pytest.raises(
        Forbidden, match="the token of TRIVET_CONFLUENCE__READ_TOKEN lacks the role or the scope"
    ):
        api().v2.get("/thing", "the thing")


def test_a_login_page_is_a_passing_fault(confluence: responses.RequestsMock) -> None:
    answer(confluence, body="<html>Log in</html>")
    with pytest.raises(Unavailable, match="is a proxy or a login page in between"):
        api().v2.get("/thing", "the thing")


# --- how often, and where to


@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE"])
@pytest.mark.parametrize("fault", [{"status": 503}, {"body": requests.ConnectionError("gone")}])
def test_nothing_is_sent_twice(
    confluence: responses.RequestsMock, method: str, fault: dict[str, Any]
) -> None:
    answer(confluence, method, **fault)
    root, thing = api().v2, ("/thing", "the thing")
    verbs: dict[str, Callable[[], Any]] = {
        "GET": lambda: root.get(*thing),
        "PUT": lambda: root.put(*thing, {}),
        "POST": lambda: root.post(*thing, {}),
        "DELETE": lambda: root.delete(*thing),
    }
    with pytest.raises(Unavailable):
        verbs[method]()
    assert len(confluence.calls) == 1


def test_a_redirect_is_not_followed(confluence: responses.RequestsMock) -> None:
    answer(confluence, status=302, headers={"Location": "https://elsewhere.example/login?os=1"})
    with pytest.raises(
        PlatformError, match=r"redirects the thing to https://elsewhere\.example/login: use"
    ) as raised:
        api().v2.get("/thing", "the thing")
    assert "TRIVET_CONFLUENCE__URL" in str(raised.value)
    assert len(confluence.calls) == 1


@pytest.mark.parametrize(
    ("email", "scheme"), [("bot@shop.example", "Basic"), (None, "Bearer"), ("", "Bearer")]
)
def test_an_email_address_makes_it_basic_and_none_bearer(
    confluence: responses.RequestsMock, email: str | None, scheme: str
) -> None:
    answer(confluence, json={})
    api(email=email).v2.get("/thing", "the thing")
    assert confluence.calls[0].request.headers["Authorization"].split()[0] == scheme


def test_a_request_has_time_limits_and_speaks_json(confluence: responses.RequestsMock) -> None:
    answer(confluence, "POST", json={}, match=[responses.matchers.json_params_matcher({"a": "ü"})])
    api().v2.post("/thing", "the thing", {"a": "ü"})
    request: Any = confluence.calls[0].request
    assert request.req_kwargs["timeout"] == (5.0, 20.0)
    assert request.headers["Content-Type"] == "application/json"


def test_nothing_that_is_sent_or_answered_is_logged(
    confluence: responses.RequestsMock, caplog: pytest.LogCaptureFixture
) -> None:
    answer(confluence, "PUT", json={"body": "an answered secret"})
    with caplog.at_level(logging.DEBUG):
        api().v2.put("/thing", "the thing", {"body": "a sent secret"})
    assert "secret" not in caplog.text
    assert TOKEN not in caplog.text


# --- limits


def test_a_burst_limit_is_waited_out_once(confluence: responses.RequestsMock) -> None:
    waits: list[float] = []
    answer(confluence, "POST", status=429, headers=BURST)
    answer(confluence, "POST", json={"id": 1})
    assert api(waits=waits).v2.post("/thing", "the thing", {}) == {"id": 1}
    assert waits == [1.0]


def test_a_limit_with_a_date_puts_the_job_back_until_then(confluence: responses.RequestsMock) -> None:
    waits: list[float] = []
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=600), usegmt=True)
    answer(confluence, status=429, headers={"Retry-After": until})
    with pytest.raises(Unavailable) as raised:
        api(waits=waits).v2.get("/thing", "the thing")
    assert raised.value.retry_after == pytest.approx(600, abs=5)
    assert (waits, len(confluence.calls)) == ([], 1)


# --- deployments and addresses


@pytest.mark.parametrize("url", [SITE, f"{SITE}/wiki", f"{SITE}/wiki/", GATEWAY, f"{GATEWAY}/wiki"])
def test_a_cloud_host_is_known_without_asking_and_has_two_roots(
    confluence: responses.RequestsMock, url: str
) -> None:
    host = GATEWAY if url.startswith(GATEWAY) else SITE
    confluence.get(f"{host}/wiki/api/v2/thing", json={})
    confluence.get(f"{host}/wiki/rest/api/thing", json={})
    one = api(url)
    assert one.is_cloud
    assert (one.v2.get("/thing", "the thing"), one.v1.get("/thing", "the thing")) == ({}, {})


@pytest.mark.parametrize(
    ("found", "is_cloud"),
    [
        ({"json": {"results": []}}, True),
        ({"status": 404, "body": "<html>"}, False),
        ({"status": 404, "json": {}}, False),
        ({"body": "<html>Log in</html>", "content_type": "text/html"}, False),
        ({"status": 302, "headers": {"Location": "/login.action"}}, False),
    ],
)
def test_a_host_of_ones_own_is_asked_once_whether_it_has_version_2(
    confluence: responses.RequestsMock, found: dict[str, Any], is_cloud: bool
) -> None:
    confluence.get(f"{CENTER}/wiki/api/v2/spaces", **found)
    one = api(CENTER)
    assert (one.is_cloud, one.is_cloud) == (is_cloud, is_cloud)
    assert len(confluence.calls) == 1


@pytest.mark.parametrize(("status", "kind"), [(401, AccessDenied), (503, Unavailable), (403, Forbidden)])
def test_who_cannot_tell_does_not_guess_and_asks_again(
    confluence: responses.RequestsMock, status: int, kind: type[PlatformError]
) -> None:
    confluence.get(f"{CENTER}/wiki/api/v2/spaces", status=status)
    confluence.get(f"{CENTER}/wiki/api/v2/spaces", json={"results": []})
    one = api(CENTER)
    with pytest.raises(kind):
        _ = one.is_cloud
    assert one.is_cloud


@pytest.mark.parametrize(
    ("url", "deployment", "root"),
    [
        (CENTER, "datacenter", f"{CENTER}/rest/api"),
        (CONTEXT_WIKI, "datacenter", f"{CONTEXT_WIKI}/rest/api"),
        (CENTER, "cloud", f"{CENTER}/wiki/rest/api"),
        (CONTEXT_WIKI, "cloud", f"{CONTEXT_WIKI}/rest/api"),
    ],
)
def test_a_deployment_that_is_set_is_not_asked_for(
    confluence: responses.RequestsMock, url: str, deployment: Any, root: str
) -> None:
    confluence.get(f"{root}/thing", json=[])
    assert api(url, deployment=deployment).v1.get("/thing", "the thing") == []


@pytest.mark.parametrize(
    ("url", "given", "address"),
    [
        (SITE, {}, f"{SITE}/wiki/spaces/DOC/pages/7"),
        (f"{CENTER}/", {"deployment": "datacenter"}, f"{CENTER}/spaces/DOC/pages/7"),
        (GATEWAY, {"browse_url": SITE}, f"{SITE}/wiki/spaces/DOC/pages/7"),
        (GATEWAY, {"browse_url": f"{SITE}/wiki/"}, f"{SITE}/wiki/spaces/DOC/pages/7"),
        (
            CENTER,
            {"deployment": "datacenter", "browse_url": "https://docs/c/"},
            "https://docs/c/spaces/DOC/pages/7",
        ),
    ],
)
def test_people_open_a_page_on_the_site(url: str, given: dict[str, Any], address: str) -> None:
    assert api(url, **given).address("/spaces/DOC/pages/7") == address


def test_behind_the_gateway_the_site_says_its_own_address(confluence: responses.RequestsMock) -> None:
    told = {"results": [], "_links": {"base": f"{SITE}/wiki"}}
    confluence.get(f"{GATEWAY}/wiki/api/v2/spaces", json=told)
    assert api(GATEWAY).address("/x/7") == f"{SITE}/wiki/x/7"


@pytest.mark.parametrize("base", ["", f"{GATEWAY}/wiki", "javascript:alert(1)"])
def test_a_gateway_that_tells_no_site_asks_for_the_setting(
    confluence: responses.RequestsMock, base: str
) -> None:
    confluence.get(f"{GATEWAY}/wiki/api/v2/spaces", json={"results": [], "_links": {"base": base}})
    with pytest.raises(PlatformError, match="set TRIVET_CONFLUENCE__BROWSE_URL"):
        api(GATEWAY).address("/x/7")


# --- lists


def pages(mock: responses.RequestsMock, total: int, size: int, by: str, address: str = f"{V2}/list") -> None:
    """A list of `total` numbers, `size` of them a page, that goes on by a cursor or a number.

    The next page's address is that of another host, as behind the gateway.
    """

    def page(request: Any) -> tuple[int, dict[str, str], bytes]:
        at = int(request.params.get(by, "0").removeprefix("c"))
        assert request.params["colour"] == "red"
        links = (
            {"next": f"/elsewhere?limit={size}&{by}={'c' * (by == 'cursor')}{at + size}"}
            if at + size < total
            else {}
        )
        results = [{"id": str(one)} for one in range(at, min(at + size, total))]
        return 200, {}, orjson.dumps({"results": results, "_links": links})

    mock.add_callback("GET", address, page)


@pytest.mark.parametrize("by", ["cursor", "start"])
@pytest.mark.parametrize(("total", "size"), [(0, 100), (1, 100), (250, 100), (250, 50), (100, 100)])
def test_a_list_is_read_to_its_end_below_our_own_address(
    confluence: responses.RequestsMock, total: int, size: int, by: str
) -> None:
    pages(confluence, total, size, by)
    found = api().v2.listed("/list", "the list", 1_000, colour="red")
    assert [one["id"] for one in found] == [str(number) for number in range(total)]
    assert {url.partition("?")[0] for url in asked(confluence)} == {f"{V2}/list"}


def test_what_the_next_page_asks_for_twice_is_asked_for_twice(confluence: responses.RequestsMock) -> None:
    following = "/elsewhere?status=current&status=archived&cursor=c1"
    answer(confluence, path="/list", json={"results": [{"id": "1"}], "_links": {"next": following}})
    answer(confluence, path="/list", json={"results": [{"id": "2"}], "_links": {}})
    found = api().v2.listed("/list", "the list", 1_000, status=["current", "archived"])
    assert [one["id"] for one in found] == ["1", "2"]
    for url in asked(confluence):
        assert parse_qs(urlsplit(url).query)["status"] == ["current", "archived"]


def test_of_a_long_list_no_more_is_read_than_asked_for(confluence: responses.RequestsMock) -> None:
    pages(confluence, 10_000, 100, "cursor")
    found = api().v2.listed("/list", "the list", 250, colour="red")
    assert (len(found), len(confluence.calls)) == (250, 3)


@pytest.mark.parametrize(
    "following", ["/elsewhere", "/elsewhere?limit=100", "https://elsewhere.example/list?cursor=same"]
)
def test_a_list_that_goes_round_in_circles_is_given_up(
    confluence: responses.RequestsMock, following: str
) -> None:
    answer(confluence, path="/list", json={"results": [{"id": "1"}], "_links": {"next": following}})
    with pytest.raises(PlatformError, match="does not come to an end"):
        api().v2.listed("/list", "the list", 1_000)
    assert len(confluence.calls) <= 2
    assert all(url.startswith(f"{V2}/list") for url in asked(confluence))


def test_a_list_of_empty_pages_is_given_up(confluence: responses.RequestsMock) -> None:
    def page(request: Any) -> tuple[int, dict[str, str], bytes]:
        at = int(request.params.get("start", "0"))
        return 200, {}, orjson.dumps({"results": [], "_links": {"next": f"/list?start={at + 1}"}})

    confluence.add_callback("GET", f"{V2}/list", page)
    with pytest.raises(PlatformError, match="does not come to an end"):
        api().v2.listed("/list", "the list", 1_000)
    assert len(confluence.calls) == 100


@pytest.mark.parametrize(
    "body", ["[]", '{"results": 1}', '{"results": [1]}', "{}", '{"results": [], "_links": 7}']
)
def test_what_is_no_list_is_said(confluence: responses.RequestsMock, body: str) -> None:
    answer(confluence, path="/list", body=body)
    with pytest.raises(PlatformError, match="Confluence answered the list in a form we do not know"):
        api().v2.listed("/list", "the list", 10)


TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["errors", "message", "data", "title", "detail", "key"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(TREES)
def test_no_refusal_is_too_odd_to_be_told(said: Any) -> None:
    with responses.RequestsMock() as mock:
        answer(mock, status=400, body=orjson.dumps(said))
        with pytest.raises(PlatformError) as raised:
            api().v2.get("/thing", "the thing")
    assert str(raised.value).isprintable()
