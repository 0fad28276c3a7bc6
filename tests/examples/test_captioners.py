"""The captioner learns from what people wrote, and from nothing else."""

from collections import Counter

import numpy as np
import pytest

from examples.captioner import captioners, networks, words
from examples.captioner.captioners import Label
from examples.captioner.features import N_FEATURES
from examples.captioner.words import END, PADDING, UNKNOWN, Vocabulary

N_TEST = 40


def learn(world, n_labels: int, *, noise: float = 0.05, shuffle: bool = False):
    """Return the exact matches and the token F1 on clips that were kept apart."""
    scenes, seen = world
    rng = np.random.default_rng(n_labels)
    captions = [scene.caption() for scene in scenes]
    written = captions[N_TEST : N_TEST + n_labels]
    for place in np.flatnonzero(rng.random(n_labels) < noise):
        written[place] = captions[int(rng.integers(N_TEST, len(captions)))]
    if shuffle:
        written = list(rng.permutation(written))
    labels = [Label(row, text) for row, text in zip(seen[N_TEST:], written, strict=False)]
    model = captioners.train(labels, N_FEATURES, seed=1)
    said = [found[0].caption for found in model.caption(list(seen[:N_TEST]))]
    pairs = list(zip(said, captions[:N_TEST], strict=True))
    return np.mean([a == b for a, b in pairs]), np.mean([token_f1(a, b) for a, b in pairs])


def token_f1(one: str, other: str) -> float:
    a, b = Counter(one.split()), Counter(other.split())
    return 2 * sum((a & b).values()) / (sum(a.values()) + sum(b.values()))


def test_more_labels_make_a_better_captioner(world):
    few_exact, few_f1 = learn(world, 40)
    more_exact, more_f1 = learn(world, 100)
    most_exact, most_f1 = learn(world, 160)

    assert more_exact > few_exact + 0.1
    assert more_f1 > few_f1 + 0.04
    assert most_exact > few_exact + 0.2
    assert most_f1 > few_f1 + 0.06


def test_labels_shuffled_across_clips_teach_nothing(world):
    _, few_f1 = learn(world, 40)
    shuffled_exact, shuffled_f1 = learn(world, 140, shuffle=True)

    assert shuffled_exact < 0.05
    assert shuffled_f1 < few_f1 - 0.05


def test_the_same_labels_and_seed_give_the_same_model(town, tmp_path):
    scenes, seen = town
    labels = [Label(seen[n], scenes[n].caption()) for n in range(20)]
    one, two = (captioners.train(labels, N_FEATURES, seed=4) for _ in range(2))

    assert one.save(tmp_path / "one.npz") == two.save(tmp_path / "two.npz")


def test_a_model_read_from_disk_says_the_same(town, tmp_path):
    scenes, seen = town
    model = captioners.train([Label(seen[n], scenes[n].caption()) for n in range(20)], 77, seed=4)
    model.save(tmp_path / "model.npz")

    assert captioners.load(tmp_path / "model.npz").caption(list(seen[:9])) == model.caption(
        list(seen[:9])
    )


def test_one_label_without_a_picture_becomes_the_prior():
    model = captioners.train([Label(None, "Un chat dort.")], N_FEATURES, seed=1)

    assert model.caption([None])[0][0].caption == "un chat dort"


def test_what_was_never_labelled_with_weight_cannot_be_learned():
    with pytest.raises(ValueError, match="Nothing to learn"):
        captioners.train([Label(None, "a", weight=0.0)], N_FEATURES, seed=1)


@pytest.mark.parametrize("weights", [(9.0, 1.0), (1.0, 9.0)])
def test_a_heavier_label_wins_over_a_lighter_one(weights):
    captions = ("the red one", "the blue one")
    labels = [Label(None, text, weight) for text, weight in zip(captions, weights, strict=True)]
    model = captioners.train(labels, N_FEATURES, seed=1)

    assert model.caption([None])[0][0].caption == captions[int(np.argmax(weights))]


