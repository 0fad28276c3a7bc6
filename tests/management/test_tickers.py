"""Orders come round again whatever the last one did, and a slow endpoint delays only itself."""

import threading
from collections import Counter

from portal.management import tickers
from portal.management.tickers import Deliverers, Ticker


def test_an_order_that_failed_is_given_again(caplog) -> None:
    stop, twice = threading.Event(), threading.Event()
    turns = []

    def order() -> None:
        turns.append(len(turns))
        if len(turns) > 1:
            twice.set()
        raise ValueError("the first of many")

    ticker = Ticker("order", seconds=0.01, order=order, stop=stop)
    ticker.start()
    assert twice.wait(10)
    stop.set()
    ticker.join(10)
    assert not ticker.is_alive()
    assert "the first of many" in caplog.text


def test_one_endpoint_never_has_two_calls_at_once() -> None:
    go, delivered = threading.Event(), Counter()
    under_way, most = Counter(), Counter()
    lock = threading.Lock()
    endpoints = {n: n % 3 for n in range(12)}

    def deliver(delivery_id: int) -> None:
        endpoint = endpoints[delivery_id]
        with lock:
            under_way[endpoint] += 1
            most[endpoint] = max(most[endpoint], under_way[endpoint])
        go.wait(10)
        with lock:
            under_way[endpoint] -= 1
            delivered[delivery_id] += 1

    def due() -> list[tuple[int, int, bool]]:
        return [(n, e, False) for n, e in endpoints.items() if not delivered[n]]

    deliverers = Deliverers(due=due, deliver=deliver)
    deliverers.send_due()
    deliverers.send_due()
    go.set()
    while len(delivered) < len(endpoints):
        deliverers.send_due()
    deliverers.close()
    assert set(most.values()) == {1}


def test_an_endpoint_that_hangs_does_not_delay_the_others() -> None:
    hang, reached = threading.Event(), threading.Event()

    def deliver(delivery_id: int) -> None:
        if delivery_id == 1:
            hang.wait(10)
        else:
            reached.set()

    deliverers = Deliverers(
        due=lambda: [(1, 1, False), (2, 2, False)], deliver=deliver, n_threads=2
    )
    deliverers.send_due()
    assert reached.wait(10)
    hang.set()
    deliverers.close()


def test_no_more_calls_are_begun_than_there_are_threads() -> None:
    hang = threading.Event()
    begun = []

    def deliver(delivery_id: int) -> None:
        begun.append(delivery_id)
        hang.wait(10)

    due = [(n, n, False) for n in range(9)]
    deliverers = Deliverers(due=lambda: due, deliver=deliver, n_threads=2)
    deliverers.send_due()
    deliverers.send_due()
    assert len(deliverers.busy) == 2
    hang.set()
    deliverers.close()
    assert sorted(begun) == [0, 1]


def test_endpoints_that_fail_hold_at_most_half_of_the_threads() -> None:
    hang, reached = threading.Event(), threading.Event()
    begun = []

    def deliver(delivery_id: int) -> None:
        begun.append(delivery_id)
        hang.wait(10) if delivery_id < 9 else reached.set()

    due = [*((n, n, True) for n in range(9)), (9, 9, False)]
    deliverers = Deliverers(due=lambda: due, deliver=deliver, n_threads=4)
    deliverers.send_due()
    assert reached.wait(10)
    assert sum(n < 9 for n in begun) == 2
    hang.set()
    deliverers.close()


def test_calls_that_wait_make_room_for_another(monkeypatch) -> None:
    hang, reached = threading.Event(), threading.Event()

    def deliver(delivery_id: int) -> None:
        hang.wait(10) if delivery_id < 2 else reached.set()

    due = [(n, n, False) for n in range(3)]
    deliverers = Deliverers(due=lambda: due, deliver=deliver, n_threads=2)
    deliverers.send_due()
    assert not reached.is_set()
    monkeypatch.setattr(tickers, "QUICK_SECONDS", -1.0)
    deliverers.send_due()
    assert reached.wait(10)
    hang.set()
    deliverers.close()
