"""Projects with their rules, and the guidelines that people follow."""

from functools import partial
from typing import Any

from django.contrib.admin import display, register
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse

from portal import jobs
from portal.admin.adding import AskingAdmin
from portal.admin.base import actor
from portal.admin.columns import shortened
from portal.admin.filters import ScopedRelatedFilter
from portal.admin.forms import CapacityForm, GuidelineForm, ProjectForm, RetrainForm
from portal.admin.quality import QualityAdmin
from portal.admin.runs import Act, Data
from portal.admin.sites import site
from portal.errors import InvalidInput
from portal.models import Guideline, Project
from portal.services import assignments, evaluations, projects, retraining, tasks

PAIRS_SHOWN = 40
# Rules that open tasks stand by: a change gives all of them a new place, in the background.
PRICES = {
    "uncertainty_weight", "conflict_weight", "finish_weight", "business_weight", "horizon_hours",
    "due_hours", "evaluation_serving_share", "control_share", "lease_minutes",
}  # fmt: skip
Projects = QuerySet[Project]


def planned(project: Project) -> list[str]:
    """Say who would get which tasks."""
    pairs = assignments.plan(project=project)
    shown = [f"{pair.annotator} → {pair.task} ({pair.task.video})" for pair in pairs[:PAIRS_SHOWN]]
    return [*shown, f"… and {len(pairs) - PAIRS_SHOWN} more"] if pairs[PAIRS_SHOWN:] else shown


def auto_assign(request: HttpRequest, project: Project, data: Data) -> object:
    """Hand out open tasks as planned."""
    made = assignments.auto_assign(project=project, actor=actor(request), **data)
    n_people = len({assignment.annotator_id for assignment in made})
    return f"{len(made)} tasks given to {n_people} people, for a day." if made else None


def retrain(request: HttpRequest, project: Project, data: Data) -> object:
    """Open a retrain job on the final captions, in the project's kind of batch."""
    return retraining.request_now(project=project, user=request.user, **data)


def refit(request: HttpRequest, project: Project, data: Data) -> object:
    """Fit the project's parameters anew, in the background."""
    return jobs.refit_project.enqueue(project.pk)


def seek_flags(request: HttpRequest, project: Project, data: Data) -> object:
    """Search the newest captions for signs of careless work, in the background."""
    return jobs.seek_flags_in.enqueue(project.pk)


def switch(request: HttpRequest, project: Project, data: Data, *, is_paused: bool) -> object:
    """Save whether people are given work, as the project's own form does."""
    admin = site.get_model_admin(Project)
    form_class = admin.get_form(request, project, fields=["is_paused"])
    form = form_class({"is_paused": "on"} if is_paused else {}, instance=project)
    if not form.is_valid():
        raise InvalidInput.of(form.errors)
    message = admin.construct_change_message(request, form, [])
    admin.save_model(request, form.save(commit=False), form, True)
    admin.log_change(request, project, message)
    return True


