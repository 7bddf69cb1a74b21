"""Where a platform is told to send."""

import pytest

from bot.entry.connect.endpoint import endpoint
from bot.errors import UsageError
from bot.settings import Settings


@pytest.mark.parametrize(
    ("url", "public", "there"),
    [
        ("https://t.example", None, "https://t.example/hooks/jira"),
        ("https://t.example/bot/", None, "https://t.example/bot/hooks/jira"),
        ("https://t.example/hooks/jira", None, "https://t.example/hooks/jira"),
        ("https://t.example/hooks/jira/", None, "https://t.example/hooks/jira"),
        (None, "https://p.example", "https://p.example/hooks/jira"),
        ("https://t.example", "https://p.example", "https://t.example/hooks/jira"),
    ],
)
def test_the_receivers_path_stands_behind_our_address_once(
    url: str | None, public: str | None, there: str
) -> None:
    assert endpoint(Settings(public_url=public), url, "jira") == there


@pytest.mark.parametrize(
    "url",
    [
        "t.example.com",
        "ftp://t.example",
        "https:///bot",
        "https://t.example?a=b",
        "https://t.example?",
        "https://t.example#here",
        "https://me:word@t.example",
        "https://t.example /x",
        "https://t.example\n",
        "https://[t.example",
    ],
)
def test_what_is_no_address_alone_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(UsageError, match="--url: must be an http") as refused:
        endpoint(Settings(), url, "jira")
    assert url not in str(refused.value)


def test_an_address_has_to_be_given() -> None:
    with pytest.raises(UsageError, match="Give --url"):
        endpoint(Settings(), None, "jira")
