"""A trainer's callbacks, case by case: rows B181 to B191 of the security reference."""

import json
import time
import uuid

import pytest
from django.conf import settings

from portal.adapters import signatures
from portal.models import Callback, RetrainJob
from portal.services import webhooks
from tests import factories
from tests.api.conftest import problem

ACCEPTED = {"seq": 1, "status": "accepted"}
RUNNING = {"seq": 2, "status": "running", "progress": 0.5}
SUCCEEDED = {"seq": 3, "status": "succeeded", "model": {"version": "v2"}}


@pytest.fixture
def job(project) -> RetrainJob:
    version = factories.VersionFactory(project=project)
    return factories.JobFactory(project=project, version=version, state="dispatching")


@pytest.fixture
def secret(project, settings) -> str:
    settings.OUTBOUND_ALLOW = ["example.com:443"]
    return webhooks.add_endpoint(
        project=project, url="https://example.com/hook", events=["ping"], actor="test"
    )[1]


@pytest.fixture
def send(caller, job, secret):
    """Send a report as a trainer would; `change` spoils its headers after signing."""

    def sent(report=ACCEPTED, name="m1", *, to=None, key=secret, at=0.0, spoil=b"", **change):
        body = report if isinstance(report, bytes) else json.dumps(report).encode()
        signed = signatures.sign(key, name, int(time.time() + at), body)
        headers = {
            name.title(): value
            for name, value in (
                signed | {k.replace("_", "-"): v for k, v in change.items()}
            ).items()
            if value is not None
        }
        return caller().post(f"retraining/{to or job.uid}/events", body + spoil, headers=headers)

    return sent


def untouched(job: RetrainJob) -> bool:
    before = (job.state, job.seq, job.heard_at)
    job.refresh_from_db()
    return (job.state, job.seq, job.heard_at) == before and not Callback.objects.exists()


REFUSED = [
    ("B181", {"webhook_id": None}),
    ("B181", {"webhook_timestamp": None}),
    ("B181", {"webhook_signature": None}),
    *(("B182", {"webhook_signature": text}) for text in ("garbage", "v1", "v1,a,b", "v1,\xe9")),
    ("B183", {"key": signatures.make_secret()}),
    ("B183", {"webhook_signature": " ".join(["v1,QUJD"] * 10_000)}),
    ("B184", {"at": 302}),
    ("B184", {"at": -302}),
    *(("B184", {"webhook_timestamp": text}) for text in ("nan", "1e999", "1_614265330", "", "-1")),
    ("B184", {"webhook_timestamp": f"{int(time.time())}.9"}),
    ("B185", {"spoil": b" "}),
]


@pytest.mark.parametrize(("row", "case"), REFUSED)
def test_b181_to_b185_what_is_not_signed_as_the_standard_says_is_nobodys(send, job, row, case):
    problem(send(**case), 401, "signature_invalid")
    assert untouched(job)


def test_b182_a_signature_after_a_space_is_none(send, job, secret):
    body = json.dumps(ACCEPTED).encode()
    now = int(time.time())
    good = signatures.sign(secret, "m1", now, body)["webhook-signature"]
    problem(send(webhook_timestamp=str(now), webhook_signature=" " + good), 401)
    assert untouched(job)
    assert send(webhook_timestamp=str(now), webhook_signature=good).status_code == 200


def test_b183_of_ten_thousand_signatures_ten_are_looked_at():
    key, now = signatures.make_secret(), 1_700_000_000
    signed = signatures.sign(key, "m1", now, b"{}")
    for n_before, accepted in ((9, True), (10, False)):
        many = " ".join(["v1,QUJD"] * n_before + [signed["webhook-signature"]] + ["v1,QQ=="] * 9990)
        try:
            signatures.verify(key, signed | {"webhook-signature": many}, b"{}", now=now)
        except signatures.SignatureInvalid:
            assert not accepted
        else:
            assert accepted


def test_b186_a_replay_is_answered_and_changes_nothing(send, job):
    first = send(RUNNING)
    job.refresh_from_db()
    heard_at = job.heard_at
    again = send(RUNNING)
    job.refresh_from_db()
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.json() == first.json()
    assert job.heard_at == heard_at
    assert Callback.objects.count() == 1


def test_b188_another_body_under_a_known_id_is_a_conflict(send, job):
    send(ACCEPTED)
    problem(send(RUNNING), 409)
    job.refresh_from_db()
    assert (job.state, job.seq) == ("accepted", 1)


