"""Videos: registered by address, uploaded, read, erased."""

from dataclasses import asdict
from typing import Any, ClassVar

from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from portal.api import queries
from portal.api.base import PortalView, answer
from portal.api.fields import Body, Text
from portal.api.pagination import narrow, paged
from portal.api.parsers import StrictJSONParser
from portal.api.permissions import MANAGERS, WATCHERS, Need
from portal.api.schema import documented, page_of
from portal.api.times import iso
from portal.api.uploads import UploadParser
from portal.errors import InvalidInput, NotAllowed
from portal.models import Project, Video
from portal.models.tokens import Scope
from portal.models.videos import VideoState
from portal.services import exports, videos

UPLOAD_FIELDS = frozenset({"video_id", "file", "sha256", "tags", "project"})
BY_PROJECT = {"project": queries.text("The project's slug.")}


class VideoInput(Body):
    """A clip that the portal fetches by itself, or (without `url`) waits for."""

    video_id = Text(max_length=200)
    url = Text(max_length=2000, required=False, allow_blank=True)
    tags = serializers.ListField(child=Text(max_length=200), max_length=50, required=False)
    project = Text(required=False)


class UploadInput(Body):
    """A clip's bytes."""

    video_id = Text(max_length=200)
    file = serializers.FileField()
    sha256 = Text(required=False, help_text="Hexadecimal; refused where the bytes differ.")
    tags = serializers.ListField(child=Text(max_length=200), max_length=50, required=False)
    project = Text(required=False)


class VideoOutput(serializers.Serializer[Any]):
    """A clip and what is known of it."""

    id = serializers.IntegerField()
    video_id = serializers.CharField()
    project = serializers.CharField()
    state = serializers.ChoiceField(VideoState.choices)
    failure = serializers.CharField(allow_blank=True)
    duration = serializers.FloatField(allow_null=True)
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    fps = serializers.FloatField()
    mime = serializers.CharField(allow_blank=True)
    sha256 = serializers.CharField(allow_blank=True)
    media_url = serializers.CharField(allow_null=True)
    thumbnail_url = serializers.CharField(allow_null=True)
    is_evaluation = serializers.BooleanField()
    tags = serializers.ListField(child=serializers.CharField())
    created_at = serializers.DateTimeField()


class HoldingOutput(serializers.Serializer[Any]):
    """One mini-batch that had held the video."""

    mini_batch_id = serializers.CharField()
    job = serializers.CharField()
    version = serializers.CharField()
    new_version = serializers.CharField(allow_null=True)


class CopyOutput(serializers.Serializer[Any]):
    """One finished export that holds the video still: whoever fetched it has to be told."""

    uid = serializers.CharField()
    name = serializers.CharField()
    finished_at = serializers.DateTimeField()


class ErasureOutput(serializers.Serializer[Any]):
    """What was erased, and which manifests and exports hold it from before."""

    video_id = serializers.CharField()
    n_tasks = serializers.IntegerField()
    n_captions = serializers.IntegerField()
    n_predictions = serializers.IntegerField()
    manifests = HoldingOutput(many=True)
    exports = CopyOutput(many=True)


