"""Tasks and the right answers of gold ones."""

from typing import Any

from django.contrib import messages
from django.contrib.admin import display, register
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path, reverse

from portal.admin.acts import ActingAdmin
from portal.admin.adding import AskingAdmin
from portal.admin.base import ScopedAdmin, actor
from portal.admin.columns import flagged, number, rounded, shortened, stated, table
from portal.admin.filters import ScopedRelatedFilter
from portal.admin.forms import GoldFileForm, GoldForm, ParkForm, ValueForm
from portal.admin.queues import queue_view
from portal.admin.runs import Act, Data
from portal.admin.sites import site
from portal.errors import InvalidInput, NothingToSettle, PortalError
from portal.models import GoldReference, PlantedPrediction, Project, Task
from portal.models.taskstates import TaskState
from portal.services import consensus, tasks

Tasks = QuerySet[Task]
PROBLEMS_SHOWN = 8
KINDS = {
    "is_gold": "gold", "is_evaluation": "evaluation", "is_control": "control",
    "is_audited": "audited",
}  # fmt: skip

# Which of its project's weights each reason for a task's place has.
TERMS = {
    "uncertainty": "uncertainty_weight", "evaluation": "uncertainty_weight",
    "control": "uncertainty_weight", "conflict": "conflict_weight", "begun": "finish_weight",
}  # fmt: skip


def _because(project: Project, part: dict[str, Any]) -> str:
    """Say a reason in words, and how it was weighed."""
    weight = TERMS.get(part["name"])
    if weight is None:
        return str(part["sentence"])
    weighed = f"{part['name'].capitalize()} {number(part['value'], 2)} × weight"
    return f"{part['sentence']} {weighed} {getattr(project, weight):g}."


def finalisable(rows: Tasks) -> Tasks:
    """Those with captions that could stand."""
    return rows.filter(
        state__in=(TaskState.OPEN, TaskState.DISPUTED), is_gold=False, n_captions__gt=0
    )


def settle(request: HttpRequest, task: Task, data: Data) -> object:
    """Weigh the task's newest evidence."""
    return consensus.settle(task_id=task.pk)


def finalise(request: HttpRequest, task: Task, data: Data) -> object:
    """Let stand what is there."""
    return consensus.finalise(task=task, actor=actor(request), user=request.user)


def escalate(request: HttpRequest, task: Task, data: Data) -> object:
    """Hand the task to the experts."""
    return tasks.escalate(task_id=task.pk, actor=actor(request))


def park(request: HttpRequest, task: Task, data: Data) -> object:
    """Set the task aside."""
    return tasks.park(task_id=task.pk, reason=data["reason"], actor=actor(request))


def unpark(request: HttpRequest, task: Task, data: Data) -> object:
    """Ask for captions again."""
    return tasks.unpark(task_id=task.pk, actor=actor(request))


def make_gold(request: HttpRequest, task: Task, data: Data) -> object:
    """Make the named answers the right ones, or else what was decided and what says the same."""
    texts = [text for text in data["references"].splitlines() if text.strip()]
    texts = texts or tasks.accepted_answers(task=task)
    if not texts:
        raise NothingToSettle(f"{task} has no final consensus; write the accepted answers.")
    return tasks.make_gold(
        task_id=task.pk, references=texts, actor=actor(request), planted=data["planted"]
    )


def promoted(task: Task) -> list[str]:
    """Say which answers would be accepted."""
    return [f"Accepted: {text}" for text in tasks.accepted_answers(task=task)]


def set_value(request: HttpRequest, task: Task, data: Data) -> object:
    """Set what the task is worth and when it is due."""
    return tasks.set_value(task_id=task.pk, actor=actor(request), **data)


