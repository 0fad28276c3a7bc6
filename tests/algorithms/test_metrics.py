import json
import math

import numpy as np
import pytest

from portal.algorithms import metrics
from portal.algorithms.metrics import DocumentFrequencies

TEXT_METRICS = (metrics.token_f1, metrics.rouge_l, metrics.bleu_4, metrics.chrf_pp)
SAID = ["a red red ball rolls left", "two dogs bark"]
WRITTEN = [["the red ball rolls left", "a ball moves"], ["two dogs bark", "dogs are barking"]]


@pytest.mark.parametrize("metric", TEXT_METRICS)
def test_a_copy_of_a_reference_is_perfect_and_a_stranger_is_not(metric):
    perfect, strange = metric(["two dogs bark", "snow"], [["two dogs bark"], ["two dogs bark"]])
    assert perfect == pytest.approx(1.0)
    assert strange == pytest.approx(0.0, abs=0.1)


@pytest.mark.parametrize("metric", TEXT_METRICS)
def test_case_and_punctuation_do_not_count(metric):
    assert metric(["Two dogs, bark!"], [["two dogs bark"]]) == pytest.approx([1.0])


@pytest.mark.parametrize("metric", TEXT_METRICS)
def test_scripts_without_word_spaces_are_compared_by_character(metric):
    near, far = metric(["一只狗在跑", "一只猫坐着"], [["一只狗在叫"]] * 2)
    assert 0.0 < far < near < 1.0


@pytest.mark.parametrize("metric", TEXT_METRICS)
def test_a_caption_without_words_scores_nothing(metric):
    assert metric(["?!"], [["two dogs bark"]]).tolist() == [0.0]


def test_token_f1_counts_repetition():
    assert metrics.token_f1(["a a b"], [["a b b"]]) == pytest.approx([2 / 3])


def test_rouge_l_keeps_the_order_of_words():
    assert metrics.rouge_l(["a b c d"], [["a c b d"]]) == pytest.approx([0.75])


def test_the_best_reference_counts():
    assert metrics.token_f1(["a b"], [["x y", "a b"]]) == pytest.approx([1.0])


def test_bleu_is_the_geometric_mean_of_precisions_with_brevity():
    # 4/4, 3/3, 2/2, 1/1 and four words beside five: exp(1 - 5/4)
    assert metrics.bleu_4(["a b c d"], [["a b c d e"]]) == pytest.approx([math.exp(-0.25)])


def cider_by_the_book(own, other, log_idf):
    """Vedantam et al. 2015, equations 1-4 and the D variant, for unigrams to 4-grams."""
    total = 0.0
    for n in range(1, 5):
        grams = [
            [tuple(words[i : i + n]) for i in range(len(words) - n + 1)] for words in (own, other)
        ]
        weights = [{g: each.count(g) * log_idf(g) for g in each} for each in grams]
        norms = [math.sqrt(sum(w * w for w in each.values())) for each in weights]
        if all(norms):
            shared = sum(min(weights[0].get(g, 0), w) * w for g, w in weights[1].items())
            total += shared / (norms[0] * norms[1])
    return 10 * total / 4 * math.exp(-((len(own) - len(other)) ** 2) / 72)


def test_cider_d_is_the_one_of_the_paper():
    frequencies = DocumentFrequencies.of([*WRITTEN, ["a cat"], ["the red sun"]])

    def log_idf(gram):
        holding = sum(
            any(tuple(text.split()[i : i + len(gram)]) == gram for text in each for i in range(9))
            for each in [*WRITTEN, ["a cat"], ["the red sun"]]
        )
        return math.log(4 / max(holding, 1))

    found = metrics.cider_d(SAID, WRITTEN, frequencies)
    for score, own, others in zip(found, SAID, WRITTEN, strict=True):
        parts = [cider_by_the_book(own.split(), each.split(), log_idf) for each in others]
        assert score == pytest.approx(sum(parts) / 2)


def test_cider_d_gives_rare_words_more_weight():
    frequencies = DocumentFrequencies.of([["a man walks"], ["a man sits"], ["a zebra sits"]] * 3)
    common, rare = metrics.cider_d(
        ["a man", "a zebra"], [["a man jumps"], ["a zebra jumps"]], frequencies
    )
    assert rare >= common
    assert metrics.cider_d(["zebra"], [["zebra"]], frequencies)[0] > 2.0


def test_one_document_tells_no_word_from_another():
    assert metrics.cider_d(["a b"], [["a b"]], DocumentFrequencies.of([["a b"]])).tolist() == [0.0]


def test_document_frequencies_survive_their_column():
    frequencies = DocumentFrequencies.of(WRITTEN)
    again = DocumentFrequencies.from_json(json.loads(json.dumps(frequencies.to_json())))
    assert again == frequencies
    assert frequencies.counts[("dogs",)] == 1


def test_cosine_weighs_the_mean_and_the_best_reference_with_opposites_as_zero():
    said = np.asarray([[1.0, 0.0]])
    written = [np.asarray([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])]
    assert metrics.cosine(said, written) == pytest.approx([0.75 / 3 + 0.25])


def test_what_all_captions_share_counts_for_nothing():
    rng = np.random.default_rng(0)
    shared = np.asarray([3.0, 0, 0, 0])
    own = rng.normal(size=(200, 4))
    rows = [each[None] / np.linalg.norm(each) for each in own + shared]
    strangers = np.concatenate([*rows[1:], rows[0]])
    plain = metrics.cosine(strangers, rows)
    fair = metrics.cosine(strangers, rows, metrics.common_direction(rows))
    assert fair.mean() < plain.mean() - 0.3
    right = metrics.cosine(np.concatenate(rows), rows, metrics.common_direction(rows))
    assert right == pytest.approx(np.ones(200))


def test_of_few_items_little_is_common():
    rows = [np.asarray([[1.0, 0.0]])]
    assert np.linalg.norm(metrics.common_direction(rows)) < 0.03


def test_a_vector_of_zeros_resembles_nothing():
    assert metrics.cosine(np.zeros((1, 2)), [np.asarray([[1.0, 0.0]])]).tolist() == [0.0]


def test_the_lower_decile_shows_what_the_mean_hides():
    scores = np.asarray([0.0, 0.0] + [1.0] * 8)
    assert metrics.lower_decile(scores) == 0.0


@pytest.mark.parametrize("references", [[["a"]], [["a"], []]])
@pytest.mark.parametrize("metric", TEXT_METRICS)
def test_a_caption_without_references_is_refused(metric, references):
    with pytest.raises(ValueError):
        metric(["a", "b"], references)


def test_importing_the_metrics_does_not_import_sacrebleu():
    import subprocess
    import sys

    check = "import sys, portal.algorithms.metrics; sys.exit('sacrebleu' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
