"""Tokens in every script, and what counts as the same text."""

import pytest

from portal.algorithms.text import character_grams, comparison_key, normal, tokens, word_grams


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "The ball's moving LEFT, at 3.5 m!",
            ("the", "ball's", "moving", "left", "at", "3.5", "m"),
        ),
        ("红球向左。", ("红", "球", "向", "左")),
        ("ボールが左に", ("ボ", "ー", "ル", "が", "左", "に")),
        ("الكُرة تتحرك", ("الكرة", "تتحرك")),
        ("हिन्दी में", ("हिन्दी", "में")),
        ("빨간 공이", ("빨간", "공이")),
        ("a 🐶 runs 🏃🏽→", ("a", "🐶", "runs", "🏃", "→")),
        ("dogs' U.S.", ("dogs", "u", "s")),
        ("…!?", ()),
        ("", ()),
    ],
)
def test_words_where_there_are_spaces_and_characters_where_not(
    text: str, expected: tuple[str, ...]
) -> None:
    assert tokens(text) == expected


def test_thai_vowels_stay_on_their_consonants() -> None:
    assert tokens("วิ่ง") == ("วิ่", "ง")


def test_case_width_marks_and_punctuation_do_not_make_another_text() -> None:
    assert comparison_key("Ａ Café,  runs.") == comparison_key("a cafe\u0301 runs\u200f")


def test_texts_without_tokens_still_differ() -> None:
    assert comparison_key("!!!") != comparison_key("???")


def test_normal_folds_white_space() -> None:
    assert normal(" a\n\tb ") == "a b"


def test_grams_count_every_order() -> None:
    assert word_grams("a b a").total() == 3 + 2 + 1
    assert word_grams("a b a")["a",] == 2
    assert character_grams("abcd").total() == 4 + 3 + 2 + 1
