"""What contradicts and what merely differs."""

import pytest

from portal.algorithms.opposites import exclude, number
from portal.algorithms.oppositions import by_meaning, is_substitution, opposition


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("the red ball moves left", "the red ball moves right"),
        ("a door opens", "a door closes"),
        ("two dogs run", "three dogs run"),
        ("2 dogs run", "three dogs run"),
        ("a red car stops", "a blue car stops"),
        ("a bird flies up", "a bird flies down"),
        ("a man enters the room", "a man leaves the room"),
        ("the light is on", "the light is off"),
        ("the dog is barking", "the dog is not barking"),
        ("红色的球向左移动", "红色的球向右移动"),
        ("كرة تتحرك يسارا", "كرة تتحرك يمينا"),
        ("la pelota va a la izquierda", "la pelota va a la derecha"),
    ],
)
def test_opposites_in_one_slot_contradict(left: str, right: str) -> None:
    assert opposition(left, right) == 1.0
    assert opposition(right, left) == 1.0


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("a man rides a horse", "a guy rides a horse"),
        ("a man rides a horse", "a man rides a horse"),
        ("a man and a woman dance", "a woman and a man dance"),
        ("a cooking show", "the ball moves left"),
        ("the big red ball", "the large red ball"),
        ("1,000 people march", "1000 people march"),
        ("", "a dog"),
    ],
)
def test_other_words_for_the_same_do_not(left: str, right: str) -> None:
    assert opposition(left, right) == 0.0


def test_exchanged_roles_contradict_in_part() -> None:
    assert 0 < opposition("a dog chases a cat", "a cat chases a dog") < 1


def test_opposites_in_captions_built_differently_contradict_in_part() -> None:
    left = "a red ball is slowly moving towards the left side"
    assert opposition(left, "red ball goes right") == 0.5


def test_a_substitution_is_judged_by_its_meaning() -> None:
    assert is_substitution("a man plays chess", "a man plays poker")
    assert is_substitution("a man rides a horse", "a guy rides a horse")
    assert not is_substitution("a man plays chess", "the man plays chess")
    assert by_meaning(0.45) == 1.0
    assert by_meaning(0.93) == 0.0
    assert 0 < by_meaning(0.76) < 1


def test_numbers_in_words_figures_and_other_digits_are_the_same() -> None:
    assert number("three") == number("3") == number("٣") == 3.0
    assert number("2,500") == 2500.0
    assert number("3.5") == 3.5
    assert number("3d") is None
    assert not exclude("two", "2")


def test_a_word_in_two_dimensions_excludes_only_where_all_common_ones_differ() -> None:
    assert exclude("short", "tall")
    assert exclude("short", "long")
    assert not exclude("big", "large")
    assert not exclude("left", "banana")
