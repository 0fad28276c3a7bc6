"""Nobody sees what is not theirs to see: other projects, and others' words before one's own."""

import pytest
from django.conf import settings
from django.utils import timezone

from portal.api import urls
from portal.api.urls import KINDS
from portal.models import ServiceToken
from tests import factories
from tests.api.conftest import problem

CANARY = "a canary nobody may hear"


@pytest.fixture
def task(project):
    first = factories.PredictionFactory(project=project, caption=f"{CANARY} by the model")
    return factories.TaskFactory(project=project, video=first.video, prediction=first)


@pytest.fixture
def heard(task):
    """Somebody else's caption, with a vote and an interim consensus on it."""
    caption = factories.AnnotationFactory(task=task, text=CANARY)
    factories.VoteFactory(annotation=caption)
    factories.ConsensusFactory(task=task, caption=CANARY, status="interim")
    return caption


def looks(person, task, caption) -> list:
    """Every call by which an annotator could look at a task."""
    return [
        person.get("tasks"),
        person.get(f"tasks?video_id={task.video.video_id}"),
        person.get(f"tasks/{task.pk}"),
        person.get(f"tasks/{task.pk}/annotations"),
        person.get(f"tasks/{task.pk}/consensus"),
        person.get(f"tasks/{task.pk}/evaluation"),
        person.get(f"annotations/{caption.pk}"),
        person.get("predictions"),
        person.get("exports"),
        person.get("dashboard"),
        person.get(f"videos/{task.video.video_id}"),
        person.post(f"tasks/{task.pk}/votes", {"score": 1, "annotation_id": caption.pk}),
        person.post(f"tasks/{task.pk}/votes", {"score": 1}),
    ]


@pytest.mark.parametrize("role", ["annotator", "expert"])
def test_captioners_are_blind_until_they_have_answered(as_role, task, heard, role) -> None:
    person = as_role(role)
    person.post("tasks/assign", {"project": "clips"})

    for answer in looks(person, task, heard):
        text = answer.content.decode()
        assert CANARY not in text
        if answer.status_code == 200 and "n_captions" in text:
            rows = answer.json().get("results", [answer.json()])
            assert [row["n_captions"] for row in rows] in ([], [None])
    assert person.get(f"tasks/{task.pk}/annotations").json()["results"] == []


def test_after_their_own_caption_they_see_others_without_names(as_role, task, heard) -> None:
    person = as_role("annotator")
    person.post("tasks/assign", {"project": "clips"})
    own = person.post(f"tasks/{task.pk}/annotations", {"caption": "a dog runs"})

    rows = person.get(f"tasks/{task.pk}/annotations").json()["results"]
    other = person.get(f"annotations/{heard.pk}").json()

    assert {row["caption"] for row in rows} == {CANARY, "a dog runs"}
    assert {row["annotator_id"] for row in rows} == {None}
    assert (other["caption"], other["annotator_id"]) == (CANARY, None)
    assert own.json()["annotator_id"] == person.user.username
    assert person.get(f"tasks/{task.pk}/consensus").status_code == 200


def test_a_machine_sees_captions_once_the_task_has_closed(api, task, heard) -> None:
    assert api.get(f"tasks/{task.pk}/annotations").json()["results"] == []
    task.state = "settled"
    task.save()

    assert api.get(f"tasks/{task.pk}/annotations").json()["results"][0]["caption"] == CANARY


def test_an_expert_reads_what_waits_for_a_blind_audit_once_it_is_audited(
    as_role, task, heard
) -> None:
    task.state, task.is_audited = "settled", True
    task.save()
    expert = as_role("expert")

    assert all(CANARY not in answer.content.decode() for answer in looks(expert, task, heard))

    task.audited_at = timezone.now()
    task.save()
    assert CANARY in expert.get(f"tasks/{task.pk}/annotations").content.decode()
    assert CANARY in expert.get(f"tasks/{task.pk}/consensus").content.decode()


def test_managers_see_names_and_readers_do_not(as_role, task, heard) -> None:
    def names(role: str) -> list[str | None]:
        rows = as_role(role).get(f"tasks/{task.pk}/annotations").json()["results"]
        return [row["annotator_id"] for row in rows]

    assert names("manager") == [heard.author.annotator_id]
    assert names("reader") == [None]


@pytest.mark.parametrize(
    ("shown_to", "role", "sees"),
    [
        ("nobody", "annotator", False),
        ("experts", "annotator", False),
        ("experts", "expert", True),
        ("everyone", "annotator", True),
    ],
)
def test_the_models_words_are_shown_to_whom_the_project_says(
    as_role, project, task, heard, shown_to, role, sees
) -> None:
    project.prediction_shown_to = shown_to
    project.save()
    person = as_role(role)

    claimed = person.post("tasks/assign", {"project": "clips"}).json()
    read = person.get(f"tasks/{task.pk}").json()

    assert (claimed["shown_prediction"] is not None) == sees
    assert (read["prediction"] is not None) == sees
    assert claimed["task"]["prediction"] is None


