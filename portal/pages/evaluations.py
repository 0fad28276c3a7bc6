"""Models compared: the list, and one comparison with verdict, metrics and worst losses."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_POST

from portal import jobs
from portal.errors import Conflict, NotAllowed
from portal.models import Evaluation, EvaluationItem, ModelVersion, User
from portal.models.evaluations import Verdict
from portal.pages.clips import Clip, clip_of
from portal.pages.frames import show
from portal.pages.seats import Seat, seat_on, seated, signed_in
from portal.services import evaluations

MOST_SHOWN = 30
MOST_WORST, MOST_BEST = 20, 6
REASON_CHARACTERS = 1000
DECIDABLE = (Verdict.PROMOTE, Verdict.INCONCLUSIVE)
NAMES = {
    "agreement": "Agreement",
    "cosine": "Meaning (cosine)",
    "cider_d": "CIDEr-D",
    "chrf": "chrF++",
    "bleu_4": "BLEU-4",
    "rouge_l": "ROUGE-L",
}


@dataclass(frozen=True)
class Case:
    """One held-out clip with what both models and people said."""

    item: EvaluationItem
    clip: Clip


@require_GET
@seated
def models(request: HttpRequest, seat: Seat) -> HttpResponse:
    """List the project's model versions and their comparisons, the newest first."""
    _check_may_read(seat)
    rows = Evaluation.objects.filter(project=seat.project).select_related("original", "retrained")
    context = {
        "evaluations": [(row, shares_of(row)) for row in rows[:MOST_SHOWN]],
        "strengths": evaluations.strengths(seat.project.pk),
        "versions": ModelVersion.objects.filter(project=seat.project)[:MOST_SHOWN],
    }
    return show(request, "portal/models.html", context, seat=seat, tab="models")


@require_GET
@signed_in
def evaluation(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one comparison."""
    assert isinstance(request.user, User)
    rows = Evaluation.objects.select_related("project", "original", "retrained")
    row = get_object_or_404(rows, pk=pk)
    seat = seat_on(request.user, row.project)
    _check_may_read(seat)
    context = {
        "evaluation": row,
        "metrics": [(NAMES.get(name, name), row.metrics[name]) for name in _in_order(row.metrics)],
        "may_decide": seat.may_manage and not row.is_decided and row.verdict in DECIDABLE,
        "figures": evaluations.figures(evaluation=row),
        "primary": NAMES.get(str(row.frozen.get("primary")), ""),
        "shares": shares_of(row),
        "worst": _cases(row, "loss", "delta", MOST_WORST),
        "best": _cases(row, "win", "-delta", MOST_BEST),
    }
    return show(request, "portal/evaluation.html", context, seat=seat, tab="models")


@require_POST
@signed_in
def promote(request: HttpRequest, pk: int) -> HttpResponse:
    """Make the retrained model the current one."""
    row, decision = _to_decide(request, pk)
    try:
        evaluations.promote(evaluation=row, **decision)
    except Conflict as refusal:
        messages.warning(request, refusal.detail)
    else:
        messages.success(request, "Promoted. New predictions of this version are the current ones.")
    return redirect("pages:evaluation", pk=pk)


@require_POST
@signed_in
def reject(request: HttpRequest, pk: int) -> HttpResponse:
    """Turn the retrained model down."""
    row, decision = _to_decide(request, pk)
    try:
        evaluations.reject(evaluation=row, **decision)
    except Conflict as refusal:
        messages.warning(request, refusal.detail)
    else:
        messages.success(request, "Rejected. The model in use stays.")
    return redirect("pages:evaluation", pk=pk)


@require_POST
@signed_in
def again(request: HttpRequest, pk: int) -> HttpResponse:
    """Compare the same two models on the held-out clips that have settled by now."""
    row, _ = _to_decide(request, pk)
    jobs.compare_versions.enqueue(row.original_id, row.retrained_id)
    messages.success(request, "They are being compared anew; the result appears here in a moment.")
    return redirect("pages:models", slug=row.project.slug)


def _to_decide(request: HttpRequest, pk: int) -> tuple[Evaluation, dict[str, str]]:
    """Return the comparison that a manager decides on, with who and why."""
    assert isinstance(request.user, User)
    row = get_object_or_404(Evaluation.objects.select_related("project"), pk=pk)
    if not seat_on(request.user, row.project).may_manage:
        raise NotAllowed("Only managers decide on a model.")
    reason = request.POST.get("reason", "").replace("\x00", "").strip()[:REASON_CHARACTERS]
    return row, {"actor": f"user:{request.user}", "reason": reason}


def _in_order(names: Iterable[str]) -> list[str]:
    """The metrics that have names first, in their order, then any others."""
    known = list(NAMES)
    return sorted(names, key=lambda name: (known.index(name) if name in NAMES else 99, name))


def shares_of(row: Evaluation) -> Sequence[tuple[str, int, str]]:
    """Wins, ties and losses as the chart of shares takes them."""
    return [
        ("Wins", row.n_wins, "good"),
        ("Ties", row.n_ties, "flat"),
        ("Losses", row.n_losses, "bad"),
    ]


def _cases(row: Evaluation, outcome: str, order: str, most: int) -> list[Case]:
    items = row.items.filter(outcome=outcome).select_related(
        "task__video", "task__project", "consensus", "original", "retrained"
    )
    return [Case(item, clip_of(item.task)) for item in items.order_by(order)[:most]]


def _check_may_read(seat: Seat) -> None:
    if not seat.sees_everything:
        raise NotAllowed("Comparisons of models are for managers, experts and readers.")
