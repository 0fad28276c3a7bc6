"""A consensus in words for doors: the shape of the API's answer."""

from typing import Any

from portal.models import Consensus


def describe(consensus: Consensus) -> dict[str, Any]:
    """Say what stands for a task, how surely, and why it won."""
    return {
        "task_id": consensus.task_id,
        "consensus_caption": consensus.caption,
        "semantic_agreement": round(consensus.agreement, 6),
        "confidence": round(consensus.confidence, 6),
        "llm_confidence": consensus.judge_confidence,
        "judge": consensus.judge or None,
        "judge_reason": consensus.judge_reason,
        "method": consensus.method,
        "status": consensus.status,
        "is_split": consensus.is_split,
        "number": consensus.number,
        "reason": consensus.reason,
        "candidates": [_candidate(row) for row in consensus.candidates],
        "finalized_at": consensus.created_at if consensus.is_final else None,
    }


def _candidate(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "annotation_id": None if row.get("is_model") else row["annotation_id"],
        "prediction_id": -row["annotation_id"] if row.get("is_model") else None,
        "caption": row["caption"],
        "is_winner": row["is_winner"],
        "score": row["score"],
        "support": row["support"],
        "skill": row["skill"],
        "votes": row["votes"],
        "brevity": row["brevity"],
        "weight": row["weight"],
        "discount": row["discount"],
        "copy_of_prediction": row["copy_of_prediction"],
        "similarities": row["similarities"],
    }
