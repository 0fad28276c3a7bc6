"""What stands: captions and votes are weighed, experts decide, and every answer can be recomputed.

evidence (gather, recompute) → settling (settle, finalise) → reconsidering (after a refit), judging;
leases (which expert is at what) → reviews (of disputes), audits (of what was accepted);
agreements (who agrees with whom).
"""

from portal.services.consensus.agreements import Circle, circle_of
from portal.services.consensus.audits import audit, next_audit, write_blind
from portal.services.consensus.descriptions import describe
from portal.services.consensus.evidence import recompute
from portal.services.consensus.judging import judge, judges_at_once
from portal.services.consensus.leases import give_back, take
from portal.services.consensus.reconsidering import reconsider
from portal.services.consensus.reviews import review
from portal.services.consensus.settling import finalise, settle

__all__ = [
    "Circle",
    "audit",
    "circle_of",
    "describe",
    "finalise",
    "give_back",
    "judge",
    "judges_at_once",
    "next_audit",
    "recompute",
    "reconsider",
    "review",
    "settle",
    "take",
    "write_blind",
]
