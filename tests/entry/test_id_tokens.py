"""ID tokens of pipelines: text in, claims out, or one sentence that helps and holds nothing of the token."""

import base64
import threading
from collections.abc import Callable, Mapping
from typing import Any

import jwt
import pytest
import requests
import responses
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.entry.id_tokens import KEEP_SECONDS, REFETCH_SECONDS, RETRY_SECONDS, IdTokens, Keyring
from bot.errors import Denied, Unavailable
from bot.gateways.issuer_keys import MOST_BYTES, issuer_keys
from bot.sources.id_token import LEEWAY, LONGEST, LONGEST_LIFE, Claims
from tests.id_token_forge import (
    AUDIENCE,
    ISSUER,
    KEY_NAME,
    private_key,
    public_jwk,
    published,
    signed,
    signed_with_public_key,
    true_claims,
    unsigned,
    with_hmac,
)

NOW = 1_800_000_000.0
DISCOVERY = f"{ISSUER}/.well-known/openid-configuration"
KEYS = f"{ISSUER}/oauth/discovery/keys"


def read(token: str, keys: Mapping[str, jwt.PyJWK] | None = None) -> Claims:
    found = published() if keys is None else keys
    return IdTokens(lambda: (ISSUER,), lambda: AUDIENCE, lambda _: found, clock=lambda: NOW)(token)


def refused(token: str) -> str:
    with pytest.raises(Denied) as caught:
        read(token)
    assert caught.value.status == 401
    assert not any(part in str(caught.value) for part in token.split(".") if len(part) > 8)
    return str(caught.value)


def said(**claims: Any) -> str:
    return signed(true_claims(NOW, **claims))


def test_a_good_token_says_who_asks() -> None:
    claims = read(said())
    assert (claims.project_id, claims.project_path, claims.pipeline_id) == (20, "acme/shop", 574)


def test_an_audience_that_is_a_list_of_one_is_ours() -> None:
    assert read(said(aud=[AUDIENCE])).aud == [AUDIENCE]


@pytest.mark.parametrize(
    "audience",
    [
        "https://other.example.test",
        AUDIENCE + "/",
        AUDIENCE.upper(),
        [AUDIENCE, "https://other.example.test"],
        [],
    ],
)
def test_any_other_audience_is_refused_and_ours_is_named(audience: Any) -> None:
    sentence = refused(said(aud=audience))
    assert AUDIENCE in sentence or "claim aud" in sentence


@pytest.mark.parametrize(
    "issuer", ["https://evil.example.test", ISSUER + "/", ISSUER.replace("https", "http"), ""]
)
def test_an_issuer_that_is_not_on_the_list_is_never_asked_for_keys(issuer: str) -> None:
    asked: list[str] = []
    tokens = IdTokens(
        lambda: (ISSUER,), lambda: AUDIENCE, lambda one: asked.append(one) or {}, clock=lambda: NOW
    )
    with pytest.raises(Denied, match=ISSUER):
        tokens(said(iss=issuer))
    assert asked == []


@pytest.mark.parametrize(
    "forged",
    [
        unsigned,
        signed_with_public_key,
        lambda claims: with_hmac(claims, b""),
        lambda claims: signed(claims, algorithm="RS512"),
        lambda claims: signed(claims, algorithm="PS256"),
    ],
    ids=["none", "HS256 with the public key", "HS256 with nothing", "RS512", "PS256"],
)
def test_every_algorithm_but_rs256_is_refused(forged: Callable[[dict[str, Any]], str]) -> None:
    assert "RS256" in refused(forged(true_claims(NOW)))


def test_a_signature_by_another_key_of_the_same_name_is_refused() -> None:
    assert "signature" in refused(signed(true_claims(NOW), key="mallory"))


def test_a_key_that_is_not_published_is_refused() -> None:
    assert "does not publish" in refused(signed(true_claims(NOW), key="mallory", kid="mallory"))


def test_a_token_that_names_no_key_is_refused() -> None:
    assert "kid" in refused(signed(true_claims(NOW), kid=None))


