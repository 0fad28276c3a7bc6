"""Evaluations: a retrained model beside its original, overall on held-out clips and task by task.

pairs (what is compared) → measures (how good each is) → comparing (compare, promote), single tasks.
"""

from portal.services.evaluations.comparing import compare, promote
from portal.services.evaluations.singles import for_task

__all__ = ["compare", "for_task", "promote"]
