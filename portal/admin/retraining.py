"""Mini-batches and the retrain jobs that train on them."""

from django.contrib.admin import display, register
from django.http import HttpRequest

from portal.admin import timelines
from portal.admin.acts import ActingAdmin
from portal.admin.base import ScopedAdmin, actor
from portal.admin.columns import NOTHING, rounded, stated
from portal.admin.filters import ScopedRelatedFilter
from portal.admin.forms import Confirmation
from portal.admin.runs import Act, Data
from portal.admin.sites import site
from portal.models import BatchItem, Cluster, MiniBatch, RetrainJob, Surprise
from portal.models.callbacks import CallbackOutcome
from portal.models.retraining import ACTIVE
from portal.services import retraining


def cancel(request: HttpRequest, row: RetrainJob, data: Data) -> object:
    """Call the retraining off."""
    return retraining.cancel(job=row, actor=actor(request))


@register(MiniBatch, site=site)
class MiniBatchAdmin(ScopedAdmin):
    """Frozen sets of consensus captions."""

    hidden = ("manifest_key",)
    list_display = (
        "mini_batch_id", "project", "kind", "n_records", "n_new", "manifest_bytes", "created_at",
    )  # fmt: skip
    list_filter = (("project", ScopedRelatedFilter),)
    list_select_related = ("project",)
    search_fields = ("mini_batch_id", "=ids_sha256")


@register(BatchItem, site=site)
class BatchItemAdmin(ScopedAdmin):
    """Which task's consensus went into which batch."""

    project_path = "batch__project"
    list_display = ("batch", "task", "consensus", "weight")
    list_filter = (("batch__project", ScopedRelatedFilter), ("batch", ScopedRelatedFilter))
    list_select_related = ("batch", "task", "consensus")
    search_fields = ("=task__id", "batch__mini_batch_id")
    lookups = ("task",)


@register(RetrainJob, site=site)
class RetrainJobAdmin(ActingAdmin):
    """Retrainings, from the frozen batch to the verdict; opened from their project."""

    acts = (
        Act(
            "cancel", "Cancel", "cancelled", cancel, "cancel", form=Confirmation,
            fits=lambda rows: rows.filter(state__in=ACTIVE),
            intro="What the trainer reports from now on is refused; its captions are free again.",
        ),
    )  # fmt: skip

    list_display = (
        "id", "project", "version", "new_version", "batch", stated("state"),
        rounded("progress", "progress"), "created_at",
    )  # fmt: skip
    list_filter = (("project", ScopedRelatedFilter), "state", "reason")
    list_select_related = ("project", "version", "new_version", "batch")
    search_fields = ("=uid", "version__name", "new_version__name", "batch__mini_batch_id")
    lookups = ("version", "new_version", "batch")
    fieldsets = (
        (None, {"fields": (("state", "reason"), "why", ("version", "new_version"), "batch",
                           ("progress", "heard_at"), "heartbeat_seconds")}),
        ("Timeline", {"fields": ("timeline",)}),
        ("Deliveries", {"fields": ("deliveries",)}),
        ("What the trainer said", {"fields": ("metrics", "external_run", "unknown", "uid")}),
    )  # fmt: skip

    @display(description="why it ended so")
    def why(self, row: RetrainJob) -> str:
        """What went wrong, in the words of whoever ended it."""
        code, message = row.error.get("code", ""), row.error.get("message", "")
        return f"{message} ({code})" if code else message or NOTHING

    @display(description="what happened")
    def timeline(self, row: RetrainJob) -> str:
        """Every step, attempt and report."""
        return timelines.of_job(row)

    @display(description="who was told")
    def deliveries(self, row: RetrainJob) -> str:
        """The messages that told trainers of it."""
        return timelines.of_deliveries(row)

    @display(description="messages of a kind that this portal lacks")
    def unknown(self, row: RetrainJob) -> int:
        """How many such messages came."""
        return row.callbacks.filter(outcome=CallbackOutcome.UNKNOWN).count()


@register(Surprise, site=site)
class SurpriseAdmin(ScopedAdmin):
    """How far each measured caption of a model lies from people's: the points of its chart."""

    list_display = ("consensus", "version", rounded("value", "distance", 3), "created_at")
    list_filter = (("project", ScopedRelatedFilter), ("version", ScopedRelatedFilter))
    list_select_related = ("project", "version", "consensus")
    search_fields = ("=consensus__id", "version__name")


@register(Cluster, site=site)
class ClusterAdmin(ScopedAdmin):
    """Groups of tasks that are like one another, and how many of each are settled."""

    hidden = ("leader",)
    list_display = ("id", "project", "space", "n_labelled")
    list_filter = (("project", ScopedRelatedFilter), "space")
    list_select_related = ("project",)
    search_fields = ("=id",)
