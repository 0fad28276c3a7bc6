"""The strict decoder and the parsers around it: every body of the case table by its number."""

import io
import json as standard
import time
from collections.abc import Mapping
from typing import Any

import pytest
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as some
from rest_framework.exceptions import UnsupportedMediaType

from portal.api import json
from portal.api.parsers import (
    BulkJSONParser,
    LengthRequired,
    NDJSONParser,
    StrictJSONParser,
    check_framing,
)
from portal.errors import InvalidInput, TooLarge


def refusal(raw: bytes) -> tuple[str, str]:
    with pytest.raises(InvalidInput) as refused:
        json.decode(raw)
    (problem,) = refused.value.errors
    assert problem["message"] == refused.value.detail
    standard.dumps(problem).encode()
    return problem["code"], problem["field"]


def context(body: bytes, **headers: str) -> dict[str, Any]:
    request = RequestFactory().post("/", body, content_type="application/json", **headers)  # type: ignore[arg-type]
    return {"request": request}


def parse(
    body: bytes,
    parser: Any = StrictJSONParser,
    media_type: str = "application/json",
    **headers: str,
) -> Any:
    return parser().parse(io.BytesIO(body), media_type, context(body, **headers))


@pytest.mark.parametrize(
    ("raw", "code", "field"),
    [
        pytest.param(b"[" * 100_000, "too_deep", "body", id="B001"),
        pytest.param(b'{"a":' * 3000 + b"1" + b"}" * 3000, "too_deep", "body", id="B002"),
        pytest.param(b'{"a":' * 33 + b"1" + b"}" * 33, "too_deep", ".".join("a" * 32), id="B003"),
        pytest.param(b'{"a": NaN}', "invalid_number", "body", id="B004-nan"),
        pytest.param(b'{"a": -Infinity}', "invalid_number", "body", id="B004-infinity"),
        pytest.param(b'{"a": [0, 1e400]}', "number_out_of_range", "a.1", id="B005"),
        pytest.param(b'{"a": -1e400}', "number_out_of_range", "a", id="B005-negative"),
        pytest.param(b'{"a": ' + b"9" * 5000 + b"}", "number_out_of_range", "body", id="B007"),
        pytest.param(
            b'{"a": {"b": ' + b"9" * 4000 + b"}}", "number_out_of_range", "body", id="B008"
        ),
        pytest.param(b'{"a": 9223372036854775808}', "number_out_of_range", "a", id="B010"),
        pytest.param(b'{"a": -9223372036854775808}', "number_out_of_range", "a", id="B010-min"),
        pytest.param(b'{"a": 1E+999999}', "number_out_of_range", "a", id="B011"),
        pytest.param(b'{"caption": "a\\u0000b"}', "invalid_text", "caption", id="B015"),
        pytest.param(b'{"caption": "a\x00b"}', "invalid_json", "body", id="B015-raw"),
        pytest.param(b'{"t": [{"x": "\\u0000"}]}', "invalid_text", "t.0.x", id="B016"),
        pytest.param(b'{"t": {"a\\u0000": 1}}', "invalid_text", "t.a\ufffd", id="B017"),
        pytest.param(b'{"t": {"a\\u0000": 1.5}}', "invalid_text", "t.a\ufffd", id="B017-float"),
        pytest.param(b'{"t": {"a\\u0000": {}}}', "invalid_text", "t.a\ufffd", id="B017-object"),
        pytest.param(b'{"caption": "\\ud83d"}', "invalid_text", "caption", id="B018"),
        pytest.param(b'{"t": ["\\ude00\\ud83d"]}', "invalid_text", "t.0", id="B019"),
        pytest.param(b'{"a": "\xed\xa0\x80"}', "invalid_utf8", "body", id="B019-raw"),
        pytest.param(b'{"t": {"a": 1, "b": 2, "a": 1}}', "duplicate_key", "a", id="B020"),
        pytest.param(b'{"a": 1, "\\u0061": 2}', "duplicate_key", "a", id="B020-escaped"),
        pytest.param(b'{"a": 1} x', "invalid_json", "body", id="B021"),
        pytest.param(b'{"a": 1}{"a": 2}', "invalid_json", "body", id="B021-two"),
        pytest.param(b"", "invalid_json", "body", id="B022"),
        pytest.param(b'{"a": "\xff"}', "invalid_utf8", "body", id="B024"),
        pytest.param(b'\xef\xbb\xbf{"a": 1}', "byte_order_mark", "body", id="B025"),
        pytest.param('{"a": 1}'.encode("utf-16"), "invalid_utf8", "body", id="B027"),
        pytest.param(b"{'a': 1}", "invalid_json", "body", id="single-quotes"),
        pytest.param(b'{"a": 1,}', "invalid_json", "body", id="trailing-comma"),
        pytest.param(b'{"a": 01}', "invalid_json", "body", id="leading-zero"),
        pytest.param(b'{"a": "\n"}', "invalid_json", "body", id="raw-line-end"),
    ],
)
def test_what_is_not_plain_json_is_refused_by_name(raw: bytes, code: str, field: str) -> None:
    assert refusal(raw) == (code, field)


