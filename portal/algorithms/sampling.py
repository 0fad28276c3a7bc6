"""Who belongs to a random slice, decided by a hash: the same answer on every machine, for ever.

A slice drawn by a generator would change when a row is imported twice or in another order; a
hash makes membership a fact of the video or task alone.
"""

from hashlib import blake2b

EVALUATION_SHARE = 0.08
CONTROL_SHARE = 0.10
AUDIT_SHARE = 0.05


def fraction(key: str, *, salt: str) -> float:
    """Return the key's fixed place in [0, 1) under this salt; places are even over the keys."""
    # Both lengths are hashed, else ("ab", "c") and ("a", "bc") would share a place.
    message = f"{len(salt)}:{salt}{key}".encode()
    return int.from_bytes(blake2b(message, digest_size=7).digest(), "big") / 2.0**56


def is_in_slice(key: str, *, salt: str, share: float) -> bool:
    """Say whether the key falls into a slice of this share; a larger share keeps all members."""
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"A share lies between 0 and 1, not at {share}.")
    return fraction(key, salt=salt) < share


def is_for_evaluation(video_id: str, *, salt: str, share: float = EVALUATION_SHARE) -> bool:
    """Say whether a video is kept out of training for ever, to compare models on.

    By video and never by clip: near-duplicate segments of one video would leak.
    """
    return is_in_slice(video_id, salt=f"evaluation/{salt}", share=share)


def is_control(task_key: str, *, salt: str, share: float = CONTROL_SHARE) -> bool:
    """Say whether a task opens whatever its uncertainty, to measure what priority saves."""
    return is_in_slice(task_key, salt=f"control/{salt}", share=share)


def is_for_audit(task_key: str, *, salt: str, share: float = AUDIT_SHARE) -> bool:
    """Say whether a settled task gets a blind expert look: calibration must see easy ones too."""
    return is_in_slice(task_key, salt=f"audit/{salt}", share=share)


def split_of(video_id: str, *, is_evaluation: bool, salt: str, validation_share: float) -> str:
    """Return the split that a video's captions go into: test, validation or train.

    By video, the same in every export of a project: what is kept for evaluation is the test split,
    and of the others a fixed share is for validation, which a larger share only adds to.
    """
    if is_evaluation:
        return "test"
    is_kept = is_in_slice(video_id, salt=f"validation/{salt}", share=validation_share)
    return "validation" if is_kept else "train"
