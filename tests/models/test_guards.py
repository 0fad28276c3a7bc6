"""T13: the database refuses an evaluation video in a batch, whoever writes the row and how."""

import pytest
from django.db import IntegrityError, connection, transaction

from portal.models import BatchItem, Video, guards
from tests.factories import BatchFactory, BatchItemFactory, ConsensusFactory, VideoFactory

pytestmark = pytest.mark.django_db
INSERT = """
    INSERT INTO portal_batchitem (batch_id, task_id, consensus_id, weight, is_evaluation_video)
    VALUES (%s, %s, %s, 1.0, %s)
"""


def insert(batch, consensus, flag: bool) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(INSERT, [batch.pk, consensus.task_id, consensus.pk, flag])


@pytest.mark.parametrize("flag", [False, True])
@pytest.mark.parametrize("held_out", ["the video", "the task"])
def test_t13_raw_sql_puts_no_evaluation_video_into_a_batch_whatever_flag_it_gives(held_out, flag):
    batch = BatchFactory()
    video = VideoFactory(project=batch.project, is_evaluation=held_out == "the video")
    consensus = ConsensusFactory(
        task__project=batch.project, task__video=video, task__is_evaluation=held_out == "the task"
    )
    with pytest.raises(IntegrityError, match="evaluation_videos_are_never_trained_on"):
        insert(batch, consensus, flag)
    assert not BatchItem.objects.exists()


def test_an_ordinary_video_goes_into_a_batch():
    batch = BatchFactory()
    insert(batch, ConsensusFactory(task__project=batch.project), False)
    assert BatchItem.objects.count() == 1


def test_an_item_is_not_turned_to_an_evaluation_task_later():
    item = BatchItemFactory()
    held = ConsensusFactory(task__video__is_evaluation=True).task
    with pytest.raises(IntegrityError), transaction.atomic():
        BatchItem.objects.filter(pk=item.pk).update(task=held)


def test_a_video_that_was_trained_on_does_not_become_an_evaluation_video():
    item = BatchItemFactory()
    with pytest.raises(IntegrityError), transaction.atomic():
        Video.objects.filter(pk=item.task.video_id).update(is_evaluation=True)
    assert Video.objects.filter(pk=VideoFactory().pk).update(is_evaluation=True) == 1


def test_the_guards_are_taken_down_and_put_up_again_around_migrations():
    batch = BatchFactory()
    held = ConsensusFactory(task__video__is_evaluation=True)
    guards.take_down(using="default")
    guards.take_down(using="default")
    insert(batch, held, False)
    BatchItem.objects.all().delete()
    guards.put_up(using="default")
    guards.put_up(using="default")
    with pytest.raises(IntegrityError):
        insert(batch, held, False)
