"""What experts say of tasks: decisions on disputes, blind audits, and who is at which just now."""

from datetime import timedelta

from django.db import models
from django.db.models import Q
from django.utils import timezone

from portal.models.annotations import Annotation
from portal.models.consensus import Consensus
from portal.models.tasks import Task
from portal.models.users import User

LEASE_MINUTES = 30


class Decision(models.TextChoices):
    CHOOSE = "choose", "choose one of the captions"
    WRITE = "write", "write a caption"
    MORE = "more", "ask for two more"
    REJECT = "reject", "reject the clip"
    UPHOLD = "uphold", "the caption is right"
    REFUTE = "refute", "the caption is wrong"


# What is decided about a dispute, and what a blind audit may find.
DECISIONS = (Decision.CHOOSE, Decision.WRITE, Decision.MORE, Decision.REJECT)
FINDINGS = (Decision.UPHOLD, Decision.REFUTE)


class ReviewQuerySet(models.QuerySet["Review"]):
    def telling(self) -> "ReviewQuerySet":
        """Those that say whether the caption before them was right, audits first for each task."""
        return (
            self.filter(consensus__annotation__isnull=False)
            .exclude(decision__in=(Decision.MORE, Decision.REJECT))
            .order_by("task_id", "-is_audit", "-id")
        )


class Review(models.Model):
    """An expert's decision on a disputed or audited task, with its reason; never edited.

    In an audit `text` is what the expert wrote before seeing the caption that stands.
    """

    task = models.ForeignKey(Task, on_delete=models.PROTECT, related_name="reviews")
    consensus = models.ForeignKey(
        Consensus, on_delete=models.PROTECT, null=True, blank=True, related_name="reviews"
    )
    reviewer = models.ForeignKey(User, on_delete=models.PROTECT, related_name="reviews")
    decision = models.CharField(max_length=16, choices=Decision)
    annotation = models.ForeignKey(
        Annotation, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    text = models.TextField(blank=True)
    reason = models.TextField(blank=True)
    is_audit = models.BooleanField(default=False)
    probability = models.FloatField(default=1.0, help_text="Chance with which it was drawn.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = ReviewQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["consensus"], condition=Q(is_audit=True), name="one_audit_per_consensus"
            ),
            models.CheckConstraint(
                condition=Q(probability__gt=0, probability__lte=1),
                name="review_was_drawn_with_a_chance_above_0",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_decision_display()} ({self.task})"


class ReviewLeaseQuerySet(models.QuerySet["ReviewLease"]):
    def live(self) -> "ReviewLeaseQuerySet":
        """Those that have not run out."""
        return self.filter(expires_at__gt=timezone.now())

    def of_others(self, user: User) -> "ReviewLeaseQuerySet":
        """Live ones of other people: their tasks are not for this user now."""
        return self.live().exclude(reviewer=user)

    def take(self, task_pk: int, user: User) -> "ReviewLease":
        """Give the task to this user for a while, or say who has it; the row decides between two.

        One's own lease begins anew; another's that ran out, and what they wrote under it, goes.
        """
        until = timezone.now() + timedelta(minutes=LEASE_MINUTES)
        over = self.filter(task_id=task_pk, expires_at__lte=timezone.now())
        over.exclude(reviewer=user).delete()
        lease, _ = self.select_related("reviewer").get_or_create(
            task_id=task_pk, defaults={"reviewer": user, "expires_at": until}
        )
        if lease.reviewer_id == user.pk:
            self.filter(pk=lease.pk).update(expires_at=until)
            lease.expires_at = until
        return lease


class ReviewLease(models.Model):
    """One expert at one task, for a while, so that no two do the same work.

    It keeps others from starting; it is not what makes a decision one: the task's own state is.
    """

    task = models.OneToOneField(Task, on_delete=models.CASCADE, related_name="review_lease")
    reviewer = models.ForeignKey(User, on_delete=models.CASCADE, related_name="review_leases")
    words = models.TextField(blank=True, help_text="What an auditor wrote before the unveiling.")
    expires_at = models.DateTimeField()

    objects = ReviewLeaseQuerySet.as_manager()

    class Meta:
        ordering = ["expires_at"]

    def __str__(self) -> str:
        return f"{self.reviewer} at {self.task}"