@register(Project, site=site)
class ProjectAdmin(QualityAdmin, AskingAdmin):
    """A project's rules for asking, stopping, serving and retraining."""

    question = ProjectForm
    add_title = "New project"
    add_intro = "It starts with sound rules: three to five captions a task, blind, in English."
    add_button = "Make the project"
    acts = (
        Act(
            "assign", "Auto-assign", "given out", auto_assign, "assignment_ind",
            form=CapacityForm, preview=planned, one_by_one=True,
            intro="The tasks that would teach the most go to those whose answers tell the most. "
            "This is the plan at ten tasks a person; people may also just ask for work.",
        ),
        Act(
            "retrain", "Open a retrain job", "being retrained", retrain, "model_training",
            form=RetrainForm, one_by_one=True,
            intro="Freezes final captions and tells the trainer, whatever the cool-down says.",
        ),
        Act(
            "refit", "Refit now", "being fitted anew", refit, "tune",
            is_remembered_here=True,
            intro="Fits skill, consensus parameters and the calibration of confidence anew, in the "
            "background, as each night does. Closed tasks are then looked at again.",
        ),
        Act(
            "signs", "Look for signs", "being searched", seek_flags, "flag",
            is_remembered_here=True,
            intro="Searches the newest captions for careless work, in the background; the worker "
            "does so by itself whenever twenty captions are new.",
        ),
        Act(
            "pause", "Pause", "paused", partial(switch, is_paused=True),
            "pause_circle", fits=lambda rows: rows.filter(is_paused=False),
            intro="Nobody is given work; what people hold they may finish.",
        ),
        Act(
            "resume", "Resume", "at work again", partial(switch, is_paused=False),
            "play_circle", fits=lambda rows: rows.filter(is_paused=True),
            intro="People are given work again.",
        ),
    )  # fmt: skip
    project_path = "pk"
    may_change = True
    list_display = ("name", "slug", "language", "captions_asked", "is_paused")
    list_filter = ("is_paused", "mode")
    search_fields = ("name", "slug", "description")
    fieldsets = (
        (None, {"fields": (("name", "slug"), "description", ("language", "mode"), "is_paused")}),
        (
            "Asking and stopping",
            {"fields": (("min_captions", "max_captions"), ("threshold", "audit_share"))},
        ),
        (
            "What people see",
            {
                "fields": (
                    ("prediction_shown_to", "prediction_competes"),
                    "audio",
                    ("lease_minutes", "registers_annotators"),
                    ("gold_first", "gold_rate"),
                )
            },
        ),
        (
            "Entrance exam",
            {"fields": (("exam_size", "exam_pass"), ("exam_attempts", "exam_feedback"))},
        ),
        (
            "Which clips come first",
            {
                "fields": (
                    ("uncertain_share", "control_share"),
                    "evaluation_share",
                    ("uncertainty_weight", "conflict_weight"),
                    ("finish_weight", "horizon_hours"),
                    ("business_weight", "business_value"),
                    ("evaluation_serving_share", "due_hours"),
                )
            },
        ),
        (
            "Retraining",
            {
                "fields": (
                    ("batch_size", "cooldown_hours"),
                    ("batch_kind", "retrains_on_drift"),
                    "retrain_hours",
                    ("retrain_weekday", "retrain_at"),
                    ("promotes_automatically", "asks_preferences"),
                    "gate",
                )
            },
        ),
    )
    editable = (
        "name", "description", "language", "mode", "is_paused", "min_captions", "max_captions",
        "threshold", "audit_share", "prediction_shown_to", "prediction_competes", "audio",
        "lease_minutes",
        "registers_annotators", "gold_first", "gold_rate", "exam_size", "exam_pass",
        "exam_attempts", "exam_feedback", "uncertain_share", "control_share",
        "uncertainty_weight", "conflict_weight", "finish_weight", "horizon_hours",
        "business_weight", "business_value", "evaluation_serving_share", "due_hours", "batch_size",
        "cooldown_hours", "batch_kind", "retrains_on_drift", "retrain_hours", "retrain_weekday",
        "retrain_at", "promotes_automatically", "asks_preferences",
    )  # fmt: skip

    @display(description="captions a task")
    def captions_asked(self, row: Project) -> str:
        """How many captions a task gets."""
        return f"{row.min_captions} to {row.max_captions}"

    @display(description="when the gate can decide")
    def gate(self, row: Project) -> str:
        """How far held-out labels carry, and when they will carry far enough."""
        return " ".join(evaluations.outlook(project=row).sentences)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let superusers alone make projects."""
        return bool(request.user.is_superuser) and super().has_add_permission(request, obj)

    def add(self, request: HttpRequest, data: Data) -> str:
        """Make the project."""
        is_mine = data.pop("is_mine")
        project = projects.create(owner=request.user if is_mine else None, **data)
        return f"{project} is there; set its rules, publish guidelines and invite people."

    def save_model(self, request: HttpRequest, obj: Project, form: Any, change: bool) -> None:
        """Save the rules; how many captions are asked for changes open tasks too."""
        if {"min_captions", "max_captions"} & set(form.changed_data):
            projects.change_redundancy(
                project=obj,
                minimum=obj.min_captions,
                maximum=obj.max_captions,
                actor=actor(request),
            )
        super().save_model(request, obj, form, change)
        if change and PRICES & set(form.changed_data):
            tasks.reprice_all(project_id=obj.pk)

    def view_on_site(self, obj: Project) -> str:
        """Lead to what the project's people see."""
        return reverse("pages:outcomes", args=[obj.slug])


@register(Guideline, site=site)
class GuidelineAdmin(AskingAdmin):
    """Versions of the guidelines; a new text is a new version."""

    question = GuidelineForm
    add_title = "Publish guidelines"
    add_intro = "A new version; captions remember which version their author saw."
    add_button = "Publish"
    list_display = ("project", "number", shortened("text", "text"), "created_by", "created_at")
    list_filter = (("project", ScopedRelatedFilter),)
    list_select_related = ("project", "created_by")
    search_fields = ("text", "project__name")

    def add(self, request: HttpRequest, data: Data) -> str:
        """Put the new version in force."""
        return f"{projects.publish_guidelines(user=request.user, **data)} is in force."