def test_the_first_caption_is_written_blind_wherever_one_looks(as_role, project, task) -> None:
    project.prediction_shown_to = "everyone"
    project.save()
    person = as_role("expert")
    claimed = person.post("tasks/assign", {"project": "clips"}).json()

    assert claimed["shown_prediction"] is None
    assert person.get(f"tasks/{task.pk}").json()["prediction"] is None
    assert person.get("tasks").json()["results"][0]["prediction"] is None
    problem(person.get("predictions"), 403)
    person.post(f"tasks/{task.pk}/annotations", {"caption": "a dog runs"})
    assert person.get(f"tasks/{task.pk}").json()["prediction"] is not None


def test_a_gold_task_looks_like_any_other(as_role, project) -> None:
    project.gold_first = 4
    project.save()
    factories.GoldReferenceFactory(task__project=project, task__n_wanted=32_000)
    person = as_role("annotator")

    claimed = person.post("tasks/assign", {"project": "clips"})

    assert "32000" not in claimed.content.decode()
    assert "gold" not in claimed.content.decode()


def test_annotators_list_what_they_were_given_and_nothing_else(as_role, project, task) -> None:
    person = as_role("annotator")
    factories.TaskFactory(project=project)

    assert person.get("tasks").json()["results"] == []
    claimed = person.post("tasks/assign", {"project": "clips"}).json()
    assert [row["id"] for row in person.get("tasks").json()["results"]] == [claimed["task_id"]]
    other = {1, 2, 3} - {claimed["task_id"]}
    problem(person.get(f"tasks/{max(other)}"), 404)


@pytest.fixture
def foreign():
    """One row of every noun in somebody else's project, each with the canary in it."""
    project = factories.ProjectFactory(slug="theirs", name=CANARY)
    video = factories.VideoFactory(project=project, video_id="theirs")
    version = factories.VersionFactory(project=project, name=CANARY)
    prediction = factories.PredictionFactory(
        project=project, video=video, version=version, caption=CANARY
    )
    task = factories.TaskFactory(project=project, video=video, prediction=prediction)
    annotator = factories.AnnotatorFactory(project=project, annotator_id="theirs", name=CANARY)
    caption = factories.AnnotationFactory(task=task, author=annotator, text=CANARY)
    delivery = factories.DeliveryFactory(
        endpoint__project=project, endpoint__url=f"https://{CANARY.replace(' ', '-')}.example.com"
    )
    evaluation = factories.EvaluationFactory(project=project, original=version)
    factories.ConsensusFactory(task=task, caption=CANARY)
    return {
        "slug": "theirs",
        "video_id": "theirs",
        "annotator_id": "theirs",
        "predictions": prediction.pk,
        "tasks": task.pk,
        "annotations": caption.pk,
        "deliveries": delivery.pk,
        "evaluations": evaluation.pk,
        "webhooks": delivery.endpoint.uid,
        "retraining": factories.JobFactory(project=project, version=version).uid,
        "exports": factories.ExportFactory(project=project, name=CANARY).uid,
        "imports": factories.ImportFactory(project=project, name=CANARY).uid,
    }


def address(route: str, foreign: dict[str, object]) -> str:
    """The route with the foreign project's ids in it."""
    ids = {name: foreign.get(name, foreign.get(route.partition("/")[0])) for name in KINDS}
    return route.format(**ids)


METHODS = ("get", "post", "put", "patch", "delete", "options", "head")
# The trainer's callback is let in by its signature alone, which test_retraining looks at.
SIGNED = "retraining/{uid}/events"


def refusals(who: str, view, method: str) -> set[int]:
    """What a foreign row may be answered with: as if it were not there, and nothing that tells."""
    need = view.needs.get("GET" if method == "head" else method.upper())
    if who == "stranger":
        return {401, 405}
    is_for_people = who == "token" and need is not None and need.scope is None
    return {403} if is_for_people else {404, 405}


@pytest.mark.parametrize("who", ["token", "manager", "stranger"])
def test_no_route_and_no_method_shows_a_foreign_byte(
    caller, as_role, project, foreign, who
) -> None:
    me = {
        "token": lambda: caller(factories.token_and_secret(project=project)[1]),
        "manager": lambda: as_role("manager"),
        "stranger": lambda: caller(),
    }[who]()
    for route, view in urls.ROUTES:
        for method in METHODS:
            body = None if method in ("get", "head") else {}
            answer = me.call(method, address(route, foreign), body)
            shown = answer.getvalue() if answer.streaming else answer.content
            label = f"{who} {method} {route}: {answer.status_code}"
            assert CANARY.encode() not in shown, label
            assert answer.status_code < 500, label
            if "{" in route and route != SIGNED:
                assert answer.status_code in refusals(who, view, method), label
    assert factories.models.Annotation.objects.get().text == CANARY
    assert factories.models.Export.objects.count() == 1


