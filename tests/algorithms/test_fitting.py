"""What tags ask of people, and who can give it."""

import pytest

from portal.algorithms.fitting import Needs, domains_of, fits, needs_of, speaks


def test_tags_name_a_language_and_skills_in_any_case_and_order():
    assert needs_of(["needs:MRI", "surgery", "lang:de", "needs: anatomy", "lang:fr"]) == Needs(
        "de", ("anatomy", "mri")
    )
    assert needs_of(["surgery", "needs:", "lang: "]) == Needs()


def test_what_describes_a_clip_asks_nothing():
    assert domains_of(["Surgery", "needs:mri", "lang:de", ""]) == ["surgery"]


@pytest.mark.parametrize(
    ("own", "language", "answer"),
    [("en", "en-GB", True), ("en-gb", "en", False), ("en", "eng", False), ("de-ch", "de-CH", True)],
)
def test_a_language_covers_its_regions_and_not_the_other_way_round(own, language, answer):
    assert speaks([own], language) is answer


@pytest.mark.parametrize(
    ("needs", "languages", "skills", "answer"),
    [
        (Needs(), (), (), True),
        (Needs(), ("de",), (), False),
        (Needs("de"), (), (), False),
        (Needs("de"), ("de", "en"), (), True),
        (Needs("", ("mri",)), (), (), False),
        (Needs("", ("mri",)), (), ("mri", "ct"), True),
        (Needs("", ("ct", "mri")), (), ("mri",), False),
    ],
)
def test_a_person_fits_what_they_speak_and_can_do(needs, languages, skills, answer):
    assert fits(needs, languages, skills, "en") is answer