def test_a_document_is_as_deep_as_allowed_and_no_deeper() -> None:
    assert json.decode(b"[" * 32 + b"]" * 32)
    assert refusal(b"[" * 33 + b"]" * 33)[0] == "too_deep"


def test_a_document_holds_as_many_values_as_allowed_and_no_more() -> None:
    assert len(json.decode(b"[0,0,0]", max_values=4)) == 3
    with pytest.raises(InvalidInput, match="At most 3 values"):
        json.decode(b"[0,0,0]", max_values=3)


def test_numbers_up_to_the_limits_pass() -> None:
    assert json.decode(b"[9223372036854775807, -9223372036854775807, 1.7e308, 1e-999]") == [
        2**63 - 1,
        1 - 2**63,
        1.7e308,
        0.0,
    ]


def test_whole_characters_written_as_escapes_pass() -> None:
    assert json.decode(b'{"caption": "\\ud83d\\ude00 caf\\u00e9"}') == {"caption": "😀 café"}


def test_a_syntax_error_names_its_line_and_column() -> None:
    with pytest.raises(InvalidInput, match="line 3, column 3"):
        json.decode(b'{"a": 1,\n"b": 2,\n  x}')


def test_an_error_never_repeats_more_than_a_hundred_characters_of_a_key() -> None:
    key = "k" * 5000
    assert refusal(f'{{"{key}": 1e400}}'.encode()) == ("number_out_of_range", "k" * 100)


JSON = some.recursive(
    some.none()
    | some.booleans()
    | some.integers(1 - 2**63, 2**63 - 1)
    | some.floats(allow_nan=False, allow_infinity=False)
    | some.text(some.characters(exclude_characters="\x00", exclude_categories=["Cs"])),
    lambda inside: some.lists(inside) | some.dictionaries(some.text("abcü\u2028"), inside),
    max_leaves=20,
)


@given(JSON, some.booleans())
def test_whatever_is_plain_json_comes_back_unchanged(value: Any, is_ascii: bool) -> None:
    assert json.decode(standard.dumps(value, ensure_ascii=is_ascii).encode()) == value


@given(some.binary(max_size=60))
def test_any_bytes_are_decoded_or_refused_and_never_crash(raw: bytes) -> None:
    try:
        value = json.decode(raw)
    except InvalidInput:
        return
    assert standard.loads(raw) == value


def test_an_object_is_parsed() -> None:
    assert parse(b'{"a": 1}') == {"a": 1}
    assert parse(b'{"a": 1}', media_type="application/json; charset=UTF-8") == {"a": 1}


@pytest.mark.parametrize("body", [b'"text"', b"[]", b"null", b"1", b"true"])  # B023
def test_only_an_object_is_a_body(body: bytes) -> None:
    with pytest.raises(InvalidInput, match="must be a JSON object"):
        parse(body)


def test_a_bulk_body_is_an_array_or_an_object() -> None:
    assert parse(b"[{}]", BulkJSONParser) == [{}]
    assert parse(b"{}", BulkJSONParser) == {}
    with pytest.raises(InvalidInput, match="array or object"):
        parse(b'"x"', BulkJSONParser)


def test_an_array_beyond_what_fits_in_memory_is_refused_with_the_remedy(settings: Any) -> None:
    settings.BULK_MAX_BYTES = 10**9
    with pytest.raises(TooLarge, match="send NDJSON"):
        parse(b"[]", BulkJSONParser, CONTENT_LENGTH="16000001")


@pytest.mark.parametrize("charset", ["utf-7", "utf-16", "bogus", "latin-1"])  # B026, B027
def test_another_charset_is_an_unsupported_media_type(charset: str) -> None:
    for parser in (StrictJSONParser, NDJSONParser):
        with pytest.raises(UnsupportedMediaType):
            parse(b"{}", parser, f"application/json; charset={charset}")


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip"])  # B035
def test_a_packed_body_is_an_unsupported_media_type(encoding: str) -> None:
    for parser in (StrictJSONParser, NDJSONParser):
        with pytest.raises(UnsupportedMediaType):
            parse(b"{}", parser, HTTP_CONTENT_ENCODING=encoding)


def test_an_announced_giant_is_refused_before_a_byte_is_read() -> None:  # B029
    class Unread:
        def read(self, size: int) -> bytes:
            raise AssertionError("read")

    for parser in (StrictJSONParser, NDJSONParser):
        with pytest.raises(TooLarge):
            parser().parse(Unread(), "application/json", context(b"{}", CONTENT_LENGTH=str(10**10)))


