"""What stands: captions and votes are weighed, experts decide, and every answer can be recomputed.

evidence (gather, recompute) → settling (settle, finalise) → reconsidering (after a refit), judging,
reviews, descriptions.
"""

from portal.services.consensus.descriptions import describe
from portal.services.consensus.evidence import recompute
from portal.services.consensus.judging import judge
from portal.services.consensus.reconsidering import reconsider
from portal.services.consensus.reviews import review
from portal.services.consensus.settling import finalise, settle

__all__ = ["describe", "finalise", "judge", "recompute", "reconsider", "review", "settle"]
