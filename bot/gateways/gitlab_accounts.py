"""Other people's GitLab accounts, by name or e-mail address: exactly one that a person uses, or none."""

from itertools import islice
from typing import Final

from bot.errors import NotFound
from bot.gateways.gitlab_api import GitLabApi
from bot.gateways.gitlab_shapes import AccountShape, shaped

ACTIVE: Final = "active"
MOST_CANDIDATES: Final = 5  # a search by address finds names that look like it, too


def find_account(api: GitLabApi, *, username: str = "", email: str = "") -> AccountShape | None:
    """The one active account of a person with this user name, in any case, else with this public e-mail address.

    None where there is none, or more than one. A list tells neither bots nor, on older versions, addresses, and a
    search by address also finds display names (docs.gitlab.com/api/users), so each candidate is read by itself.
    Raises Forbidden where the token may not look people up, an external user's say; Unavailable.
    """
    return (_named(api, username) if username else None) or (_reached(api, email) if email else None)


def _named(api: GitLabApi, username: str) -> AccountShape | None:
    name = username.casefold()
    return _only([one for one in _candidates(api, username=username) if one.username.casefold() == name])


def _reached(api: GitLabApi, email: str) -> AccountShape | None:
    address = email.casefold()
    return _only(
        [one for one in _candidates(api, search=email) if (one.public_email or "").casefold() == address]
    )


def _candidates(api: GitLabApi, **query: str) -> list[AccountShape]:
    what = "the list of users"
    listed = islice(api.pages("/users", what, active="true", **query), MOST_CANDIDATES)
    read = [_read(api, shaped(AccountShape, item, what).id) for item in listed]
    return [one for one in read if one]


def _read(api: GitLabApi, number: int) -> AccountShape | None:
    what = f"user {number}"
    try:
        return shaped(AccountShape, api.get(f"/users/{number}", what), what)
    except NotFound:
        return None


def _only(accounts: list[AccountShape]) -> AccountShape | None:
    people = [one for one in accounts if one.state == ACTIVE and not one.bot]
    return people[0] if len(people) == 1 else None
