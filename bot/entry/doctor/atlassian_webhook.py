"""The webhook by which Jira or Confluence tells us of changes, as their administrators may see it."""

from collections.abc import Callable, Iterator

from bot.domain.hook_paths import hook_path
from bot.entry.doctor.atlassian_accounts import Product
from bot.entry.doctor.check import Check, fine, note, wrong
from bot.errors import AccessDenied, NotFound
from bot.gateways.webhook import Deliveries, SeenHooks, WantedHook, Webhook, ours
from bot.settings import Settings

NAME = "webhook"

UNSEEN = "whether it is set up is for administrators to see"
UNSEEN_CURE = (
    "`trivet connect {command}` says how to set it up; under Processes stands when a delivery came last"
)
MISSING = "no webhook leads to {place}: changes are found by asking every {seconds:.0f} s alone"
CONNECT = "`trivet connect {command}` sets it up"
LEADS = "“{name}” leads to {url}"
FLAWED = "“{name}” (number {id}): {flaws}"
FAILS = "“{name}” (number {id}): {failed} deliveries of the last day failed, {arrived} arrived{error}"
LAST_SAID = "; the last one: {error}"
LET_REACH = "let {product} reach {url}; 401 means another secret: `trivet connect {command}` sets ours"
TWICE = "webhooks {ids} all lead to {url}"
DELETE_REST = "delete all but one: each event is sent by every one of them"


def webhook_checks(
    product: Product, hooks: SeenHooks, settings: Settings, wanted: Callable[[str], WantedHook]
) -> Iterator[Check]:
    """Those that lead to us. `wanted`: how one to this address should be. Raises PlatformError."""
    command, path = product.lower(), hook_path(product.lower())
    try:
        found = ours(hooks.all(), path, settings.public_url)
    except (AccessDenied, NotFound):
        yield note(product, NAME, UNSEEN, UNSEEN_CURE.format(command=command))
        return
    if found:
        yield _first(product, found[0], wanted(found[0].url), hooks.deliveries(found[0]))
    else:
        said = MISSING.format(place=f"{settings.public_url or ''}{path}", seconds=settings.sweep_seconds)
        yield note(product, NAME, said, CONNECT.format(command=command))
    if len(found) > 1:
        said = TWICE.format(ids=", ".join(one.id for one in found), url=found[0].url)
        yield note(product, NAME, said, DELETE_REST)


def _first(product: Product, hook: Webhook, wanted: WantedHook, sent: Deliveries | None) -> Check:
    words = {"name": hook.name, "id": hook.id, "url": hook.url}
    command = product.lower()
    if flaws := hook.flaws(wanted):
        said = FLAWED.format(**words, flaws="; ".join(flaws))
        return wrong(product, NAME, said, CONNECT.format(command=command))
    if sent and sent.is_failing:
        error = LAST_SAID.format(error=sent.error) if sent.error else ""
        said = FAILS.format(**words, failed=sent.failed, arrived=sent.arrived, error=error)
        cure = LET_REACH.format(product=product, url=hook.url, command=command)
        return wrong(product, NAME, said, cure)
    return fine(product, NAME, LEADS.format(**words))
