"""When a message that did not arrive is sent again."""

import pytest

from portal.algorithms.retries import DELIVERY_STEPS, delay_seconds, pause_seconds

NOW = 1_700_000_000.0


def test_the_waits_are_the_schedules_with_at_most_a_tenth_of_jitter():
    for n_failures, step in enumerate(DELIVERY_STEPS, start=1):
        waits = [delay_seconds(n_failures, place) for place in (0.0, 0.5, 1.0)]
        assert waits == pytest.approx([0.9 * step, step, 1.1 * step])


def test_the_tenth_failure_was_the_last_try():
    assert delay_seconds(len(DELIVERY_STEPS), 0.5) is not None
    assert delay_seconds(len(DELIVERY_STEPS) + 1, 0.5) is None


@pytest.mark.parametrize(("n_failures", "place"), [(0, 0.5), (-1, 0.5), (1, -0.1), (1, 1.1)])
def test_no_wait_is_made_up_for_what_did_not_happen(n_failures, place):
    with pytest.raises(ValueError, match="no wait"):
        delay_seconds(n_failures, place)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("999999999999", 86_400.0),
        ("Tue, 14 Nov 2023 22:15:20 GMT", 120.0),
        ("Tue, 14 Nov 2023 22:15:20 -0000", 120.0),
        ("Tue, 14 Nov 2023 22:00:00 GMT", 0.0),
        ("Fri, 14 Nov 2053 22:00:00 GMT", 86_400.0),
        ("", 0.0),
        ("soon", 0.0),
        ("-5", 0.0),
        ("١٢", 0.0),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_nonsense_is_no_pause(header, seconds):
    assert pause_seconds(header, NOW) == seconds
