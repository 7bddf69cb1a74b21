"""Jira's deliveries are believed with a valid signature, header or address; everything else is one refusal, 401."""

import hmac
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.errors import BadDelivery
from bot.sources.signatures import METHODS, check_plain_secret, check_secret, verify_jira

NOW = 1_795_353_336.0
BODY = b'{"webhookEvent": "jira:issue_created"}'
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
    verify_jira(headers, query, body, secrets, NOW)


def refusal(
    headers: dict[str, str], *, query: str = "", body: bytes = BODY, secrets: tuple[str, ...] = (SECRET,)
) -> str:
    with pytest.raises(BadDelivery) as caught:
        verify(headers, query=query, body=body, secrets=secrets)
    assert caught.value.status == 401
    assert SECRET not in str(caught.value)
    return str(caught.value)


def test_the_example_in_jiras_documentation_is_accepted() -> None:
    signature = "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"
    secret, body = "It's a Secret to Everybody", b"Hello World!"
    verify({"x-hub-signature": signature}, body=body, secrets=(secret,))
    refusal({"x-hub-signature": signature}, body=body + b"!", secrets=(secret,))


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


@pytest.mark.parametrize("method", ["sha1", "md5", "sha224", "sha3_256", "SHA256", " sha256", ""])
def test_a_method_that_is_not_on_the_list_is_refused(method: str) -> None:
    digest = hmac.digest(SECRET.encode(), BODY, method.strip().lower() or "sha256").hex()
    assert "methods sha256" in refusal({"x-hub-signature": f"{method}={digest}"})


@pytest.mark.parametrize(
    "shape",
    ["{0}", "sha256{0}", "sha256:{0}", "sha256={0}0", "sha256= {0}", "sha256=", "", "sha256={0}, sha256={0}"],
)
def test_the_right_digest_in_another_shape_is_refused(shape: str) -> None:
    refusal({"x-hub-signature": shape.format(hub().removeprefix("sha256="))})


@pytest.mark.parametrize("made_with", [SECRET, OTHER])
@pytest.mark.parametrize("proof", ["signature", "header", "address"])
def test_while_secrets_rotate_both_are_valid(made_with: str, proof: str) -> None:
    headers = {
        "signature": {"x-hub-signature": hub(secret=made_with)},
        "header": {"x-trivet-token": made_with},
        "address": {},
    }[proof]
    verify(headers, query=f"secret={made_with}" if proof == "address" else "", secrets=("", OTHER, SECRET))


def test_a_bad_signature_never_falls_back_to_a_secret_in_header_or_address() -> None:
    headers = {"x-hub-signature": hub(secret=OTHER), "x-trivet-token": SECRET}
    assert "X-Hub-Signature" in refusal(headers, query=f"secret={SECRET}")
    assert "X-Hub-Signature" in refusal(headers | {"x-hub-signature": ""}, query=f"secret={SECRET}")


def test_a_bad_header_never_falls_back_to_the_address() -> None:
    assert "X-Trivet-Token" in refusal({"x-trivet-token": OTHER}, query=f"secret={SECRET}")
    assert "X-Trivet-Token" in refusal({"x-trivet-token": ""}, query=f"secret={SECRET}")


@settings(max_examples=80)
@given(secret=secrets_of_people)
@example(secret="a+b/c==")
@example(secret="50%25&x=y")
@example(secret="geheim-ü")
@example(secret="whsec_" + "?" * 9)
def test_every_usable_secret_is_accepted_in_header_and_address_and_as_a_key(secret: str) -> None:
    verify({"x-trivet-token": secret.encode().decode("latin-1")}, secrets=(secret,))
    verify({}, query=f"secret={quote(secret, safe='')}", secrets=(secret,))
    verify({"x-hub-signature": hub(secret=secret)}, secrets=(secret,))


@pytest.mark.parametrize("secret", ["a+b/c==", "with.dots~and-more", "geheim-ü"])
def test_a_secret_may_stand_in_the_address_as_it_is(secret: str) -> None:
    verify({}, query=f"a=1&secret={secret.encode().decode('latin-1')}&b", secrets=(secret,))


