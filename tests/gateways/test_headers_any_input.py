"""What servers say of time and of the next page, made of anything: a wait is bounded, a clock is read or not."""

from datetime import UTC, datetime

import orjson
import responses
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import PlatformError
from bot.gateways.confluence_api import ConfluenceApi
from bot.gateways.gitlab_instance import _ahead
from bot.gateways.http import LONGEST_WAIT, busy_for, reset_after, reset_at, retry_after
from bot.llm import faults

SITE = "https://acme.atlassian.net/wiki"
LIST = f"{SITE}/api/v2/list"
NO_END = "Confluence's list of pages does not come to an end"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
PIECES = (
    "Mon, ", "1 ", "31 ", "0 ", "Jan ", "Dec ", "2026 ", "99 ", "9999 ", "0000 ", "9" * 20 + " ", "12:00:00 ",
    "25:61:61 ", "99999999999999:0 ",
    "GMT", "+0000", "-9999", "+" + "9" * 14, ":", "-", ".", "2026-01-01T00:00:00Z", "T", "Z",
    "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "٣",
)  # fmt: skip
TIMES = st.lists(st.sampled_from(PIECES), max_size=8).map("".join) | st.text(max_size=30)
A_YEAR_OF_TWENTY_DIGITS = f"1 Jan {'9' * 20} 12:00:00 GMT"


def test_a_year_of_twenty_digits_is_no_date() -> None:
    assert retry_after({"Retry-After": A_YEAR_OF_TWENTY_DIGITS}, NOW) is None
    assert faults.retry_after({"retry-after": A_YEAR_OF_TWENTY_DIGITS}, NOW) is None
    assert _ahead(A_YEAR_OF_TWENTY_DIGITS, 0.0) is None


@settings(max_examples=300, deadline=None)
@given(TIMES, TIMES, TIMES)
def test_a_wait_is_none_or_at_most_an_hour(one: str, other: str, third: str) -> None:
    headers = {"Retry-After": one, "RateLimit-Reset": other, "X-RateLimit-Reset": third}
    waits = [read(headers, NOW) for read in (retry_after, reset_after, reset_at)] + [busy_for(headers)]
    assert all(wait is None or 0 <= wait <= LONGEST_WAIT for wait in waits)


@settings(max_examples=300, deadline=None)
@given(TIMES, TIMES)
def test_a_models_server_makes_us_wait_for_an_hour_at_most(said: str, milliseconds: str) -> None:
    wait = faults.retry_after({"retry-after": said, "retry-after-ms": milliseconds}, NOW)
    assert wait is None or 0 <= wait <= faults.LONGEST_WAIT


@settings(max_examples=200, deadline=None)
@given(TIMES)
def test_a_clock_is_read_or_not(said: str) -> None:
    ahead = _ahead(said, 0.0)
    assert ahead is None or isinstance(ahead, float)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(["http://", "[", "//", "?", "&", "=", "%", "#", "a", "/list", "cursor"])).map(
        "".join
    )
)
def test_any_link_to_a_next_page_is_followed_at_our_own_address_or_given_up(link: str) -> None:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as server:
        server.get(LIST, body=orjson.dumps({"results": [{"id": "1"}], "_links": {"next": link}}))
        server.get(LIST, body=orjson.dumps({"results": [{"id": "2"}]}))
        assert listed() in ([f"{number}" for number in range(1, len(server.calls) + 1)], NO_END)
        assert all(str(call.request.url).startswith(LIST) for call in server.calls)


def listed() -> list[str] | str:
    api = ConfluenceApi(SITE, token="a-token", email=None, setting="X", deployment="cloud")
    try:
        return [one["id"] for one in api.v2.listed("/list", "pages", 9)]
    except PlatformError as error:
        return str(error)


def test_a_link_that_is_no_address_is_a_link_without_a_page() -> None:
    with responses.RequestsMock() as server:
        server.get(LIST, body=orjson.dumps({"results": [{"id": "1"}], "_links": {"next": "http://["}}))
        assert listed() == NO_END
