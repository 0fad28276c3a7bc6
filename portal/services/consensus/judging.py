"""A judge's second opinion, asked outside of any transaction; a silent judge blocks nothing."""

from portal.adapters import judges
from portal.models import Consensus


def judge(*, consensus_id: int) -> Consensus:
    """Ask the configured judge about a consensus and store what it said, once.

    Where that judge is unavailable the offline judge speaks, and `judge` names it.
    """
    consensus = Consensus.objects.select_related("project").defer("inputs").get(pk=consensus_id)
    if consensus.judge or not consensus.caption:
        return consensus
    answer = judges.ask(_question(consensus), judges.configured())
    Consensus.objects.filter(pk=consensus_id, judge="").update(
        judge=answer.judge,
        judge_confidence=answer.confidence,
        judge_reason=answer.reason,
    )
    consensus.refresh_from_db(fields=["judge", "judge_confidence", "judge_reason"])
    return consensus


def judges_at_once() -> bool:
    """Whether the judge in use answers from the numbers alone, with nobody to be called."""
    return isinstance(judges.configured(), judges.OfflineJudge)


def _question(consensus: Consensus) -> judges.Question:
    rows = consensus.candidates
    candidates = [
        judges.Candidate(row["caption"], row["score"], row["support"], row["votes"]) for row in rows
    ]
    winners = [i for i, row in enumerate(rows) if row["is_winner"]]
    if not winners:  # an expert's own words: as good as the best of them, and supported by nobody
        best = max((candidate.score for candidate in candidates), default=0.0)
        candidates.append(judges.Candidate(consensus.caption, best))
    return judges.Question(
        candidates=tuple(candidates),
        winner=winners[0] if winners else len(candidates) - 1,
        language=consensus.project.language,
    )
