"""Addresses of the API: each with or without a slash at its end; numbers are ASCII digits only.

The schema is at /api/schema, the documentation that people read at /docs; both are public and
served from here.
"""

from django.urls import URLPattern, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.views import APIView

from portal.api import (
    annotations,
    annotators,
    assignments,
    bulk,
    consensus,
    dashboard,
    evaluations,
    exports,
    imports,
    learning,
    predictions,
    preferences,
    projects,
    retraining,
    tasks,
    verifications,
    versions,
    videos,
    votes,
    webhooks,
)

KINDS = {
    "pk": r"(?P<pk>[0-9]{1,18})",
    "uid": r"(?P<uid>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})",
    "slug": r"(?P<slug>[-a-zA-Z0-9_]{1,60})",
    "annotator_id": r"(?P<annotator_id>[^\x00-\x1f\x7f/]{1,100})",
    "video_id": r"(?P<video_id>[^\x00-\x1f\x7f]{1,200}?)",
}

ROUTES: tuple[tuple[str, type[APIView]], ...] = (
    ("predictions", predictions.PredictionsView),
    ("predictions/bulk", bulk.BulkView),
    ("predictions/{pk}", predictions.PredictionView),
    ("tasks", tasks.TasksView),
    ("tasks/assign", assignments.AssignView),
    ("tasks/{pk}", tasks.TaskView),
    ("tasks/{pk}/lease/heartbeat", assignments.HeartbeatView),
    ("tasks/{pk}/lease/release", assignments.ReleaseView),
    ("tasks/{pk}/lease/skip", assignments.SkipView),
    ("tasks/{pk}/annotations", annotations.TaskAnnotationsView),
    ("tasks/{pk}/verifications", verifications.TaskVerificationsView),
    ("tasks/{pk}/votes", votes.TaskVotesView),
    ("tasks/{pk}/consensus", consensus.TaskConsensusView),
    ("tasks/{pk}/evaluation", evaluations.TaskEvaluationView),
    ("annotations/{pk}", annotations.AnnotationView),
    ("annotators", annotators.AnnotatorsView),
    ("annotators/{annotator_id}/metrics", annotators.MetricsView),
    ("dashboard", dashboard.DashboardView),
    ("dashboard/learning", learning.LearningView),
    ("videos", videos.VideosView),
    ("videos/{video_id}", videos.VideoView),
    ("projects", projects.ProjectsView),
    ("projects/{slug}", projects.ProjectView),
    ("versions", versions.VersionsView),
    ("retraining", retraining.JobsView),
    ("retraining/trigger", retraining.TriggerView),
    ("retraining/{uid}", retraining.JobView),
    ("retraining/{uid}/events", retraining.EventsView),
    ("retraining/{uid}/cancel", retraining.CancelView),
    ("retraining/{uid}/manifest", retraining.ManifestView),
    ("evaluations", evaluations.EvaluationsView),
    ("evaluations/{pk}", evaluations.EvaluationView),
    ("evaluations/{pk}/promote", evaluations.PromoteView),
    ("evaluations/{pk}/reject", evaluations.RejectView),
    ("preferences", preferences.PreferencesView),
    ("preferences/next", preferences.NextPairView),
    ("webhooks", webhooks.EndpointsView),
    ("webhooks/{uid}", webhooks.EndpointView),
    ("webhooks/{uid}/ping", webhooks.PingView),
    ("webhooks/{uid}/rotate", webhooks.RotateView),
    ("webhooks/{uid}/deliveries", webhooks.DeliveriesView),
    ("deliveries/{pk}/redeliver", webhooks.RedeliverView),
    ("exports", exports.ExportsView),
    ("exports/{uid}", exports.ExportView),
    ("exports/{uid}/download", exports.ExportDownloadView),
    ("exports/{uid}/diff", exports.ExportDiffView),
    ("imports", imports.ImportsView),
    ("imports/{uid}", imports.ImportView),
)


def routed(end: str) -> list[URLPattern]:
    """Return every route, its address ending in `end`."""
    return [
        # \Z, for $ would also match before a line end.
        re_path(rf"^api/v1/{route.format(**KINDS)}{end}\Z", view.as_view())
        for route, view in ROUTES
    ]


urlpatterns = [
    *routed(""),
    *routed("/"),
    re_path(r"^api/schema/?\Z", SpectacularAPIView.as_view(), name="schema"),
    re_path(r"^docs/?\Z", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
]