@pytest.mark.parametrize("query", ["project=theirs", "project=nowhere"])
def test_naming_a_foreign_project_is_a_404(api, foreign, query) -> None:
    for route, view in urls.ROUTES:
        if "project" in view.filters and "{" not in route:
            problem(api.get(f"{route}?{query}"), 404, "not_found")


@pytest.mark.parametrize(
    "header",
    [
        "Bearer lp_unknown",
        "Bearer",
        "bearer  ",
        "Basic dXNlcjpwYXNz",
        "Token abc",
        "Bearer " + "x" * 10_000,
        "Bearer lp_\u00e9",
        "Bearer a, Bearer b",
        "",
    ],
)
def test_a_header_that_holds_no_token_is_401(caller, header) -> None:
    answer = caller().get("tasks", headers={"Authorization": header})

    problem(answer, 401)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_token_in_the_address_is_refused_even_beside_a_valid_one(api, caller) -> None:
    secret = api.headers["Authorization"].removeprefix("Bearer ")

    problem(caller().get(f"tasks?token={secret}"), 401)
    problem(api.get(f"tasks?access_token={secret}"), 401)
    problem(api.get("tasks?api_KEY=x"), 401)


def test_revoked_expired_and_orphaned_tokens_are_refused_at_the_next_call(api, project) -> None:
    assert api.get("tasks").status_code == 200
    user = factories.UserFactory(is_active=False)
    for change in (
        {"revoked_at": timezone.now()},
        {"expires_at": timezone.now()},
        {"created_by": user},
    ):
        ServiceToken.objects.update(**change)
        problem(api.get("tasks"), 401)
        ServiceToken.objects.update(revoked_at=None, expires_at=None, created_by=None)


def test_strangers_are_401_and_inactive_people_too(caller, as_role, project) -> None:
    problem(caller().get("tasks"), 401)
    person = as_role("manager")
    person.user.is_active = False
    person.user.save()
    problem(person.get("tasks"), 401)


def test_a_lost_role_acts_at_the_next_call(as_role, project) -> None:
    person = as_role("manager")
    assert person.get("tasks").status_code == 200
    person.user.memberships.update(is_active=False)

    problem(person.get("tasks"), 404)


def test_a_session_needs_its_csrf_token_and_our_origin(caller, project) -> None:
    user = factories.UserFactory()
    factories.MembershipFactory(project=project, user=user, role="manager")
    person = caller(user=user, enforce_csrf_checks=True)

    problem(person.post("tasks", {"video_id": "a"}), 403)
    person.client.cookies[settings.CSRF_COOKIE_NAME] = "a" * 32
    own = {"X-CSRFToken": "a" * 32, "Origin": "http://testserver"}
    problem(
        person.post("tasks", {"video_id": "a"}, headers=own | {"Origin": "https://evil.example"}),
        403,
    )
    assert person.post("tasks", {"video_id": "a"}, headers=own).status_code == 201


@pytest.mark.parametrize(
    ("scope", "method", "path"),
    [
        ("ingest", "post", "predictions"),
        ("ingest", "post", "predictions/bulk"),
        ("ingest", "post", "tasks"),
        ("ingest", "post", "videos"),
        ("ingest", "post", "imports"),
        ("ingest", "get", "imports"),
        ("annotate", "post", "tasks/assign"),
        ("annotate", "post", "tasks/1/annotations"),
        ("annotate", "post", "tasks/1/votes"),
        ("annotate", "post", "tasks/1/lease/skip"),
        ("annotate", "post", "annotators"),
        ("finalise", "post", "tasks/1/consensus"),
        ("retrain", "post", "retraining/trigger"),
        ("retrain", "get", "retraining"),
        ("export", "post", "exports"),
        ("export", "get", "exports"),
        ("webhooks", "get", "webhooks"),
        ("webhooks", "post", "webhooks"),
    ],
)
def test_a_token_does_what_its_scopes_say(caller, project, scope, method, path) -> None:
    others = [name for name in factories.ALL_SCOPES if name != scope]
    _, without = factories.token_and_secret(project=project, scopes=others)
    _, alone = factories.token_and_secret(project=project, scopes=[scope])

    problem(caller(without).call(method, path, {}), 403, "not_allowed")
    assert caller(alone).call(method, path, {}).status_code not in (401, 403)
    assert caller(alone).get("tasks").status_code == 200
