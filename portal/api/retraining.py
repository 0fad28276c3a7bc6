"""Retraining: requested, watched, reported back on by the trainer, cancelled."""

from typing import Any, ClassVar

from django.db.models import Count, Q
from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api import json, queries
from portal.api.base import PortalView, answer, parse_uid
from portal.api.consensus import NoInput
from portal.api.downloads import LINK_FILTERS, NDJSON, LinkSigned, send
from portal.api.fields import Body, Text, Whole
from portal.api.idempotency import keyed
from portal.api.pagination import narrow, paged
from portal.api.permissions import MANAGERS, WATCHERS, Need, NeedsMet
from portal.api.schema import documented, page_of
from portal.api.times import iso
from portal.errors import Conflict, NotFound
from portal.models import ModelVersion, RetrainJob
from portal.models.callbacks import CallbackOutcome
from portal.models.retraining import JobState
from portal.models.tokens import Scope
from portal.services import retraining, webhooks

MOST_IDS = 10_000


class TriggerInput(Body):
    """Which version is retrained, on which tasks' consensus, under which name."""

    model_version = Text(max_length=120)
    mini_batch_id = Text(max_length=100)
    labeled_task_ids = serializers.ListField(
        child=Whole(max_value=2**63 - 1), allow_empty=False, max_length=MOST_IDS
    )
    project = Text(required=False)


class JobOutput(serializers.Serializer[Any]):
    """One retraining and how far it is."""

    id = serializers.UUIDField()
    project = serializers.CharField()
    state = serializers.ChoiceField(JobState.choices)
    reason = serializers.CharField()
    model_version = serializers.CharField()
    new_version = serializers.CharField(allow_null=True)
    mini_batch_id = serializers.CharField()
    n_tasks = serializers.IntegerField()
    progress = serializers.FloatField()
    seq = serializers.IntegerField()
    external_run = serializers.DictField()
    metrics = serializers.DictField()
    error = serializers.DictField()
    n_unknown_reports = serializers.IntegerField(help_text="Of a kind that this portal lacks.")
    manifest_url = serializers.CharField(allow_null=True, help_text="Signed anew at each read.")
    manifest_sha256 = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()
    heard_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


class WebhookOutput(serializers.Serializer[Any]):
    """The payload as endpoints receive it."""

    type = serializers.CharField()
    timestamp = serializers.DateTimeField()
    data = serializers.DictField()


class TriggerOutput(serializers.Serializer[Any]):
    """The job, and the payload that its trainer receives."""

    job = JobOutput()
    webhook = WebhookOutput()


class CallbackOutput(serializers.Serializer[Any]):
    """What the portal made of a report."""

    state = serializers.ChoiceField(JobState.choices)
    seq = serializers.IntegerField()


class CallbackModelInput(serializers.Serializer[Any]):
    """The new model."""

    name = serializers.CharField(required=False)
    version = serializers.CharField()
    uri = serializers.CharField(required=False)
    sha256 = serializers.CharField(required=False)


class CallbackInput(serializers.Serializer[Any]):
    """What a trainer reports, signed with its endpoint's secret or under its run's token."""

    seq = serializers.IntegerField()
    status = serializers.ChoiceField(
        ["accepted", "running", "succeeded", "failed"],
        help_text="Another one is counted and changes nothing.",
    )
    progress = serializers.FloatField(required=False)
    external_run = serializers.DictField(required=False)
    metrics = serializers.DictField(required=False)
    model = CallbackModelInput(required=False)
    error = serializers.DictField(required=False)


class TriggerView(PortalView):
    """The way to a retraining."""

    needs: ClassVar = {"POST": Need(Scope.RETRAIN, MANAGERS)}

    @documented(
        "trigger_retraining",
        "Freeze a mini-batch and announce it to the trainer; the same again answers the same",
        body=TriggerInput,
        answers={201: TriggerOutput, 200: TriggerOutput},
    )
    @keyed
    def post(self, request: Request) -> Response:
        data = self.body(request, TriggerInput)
        project = self.project(data.get("project"))
        version = ModelVersion.objects.filter(project=project, name=data["model_version"]).first()
        if version is None:
            raise NotFound(f"There is no model version {data['model_version']} here.")
        job, created = retraining.request(
            project=project,
            version=version,
            mini_batch_id=data["mini_batch_id"],
            task_ids=data["labeled_task_ids"],
            user=self.caller.user,
        )
        shown = describe(self, _rows().get(pk=job.pk))
        webhook = retraining.payload(job, self.base_url)
        return answer({"job": shown, "webhook": webhook}, created=created)


class JobsView(PortalView):
    """The project's retrainings."""

    needs: ClassVar = {"GET": Need(Scope.RETRAIN, WATCHERS)}
    is_paged = True
    filters: ClassVar = {
        "project": queries.text("The project's slug."),
        "state": queries.choice("How far it is.", tuple(JobState.values), "state"),
        "model_version": queries.text("The version that is retrained.", "version__name"),
        "mini_batch_id": queries.text("The batch's name.", "batch__mini_batch_id"),
    }

    @documented("list_retraining", "List retrainings", answers={200: page_of(JobOutput)})
    def get(self, request: Request) -> Response:
        rows = narrow(self, _rows().filter(project=self.project()))
        return paged(self, rows, lambda row: describe(self, row))


