import pytest

from portal.pages import ranges
from portal.pages.ranges import MOST_BYTES, Span, Unsatisfiable, parse


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("bytes=0-0", Span(0, 0)),
        ("bytes=10-19", Span(10, 19)),
        ("bytes=90-", Span(90, 99)),
        ("bytes=90-900", Span(90, 99)),
        ("bytes=-5", Span(95, 99)),
        ("bytes=-500", Span(0, 99)),
        ("bytes=0-9,50-59", Span(0, 9)),
        ("Bytes = 3-4", Span(3, 4)),
    ],
)
def test_a_range_is_answered_with_the_bytes_it_names(header, span):
    assert parse(header, 100) == span


MALFORMED = ["items=0-4", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=9-3", "bytes=٣-٤"]


@pytest.mark.parametrize("header", [*MALFORMED, "bytes=1-2-3", "bytes=" + "9" * 40 + "-"])
def test_a_malformed_range_is_ignored(header):
    assert parse(header, 100) is None


@pytest.mark.parametrize(
    "header", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=" + ",".join(["0-1"] * 10_000)]
)
def test_a_range_beyond_the_end_or_a_flood_of_them_is_refused(header):
    with pytest.raises(Unsatisfiable):
        parse(header, 100)


def test_an_open_ended_range_is_cut_so_that_a_slow_player_holds_no_thread():
    assert parse("bytes=0-", 10 * MOST_BYTES) == Span(0, MOST_BYTES - 1)
    assert parse("bytes=500-", 10 * MOST_BYTES).n_bytes == MOST_BYTES


def test_no_byte_of_an_empty_file_can_be_asked_for():
    for header in ("bytes=0-", "bytes=-1"):
        with pytest.raises(ranges.Unsatisfiable):
            parse(header, 0)