@pytest.mark.parametrize("state", ["promoted", "rejected", "failed", "timed_out", "cancelled"])
def test_b189_a_run_that_has_ended_takes_no_report(send, job, state):
    RetrainJob.objects.filter(pk=job.pk).update(state=state)
    problem(send(ACCEPTED), 409)
    assert RetrainJob.objects.get().state == state


def test_b189_an_unknown_or_foreign_run_takes_no_report(send, job):
    foreign = factories.JobFactory(state="dispatching")
    problem(send(to=uuid.uuid4()), 404)
    problem(send(to="1"), 404)
    problem(send(to=foreign.uid), 401)  # its project has no such key
    assert untouched(job)
    assert untouched(foreign)


@pytest.mark.parametrize(
    ("report", "said"),
    [
        ({"seq": 2, "status": "checkpointing", "step": 7}, "checkpointing"),
        ({"type": "retraining.paused", "timestamp": "2026-01-01T00:00:00Z", "data": {}},
         "retraining.paused"),
    ],
)  # fmt: skip
def test_b190_an_unknown_kind_is_accepted_and_counted_once(api, send, job, report, said):
    send(ACCEPTED, "m1")
    answers = [send(report, "m2"), send(report, "m2")]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json() == {"state": "accepted", "seq": 1}
    assert Callback.objects.get(outcome="unknown").status == said
    assert api.get(f"retraining/{job.uid}").json()["n_unknown_reports"] == 1


def test_b190_an_unknown_kind_shows_that_the_trainer_lives(send, job):
    send(ACCEPTED, "m1")
    RetrainJob.objects.update(heard_at=None)
    send({"status": "queued"}, "m2")
    assert RetrainJob.objects.get().heard_at is not None


def test_b191_the_highest_number_counts_whatever_the_order(send, job):
    answers = [send(SUCCEEDED, "m3"), send(RUNNING, "m2"), send(ACCEPTED, "m1")]
    job.refresh_from_db()
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert (job.state, job.seq, job.progress) == ("succeeded", 3, 1.0)
    assert sorted(Callback.objects.values_list("seq", "outcome")) == [
        (1, "overtaken"),
        (2, "overtaken"),
        (3, "counted"),
    ]


def test_b191_progress_may_go_back_where_the_number_rises(send, job):
    send({"seq": 1, "status": "running", "progress": 0.9}, "m1")
    send({"seq": 2, "status": "running", "progress": 0.1}, "m2")
    job.refresh_from_db()
    assert job.progress == 0.1


def test_t13_each_report_five_times_in_any_order_is_as_if_each_came_once(send, job):
    reports = [(ACCEPTED, "m1"), (RUNNING, "m2"), (SUCCEEDED, "m3")]
    order = [2, 0, 1, 1, 0, 2, 0, 1, 2, 2, 1, 0, 0, 2, 1]
    assert {send(*reports[place]).status_code for place in order} == {200}
    job.refresh_from_db()
    assert (job.state, job.seq, job.new_version.name) == ("succeeded", 3, "v2")
    assert Callback.objects.count() == 3


# --- the run's own token --------------------------------------------------------------------


def under_token(caller, job, token, report=ACCEPTED):
    headers = {"Authorization": f"Bearer {token}"}
    return caller().post(f"retraining/{job.uid}/events", report, headers=headers)


def token_of(job) -> str:
    return signatures.run_token(str(job.uid), settings.FIELD_KEY)


def test_a_runs_token_reports_on_that_run_alone(caller, job):
    other = factories.JobFactory(state="dispatching")
    assert under_token(caller, job, token_of(job)).json() == {"state": "accepted", "seq": 1}
    problem(under_token(caller, other, token_of(job)), 401)
    problem(under_token(caller, job, "run_" + "0" * 64), 401)
    problem(under_token(caller, job, "\xe9"), 401)
    assert under_token(caller, job, token_of(job)).json()["seq"] == 1
    assert Callback.objects.filter(outcome="counted").count() == 1


def test_a_runs_token_is_worth_nothing_elsewhere_or_after_its_end(caller, job):
    problem(caller(token_of(job)).get(f"retraining/{job.uid}"), 401)
    RetrainJob.objects.update(state="failed")
    problem(under_token(caller, job, token_of(job)), 409)
