"""What unfold asks for by dotted names: the way through the console, and its first page."""

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse

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
            ("Planted captions", "plantedprediction", "report"),
            ("Assignments", "assignment", "timer"),
            ("Pools", "pool", "filter_list"),
            ("Annotators", "annotator", "badge"),
            ("Flags", "flag", "flag"),
        ),
    ),
    (
        "Evidence",
        (
            ("Captions", "annotation", "closed_caption"),
            ("Votes", "vote", "how_to_vote"),
            ("Accepts", "verification", "task"),
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
            ("Blind votes", "preference", "thumbs_up_down"),
            ("Exports", "export", "download"),
            ("Imports", "import", "upload"),
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
            ("Experts at work", "reviewlease", "hourglass_top"),
            ("Batch items", "batchitem", "list_alt"),
            ("Evaluation items", "evaluationitem", "rule"),
            ("Metric bases", "metricbasis", "menu_book"),
            ("Delivery attempts", "deliveryattempt", "replay"),
            ("Callbacks", "callback", "call_received"),
        ),
    ),
)
SUPERUSERS = (
    ("Accounts", "user", "manage_accounts"),
    ("Idempotency keys", "idempotencykey", "content_copy"),
)

# The pages' ink on paper, and the subtitle yellow; 600 is dark enough to be read as text.
COLOURS = {
    "base": (
        "#f7f8f5", "#ebede7", "#d5dad4", "#bcc4c0", "#8d989f", "#66727c", "#4b5761", "#35414b",
        "#222d37", "#16202a", "#0f151b",
    ),
    "primary": (
        "#fef8e7", "#fdf1d0", "#fae3a3", "#f9d673", "#f7c14b", "#f5b82e", "#8a5600", "#6f4500",
        "#573600", "#402800", "#2a1a00",
    ),
}  # fmt: skip
FONT = {
    "subtle-light": "var(--color-base-500)",
    "subtle-dark": "var(--color-base-400)",
    "default-light": "var(--color-base-700)",
    "default-dark": "var(--color-base-200)",
    "important-light": "var(--color-base-900)",
    "important-dark": "var(--color-base-50)",
}
WEIGHTS = ("50", "100", "200", "300", "400", "500", "600", "700", "800", "900", "950")


def colours(request: HttpRequest) -> dict[str, dict[str, str]]:
    """Return the theme's palettes."""
    palettes = {name: dict(zip(WEIGHTS, row, strict=True)) for name, row in COLOURS.items()}
    return palettes | {"font": dict(FONT)}


def mark(request: HttpRequest) -> str:
    """Return the address of the portal's mark."""
    return static("portal/mark.svg")


def charts(request: HttpRequest) -> str:
    """Return the address of the charts' colours, the same as on the pages."""
    return static("portal/css/charts.css")


def stylesheet(request: HttpRequest) -> str:
    """Return the address of the console's own style."""
    return static("portal/admin/console.css")


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the sidebar: the dashboard, the river's lists, and the ways out."""
    groups = [{"title": "", "items": [_item("Dashboard", "admin:index", "monitoring")]}]
    for title, rows in GROUPS:
        groups.append({"title": title, "collapsible": True, "items": _lists(rows)})
    if request.user.is_superuser:
        groups.append({"title": "Installation", "collapsible": True, "items": _lists(SUPERUSERS)})
    ways_out = [
        _way_out("Annotators’ pages", "arrow_outward", reverse("pages:home")),
        _way_out("API documentation", "api", "/docs"),
    ]
    return [*groups, {"title": "Elsewhere", "items": ways_out}]


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add to the first page what is stuck, whom to trust and how far each project is."""
    return context | dashboards.context(request)


def _lists(rows: tuple[tuple[str, str, str], ...]) -> list[dict[str, Any]]:
    return [_item(name, f"admin:portal_{model}_changelist", icon) for name, model, icon in rows]


def _way_out(title: str, icon: str, link: str) -> dict[str, Any]:
    # The theme takes "/" for the beginning of every address and would mark it as the current one.
    return {"title": title, "icon": icon, "link": link, "active": lambda request: False}


def _item(title: str, name: str, icon: str) -> dict[str, Any]:
    return {"title": title, "icon": icon, "link": reverse(name)}
