"""Clips in an object store (S3 and what speaks like it): addresses signed for a while, no client.

AWS Signature Version 4 in query parameters,
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
"""

import hashlib
import hmac
import re
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

from django.conf import settings

from portal.errors import InvalidInput

SCHEME = "s3://"
LONGEST_SECONDS = 7 * 86_400
ALGORITHM = "AWS4-HMAC-SHA256"
_ADDRESS = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/([^\x00-\x1f\x7f]{1,1024})")


def check(address: str) -> None:
    """Refuse what is no s3:// address, and any while no credentials are set."""
    if not _ADDRESS.fullmatch(address):
        raise InvalidInput.on("url", "An object's address is s3://bucket/key.", "url")
    if not (settings.S3_ACCESS_KEY and settings.S3_SECRET_KEY):
        raise InvalidInput.on(
            "url",
            "s3:// addresses need AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment "
            "(and S3_ENDPOINT_URL where it is not AWS).",
            "not_configured",
        )


def is_object(address: str) -> bool:
    """Whether an address or key names an object."""
    return address.startswith(SCHEME)


def link(address: str, *, seconds: int, at: datetime | None = None) -> str:
    """Return an http address of an object that works so long; raises InvalidInput as `check`."""
    check(address)
    bucket, _, key = address.removeprefix(SCHEME).partition("/")
    return presigned(
        f"{settings.S3_ENDPOINT_URL}/{bucket}/{quote(key, safe='/~')}",
        access_key=settings.S3_ACCESS_KEY,
        secret_key=settings.S3_SECRET_KEY,
        session_token=settings.S3_SESSION_TOKEN,
        region=settings.S3_REGION,
        seconds=min(seconds, LONGEST_SECONDS),
        at=at or datetime.now(UTC),
    )


def presigned(
    url: str,
    *,
    access_key: str,
    secret_key: str,
    region: str,
    seconds: int,
    at: datetime,
    session_token: str = "",
) -> str:
    """Return a GET address with a signature in its query; the path is quoted already."""
    parts = urlsplit(url)
    moment, day = at.strftime("%Y%m%dT%H%M%SZ"), at.strftime("%Y%m%d")
    scope = f"{day}/{region}/s3/aws4_request"
    query = {
        "X-Amz-Algorithm": ALGORITHM,
        "X-Amz-Credential": f"{access_key}/{scope}",
        "X-Amz-Date": moment,
        "X-Amz-Expires": str(seconds),
        "X-Amz-SignedHeaders": "host",
    }
    if session_token:
        query["X-Amz-Security-Token"] = session_token
    listed = "&".join(
        f"{name}={quote(value, safe='-_.~')}" for name, value in sorted(query.items())
    )
    canonical = f"GET\n{parts.path}\n{listed}\nhost:{parts.netloc}\n\nhost\nUNSIGNED-PAYLOAD"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = f"AWS4{secret_key}".encode()
    for part in (day, region, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, f"{ALGORITHM}\n{moment}\n{scope}\n{digest}".encode(), "sha256")
    return f"{parts.scheme}://{parts.netloc}{parts.path}?{listed}&X-Amz-Signature={signature.hex()}"
