"""Which token `trivet connect` asks with."""

import pytest

from bot.entry.connect.access import Access, access, given_token
from bot.errors import UsageError
from bot.settings.platforms import AtlassianSettings

STRONG = "ATATT3x" + "Zq8Rt2vLm4" + "Xc7Wn1Kd9P"
OWN = AtlassianSettings.model_validate({"token": "own-" + "Kd9PbG5s", "email": "bot@example.com"})


def chosen(environ: dict[str, str], own: AtlassianSettings = OWN) -> Access:
    return access(own, "TRIVET_JIRA__TOKEN", "there is none", environ)


def test_the_token_for_one_call_goes_before_the_bots_with_its_own_address_where_there_is_one() -> None:
    assert chosen({}) == Access("own-" + "Kd9PbG5s", "bot@example.com", "TRIVET_JIRA__TOKEN")
    stronger = Access(STRONG, "bot@example.com", "TRIVET_CONNECT_TOKEN")
    assert chosen({"TRIVET_CONNECT_TOKEN": STRONG}) == stronger
    known = chosen({"TRIVET_CONNECT_TOKEN": STRONG, "TRIVET_CONNECT_EMAIL": " grace@example.com\n"})
    assert known.email == "grace@example.com"
    assert STRONG not in repr(known)


def test_the_end_of_a_line_is_no_part_of_a_token() -> None:
    assert given_token({"TRIVET_CONNECT_TOKEN": f" {STRONG}\r\n"}) == STRONG
    assert given_token({"TRIVET_CONNECT_TOKEN": "\n"}) == ""


@pytest.mark.parametrize(
    "wrong", [{"TRIVET_CONNECT_TOKEN": f"{STRONG}\nmore"}, {"TRIVET_CONNECT_EMAIL": "a b"}]
)
def test_what_cannot_be_a_token_or_an_address_is_refused_and_not_repeated(wrong: dict[str, str]) -> None:
    [(name, value)] = wrong.items()
    with pytest.raises(UsageError, match=name) as refused:
        chosen(wrong)
    assert value not in str(refused.value)


def test_without_any_token_it_is_said() -> None:
    with pytest.raises(UsageError, match="there is none"):
        chosen({}, AtlassianSettings())
