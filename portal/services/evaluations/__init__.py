"""Evaluations: a retrained model beside its original, overall on held-out clips and task by task.

pairs (what is compared) → measures (how good each is, by frozen bases) → assessing (the figures and
the gate; no database) → comparing (write it down) · weighing (blind votes) → following (what comes
of it) → promoting. figures: what is drawn. singles: one task. planning:
when the gate can decide. learning: what prioritising saves.
"""

from portal.services.evaluations.assessing import Assessment, assess
from portal.services.evaluations.comparing import compare
from portal.services.evaluations.figures import Figures, figures
from portal.services.evaluations.learning import measure_lift
from portal.services.evaluations.measures import Scorer
from portal.services.evaluations.pairs import Captions
from portal.services.evaluations.planning import Outlook, outlook
from portal.services.evaluations.promoting import promote, reject
from portal.services.evaluations.singles import for_task
from portal.services.evaluations.weighing import Strength, strengths, weigh

__all__ = [
    "Assessment",
    "Captions",
    "Figures",
    "Outlook",
    "Scorer",
    "Strength",
    "assess",
    "compare",
    "figures",
    "for_task",
    "measure_lift",
    "outlook",
    "promote",
    "reject",
    "strengths",
    "weigh",
]
