"""Clips: where their bytes are and what is known of them."""

from django.contrib.admin import register
from django.http import HttpRequest

from portal.admin.acts import ActingAdmin
from portal.admin.base import actor
from portal.admin.columns import flagged, rounded, stated
from portal.admin.filters import ScopedRelatedFilter
from portal.admin.forms import Confirmation
from portal.admin.runs import Act, Data, Shown
from portal.admin.sites import site
from portal.models import Video
from portal.models.videos import VideoState
from portal.services import exports, videos


def retry(request: HttpRequest, row: Video, data: Data) -> object:
    """Look into the clip once more."""
    return videos.retry(video=row)


def erase(request: HttpRequest, row: Video, data: Data) -> Shown:
    """Take bytes and words away; say who trained on them and which files hold them."""
    report = videos.erase(video=row, actor=actor(request))
    copies = exports.holding(project_id=row.project_id, video_id=row.video_id)
    files = ", ".join(each.name for each in copies)
    held = "; ".join(
        f"{each.mini_batch_id} (job {each.job}, of {each.version})" for each in report.manifests
    )
    return Shown(
        f"{report.video_id} is erased",
        note=f"{report.n_tasks} tasks are closed, {report.n_captions} captions and "
        f"{report.n_predictions} predictions emptied. Manifests that held it: {held or 'none'}. "
        f"Exports that hold it still: {files or 'none'}.",
    )


@register(Video, site=site)
class VideoAdmin(ActingAdmin):
    """Videos with their state; evaluation videos are never trained on."""

    acts = (
        Act(
            "retry", "Try again", "being looked into", retry, "replay",
            is_remembered_here=True,
            fits=lambda rows: rows.filter(state=VideoState.FAILED),
            intro="The file is fetched and probed once more.",
        ),
        Act(
            "erase", "Erase", "erased", erase, "delete_forever", form=Confirmation,
            fits=lambda rows: rows.exclude(state=VideoState.ERASED),
            intro="The clip, its pictures and every word said of it are gone for good; counts and "
            "histories stay. There is no way back.",
        ),
    )  # fmt: skip
    hidden = ("file_key", "thumbnail_key")
    list_display = (
        "video_id", "project", stated("state"), "failure", rounded("clip_seconds", "seconds", 1),
        flagged("kind", {"is_evaluation": "evaluation"}), "created_at",
    )  # fmt: skip
    list_filter = (("project", ScopedRelatedFilter), "state", "is_evaluation")
    list_select_related = ("project",)
    search_fields = ("video_id", "source_url")