def test_a_key_in_the_token_itself_is_not_looked_at() -> None:
    token = jwt.encode(
        true_claims(NOW),
        private_key("mallory"),
        algorithm="RS256",
        headers={"kid": KEY_NAME, "jwk": public_jwk("mallory"), "jku": "https://evil.example.test/keys"},
    )
    assert "signature" in refused(token)


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": int(NOW) - LEEWAY, "iat": int(NOW) - 900},
        {"nbf": int(NOW) + LEEWAY + 1},
        {"iat": int(NOW) + LEEWAY + 1, "exp": int(NOW) + 900},
        {"exp": int(NOW) + LONGEST_LIFE + 1},
        {"iat": int(NOW), "exp": int(NOW)},
    ],
    ids=["expired", "not yet valid", "issued in the future", "valid for ever", "valid for no time"],
)
def test_a_token_counts_in_its_time_only(claims: dict[str, Any]) -> None:
    assert refused(said(**claims))


@pytest.mark.parametrize(
    "claims", [{"exp": int(NOW) - LEEWAY + 1, "iat": int(NOW) - 900}, {"nbf": int(NOW) + LEEWAY}]
)
def test_clocks_may_differ_by_a_minute(claims: dict[str, Any]) -> None:
    assert read(said(**claims)).project_id == 20


REQUIRED = (
    *(
        "aud",
        "jti",
        "exp",
        "nbf",
        "iat",
        "sub",
        "project_id",
        "project_path",
        "pipeline_id",
        "pipeline_source",
    ),
    *("job_id", "ref", "ref_type", "ref_protected", "sha"),
)


@pytest.mark.parametrize("claim", REQUIRED)
def test_a_missing_claim_is_refused_and_named(claim: str) -> None:
    assert (
        refused(said(**{claim: None})) == f"the claim {claim} of the ID token is missing or wrong (missing)"
    )


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("project_id", "twenty"),
        ("project_id", "0"),
        ("project_id", "²"),
        ("project_id", -20),
        ("project_id", 20.5),
        ("project_id", True),
        ("project_id", "9" * 5000),
        ("project_path", 7),
        ("jti", ""),
        ("jti", "x" * 2000),
        ("sha", "not a commit"),
        ("sha", "AB" * 20),
        ("ref_protected", "maybe"),
        ("exp", "1900000000"),
        ("exp", 1e400),
        ("iat", None),
        ("aud", {"a": 1}),
    ],
)
def test_a_claim_of_a_wrong_type_is_refused_and_named(claim: str, value: Any) -> None:
    assert f"claim {claim} " in refused(said(**{claim: value}))


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "a.b",
        "a.b.c",
        "....",
        "ä.ö.ü",
        "e30.e30.e30",
        "A" * (LONGEST + 1),
        base64.urlsafe_b64encode(b"[" * 6000).decode() + ".e30.x",
        base64.urlsafe_b64encode(b'{"alg":"RS256","kid":[]}').decode() + ".e30.x",
    ],
)
def test_what_is_no_token_is_refused(token: str) -> None:
    assert refused(token)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_token_with_any_character_changed_is_refused(data: st.DataObject) -> None:
    """All but the last: base64 has spare bits there."""
    token = said()
    place = data.draw(st.integers(0, len(token) - 2))
    other = data.draw(st.sampled_from("Aaz0_-.=~ \n\x00é").filter(lambda one: one != token[place]))
    with pytest.raises(Denied) as caught:
        read(token[:place] + other + token[place + 1 :])
    assert caught.value.status == 401


# --- keys over time ---


