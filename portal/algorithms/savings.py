"""What asking until sure has saved beside asking everybody always, honestly counted."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Savings:
    """What a project's settled tasks have cost, and what `redundancy` captions each would have.

    Everything that somebody did counts as one answer: captions, gold, skips, experts' decisions
    and audits, votes. A vote takes less time than a caption, so the share errs on the modest side.
    """

    n_tasks: int
    n_captions: int
    n_gold: int
    n_skips: int
    n_reviews: int
    n_votes: int
    redundancy: int

    @property
    def n_spent(self) -> int:
        """Answers of every kind."""
        return self.n_captions + self.n_gold + self.n_skips + self.n_reviews + self.n_votes

    @property
    def n_fixed(self) -> int:
        """Captions that the same tasks would have taken with fixed redundancy."""
        return self.n_tasks * self.redundancy

    @property
    def share(self) -> float | None:
        """The share saved, below 0 where more was spent; None before anything has settled."""
        return 1.0 - self.n_spent / self.n_fixed if self.n_fixed else None

    @property
    def is_dearer(self) -> bool:
        """Whether more was spent than fixed redundancy would have taken."""
        return self.n_spent > self.n_fixed

    @property
    def difference(self) -> float | None:
        """The share without its sign."""
        return None if self.share is None else abs(self.share)
