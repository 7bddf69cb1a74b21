"""Is this delivery from whom it says? Headers, bytes and secrets in; nothing out, or `BadDelivery` (401).

A secret that starts with `whsec_` is a signing token (Standard Webhooks 1.0.0; GitLab since 19.1):
`webhook-signature` holds `v1,<base64>` entries, each the HMAC-SHA256 of `<id>.<timestamp>.<body>`.
Any other secret is the plain text of `X-Gitlab-Token`. Several secrets serve rotation: one match is enough.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Mapping, Sequence

from bot.errors import BadDelivery

SIGNING_PREFIX = "whsec_"
KEY_BYTES = range(24, 65)
TOLERANCE_SECONDS = 300

UNCONFIGURED = "no webhook secret is configured: set TRIVET_GITLAB__WEBHOOK_SECRETS"
NO_SIGNING_KEY = (
    "the delivery is signed, but TRIVET_GITLAB__WEBHOOK_SECRETS holds no usable whsec_ signing token"
)
NO_PROOF = "the delivery has neither webhook-signature nor X-Gitlab-Token"
WRONG_TEXT = "X-Gitlab-Token matches no configured secret"
WRONG_SIGNATURE = "webhook-signature matches no configured signing token"
NO_ID = "webhook-id is missing"
BAD_TIMESTAMP = "webhook-timestamp is missing or not whole seconds"
TOO_OLD = f"webhook-timestamp is more than {TOLERANCE_SECONDS} s ago: check both clocks"
TOO_NEW = f"webhook-timestamp is more than {TOLERANCE_SECONDS} s ahead: check both clocks"
NOT_LATIN = "a signature header holds characters HTTP cannot carry"

EMPTY = "a webhook secret is empty"
BAD_KEY = "a whsec_ webhook secret must be base64 of 24 to 64 bytes, as GitLab shows it"
UNSENDABLE = (
    "a webhook secret holds blanks at its ends, line breaks or control characters, which no header carries"
)

_SECONDS = re.compile(r"[0-9]{1,12}")
_UNCARRIED = re.compile(r"^\s|\s$|[\x00-\x1f\x7f]|[\ud800-\udfff]")


def verify_gitlab(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: float) -> None:
    """Return if the delivery is authentic; else raise BadDelivery(401) with a reason that holds no secret.

    `headers`: names in lower case, values decoded as Latin-1. `now`: Unix seconds.
    A signature that is there must be valid: the token is not looked at then.
    """
    if not any(secrets):
        raise BadDelivery(401, UNCONFIGURED)
    if "webhook-signature" in headers:
        _verify_signature(headers, body, secrets, now)
    elif "x-gitlab-token" in headers:
        _verify_token(headers["x-gitlab-token"], secrets)
    else:
        raise BadDelivery(401, NO_PROOF)


def check_secret(secret: str) -> str | None:
    """What is wrong with a configured secret, in one sentence without the secret; None when it is fine."""
    if not secret:
        return EMPTY
    if secret.startswith(SIGNING_PREFIX):
        return None if _key(secret) else BAD_KEY
    return UNSENDABLE if _UNCARRIED.search(secret) else None


def _verify_signature(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: float) -> None:
    keys = [key for secret in secrets if (key := _key(secret))]
    if not keys:
        raise BadDelivery(401, NO_SIGNING_KEY)
    message = _signed_content(headers, body, now)
    entries = (entry.partition(",") for entry in headers["webhook-signature"].split(" "))
    offered = [_wire(signature) for version, _, signature in entries if version == "v1"]
    for key in keys:
        expected = base64.b64encode(hmac.digest(key, message, "sha256"))
        if any(hmac.compare_digest(signature, expected) for signature in offered):
            return
    raise BadDelivery(401, WRONG_SIGNATURE)


def _signed_content(headers: Mapping[str, str], body: bytes, now: float) -> bytes:
    name, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not name:
        raise BadDelivery(401, NO_ID)
    if not _SECONDS.fullmatch(timestamp):
        raise BadDelivery(401, BAD_TIMESTAMP)
    age = now - int(timestamp)
    if abs(age) > TOLERANCE_SECONDS:
        raise BadDelivery(401, TOO_OLD if age > 0 else TOO_NEW)
    return b"%b.%b.%b" % (_wire(name), timestamp.encode(), body)


def _verify_token(token: str, secrets: Sequence[str]) -> None:
    sent = _wire(token)
    plain = (secret for secret in secrets if secret and not secret.startswith(SIGNING_PREFIX))
    if not any(hmac.compare_digest(sent, secret.encode("utf-8", "surrogatepass")) for secret in plain):
        raise BadDelivery(401, WRONG_TEXT)


def _key(secret: str) -> bytes | None:
    """The bytes of a signing token, its base64 padded or not; None for anything else."""
    if not secret.startswith(SIGNING_PREFIX):
        return None
    text = secret.removeprefix(SIGNING_PREFIX)
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if len(key) in KEY_BYTES else None


def _wire(value: str) -> bytes:
    """The bytes of a header as they were sent."""
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        raise BadDelivery(401, NOT_LATIN) from None