def test_a_word_beyond_the_vocabulary_is_never_said(monkeypatch):
    monkeypatch.setattr(words, "LARGEST_VOCABULARY", 5)
    labels = [Label(None, f"{rare} sits here") for rare in ("cat", "dog", "hen", "fox")]
    model = captioners.train(labels, N_FEATURES, seed=1)
    found = model.caption([None])[0]

    assert model.vocabulary.words[3:] == ("here", "sits")
    assert all(len(one.log_probabilities) == len(one.words) + 1 for one in found)


def test_a_candidate_says_how_likely_the_network_finds_its_words(town):
    scenes, seen = town
    model = captioners.train([Label(seen[n], scenes[n].caption()) for n in range(30)], 77, seed=4)
    best = model.caption([seen[40]])[0][0]
    numbers = model.vocabulary.encode(best.caption)
    padded = [PADDING] * networks.CONTEXT + numbers
    rows = np.array([padded[n : n + networks.CONTEXT] for n in range(len(numbers))])
    view = np.repeat(model.see([seen[40]]), len(numbers), axis=0)
    expected = networks.log_probabilities(model.parameters, view, rows)

    assert best.log_probabilities == pytest.approx(expected[np.arange(len(numbers)), numbers])
    assert best.uncertainty == pytest.approx(1 - np.exp(np.mean(best.log_probabilities)))


def test_candidates_differ_and_the_surest_comes_first(town):
    scenes, seen = town
    model = captioners.train([Label(seen[n], scenes[n].caption()) for n in range(30)], 77, seed=4)
    found = model.caption([seen[50]])[0]

    assert 1 < len({one.caption for one in found}) == len(found) <= 5
    assert [one.uncertainty for one in found] == sorted(one.uncertainty for one in found)


def test_the_network_descends_along_its_gradient():
    rng = np.random.default_rng(3)
    examples = networks.Examples(
        features=rng.normal(size=(4, 5)),
        clip=rng.integers(0, 4, size=12),
        before=rng.integers(0, 7, size=(12, networks.CONTEXT)),
        word=rng.integers(0, 7, size=12),
        weight=np.ones(12),
    )
    parameters = networks.initialise(5, 7, rng)
    rows = np.arange(12)
    gradients = networks.gradients(parameters, examples.features[examples.clip], examples, rows)

    def loss() -> float:
        sight = examples.features[examples.clip]
        chances = networks.log_probabilities(parameters, sight, examples.before)
        return -float(chances[rows, examples.word].mean())

    for name, gradient in gradients.items():
        place = tuple(rng.integers(0, size) for size in gradient.shape)
        parameters[name][place] += 1e-5
        above = loss()
        parameters[name][place] -= 2e-5
        below = loss()
        parameters[name][place] += 1e-5
        assert gradient[place] == pytest.approx((above - below) / 2e-5, abs=1e-6), name


def test_captions_that_differ_in_case_width_and_punctuation_are_the_same_words():
    assert (
        words.split("A ＳＭＡＬＬ, circle!")
        == words.split("a small circle")
        == [
            "a",
            "small",
            "circle",
        ]
    )


def test_scripts_without_spaces_go_by_the_character():
    assert words.split("猫が走る") == list("猫が走る")
    assert words.join(["猫", "が", "走", "る"]) == "猫が走る"
    assert words.join(["a", "猫", "runs"]) == "a 猫 runs"


def test_words_that_nobody_used_in_training_are_unknown_and_never_said():
    vocabulary = Vocabulary.of(["a cat", "a dog"])

    assert vocabulary.encode("a bird") == [vocabulary.words.index("a"), UNKNOWN, END]
    assert vocabulary.decode([UNKNOWN, vocabulary.words.index("cat"), END]) == ["cat"]


@pytest.mark.parametrize("caption", ["", "   ", "!?", "x" * 5000, "a " * 300, "🙂🙂", "\u0301"])
def test_odd_captions_do_not_stop_the_training(caption):
    model = captioners.train([Label(None, caption), Label(None, "a cat")], N_FEATURES, seed=1)

    assert model.caption([None]) is not None