class JobView(PortalView):
    """One retraining; reading it renews the manifest's link."""

    needs: ClassVar = {"GET": Need(Scope.RETRAIN, WATCHERS)}

    @documented("get_retraining", "Read one retraining", answers={200: JobOutput})
    def get(self, request: Request, uid: str) -> Response:
        return Response(describe(self, self.find(_rows(), uid=parse_uid(uid))))


class CancelView(PortalView):
    """No longer wanted."""

    needs: ClassVar = {"POST": Need(Scope.RETRAIN, MANAGERS)}
    body_is_optional = True

    @documented("cancel_retraining", "Cancel a retraining", body=NoInput, answers={200: JobOutput})
    def post(self, request: Request, uid: str) -> Response:
        job = self.find(_rows(), uid=parse_uid(uid))
        self.body(request, NoInput)
        retraining.cancel(job=job, actor=self.caller.actor)
        return Response(describe(self, _rows().get(pk=job.pk)))


class EventsView(PortalView):
    """What the trainer reports; the signature is the right to."""

    authentication_classes = ()
    permission_classes = ()

    @documented(
        "report_retraining",
        "Report on a retraining: signed (Standard Webhooks), or under the run's token",
        body=CallbackInput,
        answers={200: CallbackOutput, 202: CallbackOutput},
        auth=[],
    )
    def post(self, request: Request, uid: str) -> Response:
        job = _rows().filter(uid=parse_uid(uid)).first()
        if job is None:
            raise NotFound("There is no such retraining.")
        body: bytes = request.body
        sender = _sender(request, job, body)
        json.decode(body)  # refuses what a typed decoder lets through, such as a doubled key
        job, outcome = retraining.record_callback(
            job=job, endpoint=sender.endpoint, webhook_id=sender.webhook_id, body=body
        )
        status = 202 if outcome == CallbackOutcome.UNKNOWN else 200
        return Response({"state": job.state, "seq": job.seq}, status=status)


def _sender(request: Request, job: RetrainJob, body: bytes) -> webhooks.Sender:
    """Return who reports: an endpoint by its signature, or nobody in particular by the token."""
    authorization = request.headers.get("Authorization")
    if authorization is None:
        return webhooks.authenticate(project=job.project, headers=request.headers, body=body)
    webhooks.authenticate_run(run_id=str(job.uid), authorization=authorization)
    return webhooks.Sender(None, "")


class ManifestView(PortalView):
    """A frozen batch as JSON Lines, to a token or by a signed link that reading the job renews."""

    needs: ClassVar = {"GET": Need(Scope.RETRAIN, MANAGERS)}
    permission_classes = (LinkSigned | NeedsMet,)
    filters: ClassVar = LINK_FILTERS

    @documented(
        "download_manifest",
        "Download a batch's manifest (Range resumes)",
        answers={(200, NDJSON): OpenApiTypes.BINARY, (206, NDJSON): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, uid: str) -> HttpResponseBase:
        rows = _rows().filter(uid=parse_uid(uid))
        job = rows.first() if "signature" in self.query else self.find(rows)
        if job is None:
            raise NotFound("There is no such retraining.")
        batch = job.batch
        if not batch.manifest_key:
            raise Conflict("The manifest is still being written; ask again in a few seconds.")
        return send(
            request,
            key=batch.manifest_key,
            n_bytes=batch.manifest_bytes,
            sha256=batch.manifest_sha256,
            name=f"manifest-{batch.pk}.jsonl",
            content_type=NDJSON,
        )


def describe(view: PortalView, job: RetrainJob) -> dict[str, Any]:
    """Write one retraining with a fresh link to its manifest."""
    batch = job.batch
    link = retraining.manifest_link(job, view.base_url) if batch.manifest_key else None
    return {
        "id": str(job.uid),
        "project": job.project.slug,
        "state": job.state,
        "reason": job.reason,
        "model_version": job.version.name,
        "new_version": job.new_version.name if job.new_version else None,
        "mini_batch_id": batch.mini_batch_id,
        "n_tasks": batch.items.count(),
        "progress": job.progress,
        "seq": job.seq,
        "external_run": job.external_run,
        "metrics": job.metrics,
        "error": job.error,
        "n_unknown_reports": job.n_unknown,
        "manifest_url": link,
        "manifest_sha256": batch.manifest_sha256,
        "created_at": iso(job.created_at),
        "heard_at": iso(job.heard_at),
        "finished_at": iso(job.finished_at),
    }


def _rows() -> Any:
    unknown = Q(callbacks__outcome=CallbackOutcome.UNKNOWN)
    rows = RetrainJob.objects.select_related("project", "batch", "version", "new_version")
    return rows.annotate(n_unknown=Count("callbacks", filter=unknown))
