"""Signatures: Standard Webhooks 1.0 both ways, expiring links, and secrets kept encrypted.

Pure over its arguments: keys come in, nothing is read from settings, the clock is the caller's.
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets as randomness
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from portal.errors import SignatureInvalid

PREFIX = "whsec_"
RUN_PREFIX = "run_"
TOLERANCE_SECONDS = 300
MAX_SIGNATURES = 10

_DIGITS = re.compile(r"[0-9]{1,12}")
# No dot: with one, "a.1" + "2" and "a" + "1.2" would sign the same content.
_MESSAGE_ID = re.compile(r"[A-Za-z0-9_\-]{1,255}")


def make_secret() -> str:
    """Return a new endpoint secret, to be shown once."""
    return PREFIX + base64.b64encode(randomness.token_bytes(32)).decode()


def sign(
    secrets: str | Sequence[str], message_id: str, timestamp: int, body: bytes
) -> dict[str, str]:
    """Return the three webhook headers for the body as it will be sent.

    Several secrets give several signatures: a receiver accepts any, so a rotation loses nothing.
    """
    if not _MESSAGE_ID.fullmatch(message_id):
        raise ValueError(f"A message id has letters, digits, _ and - only, not {message_id!r}.")
    content = _content(message_id, str(timestamp), body)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(_signature(secret, content) for secret in _several(secrets)),
    }


def verify(
    secrets: str | Sequence[str],
    headers: Mapping[str, str],
    body: bytes,
    *,
    now: float,
    tolerance: int = TOLERANCE_SECONDS,
) -> str:
    """Return the id of a message that one of the secrets has signed within the tolerance.

    Header names are compared without case. Raises SignatureInvalid, whatever is malformed.
    """
    given = {name.lower(): value for name, value in headers.items()}
    message_id, timestamp, signatures = (
        _header(given, name) for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
    )
    if not _MESSAGE_ID.fullmatch(message_id):
        raise SignatureInvalid("The webhook-id is malformed.")
    if not _DIGITS.fullmatch(timestamp):
        raise SignatureInvalid("The webhook-timestamp is not a whole number of seconds.")
    if abs(now - int(timestamp)) > tolerance:
        raise SignatureInvalid(f"The webhook-timestamp is more than {tolerance} s from now.")
    content = _content(message_id, timestamp, body)
    expected = [_signature(secret, content) for secret in _several(secrets)]
    if not _any_equal(expected, signatures):
        raise SignatureInvalid("No webhook-signature fits the body and this endpoint's secret.")
    return message_id


def encrypt(secret: str, key: bytes, *older: bytes) -> str:
    """Return a secret as the database may hold it: encrypted and authenticated by the field key."""
    return _box(key, *older).encrypt(secret.encode()).decode()


def decrypt(stored: str, key: bytes, *older: bytes) -> str:
    """Return the secret that `encrypt` stored under this key or an older one.

    Raises SignatureInvalid where no key fits: a field key that was lost or exchanged.
    """
    try:
        return _box(key, *older).decrypt(stored.encode()).decode()
    except InvalidToken as broken:
        raise SignatureInvalid(
            "A stored secret does not open with this installation's field key; issue a new one."
        ) from broken


def sign_link(path: str, expires: int, key: bytes) -> str:
    """Return the path with an expiry (Unix seconds) and a signature that binds the two."""
    query = urlencode({"expires": expires, "signature": _link_signature(path, str(expires), key)})
    return f"{path}?{query}"


def check_link(path: str, expires: str, signature: str, key: bytes, *, now: float) -> None:
    """Refuse a link that was not signed, was changed or has expired.

    `expires` and `signature` come as the query holds them. Raises SignatureInvalid, with one
    message for all three: which it was is nobody's business.
    """
    genuine = hmac.compare_digest(
        _link_signature(path, expires, key).encode(), signature.encode(errors="surrogatepass")
    )
    if not (genuine and _DIGITS.fullmatch(expires) and now <= int(expires)):
        raise SignatureInvalid("This link is not valid or no longer valid; ask for a new one.")


def run_token(run_id: str, key: bytes) -> str:
    """Return the token that lets its holder report on one run and do nothing else.

    Derived, so that it is stored nowhere; a run that has ended takes no more reports.
    """
    return RUN_PREFIX + hmac.digest(_derived(key, b"run"), run_id.encode(), hashlib.sha256).hex()


def check_run_token(run_id: str, token: str, key: bytes) -> None:
    """Refuse a token that is not this very run's."""
    if not hmac.compare_digest(
        run_token(run_id, key).encode(), token.encode(errors="surrogatepass")
    ):
        raise SignatureInvalid("This token is not that of the run.")


def _several(secrets: str | Sequence[str]) -> Sequence[str]:
    return [secrets] if isinstance(secrets, str) else secrets


def _header(given: Mapping[str, str], name: str) -> str:
    value = given.get(name)
    if not value:
        raise SignatureInvalid(f"The header {name} is missing.")
    return value


def _content(message_id: str, timestamp: str, body: bytes) -> bytes:
    return f"{message_id}.{timestamp}.".encode() + body


def _signature(secret: str, content: bytes) -> str:
    digest = hmac.digest(_key(secret), content, hashlib.sha256)
    return "v1," + base64.b64encode(digest).decode()


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError) as broken:
        raise ValueError("A webhook secret is whsec_ and base64.") from broken
    if not 24 <= len(key) <= 64:
        raise ValueError(f"A webhook secret holds 24 to 64 bytes, not {len(key)}.")
    return key


def _any_equal(expected: Sequence[str], signatures: str) -> bool:
    tokens = signatures.split(" ", MAX_SIGNATURES)[:MAX_SIGNATURES]
    if "" in tokens:  # a leading, trailing or doubled space: not what the standard writes
        return False
    return any(
        hmac.compare_digest(mine.encode(), theirs.encode(errors="surrogatepass"))
        for mine in expected
        for theirs in tokens
    )


def _box(*keys: bytes) -> MultiFernet:
    return MultiFernet([Fernet(base64.urlsafe_b64encode(_derived(key, b"field"))) for key in keys])


def _link_signature(path: str, expires: str, key: bytes) -> str:
    content = f"{path}\n{expires}".encode(errors="surrogatepass")
    return hmac.digest(_derived(key, b"link"), content, hashlib.sha256).hex()


def _derived(key: bytes, purpose: bytes) -> bytes:
    """Return a 32-byte key of its own for each purpose, whatever the length of the one given."""
    if len(key) < 32:
        raise ValueError(f"The field key has {len(key)} bytes; it needs at least 32.")
    return hmac.digest(key, b"label-portal/" + purpose, hashlib.sha256)