class Issuer:
    """Publishes keys, counts who asks, and can be down."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.asked = 0
        self.down = False
        self.now = 0.0

    def __call__(self, _issuer: str) -> dict[str, jwt.PyJWK]:
        self.asked += 1
        if self.down:
            raise Unavailable("the issuer is down")
        return published(*self.names)

    def ring(self) -> Keyring:
        return Keyring(ISSUER, self, clock=lambda: self.now)


def test_keys_are_fetched_once_for_many_tokens() -> None:
    issuer = Issuer(KEY_NAME)
    ring = issuer.ring()
    assert {ring.key(KEY_NAME).key_id for _ in range(50)} == {KEY_NAME}
    assert issuer.asked == 1


def test_a_key_that_was_rotated_in_is_found_and_one_rotated_out_is_gone() -> None:
    issuer = Issuer("old")
    ring = issuer.ring()
    ring.key("old")
    issuer.names, issuer.now = ("new",), REFETCH_SECONDS
    assert ring.key("new").key_id == "new"
    with pytest.raises(Denied):
        ring.key("old")


def test_a_key_that_was_withdrawn_counts_no_longer_than_keys_are_kept() -> None:
    issuer = Issuer("old")
    ring = issuer.ring()
    ring.key("old")
    issuer.names, issuer.now = ("new",), KEEP_SECONDS
    with pytest.raises(Denied):
        ring.key("old")


def test_unknown_keys_make_nobody_ask_more_than_once_a_minute() -> None:
    issuer = Issuer(KEY_NAME)
    ring = issuer.ring()
    for second in range(0, 120, 2):
        issuer.now = float(second)
        with pytest.raises(Denied):
            ring.key(f"unknown-{second}")
    assert issuer.asked == 2


def test_an_issuer_that_is_down_is_not_asked_for_each_token() -> None:
    issuer = Issuer(KEY_NAME)
    issuer.down = True
    ring = issuer.ring()
    for _ in range(20):
        with pytest.raises(Unavailable):
            ring.key(KEY_NAME)
    assert issuer.asked == 1
    issuer.down, issuer.now = False, RETRY_SECONDS
    assert ring.key(KEY_NAME).key_id == KEY_NAME


def test_many_at_once_ask_the_issuer_once() -> None:
    issuer = Issuer(KEY_NAME)
    ring = issuer.ring()
    threads = [threading.Thread(target=ring.key, args=(KEY_NAME,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert issuer.asked == 1


# --- what the issuer publishes ---


def publish(*keys: dict[str, Any], issuer: str = ISSUER, keys_url: str = KEYS) -> None:
    responses.get(DISCOVERY, json={"issuer": issuer, "jwks_uri": keys_url})
    responses.get(keys_url, json={"keys": list(keys)})


@responses.activate
def test_signing_keys_are_read_and_others_left_out() -> None:
    short = {**public_jwk("short"), "n": base64.urlsafe_b64encode(b"\xff" * 64).decode().rstrip("=")}
    publish(
        public_jwk(),
        public_jwk("for encryption", use="enc"),
        public_jwk("of another algorithm", alg="RS512"),
        {"kty": "EC", "kid": "elliptic", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "oct", "kid": "symmetric", "k": "AAAA"},
        {"kty": "RSA", "kid": "empty"},
        {"kty": "RSA", "kid": "odd", "n": "@", "e": "AQAB"},
        short,
        {name: value for name, value in public_jwk("x").items() if name != "kid"},
    )
    assert set(issuer_keys(ISSUER)) == {KEY_NAME}


@responses.activate
def test_a_discovery_document_of_somebody_else_is_refused() -> None:
    publish(public_jwk(), issuer="https://evil.example.test")
    with pytest.raises(Unavailable, match="another issuer"):
        issuer_keys(ISSUER)


@pytest.mark.parametrize(
    "place",
    [
        "https://evil.example.test/keys",
        "http://gitlab.example.test/oauth/discovery/keys",
        "https://gitlab.example.test:8443/keys",
        "https://gitlab.example.test@evil.example.test/keys",
        "https://me@gitlab.example.test/keys",
        "file:///etc/passwd",
        "http://169.254.169.254/latest",
        "https://[bad/keys",
        "",
    ],
)
@responses.activate
def test_keys_are_read_from_the_issuers_own_origin_only(place: str) -> None:
    responses.get(DISCOVERY, json={"issuer": ISSUER, "jwks_uri": place})
    with pytest.raises(Unavailable, match="another origin"):
        issuer_keys(ISSUER)
    assert len(responses.calls) == 1


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 302, "headers": {"Location": "https://evil.example.test/"}},
        {"status": 500},
        {"status": 404},
        {"body": "<html>"},
        {"body": "[" * 100_000},
        {"json": []},
        {"json": {"issuer": 7}},
        {"body": b" " * (MOST_BYTES + 1)},
        {"body": requests.ConnectionError("refused")},
    ],
)
@responses.activate
def test_an_odd_answer_of_the_issuer_is_an_outage(answer: dict[str, Any]) -> None:
    responses.get(DISCOVERY, **answer)
    with pytest.raises(Unavailable, match=f"the keys of {ISSUER} cannot be read"):
        issuer_keys(ISSUER)
    assert len(responses.calls) == 1
