"""Addresses of objects, signed as AWS does it."""

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from portal.adapters import objectstores
from portal.errors import InvalidInput

AT = datetime(2013, 5, 24, tzinfo=UTC)
EXAMPLE = {"access_key": "AKIAIOSFODNN7EXAMPLE",
           "secret_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}  # fmt: skip


def test_awss_published_example_is_signed_alike():
    # docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
    url = objectstores.presigned(
        "https://examplebucket.s3.amazonaws.com/test.txt",
        **EXAMPLE,
        region="us-east-1",
        seconds=86_400,
        at=AT,
    )
    assert url.endswith(
        "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    )
    assert "X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request" in url


def test_a_key_is_quoted_and_a_week_is_the_longest(settings):
    settings.S3_ACCESS_KEY, settings.S3_SECRET_KEY = EXAMPLE.values()
    settings.S3_ENDPOINT_URL = "https://minio.example:9000"
    url = urlsplit(objectstores.link("s3://bucket/a b/\u72d7+.mp4", seconds=10**9, at=AT))
    assert (url.netloc, url.path) == ("minio.example:9000", "/bucket/a%20b/%E7%8B%97%2B.mp4")
    assert parse_qs(url.query)["X-Amz-Expires"] == ["604800"]


@pytest.mark.parametrize(
    "address", ["s3://", "s3://bucket", "s3://b/", "s3://BUCKET/a", "s3://a@b/c", "s3://bucket/\n"]
)
def test_what_is_no_object_is_refused(settings, address):
    settings.S3_ACCESS_KEY, settings.S3_SECRET_KEY = EXAMPLE.values()
    with pytest.raises(InvalidInput):
        objectstores.check(address)


def test_without_credentials_the_remedy_is_named():
    with pytest.raises(InvalidInput, match="AWS_ACCESS_KEY_ID"):
        objectstores.link("s3://bucket/key", seconds=60)
