"""Who a token belongs to: asked once, and again for another token, as another may be another account's."""

from bot.entry.introduction import Introduction
from bot.errors import Unavailable


class Platform:
    """Answers who a token is."""

    def __init__(self) -> None:
        self.token = "first"
        self.is_down = False
        self.asked: list[str] = []
        self.told: list[str] = []

    def introduction(self) -> Introduction[str]:
        return Introduction("gitlab", lambda: self.token, self._ask, self.told.append, str)

    def _ask(self) -> str:
        if self.is_down:
            raise Unavailable("GitLab does not answer")
        self.asked.append(self.token)
        return f"owner of {self.token}"


def test_a_token_is_asked_about_once() -> None:
    platform = Platform()
    who = platform.introduction()
    assert (who(), who()) == ("owner of first", "owner of first")
    assert platform.asked == ["first"]


def test_another_token_is_asked_about_and_everybody_is_told() -> None:
    platform = Platform()
    who = platform.introduction()
    who()
    platform.token = "second"
    assert who() == "owner of second"
    assert platform.told == ["owner of first", "owner of second"]


def test_a_platform_that_is_down_at_the_start_is_asked_when_it_is_needed() -> None:
    platform = Platform()
    platform.is_down = True
    who = platform.introduction()
    who.attempt()
    assert platform.told == []
    platform.is_down = False
    assert who() == "owner of first"
