"""What unfold asks for by dotted names: the way through the console, and its first page."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse, reverse_lazy

from portal.admin import dashboards

# The river, upstream first: (group, [(name, model, Material symbol)]).
GROUPS: tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...] = (
    (
        "Projects",
        (
            ("Projects", "project", "folder_open"),
            ("Guidelines", "guideline", "menu_book"),
            ("Members", "membership", "group"),
            ("Invitations", "invitation", "mail"),
            ("Service tokens", "servicetoken", "key"),
        ),
    ),
    (
        "Clips and predictions",
        (
            ("Videos", "video", "movie"),
            ("Model versions", "modelversion", "deployed_code"),
            ("Predictions", "prediction", "smart_toy"),
        ),
    ),
    (
        "Work",
        (
            ("Tasks", "task", "task_alt"),
            ("Gold answers", "goldreference", "verified"),
            ("Assignments", "assignment", "timer"),
            ("Annotators", "annotator", "badge"),
        ),
    ),
    (
        "Evidence",
        (
            ("Captions", "annotation", "closed_caption"),
            ("Votes", "vote", "how_to_vote"),
            ("Consensus", "consensus", "handshake"),
            ("Reviews", "review", "gavel"),
        ),
    ),
    (
        "Training",
        (
            ("Retrain jobs", "retrainjob", "model_training"),
            ("Mini-batches", "minibatch", "inventory_2"),
            ("Evaluations", "evaluation", "compare_arrows"),
            ("Exports", "export", "download"),
        ),
    ),
    (
        "Integrations",
        (
            ("Endpoints", "endpoint", "webhook"),
            ("Deliveries", "delivery", "local_shipping"),
            ("Events", "event", "outbox"),
        ),
    ),
    (
        "Records",
        (
            ("Audit", "auditentry", "history"),
            ("Caption revisions", "annotationrevision", "edit_note"),
            ("Residuals", "residual", "difference"),
            ("Refits", "refit", "tune"),
            ("Batch items", "batchitem", "list_alt"),
            ("Evaluation items", "evaluationitem", "rule"),
            ("Delivery attempts", "deliveryattempt", "replay"),
            ("Callbacks", "callback", "call_received"),
        ),
    ),
)
SUPERUSERS = (
    ("Accounts", "user", "manage_accounts"),
    ("Idempotency keys", "idempotencykey", "content_copy"),
)


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the sidebar: the dashboard, the river's lists, and the ways out."""
    groups = [{"title": "", "items": [_item("Dashboard", "admin:index", "monitoring")]}]
    for title, rows in GROUPS:
        groups.append({"title": title, "collapsible": True, "items": _lists(rows)})
    if request.user.is_superuser:
        groups.append({"title": "Installation", "collapsible": True, "items": _lists(SUPERUSERS)})
    ways_out = [
        {"title": "Annotators’ pages", "icon": "arrow_outward", "link": reverse_lazy("pages:home")},
        {"title": "API documentation", "icon": "api", "link": "/docs"},
    ]
    return [*groups, {"title": "Elsewhere", "items": ways_out}]


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add to the first page what is stuck, whom to trust and how far each project is."""
    return context | dashboards.context(request)


def _lists(rows: tuple[tuple[str, str, str], ...]) -> list[dict[str, Any]]:
    return [_item(name, f"admin:portal_{model}_changelist", icon) for name, model, icon in rows]


def _item(title: str, name: str, icon: str) -> dict[str, Any]:
    return {"title": title, "icon": icon, "link": reverse(name)}
