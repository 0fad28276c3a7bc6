"""Signs of careless or dishonest work, kept until a person has looked: a flag never acts by itself.

Each row is one sign about one person. Seen again while it is open, the row is brought up to date;
once decided it comes back, as a new row, only on captions that the decision had not seen.
"""

from collections.abc import Collection

from django.db import models
from django.db.models import Q
from django.utils import timezone

from portal.models.annotators import Annotator
from portal.models.users import User


class FlagKind(models.TextChoices):
    LOW_AGREEMENT = "low_agreement", "agrees little with others"
    ONE_TEXT = "one_text", "one text again and again"
    TOO_SHORT = "too_short", "far shorter than others"
    COPIES_PREDICTION = "copies_prediction", "copies the prediction"
    LEANS_ON_PREDICTION = "leans_on_prediction", "leans on the prediction"
    SAME_WORDING = "same_wording", "same wording everywhere"
    DRIFT = "drift", "was good, then fell"
    COLLUSION = "collusion", "matches others too well"
    GOLD_ACCURACY = "gold_accuracy", "gold mostly wrong"


# What each sign may mean, and what else may explain it: a manager reads both before deciding.
MEANINGS: dict[str, str] = {
    FlagKind.LOW_AGREEMENT: "Others who saw the same clips say something else, clearly more often "
    "than usual. Carelessness looks like this; so does an eye for what the others miss.",
    FlagKind.ONE_TEXT: "One sentence was handed in for many different clips. Look whether those "
    "clips really show the same.",
    FlagKind.TOO_SHORT: "The captions are a fraction of what others write on the same clips. They "
    "may be hurried, or short and right.",
    FlagKind.COPIES_PREDICTION: "The model's words that were shown come back almost unchanged. "
    "Look whether the model was right on these clips, and whether they were watched.",
    FlagKind.LEANS_ON_PREDICTION: "Things turn up that only the shown prediction says and nobody "
    "else saw. Rewording the model without watching looks like this.",
    FlagKind.SAME_WORDING: "Captions of different clips resemble each other far more than other "
    "people's do, as if written without watching. A settled style may look like this too.",
    FlagKind.DRIFT: "The work agreed well at first, or on gold, and clearly less since. "
    "Somebody may have grown careless, or been given harder clips.",
    FlagKind.COLLUSION: "The same few people write alike on clips where neither is so like anybody "
    "else. In consensus they count as one voice. Copying one another looks like this; so "
    "do two people taught together, or one person behind two accounts.",
    FlagKind.GOLD_ACCURACY: "Most of the clips whose right answers are known were answered wrong. "
    "Look whether the accepted answers are fair before putting anybody on gold only.",
}


class FlagState(models.TextChoices):
    OPEN = "open"
    CONFIRMED = "confirmed"
    DISMISSED = "dismissed"


class Remedy(models.TextChoices):
    NOTHING = "nothing", "nothing, only remember it"
    GOLD_ONLY = "gold_only", "gold only, until their gold is right again"
    PAUSE = "pause", "pause them"


class FlagQuerySet(models.QuerySet["Flag"]):
    def open(self) -> "FlagQuerySet":
        """Those that wait for a person."""
        return self.filter(state=FlagState.OPEN)

    def of_project(self, project_id: int) -> "FlagQuerySet":
        return self.filter(annotator__project_id=project_id)

    def see(
        self,
        *,
        annotator_id: int,
        kind: str,
        evidence: str,
        value: float,
        limit: float,
        examples: Collection[int],
        weighed_up_to: int,
    ) -> "tuple[Flag, bool]":
        """Write a sign, or bring the open flag of that kind up to date; says whether it is new."""
        seen = {
            "evidence": evidence,
            "value": value,
            "limit": limit,
            "examples": list(examples),
            "weighed_up_to": weighed_up_to,
            "last_seen_at": timezone.now(),
        }
        return self.update_or_create(
            annotator_id=annotator_id, kind=kind, state=FlagState.OPEN, defaults=seen
        )

    def decided_up_to(self, annotator_ids: Collection[int]) -> dict[tuple[int, str], int]:
        """The newest caption that a decision has weighed, by person and kind."""
        rows = self.exclude(state=FlagState.OPEN).filter(annotator_id__in=annotator_ids)
        newest = rows.values_list("annotator_id", "kind").annotate(models.Max("weighed_up_to"))
        return {(annotator_id, kind): up_to for annotator_id, kind, up_to in newest.order_by()}


class Flag(models.Model):
    """One sign about one annotator with its evidence; written and decided by `services.flags`.

    `examples` holds ids of the annotator's captions that show it best; `weighed_up_to` is the
    newest of their captions that was looked at.
    """

    annotator = models.ForeignKey(Annotator, on_delete=models.CASCADE, related_name="flags")
    kind = models.CharField(max_length=24, choices=FlagKind)
    evidence = models.TextField(help_text="What was seen, in a sentence.")
    value = models.FloatField(help_text="What was measured.")
    limit = models.FloatField(help_text="What it went beyond.")
    examples = models.JSONField(default=list, editable=False)
    weighed_up_to = models.PositiveBigIntegerField(default=0, editable=False)
    state = models.CharField(max_length=16, choices=FlagState, default=FlagState.OPEN)
    remedy = models.CharField(max_length=16, choices=Remedy, blank=True)
    reason = models.TextField(blank=True)
    decided_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    first_seen_at = models.DateTimeField(default=timezone.now, editable=False)
    last_seen_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = FlagQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["annotator", "kind"],
                condition=Q(state="open"),
                name="one_open_flag_per_person_and_kind",
            ),
            models.CheckConstraint(
                condition=Q(state="open", decided_at__isnull=True)
                | (Q(decided_at__isnull=False) & ~Q(reason="") & ~Q(state="open")),
                name="a_decided_flag_has_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(state="confirmed") & ~Q(remedy="")
                | (~Q(state="confirmed") & Q(remedy="")),
                name="a_confirmed_flag_alone_has_a_remedy",
            ),
        ]
        indexes = [
            models.Index(fields=["annotator", "kind"], name="flags_by_annotator"),
        ]

    def __str__(self) -> str:
        return f"{self.annotator}: {self.get_kind_display()}"

    @property
    def is_open(self) -> bool:
        return self.state == FlagState.OPEN

    @property
    def meaning(self) -> str:
        """What the sign may mean, in plain words."""
        return MEANINGS.get(self.kind, "")