@register(Task, site=site)
class TaskAdmin(ActingAdmin):
    """Tasks in the order in which they are asked."""

    acts = (
        Act(
            "settle", "Settle now", "settled", settle, "balance",
            fits=lambda rows: rows.filter(pk__in=Task.objects.unsettled()),
            intro="Weighs the newest captions and votes; the worker does so by itself.",
        ),
        Act(
            "finalise", "Finalise", "finalised", finalise, "done_all", fits=finalisable,
            intro="The caption that leads stands from now on; nobody is asked any more.",
        ),
        Act(
            "escalate", "Escalate to experts", "escalated", escalate, "gavel",
            fits=lambda rows: rows.filter(state=TaskState.OPEN, is_gold=False),
            intro="An expert sees the captions and chooses, writes, asks for more or rejects.",
        ),
        Act(
            "park", "Park", "parked", park, "pause_circle", form=ParkForm,
            fits=lambda rows: rows.filter(state=TaskState.OPEN),
            intro="Nobody is given a parked task until a manager takes it up again.",
        ),
        Act(
            "unpark", "Ask again", "open again", unpark, "play_circle",
            fits=lambda rows: rows.filter(state=TaskState.PARKED),
            intro="The task opens for one more caption.",
        ),
        Act(
            "gold", "Make gold", "made gold", make_gold, "verified", form=GoldForm,
            fits=lambda rows: rows.filter(is_gold=False, is_evaluation=False),
            intro="Newcomers answer gold among the rest; its right answers are known. This is what "
            "was decided, with the captions that say the same:",
            preview=promoted,
        ),
        Act(
            "value", "Set value and deadline", "given their value", set_value, "priority_high",
            form=ValueForm, fits=lambda rows: rows.filter(state=TaskState.OPEN, is_gold=False),
        ),
    )  # fmt: skip
    list_display = (
        "id", "video", "project", stated("state"), "captions", rounded("priority", "priority"),
        flagged("kind", KINDS), "created_at",
    )  # fmt: skip
    list_filter = (
        ("project", ScopedRelatedFilter), "state", "park_reason", "is_gold", "is_evaluation",
        "is_control", "is_audited", "difficulty_level",
    )  # fmt: skip
    list_select_related = ("video", "project")
    search_fields = ("=id", "video__video_id")
    lookups = ("video", "prediction")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "video", "project", "state", "captions", "park_reason", "segment_shown",
                    "prediction", "created_at", "closed_at",
                )
            },
        ),
        (
            "Its place in the queue",
            {
                "fields": (
                    "why", "virtual_due", "uncertainty", "difficulty_level", "business_value",
                    "due_at",
                )
            },
        ),
        (
            "What it is used for",
            {"fields": ("is_gold", "is_evaluation", "is_control", "is_audited")},
        ),
    )  # fmt: skip

    def get_urls(self) -> list[URLPattern]:
        """Add the queue: what is asked next, and why."""
        queue = self.admin_site.admin_view(queue_view)
        return [path("queue/", queue, name="portal_task_queue"), *super().get_urls()]

    def act_on(self, request: HttpRequest, act: Act, rows: Tasks, data: Data) -> None:
        """Value thousands at once, as a filter finds them; everything else goes row by row."""
        if act.name != "value":
            super().act_on(request, act, rows, data)
            return
        fitting = act.fits(rows) if act.fits else rows
        ids = list(fitting.order_by("pk").values_list("pk", flat=True)[: tasks.MOST_VALUED])
        try:
            n_done = tasks.set_values(task_ids=ids, actor=actor(request), **data)
        except PortalError as refused:
            messages.error(request, refused.detail)
            return
        said = [f"{n_done} {'task' if n_done == 1 else 'tasks'} given their value."]
        if n_shut := rows.count() - fitting.count():
            said.append(f"{n_shut} are not open and stay as they are.")
        if n_left := fitting.count() - len(ids):
            said.append(f"{n_left} are beyond what goes at once; narrow the filter.")
        messages.success(request, " ".join(said))

    @display(description="captions", ordering="n_captions")
    def captions(self, row: Task) -> str:
        """How many are in, of those that are wanted; gold takes everybody's."""
        return f"{row.n_captions}" if row.is_gold else f"{row.n_captions} of {row.n_wanted}"

    @display(description="part of the clip")
    def segment_shown(self, row: Task) -> str:
        """The segment in seconds."""
        start, end = row.segment
        return "all of it" if not start and end is None else f"{start:g} s to {end or 'the end'} s"

    @display(description="why then")
    def why(self, row: Task) -> str:
        """What its priority is made of."""
        parts = row.why_next.get("parts", [])
        if not parts:
            return "It has waited: nothing but its age puts it here."
        rows = [(number(part["contribution"]), _because(row.project, part)) for part in parts]
        return table(["Adds", "Because"], [*rows, (number(row.priority), "Its priority.")])

    def view_on_site(self, obj: Task) -> str:
        """Lead to the page that says what stands and why."""
        return reverse("pages:task", args=[obj.pk])


def import_gold(data: Data, by: str) -> str:
    """Make gold of an uploaded file; refuse it whole where a line is wrong."""
    rehearsed = tasks.import_gold(
        project=data["project"], lines=data["file"], actor=by, is_dry=True
    )
    if rehearsed.problems:
        raise InvalidInput.on("file", _problems(rehearsed))
    if data["is_dry"]:
        return f"Nothing was changed. {rehearsed.sentence(is_dry=True)}"
    data["file"].seek(0)
    done = tasks.import_gold(project=data["project"], lines=data["file"], actor=by)
    return done.sentence(is_dry=False)


def _problems(report: tasks.Imported) -> str:
    lines = [f"Line {number}: {text}" for number, text in report.problems[:PROBLEMS_SHOWN]]
    n_more = len(report.problems) - len(lines)
    return " ".join(["Nothing was changed.", *lines, f"And {n_more} more." if n_more else ""])


@register(GoldReference, site=site)
class GoldReferenceAdmin(AskingAdmin):
    """Accepted answers of gold tasks; made with the task's own action, or from a file."""

    question = GoldFileForm
    add_title = "Import gold"
    add_intro = (
        'One clip a line: {"video_id": "clip-7", "references": ["a dog runs", "a dog is running"]}.'
        ' "start" and "end" name a segment; "shown_prediction" is a wrong caption shown on purpose.'
    )
    add_button = "Import"
    project_path = "task__project"
    list_display = ("task", shortened("text", "answer"))
    list_filter = (("task__project", ScopedRelatedFilter),)
    list_select_related = ("task",)
    search_fields = ("=task__id", "text")
    lookups = ("task",)

    def add(self, request: HttpRequest, data: Data) -> str:
        """Take the file, whole or not at all."""
        return import_gold(data, actor(request))


@register(PlantedPrediction, site=site)
class PlantedPredictionAdmin(ScopedAdmin):
    """Wrong captions that gold tasks show on purpose; made with the task's gold answers."""

    project_path = "task__project"
    list_display = ("task", shortened("text", "planted caption"))
    list_filter = (("task__project", ScopedRelatedFilter),)
    list_select_related = ("task",)
    search_fields = ("=task__id", "text")
    lookups = ("task",)
