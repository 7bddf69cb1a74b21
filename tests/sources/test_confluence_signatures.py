"""Confluence's deliveries are believed with a valid signature or header; everything else is one refusal, 401."""

import hmac

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import BadDelivery
from bot.sources.signatures import METHODS, check_plain_secret, verify_confluence

NOW = 1_795_353_336.0
BODY = b'{"event": "page_updated", "page": {"id": 1}}'
SECRET = "plain-" + "q" * 20
OTHER = "other-" + "r" * 20
OUR_HEADERS = ("x-hub-signature", "x-trivet-token")

printable = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x2FF, exclude_characters="\x7f"))
secrets_of_people = printable.filter(lambda one: check_plain_secret(one) is None)


def hub(body: bytes = BODY, secret: str = SECRET, method: str = "sha256") -> str:
    return f"{method}={hmac.digest(secret.encode(), body, method).hex()}"


def verify(
    headers: dict[str, str], *, query: str = "", body: bytes = BODY, secrets: tuple[str, ...] = (SECRET,)
) -> None:
    verify_confluence(headers, query, body, secrets, NOW)


def refusal(
    headers: dict[str, str], *, query: str = "", body: bytes = BODY, secrets: tuple[str, ...] = (SECRET,)
) -> str:
    with pytest.raises(BadDelivery) as caught:
        verify(headers, query=query, body=body, secrets=secrets)
    assert caught.value.status == 401
    assert SECRET not in str(caught.value)
    return str(caught.value)


@settings(max_examples=50)
@given(body=st.binary(min_size=1), place=st.integers(0), bit=st.integers(0, 7))
def test_one_changed_bit_of_the_body_voids_the_signature(body: bytes, place: int, bit: int) -> None:
    verify({"x-hub-signature": hub(body)}, body=body)
    forged = bytearray(body)
    forged[place % len(body)] ^= 1 << bit
    assert "X-Hub-Signature" in refusal({"x-hub-signature": hub(body)}, body=bytes(forged))


@pytest.mark.parametrize("method", METHODS)
def test_the_method_is_read_from_the_signature(method: str) -> None:
    verify({"x-hub-signature": hub(method=method)})


@pytest.mark.parametrize("method", ["sha1", "md5", "sha224", "SHA256", " sha256", ""])
def test_a_method_that_is_not_on_the_list_is_refused(method: str) -> None:
    digest = hmac.digest(SECRET.encode(), BODY, method.strip().lower() or "sha256").hex()
    assert "methods sha256" in refusal({"x-hub-signature": f"{method}={digest}"})


@settings(max_examples=50)
@given(secret=secrets_of_people)
def test_every_usable_secret_is_accepted_in_the_header_and_as_a_key(secret: str) -> None:
    verify({"x-trivet-token": secret.encode().decode("latin-1")}, secrets=(secret,))
    verify({"x-hub-signature": hub(secret=secret)}, secrets=(secret,))


@pytest.mark.parametrize("made_with", [SECRET, OTHER])
def test_while_secrets_rotate_both_are_valid(made_with: str) -> None:
    verify({"x-hub-signature": hub(secret=made_with)}, secrets=("", OTHER, SECRET))
    verify({"x-trivet-token": made_with}, secrets=("", OTHER, SECRET))


def test_a_signature_that_is_there_must_be_right() -> None:
    both = {"x-hub-signature": hub(secret=OTHER), "x-trivet-token": SECRET}
    assert "X-Hub-Signature" in refusal(both)
    assert "X-Hub-Signature" in refusal(both | {"x-hub-signature": ""})


def test_a_secret_in_the_address_proves_nothing() -> None:
    assert "neither X-Hub-Signature nor X-Trivet-Token" in refusal({}, query=f"secret={SECRET}")
    assert "X-Trivet-Token" in refusal({"x-trivet-token": OTHER}, query=f"secret={SECRET}")


@pytest.mark.parametrize("secrets", [(), ("",), ("", "")])
@pytest.mark.parametrize(
    "headers", [{}, {"x-trivet-token": ""}, {"x-hub-signature": hub(secret="")}, {"x-hub-signature": hub()}]
)
def test_without_a_configured_secret_nothing_is_believed(
    headers: dict[str, str], secrets: tuple[str, ...]
) -> None:
    assert "TRIVET_CONFLUENCE__WEBHOOK_SECRETS" in refusal(headers, secrets=secrets)


@pytest.mark.parametrize("headers", [{"x-trivet-token": ""}, {"x-hub-signature": hub(secret="")}])
def test_an_empty_secret_beside_another_proves_nothing(headers: dict[str, str]) -> None:
    assert "TRIVET_CONFLUENCE__WEBHOOK_SECRETS" in refusal(headers, secrets=("", SECRET))


def test_what_gitlab_sends_proves_nothing_here() -> None:
    refusal({"x-gitlab-token": SECRET, "webhook-signature": "v1,AA=="})


@settings(max_examples=100)
@given(
    headers=st.dictionaries(
        st.sampled_from(OUR_HEADERS),
        st.text() | st.sampled_from(["sha256=", "sha256=é", "=", "sha256=\ud800", SECRET]),
    ),
    query=st.text() | st.sampled_from(["secret=%", "secret=\ud800", f"secret={SECRET}"]),
    secrets=st.lists(st.text() | st.sampled_from(["\udc80", "whsec_", SECRET])),
    body=st.binary(),
)
def test_no_input_raises_anything_but_the_refusal(
    headers: dict[str, str], query: str, secrets: list[str], body: bytes
) -> None:
    try:
        verify_confluence(headers, query, body, secrets, NOW)
        accepted = True
    except BadDelivery:
        accepted = False
    shown = "x-trivet-token" in headers and "x-hub-signature" not in headers
    assert not accepted or (shown and any(secrets))
