"""Which words are rare: document frequencies of a project, frozen so that its scores compare."""

from django.db import transaction

from portal.algorithms.metrics import DocumentFrequencies
from portal.models import Consensus, MetricBasis, Prediction, Project

N_DOCUMENTS = 2000
FEW_DOCUMENTS = 20
# A basis is renewed once the project has so many times the captions that it was counted on.
GROWN = 4


def frequencies_of(project: Project) -> DocumentFrequencies:
    """Count n-grams over the project's newest settled tasks, an item a task.

    A young project has too few of them to tell common words from rare ones: there its models'
    captions count too.
    """
    newest = Consensus.objects.final().filter(project=project).order_by("-pk")
    captions = list(newest.values_list("caption", flat=True)[:N_DOCUMENTS])
    if len(captions) < FEW_DOCUMENTS:
        said = Prediction.objects.standing().filter(project=project).order_by("-pk")
        captions += said.values_list("caption", flat=True)[:N_DOCUMENTS]
    return DocumentFrequencies.of([caption] for caption in captions)


@transaction.atomic
def frozen_for(project: Project) -> MetricBasis:
    """Return the basis in force, a new one where there is none or the project has outgrown it."""
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)
    known = MetricBasis.objects.current_of(project.pk)
    if known is not None and not _is_outgrown(project, known):
        return known
    counted = frequencies_of(project)
    return MetricBasis.objects.create(
        project=project,
        number=known.number + 1 if known else 1,
        n_documents=counted.n_documents,
        frequencies=counted.to_json(),
    )


def _is_outgrown(project: Project, basis: MetricBasis) -> bool:
    final = Consensus.objects.final().filter(project=project)
    n_now = final.order_by()[:N_DOCUMENTS].count()
    return (
        n_now
        >= min(GROWN * max(basis.n_documents, FEW_DOCUMENTS), N_DOCUMENTS)
        > (basis.n_documents)
    )
