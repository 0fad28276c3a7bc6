"""Flags: what may be careless work, with the evidence beside it, for a manager to decide."""

from typing import Any

from django import forms
from django.contrib.admin import display, register
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from portal.admin.acts import ActingAdmin
from portal.admin.columns import shortened, stated
from portal.admin.filters import ScopedRelatedFilter
from portal.admin.forms import Question
from portal.admin.runs import Act, Data
from portal.admin.sites import site
from portal.models import Annotation, Flag, GoldReference
from portal.models.flags import FlagState, Remedy
from portal.services import flags

OTHERS_SHOWN = 4


class DismissForm(Question):
    """Why a flag means nothing."""

    reason = forms.CharField(
        max_length=1000,
        widget=UnfoldAdminTextareaWidget({"rows": 3}),
        help_text="Kept with the flag. It does not come back on the same captions.",
    )


class ConfirmForm(Question):
    """What is done about a flag, and why."""

    remedy = forms.ChoiceField(
        choices=Remedy,
        widget=UnfoldAdminSelectWidget(),
        label="What is done",
        help_text="Gold only ends by itself once their gold is right again; a pause when you say.",
    )
    reason = forms.CharField(
        max_length=1000,
        widget=UnfoldAdminTextareaWidget({"rows": 3}),
        help_text="What you saw. Only managers read it.",
    )


def still_open(rows: QuerySet[Flag]) -> QuerySet[Flag]:
    """Those that nobody has decided."""
    return rows.filter(state=FlagState.OPEN)


def confirm(request: HttpRequest, flag: Flag, data: Data) -> object:
    """Confirm a flag and do what was chosen."""
    return flags.confirm(flag=flag, user=request.user, **data)


def dismiss(request: HttpRequest, flag: Flag, data: Data) -> object:
    """Dismiss a flag."""
    return flags.dismiss(flag=flag, user=request.user, **data)


@register(Flag, site=site)
class FlagAdmin(ActingAdmin):
    """Signs about people, the newest first; nothing follows from one but what a manager says."""

    project_path = "annotator__project"
    acts = (
        Act(
            "confirm", "Confirm", "confirmed", confirm, "flag", form=ConfirmForm, fits=still_open,
            intro="You have looked at the captions and agree that something is wrong.",
        ),
        Act(
            "dismiss", "Dismiss", "dismissed", dismiss, "do_not_disturb_on", form=DismissForm,
            fits=still_open, intro="You have looked at the captions and find nothing wrong.",
        ),
    )  # fmt: skip
    list_display = (
        "kind_shown", "annotator", shortened("evidence", "evidence", 90), stated("state"),
        "remedy", "last_seen_at",
    )  # fmt: skip
    list_display_links = ("kind_shown",)
    list_filter = (("annotator__project", ScopedRelatedFilter), "state", "kind", "remedy")
    list_select_related = ("annotator", "annotator__project")
    search_fields = ("annotator__annotator_id", "annotator__name", "evidence")
    lookups = ("annotator",)
    fieldsets = (
        (
            None,
            {"fields": ("annotator", "kind_shown", "evidence", "meaning_shown", "examples_shown")},
        ),
        ("When", {"fields": (("first_seen_at", "last_seen_at"),)}),
        ("Decision", {"fields": ("state", "remedy", "reason", "decided_by", "decided_at")}),
    )

    @display(description="sign", ordering="kind")
    def kind_shown(self, row: Flag) -> str:
        """The kind, in words."""
        return row.get_kind_display()

    @display(description="what it may mean")
    def meaning_shown(self, row: Flag) -> str:
        """What the sign may mean, and what else explains it."""
        return row.meaning

    @display(description="captions that show it")
    def examples_shown(self, row: Flag) -> str:
        """Each example beside what others wrote on the same clip."""
        return render_to_string("admin/flag/examples.html", {"examples": examples_of(row)})

    def view_on_site(self, obj: Flag) -> str:
        """Lead to the person's row."""
        return reverse("admin:portal_annotator_change", args=[obj.annotator_id])


def examples_of(row: Flag) -> list[dict[str, Any]]:
    """Return a flag's examples, the clearest first, each with what stands beside it."""
    own = list(
        Annotation.objects.filter(pk__in=row.examples)
        .select_related("task__video", "prediction_shown")
        .defer("prediction_shown__tokens", "prediction_shown__candidates")
    )
    own.sort(key=lambda caption: row.examples.index(caption.pk))
    ids = [each.task_id for each in own]
    accepted = _by_task(GoldReference.objects.filter(task__in=ids))
    others = Annotation.objects.standing().filter(task__in=ids, task__is_gold=False)
    written = _by_task(others.exclude(author=row.annotator_id))
    return [
        {
            "clip": each.task.video.video_id,
            "url": reverse("pages:task", args=[each.task_id]),
            "text": each.text,
            "shown": each.prediction_shown.caption if each.prediction_shown else "",
            "heading": "Accepted answers" if each.task.is_gold else "Others",
            "beside": accepted.get(each.task_id) or written.get(each.task_id) or [],
        }
        for each in own
    ]


def _by_task(rows: QuerySet[Any]) -> dict[int, list[str]]:
    texts: dict[int, list[str]] = {}
    for task_id, text in rows.values_list("task_id", "text"):
        texts.setdefault(task_id, []).append(text)
    return {task_id: own[:OTHERS_SHOWN] for task_id, own in texts.items()}
