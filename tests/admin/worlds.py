"""A project with one row of everything the console lists."""

from django.db.models import Model

from portal import models
from portal.models.tokens import digest, new_secret
from tests import factories


def one_of_everything(project: models.Project, *, word: str = "a dog runs") -> dict[str, Model]:
    """Make a row of each model in the project; return them by model name.

    `word` stands wherever a caption or a name is text that people or machines chose.
    """
    rows: dict[str, Model] = {"project": project}
    rows |= _people(project, word)
    rows |= _clips(project, word)
    rows |= _evidence(project, rows, word)
    rows |= _training(project, rows)
    rows |= _integrations(project, rows)
    rows["surprise"] = models.Surprise.objects.create(
        project=project,
        version=rows["prediction"].version,
        consensus=rows["consensus"],
        value=0.2,
    )
    rows["cluster"] = models.Cluster.objects.create(project=project, space=0, leader=b"00")
    return rows


def _people(project: models.Project, word: str) -> dict[str, Model]:
    membership = factories.MembershipFactory(project=project)
    return {
        "guideline": factories.GuidelineFactory(
            project=project, text=word, number=project.guidelines.count() + 1
        ),
        "membership": membership,
        "user": membership.user,
        "annotator": factories.AnnotatorFactory(project=project, name=word[:100]),
        "invitation": models.Invitation.objects.create(
            project=project, role="annotator", token_hash=digest(new_secret("")), note=word[:100]
        ),
        "servicetoken": factories.TokenFactory(project=project, name=word[:100]),
    }


def _clips(project: models.Project, word: str) -> dict[str, Model]:
    video = factories.VideoFactory(project=project)
    version = factories.VersionFactory(project=project)
    number = project.pools.count() + 1
    return {
        "video": video,
        "pool": factories.PoolFactory(
            project=project, number=number, skills=f"{word[:90]} {number}"
        ),
        "modelversion": version,
        "prediction": factories.PredictionFactory(
            project=project, video=video, version=version, caption=word
        ),
    }


def _evidence(project: models.Project, rows: dict[str, Model], word: str) -> dict[str, Model]:
    task = factories.TaskFactory(
        project=project, video=rows["video"], prediction=rows["prediction"]
    )
    caption = factories.AnnotationFactory(task=task, author=rows["annotator"], text=word)
    consensus = factories.ConsensusFactory(
        task=task,
        caption=word,
        annotation=caption,
        candidates=[
            {"annotation_id": caption.pk, "caption": word, "is_winner": True, "score": 1.0}
        ],
    )
    gold = factories.TaskFactory(project=project, is_gold=True)
    return {
        "task": task,
        "plantedprediction": models.PlantedPrediction.objects.create(task=gold, text=word),
        "goldreference": factories.GoldReferenceFactory(task=gold, text=word),
        "assignment": caption.assignment,
        "annotation": caption,
        "annotationrevision": caption.revisions.get(),
        "verification": models.Verification.objects.create(
            task=task,
            annotator=rows["annotator"],
            assignment=caption.assignment,
            prediction=rows["prediction"],
            watched_seconds=4.0,
        ),
        "vote": factories.VoteFactory(annotation=caption, rationale=word),
        "consensus": consensus,
        "flag": factories.FlagFactory(
            annotator=rows["annotator"], evidence=word, examples=[caption.pk]
        ),
        "refit": models.Refit.objects.create(
            project=project, number=project.refits.count() + 1, parameters={}
        ),
        "residual": models.Residual.objects.create(task=task, annotator=rows["annotator"]),
        "review": models.Review.objects.create(
            task=task, reviewer=rows["user"], decision="write", text=word, reason=word
        ),
        "reviewlease": models.ReviewLease.objects.create(
            task=task, reviewer=rows["user"], words=word, expires_at=task.created_at
        ),
    }


def _training(project: models.Project, rows: dict[str, Model]) -> dict[str, Model]:
    batch = factories.BatchFactory(project=project)
    item = factories.BatchItemFactory(batch=batch)
    # One run at a time: the second world's is over.
    is_first = not project.retrain_jobs.exists()
    job = factories.JobFactory(
        project=project,
        batch=batch,
        version=rows["modelversion"],
        state="frozen" if is_first else "inconclusive",
    )
    evaluation = factories.EvaluationFactory(
        project=project, original=rows["modelversion"], job=job
    )
    prediction = rows["prediction"]
    return {
        "minibatch": batch,
        "batchitem": item,
        "retrainjob": job,
        "evaluation": evaluation,
        "evaluationitem": models.EvaluationItem.objects.create(
            evaluation=evaluation,
            task=rows["task"],
            consensus=rows["consensus"],
            original=prediction,
            retrained=prediction,
            outcome="tie",
        ),
        "metricbasis": models.MetricBasis.objects.create(
            project=project,
            number=project.metric_bases.count() + 1,
            n_documents=1,
            frequencies={"n_documents": 1, "counts": {}},
        ),
        "preference": models.Preference.objects.create(
            project=project,
            task=rows["task"],
            first=prediction,
            second=factories.PredictionFactory(project=project, video=rows["video"]),
            voter=rows["annotator"],
            choice="both",
            first_was_left=True,
        ),
        "export": factories.ExportFactory(project=project),
        "import": factories.ImportFactory(project=project),
    }


def _integrations(project: models.Project, rows: dict[str, Model]) -> dict[str, Model]:
    delivery = factories.DeliveryFactory(endpoint__project=project)
    return {
        "event": delivery.event,
        "endpoint": delivery.endpoint,
        "delivery": delivery,
        "deliveryattempt": models.DeliveryAttempt.objects.create(
            delivery=delivery, number=1, error="no answer"
        ),
        "callback": models.Callback.objects.create(
            endpoint=delivery.endpoint, webhook_id="msg_1", body_sha256="0" * 64
        ),
        "auditentry": models.AuditEntry.objects.record(
            action="project.created", on=project, project_id=project.pk, actor="system"
        ),
        "idempotencykey": models.IdempotencyKey.objects.create(
            owner="token:x", route="/x", key=f"key {delivery.pk}", body_sha256="0" * 64
        ),
    }
