"""Whatever a Jira answers: one of our errors in one sentence; nothing is sent twice, the token goes nowhere else."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
import responses
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import AccessDenied, Forbidden, NotFound, PlatformError, Refused, Unavailable
from bot.gateways.http import Broken, busy_for, reset_at
from bot.gateways.jira_api import JiraApi

SITE = "https://shop.atlassian.net"
CENTER = "https://jira.example.com/jira"
GATEWAY = "https://api.atlassian.com/ex/jira/1f2a-3b"
TOKEN = "ATATT3x" + "Zq8Rt2vLm4" + "Xc7Wn1Kd9P"
SETTING = "TRIVET_JIRA__READ_TOKEN"
BURST = {"RateLimit-Reason": "jira-burst-based", "Retry-After": "1"}


class Clock:
    """Notes the waits that somebody was asked for."""

    def __init__(self) -> None:
        self.waits: list[float] = []


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def jira() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


def api(url: str = SITE, clock: Clock | None = None, **given: Any) -> JiraApi:
    given = {"email": "bot@shop.example", **given}
    pause = (clock or Clock()).waits.append
    return JiraApi(url, token=TOKEN, setting=SETTING, pause=pause, **given)


def answer(mock: responses.RequestsMock, method: str = "GET", path: str = "/thing", **fields: Any) -> None:
    mock.add(method, f"{SITE}/rest/api/3{path}", **fields)


# --- statuses


@pytest.mark.parametrize(
    ("status", "kind", "part"),
    [
        (400, Refused, "priority: is not valid"),
        (401, AccessDenied, "expired or revoked; renew TRIVET_JIRA__READ_TOKEN"),
        (403, Forbidden, "the token of TRIVET_JIRA__READ_TOKEN lacks"),
        (404, NotFound, "does not find the thing"),
        (409, Unavailable, "will be tried again"),
        (410, NotFound, "no longer has the thing"),
        (413, Refused, "takes no more for the thing"),
        (500, Broken, "500"),
        (503, Unavailable, "503"),
        (418, PlatformError, "418"),
    ],
)
def test_a_status_becomes_one_sentence(
    jira: responses.RequestsMock, status: int, kind: type[PlatformError], part: str
) -> None:
    body = {"errorMessages": ["No way."], "errors": {"priority": "is not valid"}}
    answer(jira, "PUT", status=status, json=body)
    with pytest.raises(PlatformError) as raised:
        api().put("/thing", "the thing", {})
    assert type(raised.value) is kind
    assert part in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("body", "part"),
    [
        (b'{"errorMessages": ["One.", "Two."], "errors": {}}', "One.; Two."),
        (b'{"message": "null for uri"}', "null for uri"),
        (b"<html>Basic Authentication Failure</html>", "Bad Request"),
        (b"[1, 2]", "Bad Request"),
        (b'"message"', "Bad Request"),
        (b'{"errorMessages": 7, "errors": [], "message": {"a": 1}}', "{'a': 1}"),
        (b"[" * 100_000, "Bad Request"),
    ],
)
def test_every_form_of_refusal_is_read(jira: responses.RequestsMock, body: bytes, part: str) -> None:
    answer(jira, status=400, body=body)
    with pytest.raises(Refused) as raised:
        api().get("/thing", "the thing")
    assert part in str(raised.value)
    assert "<" not in str(raised.value)


def test_a_server_that_echoes_the_token_does_not_make_us_tell_it(jira: responses.RequestsMock) -> None:
    answer(jira, status=400, json={"errorMessages": [f"Bearer {TOKEN} \x1b[31m is odd"]})
    with pytest.raises(Refused) as raised:
        api().get("/thing", "the thing")
    assert TOKEN not in str(raised.value) + raised.value.detail
    assert "\x1b" not in str(raised.value)


@pytest.mark.parametrize("status", [200, 404])
def test_being_taken_for_nobody_is_a_token_that_is_not_accepted(
    jira: responses.RequestsMock, status: int
) -> None:
    answer(jira, status=status, json={}, headers={"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"})
    with pytest.raises(AccessDenied, match="renew TRIVET_JIRA__READ_TOKEN") as raised:
        api().get("/thing", "the thing")
    assert not isinstance(raised.value, Forbidden)


def test_a_login_page_is_a_passing_fault(jira: responses.RequestsMock) -> None:
    answer(jira, body="<html>Log in</html>")
    with pytest.raises(Unavailable, match="is a proxy or a login page in between"):
        api().get("/thing", "the thing")


# --- how often, and where to


@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE"])
@pytest.mark.parametrize("fault", [{"status": 503}, {"body": requests.ConnectionError("gone")}])
def test_nothing_is_sent_twice(jira: responses.RequestsMock, method: str, fault: dict[str, Any]) -> None:
    answer(jira, method, **fault)
    one, thing = api(), ("/thing", "the thing")
    asked: dict[str, Callable[[], Any]] = {
        "GET": lambda: one.get(*thing),
        "PUT": lambda: one.put(*thing, {}),
        "POST": lambda: one.post(*thing, {}),
        "DELETE": lambda: one.delete(*thing),
    }
    with pytest.raises(Unavailable):
        asked[method]()
    assert len(jira.calls) == 1


def test_a_redirect_is_not_followed(jira: responses.RequestsMock) -> None:
    answer(jira, status=302, headers={"Location": "https://elsewhere.example/login?os=1"})
    with pytest.raises(PlatformError, match=r"redirects the thing to https://elsewhere\.example/login: use"):
        api().get("/thing", "the thing")
    assert len(jira.calls) == 1


def test_an_email_address_makes_it_basic_and_none_bearer(jira: responses.RequestsMock) -> None:
    answer(jira, json={})
    api().get("/thing", "the thing")
    api(email=None).get("/thing", "the thing")
    sent = [call.request.headers["Authorization"].split()[0] for call in jira.calls]
    assert sent == ["Basic", "Bearer"]


def test_a_request_has_time_limits_and_speaks_json(jira: responses.RequestsMock) -> None:
    answer(jira, "POST", json={}, match=[responses.matchers.json_params_matcher({"a": "ü"})])
    api().post("/thing", "the thing", {"a": "ü"})
    request: Any = jira.calls[0].request
    assert request.req_kwargs["timeout"] == (5.0, 20.0)
    assert request.headers["Content-Type"] == "application/json"


# --- limits


def test_a_burst_limit_is_waited_out_once(jira: responses.RequestsMock, clock: Clock) -> None:
    answer(jira, "POST", status=429, headers=BURST)
    answer(jira, "POST", json={"id": 1})
    assert api(clock=clock).post("/thing", "the thing", {}) == {"id": 1}
    assert clock.waits == [1.0]


def test_a_limit_per_issue_that_stays_puts_the_job_back(jira: responses.RequestsMock, clock: Clock) -> None:
    answer(
        jira, "PUT", status=429, headers={"RateLimit-Reason": "jira-per-issue-on-write", "Retry-After": "2"}
    )
    with pytest.raises(Unavailable) as raised:
        api(clock=clock).put("/thing", "the thing", {})
    assert (clock.waits, raised.value.retry_after, len(jira.calls)) == ([2.0], 2.0, 2)


def test_a_spent_quota_is_not_waited_for(jira: responses.RequestsMock, clock: Clock) -> None:
    headers = {"RateLimit-Reason": "jira-quota-tenant-based", "Retry-After": "1"}
    answer(jira, status=429, headers=headers)
    with pytest.raises(Unavailable) as raised:
        api(clock=clock).get("/thing", "the thing")
    assert (clock.waits, raised.value.retry_after, len(jira.calls)) == ([], 1.0, 1)


def test_a_long_wait_puts_the_job_back_at_once(jira: responses.RequestsMock, clock: Clock) -> None:
    reset = datetime.now(UTC) + timedelta(seconds=600)
    answer(jira, status=429, headers={"X-RateLimit-Reset": reset.strftime("%Y-%m-%dT%H:%M:%SZ")})
    with pytest.raises(Unavailable) as raised:
        api(clock=clock).get("/thing", "the thing")
    assert clock.waits == []
    assert raised.value.retry_after == pytest.approx(600, abs=5)


def test_waits_add_up_to_a_few_seconds_a_minute(jira: responses.RequestsMock, clock: Clock) -> None:
    answer(jira, status=429, headers=BURST)
    one = api(clock=clock)
    for _ in range(5):
        with pytest.raises(Unavailable):
            one.get("/thing", "the thing")
    assert clock.waits == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("2026-11-22T12:10Z", 600.0),
        ("2026-11-22T12:10:00.000+0000", 600.0),
        ("2026-11-22T11:00:00Z", 0.0),
        ("2026-11-22T12:00:30", 30.0),
        ("1763812800", None),
        ("soon", None),
        ("", None),
    ],
)
def test_the_end_of_a_limit_is_read_as_jira_writes_it(said: str, seconds: float | None) -> None:
    now = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    assert reset_at({"X-RateLimit-Reset": said}, now) == seconds


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.sampled_from(["Retry-After", "RateLimit-Reset", "X-RateLimit-Reset"]), st.text()))
def test_no_header_makes_us_wait_for_more_than_an_hour(headers: dict[str, str]) -> None:
    seconds = busy_for(headers)
    assert seconds is None or 0 <= seconds <= 3_600


# --- deployments and addresses


@pytest.mark.parametrize("url", [SITE, "https://shop.jira.com", GATEWAY])
def test_a_cloud_host_is_known_without_asking(url: str) -> None:
    assert api(url).is_cloud


def test_a_host_of_ones_own_is_asked_once(jira: responses.RequestsMock) -> None:
    jira.get(f"{CENTER}/rest/api/2/serverInfo", json={"deploymentType": "Server", "baseUrl": CENTER})
    jira.get(f"{CENTER}/rest/api/2/thing", json={})
    one = api(CENTER, email=None)
    one.get("/thing", "the thing")
    one.get("/thing", "the thing")
    assert [call.request.url for call in jira.calls][1:] == [f"{CENTER}/rest/api/2/thing"] * 2


@pytest.mark.parametrize(("deployment", "version"), [("cloud", 3), ("datacenter", 2)])
def test_a_deployment_that_is_set_is_not_asked_for(
    jira: responses.RequestsMock, deployment: Any, version: int
) -> None:
    jira.get(f"{CENTER}/rest/api/{version}/thing", json=[])
    assert api(CENTER, deployment=deployment).get("/thing", "the thing") == []


def test_people_open_issues_below_the_context_path() -> None:
    assert api(CENTER + "/").browse("SHOP-1") == f"{CENTER}/browse/SHOP-1"


def test_behind_the_gateway_the_site_says_its_own_address(jira: responses.RequestsMock) -> None:
    jira.get(f"{GATEWAY}/rest/api/2/serverInfo", json={"deploymentType": "Cloud", "baseUrl": SITE})
    assert api(GATEWAY).browse("SHOP-1") == f"{SITE}/browse/SHOP-1"


def test_an_address_for_people_that_is_set_counts() -> None:
    assert api(GATEWAY, browse_url=SITE + "/").browse("SHOP-1") == f"{SITE}/browse/SHOP-1"


# --- lists


def pages(mock: responses.RequestsMock, total: int, size: int) -> None:
    """A list of `total` numbers, `size` of them a page, as Jira gives it."""

    def page(request: Any) -> tuple[int, dict[str, str], str]:
        start = int(request.params["startAt"])
        items = ",".join(f'{{"id": {one}}}' for one in range(start, min(start + size, total)))
        return 200, {}, f'{{"values": [{items}], "total": {total}}}'

    mock.add_callback("GET", f"{SITE}/rest/api/3/list", page)


@pytest.mark.parametrize(("total", "size"), [(0, 100), (1, 100), (250, 100), (250, 50), (250, 1_000)])
def test_a_list_is_read_to_its_end(jira: responses.RequestsMock, total: int, size: int) -> None:
    pages(jira, total, size)
    found = api().newest("/list", "the list", "values", 1_000)
    assert [one["id"] for one in found] == list(range(total))


@pytest.mark.parametrize("size", [100, 10_000])
def test_of_a_long_list_the_newest_are_read(jira: responses.RequestsMock, size: int) -> None:
    pages(jira, 2_345, size)
    found = api().newest("/list", "the list", "values", 1_000)
    assert [one["id"] for one in found] == list(range(1_345, 2_345))
    assert len(jira.calls) <= 11


@pytest.mark.parametrize(
    "body", ["[]", '{"values": 1, "total": 1}', '{"values": [1], "total": 1}', '{"values": []}']
)
def test_what_is_no_page_is_said(jira: responses.RequestsMock, body: str) -> None:
    answer(jira, path="/list", body=body)
    with pytest.raises(PlatformError, match="not a list of objects"):
        api().newest("/list", "the list", "values", 10)
