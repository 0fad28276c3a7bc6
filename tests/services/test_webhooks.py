"""Endpoints, and the way of each event to them: rows W1–W8 of the reference, over real sockets."""

import json
import subprocess
import sys
import threading
import time
from datetime import timedelta

import pytest
from django.conf import settings as portal_settings
from django.db import connection
from django.utils import timezone
from standardwebhooks.webhooks import Webhook

from portal.adapters import signatures
from portal.errors import Conflict, InvalidInput, OutboundRefused, SignatureInvalid
from portal.models import Delivery, Endpoint, Event
from portal.services import webhooks
from portal.services.webhooks import deliveries
from tests.factories import DeliveryFactory, EndpointFactory, JobFactory, ProjectFactory
from tests.receivers import receiving

pytestmark = pytest.mark.django_db
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def endpoint_at(url: str, **fields) -> Endpoint:
    sealed = signatures.encrypt(SECRET, portal_settings.FIELD_KEY)
    return EndpointFactory(url=url, secret=sealed, **fields)


def delivery_to(url: str, **fields) -> Delivery:
    return DeliveryFactory(endpoint=endpoint_at(url, **fields), event__data={"n": 1})


def make_due(delivery: Delivery) -> None:
    Delivery.objects.filter(pk=delivery.pk).update(
        next_attempt_at=timezone.now() - timedelta(seconds=1), held_until=None
    )


def try_once(delivery: Delivery) -> Delivery:
    webhooks.deliver(delivery_id=delivery.pk)
    delivery.refresh_from_db()
    delivery.endpoint.refresh_from_db()
    return delivery


def seconds_until(delivery: Delivery) -> float:
    return (delivery.next_attempt_at - timezone.now()).total_seconds()


def wait_for_next_second() -> None:
    now = int(time.time())
    while int(time.time()) == now:
        time.sleep(0.005)


def test_w1_two_failures_and_a_success_are_three_attempts_of_one_id(settings):
    with receiving(500, 500, 200) as receiver:
        settings.OUTBOUND_ALLOW = receiver.allow
        delivery = delivery_to(receiver.url)
        for _ in range(5):
            try_once(delivery)
            make_due(delivery)
            if len(receiver.got) < 3:
                wait_for_next_second()
    assert delivery.state == "delivered"
    assert [a.status for a in delivery.attempts.all()] == [500, 500, 200]
    assert {got.headers["webhook-id"] for got in receiver.got} == {str(delivery.event.uid)}
    stamps = [int(got.headers["webhook-timestamp"]) for got in receiver.got]
    assert stamps[0] < stamps[1] < stamps[2]


def test_what_arrives_is_signed_so_that_an_independent_library_agrees(settings):
    with receiving() as receiver:
        settings.OUTBOUND_ALLOW = receiver.allow
        delivery = try_once(delivery_to(receiver.url))
    got = receiver.got[0]
    assert Webhook(SECRET).verify(got.body, got.headers) == {
        "type": "ping",
        "timestamp": delivery.event.created_at.isoformat(),
        "data": {"n": 1},
    }
    assert got.headers["content-type"] == "application/json"


def test_w2_a_redirect_is_a_failure_and_is_not_followed(settings):
    with receiving(script=[(302, {"Location": "/elsewhere"}, b"")]) as receiver:
        settings.OUTBOUND_ALLOW = receiver.allow
        delivery = try_once(delivery_to(receiver.url))
    assert len(receiver.got) == 1
    assert delivery.state == "pending"
    assert delivery.attempts.get().status == 302


def test_w3_gone_switches_the_endpoint_off(settings):
    with receiving(410) as receiver:
        settings.OUTBOUND_ALLOW = receiver.allow
        delivery = delivery_to(receiver.url)
        other = DeliveryFactory(
            endpoint=delivery.endpoint, event__project=delivery.endpoint.project
        )
        try_once(delivery)
        try_once(other)
    assert len(receiver.got) == 1
    assert not delivery.endpoint.is_active
    assert "410" in delivery.endpoint.disabled_reason
    assert (delivery.state, other.state) == ("exhausted", "pending")
    assert webhooks.due() == []


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_w4_a_receiver_that_asks_for_rest_gets_it_for_all_its_messages(settings, status):
    with receiving(script=[(status, {"Retry-After": "120"}, b"")]) as receiver:
        settings.OUTBOUND_ALLOW = receiver.allow
        delivery = delivery_to(receiver.url)
        waiting = DeliveryFactory(endpoint=delivery.endpoint)
        elsewhere = DeliveryFactory()
        try_once(delivery)
    waiting.refresh_from_db()
    assert seconds_until(delivery) >= 119
    assert seconds_until(waiting) >= 119
    assert [due.delivery_id for due in webhooks.due()] == [elsewhere.pk]


