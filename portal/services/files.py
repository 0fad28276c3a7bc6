"""Files that no row names: what a crash left between writing a file and naming it."""

from itertools import chain

from portal.adapters import stores
from portal.models import Export, Import, MiniBatch, Video

OLD_ENOUGH_SECONDS = 3600.0


def sweep_orphans() -> int:
    """Remove files that nothing names and that are an hour old; return how many."""
    known = set(
        chain(
            Video.objects.values_list("file_key", flat=True),
            Video.objects.values_list("thumbnail_key", flat=True),
            Export.objects.values_list("file_key", flat=True),
            Export.objects.values_list("index_key", flat=True),
            Import.objects.values_list("file_key", flat=True),
            MiniBatch.objects.values_list("manifest_key", flat=True),
        )
    )
    return stores.configured().sweep_orphans(known, OLD_ENOUGH_SECONDS)
