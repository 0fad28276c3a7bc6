"""The portal's rows, in river order; each module imports only those upstream of it."""

from portal.models import lookups as _lookups  # noqa: F401 - what queries may ask
from portal.models.annotations import Annotation, AnnotationRevision
from portal.models.annotators import Annotator
from portal.models.assignments import Assignment
from portal.models.audit import AuditEntry
from portal.models.callbacks import Callback
from portal.models.clusters import Cluster
from portal.models.consensus import Consensus, Residual
from portal.models.evaluations import Evaluation, EvaluationItem, MetricBasis
from portal.models.events import Delivery, DeliveryAttempt, Endpoint, Event
from portal.models.exports import Export
from portal.models.flags import Flag
from portal.models.golds import GoldReference, PlantedPrediction
from portal.models.idempotency import IdempotencyKey
from portal.models.imports import Import
from portal.models.members import Invitation, Membership
from portal.models.pools import Pool
from portal.models.predictions import Prediction
from portal.models.preferences import Preference
from portal.models.projects import Guideline, Project
from portal.models.refits import Refit
from portal.models.retraining import BatchItem, MiniBatch, RetrainJob
from portal.models.reviews import Review, ReviewLease
from portal.models.surprises import Surprise
from portal.models.tasks import Task
from portal.models.tokens import ServiceToken
from portal.models.users import User
from portal.models.verifications import Verification
from portal.models.versions import ModelVersion
from portal.models.videos import Video
from portal.models.votes import Vote

__all__ = [
    "Annotation",
    "AnnotationRevision",
    "Annotator",
    "Assignment",
    "AuditEntry",
    "BatchItem",
    "Callback",
    "Cluster",
    "Consensus",
    "Delivery",
    "DeliveryAttempt",
    "Endpoint",
    "Evaluation",
    "EvaluationItem",
    "Event",
    "Export",
    "Flag",
    "GoldReference",
    "Guideline",
    "IdempotencyKey",
    "Import",
    "Invitation",
    "Membership",
    "MetricBasis",
    "MiniBatch",
    "ModelVersion",
    "PlantedPrediction",
    "Pool",
    "Prediction",
    "Preference",
    "Project",
    "Refit",
    "Residual",
    "RetrainJob",
    "Review",
    "ReviewLease",
    "ServiceToken",
    "Surprise",
    "Task",
    "User",
    "Verification",
    "Video",
    "Vote",
]