class VideosView(PortalView):
    """All videos, and the two ways for one more."""

    needs: ClassVar = {
        "GET": Need(Scope.READ, WATCHERS),
        "POST": Need(Scope.INGEST, MANAGERS),
    }
    parser_classes = (StrictJSONParser, UploadParser)
    is_paged = True
    filters: ClassVar = BY_PROJECT | {
        "video_id": queries.text("The id that integrations use.", "video_id"),
        "state": queries.choice("How far its file is.", tuple(VideoState.values), "state"),
        "is_evaluation": queries.flag("Kept for evaluation or not.", "is_evaluation"),
    }

    @documented("list_videos", "List videos", answers={200: page_of(VideoOutput)})
    def get(self, request: Request) -> Response:
        rows = narrow(self, self.project().videos.select_related("project"))
        return paged(self, rows, lambda row: describe(self, row))

    @documented(
        "post_video",
        "Register a video by address, or upload it; a repeat answers the same",
        body={"application/json": VideoInput, "multipart/form-data": UploadInput},
        answers={201: VideoOutput, 200: VideoOutput},
    )
    def post(self, request: Request) -> Response:
        if isinstance(request.data, QueryDict):
            return self._upload(request)
        data = self.body(request, VideoInput)
        project = self.project(data.get("project"))
        was_there = _is_known(project, data["video_id"])
        video = videos.register(
            project=project,
            video_id=data["video_id"],
            source_url=data.get("url", ""),
            tags=data.get("tags", []),
        )
        return answer(describe(self, video), created=not was_there)

    def _upload(self, request: Request) -> Response:
        if self.caller.user:
            raise NotAllowed("Files are uploaded over the API with a service token.")
        data = _form(request)
        project = self.project(data.get("project"))
        was_there = _is_known(project, data["video_id"])
        video = videos.upload(
            project=project,
            video_id=data["video_id"],
            stream=data["file"],
            expected_sha256=data.get("sha256"),
            tags=data["tags"],
        )
        return answer(describe(self, video), created=not was_there)


class VideoView(PortalView):
    """One video."""

    needs: ClassVar = {
        "GET": Need(Scope.READ, WATCHERS),
        "DELETE": Need(None, MANAGERS),
    }
    filters: ClassVar = BY_PROJECT
    post_filters: ClassVar = BY_PROJECT

    @documented("get_video", "Read one video", answers={200: VideoOutput})
    def get(self, request: Request, video_id: str) -> Response:
        return Response(describe(self, self._find(video_id)))

    @documented(
        "erase_video",
        "Erase a video for good: bytes, pictures, captions",
        answers={200: ErasureOutput},
    )
    def delete(self, request: Request, video_id: str) -> Response:
        video = self._find(video_id)
        report = videos.erase(video=video, actor=self.caller.actor)
        copies = exports.holding(project_id=video.project_id, video_id=video.video_id)
        answer = ErasureOutput({**asdict(report), "exports": copies})
        return Response(answer.data)

    def _find(self, video_id: str) -> Video:
        rows = self.project().videos.select_related("project")
        return self.find(rows, video_id=video_id)


def describe(view: PortalView, video: Video) -> dict[str, Any]:
    """Write one video with links that work for a day."""
    return {
        "id": video.pk,
        "video_id": video.video_id,
        "project": video.project.slug,
        "state": video.state,
        "failure": video.failure,
        "duration": video.clip_seconds,
        "width": video.width,
        "height": video.height,
        "fps": video.frames_per_second,
        "mime": video.mime,
        "sha256": video.sha256,
        "media_url": videos.media_link(video=video, base_url=view.base_url),
        "thumbnail_url": videos.thumbnail_link(video=video, base_url=view.base_url),
        "is_evaluation": video.is_evaluation,
        "tags": video.tags,
        "created_at": iso(video.created_at),
    }


def _is_known(project: Project, video_id: str) -> bool:
    return Video.objects.filter(project=project, video_id=video_id).exists()


def _form(request: Request) -> dict[str, Any]:
    """Read a multipart form as strictly as a JSON body."""
    data: QueryDict = request.data
    for name in data:
        if name not in UPLOAD_FIELDS:
            raise InvalidInput.on(name[:100], "There is no such field here.", "unknown_field")
        if name != "tags" and len(data.getlist(name)) > 1:
            raise InvalidInput.on(name, "Give this once.", "repeated")
    if not isinstance(data.get("file"), UploadedFile):
        raise InvalidInput.on("file", "Send the clip as a file.", "required")
    if "video_id" not in data:
        raise InvalidInput.on("video_id", "Name the clip.", "required")
    for name in UPLOAD_FIELDS - {"file"}:
        for value in data.getlist(name):
            if not isinstance(value, str) or "\x00" in value:
                raise InvalidInput.on(name, "This must be a text without NUL.", "invalid_text")
    return {name: data[name] for name in data} | {"tags": data.getlist("tags")}
