"""Which of a project's pools a person can be given work from."""

from portal.algorithms.fitting import Needs, fits
from portal.models import Annotator
from portal.models.pools import EVERYBODY
from portal.models.slots import read_pools


def pools_of(annotator: Annotator) -> list[int] | None:
    """Return the numbers of the pools that this person fits; None is every pool there is."""
    language = annotator.project.language
    asked = {EVERYBODY: Needs()}
    for number, language_asked, skills in read_pools(annotator.project_id):
        asked[number] = Needs(language_asked, tuple(name for name in skills.split(",") if name))
    mine = [
        number
        for number, needs in asked.items()
        if fits(needs, annotator.language_list, annotator.skill_list, language)
    ]
    return None if len(mine) == len(asked) else mine
