"""ID tokens made of anything: what is in them is refused in one sentence, whoever signed it."""

import base64
import json
from typing import Any

import jwt
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import Denied
from bot.sources.id_token import Claims, key_name, verified
from tests.id_token_forge import AUDIENCE, ISSUER, KEY_NAME, private_key, published, true_claims

NOW = 1_800_000_000.0
TRUE = true_claims(NOW)

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(list(TRUE.values())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
HEADERS = st.dictionaries(st.sampled_from(["alg", "kid", "typ", "jku", "x5c", "crit", "b64"]), VALUES)


def part(content: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode("utf-8", "surrogatepass")).decode().rstrip("=")


PARTS = st.text(max_size=30) | st.builds(part, HEADERS | VALUES | st.just(TRUE))


def refusal(token: str) -> str:
    """Why it is not believed; "" where it is."""
    try:
        issuer, name = key_name(token, (ISSUER,), AUDIENCE)
        verified(token, published()[KEY_NAME], issuer, AUDIENCE, NOW)
    except Denied as denied:
        return f"{denied.status}: {denied}"
    return "" if name else "it names no key"


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=80) | st.lists(PARTS, max_size=4).map(".".join))
def test_no_text_is_a_token(token: str) -> None:
    reason = refusal(token)
    assert reason.startswith("401: ")
    assert "\n" not in reason


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(list(TRUE)), VALUES, min_size=1, max_size=4))
def test_odd_claims_are_refused_though_the_issuer_signed_them(odd: dict[str, Any]) -> None:
    """Or they are as good as true ones: an issuer may say another commit or branch."""
    claims = TRUE | odd
    content = json.dumps(claims).encode("utf-8", "surrogatepass")
    token = jwt.PyJWS().encode(content, private_key(), algorithm="RS256", headers={"kid": KEY_NAME})
    if refusal(token) == "":
        read = Claims.model_validate_json(content)
        assert (read.iss, read.aud in (AUDIENCE, [AUDIENCE])) == (ISSUER, True)
        assert read.project_id > 0
        assert read.pipeline_id > 0


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60))
def test_any_signed_bytes_are_claims_or_refused(content: bytes) -> None:
    token = jwt.PyJWS().encode(content, private_key(), algorithm="RS256", headers={"kid": KEY_NAME})
    assert refusal(token).startswith("401: ")
