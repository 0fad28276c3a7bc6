"""The blind audit: an expert writes what happens first, then judges the caption that stands.

Neither confidence nor votes nor authors are on the page, and the caption only once the expert's own
words are kept.
"""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from portal.errors import Conflict, InvalidInput, NotAllowed
from portal.models import Consensus, Guideline, ReviewLease, Task
from portal.models.reviews import Decision
from portal.pages.clips import clip_of
from portal.pages.forms import BlindForm, FindingForm
from portal.pages.frames import show
from portal.pages.reviews import whole
from portal.pages.seats import Seat, seated
from portal.services import consensus

Form = BlindForm | FindingForm


@require_http_methods(["GET", "POST"])
@seated
def audit(request: HttpRequest, seat: Seat) -> HttpResponse:
    """Show the next settled clip to look at, or take what the expert says of it."""
    _check_may_audit(seat)
    form = _sent(request, seat) if request.method == "POST" else None
    if request.method == "POST" and form is None:
        return redirect("pages:audit", slug=seat.project.slug)
    after = whole(request.GET.get("after"))
    lease = consensus.next_audit(project=seat.project, user=seat.user, after=after)
    if lease is None:
        empty = {"has_earlier": bool(after) and _waiting(seat)}
        return show(request, "portal/audit_empty.html", empty, seat=seat, tab="audit")
    return _page(request, seat, lease, form)


@require_POST
@seated
def later(request: HttpRequest, seat: Seat) -> HttpResponse:
    """Give the audit back for others, and show another."""
    _check_may_audit(seat)
    task = _task(request, seat)
    consensus.give_back(task=task, user=seat.user)
    address = reverse("pages:audit", args=[seat.project.slug])
    return redirect(f"{address}?after={task.pk}")


def _page(request: HttpRequest, seat: Seat, lease: ReviewLease, form: Form | None) -> HttpResponse:
    is_unveiled = bool(lease.words)
    fresh = FindingForm if is_unveiled else BlindForm
    shown = form if isinstance(form, fresh) else fresh(initial={"task": lease.task_id})
    standing = Consensus.objects.standing().filter(task=lease.task_id).first()
    context = {
        "task": lease.task,
        "clip": clip_of(lease.task),
        "words": lease.words,
        "caption": standing.caption if is_unveiled and standing else "",
        "form": shown,
        "guideline": Guideline.objects.newest_of(seat.project.pk),
    }
    status = 400 if shown.is_bound else 200
    return show(request, "portal/audit.html", context, seat=seat, tab="audit", status=status)


def _sent(request: HttpRequest, seat: Seat) -> Form | None:
    """Take what was sent; the form where it has to be shown again with what was wrong."""
    task = _task(request, seat)
    form = (FindingForm if "finding" in request.POST or "reason" in request.POST else BlindForm)(
        request.POST
    )
    if not form.is_valid():
        return form
    try:
        if isinstance(form, BlindForm):
            consensus.write_blind(task=task, user=seat.user, words=form.cleaned_data["words"])
        else:
            _find(request, seat, task, form)
    except InvalidInput as refusal:
        form.refuse(refusal)
        return form
    except Conflict as refusal:
        messages.warning(request, refusal.detail)
    return None


def _find(request: HttpRequest, seat: Seat, task: Task, form: FindingForm) -> None:
    found = form.cleaned_data
    review = consensus.audit(
        task=task, reviewer=seat.user, finding=found["finding"], reason=found["reason"]
    )
    if review.decision == Decision.REFUTE:
        messages.success(request, "Kept. The clip goes to the experts with your words.")
    else:
        messages.success(request, "Kept. The caption stands.")


def _task(request: HttpRequest, seat: Seat) -> Task:
    return get_object_or_404(Task, pk=whole(request.POST.get("task")), project=seat.project)


def _waiting(seat: Seat) -> bool:
    return Task.objects.awaiting_audit_by(seat.user.pk, seat.project.pk).exists()


def _check_may_audit(seat: Seat) -> None:
    if not seat.may_decide:
        raise NotAllowed("Audits are for experts and managers.")