def test_retry_after_on_an_ordinary_failure_changes_nothing(settings):
    with receiving(script=[(500, {"Retry-After": "120"}, b"")]) as receiver:
        settings.OUTBOUND_ALLOW = receiver.allow
        delivery = try_once(delivery_to(receiver.url))
    assert 0 < seconds_until(delivery) <= 6


def test_w5_an_answer_that_trickles_is_cut_at_the_deadline(settings):
    settings.WEBHOOK_TIMEOUT = 1.0
    done = threading.Event()

    def trickle(handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        while not done.wait(0.05):
            try:
                handler.wfile.write(b"x")
                handler.wfile.flush()
            except OSError:
                return

    with receiving(answer=trickle) as receiver:
        settings.OUTBOUND_ALLOW = receiver.allow
        started = time.monotonic()
        delivery = try_once(delivery_to(receiver.url))
        took = time.monotonic() - started
        done.set()
    assert 0.9 < took < 3
    assert (delivery.state, delivery.n_attempts) == ("pending", 1)
    assert delivery.attempts.get().status is None


def test_w6_of_an_endless_answer_little_is_read(settings):
    sent = []

    def flood(handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(1 << 30))
        handler.end_headers()
        try:
            for _ in range(1 << 14):
                handler.wfile.write(b"x" * 65536)
                sent.append(65536)
        except OSError:
            return

    with receiving(answer=flood) as receiver:
        settings.OUTBOUND_ALLOW = receiver.allow
        delivery = try_once(delivery_to(receiver.url))
    assert delivery.state == "delivered"
    assert sum(sent) < 32 << 20  # what the sockets' buffers took; the sender read 64 KiB of it


def test_w7_while_one_receiver_hangs_nothing_is_locked_for_the_others(settings, transactional_db):
    done = threading.Event()
    with receiving(answer=lambda handler: done.wait(20)) as hanging, receiving() as healthy:
        settings.OUTBOUND_ALLOW = hanging.allow + healthy.allow
        stuck = delivery_to(hanging.url)

        def send_to_the_hanging() -> None:
            webhooks.deliver(delivery_id=stuck.pk)
            connection.close()

        thread = threading.Thread(target=send_to_the_hanging)
        thread.start()
        while not hanging.got:
            time.sleep(0.01)
        started = time.monotonic()
        fine = [try_once(delivery_to(healthy.url)) for _ in range(10)]
        took = time.monotonic() - started
        done.set()
        thread.join()
    assert all(delivery.state == "delivered" for delivery in fine)
    assert took < 5


def test_w8_a_sender_killed_before_it_recorded_sends_the_same_id_again(
    settings, child_environment, transactional_db
):
    script = "import django, sys; django.setup(); from portal.services import webhooks; "
    script += "webhooks.deliver(delivery_id=int(sys.argv[1]))"
    children: list[subprocess.Popen] = []

    def kill_the_sender(handler) -> None:
        children[0].kill()
        children[0].wait()

    with receiving(answer=kill_the_sender) as receiver:
        settings.OUTBOUND_ALLOW = receiver.allow
        delivery = delivery_to(receiver.url)
        environment = child_environment | {"OUTBOUND_ALLOW": receiver.allow[0]}
        command = [sys.executable, "-c", script, str(delivery.pk)]
        children.append(subprocess.Popen(command, env=environment))
        children[0].wait(timeout=30)
        delivery.refresh_from_db()
        assert (delivery.state, delivery.n_attempts) == ("pending", 0)
        assert webhooks.due() == []  # still in the dead sender's hands
        receiver.answer = None
        Delivery.objects.update(held_until=timezone.now() - timedelta(seconds=1))
        try_once(delivery)
    assert delivery.state == "delivered"
    assert [got.headers["webhook-id"] for got in receiver.got] == [str(delivery.event.uid)] * 2


def test_a_delivery_that_another_sender_holds_is_not_sent(settings):
    with receiving() as receiver:
        settings.OUTBOUND_ALLOW = receiver.allow
        delivery = delivery_to(receiver.url)
        assert Delivery.objects.take(delivery.pk)
        assert not Delivery.objects.take(delivery.pk)
        try_once(delivery)
    assert receiver.got == []


def test_delivering_twice_sends_once(settings):
    with receiving() as receiver:
        settings.OUTBOUND_ALLOW = receiver.allow
        delivery = delivery_to(receiver.url)
        try_once(delivery)
        try_once(delivery)
    assert len(receiver.got) == 1


def test_a_private_address_is_refused_at_each_attempt_and_says_the_remedy():
    delivery = try_once(delivery_to("http://127.0.0.1:1/hook"))
    assert "OUTBOUND_ALLOW" in delivery.attempts.get().error
    assert delivery.state == "pending"


def test_a_receiver_that_is_down_is_tried_on_the_schedule_until_it_is_exhausted(
    settings, free_port
):
    port = free_port()
    settings.OUTBOUND_ALLOW = [f"127.0.0.1:{port}"]
    delivery = delivery_to(f"http://127.0.0.1:{port}/hook")
    waits = []
    for _ in range(10):
        try_once(delivery)
        waits.append(seconds_until(delivery))
        make_due(delivery)
    assert delivery.state == "exhausted"
    assert [round(wait / 10) for wait in waits[:1]] in ([0], [1])
    assert 270 <= waits[1] <= 330
    assert waits == sorted(waits[:9]) + waits[9:]
    assert Delivery.objects.due().count() == 0


def test_an_endpoint_that_failed_for_five_days_is_switched_off(settings, free_port):
    settings.OUTBOUND_ALLOW = [f"127.0.0.1:{free_port()}"]
    url = f"http://{settings.OUTBOUND_ALLOW[0]}/hook"
    recent = delivery_to(url, failing_since=timezone.now() - timedelta(days=4, hours=23))
    long_since = delivery_to(url, failing_since=timezone.now() - timedelta(days=5, seconds=1))
    assert try_once(recent).endpoint.is_active
    assert not try_once(long_since).endpoint.is_active


def test_a_success_ends_a_run_of_failures(settings):
    with receiving() as receiver:
        settings.OUTBOUND_ALLOW = receiver.allow
        failing = timezone.now() - timedelta(days=4)
        assert (
            try_once(delivery_to(receiver.url, failing_since=failing)).endpoint.failing_since
            is None
        )


def test_many_messages_for_one_endpoint_leave_room_for_the_others():
    busy = EndpointFactory()
    DeliveryFactory.create_batch(deliveries.DUE_PER_ENDPOINT + 5, endpoint=busy)
    other = DeliveryFactory()
    due = webhooks.due()
    assert len(due) == deliveries.DUE_PER_ENDPOINT + 1
    assert (other.pk, other.endpoint_id, False) in due


def test_what_waits_for_a_receiver_that_answers_goes_out_at_once_in_order(settings):
    with receiving() as receiver:
        settings.OUTBOUND_ALLOW = receiver.allow
        first = delivery_to(receiver.url)
        others = DeliveryFactory.create_batch(5, endpoint=first.endpoint)
        elsewhere = DeliveryFactory()
        try_once(first)
    ids = [got.headers["webhook-id"] for got in receiver.got]
    assert ids == [str(delivery.event.uid) for delivery in [first, *others]]
    assert [due.delivery_id for due in webhooks.due()] == [elsewhere.pk]


@pytest.mark.parametrize(
    ("statuses", "n_sent"), [((200, 500, 500, 200, 500), 7), ((500, 500, 500, 200), 3)]
)
def test_a_receiver_that_refuses_now_and_then_gets_the_rest_and_one_that_refuses_all_waits(
    settings, statuses, n_sent
):
    with receiving(*statuses) as receiver:
        settings.OUTBOUND_ALLOW = receiver.allow
        first = delivery_to(receiver.url)
        DeliveryFactory.create_batch(9, endpoint=first.endpoint)
        try_once(first)
    assert len(receiver.got) == n_sent


def test_what_waits_for_a_receiver_that_is_silent_goes_on_waiting(settings):
    settings.WEBHOOK_TIMEOUT = 0.2
    done = threading.Event()
    with receiving(answer=lambda handler: done.wait(10)) as receiver:
        settings.OUTBOUND_ALLOW = receiver.allow
        first = delivery_to(receiver.url)
        DeliveryFactory.create_batch(3, endpoint=first.endpoint)
        try_once(first)
        done.set()
    assert len(receiver.got) == 1
    assert webhooks.due()[0].is_failing


def test_endpoints_that_fail_take_their_turn_after_those_that_answer():
    failing = DeliveryFactory(endpoint__failing_since=timezone.now())
    fine = DeliveryFactory()
    assert [due.delivery_id for due in webhooks.due()] == [fine.pk, failing.pk]


def test_a_redelivery_keeps_the_id(settings):
    with receiving() as receiver:
        settings.OUTBOUND_ALLOW = receiver.allow
        delivery = try_once(delivery_to(receiver.url))
        try_once(webhooks.redeliver(delivery=delivery))
    assert len({got.headers["webhook-id"] for got in receiver.got}) == 1
    assert [a.number for a in delivery.attempts.all()] == [1, 2]


def test_nothing_is_redelivered_to_an_endpoint_that_is_off():
    with pytest.raises(Conflict):
        webhooks.redeliver(delivery=DeliveryFactory(endpoint__is_active=False))


def test_a_ping_reaches_its_endpoint_alone_whatever_it_wants():
    endpoint = EndpointFactory(events=["export.ready"])
    EndpointFactory(project=endpoint.project)
    event = webhooks.ping(endpoint=endpoint)
    assert [delivery.endpoint for delivery in event.deliveries.all()] == [endpoint]


def test_a_secret_is_shown_once_and_kept_encrypted(settings):
    settings.OUTBOUND_ALLOW = ["127.0.0.1:9"]
    endpoint, secret = webhooks.add_endpoint(
        project=ProjectFactory(), url="http://127.0.0.1:9/", events=["export.ready"], actor="user:m"
    )
    assert secret.startswith("whsec_")
    assert secret not in endpoint.secret
    assert endpoint.events == ["export.ready"]
    assert not endpoint.wants("consensus.reached")


def test_after_a_rotation_both_secrets_sign_for_a_day(settings):
    with receiving() as receiver:
        settings.OUTBOUND_ALLOW = receiver.allow
        delivery = delivery_to(receiver.url)
        new = webhooks.rotate(endpoint=delivery.endpoint)
        try_once(delivery)
        Endpoint.objects.update(previous_until=timezone.now() - timedelta(seconds=1))
        try_once(webhooks.redeliver(delivery=delivery))
    first, second = receiver.got
    for secret in (SECRET, new):
        Webhook(secret).verify(first.body, first.headers)
    Webhook(new).verify(second.body, second.headers)
    assert " " not in second.headers["webhook-signature"]


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost/",
        "http://127.0.0.1:22/",
        "http://[::1]/",
        "http://2130706433/",
        "http://0/",
        "http://169.254.169.254/",
        "http://ok@127.0.0.1/",
        "http:\\\\127.0.0.1/",
        "https://u:p@example.com/",
        "file:///etc/passwd",
        "ftp://example.com/",
        "gopher://x/",
        "javascript:alert(1)",
        "https://example.com:6379/",
        "https://10.0.0.1/",
        "not a url",
        "",
    ],
)
def test_an_address_that_will_never_be_called_is_refused_at_the_door(url):
    with pytest.raises(OutboundRefused):
        webhooks.add_endpoint(project=ProjectFactory(), url=url, events=[], actor="user:m")
    assert not Endpoint.objects.exists()


