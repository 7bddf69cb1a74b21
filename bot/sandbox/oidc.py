"""The sandbox as an issuer of ID tokens, as GitLab gives them to CI jobs: discovery, key set, and the tokens.

Source: docs.gitlab.com/ci/secrets/id_token_authentication. Ids are decimal texts there, and so they are here.
"""

import hashlib
import time
import uuid
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from fastapi import APIRouter

from bot.sandbox.model import Pipeline, Project, State, User

Json = dict[str, Any]

KEY_BITS = 2048
LIFE_SECONDS = 300
KEYS_PATH = "/oauth/discovery/keys"
ALGORITHM = "RS256"


def router(state: State) -> APIRouter:
    routes = APIRouter()

    @routes.get("/.well-known/openid-configuration")
    def discovery() -> Json:
        return {
            "issuer": state.url,
            "jwks_uri": state.url + KEYS_PATH,
            "id_token_signing_alg_values_supported": [ALGORITHM],
        }

    @routes.get(KEYS_PATH)
    def keys() -> Json:
        with state.lock:
            return {"keys": [_public(key) for key in _keys(state)]}

    return routes


def rotate(state: State) -> None:
    """A new key signs from now on, the old ones are published no more."""
    state.signing_keys = [_new_key()]


def id_token(
    state: State, project: Project, pipeline: Pipeline, user: User, audience: str, claims: Json
) -> str:
    """An ID token for a job of the pipeline; `claims` replace what would be true, None takes a claim away."""
    key = _keys(state)[0]
    said = _claims(state, project, pipeline, user, audience) | claims
    kept = {name: value for name, value in said.items() if value is not None}
    return jwt.encode(kept, key, algorithm=ALGORITHM, headers={"kid": _name(key), "typ": "JWT"})


def _claims(state: State, project: Project, pipeline: Pipeline, user: User, audience: str) -> Json:
    now = int(time.time())
    return {
        "namespace_id": "1",
        "namespace_path": project.namespace,
        "project_id": str(project.id),
        "project_path": project.path,
        "user_id": str(user.id),
        "user_login": user.username,
        "user_email": f"{user.username}@example.test",
        "pipeline_id": str(pipeline.id),
        "pipeline_source": pipeline.source,
        "job_id": str(state.next_id("job")),
        "ref": pipeline.branch,
        "ref_type": "branch",
        "ref_path": f"refs/heads/{pipeline.branch}",
        "ref_protected": "true" if pipeline.branch == project.default_branch else "false",
        "runner_id": 1,
        "runner_environment": "self-hosted",
        "sha": pipeline.sha,
        "project_visibility": project.visibility,
        "jti": str(uuid.uuid4()),
        "iat": now,
        "nbf": now - 5,
        "exp": now + LIFE_SECONDS,
        "iss": state.url,
        "sub": f"project_path:{project.path}:ref_type:branch:ref:{pipeline.branch}",
        "aud": audience,
    }


def _keys(state: State) -> list[rsa.RSAPrivateKey]:
    """Made when first needed: few sandboxes are asked for tokens, and a key takes a tenth of a second."""
    if not state.signing_keys:
        rotate(state)
    return state.signing_keys


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)


def _name(key: rsa.RSAPrivateKey) -> str:
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    return hashlib.sha256(key.public_key().public_bytes(serialization.Encoding.DER, spki)).hexdigest()[:40]


def _public(key: rsa.RSAPrivateKey) -> Json:
    public = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return public | {"kid": _name(key), "use": "sig", "alg": ALGORITHM}
