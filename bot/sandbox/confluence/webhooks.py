"""Data Center's webhooks: who is told what, the signature, and the courier. Cloud sends nothing.

`X-Hub-Signature: sha256=<hex>` over the raw body, ids as numbers, one try (confluence.atlassian.com "Managing
webhooks"; bodies as Zulip's fixtures have them).
"""

import hashlib
import hmac
import json
import threading

from bot.sandbox.confluence.model import Comment, Hook, HookDelivery, Json, Page, Person, Site, now
from bot.sandbox.webhooks import TIMEOUT_SECONDS, post

EVENTS = (
    "page_created",
    "page_updated",
    "page_moved",
    "page_trashed",
    "page_restored",
    "page_removed",
    "content_permissions_updated",
    "comment_created",
    "comment_updated",
    "comment_removed",
)
AGENT = "Atlassian HttpClient 4.2.0 / Confluence-9.2.0 (9109) / Default"


def page_event(site: Site, event: str, page: Page, actor: Person, **more: Json) -> None:
    """`page_...`; `more`: `oldParent` of a move."""
    _fire(site, event, actor, {"page": {"id": int(page.id)}} | more)


def permissions_event(site: Site, page: Page, actor: Person) -> None:
    _fire(site, "content_permissions_updated", actor, {"content": {"id": int(page.id)}})


def comment_event(site: Site, event: str, comment: Comment, actor: Person) -> None:
    _fire(site, event, actor, {"comment": {"id": int(comment.id)}})


def ping(site: Site, hook: Hook) -> None:
    """What `/test` sends."""
    _send(site, hook, "test", json.dumps({"test": True}).encode())


def resend(site: Site, delivery: HookDelivery) -> None:
    """The same request once more, as nobody but a test wants it."""
    _send(site, delivery.hook, delivery.event, delivery.body)


def headers(delivery: HookDelivery) -> dict[str, str]:
    sent = {
        "Content-Type": "application/json; charset=UTF-8",
        "User-Agent": AGENT,
        "X-Event-Key": delivery.event,
    }
    if delivery.hook.secret:
        digest = hmac.new(delivery.hook.secret.encode(), delivery.body, hashlib.sha256).hexdigest()
        sent["X-Hub-Signature"] = f"sha256={digest}"
    return sent


class Courier(threading.Thread):
    """Sends what is in the outbox, in order, until it finds None there."""

    def __init__(self, site: Site) -> None:
        super().__init__(name="sandbox-confluence-courier", daemon=True)
        self._site = site

    def run(self) -> None:
        while (delivery := self._site.outbox.get()) is not None:
            delivery.status = post(delivery.hook.url, delivery.body, headers(delivery))
            self._site.touch()

    def stop(self) -> None:
        self._site.outbox.put(None)
        self.join(TIMEOUT_SECONDS + 1)


def _fire(site: Site, event: str, actor: Person, told: Json) -> None:
    if site.cloud:
        return
    body = {"timestamp": int(now().timestamp() * 1000), "event": event, "userKey": actor.key} | told
    for hook in site.hooks:
        if hook.active and event in hook.events:
            _send(site, hook, event, json.dumps(body).encode())


def _send(site: Site, hook: Hook, event: str, body: bytes) -> None:
    delivery = HookDelivery(site.state.next_id("confluence delivery"), hook, event, body, now())
    site.deliveries.append(delivery)
    if site.drop_hooks:
        delivery.status = "dropped"
    else:
        site.outbox.put(delivery)
    site.touch()