def test_an_unknown_event_type_is_refused(settings):
    settings.OUTBOUND_ALLOW = ["127.0.0.1:9"]
    with pytest.raises(InvalidInput) as refused:
        webhooks.add_endpoint(
            project=ProjectFactory(),
            url="http://127.0.0.1:9/",
            events=["all.of.it"],
            actor="user:m",
        )
    assert refused.value.errors[0]["field"] == "events"


def test_an_endpoint_switched_on_again_gets_what_waited():
    delivery = DeliveryFactory(endpoint__is_active=False, endpoint__failing_since=timezone.now())
    assert webhooks.due() == []
    changed = webhooks.change_endpoint(endpoint=delivery.endpoint, is_active=True, actor="user:m")
    assert webhooks.due() == [(delivery.pk, changed.pk, False)]
    assert changed.failing_since is None


def test_removing_an_endpoint_removes_its_deliveries_and_not_the_event():
    delivery = DeliveryFactory()
    webhooks.remove_endpoint(endpoint=delivery.endpoint, actor="user:m")
    assert Event.objects.exists()
    assert not Delivery.objects.exists()


def test_a_trainer_that_comes_late_hears_of_the_run_that_waits_for_one(settings):
    settings.OUTBOUND_ALLOW = ["127.0.0.1:9"]
    job = JobFactory(state="dispatching")
    done = JobFactory(project=job.project, state="cancelled")
    for run in (job, done):
        Event.objects.create(
            project=job.project, type="retraining.requested", data={"run_id": str(run.uid)}
        )
    endpoint, _ = webhooks.add_endpoint(
        project=job.project, url="http://127.0.0.1:9/", events=[], actor="user:m"
    )
    assert [d.event.data["run_id"] for d in endpoint.deliveries.all()] == [str(job.uid)]


def test_a_signed_message_names_its_endpoint_and_any_other_is_refused():
    endpoint = endpoint_at("https://a.example/")
    endpoint_at("https://b.example/", is_active=False, project=endpoint.project)
    body = json.dumps({"seq": 1}).encode()
    headers = signatures.sign(SECRET, "m1", int(time.time()), body)
    sender = webhooks.authenticate(project=endpoint.project, headers=headers, body=body)
    assert (sender.endpoint, sender.webhook_id) == (endpoint, "m1")
    for project, sent in ((ProjectFactory(), body), (endpoint.project, body + b" ")):
        with pytest.raises(SignatureInvalid):
            webhooks.authenticate(project=project, headers=headers, body=sent)
