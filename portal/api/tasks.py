"""Tasks: opened, listed, read."""

from typing import Any, ClassVar

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api import queries
from portal.api.base import PortalView, answer
from portal.api.fields import Body, Number, Text
from portal.api.idempotency import keyed
from portal.api.pagination import narrow, paged
from portal.api.permissions import EVERYBODY, MANAGERS, Need
from portal.api.schema import documented, page_of
from portal.api.sights import Sight, sight_of, tasks_seen_by, with_own_work
from portal.api.times import iso
from portal.errors import NotFound
from portal.models import Task
from portal.models.taskstates import TaskState
from portal.models.tokens import Scope
from portal.services import tasks, videos

BLIND = Sight(of_captions=False, of_authors=False, of_prediction=False)
LEVELS = (1, 5, 10)


class TaskInput(Body):
    """What a task is opened with."""

    video_id = Text(max_length=200)
    uncertainty = Number(min_value=0, max_value=1, required=False)
    difficulty = serializers.ChoiceField(
        [(1, "low"), (5, "medium"), (10, "high")], required=False, help_text="1, 5 or 10."
    )
    start = Number(min_value=0, max_value=360_000, required=False)
    end = Number(min_value=0, max_value=360_000, required=False, allow_null=True)
    project = Text(required=False)

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        """Hold the difficulty to a whole number: a choice field also takes its text."""
        given = self.initial_data.get("difficulty")
        if "difficulty" in data and (isinstance(given, bool) or not isinstance(given, int)):
            raise serializers.ValidationError({"difficulty": "This must be 1, 5 or 10."})
        return data


class TaskVideoOutput(serializers.Serializer[Any]):
    """The clip of a task."""

    video_id = serializers.CharField()
    media_url = serializers.CharField(allow_null=True, help_text="Signed; null until it plays.")
    duration = serializers.FloatField(allow_null=True)
    mime = serializers.CharField()
    state = serializers.CharField()


class ShownPredictionOutput(serializers.Serializer[Any]):
    """What the model said."""

    caption = serializers.CharField()
    model_version = serializers.CharField()


class TaskOutput(serializers.Serializer[Any]):
    """A task; counts are null for those who caption it blind."""

    id = serializers.IntegerField()
    project = serializers.CharField()
    video = TaskVideoOutput()
    start = serializers.FloatField()
    end = serializers.FloatField(allow_null=True, help_text="Null is the end of the clip.")
    status = serializers.ChoiceField(TaskState.choices)
    difficulty = serializers.IntegerField(allow_null=True)
    uncertainty = serializers.FloatField()
    priority = serializers.FloatField()
    virtual_due = serializers.DateTimeField()
    n_wanted = serializers.IntegerField(allow_null=True)
    n_captions = serializers.IntegerField(allow_null=True)
    is_evaluation = serializers.BooleanField()
    is_control = serializers.BooleanField()
    prediction = ShownPredictionOutput(allow_null=True)
    created_at = serializers.DateTimeField()
    due_at = serializers.DateTimeField(allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True)


class TasksView(PortalView):
    """All tasks, and the one way to open one."""

    needs: ClassVar = {
        "GET": Need(Scope.READ, EVERYBODY),
        "POST": Need(Scope.INGEST, MANAGERS),
    }
    is_paged = True
    filters: ClassVar = {
        "project": queries.text("The project's slug."),
        "status": queries.choice("The task's state.", tuple(TaskState.values), "state"),
        "video_id": queries.text("The clip's id.", "video__video_id"),
        "is_evaluation": queries.flag("Kept for evaluation or not.", "is_evaluation"),
    }

    @documented("list_tasks", "List tasks", answers={200: page_of(TaskOutput)})
    def get(self, request: Request) -> Response:
        project = self.project()
        rows = tasks_seen_by(self.caller, self.role, narrow(self, project.tasks.all()))
        rows = with_own_work(self.caller, loaded(rows))
        return paged(self, rows, lambda task: describe(self, task))

    @documented(
        "open_task",
        "Open the task of a clip or segment",
        body=TaskInput,
        answers={201: TaskOutput, 200: TaskOutput},
    )
    @keyed
    def post(self, request: Request) -> Response:
        data = self.body(request, TaskInput)
        task, created = tasks.open_one(
            project=self.project(data.get("project")),
            video_id=data["video_id"],
            uncertainty=data.get("uncertainty"),
            difficulty_level=data.get("difficulty"),
            start=data.get("start"),
            end=data.get("end"),
        )
        stored = loaded(with_own_work(self.caller, Task.objects.all())).get(pk=task.pk)
        return answer(describe(self, stored), created=created)


class TaskView(PortalView):
    """One task."""

    needs: ClassVar = {"GET": Need(Scope.READ, EVERYBODY)}

    @documented("get_task", "Read one task", answers={200: TaskOutput})
    def get(self, request: Request, pk: str) -> Response:
        return Response(describe(self, find_task(self, pk)))


def find_task(view: PortalView, pk: str) -> Task:
    """Return a task that the caller may know of, with its project, video and prediction."""
    task: Task = view.find(loaded(with_own_work(view.caller, Task.objects.all())), pk=pk)
    if not tasks_seen_by(view.caller, view.role, Task.objects.filter(pk=task.pk)).exists():
        raise NotFound("There is nothing here that you may see.")
    return task


def describe(view: PortalView, task: Task, sight: Sight | None = None) -> dict[str, Any]:
    """Write a task as this caller may see it."""
    sight = sight or sight_of(view.caller, view.role, task)
    start, end = task.segment
    sees_counts = sight.of_captions or (view.caller.token is not None and sight is not BLIND)
    return {
        "id": task.pk,
        "project": task.project.slug,
        "video": _describe_video(view, task),
        "start": start,
        "end": end,
        "status": task.state,
        "difficulty": task.difficulty_level,
        "uncertainty": task.uncertainty,
        "priority": task.priority,
        "virtual_due": iso(task.virtual_due),
        "n_wanted": task.n_wanted if sees_counts else None,
        "n_captions": task.n_captions if sees_counts else None,
        "is_evaluation": task.is_evaluation,
        "is_control": task.is_control,
        "prediction": _describe_prediction(task) if sight.of_prediction else None,
        "created_at": iso(task.created_at),
        "due_at": iso(task.due_at),
        "closed_at": iso(task.closed_at),
    }


def _describe_video(view: PortalView, task: Task) -> dict[str, Any]:
    video = task.video
    playable = video.is_playable
    return {
        "video_id": video.video_id,
        "media_url": videos.media_link(video=video, base_url=view.base_url) if playable else None,
        "duration": video.clip_seconds,
        "mime": video.mime,
        "state": video.state,
    }


def _describe_prediction(task: Task) -> dict[str, Any] | None:
    if task.prediction is None:
        return None
    return {"caption": task.prediction.caption, "model_version": task.prediction.version.name}


def loaded(rows: Any) -> Any:
    """Load with tasks what `describe` shows of them."""
    return rows.select_related("project", "video", "prediction__version").defer(
        "prediction__tokens", "prediction__candidates", "prediction__embedding"
    )
