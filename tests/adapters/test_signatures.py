"""Webhook signatures against the standard's known answer and its own library; links; secrets."""

import base64
import json
from datetime import UTC, datetime

import pytest
from standardwebhooks.webhooks import Webhook

from portal.adapters import signatures
from portal.errors import SignatureInvalid

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE = "msg_p5jXN8AQM9LWM0D4loKWxJek"
TIMESTAMP = 1614265330
BODY = b'{"test": 2432232314}'
KNOWN = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
FIELD_KEY = b"k" * 32


def signed(body: bytes = BODY, **changed: str) -> dict[str, str]:
    return signatures.sign(SECRET, MESSAGE, TIMESTAMP, body) | {
        name.replace("_", "-"): value for name, value in changed.items()
    }


def test_the_published_message_gets_the_published_signature() -> None:
    assert signed() == {
        "webhook-id": MESSAGE,
        "webhook-timestamp": str(TIMESTAMP),
        "webhook-signature": KNOWN,
    }
    assert signatures.verify(SECRET, signed(), BODY, now=TIMESTAMP) == MESSAGE


def test_the_independent_library_accepts_what_is_signed_here() -> None:
    secret, now = signatures.make_secret(), datetime.now(tz=UTC)
    body = json.dumps({"type": "retraining.requested", "caption": "café ☕"}).encode()
    headers = signatures.sign(secret, "msg_1", int(now.timestamp()), body)

    assert Webhook(secret).verify(body, headers)["caption"] == "café ☕"


def test_what_the_independent_library_signs_is_accepted_here() -> None:
    secret, now = signatures.make_secret(), datetime.now(tz=UTC)
    headers = {
        "Webhook-Id": "msg_2",
        "Webhook-Timestamp": str(int(now.timestamp())),
        "Webhook-Signature": Webhook(secret).sign("msg_2", now, "{}"),
    }

    assert signatures.verify(secret, headers, b"{}", now=now.timestamp()) == "msg_2"


def test_new_secrets_hold_32_random_bytes() -> None:
    first, second = signatures.make_secret(), signatures.make_secret()
    assert first != second
    assert len(base64.b64decode(first.removeprefix("whsec_"))) == 32


def test_both_secrets_of_a_rotation_are_accepted() -> None:
    old, new, other = (signatures.make_secret() for _ in range(3))
    headers = signatures.sign([old, new], MESSAGE, TIMESTAMP, BODY)

    assert signatures.verify(old, headers, BODY, now=TIMESTAMP) == MESSAGE
    assert signatures.verify([other, new], headers, BODY, now=TIMESTAMP) == MESSAGE
    with pytest.raises(SignatureInvalid):
        signatures.verify(other, headers, BODY, now=TIMESTAMP)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_each_missing_header_is_refused_by_name(name: str) -> None:
    headers = signed()
    del headers[name]
    with pytest.raises(SignatureInvalid, match=name):
        signatures.verify(SECRET, headers, BODY, now=TIMESTAMP)


@pytest.mark.parametrize(
    "signature",
    [
        "garbage",
        "v1",
        "v1,",
        "v1,a,b",
        "v1,é",
        "v1,\udce9",
        " " + KNOWN,
        KNOWN + " ",
        "v2," + KNOWN.removeprefix("v1,"),
        KNOWN.removeprefix("v1,"),
        KNOWN.lower(),
    ],
)
def test_a_malformed_signature_is_refused(signature: str) -> None:
    with pytest.raises(SignatureInvalid):
        signatures.verify(SECRET, signed(webhook_signature=signature), BODY, now=TIMESTAMP)


@pytest.mark.parametrize("n_tokens", [11, 10_000])
def test_only_the_first_ten_signatures_are_read(n_tokens: int) -> None:
    def with_token_at(place: int) -> dict[str, str]:
        tokens = ["v1,AAAA"] * n_tokens
        tokens[place] = KNOWN
        return signed(webhook_signature=" ".join(tokens))

    assert signatures.verify(SECRET, with_token_at(9), BODY, now=TIMESTAMP) == MESSAGE
    with pytest.raises(SignatureInvalid):
        signatures.verify(SECRET, with_token_at(10), BODY, now=TIMESTAMP)


@pytest.mark.parametrize("offset", [-301, 301])
def test_a_timestamp_out_of_tolerance_is_refused(offset: int) -> None:
    with pytest.raises(SignatureInvalid, match="300 s"):
        signatures.verify(SECRET, signed(), BODY, now=TIMESTAMP + offset)


@pytest.mark.parametrize("offset", [-300, 300])
def test_a_timestamp_at_the_edge_of_tolerance_is_accepted(offset: int) -> None:
    assert signatures.verify(SECRET, signed(), BODY, now=TIMESTAMP + offset) == MESSAGE


