"""A webhook of Jira's or Confluence's: as it should be, as it is, and what is wrong with it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Protocol
from urllib.parse import urlsplit

from pydantic import Field

from bot.domain.hook_states import HookState
from bot.errors import AccessDenied, NotFound
from bot.gateways.shapes import Number, Shape, Text

ELSEWHERE = "its address is {url}"
OFF = "it is switched off"
MISSING = "it does not tell of {events}"
NO_BODY = "it leaves out the body"
OTHER_ISSUES = "it tells of other issues than those of the rules: {query}"
UNSIGNED = "it signs nothing"
FAILING = "{failed} of its {sent} deliveries of the last day failed: {error}"


@dataclass(frozen=True)
class WantedHook:
    """`events` as the platform calls them; `query`: JQL that says which issues, "" for all."""

    name: str
    url: str
    events: tuple[str, ...]
    query: str = ""


@dataclass(frozen=True)
class Deliveries:
    """Of the last day, as the platform counts them. `error`: what the last one that failed was answered."""

    arrived: int
    failed: int
    error: str = ""

    @property
    def is_failing(self) -> bool:
        return self.failed > self.arrived


@dataclass(frozen=True)
class Webhook:
    """`url` without its query, which may hold a secret. `query` and `is_signed` None: the platform does not tell."""

    id: str
    name: str
    url: str
    events: frozenset[str]
    is_active: bool
    has_body: bool = True
    query: str | None = None
    is_signed: bool | None = None

    def leads_to(self, url: str) -> bool:
        return _place(self.url) == _place(url)

    def flaws(self, wanted: WantedHook) -> list[str]:
        """What is not as wanted, each as a part of a sentence. More events than wanted are no flaw."""
        missing = [event for event in wanted.events if event not in self.events]
        found = {
            ELSEWHERE.format(url=self.url): urlsplit(self.url).path != urlsplit(wanted.url).path,
            OFF: not self.is_active,
            MISSING.format(events=", ".join(missing)): bool(missing),
            NO_BODY: not self.has_body,
            OTHER_ISSUES.format(query=self.query or "all"): not self._asks_as(wanted),
            UNSIGNED: self.is_signed is False,
        }
        return [flaw for flaw, is_so in found.items() if is_so]

    def mended(self, wanted: WantedHook) -> WantedHook:
        """As wanted, with what a person may have chosen: the name, more events, another way to write the same query."""
        more = sorted(self.events.difference(wanted.events))
        query = wanted.query if self.query is None or not self._asks_as(wanted) else self.query
        return replace(wanted, name=self.name or wanted.name, events=(*wanted.events, *more), query=query)

    def _asks_as(self, wanted: WantedHook) -> bool:
        """Blanks, quotation marks and the case of letters aside, which platforms may write as they like."""
        return self.query is None or _bare(self.query) == _bare(wanted.query)


class CountsShape(Shape):
    successes: int = 0
    failures: int = 0
    errors: int = 0


class ResultShape(Shape):
    description: Text = ""


class InvocationShape(Shape):
    finish: int = 0
    result: ResultShape = Field(default_factory=lambda: ResultShape())


class CenterHookShape(Shape):
    """As Data Center tells of one, Jira since 10."""

    id: Number
    name: Text = ""
    url: Text = ""
    events: tuple[str, ...] = ()
    active: bool = True

    def hook(self) -> Webhook:
        return Webhook(
            id=self.id,
            name=self.name,
            url=shown(self.url),
            events=frozenset(self.events),
            is_active=self.active,
        )


class StatisticsShape(Shape):
    """Of the last day. A failure is an answer that refuses, an error no answer at all."""

    counts: CountsShape = Field(default_factory=CountsShape)
    failure: InvocationShape | None = Field(None, alias="lastFailure")
    error: InvocationShape | None = Field(None, alias="lastError")

    def deliveries(self) -> Deliveries:
        last = max(
            filter(None, (self.failure, self.error)), key=lambda one: one.finish, default=InvocationShape()
        )
        failed = self.counts.failures + self.counts.errors
        return Deliveries(self.counts.successes, failed, last.result.description)


def state_of(hook: Webhook | None, deliveries: Deliveries | None) -> HookState:
    """What an operator is told of it: "failing" where most deliveries of the last day did not arrive."""
    if hook is None:
        return "missing"
    if not hook.is_active:
        return "disabled"
    return "failing" if deliveries and deliveries.is_failing else "fine"


class SeenHooks(Protocol):
    def all(self) -> list[Webhook]: ...
    def deliveries(self, hook: Webhook) -> Deliveries | None: ...


def hook_states(hooks: SeenHooks, path: str, url: str | None, name: str) -> dict[str, HookState]:
    """The state of each webhook of ours, by its name and number; of `name` alone where there is none.

    Empty where the account does not administer the platform, so that it cannot be told. Raises PlatformError.
    """
    try:
        found = ours(hooks.all(), path, url)
    except (AccessDenied, NotFound):
        return {}
    return {f"{one.name} ({one.id})": state_of(one, hooks.deliveries(one)) for one in found} or {
        name: "missing"
    }


def ours(hooks: Iterable[Webhook], path: str, url: str | None) -> list[Webhook]:
    """Those that lead to this path at our address; at any address where ours is not known."""
    if url:
        return [hook for hook in hooks if hook.leads_to(url.rstrip("/") + path)]
    return [hook for hook in hooks if urlsplit(hook.url).path.rstrip("/").endswith(path)]


def shown(url: str) -> str:
    """An address without what may be secret in it."""
    return url.partition("?")[0]


def _bare(query: str) -> str:
    return re.sub(r"[\s\"']", "", query).casefold()


def _place(url: str) -> tuple[str, str, str]:
    parts = urlsplit(url)
    return parts.scheme.lower(), parts.netloc.lower(), parts.path.rstrip("/")
