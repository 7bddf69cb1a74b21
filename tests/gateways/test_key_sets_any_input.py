"""An issuer's key set made of anything: keys that can check a signature, or Unavailable."""

import json
import re
from typing import Any

import pytest
import responses
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import Unavailable
from bot.gateways.issuer_keys import MOST_KEYS, issuer_keys
from tests.id_token_forge import ISSUER, public_jwk

DISCOVERY = f"{ISSUER}/.well-known/openid-configuration"
KEYS = f"{ISSUER}/oauth/discovery/keys"
TRUE = public_jwk()

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=12)
    | st.sampled_from(["AQAB", "AA", "_" * 400, "RSA"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
NUMBERS = st.sampled_from([TRUE["n"], TRUE["e"], "", "AA", "_" * 400, "AQAB"]) | st.text(
    "AQB_-=é", max_size=90
)
JWKS = st.dictionaries(st.sampled_from(list(TRUE)), VALUES).map(lambda odd: TRUE | odd) | st.builds(
    lambda n, e: TRUE | {"n": n, "e": e}, NUMBERS, NUMBERS
)
SETS = VALUES | st.builds(lambda keys: {"keys": keys}, st.lists(JWKS, max_size=3) | VALUES)


def read(content: bytes) -> set[str] | None:
    """The ids of the keys; None where there is no telling."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as issuer:
        issuer.get(DISCOVERY, json={"issuer": ISSUER, "jwks_uri": KEYS})
        issuer.get(KEYS, body=content)
        try:
            return set(issuer_keys(ISSUER))
        except Unavailable:
            return None


def test_the_true_set_is_read() -> None:
    assert read(json.dumps({"keys": [TRUE]}).encode()) == {TRUE["kid"]}


@settings(max_examples=150, deadline=None)
@given(SETS.map(json.dumps).map(str.encode) | st.binary(max_size=40))
def test_any_key_set_gives_keys_or_is_refused(content: bytes) -> None:
    names = read(content)
    assert names is None or len(names) <= MOST_KEYS


@settings(max_examples=60, deadline=None)
@given(VALUES, VALUES)
def test_any_discovery_document_leads_to_keys_of_that_issuer_or_nowhere(name: Any, place: Any) -> None:
    with responses.RequestsMock() as issuer:
        issuer.get(DISCOVERY, json={"issuer": name, "jwks_uri": place})
        with pytest.raises(Unavailable, match=re.escape(ISSUER)):
            issuer_keys(ISSUER)
