"""Rows B109 to B137 of the list of bad input: claims, submits, votes and edits, one by one.

Each row is a function of that name; the last test holds the table to be complete. What a row finds
is the answer of the API, and that a refusal changed nothing.
"""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from portal.models import Annotation, Assignment, AuditEntry, Project, Task, Vote
from portal.services import assignments
from tests import factories
from tests.api.conftest import problem

CAPTION = {"annotator_id": "ann", "caption": "a dog runs"}


class World:
    """A project with one open task, a machine and a way to sign people in."""

    def __init__(self, api, as_role, caller, project, settings) -> None:
        self.api, self.as_role, self.caller = api, as_role, caller
        self.project, self.settings = project, settings
        self.task = factories.TaskFactory(project=project)

    def claim(self, who="ann"):
        return self.api.post("tasks/assign", {"annotator_id": who})

    def submit(self, **more):
        return self.api.post(f"tasks/{self.task.pk}/annotations", CAPTION | more)

    def vote(self, **more):
        body = {"annotator_id": "ben", "score": 0.5} | more
        return self.api.post(f"tasks/{self.task.pk}/votes", body)

    def end_leases(self) -> None:
        Assignment.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    def caption(self, **fields):
        author = factories.AnnotatorFactory(project=self.project, annotator_id="ann")
        return factories.AnnotationFactory(task=self.task, author=author, **fields)


@pytest.fixture
def world(api, as_role, caller, project, settings) -> World:
    return World(api, as_role, caller, project, settings)


def b109(world) -> None:
    person = world.as_role("annotator")
    problem(person.post(f"tasks/{world.task.pk}/annotations", {"caption": "a dog"}), 404)


def b110(world) -> None:
    token = world.claim().json()["lease"]["token"]
    problem(world.submit(annotator_id="thief", lease=token), 404)
    path = f"tasks/{world.task.pk}/lease/release"
    problem(world.api.post(path, {"annotator_id": "thief", "lease": token}), 404)
    assert Assignment.objects.get().state == "leased"
    assert AuditEntry.objects.filter(action="lease.foreign").count() == 2


def b111(world) -> None:
    token = world.claim().json()["lease"]["token"]
    world.end_leases()
    refused = world.submit(lease=token)
    assert problem(refused, 409, "lease_expired")["draft"] == CAPTION["caption"]
    assert world.claim().json()["draft"] == CAPTION["caption"]


def b112(world) -> None:
    Task.objects.update(n_wanted=1)
    mine = world.claim().json()["lease"]["token"]
    world.end_leases()
    assignments.expire_stale()
    theirs = world.claim("ben").json()["lease"]["token"]
    problem(world.submit(lease=mine), 409, "lease_expired")
    assert Assignment.objects.get(token=theirs).state == "leased"


def b113(world) -> None:
    token = world.claim().json()["lease"]["token"]
    world.end_leases()
    path = f"tasks/{world.task.pk}/lease/heartbeat"
    problem(world.api.post(path, {"annotator_id": "ann", "lease": token}), 409)


def b114(world) -> None:
    token = world.claim().json()["lease"]["token"]
    path = f"tasks/{world.task.pk}/lease/heartbeat"
    body = {"annotator_id": "ann", "lease": token}
    problem(world.api.post(path, body | {"minutes": 5_000_000}), 400, "unknown_field")
    assert world.api.post(path, body).status_code == 200
    assert Assignment.objects.get().expires_at < timezone.now() + timedelta(hours=12)


def b115(world) -> None:
    factories.TaskFactory.create_batch(3, project=world.project)
    tokens = {world.claim().json()["lease"]["token"] for _ in range(3)}
    assert len(tokens) == 1
    for _ in range(2):
        assignments.reserve(annotator=Assignment.objects.first().annotator)
    assert Assignment.objects.count() == 2
    with pytest.raises(IntegrityError), transaction.atomic():
        Assignment.objects.update(hold="active")


def b116(world) -> None:
    factories.AnnotatorFactory(project=world.project, annotator_id="ann", daily_limit=1)
    factories.TaskFactory(project=world.project)
    claimed = world.claim().json()
    path = f"tasks/{claimed['task_id']}/annotations"
    assert world.api.post(path, CAPTION).status_code == 201
    problem(world.claim(), 409, "at_capacity")


def b117(world) -> None:
    Task.objects.update(state="settled")
    assert world.claim().status_code == 204


def b118(world) -> None:
    world.claim()
    assert world.submit().status_code == 201
    problem(world.submit(caption="again"), 409, "already_answered")
    assert world.claim().status_code == 204


