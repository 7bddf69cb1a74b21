"""ID tokens as GitLab makes them, and as it never would: keys of our own, claims at will."""

import base64
import hmac
import time
from functools import cache
from typing import Any

import jwt
import orjson
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

ISSUER = "https://gitlab.example.test"
AUDIENCE = "https://trivet.example.test"
KEY_NAME = "the-key"

Json = dict[str, Any]


@cache
def private_key(name: str = KEY_NAME) -> rsa.RSAPrivateKey:
    """One key a name, as a key takes a tenth of a second."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_jwk(name: str = KEY_NAME, **more: str) -> Json:
    jwk = jwt.algorithms.RSAAlgorithm.to_jwk(private_key(name).public_key(), as_dict=True)
    return {**jwk, "kid": name, "use": "sig", "alg": "RS256", **more}


def published(*names: str) -> dict[str, jwt.PyJWK]:
    return {name: jwt.PyJWK.from_dict(public_jwk(name), algorithm="RS256") for name in names or (KEY_NAME,)}


def true_claims(now: float | None = None, **other: Any) -> Json:
    """`other` claims replace these; None takes one away."""
    at = int(time.time() if now is None else now)
    said = {
        "iss": ISSUER,
        "sub": "project_path:acme/shop:ref_type:branch:ref:feature",
        "aud": AUDIENCE,
        "jti": "0d3c7b3e-6a55-4a8b-a6bb-5d0e8e2b8f11",
        "iat": at,
        "nbf": at - 5,
        "exp": at + 300,
        "project_id": "20",
        "project_path": "acme/shop",
        "pipeline_id": "574",
        "pipeline_source": "merge_request_event",
        "job_id": "302",
        "ref": "feature",
        "ref_type": "branch",
        "ref_protected": "false",
        "sha": "ab" * 20,
    } | other
    return {name: value for name, value in said.items() if value is not None}


def signed(claims: Json, *, key: str = KEY_NAME, kid: str | None = KEY_NAME, algorithm: str = "RS256") -> str:
    headers = {} if kid is None else {"kid": kid}
    return jwt.encode(claims, private_key(key), algorithm=algorithm, headers=headers)


def unsigned(claims: Json, kid: str = KEY_NAME) -> str:
    return f"{_part({'alg': 'none', 'kid': kid})}.{_part(claims)}."


def signed_with_public_key(claims: Json, name: str = KEY_NAME) -> str:
    """HS256 with the published key as the secret: who takes the algorithm from the token is fooled."""
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    secret = private_key(name).public_key().public_bytes(serialization.Encoding.PEM, spki)
    return with_hmac(claims, secret, name)


def with_hmac(claims: Json, secret: bytes, kid: str = KEY_NAME) -> str:
    text = f"{_part({'alg': 'HS256', 'kid': kid})}.{_part(claims)}"
    return f"{text}.{_encoded(hmac.digest(secret, text.encode(), 'sha256'))}"


def _part(content: Json) -> str:
    return _encoded(orjson.dumps(content))


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
