"""Webhooks out: who is told what, how a delivery is signed, and the courier that sends them one after the other.

As GitLab does it: 10 seconds a request, no redirects followed, no second try. Only loopback addresses are called.
"""

import base64
import binascii
import hashlib
import hmac
import http.client
import json
import threading
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import SplitResult, urlsplit

from bot.sandbox import hook_health
from bot.sandbox.model import Delivery, Hook, Project, State

Json = dict[str, Any]

TIMEOUT_SECONDS = 10
MOST_ANSWER = 8_192  # bytes that are kept of an answer
LOOPBACK = ("127.0.0.1", "localhost", "::1")
EVENT_NAMES = {
    "merge_requests_events": "Merge Request Hook",
    "note_events": "Note Hook",
    "confidential_note_events": "Confidential Note Hook",
    "emoji_events": "Emoji Hook",
    "push_events": "Push Hook",
    "tag_push_events": "Tag Push Hook",
    "pipeline_events": "Pipeline Hook",
}


def callable_url(url: str) -> bool:
    """Whether a hook may point there."""
    try:
        parts = urlsplit(url)
        return parts.scheme == "http" and parts.hostname in LOOPBACK and (parts.port or 80) > 0
    except ValueError:
        return False


def usable_signing_token(token: str) -> bool:
    """`whsec_` and 32 bytes in base64 (Standard Webhooks)."""
    try:
        return token.startswith("whsec_") and len(_key(token)) == 32
    except binascii.Error:
        return False


def fire(state: State, project: Project, event: str, payload: Json) -> None:
    """Puts one delivery on the way to every hook of the project, and of its groups, that wants this event."""
    above = project.groups if state.switches.premium else []
    for hook in (*project.hooks, *(hook for group in above for hook in group.hooks)):
        if event in hook.events and hook_health.is_executable(state, hook):
            _post(state, _delivery(state, hook, event, payload))


def test(state: State, hook: Hook, event: str, payload: Json) -> Delivery:
    """One new delivery to this hook, whatever it subscribes to and however it fares; back when it has been answered.

    Takes up to `TIMEOUT_SECONDS`: not to be called while the state is locked.
    """
    with state.lock:
        delivery = _delivery(state, hook, event, payload)
    carry(state, delivery)
    return delivery


def carry(state: State, delivery: Delivery) -> None:
    """Sends it, and says on the delivery and its hook what came of it."""
    sent = headers(state, delivery, time.time() + state.switches.clock)
    status, said = exchange(delivery.hook.url, delivery.body, sent)
    with state.lock:
        delivery.status, delivery.said = status, said
        hook_health.account(state, delivery.hook, status)
    state.touch()


def resend(state: State, delivery: Delivery) -> None:
    """The same request once more, under the same key."""
    again = Delivery(
        state.next_id("delivery"),
        delivery.hook,
        delivery.event,
        delivery.key,
        delivery.body,
        datetime.now(UTC),
    )
    state.seen.deliveries.append(again)
    _post(state, again)


def headers(state: State, delivery: Delivery, now: float) -> dict[str, str]:
    """What GitLab sends along; `now` in Unix seconds."""
    hook = delivery.hook
    sent = {
        "Content-Type": "application/json",
        "User-Agent": f"GitLab/{state.version}",
        "Idempotency-Key": delivery.key,
        "X-Gitlab-Event": delivery.event,
        "X-Gitlab-Webhook-UUID": str(uuid.uuid4()),
        "X-Gitlab-Instance": state.url,
        "X-Gitlab-Event-UUID": str(uuid.uuid4()),
    }
    if hook.token:
        sent["X-Gitlab-Token"] = hook.token
    if hook.signing_token:
        sent |= _signature(hook.signing_token, delivery, str(int(now)))
    return sent


class Courier(threading.Thread):
    """Sends what is in the outbox, in order, until it finds None there."""

    def __init__(self, state: State) -> None:
        super().__init__(name="sandbox-courier", daemon=True)
        self._state = state

    def run(self) -> None:
        while (delivery := self._state.outbox.get()) is not None:
            carry(self._state, delivery)

    def stop(self) -> None:
        self._state.outbox.put(None)
        self.join(TIMEOUT_SECONDS + 1)


def post(address: str, body: bytes, given: Mapping[str, str]) -> int | str:
    """One request with these headers: the receiver's status, or why there is none."""
    return exchange(address, body, given)[0]


def exchange(address: str, body: bytes, given: Mapping[str, str]) -> tuple[int | str, str]:
    """The same, with the beginning of the answer, or the error's own text."""
    url = urlsplit(address)
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("POST", _target(url), body, dict(given))
        answer = connection.getresponse()
        return answer.status, answer.read(MOST_ANSWER).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        return type(error).__name__, _as_gitlab_says(error, url)
    finally:
        connection.close()


def _delivery(state: State, hook: Hook, event: str, payload: Json) -> Delivery:
    key, body = str(uuid.uuid4()), json.dumps(payload).encode()
    made = Delivery(state.next_id("delivery"), hook, EVENT_NAMES[event], key, body, datetime.now(UTC))
    state.seen.deliveries.append(made)
    return made


def _post(state: State, delivery: Delivery) -> None:
    if state.switches.drop_hooks:
        delivery.status = "dropped"
    else:
        state.outbox.put(delivery)
    state.touch()


def _as_gitlab_says(error: Exception, url: SplitResult) -> str:
    """Ruby's words for what keeps a request from being answered."""
    if isinstance(error, TimeoutError):
        return "Net::ReadTimeout with #<TCPSocket:(closed)>"
    return f"Failed to open TCP connection to {url.hostname}:{url.port} ({error})"


def _signature(token: str, delivery: Delivery, timestamp: str) -> dict[str, str]:
    signed = f"{delivery.key}.{timestamp}.".encode() + delivery.body
    digest = base64.b64encode(hmac.new(_key(token), signed, hashlib.sha256).digest()).decode()
    return {"webhook-id": delivery.key, "webhook-timestamp": timestamp, "webhook-signature": f"v1,{digest}"}


def _key(token: str) -> bytes:
    return base64.b64decode(token.removeprefix("whsec_"), validate=True)


def _target(url: SplitResult) -> str:
    return (url.path or "/") + (f"?{url.query}" if url.query else "")
