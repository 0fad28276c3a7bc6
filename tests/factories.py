"""Rows for tests: a factory a noun, each stating only what a row cannot do without.

They write rows and nothing else: no service runs, no announcement goes out. What a test is about it
says itself: `TaskFactory(n_wanted=1)`, `AnnotationFactory(task=task, text="a dog runs")`.
"""

import uuid
from datetime import timedelta
from typing import Any

import factory
from django.utils import timezone
from factory.django import DjangoModelFactory, Password

from portal import models
from portal.models.members import Role
from portal.models.tokens import Scope, digest, new_secret

PASSWORD = "a long enough passphrase"
ALL_SCOPES = [scope.value for scope in Scope]


class UserFactory(DjangoModelFactory):
    """A user whose password is PASSWORD."""

    class Meta:
        model = models.User

    username = factory.Sequence(lambda n: f"user{n}")
    password = Password(PASSWORD)


class ProjectFactory(DjangoModelFactory):
    """A project without gold, so that claims are predictable; everything else as by default."""

    class Meta:
        model = models.Project

    slug = factory.Sequence(lambda n: f"project-{n}")
    name = factory.Sequence(lambda n: f"Project {n}")
    gold_first = 0
    gold_rate = 0.0
    evaluation_salt = "salt"  # the same clips are held out and drawn in every run


class GuidelineFactory(DjangoModelFactory):
    class Meta:
        model = models.Guideline

    project = factory.SubFactory(ProjectFactory)
    number = 1
    text = "Say what moves, and where to."


class MembershipFactory(DjangoModelFactory):
    class Meta:
        model = models.Membership

    project = factory.SubFactory(ProjectFactory)
    user = factory.SubFactory(UserFactory)
    role = Role.ANNOTATOR


class AnnotatorFactory(DjangoModelFactory):
    """An annotator known by id alone; give `user` for one who signs in."""

    class Meta:
        model = models.Annotator

    project = factory.SubFactory(ProjectFactory)
    annotator_id = factory.Sequence(lambda n: f"annotator{n}")


class TokenFactory(DjangoModelFactory):
    """A service token with every scope, whose `secret` the test may read (`issue` gives both)."""

    class Meta:
        model = models.ServiceToken

    class Params:
        plain = factory.LazyFunction(new_secret)

    project = factory.SubFactory(ProjectFactory)
    name = "test token"
    prefix = factory.LazyAttribute(lambda token: token.plain[:10])
    token_hash = factory.LazyAttribute(lambda token: digest(token.plain))
    scopes = factory.LazyFunction(lambda: list(ALL_SCOPES))


def token_and_secret(**fields: Any) -> tuple[models.ServiceToken, str]:
    """Make a service token and return it with the secret that opens it."""
    secret = new_secret()
    return TokenFactory(plain=secret, **fields), secret


class VideoFactory(DjangoModelFactory):
    """A clip that is ready as far as its row goes; no file lies behind it."""

    class Meta:
        model = models.Video

    project = factory.SubFactory(ProjectFactory)
    video_id = factory.Sequence(lambda n: f"video{n}")
    state = "ready"
    mime = "video/mp4"
    clip_seconds = 4.0
    frames_per_second = 12.0
    width = 320
    height = 240


class VersionFactory(DjangoModelFactory):
    class Meta:
        model = models.ModelVersion

    project = factory.SubFactory(ProjectFactory)
    name = factory.Sequence(lambda n: f"captioner-{n}")


class PoolFactory(DjangoModelFactory):
    class Meta:
        model = models.Pool

    project = factory.SubFactory(ProjectFactory)
    number = 1


class PredictionFactory(DjangoModelFactory):
    """A standing prediction; `project` reaches its video and version."""

    class Meta:
        model = models.Prediction

    project = factory.SubFactory(ProjectFactory)
    video = factory.SubFactory(VideoFactory, project=factory.SelfAttribute("..project"))
    version = factory.SubFactory(VersionFactory, project=factory.SelfAttribute("..project"))
    caption = factory.Sequence(lambda n: f"a shape number {n} moves left")
    uncertainty = 0.7
    posted_uncertainty = 0.7
    estimator = "SCALAR"
    body_sha256 = factory.LazyFunction(lambda: uuid.uuid4().hex * 2)


