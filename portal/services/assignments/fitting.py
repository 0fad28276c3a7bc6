"""Which of a project's pools a person can be given work from."""

from portal.algorithms.fitting import Needs, fits
from portal.models import Annotator, Pool
from portal.models.pools import EVERYBODY


def pools_of(annotator: Annotator) -> list[int] | None:
    """Return the numbers of the pools that this person fits; None is every pool there is."""
    language = annotator.project.language
    asked = {EVERYBODY: Needs()}
    for pool in Pool.objects.filter(project_id=annotator.project_id):
        asked[pool.number] = Needs(pool.language, tuple(pool.skill_names))
    mine = [
        number
        for number, needs in asked.items()
        if fits(needs, annotator.language_list, annotator.skill_list, language)
    ]
    return None if len(mine) == len(asked) else mine
