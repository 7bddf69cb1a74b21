"""A webhook of Jira's or Confluence's is made, or put right, and read back; then a delivery is waited for."""

import sys
from collections.abc import Iterator, Sequence
from typing import Final, Protocol

from pydantic import SecretStr

from bot.entry.connect.arrival import Arrivals
from bot.entry.connect.steps import Step
from bot.errors import UsageError
from bot.gateways.webhook import WantedHook, Webhook

NAME: Final = "Trivet"
PATIENCE: Final = 60.0  # seconds: for a person to change something

UNPROVEN = (
    "{setting} is not set: {platform}'s deliveries prove themselves by it; `openssl rand -hex 32` makes one"
)
MADE = "webhook {id} was made: {platform} tells {url} of {events}"
PUT_RIGHT = "webhook {id} was put right: {flaws}"
AS_IT_WAS = "webhook {id} was as it should be; its secret was set again, as nobody is shown which one it has"
SAME_PLACE = "webhook {id} leads to the same address"
DELETE_IT = "delete it in {platform}: each event would be sent twice"
NOT_KEPT = "{platform} did not keep what was set: {flaws}"
LOOK_THERE = "look at webhook {id} in {platform}; a later `trivet connect {command}` tries again"
ARRIVED = "a delivery of {platform}'s arrived and proved itself"
NOT_TRIED = "whether deliveries arrive was not tried: {platform} cannot be made to send one that is signed"
CANNOT_TELL = "whether a delivery of {platform}'s arrived cannot be told from here: Redis is out of reach"
HOW_TO_TRY = "{deed}; `trivet doctor` then says when the last one came"
DO_NOW = "{deed} now: a delivery is waited for {seconds:.0f} s"
NOTHING_CAME = "no delivery of {platform}'s arrived within {seconds:.0f} s"
WHY = (
    "can {platform} reach {url}, with a certificate it trusts?"
    " Does the receiver know the same first secret in {setting}?"
)


class Hooks(Protocol):
    def all(self) -> list[Webhook]: ...
    def read(self, hook: Webhook) -> Webhook: ...
    def create(self, wanted: WantedHook, secret: str) -> Webhook: ...
    def change(self, hook: Webhook, wanted: WantedHook, secret: str) -> None: ...


def first_secret(secrets: Sequence[SecretStr], setting: str, platform: str) -> str:
    """Raises UsageError where there is none."""
    if not secrets:
        raise UsageError(UNPROVEN.format(setting=setting, platform=platform))
    return secrets[0].get_secret_value()


def set_up(hooks: Hooks, wanted: WantedHook, secret: str, platform: str) -> Iterator[Step]:
    """Makes the webhook, or puts the one that leads here right. Raises PlatformError."""
    ours = [hook for hook in hooks.all() if hook.leads_to(wanted.url)]
    if ours:
        hook, step = ours[0], _put_right(hooks, ours[0], wanted, secret)
    else:
        hook, step = _made(hooks, wanted, secret, platform)
    yield step
    for other in ours[1:]:
        yield Step(SAME_PLACE.format(id=other.id), "todo", DELETE_IT.format(platform=platform))
    if flaws := hooks.read(hook).flaws(wanted):
        cure = LOOK_THERE.format(id=hook.id, platform=platform, command=platform.lower())
        yield Step(NOT_KEPT.format(platform=platform, flaws="; ".join(flaws)), "wrong", cure)


def _made(hooks: Hooks, wanted: WantedHook, secret: str, platform: str) -> tuple[Webhook, Step]:
    hook = hooks.create(wanted, secret)
    events = ", ".join(wanted.events)
    return hook, Step(MADE.format(id=hook.id, platform=platform, url=wanted.url, events=events), "done")


def _put_right(hooks: Hooks, hook: Webhook, wanted: WantedHook, secret: str) -> Step:
    """The secret is always sent: whether it is still ours nobody is told. What a person chose beside stays."""
    flaws = hook.flaws(wanted)
    hooks.change(hook, hook.mended(wanted), secret)
    if flaws:
        return Step(PUT_RIGHT.format(id=hook.id, flaws="; ".join(flaws)), "done")
    return Step(AS_IT_WAS.format(id=hook.id), "unchanged")


# --- whether deliveries arrive ---


def tried(
    arrivals: Arrivals, patience: float, *, platform: str, deed: str, url: str, setting: str
) -> Iterator[Step]:
    """Waits for a delivery while somebody watches (`patience` in seconds), else says how to try.

    `deed`: what makes the platform send one.
    """
    if patience:
        yield Step(DO_NOW.format(deed=deed, seconds=patience), "todo")
        yield _waited(
            arrivals.came(), patience, platform, deed, WHY.format(platform=platform, url=url, setting=setting)
        )
    else:
        yield Step(NOT_TRIED.format(platform=platform), "todo", HOW_TO_TRY.format(deed=deed))


def _waited(came: bool | None, patience: float, platform: str, deed: str, why: str) -> Step:
    if came is None:
        return Step(CANNOT_TELL.format(platform=platform), "todo", HOW_TO_TRY.format(deed=deed))
    if came:
        return Step(ARRIVED.format(platform=platform), "done")
    return Step(NOTHING_CAME.format(platform=platform, seconds=patience), "wrong", why)


def patience() -> float:
    """For how long a person is waited for, in seconds: not at all where nobody watches."""
    return PATIENCE if sys.stdin.isatty() and sys.stdout.isatty() else 0.0