class TaskFactory(DjangoModelFactory):
    """An open task of a whole clip, without a prediction behind it."""

    class Meta:
        model = models.Task

    project = factory.SubFactory(ProjectFactory)
    video = factory.SubFactory(VideoFactory, project=factory.SelfAttribute("..project"))
    is_evaluation = factory.SelfAttribute("video.is_evaluation")


class GoldReferenceFactory(DjangoModelFactory):
    class Meta:
        model = models.GoldReference

    task = factory.SubFactory(TaskFactory, is_gold=True)
    text = "a small red circle moves left"


class AssignmentFactory(DjangoModelFactory):
    """A live lease on the task's next slot, counted on the task."""

    class Meta:
        model = models.Assignment
        skip_postgeneration_save = True

    task = factory.SubFactory(TaskFactory)
    annotator = factory.SubFactory(
        AnnotatorFactory, project=factory.SelfAttribute("..task.project")
    )
    slot = factory.LazyAttribute(lambda row: row.task.n_taken)
    cap = factory.LazyAttribute(lambda row: row.task.n_wanted)
    expires_at = factory.LazyFunction(lambda: timezone.now() + timedelta(minutes=30))

    @factory.post_generation
    def count_slot(self, create: bool, extracted: Any, **kwargs: Any) -> None:
        """Count the slot where the row holds one."""
        if self.state in ("leased", "submitted"):
            self.task.n_taken += 1
            self.task.save(update_fields=["n_taken"])


class AnnotationFactory(DjangoModelFactory):
    """A standing caption with its submitted assignment, its first revision and its counts."""

    class Meta:
        model = models.Annotation
        skip_postgeneration_save = True

    task = factory.SubFactory(TaskFactory)
    author = factory.SubFactory(AnnotatorFactory, project=factory.SelfAttribute("..task.project"))
    assignment = factory.SubFactory(
        AssignmentFactory,
        task=factory.SelfAttribute("..task"),
        annotator=factory.SelfAttribute("..author"),
        state="submitted",
        submitted_at=factory.LazyFunction(timezone.now),
    )
    text = factory.Sequence(lambda n: f"a blue square number {n} moves right")

    @factory.post_generation
    def count_caption(self, create: bool, extracted: Any, **kwargs: Any) -> None:
        """Write the first revision and raise the task's counts, as a submit does."""
        models.AnnotationRevision.objects.create(
            annotation=self, number=self.number, text=self.text
        )
        self.task.n_captions += 1
        self.task.revision += 1
        self.task.save(update_fields=["n_captions", "revision"])


class VoteFactory(DjangoModelFactory):
    class Meta:
        model = models.Vote

    annotation = factory.SubFactory(AnnotationFactory)
    voter = factory.SubFactory(
        AnnotatorFactory, project=factory.SelfAttribute("..annotation.task.project")
    )
    author = factory.SelfAttribute("annotation.author")
    score = 0.8


class FlagFactory(DjangoModelFactory):
    """An open flag without examples."""

    class Meta:
        model = models.Flag

    annotator = factory.SubFactory(AnnotatorFactory)
    kind = "too_short"
    evidence = "9 of 12 captions are far shorter than others' of that task."
    value = 0.75
    limit = 0.3


class ConsensusFactory(DjangoModelFactory):
    """A standing, final consensus; the task is left as it is."""

    class Meta:
        model = models.Consensus

    task = factory.SubFactory(TaskFactory, state="settled")
    project = factory.SelfAttribute("task.project")
    number = 1
    status = "accepted"
    caption = "a blue square moves right"
    agreement = 0.8
    confidence = 0.9
    method = "lexical"
    of_revision = factory.SelfAttribute("task.revision")


