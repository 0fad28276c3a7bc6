"""A judge's second opinion, asked outside of any transaction; a silent judge blocks nothing."""

from django.db import transaction

from portal.adapters import judges
from portal.models import Consensus


def judge(*, consensus_id: int) -> Consensus:
    """Ask the configured judge about a consensus and store what it said, once.

    Where that judge is unavailable the offline judge speaks, and `judge` names it.
    """
    consensus = Consensus.objects.select_related("project").get(pk=consensus_id)
    if consensus.judge or not consensus.candidates:
        return consensus
    answer = judges.ask(_question(consensus), judges.configured())
    with transaction.atomic():
        Consensus.objects.filter(pk=consensus_id, judge="").update(
            judge=answer.judge,
            judge_confidence=answer.confidence,
            judge_reason=answer.reason,
        )
    consensus.refresh_from_db()
    return consensus


def _question(consensus: Consensus) -> judges.Question:
    rows = consensus.candidates
    return judges.Question(
        candidates=tuple(
            judges.Candidate(row["caption"], row["score"], row["support"], row["votes"])
            for row in rows
        ),
        winner=next(i for i, row in enumerate(rows) if row["is_winner"]),
        language=consensus.project.language,
    )
