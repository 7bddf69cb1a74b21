"""The accounts that look at Jira or Confluence: whose tokens are set, whether they are taken, until when."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, Literal

from bot.entry.doctor.check import Check, fine, note, wrong
from bot.entry.doctor.expiry import expires, is_soon
from bot.errors import AccessDenied, Forbidden
from bot.gateways.atlassian import is_cloud_host, is_gateway
from bot.gateways.atlassian_tokens import TokenShape
from bot.settings.platforms import AtlassianSettings

Product = Literal["Jira", "Confluence"]
BOTH: Final = "token"
READS: Final = "token that reads"
WRITES: Final = "token that writes"

NO_TOKEN = "no token is set here, so that nothing could be looked at"  # noqa: S105
SET_TOKEN = "set {prefix}TOKEN, or look from where it is set: in a worker or the schedule"  # noqa: S105

NOT_ACCEPTED = "{product} does not accept it: it may be expired or revoked"
FORBIDDEN = "{product} accepts it, and does not say whose it is (403)"
NO_EMAIL = "set {email_name} to the account's e-mail address: Cloud takes an API token with one only"
NEEDLESS_EMAIL = "unset {email_name}: Data Center takes a personal access token, without an e-mail address"
ANY_EMAIL = {
    True: "renew it; for a personal access token of a Data Center, unset {email_name}",
    False: "renew it; for an API token of Cloud, set {email_name}",
}
AT_GATEWAY = (
    "renew it; the gateway takes tokens with scopes alone: one without them is for https://SITE.atlassian.net"
)
AT_SITE = (
    "renew it; is it one with scopes? Then set {prefix}URL to https://api.atlassian.com/ex/{name}/CLOUDID,"
    " with the id that {url}/_edge/tenant_info shows, and {prefix}BROWSE_URL to {url}"
)
RENEW = "renew it and set {setting}"

EXPIRY = "expiry of the {name}"
EXPIRES = "“{token}” {expires}"
ONE_OF = " (the first of the account's {count} tokens)"
NEVER = "none of the account's tokens expires"
MAKE_NEW = "make a new one in time, and set {setting}"


@dataclass(frozen=True)
class Account:
    """`name`: as a line calls it. `setting`: where its token came from."""

    name: str
    email: str | None
    token: str
    setting: str
    email_name: str
    reads: bool
    writes: bool


def accounts(given: AtlassianSettings, prefix: str, *, is_read: bool) -> list[Account]:
    """One that does both, or two; none where no token is set. `is_read`: a process that reads finds a token here."""
    writer = _account(WRITES, given.email, given.token.get_secret_value(), prefix) if given.token else None
    read_email, read_token = given.reader
    if writer is None and read_token is None:
        return []
    if read_token is None or not is_read:
        return [writer] if writer else []
    if writer and (read_email, read_token) == (given.email, given.token):
        return [replace(writer, name=BOTH, reads=True)]
    reader = _account(READS, read_email, read_token.get_secret_value(), f"{prefix}READ_", reads=True)
    if not given.read_email:
        reader = replace(reader, email_name=f"{prefix}EMAIL")
    return [reader, writer] if writer else [reader]


def _account(name: str, email: str | None, token: str, prefix: str, *, reads: bool = False) -> Account:
    return Account(name, email, token, f"{prefix}TOKEN", f"{prefix}EMAIL", reads, not reads)


def no_account(product: Product, prefix: str) -> Check:
    return note(product, BOTH, NO_TOKEN, SET_TOKEN.format(prefix=prefix))


def refused(
    product: Product, account: Account, url: str, prefix: str, error: AccessDenied, is_cloud: bool | None
) -> Check:
    """A token that is not accepted, with what is most likely the matter. `is_cloud` None: it could not be asked."""
    said = (FORBIDDEN if isinstance(error, Forbidden) else NOT_ACCEPTED).format(product=product)
    cure, is_setting = _cure(account, url, is_cloud)
    words = {"prefix": prefix, "name": product.lower(), "url": url}
    told = cure.format(**words, email_name=account.email_name, setting=account.setting)
    return wrong(product, account.name, said, told, is_setting=is_setting)


def _cure(account: Account, url: str, is_cloud: bool | None) -> tuple[str, bool]:
    """And whether a setting is wrong for sure."""
    if is_cloud is None:
        return ANY_EMAIL[bool(account.email)], False
    if is_cloud and not account.email:
        return NO_EMAIL, True
    if not is_cloud and account.email:
        return NEEDLESS_EMAIL, True
    if is_gateway(url):
        return AT_GATEWAY, False
    return (AT_SITE if is_cloud and is_cloud_host(url) else RENEW), False


def expiry(product: Product, account: Account, tokens: Sequence[TokenShape]) -> Iterator[Check]:
    """Of the account's tokens, since which of them is ours is not told. Nothing where none is told."""
    if not tokens:
        return
    name, now = EXPIRY.format(name=account.name), datetime.now(UTC)
    ending = [(one.expires, one.name) for one in tokens if one.expires and one.expires > now]
    if not ending:
        yield fine(product, name, NEVER)
        return
    moment, token = min(ending)
    day = moment.astimezone(UTC).date()
    said = EXPIRES.format(token=token, expires=expires(day))
    said += ONE_OF.format(count=len(tokens)) if len(tokens) > 1 else ""
    if is_soon(day):
        yield note(product, name, said, MAKE_NEW.format(setting=account.setting))
    else:
        yield fine(product, name, said)