def b119(world) -> None:
    answers = [keyed(world) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert Annotation.objects.count() == 1


def b120(world) -> None:
    keyed(world)
    problem(keyed(world, caption="another"), 422, "idempotency_key_reused")
    assert Annotation.objects.get().text == CAPTION["caption"]


def b121(world) -> None:
    # Two at once are told apart by the key's own row: the second finds it whatever it waits for.
    keyed(world)
    assert keyed(world).headers["Idempotency-Replayed"] == "true"


def b122(world) -> None:
    for key in ("", "x" * 10_000):
        problem(keyed(world, key=key), 400)
    assert not Annotation.objects.exists()


def b123(world) -> None:
    _, secret = factories.token_and_secret(project=world.project)
    keyed(world)
    other = keyed(world, api=world.caller(secret), annotator_id="ben", caption="a cat")
    assert other.status_code == 201
    assert Annotation.objects.count() == 2


def b124(world) -> None:
    world.caption()
    for score in (-0.1, 1.1, "0.5", True, None, [1]):
        problem(world.vote(score=score), 400, field="score")
    assert not Vote.objects.exists()


def b125(world) -> None:
    own = world.caption()
    problem(world.vote(annotator_id="ann", annotation_id=own.pk), 403, "own_caption")
    with pytest.raises(IntegrityError), transaction.atomic():
        Vote.objects.create(annotation=own, author=own.author, voter=own.author, score=1.0)


def b126(world) -> None:
    world.caption()
    assert [world.vote(score=s).status_code for s in (0.9, 0.1)] == [201, 200]
    assert Vote.objects.get().score == 0.1


def b127(world) -> None:
    withdrawn = world.caption(state="withdrawn")
    problem(world.vote(annotation_id=withdrawn.pk), 409)
    Task.objects.update(state="settled")
    problem(world.vote(annotation_id=withdrawn.pk), 409, "task_closed")


def b128(world) -> None:
    foreign = factories.AnnotationFactory()
    problem(world.vote(annotation_id=foreign.pk), 404)
    body = {"annotator_id": "ben", "score": 1}
    problem(world.api.post(f"tasks/{foreign.task_id}/votes", body), 404)


def b129(world) -> None:
    problem(edit(world, world.caption()), 428)


def b130(world) -> None:
    problem(edit(world, world.caption(), match='"7"'), 412)


def b131(world) -> None:
    own = world.caption()
    Task.objects.update(state="settled")
    problem(edit(world, own, match='"1"'), 409, "task_closed")
    own.refresh_from_db()
    assert own.number == 1


def b132(world) -> None:
    problem(world.submit(author="ben"), 400, "unknown_field")
    assert not Annotation.objects.exists()


def b133(world) -> None:
    world.caption(text="a canary nobody may hear")
    person = world.as_role("annotator")
    for path in ("tasks", f"tasks/{world.task.pk}", f"tasks/{world.task.pk}/annotations",
                 f"tasks/{world.task.pk}/consensus", "exports"):  # fmt: skip
        assert "canary" not in person.get(path).content.decode(), path


def b134(world) -> None:
    world.caption()
    factories.AnnotationFactory(task=world.task)
    with pytest.raises(IntegrityError), transaction.atomic():
        Task.objects.update(n_wanted=1)


def b135(world) -> None:
    for n in (0, -1):
        with pytest.raises((ValidationError, IntegrityError)), transaction.atomic():
            Project(slug="none", name="None", min_captions=n).full_clean()


def b136(world) -> None:
    Project.objects.update(is_paused=True)
    problem(world.claim(), 409, "project_paused")


def b137(world) -> None:
    world.settings.CLAIMS_A_MINUTE = 2
    refused = [world.claim() for _ in range(5)][-1]
    problem(refused, 429, "throttled")
    assert int(refused.headers["Retry-After"]) >= 1


def keyed(world, key="k1", api=None, **more):
    return (api or world.api).post(
        f"tasks/{world.task.pk}/annotations", CAPTION | more, headers={"Idempotency-Key": key}
    )


def edit(world, annotation, match=None):
    headers = {"If-Match": match} if match else {}
    body = {"annotator_id": "ann", "caption": "a better one"}
    return world.api.patch(f"annotations/{annotation.pk}", body, headers=headers)


ROWS = {int(name[1:]): row for name, row in list(globals().items()) if name[:1] == "b" and
        name[1:].isdigit()}  # fmt: skip


@pytest.mark.parametrize("number", sorted(ROWS))
def test_each_row_of_bad_input_is_answered_as_the_list_says(number, world) -> None:
    ROWS[number](world)


def test_no_row_of_the_list_is_missing() -> None:
    assert sorted(ROWS) == list(range(109, 138))
