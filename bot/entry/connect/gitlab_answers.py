"""Why a test event did not arrive, read off what GitLab says of it, and what to do about it."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bot.domain.visible import on_one_line
from bot.gateways.gitlab_hooks import Tried

LONGEST: Final = 160  # characters that are quoted

REFUSED = "our receiver at {address} refused the test event: {said}"
CLOCKS = "set the clocks of GitLab's machine and of ours by NTP"
DIFFERS = (
    "the receiver that runs holds another secret than this command: "
    "give both the same TRIVET_GITLAB__WEBHOOK_SECRETS, and start it again"
)
NOT_RECORDED = "look at the receiver's log and at its Redis: `trivet doctor` there says what is wrong"
OTHERWISE_REFUSED = "look at the receiver's log: it says more about this delivery"

BLOCKED = "GitLab may not call {address}, since that is in its local network"
BLOCKED_CURE = (
    "an administrator of GitLab allows it: Admin area, Settings, Network, Outbound requests, "
    "local addresses that webhooks may access"
)
SILENT = "GitLab got no answer from {address} in time"
SILENT_CURE = "does `trivet serve` run there, and does a firewall let GitLab through?"
UNTRUSTED = "GitLab does not trust the certificate of {address}"
UNTRUSTED_CURE = "use a certificate of an authority that GitLab's machine knows, with the whole chain"
UNKNOWN_NAME = "GitLab cannot resolve the name in {address}"
UNKNOWN_NAME_CURE = "give a name that GitLab's machine knows with --url"
UNREACHABLE = "GitLab cannot reach {address}: {said}"
UNREACHABLE_CURE = (
    "does `trivet serve` run there, behind this host and port? TRIVET_HOST=0.0.0.0 lets others in"
)
MUTE = "GitLab sends no webhooks at all: it is in silent mode"
MUTE_CURE = "an administrator of GitLab ends it: Admin area, Settings, General, Silent mode"
LOOPING = "GitLab took the test event for a loop of webhooks"
LOOPING_CURE = "run the command again in a minute"
ELSEWHERE = "{address} answers GitLab {status}, and not as our receiver does: {said}"
ELSEWHERE_CURE = "something else answers there: let that host and path lead to `trivet serve`"


@dataclass(frozen=True, slots=True)
class Reason:
    """One way to fail: a sign in what GitLab says, what it means, what to do."""

    sign: re.Pattern[str]
    said: str
    cure: str


# The first that fits. Ruby's words for what keeps a request from being answered, and GitLab's own.
REASONS: Final = (
    Reason(
        re.compile(r"local network|localhost|loopback|link.local|is blocked", re.I), BLOCKED, BLOCKED_CURE
    ),
    Reason(re.compile(r"silent mode", re.I), MUTE, MUTE_CURE),
    Reason(re.compile(r"recursive webhook", re.I), LOOPING, LOOPING_CURE),
    Reason(re.compile(r"certificate|SSL_|OpenSSL", re.I), UNTRUSTED, UNTRUSTED_CURE),
    Reason(re.compile(r"getaddrinfo|not known|resolv|hostname", re.I), UNKNOWN_NAME, UNKNOWN_NAME_CURE),
    Reason(re.compile(r"timed? ?out|Timeout|execution expired", re.I), SILENT, SILENT_CURE),
    Reason(
        re.compile(r"refused|Failed to open TCP|unreachable|EOFError|end of file|reset by peer", re.I),
        UNREACHABLE,
        UNREACHABLE_CURE,
    ),
)

# The same of what our own receiver answers.
OWN_REASONS: Final = (
    (re.compile(r"clocks"), CLOCKS),
    (re.compile(r"secret|signing token|X-Gitlab-Token|webhook-signature"), DIFFERS),
    (re.compile(r"recorded|handled"), NOT_RECORDED),
    (re.compile(r""), OTHERWISE_REFUSED),
)


def explained(tried: Tried, address: str) -> tuple[str, str]:
    """What went wrong in one sentence, and its cure."""
    if reason := receivers_reason(tried):
        return REFUSED.format(address=address, said=reason), next(_own_cures(reason))
    said = _short(tried.said) or "nothing"
    words = {"address": address, "said": said, "status": tried.status or "something"}
    for known in [] if tried.status.isdigit() else REASONS:
        if known.sign.search(tried.said):
            return known.said.format(**words), known.cure
    return ELSEWHERE.format(**words), ELSEWHERE_CURE


def is_about_the_secret(tried: Tried) -> bool:
    reason = receivers_reason(tried)
    return bool(reason) and next(_own_cures(reason)) == DIFFERS


def receivers_reason(tried: Tried) -> str:
    """What our own receiver said; "" where it was not ours that answered."""
    try:
        answer = json.loads(tried.said)
    except (ValueError, RecursionError):
        return ""
    is_ours = isinstance(answer, dict) and answer.get("status") == "refused"
    return _short(str(answer.get("reason", ""))) if is_ours else ""


def _own_cures(reason: str) -> Iterator[str]:
    return (cure for sign, cure in OWN_REASONS if sign.search(reason))


def _short(said: str) -> str:
    line = on_one_line(re.sub(r"<[^>]*>", " ", said))
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"
