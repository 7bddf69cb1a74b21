"""The public keys an issuer of ID tokens signs with: OpenID discovery, then the key set it names.

Two small requests to the issuer's own origin: redirects are refused, and what is read is bounded in bytes and time.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import jwt
import orjson
import requests

from bot.errors import PlatformError, Unavailable
from bot.gateways.bounded import BoundedAdapter
from bot.gateways.gitlab_shapes import shaped
from bot.gateways.shapes import Shape

DISCOVERY: Final = "/.well-known/openid-configuration"
CONNECT_SECONDS: Final = 3.0
READ_SECONDS: Final = 5.0
MOST_BYTES: Final = 262_144
MOST_KEYS: Final = 100
SMALLEST_KEY: Final = 2048  # bits

UNREADABLE = "the keys of {issuer} cannot be read: {reason}"
STATUS = "it answered {path} with {status}"
NOT_JSON = "it answered {path} with something that is not JSON"
OTHER_ISSUER = "its discovery document names another issuer"
OTHER_ORIGIN = "its discovery document names keys of another origin"


class DiscoveryShape(Shape):
    issuer: str
    jwks_uri: str


class KeyShape(Shape):
    """The public part of a JSON Web Key; the parts of an RSA key are base64url."""

    kty: str
    kid: str | None = None
    use: str | None = None
    alg: str | None = None
    n: str | None = None
    e: str | None = None


class KeySetShape(Shape):
    keys: tuple[KeyShape, ...]


def issuer_keys(issuer: str) -> Mapping[str, jwt.PyJWK]:
    """The RSA signing keys of an issuer, by id. Raises Unavailable."""
    with requests.Session() as session:
        for scheme in ("http://", "https://"):
            session.mount(scheme, BoundedAdapter(MOST_BYTES, READ_SECONDS))
        try:
            found = shaped(DiscoveryShape, _got(session, issuer + DISCOVERY), "OpenID discovery")
            _check(found, issuer)
            key_set = shaped(KeySetShape, _got(session, found.jwks_uri), "the key set")
        except PlatformError as error:
            raise Unavailable(UNREADABLE.format(issuer=issuer, reason=error)) from None
    return {one.kid: key for one in key_set.keys[:MOST_KEYS] if one.kid and (key := _key(one))}


def _got(session: requests.Session, url: str) -> object:
    path = urlsplit(url).path
    try:
        answer = session.get(url, timeout=(CONNECT_SECONDS, READ_SECONDS), allow_redirects=False)
    except (requests.RequestException, ValueError) as error:
        raise PlatformError(type(error).__name__) from None
    if answer.status_code != requests.codes.ok:
        raise PlatformError(STATUS.format(path=path, status=answer.status_code))
    try:
        return orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        raise PlatformError(NOT_JSON.format(path=path)) from None


def _check(found: DiscoveryShape, issuer: str) -> None:
    if found.issuer != issuer:
        raise PlatformError(OTHER_ISSUER)
    if _origin(found.jwks_uri) != _origin(issuer):
        raise PlatformError(OTHER_ORIGIN)


def _origin(url: str) -> tuple[str, str, int | None, bool] | None:
    """Scheme, host, port, and whether somebody's name is in it; None for what is no address."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
        return parts.scheme, parts.hostname or "", port, "@" in parts.netloc
    except ValueError:
        return None


def _key(one: KeyShape) -> jwt.PyJWK | None:
    """None for a key that is not for RS256 signatures, or too short for them."""
    if one.kty != "RSA" or one.use not in (None, "sig") or one.alg not in (None, "RS256"):
        return None
    try:
        key = jwt.PyJWK.from_dict({"kty": "RSA", "n": one.n, "e": one.e, "kid": one.kid}, algorithm="RS256")
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    return key if key.key.key_size >= SMALLEST_KEY else None