@pytest.mark.parametrize(
    "query",
    [
        f"secret={SECRET}x",
        f"secret={SECRET[:-1]}",
        f"secret={SECRET.upper()}",
        f"secret={SECRET}%20",
        f"Secret={SECRET}",
        f"xsecret={SECRET}",
        f"secret%5B%5D={SECRET}",
        f"x?secret={SECRET}",
        SECRET,
        "secret",
        "secret=",
        "",
    ],
)
def test_any_other_address_is_refused_without_repeating_it(query: str) -> None:
    reason = refusal({}, query=query)
    assert not query or query.partition("=")[2] == "" or query.partition("=")[2] not in reason


@pytest.mark.parametrize("second", [SECRET, OTHER, ""])
def test_an_address_with_two_secrets_is_refused(second: str) -> None:
    assert "more than one" in refusal({}, query=f"secret={SECRET}&secret={second}")


@pytest.mark.parametrize("secrets", [(), ("",), ("", "")])
@pytest.mark.parametrize(
    ("headers", "query"),
    [({}, ""), ({"x-trivet-token": ""}, ""), ({}, "secret="), ({"x-hub-signature": hub(secret="")}, "")],
)
def test_without_a_configured_secret_nothing_is_believed(
    headers: dict[str, str], query: str, secrets: tuple[str, ...]
) -> None:
    assert "TRIVET_JIRA__WEBHOOK_SECRETS" in refusal(headers, query=query, secrets=secrets)


@pytest.mark.parametrize(
    ("headers", "query"),
    [({"x-hub-signature": hub(secret="")}, ""), ({"x-trivet-token": ""}, ""), ({}, "secret=")],
)
def test_an_empty_secret_beside_another_proves_nothing(headers: dict[str, str], query: str) -> None:
    refusal(headers, query=query, secrets=("", SECRET))


def test_the_reasons_name_jiras_setting_and_the_proof_that_failed() -> None:
    assert "no X-Hub-Signature, no X-Trivet-Token" in refusal({})
    for headers, query in (
        ({"x-trivet-token": OTHER}, ""),
        ({}, "secret=x"),
        ({"x-hub-signature": hub(b"")}, ""),
    ):
        assert "TRIVET_JIRA__WEBHOOK_SECRETS" in refusal(headers, query=query)


def test_what_gitlab_sends_proves_nothing_here() -> None:
    refusal({"x-gitlab-token": SECRET, "webhook-signature": "v1,AA=="})


@settings(max_examples=150)
@given(
    headers=st.dictionaries(
        st.sampled_from(OUR_HEADERS),
        st.text()
        | st.sampled_from(["sha256=", "sha256=é", "=", "sha256=\ud800", SECRET, "sha256=" + "0" * 64]),
    ),
    query=st.text()
    | st.sampled_from(["secret=%", "secret=%zz", "secret=%00", "secret=\ud800", "&&=&secret=é"]),
    secrets=st.lists(st.text() | st.sampled_from(["\udc80", "whsec_"])),
    body=st.binary(),
)
def test_no_input_raises_anything_but_the_refusal(
    headers: dict[str, str], query: str, secrets: list[str], body: bytes
) -> None:
    try:
        verify_jira(headers, query, body, secrets, NOW)
        accepted = True
    except BadDelivery:
        accepted = False
    shown = "x-trivet-token" in headers or "secret=" in query
    assert not accepted or (shown and any(secrets) and "x-hub-signature" not in headers)


@pytest.mark.parametrize("secret", ["", " a", "a ", "a\nb", "\ud800"])
def test_a_plain_secret_that_no_header_carries_is_described(secret: str) -> None:
    assert check_plain_secret(secret) == check_secret(secret)
    assert check_plain_secret(secret)


@pytest.mark.parametrize("secret", ["whsec_", "whsec_?", SECRET])
def test_for_jira_a_signing_tokens_prefix_means_nothing(secret: str) -> None:
    assert check_plain_secret(secret) is None
