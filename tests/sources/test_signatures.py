"""A delivery is believed only with a valid signature or token; everything else is one refusal, 401."""

import base64
import hmac
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook

from bot.errors import BadDelivery
from bot.sources.signatures import check_secret, verify_gitlab

NOW = 1_795_353_336.0
BODY = b'{"object_kind": "push"}'
KEY = bytes(range(32))
TOKEN = "plain-" + "t" * 20

names = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=60)
keys = st.binary(min_size=24, max_size=64)


def signing_token(key: bytes = KEY) -> str:
    return "whsec_" + base64.b64encode(key).decode()


def signature(name: str, seconds: str, body: bytes, key: bytes = KEY) -> str:
    digest = hmac.digest(key, f"{name}.{seconds}.".encode("latin-1") + body, "sha256")
    return "v1," + base64.b64encode(digest).decode()


def signed(body: bytes = BODY, name: str = "msg-1", at: float = NOW, key: bytes = KEY) -> dict[str, str]:
    seconds = str(int(at))
    return {
        "webhook-id": name,
        "webhook-timestamp": seconds,
        "webhook-signature": signature(name, seconds, body, key),
    }


def refusal(headers: dict[str, str], secrets: list[str], body: bytes = BODY, now: float = NOW) -> str:
    with pytest.raises(BadDelivery) as caught:
        verify_gitlab(headers, "", body, secrets, now)
    assert caught.value.status == 401
    return str(caught.value)


@settings(max_examples=60)
@given(body=st.text(), name=names, key=keys, at=st.integers(1_600_000_000, 2_500_000_000))
def test_what_the_formats_own_library_signs_is_accepted(body: str, name: str, key: bytes, at: int) -> None:
    theirs = Webhook(base64.b64encode(key).decode()).sign(name, datetime.fromtimestamp(at, UTC), body)
    headers = {"webhook-id": name, "webhook-timestamp": str(at), "webhook-signature": theirs}
    verify_gitlab(headers, "", body.encode(), [signing_token(key)], float(at))


@settings(max_examples=60)
@given(body=st.binary(min_size=1), place=st.integers(0), bit=st.integers(0, 7))
def test_one_changed_bit_of_the_body_voids_the_signature(body: bytes, place: int, bit: int) -> None:
    forged = bytearray(body)
    forged[place % len(body)] ^= 1 << bit
    assert "matches no" in refusal(signed(body), [signing_token()], bytes(forged))


@pytest.mark.parametrize("field", ["webhook-id", "webhook-timestamp"])
def test_id_and_time_are_signed_too(field: str) -> None:
    headers = signed()
    headers[field] = headers[field].replace("1", "2")
    refusal(headers, [signing_token()])


@settings(max_examples=200)
@given(
    headers=st.dictionaries(
        st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature", "x-gitlab-token"]),
        st.one_of(
            st.text(), st.sampled_from(["v1,", "v1", ",", " ", str(int(NOW)), "v1,é", "v1,AA==", "\ud800"])
        ),
    ),
    secrets=st.lists(st.one_of(st.text(), st.sampled_from([signing_token(), "whsec_", "whsec_é", "\udc80"]))),
    body=st.binary(),
)
def test_no_input_raises_anything_but_the_refusal(
    headers: dict[str, str], secrets: list[str], body: bytes
) -> None:
    try:
        verify_gitlab(headers, "", body, secrets, NOW)
        accepted = True
    except BadDelivery:
        accepted = False
    assert not accepted or headers["x-gitlab-token"] in secrets


@pytest.mark.parametrize("seconds", [-300, 300])
def test_five_minutes_either_way_are_tolerated(seconds: int) -> None:
    verify_gitlab(signed(at=NOW + seconds), "", BODY, [signing_token()], NOW)


@pytest.mark.parametrize(("seconds", "word"), [(-301, "ago"), (301, "ahead")])
def test_a_second_more_is_refused(seconds: int, word: str) -> None:
    assert word in refusal(signed(at=NOW + seconds), [signing_token()])


@pytest.mark.parametrize(
    "seconds",
    ["", "hello", "1795353336.0", " 1795353336", "1_795_353_336", "+1795353336", "１７９５３５３３３６"],
)
def test_only_whole_seconds_in_plain_digits_are_a_timestamp(seconds: str) -> None:
    headers = signed() | {"webhook-timestamp": seconds}
    if seconds.isascii():
        headers["webhook-signature"] = signature("msg-1", seconds, BODY)
    assert "whole seconds" in refusal(headers, [signing_token()])


def test_a_missing_id_is_named() -> None:
    headers = signed()
    del headers["webhook-id"]
    assert "webhook-id is missing" in refusal(headers, [signing_token()])


