"""What the captioner posts."""

import numpy as np
import pytest

from examples.captioner import captioners, predictions
from examples.captioner.captioners import Label
from examples.captioner.pictures import Place


@pytest.fixture(scope="module")
def model(town):
    scenes, seen = town
    return captioners.train([Label(seen[n], scenes[n].caption()) for n in range(30)], 77, seed=4)


def test_a_prediction_carries_what_its_uncertainty_comes_from(town, model):
    (row,) = predictions.predict(model, "v1", [Place("a", 1.0, 2.5)], [town[1][40]], [["short"]])

    assert (row["video_id"], row["start"], row["end"]) == ("a", 1.0, 2.5)
    assert (row["model_version"], row["tags"]) == ("v1", ["short"])
    assert " ".join(token["t"] for token in row["tokens"]) == row["caption"] + " </s>"
    mean = np.mean([token["logprob"] for token in row["tokens"]])
    assert row["uncertainty"] == pytest.approx(1 - np.exp(mean), abs=1e-3)
    assert row["candidates"][0]["text"] == row["caption"]
    assert np.linalg.norm(row["embedding"]) == pytest.approx(1, abs=1e-2)
    assert len(row["embedding"]) == 77


def test_log_probabilities_are_never_above_zero(town, model):
    rows = predictions.predict(model, "v1", [Place("a")] * 50, list(town[1][:50]), [[]] * 50)
    values = [token["logprob"] for row in rows for token in row["tokens"]]

    assert max(values) <= 0
    assert "-0.0" not in map(str, values)


def test_a_video_without_a_picture_gets_the_prior_and_full_uncertainty(model):
    (row,) = predictions.predict(model, "v1", [Place("a")], [None], [[]])

    assert set(row) == {"video_id", "caption", "model_version", "uncertainty"}
    assert row["uncertainty"] == 1.0
    assert row["caption"]


def test_two_clips_that_look_alike_lie_closer_than_two_that_do_not(town, model):
    scenes, seen = town
    near = seen[40] + np.random.default_rng(1).normal(0, 1e-3, size=77)
    other = next(n for n in range(41, 60) if scenes[n].motion != scenes[40].motion)
    rows = predictions.predict(
        model, "v1", [Place("a")] * 3, [seen[40], near, seen[other]], [[]] * 3
    )
    one, same, different = (np.array(row["embedding"]) for row in rows)

    assert one @ same > 0.9 > one @ different
