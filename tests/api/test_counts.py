"""Asking, submitting, voting and listing take as many queries among a thousand rows as alone."""

from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal.models import Task, Video
from tests import factories


def counted(act) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert act().status_code in (200, 201)
    return len(queries)


def costs_among(n: int, caller) -> dict[str, int]:
    """The queries of each call in a project of `n` tasks, each with two captions waiting."""
    project = factories.ProjectFactory(
        registers_annotators=True, gold_first=0, min_captions=9, max_captions=9
    )
    _, secret = factories.token_and_secret(project=project)
    api = caller(secret)
    videos = Video.objects.bulk_create(
        Video(project=project, video_id=f"v{k}", state="ready") for k in range(n)
    )
    Task.objects.bulk_create(Task(project=project, video=v, n_wanted=9) for v in videos)
    first = Task.objects.filter(project=project).order_by("virtual_due", "id").first()
    for text in ("a cat sleeps", "a dog runs"):
        factories.AnnotationFactory(task=first, text=text)
    for who in ("ann", "ben"):
        factories.AnnotatorFactory(project=project, annotator_id=who)
    cache.clear()
    ann = {"annotator_id": "ann"}
    costs = {"next": counted(lambda: api.post("tasks/assign", ann))}
    task_id = api.post("tasks/assign", ann).json()["task_id"]
    caption = ann | {"caption": "a dog is running"}
    costs["submit"] = counted(lambda: api.post(f"tasks/{task_id}/annotations", caption))
    vote = {"annotator_id": "ben", "score": 0.75}
    costs["vote"] = counted(lambda: api.post(f"tasks/{first.pk}/votes", vote))
    costs["list"] = counted(lambda: api.get(f"tasks?page_size=100&project={project.slug}"))
    return costs


def test_calls_cost_the_same_among_1_50_and_1000_rows(caller) -> None:
    few, some, many = (costs_among(n, caller) for n in (1, 50, 1000))
    # The one task of the first world has two captions, and so has the first of the others.
    assert some == many
    assert few["list"] == some["list"]
    assert all(few[name] <= some[name] + 2 for name in few), (few, some)
    assert some["next"] <= 20
