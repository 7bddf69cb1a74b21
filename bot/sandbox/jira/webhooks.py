"""Jira's webhooks: who is told, what the request looks like, and the courier that sends it and tries again.

Both deployments sign the raw body as `X-Hub-Signature: sha256=<hex>`. Cloud names each delivery by an identifier that
stays over its retries; it tries again on these answers and on a connection that fails, five times. Data Center names
none and tries once. (developer.atlassian.com/cloud/jira/platform/webhooks; confluence.atlassian.com "Managing
webhooks".) Pauses are far shorter here.
"""

import hashlib
import heapq
import hmac
import json
import threading
import time
import uuid

from bot.sandbox.jira import jql, shapes
from bot.sandbox.jira.model import (
    Comment,
    Hook,
    HookDelivery,
    Issue,
    Json,
    Person,
    Project,
    Site,
    Version,
    now,
)
from bot.sandbox.webhooks import TIMEOUT_SECONDS, post

EVENTS = (
    "jira:issue_created",
    "jira:issue_updated",
    "jira:issue_deleted",
    "comment_created",
    "comment_updated",
    "comment_deleted",
    "issue_property_set",
    "issue_property_deleted",
    "jira:version_released",
)
TRY_AGAIN = {408, 409, 425, 429}
AGENTS = {"cloud": "Atlassian HttpClient 1.0", "datacenter": "Atlassian HttpClient 4.0.0 / JIRA-10.3.6"}


def issue_event(site: Site, event: str, kind: str, issue: Issue, actor: Person, **more: Json) -> None:
    """`jira:issue_created|updated|deleted`; `kind`: its `issue_event_type_name`; `more`: changelog, comment."""
    body = _stamped(event) | {
        "issue_event_type_name": kind,
        "user": shapes.person(site, actor),
        "issue": _issue(site, issue),
    }
    _fire(site, event, issue, body | more)


def comment_event(site: Site, event: str, issue: Issue, comment: Comment) -> None:
    """Cloud adds six fields of the issue and says nothing of who did it; Data Center tells the comment only."""
    body = _stamped(event) | {"comment": shapes.comment(site, issue, comment, None, 2)}
    if site.cloud:
        body |= {"issue": shapes.thin_issue(site, issue), "eventType": "primaryAction"}
    _fire(site, event, issue, body)


def property_event(site: Site, event: str, issue: Issue, actor: Person, told: Json) -> None:
    body = _stamped(event) | {
        "user": shapes.person(site, actor),
        "issue": shapes.thin_issue(site, issue),
        "property": told,
    }
    _fire(site, event, issue, body)


def version_event(site: Site, event: str, project: Project, version: Version) -> None:
    body = _stamped(event) | {"version": shapes.version_of(site, project, version)}
    _fire(site, event, None, body)


def resend(site: Site, delivery: HookDelivery) -> None:
    """The same request once more, under the same identifier."""
    _send(site, delivery.hook, delivery.event, delivery.identifier, delivery.body)


def headers(site: Site, delivery: HookDelivery) -> dict[str, str]:
    sent = {"Content-Type": "application/json; charset=UTF-8", "User-Agent": AGENTS[site.deployment]}
    if delivery.hook.secret:
        digest = hmac.new(delivery.hook.secret.encode(), delivery.body, hashlib.sha256).hexdigest()
        sent["X-Hub-Signature"] = f"sha256={digest}"
    if site.cloud:
        sent |= {"X-Atlassian-Webhook-Identifier": delivery.identifier, "X-Atlassian-Webhook-Flow": "Primary"}
    if delivery.statuses:
        sent["X-Atlassian-Webhook-Retry"] = str(len(delivery.statuses))
    return sent


class Courier(threading.Thread):
    """Sends each delivery when it is due, one at a time, until it is stopped."""

    def __init__(self, site: Site) -> None:
        super().__init__(name="sandbox-jira-courier", daemon=True)
        self._site = site
        self._stopped = False

    def run(self) -> None:
        while (delivery := self._next()) is not None:
            status = post(delivery.hook.url, delivery.body, headers(self._site, delivery))
            with self._site.wake:
                _tried(self._site, delivery, status)

    def stop(self) -> None:
        with self._site.wake:
            self._stopped = True
            self._site.wake.notify_all()
        self.join(TIMEOUT_SECONDS + 1)

    def _next(self) -> HookDelivery | None:
        """The next one that is due; None once there is to be no more."""
        with self._site.wake:
            while not self._stopped:
                outbox = self._site.outbox
                pause = outbox[0][0] - time.monotonic() if outbox else None
                if pause is not None and pause <= 0:
                    return heapq.heappop(outbox)[2]
                self._site.wake.wait(pause)
        return None


def _tried(site: Site, delivery: HookDelivery, status: int | str) -> None:
    tries = len(delivery.statuses)
    delivery.statuses.append(status)
    failed = isinstance(status, str) or status in TRY_AGAIN or status >= 500
    if failed and site.cloud and tries < len(site.retry_seconds):
        _put(site, delivery, site.retry_seconds[tries])
    else:
        delivery.done = True
    site.touch()


def _stamped(event: str) -> Json:
    """`timestamp` is in milliseconds."""
    return {"timestamp": int(now().timestamp() * 1000), "webhookEvent": event}


def _issue(site: Site, issue: Issue) -> Json:
    shown = shapes.issue(site, issue, None, 2)
    del shown["expand"], shown["fields"]["comment"]
    return shown


def _fire(site: Site, event: str, issue: Issue | None, body: Json) -> None:
    for hook in site.hooks:
        if hook.enabled and event in hook.events and _concerns(site, hook, issue):
            sent = b"" if hook.exclude_body else json.dumps(body).encode()
            _send(site, hook, event, str(uuid.uuid4()), sent)


def _concerns(site: Site, hook: Hook, issue: Issue | None) -> bool:
    """Whether the webhook's query finds the issue; versions have none."""
    if issue is None or not hook.jql:
        return True
    test = jql.parsed(site, None, hook.jql).test
    return test is None or test(issue)


def _send(site: Site, hook: Hook, event: str, identifier: str, body: bytes) -> None:
    delivery = HookDelivery(site.next_id("delivery"), hook, event, identifier, body, now())
    site.deliveries.append(delivery)
    if site.drop_hooks:
        delivery.statuses.append("dropped")
        delivery.done = True
    else:
        _put(site, delivery, 0.0)
    site.touch()


def _put(site: Site, delivery: HookDelivery, seconds: float) -> None:
    """A heap that the courier waits on: due time, number, delivery."""
    with site.wake:
        heapq.heappush(site.outbox, (time.monotonic() + seconds, site.next_id("turn"), delivery))
        site.wake.notify_all()
