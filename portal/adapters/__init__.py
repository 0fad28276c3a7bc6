"""The outside world, each part behind a seam with an embedded default."""
