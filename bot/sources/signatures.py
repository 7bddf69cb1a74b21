"""Is this delivery from whom it says? Headers, query, bytes and secrets in; nothing out, or `BadDelivery` (401).

GitLab: a secret that starts with `whsec_` is a signing token (Standard Webhooks 1.0.0; GitLab since 19.1), and
`webhook-signature` holds `v1,<base64>` entries, each the HMAC-SHA256 of `<id>.<timestamp>.<body>`. Any other secret
is the plain text of `X-Gitlab-Token`.

Jira: `X-Hub-Signature: <method>=<hex>`, the HMAC of the body with the secret's bytes as key (developer.atlassian.com,
/cloud/jira/platform/webhooks; Data Center since 10). Automation, Forge and other senders that sign nothing show the
secret in `X-Trivet-Token`; servers before 10, which can set no header, in the hook's address: `?secret=`.

Confluence: Data Center's webhooks are signed in the same way (confluence.atlassian.com/doc, "Managing Webhooks"; since
7.7). Cloud sends none: automation rules and Forge apps show the secret in `X-Trivet-Token`.

Several secrets serve rotation: one match is enough.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Mapping, Sequence
from urllib.parse import unquote_to_bytes

from bot.errors import BadDelivery

SIGNING_PREFIX = "whsec_"
KEY_BYTES = range(24, 65)
TOLERANCE_SECONDS = 300

METHODS = ("sha256", "sha384", "sha512")
"""Those that WebSub names (w3.org/TR/websub, 7.1), but SHA-1. Jira sends the first and announces that it may change."""

GITLAB = "TRIVET_GITLAB__WEBHOOK_SECRETS"
JIRA = "TRIVET_JIRA__WEBHOOK_SECRETS"
CONFLUENCE = "TRIVET_CONFLUENCE__WEBHOOK_SECRETS"

UNCONFIGURED = "no webhook secret is configured: set {setting}"
NO_SIGNING_KEY = f"the delivery is signed, but {GITLAB} holds no usable whsec_ signing token"
NO_PROOF = "the delivery has neither webhook-signature nor X-Gitlab-Token"
WRONG_TEXT = "{where} matches no secret in {setting}"
WRONG_SIGNATURE = "webhook-signature matches no configured signing token"
UNPROVEN = "the delivery has no X-Hub-Signature, no X-Trivet-Token and no secret in its address"
UNSIGNED = "the delivery has neither X-Hub-Signature nor X-Trivet-Token"
BAD_METHOD = f"X-Hub-Signature is not <method>=<hex> with one of the methods {', '.join(METHODS)}"
WRONG_HUB = "X-Hub-Signature was made with no secret in {setting}"
TWO_SECRETS = "the address holds more than one secret"
IN_ADDRESS = "the secret in the address, percent-encoded,"
NO_ID = "webhook-id is missing"
BAD_TIMESTAMP = "webhook-timestamp is missing or not whole seconds"
TOO_OLD = f"webhook-timestamp is more than {TOLERANCE_SECONDS} s ago: check both clocks"
TOO_NEW = f"webhook-timestamp is more than {TOLERANCE_SECONDS} s ahead: check both clocks"
NOT_LATIN = "a header or the address holds characters HTTP cannot carry"

EMPTY = "a webhook secret is empty"
BAD_KEY = "a whsec_ webhook secret must be base64 of 24 to 64 bytes, as GitLab shows it"
UNSENDABLE = (
    "a webhook secret holds blanks at its ends, line breaks or control characters, which no header carries"
)

_SECONDS = re.compile(r"[0-9]{1,12}")
_UNCARRIED = re.compile(r"^\s|\s$|[\x00-\x1f\x7f]|[\ud800-\udfff]")


def verify_gitlab(
    headers: Mapping[str, str], query: str, body: bytes, secrets: Sequence[str], now: float
) -> None:
    """Return if the delivery is authentic; else raise BadDelivery(401) with a reason that holds no secret.

    `headers`: names in lower case, values decoded as Latin-1. `query` is not looked at. `now`: Unix seconds.
    A signature that is there must be valid: the token is not looked at then.
    """
    if not any(secrets):
        raise BadDelivery(401, UNCONFIGURED.format(setting=GITLAB))
    if "webhook-signature" in headers:
        _verify_signature(headers, body, secrets, now)
    elif "x-gitlab-token" in headers:
        plain = [secret for secret in secrets if not secret.startswith(SIGNING_PREFIX)]
        _verify_text(_wire(headers["x-gitlab-token"]), plain, "X-Gitlab-Token", GITLAB)
    else:
        raise BadDelivery(401, NO_PROOF)


def verify_jira(
    headers: Mapping[str, str], query: str, body: bytes, secrets: Sequence[str], now: float
) -> None:
    """Return if the delivery is authentic; else raise BadDelivery(401) with a reason that holds no secret.

    `headers` as in `verify_gitlab`; `query` is the raw query string, decoded as Latin-1. `now` is not looked at:
    nothing that Jira signs tells when. Each proof that is there must be valid: a weaker one is not looked at then.
    """
    if not any(secrets):
        raise BadDelivery(401, UNCONFIGURED.format(setting=JIRA))
    if "x-hub-signature" in headers:
        _verify_hub_signature(headers["x-hub-signature"], body, secrets, JIRA)
    elif "x-trivet-token" in headers:
        _verify_text(_wire(headers["x-trivet-token"]), secrets, "X-Trivet-Token", JIRA)
    elif in_address := _secrets_in(query):
        _verify_address(in_address, secrets, JIRA)
    else:
        raise BadDelivery(401, UNPROVEN)


def verify_confluence(
    headers: Mapping[str, str], query: str, body: bytes, secrets: Sequence[str], now: float
) -> None:
    """Return if the delivery is authentic; else raise BadDelivery(401) with a reason that holds no secret.

    As `verify_jira`, but that a secret in the address proves nothing: every sender can sign, or set a header.
    """
    if not any(secrets):
        raise BadDelivery(401, UNCONFIGURED.format(setting=CONFLUENCE))
    if "x-hub-signature" in headers:
        _verify_hub_signature(headers["x-hub-signature"], body, secrets, CONFLUENCE)
    elif "x-trivet-token" in headers:
        _verify_text(_wire(headers["x-trivet-token"]), secrets, "X-Trivet-Token", CONFLUENCE)
    else:
        raise BadDelivery(401, UNSIGNED)


def check_secret(secret: str) -> str | None:
    """What is wrong with a secret for GitLab, in one sentence without the secret; None when it is fine."""
    if secret.startswith(SIGNING_PREFIX):
        return None if _key(secret) else BAD_KEY
    return check_plain_secret(secret)


def check_plain_secret(secret: str) -> str | None:
    """The same for Jira and Confluence, which know no signing tokens: `whsec_` is a text like others."""
    if not secret:
        return EMPTY
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


def _verify_hub_signature(sent: str, body: bytes, secrets: Sequence[str], setting: str) -> None:
    method, _, digest = sent.partition("=")
    if method not in METHODS:
        raise BadDelivery(401, BAD_METHOD)
    offered = _wire(digest)
    expected = (hmac.digest(_bytes(secret), body, method).hex().encode() for secret in secrets if secret)
    if not any(hmac.compare_digest(offered, one) for one in expected):
        raise BadDelivery(401, WRONG_HUB.format(setting=setting))


def _secrets_in(query: str) -> list[bytes]:
    """The values of `secret` in a query string. A "+" is a plus, as base64 has it, not a blank."""
    fields = (field.partition(b"=") for field in _wire(query).split(b"&"))
    return [unquote_to_bytes(value) for name, _, value in fields if name == b"secret"]


def _verify_address(in_address: Sequence[bytes], secrets: Sequence[str], setting: str) -> None:
    if len(in_address) > 1:
        raise BadDelivery(401, TWO_SECRETS)
    _verify_text(in_address[0], secrets, IN_ADDRESS, setting)


def _verify_text(sent: bytes, secrets: Sequence[str], where: str, setting: str) -> None:
    if not any(hmac.compare_digest(sent, _bytes(secret)) for secret in secrets if secret):
        raise BadDelivery(401, WRONG_TEXT.format(where=where, setting=setting))


def _bytes(secret: str) -> bytes:
    return secret.encode("utf-8", "surrogatepass")


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
    """The bytes of a header, or of a query, as they were sent."""
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        raise BadDelivery(401, NOT_LATIN) from None
