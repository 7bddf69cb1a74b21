"""Jira's webhooks that administrators set up: Cloud's, Data Center's since 10, and those of servers before.

Cloud and old servers: `/rest/webhooks/1.0/webhook` (developer.atlassian.com/cloud/jira/platform/webhooks); Cloud signs,
and tells that it does (`isSigned`), never with what. Since 10: `/rest/jira-webhook/1.0/webhooks`, with secret, filter
and the body's exclusion in `configuration` as texts: a `secret` beside it is ignored without a word. Servers before
10 sign nothing: the secret stands in the address, percent-encoded.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Final
from urllib.parse import quote

from pydantic import BeforeValidator, Field

from bot.errors import NotFound, PlatformError
from bot.gateways.jira_api import JiraApi, objects
from bot.gateways.jira_shapes import shaped
from bot.gateways.shapes import Shape, Text
from bot.gateways.webhook import CenterHookShape, Deliveries, StatisticsShape, WantedHook, Webhook, shown

EVENTS: Final = ("jira:issue_created", "jira:issue_updated", "comment_created", "jira:version_released")
"""Those that start something: see `bot.sources.jira`."""

OLD, NEW = "/rest/webhooks/1.0/webhook", "/rest/jira-webhook/1.0/webhooks"
SIGNS_SINCE: Final = 10  # major version of Data Center
SECTION = "issue-related-events-section"
WHAT = "its webhooks"
NO_ID = "Jira told of a webhook without its id"

Truth = Annotated[bool, BeforeValidator(lambda value: value == "true" if isinstance(value, str) else value)]


class OldHookShape(Shape):
    """On Cloud and old servers; the id is the end of `self`."""

    name: Text = ""
    url: Text = ""
    events: tuple[str, ...] = ()
    enabled: bool = True
    exclude_body: Truth = Field(False, alias="excludeBody")
    filters: dict[str, Any] = Field(default_factory=dict)
    is_signed: bool | None = Field(None, alias="isSigned")
    address: Text = Field("", alias="self")

    def hook(self) -> Webhook:
        number = self.address.rstrip("/").rpartition("/")[2]
        if not number:
            raise PlatformError(NO_ID)
        return Webhook(
            id=number,
            name=self.name,
            url=shown(self.url),
            events=frozenset(self.events),
            is_active=self.enabled,
            has_body=not self.exclude_body,
            query=str(self.filters.get(SECTION) or ""),
            is_signed=self.is_signed,
        )


class ConfigurationShape(Shape):
    """`FILTERS` is JSON in a text."""

    filters: Text = Field("", alias="FILTERS")
    exclude_body: Truth = Field(False, alias="EXCLUDE_BODY")

    @property
    def query(self) -> str | None:
        """None where it is not told."""
        try:
            found = json.loads(self.filters) if self.filters else None
        except ValueError:
            return None
        return str(found.get(SECTION) or "") if isinstance(found, dict) else None


class NewHookShape(CenterHookShape):
    """On Data Center since 10. What its secret is, or that it has one, is not looked at."""

    configuration: ConfigurationShape = Field(default_factory=lambda: ConfigurationShape())

    def hook(self) -> Webhook:
        told = self.configuration
        return replace(super().hook(), has_body=not told.exclude_body, query=told.query)


class JiraHooks:
    """Every call raises PlatformError: AccessDenied for who does not administer Jira."""

    def __init__(self, api: JiraApi) -> None:
        self._api = api
        self._is_new = not api.is_cloud and major(api) >= SIGNS_SINCE
        self.is_signing = api.is_cloud or self._is_new
        self._path = NEW if self._is_new else OLD

    def all(self) -> list[Webhook]:
        return [self._hook(one) for one in objects(self._api.beside("GET", self._path, WHAT), WHAT)]

    def read(self, hook: Webhook) -> Webhook:
        return self._hook(self._api.beside("GET", self._of(hook), WHAT))

    def create(self, wanted: WantedHook, secret: str) -> Webhook:
        return self._hook(self._api.beside("POST", self._path, WHAT, self._body(wanted, secret)))

    def change(self, hook: Webhook, wanted: WantedHook, secret: str) -> None:
        """Sets everything anew, the secret, too: which one it has nobody is told."""
        self._api.beside("PUT", self._of(hook), WHAT, self._body(wanted, secret))

    def deliveries(self, hook: Webhook) -> Deliveries | None:
        """None where Jira does not count them: on Cloud and on servers before 10."""
        if not self._is_new:
            return None
        what = f"the deliveries of webhook {hook.id}"
        try:
            said = self._api.beside("GET", f"{self._of(hook)}/statistics", what)
        except NotFound:
            return None
        return shaped(StatisticsShape, said, what).deliveries()

    def _of(self, hook: Webhook) -> str:
        return f"{self._path}/{quote(hook.id, safe='')}"

    def _hook(self, told: Any) -> Webhook:
        shape: type[NewHookShape] | type[OldHookShape] = NewHookShape if self._is_new else OldHookShape
        return shaped(shape, told, WHAT).hook()

    def _body(self, wanted: WantedHook, secret: str) -> Mapping[str, Any]:
        same = {"name": wanted.name, "url": wanted.url, "events": list(wanted.events)}
        filters = {SECTION: wanted.query} if wanted.query else {}
        if self._is_new:
            told = {"SECRET": secret, "EXCLUDE_BODY": "false", "FILTERS": json.dumps(filters)}
            return same | {"active": True, "scopeType": "global", "configuration": told}
        common = same | {"filters": filters, "excludeBody": False, "enabled": True}
        if self.is_signing:
            return common | {"secret": secret}
        return common | {"url": f"{wanted.url}?secret={quote(secret, safe='')}"}


def major(api: JiraApi) -> int:
    """The major version of a Data Center; 0 where it does not say."""
    found = re.match(r"\d+", api.server.version)
    return int(found[0]) if found else 0