def test_a_giant_that_did_not_announce_itself_is_cut(settings: Any) -> None:  # B032
    settings.JSON_MAX_BYTES = settings.BULK_MAX_BYTES = 100_000
    giant = b'{"a": "' + b"x" * 100_000 + b'"}'
    with pytest.raises(TooLarge):
        parse(giant, CONTENT_LENGTH="")
    with pytest.raises(TooLarge):
        list(parse(giant, NDJSONParser, CONTENT_LENGTH=""))


def test_a_body_that_broke_off_is_refused_even_where_it_parses() -> None:
    with pytest.raises(InvalidInput, match="20 bytes were announced and 8 arrived"):
        parse(b'{"a": 1}', CONTENT_LENGTH="20")


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"CONTENT_LENGTH": ""}, "empty"),
        ({"CONTENT_LENGTH": "0"}, "empty"),
        ({"CONTENT_LENGTH": "8", "HTTP_TRANSFER_ENCODING": "chunked"}, "ambiguous_length"),
        ({"CONTENT_LENGTH": "abc"}, "invalid_length"),
        ({"CONTENT_LENGTH": "-1"}, "invalid_length"),
        ({"CONTENT_LENGTH": "8, 8"}, "invalid_length"),
        ({"CONTENT_LENGTH": "٨"}, "invalid_length"),
    ],
)
def test_a_body_of_unclear_length_is_refused(headers: Mapping[str, str], code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_framing(context(b"{}", **headers)["request"])
    assert refused.value.errors[0]["code"] == code


def test_a_chunked_body_without_length_is_never_taken_for_an_empty_object() -> None:  # B031
    chunked = context(b"{}", CONTENT_LENGTH="", HTTP_TRANSFER_ENCODING="chunked")
    with pytest.raises(LengthRequired):
        check_framing(chunked["request"])


def test_an_ordinary_body_passes_the_framing() -> None:
    check_framing(context(b"{}")["request"])


def lines(raw: bytes, **limits: Any) -> list[tuple[int, Any]]:
    given_limits = {"max_bytes": 10_000_000} | limits
    found = json.read_lines(io.BytesIO(raw), **given_limits)
    return [
        (line.number, line.error.errors[0]["code"] if line.error else line.value) for line in found
    ]


def test_lines_are_numbered_as_an_editor_numbers_them() -> None:
    assert lines(b'\xef\xbb\xbf{"a":1}\r\n\n  \n{"b":2}\n[3]') == [
        (1, {"a": 1}),
        (4, {"b": 2}),
        (5, [3]),
    ]


def test_a_bad_line_is_an_error_of_its_own_and_the_rest_is_read() -> None:
    raw = b'{"a":1}\n{"a":\n{"a":"\\ud800"}\n\xff\n\xef\xbb\xbf{}\n{"a":2}\n'
    assert lines(raw) == [
        (1, {"a": 1}),
        (2, "invalid_json"),
        (3, "invalid_text"),
        (4, "invalid_utf8"),
        (5, "byte_order_mark"),
        (6, {"a": 2}),
    ]


def test_a_line_without_end_is_cut_and_the_next_is_read() -> None:
    giant = b'"' + b"x" * 300_000 + b'"'
    assert lines(giant + b"\n1\n" + giant, max_line_bytes=1000) == [
        (1, "line_too_long"),
        (2, 1),
        (3, "line_too_long"),
    ]
    assert lines(b'"' + b"x" * 998 + b'"\n' + b'"' + b"x" * 999 + b'"', max_line_bytes=1000) == [
        (1, "x" * 998),
        (2, "line_too_long"),
    ]


@given(some.lists(JSON, max_size=8), some.integers(1, 7))
def test_lines_are_the_same_however_they_arrive(values: list[Any], size: int) -> None:
    class Trickle(io.BytesIO):
        def read(self, _size: int | None = -1, /) -> bytes:
            return super().read(size)

    raw = b"".join(standard.dumps(value).encode() + b"\n" for value in values)
    found = list(json.read_lines(Trickle(raw), max_bytes=len(raw)))
    assert [line.value for line in found] == values
    assert all(line.error is None for line in found)


def test_lines_beyond_the_limit_are_refused_after_those_within() -> None:
    found = json.read_lines(io.BytesIO(b"1\n" * 100_000), max_bytes=150_000)
    assert next(found).value == 1
    with pytest.raises(TooLarge):
        list(found)


def test_lines_that_broke_off_are_refused_at_the_end() -> None:
    found = json.read_lines(io.BytesIO(b"1\n2\n"), max_bytes=100, expected_bytes=5)
    assert [next(found).value, next(found).value] == [1, 2]
    with pytest.raises(InvalidInput, match="5 bytes were announced and 4 arrived"):
        next(found)


def test_twenty_thousand_rows_are_decoded_in_well_under_a_second() -> None:
    row = {
        "video_id": "clip-00001",
        "caption": "a red ball",
        "uncertainty": 0.5,
        "model_version": "v1",
    }
    raw = standard.dumps([row] * 20_000).encode()
    start = time.process_time()
    json.decode(raw)
    assert time.process_time() - start < 0.75
