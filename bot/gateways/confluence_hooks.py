"""Data Center's webhooks, since Confluence 7.7 (developer.atlassian.com/server/confluence/webhooks).

Cloud has none that an administrator could set up. What a test was answered is documented nowhere; a test is signed with
nothing, as it is of an address and not of a webhook.
"""

import re
from typing import Any, Final
from urllib.parse import quote, urlencode

from pydantic import Field

from bot.errors import NotFound, PlatformError
from bot.gateways.confluence_api import ConfluenceApi
from bot.gateways.confluence_shapes import shaped
from bot.gateways.shapes import Shape, Text
from bot.gateways.webhook import CenterHookShape, Deliveries, StatisticsShape, WantedHook, Webhook

EVENTS: Final = ("page_updated", "page_moved", "page_restored", "content_permissions_updated")
"""Those that start something: see docs/confluence.md."""

HAS_HOOKS_SINCE: Final = (7, 7)
LONGEST_SECRET: Final = 255  # characters
PATH = "/webhooks"
MOST = 500
WHAT = "its webhooks"
MANIFEST = "/rest/applinks/1.0/manifest"


class ManifestShape(Shape):
    """What Data Center tells every other application of itself; its API has no version of it."""

    product: Text = Field("", alias="typeId")
    version: Text = ""


class ConfluenceHooks:
    """Of Data Center. Every call raises PlatformError: AccessDenied for who does not administer Confluence."""

    def __init__(self, api: ConfluenceApi) -> None:
        self._api = api

    def all(self) -> list[Webhook]:
        return [_hook(one) for one in self._api.v1.listed(PATH, WHAT, MOST)]

    def read(self, hook: Webhook) -> Webhook:
        return _hook(self._api.v1.get(_of(hook), WHAT))

    def create(self, wanted: WantedHook, secret: str) -> Webhook:
        return _hook(self._api.v1.post(PATH, WHAT, _body(wanted, secret)))

    def change(self, hook: Webhook, wanted: WantedHook, secret: str) -> None:
        """Sets everything anew, the secret, too: which one it has nobody is told."""
        self._api.v1.put(_of(hook), WHAT, _body(wanted, secret))

    def test(self, url: str) -> None:
        """Makes Confluence send something, unsigned, to an address. Raises PlatformError where it says it cannot."""
        self._api.v1.post(f"{PATH}/test?{urlencode({'url': url})}", f"a test of {url}", {})

    def deliveries(self, hook: Webhook) -> Deliveries | None:
        """None where Confluence does not count them."""
        what = f"the deliveries of webhook {hook.id}"
        try:
            said = self._api.v1.get(f"{_of(hook)}/statistics", what)
        except NotFound:
            return None
        return shaped(StatisticsShape, said, what).deliveries()


def version_of(api: ConfluenceApi) -> tuple[int, int] | None:
    """Data Center's version, major and minor; None where it does not say."""
    what = "its manifest"
    try:
        said = shaped(ManifestShape, api.beside("GET", MANIFEST, what), what)
    except PlatformError:
        return None
    numbers = re.match(r"(\d+)\.(\d+)", said.version)
    return (int(numbers[1]), int(numbers[2])) if numbers else None


def dotted(version: tuple[int, int]) -> str:
    """As people write it, "9.2"."""
    return ".".join(map(str, version))


def _of(hook: Webhook) -> str:
    return f"{PATH}/{quote(hook.id, safe='')}"


def _hook(told: Any) -> Webhook:
    return shaped(CenterHookShape, told, WHAT).hook()


def _body(wanted: WantedHook, secret: str) -> dict[str, Any]:
    return {
        "name": wanted.name,
        "url": wanted.url,
        "events": list(wanted.events),
        "configuration": {"secret": secret},
        "active": True,
    }
