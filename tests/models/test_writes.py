"""Rows that are written many at once are the rows that the ORM would have written."""

from datetime import UTC, datetime, timedelta, timezone
from uuid import uuid4

import pytest
from django.db import transaction

from portal.models import Cluster, Task, Video
from portal.models.writes import insert_new, next_ids, update_each
from tests.factories import ProjectFactory, TaskFactory, VideoFactory

pytestmark = pytest.mark.django_db

COLUMNS = ("id", "project", "uid", "video_id", "tags", "next_attempt_at", "created_at")


def rows(project, *names, at=None):
    at = at or datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=timezone(timedelta(hours=2)))
    ids = next_ids(Video, len(names))
    return [
        (pk, project.pk, uuid4(), name, ["a%s", 'it\'s "x"', "ü"], at, at)
        for pk, name in zip(ids, names, strict=True)
    ]


def test_what_was_written_is_read_back_and_the_rest_has_its_defaults():
    project = ProjectFactory()
    written = rows(project, "50 % of 'it'", "b")
    with transaction.atomic():
        assert insert_new(Video, COLUMNS, written) == 2
    video = Video.objects.get(video_id="50 % of 'it'")
    plain = VideoFactory.build(project=project)
    assert (video.pk, video.uid) == (written[0][0], written[0][2])
    assert video.tags == ["a%s", 'it\'s "x"', "ü"]
    assert video.created_at == datetime(2026, 1, 2, 1, 4, 5, 678, tzinfo=UTC)
    assert (video.state, video.n_bytes, video.clip_seconds) == ("registered", plain.n_bytes, None)


def test_a_row_whose_key_is_taken_is_skipped_and_ids_are_never_drawn_twice():
    project = ProjectFactory()
    VideoFactory(project=project, video_id="a")
    drawn = rows(project, "a", "b")
    assert insert_new(Video, COLUMNS, drawn) == 1
    assert Video.objects.count() == 2
    after = VideoFactory(project=project)
    assert after.pk > max(row[0] for row in drawn)
    assert min(next_ids(Video, 3)) > after.pk


def test_bytes_and_nothing_at_all():
    project = ProjectFactory()
    packed = bytes(range(256))
    insert_new(Cluster, ("project", "space", "leader"), [(project.pk, 0, packed)])
    assert bytes(Cluster.objects.get().leader) == packed
    assert insert_new(Cluster, ("project",), []) == update_each(Task, ("priority",), []) == 0


def test_each_row_is_set_to_its_own_values_and_no_other_is_touched():
    tasks = [TaskFactory() for _ in range(3)]
    moment = datetime(2030, 1, 1, tzinfo=UTC)
    names = ("priority", "why_next", "virtual_due", "cluster")
    changes = [(task.pk, 0.5 + i, {"i": i}, moment, None) for i, task in enumerate(tasks[:2])]
    assert update_each(Task, names, changes) == 2
    found = list(Task.objects.order_by("pk"))
    assert [(t.priority, t.why_next) for t in found] == [(0.5, {"i": 0}), (1.5, {"i": 1}), (0, {})]
    assert found[1].virtual_due == moment != found[2].virtual_due


@pytest.mark.parametrize("values", ["none", "other", "one", "many"])
def test_among_finds_what_in_finds(values):
    project = ProjectFactory()
    videos = [VideoFactory(project=project, video_id=name) for name in ("a", "b'", "c")]
    ids = [videos[0].pk]
    values = {"none": [], "other": [-1], "one": ids, "many": range(5000)}[values]
    found = Video.objects.filter(pk__among=values).order_by("pk")
    assert list(found) == list(Video.objects.filter(pk__in=list(values)).order_by("pk"))


def test_among_takes_texts_and_follows_relations():
    task = TaskFactory(video__video_id="it's")
    assert Task.objects.filter(video__video_id__among=["it's", "x"]).get() == task
    assert Task.objects.filter(video__among={task.video_id}).get() == task


def test_no_text_is_among_none_and_every_text_is_outside():
    video = VideoFactory()
    assert not Video.objects.filter(video_id__among=[]).exists()
    assert Video.objects.filter(video_id__among=[]).update(source_url="") == 0
    assert Video.objects.exclude(video_id__among=[]).get() == video
