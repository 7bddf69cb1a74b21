"""What is looked at in Jira and Confluence alike: the accounts, the address, the clock, the webhooks."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import urlsplit

from bot.entry.doctor.check import Check, fine, note, wrong
from bot.entry.doctor.sentences import taken_apart
from bot.errors import AccessDenied, NotFound, PlatformError, Unavailable
from bot.gateways.atlassian import NotJson, is_cloud_host, is_gateway
from bot.gateways.atlassian_tokens import TokenShape
from bot.gateways.webhook import Deliveries, SeenHooks, WantedHook, Webhook, ours
from bot.settings import AtlassianSettings, Settings

Product = Literal["Jira", "Confluence"]

ODD_CLOCK, WRONG_CLOCK = 30.0, 300.0  # seconds
SOON = 14  # days before a token expires

NO_TOKEN = "no token is set here, so that nothing could be looked at"  # noqa: S105
SET_TOKEN = "set {prefix}TOKEN, or look from where it is set: in a worker or the schedule"  # noqa: S105
TRY_AGAIN = "put that right and look again"

OTHER_GATEWAY = "{url} is not the gateway's address of a {product} site"
GATEWAY_FORM = "it is like https://api.atlassian.com/ex/{name}/CLOUDID"
NO_BROWSE_URL = "{prefix}BROWSE_URL is unset, and the gateway is no place for people"
SET_BROWSE_URL = "set it to the site, like https://SITE.atlassian.net: links are left out until then"

NOT_IT = "something else than {product} answers at {url}: {error}"
CORRECT_URL = (
    "correct {prefix}URL: the address ends with the context path, if there is one; redirects are not followed"
)
REACH = "let this machine reach {url}: name, proxy, firewall, certificate"

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

CLOCK_FINE = "the clocks agree to {seconds:.0f} s"
CLOCK_OFF = "its clock is {seconds:.0f} s {which} ours"
SET_CLOCK = (
    "let both machines take their time from the network (NTP): what changed of late is looked for by it"
)

EXPIRY = "expiry of the {name}"
EXPIRES = "“{token}” expires on {day:%Y-%m-%d}, in {days} days"
ONE_OF = " (the first of the account's {count} tokens)"
NEVER = "none of the account's tokens expires"
MAKE_NEW = "make a new one in time, and set {setting}"

UNSEEN = "whether it is set up is for administrators to see"
UNSEEN_CURE = (
    "`trivet connect {command}` says how to set it up; under Processes stands when a delivery came last"
)
MISSING = "no webhook leads to {place}: changes are found by asking every {seconds:.0f} s alone"
CONNECT = "`trivet connect {command}` sets it up"
HOOK_FINE = "“{name}” leads to {url}"
HOOK_WRONG = "“{name}” (number {id}): {flaws}"
HOOK_FAILS = "“{name}” (number {id}): {failed} deliveries of the last day failed, {arrived} arrived{error}"
LAST_SAID = "; the last one: {error}"
LET_REACH = "let {product} reach {url}; 401 means another secret: `trivet connect {command}` sets ours"
TWICE = "webhooks {ids} all lead to {url}"
DELETE_REST = "delete all but one: each event is sent by every one of them"


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


def accounts(given: AtlassianSettings, prefix: str) -> list[Account]:
    """One that does both, or two; none where no token is set."""
    read_email, read_token = given.reader
    if given.token is None and read_token is None:
        return []
    own, other = (one.get_secret_value() if one else "" for one in (given.token, read_token))
    if own == other and given.email == read_email:
        return [_account("token", given.email, own, prefix, reads=True, writes=True)]
    reader = _account("token that reads", read_email, other, f"{prefix}READ_", reads=True, writes=False)
    if not given.read_email:
        reader = replace(reader, email_name=f"{prefix}EMAIL")
    writer = _account("token that writes", given.email, own, prefix, reads=False, writes=True)
    return [reader, writer] if own else [reader]


def _account(name: str, email: str | None, token: str, prefix: str, *, reads: bool, writes: bool) -> Account:
    return Account(name, email, token, f"{prefix}TOKEN", f"{prefix}EMAIL", reads, writes)


# --- the address ---


def gateway(product: Product, given: AtlassianSettings, prefix: str) -> Iterator[Check]:
    """Whether the gateway's address is one, and people's is known beside it."""
    url = given.url or ""
    if not is_gateway(url):
        return
    name = product.lower()
    if not re.fullmatch(rf"/ex/{name}/[\w-]+/?(wiki/?)?", urlsplit(url).path):
        said = OTHER_GATEWAY.format(url=url, product=product)
        yield wrong(product, "address", said, GATEWAY_FORM.format(name=name), is_setting=True)
    if not given.browse_url:
        yield note(product, "people's address", NO_BROWSE_URL.format(prefix=prefix), SET_BROWSE_URL)


def unreached(product: Product, url: str, prefix: str, error: PlatformError) -> Check:
    """Nothing answers, or something does that is not the product."""
    if isinstance(error, Unavailable) and not isinstance(error, NotJson):
        return wrong(product, "address", str(error), REACH.format(url=url))
    said = NOT_IT.format(product=product, url=url, error=error)
    return wrong(product, "address", said, CORRECT_URL.format(prefix=prefix), is_setting=True)


# --- the token ---


def refused(
    product: Product, account: Account, url: str, prefix: str, error: AccessDenied, is_cloud: bool | None
) -> Check:
    """A token that is not accepted, with what is most likely the matter. `is_cloud` None: it could not be asked."""
    cure, is_setting = _cure(account, url, is_cloud)
    said, _ = taken_apart(error, "")
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


def expiry(
    product: Product, account: Account, tokens: list[TokenShape], now: datetime | None = None
) -> Iterator[Check]:
    """Nothing where the platform does not tell."""
    if not tokens:
        return
    name = EXPIRY.format(name=account.name)
    moment = now or datetime.now(UTC)
    ending = sorted(
        ((one.expires, one.name) for one in tokens if one.expires and one.expires > moment),
        key=lambda one: one[0],
    )
    if not ending:
        yield fine(product, name, NEVER)
        return
    day, token = ending[0]
    days = (day - moment).days
    said = EXPIRES.format(token=token, day=day, days=days)
    said += ONE_OF.format(count=len(tokens)) if len(tokens) > 1 else ""
    if days < SOON:
        yield note(product, name, said, MAKE_NEW.format(setting=account.setting))
    else:
        yield fine(product, name, said)


# --- the clock ---


def clock(product: Product, ahead: float | None) -> Iterator[Check]:
    """`ahead`: seconds; nothing where the platform does not tell."""
    if ahead is None:
        return
    seconds, which = abs(ahead), "ahead of" if ahead > 0 else "behind"
    said = CLOCK_OFF.format(seconds=seconds, which=which)
    if seconds > WRONG_CLOCK:
        yield wrong(product, "clock", said, SET_CLOCK)
    elif seconds > ODD_CLOCK:
        yield note(product, "clock", said, SET_CLOCK)
    else:
        yield fine(product, "clock", CLOCK_FINE.format(seconds=max(seconds, 1)))


# --- the webhook ---


def webhooks(
    product: Product, hooks: SeenHooks, path: str, settings: Settings, wanted: Callable[[str], WantedHook]
) -> Iterator[Check]:
    """Those that lead to us. `wanted`: how one to this address should be. Raises PlatformError."""
    try:
        found = ours(hooks.all(), path, settings.public_url)
    except (AccessDenied, NotFound):
        yield note(product, "webhook", UNSEEN, UNSEEN_CURE.format(command=product.lower()))
        return
    if found:
        yield _hook(product, found[0], wanted(found[0].url), hooks.deliveries(found[0]))
    else:
        place = f"{(settings.public_url or '').rstrip('/')}{path}"
        said = MISSING.format(place=place, seconds=settings.sweep_seconds)
        yield note(product, "webhook", said, CONNECT.format(command=product.lower()))
    if len(found) > 1:
        said = TWICE.format(ids=", ".join(one.id for one in found), url=found[0].url)
        yield note(product, "webhook", said, DELETE_REST)


def _hook(product: Product, found: Webhook, wanted: WantedHook, sent: Deliveries | None) -> Check:
    words = {"name": found.name, "id": found.id, "url": found.url}
    command = product.lower()
    if flaws := found.flaws(wanted):
        said = HOOK_WRONG.format(**words, flaws="; ".join(flaws))
        return wrong(product, "webhook", said, CONNECT.format(command=command))
    if sent and sent.is_failing:
        error = LAST_SAID.format(error=sent.error) if sent.error else ""
        said = HOOK_FAILS.format(**words, failed=sent.failed, arrived=sent.arrived, error=error)
        return wrong(
            product, "webhook", said, LET_REACH.format(product=product, url=found.url, command=command)
        )
    return fine(product, "webhook", HOOK_FINE.format(**words))


# --- faults ---


def guarded(product: Product, name: str, checks: Iterable[Check]) -> Iterator[Check]:
    """A fault of the platform in the middle costs the rest of these lines, and is one of its own."""
    try:
        yield from checks
    except (AccessDenied, NotFound) as error:
        yield wrong(product, name, *taken_apart(error, TRY_AGAIN))
    except PlatformError as error:
        yield wrong(product, name, str(error), TRY_AGAIN)
