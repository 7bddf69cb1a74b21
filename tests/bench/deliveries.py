"""Deliveries as GitLab sends them: signed, about 20 KB, each of another merge request and another head."""

import base64
import hmac
import json
import time
from typing import Any

KEY = bytes(range(32))
SIGNING_TOKEN = "whsec_" + base64.b64encode(KEY).decode()
PROJECT = "acme/shop"
PATH = "/hooks/gitlab"
SIZE = 20_000
FIRST_IID = 1_000_000
HEAD = "c0ffee" + "0" * 34
SENTENCE = "Totals are rounded once, at the end, as the ledger does it. "


def event() -> dict[str, Any]:
    """The payload of an opened merge request, all fields the receiver looks at and some it does not."""
    return {
        "object_kind": "merge_request",
        "event_type": "merge_request",
        "user": {"id": 7, "name": "Ada", "username": "ada", "avatar_url": None},
        "project": {"id": 1, "name": "Shop", "path_with_namespace": PROJECT, "default_branch": "main"},
        "object_attributes": {
            "id": 1,
            "iid": FIRST_IID,
            "action": "open",
            "state": "opened",
            "draft": False,
            "title": "Round totals once",
            "source_branch": "rounding",
            "target_branch": "main",
            "updated_at": "2026-11-22 10:00:00 UTC",
            "last_commit": {"id": HEAD, "message": "Round totals once\n", "author": {"name": "Ada"}},
            "description": "",
        },
        "labels": [],
        "changes": {"updated_at": {"previous": None, "current": "2026-11-22 10:00:00 UTC"}},
        "repository": {"name": "Shop", "url": "git@gitlab.example.com:acme/shop.git"},
    }


def _template() -> bytes:
    """The payload at its full size: the description is what makes real ones large."""
    payload = event()
    missing = SIZE - len(json.dumps(payload))
    payload["object_attributes"]["description"] = (SENTENCE * (missing // len(SENTENCE) + 1))[:missing]
    return json.dumps(payload).encode()


TEMPLATE = _template()


def body(number: int) -> bytes:
    """The payload about merge request `number`, always of the same length."""
    with_iid = TEMPLATE.replace(b"%d" % FIRST_IID, b"%d" % (FIRST_IID + number))
    return with_iid.replace(HEAD.encode(), b"%040x" % number)


def signed(content: bytes, name: str) -> dict[str, str]:
    """The headers of a delivery sent now."""
    now = str(int(time.time()))
    digest = hmac.digest(KEY, f"{name}.{now}.".encode() + content, "sha256")
    return {
        "content-type": "application/json",
        "user-agent": "GitLab/19.2.0",
        "x-gitlab-event": "Merge Request Hook",
        "webhook-id": name,
        "webhook-timestamp": now,
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }


def http_request(content: bytes, headers: dict[str, str]) -> bytes:
    """The bytes on the wire."""
    lines = [f"POST {PATH} HTTP/1.1", "host: 127.0.0.1", f"content-length: {len(content)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + content