def test_one_valid_signature_in_the_list_is_enough() -> None:
    headers = signed()
    bad = signature("other", "1", BODY)
    headers["webhook-signature"] = f"{bad} v2,AAAA {headers['webhook-signature']} {bad}"
    verify_gitlab(headers, "", BODY, [signing_token()], NOW)


@pytest.mark.parametrize("shape", ["v2,{0}", "{0}", "v1,", "v1,{0}x", "v1,{0},", "v1a,{0}", "V1,{0}"])
def test_the_right_digest_in_another_shape_is_refused(shape: str) -> None:
    headers = signed()
    digest = headers["webhook-signature"].removeprefix("v1,")
    headers["webhook-signature"] = shape.format(digest)
    refusal(headers, [signing_token()])


@settings(max_examples=30)
@given(old=keys, new=keys)
def test_while_secrets_rotate_both_are_valid(old: bytes, new: bytes) -> None:
    for key in (old, new):
        verify_gitlab(signed(key=key), "", BODY, [signing_token(new), signing_token(old), TOKEN], NOW)


def test_a_signing_token_may_leave_out_its_padding() -> None:
    verify_gitlab(signed(), "", BODY, [signing_token().rstrip("=")], NOW)


def test_the_token_is_accepted_as_the_bytes_that_were_sent() -> None:
    secret = "geheim-ü-" + "x" * 12
    sent = secret.encode().decode("latin-1")
    verify_gitlab({"x-gitlab-token": sent}, "", BODY, ["other", secret], NOW)


@pytest.mark.parametrize("token", ["", TOKEN + "x", TOKEN[:-1], TOKEN.upper(), "é"])
def test_any_other_token_is_refused_without_repeating_it(token: str) -> None:
    reason = refusal({"x-gitlab-token": token}, [TOKEN, ""])
    assert TOKEN not in reason
    assert not token or token not in reason


def test_a_signing_token_is_no_plain_token() -> None:
    refusal({"x-gitlab-token": signing_token()}, [signing_token()])


def test_a_bad_signature_never_falls_back_to_the_token() -> None:
    headers = signed(body=b"something else") | {"x-gitlab-token": TOKEN}
    assert "signature" in refusal(headers, [signing_token(), TOKEN])


@pytest.mark.parametrize("value", ["", "v1,"])
def test_an_empty_signature_header_is_a_bad_signature(value: str) -> None:
    refusal({"webhook-signature": value, "x-gitlab-token": TOKEN}, [TOKEN])


def test_a_signed_delivery_needs_a_configured_signing_token() -> None:
    assert "whsec_" in refusal(signed() | {"x-gitlab-token": TOKEN}, [TOKEN])


def test_what_gitlab_sends_is_not_believed_for_its_address() -> None:
    with pytest.raises(BadDelivery, match="neither"):
        verify_gitlab({}, f"secret={TOKEN}", BODY, [TOKEN], NOW)


def test_without_any_proof_the_reason_says_what_is_missing() -> None:
    assert "neither" in refusal({}, [TOKEN])


@pytest.mark.parametrize("secrets", [[], [""], ["", ""]])
@pytest.mark.parametrize("headers", [{}, {"x-gitlab-token": ""}, signed()])
def test_without_a_configured_secret_nothing_is_believed(headers: dict[str, str], secrets: list[str]) -> None:
    assert "TRIVET_GITLAB__WEBHOOK_SECRETS" in refusal(headers, secrets)


@pytest.mark.parametrize(
    "broken", ["whsec_", "whsec_!!!!", signing_token(b"short"), signing_token(b"x" * 65)]
)
def test_a_malformed_signing_token_verifies_nothing(broken: str) -> None:
    refusal(signed(key=b""), [broken])
    refusal(signed(key=b"short"), [broken])


@pytest.mark.parametrize(
    "secret", [TOKEN, signing_token(), signing_token().rstrip("="), "with blanks inside"]
)
def test_a_usable_secret_passes_the_check(secret: str) -> None:
    assert check_secret(secret) is None


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        "whsec_?",
        signing_token(b"x" * 23),
        signing_token(b"x" * 65),
        " a",
        "a ",
        "a\nb",
        "\ud800",
    ],
)
def test_an_unusable_secret_is_described_without_being_shown(secret: str) -> None:
    problem = check_secret(secret)
    assert problem
    assert len(secret) < 4 or secret.removeprefix("whsec_") not in problem or secret == "whsec_"


@settings(max_examples=150)
@given(
    secret=st.text(st.characters(exclude_categories=[]), max_size=40).filter(lambda one: one[:6] != "whsec_")
)
def test_every_secret_that_passes_the_check_is_accepted_as_a_token(secret: str) -> None:
    if check_secret(secret) is None:
        verify_gitlab({"x-gitlab-token": secret.encode().decode("latin-1")}, "", BODY, [secret], NOW)
    else:
        assert not secret or not secret.isprintable() or secret != secret.strip()
