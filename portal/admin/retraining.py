"""Mini-batches and the retrain jobs that train on them."""

from django.contrib.admin import register

from portal.admin.base import ScopedAdmin
from portal.admin.filters import ScopedRelatedFilter
from portal.admin.sites import site
from portal.models import BatchItem, MiniBatch, RetrainJob


@register(MiniBatch, site=site)
class MiniBatchAdmin(ScopedAdmin):
    """Frozen sets of consensus captions."""

    hidden = ("manifest_key",)
    list_display = ("mini_batch_id", "project", "n_records", "manifest_bytes", "created_at")
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
class RetrainJobAdmin(ScopedAdmin):
    """Retrainings, from the frozen batch to the verdict."""

    list_display = (
        "id", "project", "version", "new_version", "batch", "state", "progress", "reason",
        "created_at", "heard_at",
    )  # fmt: skip
    list_filter = (("project", ScopedRelatedFilter), "state", "reason")
    list_select_related = ("project", "version", "new_version", "batch")
    search_fields = ("=uid", "version__name", "new_version__name", "batch__mini_batch_id")
    lookups = ("version", "new_version", "batch")