class ReviewFactory(DjangoModelFactory):
    """An expert's finding that the standing consensus is right; give `consensus` to name it."""

    class Meta:
        model = models.Review

    task = factory.SubFactory(TaskFactory, state="settled")
    reviewer = factory.SubFactory(UserFactory)
    decision = "choose"
    reason = "I looked twice."


class EndpointFactory(DjangoModelFactory):
    """A webhook endpoint; its `secret` column holds no real secret unless given one."""

    class Meta:
        model = models.Endpoint

    project = factory.SubFactory(ProjectFactory)
    url = factory.Sequence(lambda n: f"https://hooks.example.com/{n}")


class EventFactory(DjangoModelFactory):
    class Meta:
        model = models.Event

    project = factory.SubFactory(ProjectFactory)
    type = "ping"


class DeliveryFactory(DjangoModelFactory):
    class Meta:
        model = models.Delivery

    endpoint = factory.SubFactory(EndpointFactory)
    event = factory.SubFactory(EventFactory, project=factory.SelfAttribute("..endpoint.project"))


class BatchFactory(DjangoModelFactory):
    class Meta:
        model = models.MiniBatch

    project = factory.SubFactory(ProjectFactory)
    mini_batch_id = factory.Sequence(lambda n: f"batch-{n}")
    ids_sha256 = factory.LazyFunction(lambda: uuid.uuid4().hex * 2)


class BatchItemFactory(DjangoModelFactory):
    class Meta:
        model = models.BatchItem

    batch = factory.SubFactory(BatchFactory)
    consensus = factory.SubFactory(
        ConsensusFactory, task__project=factory.SelfAttribute("...batch.project")
    )
    task = factory.SelfAttribute("consensus.task")


class JobFactory(DjangoModelFactory):
    """A retrain job that has just been requested."""

    class Meta:
        model = models.RetrainJob

    project = factory.SubFactory(ProjectFactory)
    batch = factory.SubFactory(BatchFactory, project=factory.SelfAttribute("..project"))
    version = factory.SubFactory(VersionFactory, project=factory.SelfAttribute("..project"))


class EvaluationFactory(DjangoModelFactory):
    class Meta:
        model = models.Evaluation

    project = factory.SubFactory(ProjectFactory)
    original = factory.SubFactory(VersionFactory, project=factory.SelfAttribute("..project"))
    retrained = factory.SubFactory(VersionFactory, project=factory.SelfAttribute("..project"))


class EvaluationItemFactory(DjangoModelFactory):
    """A held-out clip that both of the evaluation's models captioned."""

    class Meta:
        model = models.EvaluationItem

    class Params:
        clip = factory.SelfAttribute("consensus.task.video")

    evaluation = factory.SubFactory(EvaluationFactory)
    consensus = factory.SubFactory(
        ConsensusFactory, task__project=factory.SelfAttribute("...evaluation.project")
    )
    task = factory.SelfAttribute("consensus.task")
    original = factory.SubFactory(
        PredictionFactory,
        project=factory.SelfAttribute("..evaluation.project"),
        video=factory.SelfAttribute("..clip"),
        version=factory.SelfAttribute("..evaluation.original"),
    )
    retrained = factory.SubFactory(
        PredictionFactory,
        project=factory.SelfAttribute("..evaluation.project"),
        video=factory.SelfAttribute("..clip"),
        version=factory.SelfAttribute("..evaluation.retrained"),
    )
    outcome = "tie"


class ExportFactory(DjangoModelFactory):
    class Meta:
        model = models.Export

    project = factory.SubFactory(ProjectFactory)
    name = factory.Sequence(lambda n: f"export-{n}")


class ImportFactory(DjangoModelFactory):
    """A file of captions that waits to be taken in; no file lies behind it."""

    class Meta:
        model = models.Import

    project = factory.SubFactory(ProjectFactory)
    name = factory.Sequence(lambda n: f"captions-{n}.jsonl")
    format = "jsonl"
    kind = "annotations"
