"""Addresses of merge requests, as people copy them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.entry.address import parse_address
from bot.errors import UsageError

BASE = "https://gitlab.example.com"


@pytest.mark.parametrize(
    "rest",
    [
        "/-/merge_requests/7",
        "/-/merge_requests/7/",
        "/-/merge_requests/7/diffs",
        "/-/merge_requests/7/diffs?tab=1&commit_id=abc#note_33",
        "/-/merge_requests/7/pipelines",
        "/-/merge_requests/7#note_1",
        "/merge_requests/7",
    ],
)
@pytest.mark.parametrize(
    "project", ["group/shop", "group/sub/deeper/shop", "me/my.shop-2", "g/merge_requests"]
)
def test_every_tab_of_a_merge_request_is_the_merge_request(project: str, rest: str) -> None:
    assert parse_address(f"{BASE}/{project}{rest}", BASE) == (project, 7)


@pytest.mark.parametrize("root", ["/gitlab", "/git/lab"])
def test_an_instance_below_a_path_keeps_that_path_out_of_the_project(root: str) -> None:
    assert parse_address(f"{BASE}{root}/group/shop/-/merge_requests/7", BASE + root) == ("group/shop", 7)
    with pytest.raises(UsageError, match="not on the configured GitLab"):
        parse_address(f"{BASE}{root}ette/group/shop/-/merge_requests/7", BASE + root)


@pytest.mark.parametrize("base", ["https://GitLab.Example.com", BASE + ":443", BASE + "/"])
def test_the_same_server_may_be_spelled_otherwise(base: str) -> None:
    assert parse_address(f"{BASE}/group/shop/-/merge_requests/7", base) == ("group/shop", 7)


@pytest.mark.parametrize(
    "other",
    [
        "https://gitlab.com",
        "http://gitlab.example.com",
        BASE + ":8443",
        BASE + ".evil.example",
        "https://evil.example/gitlab.example.com",
    ],
)
def test_an_address_elsewhere_is_refused_before_any_token_is_sent(other: str) -> None:
    with pytest.raises(UsageError, match="not on the configured GitLab"):
        parse_address(f"{other}/group/shop/-/merge_requests/7", BASE)


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "7",
            "group/shop!7",
            "gitlab.example.com/group/shop/-/merge_requests/7",
            "https://",
            "http://[::1",
        ),
        *(
            "ftp://gitlab.example.com/g/p/-/merge_requests/7",
            "https://gitlab.example.com:99999/g/p/-/merge_requests/7",
        ),
        *(
            f"{BASE}/group/shop",
            f"{BASE}/group/shop/-/merge_requests",
            f"{BASE}/group/shop/-/merge_requests/new",
        ),
        *(
            f"{BASE}/shop/-/merge_requests/7",
            f"{BASE}/group/shop/-/issues/7",
            f"{BASE}/g/p/-/merge_requests/٣",
        ),
        f"{BASE}/group/shop/-/merge_requests/{'9' * 30}",
        "https://me:pw@gitlab.example.com/g/p/-/merge_requests/7",
    ],
)
def test_what_is_no_address_of_a_merge_request_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(
        UsageError, match=r"like https://gitlab\.example\.com/group/project/-/merge_requests/7"
    ):
        parse_address(url, BASE)


def test_without_a_configured_gitlab_it_says_what_to_export() -> None:
    with pytest.raises(UsageError, match=f"export TRIVET_GITLAB__URL={BASE}$"):
        parse_address(f"{BASE}/group/shop/-/merge_requests/7", None)


@given(st.text(max_size=60))
def test_any_text_is_a_merge_request_or_a_sentence(text: str) -> None:
    for url in (text, f"{BASE}/{text}"):
        said = read(url)
        assert said.startswith(url) if isinstance(said, str) else "/" in said[0]


def read(url: str) -> tuple[str, int] | str:
    try:
        return parse_address(url, BASE)
    except UsageError as error:
        return str(error)