@pytest.mark.parametrize(
    "timestamp",
    [
        "nan",
        "1e999",
        f"{TIMESTAMP}.9",
        "1_614265330",
        "-1614265330",
        "+1614265330",
        "١٦١٤٢٦٥٣٣٠",
        "9" * 400,
    ],
)
def test_a_timestamp_that_is_not_plain_digits_is_refused(timestamp: str) -> None:
    content = f"{MESSAGE}.{timestamp}.".encode() + BODY
    signature = signatures._signature(SECRET, content)
    headers = signed(webhook_timestamp=timestamp, webhook_signature=signature)
    with pytest.raises(SignatureInvalid, match="timestamp"):
        signatures.verify(SECRET, headers, BODY, now=TIMESTAMP)


def test_a_body_changed_by_a_space_is_refused() -> None:
    with pytest.raises(SignatureInvalid):
        signatures.verify(SECRET, signed(), BODY + b" ", now=TIMESTAMP)


def test_a_body_that_is_no_text_is_verified_like_any_other() -> None:
    body = b"\xff\xfe\x00"
    assert signatures.verify(SECRET, signed(body), body, now=TIMESTAMP) == MESSAGE


def test_dots_cannot_move_a_boundary_between_id_timestamp_and_body() -> None:
    genuine = signatures.sign(SECRET, "a", TIMESTAMP, f"{TIMESTAMP}.x".encode())
    moved = genuine | {"webhook-id": f"a.{TIMESTAMP}"}
    with pytest.raises(SignatureInvalid, match="webhook-id"):
        signatures.verify(SECRET, moved, b"x", now=TIMESTAMP)
    with pytest.raises(ValueError, match="message id"):
        signatures.sign(SECRET, "a.b", TIMESTAMP, BODY)


@pytest.mark.parametrize("secret", ["whsec_short", "whsec_!!!", "", "whsec_" + "A" * 400])
def test_a_weak_or_malformed_secret_signs_nothing(secret: str) -> None:
    with pytest.raises(ValueError, match="webhook secret"):
        signatures.sign(secret, MESSAGE, TIMESTAMP, BODY)


def test_a_stored_secret_is_unreadable_without_its_key() -> None:
    stored = signatures.encrypt(SECRET, FIELD_KEY)

    assert SECRET not in stored
    assert signatures.encrypt(SECRET, FIELD_KEY) != stored
    assert signatures.decrypt(stored, FIELD_KEY) == SECRET
    with pytest.raises(SignatureInvalid, match="field key"):
        signatures.decrypt(stored, b"o" * 32)


def test_a_stored_secret_still_opens_after_the_field_key_was_exchanged() -> None:
    stored = signatures.encrypt(SECRET, FIELD_KEY)
    assert signatures.decrypt(stored, b"n" * 32, FIELD_KEY) == SECRET


def test_a_tampered_secret_is_refused() -> None:
    stored = signatures.encrypt(SECRET, FIELD_KEY)
    with pytest.raises(SignatureInvalid):
        signatures.decrypt(stored[:-6] + "AAAA==", FIELD_KEY)


def test_a_signed_link_holds_until_it_expires() -> None:
    link = signatures.sign_link("/manifests/7.jsonl", 2000, FIELD_KEY)
    path, _, query = link.partition("?")
    given = dict(pair.split("=") for pair in query.split("&"))

    signatures.check_link(path, given["expires"], given["signature"], FIELD_KEY, now=2000)
    with pytest.raises(SignatureInvalid, match="no longer valid"):
        signatures.check_link(path, given["expires"], given["signature"], FIELD_KEY, now=2001)


@pytest.mark.parametrize(
    "changed",
    [
        {"path": "/manifests/8.jsonl"},
        {"expires": "9000"},
        {"expires": "2000 "},
        {"expires": ""},
        {"signature": ""},
        {"signature": "é"},
        {"signature": "\udce9"},
        {"key": b"o" * 32},
    ],
)
def test_a_changed_link_is_refused(changed: dict[str, object]) -> None:
    link = signatures.sign_link("/manifests/7.jsonl", 2000, FIELD_KEY)
    genuine = {
        "path": "/manifests/7.jsonl",
        "expires": "2000",
        "signature": link.rpartition("=")[2],
        "key": FIELD_KEY,
    }
    with pytest.raises(SignatureInvalid):
        signatures.check_link(**(genuine | changed), now=1000)  # type: ignore[arg-type]


def test_a_link_key_and_a_field_key_are_never_the_same() -> None:
    with pytest.raises(ValueError, match="at least 32"):
        signatures.sign_link("/x", 1, b"short")
    assert signatures._derived(FIELD_KEY, b"link") != signatures._derived(FIELD_KEY, b"field")
