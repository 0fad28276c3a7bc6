import numpy as np
import pytest
from sacrebleu.metrics import BLEU, CHRF

from portal.algorithms import corpora, significance, text

SAID = ["a red ball rolls left", "two dogs bark", "snow", "the man is cooking rice in a pot"]
WRITTEN = [
    ["the red ball rolls to the left", "a ball moves"],
    ["two dogs bark loudly", "dogs are barking"],
    ["two dogs bark", "a bird"],
    ["a man cooks rice in a large pot", "the man is cooking rice"],
]
THEIRS = {"bleu_4": BLEU(tokenize="none"), "chrf": CHRF(word_order=2)}


def scored(name, said=SAID, written=WRITTEN):
    corpus = corpora.CORPORA[name]
    return float(corpus.score(corpus.count(said, written).sum(axis=0, keepdims=True))[0])


@pytest.mark.parametrize("name", THEIRS)
@pytest.mark.parametrize("last", [1, 2, 3, 4])
def test_corpus_scores_are_those_of_sacrebleu(name, last):
    said, written = SAID[:last], WRITTEN[:last]
    streams = [[text.spaced(refs[n]) for refs in written] for n in range(2)]
    expected = THEIRS[name].corpus_score([text.spaced(each) for each in said], streams).score
    assert scored(name, said, written) == pytest.approx(expected / 100.0)


@pytest.mark.parametrize("name", THEIRS)
def test_nothing_in_common_scores_nothing_and_a_copy_is_perfect(name):
    assert scored(name, ["xyz", "?"], [["qqq"], ["abc"]]) == pytest.approx(0.0, abs=1e-9)
    assert scored(name, ["a dog runs by now"], [["a dog runs by now"]]) == pytest.approx(1.0)


@pytest.mark.parametrize("name", THEIRS)
def test_a_resample_is_scored_anew_and_models_are_exchanged_whole(name):
    corpus = corpora.CORPORA[name]
    bad = corpus.count(["something else entirely"] * 12, WRITTEN * 3)
    good = corpus.count(SAID * 3, WRITTEN * 3)
    clusters, rng = list(range(12)), np.random.default_rng(1)
    found = significance.corpus_bootstrap(bad, good, corpus.score, clusters, rng, n_resamples=300)
    assert 0.0 < found.low < found.mean < found.high
    assert found.mean == pytest.approx(scored(name) - float(corpus.score(bad.sum(0)[None])[0]))
    p = significance.corpus_randomisation(bad, good, corpus.score, clusters, rng, n_trials=999)
    assert p < 0.01
    same = significance.corpus_randomisation(good, good, corpus.score, clusters, rng, n_trials=99)
    assert same == 1.0
