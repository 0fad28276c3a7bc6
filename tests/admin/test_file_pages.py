"""Exports and imports in a real browser: they fit, they act, and nothing complains."""

import json

import pytest

from portal import jobs
from portal.models import Consensus, Export, Import
from portal.services import exports
from portal.services.exports import Options
from tests.factories import PASSWORD, AnnotationFactory, ConsensusFactory, TaskFactory

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser"),
    pytest.mark.django_db(transaction=True),
]
WORDS = "a small red circle moves quickly to the left, past a blue square that does not move at all"


@pytest.fixture
def two_exports(project, settings, tmp_path) -> list[Export]:
    """Two finished exports between which one caption changed."""
    settings.FILES_DIR = tmp_path
    task = TaskFactory(
        project=project, video__project=project, video__video_id="street/" + "x" * 80
    )
    AnnotationFactory(task=task, author__project=project)
    consensus = ConsensusFactory(task=task, caption=WORDS)
    made = []
    for caption in (WORDS, WORDS.replace("red", "<b>green</b>")):
        Consensus.objects.filter(pk=consensus.pk).update(caption=caption)
        options = Options(min_confidence=0.5, tags=())
        made.append(exports.request(project=project, name="spring", options=options))
        exports.build(export_id=made[-1].pk)
    return made


@pytest.mark.parametrize("width", [1280, 390])
def test_exports_are_ordered_read_and_compared(open_page, manager, two_exports, complaints, width):
    page = open_page("mona", PASSWORD, viewport={"width": width, "height": 900})
    before, after = two_exports
    page.goto("/admin/portal/export/")
    page.get_by_role("link", name="Download").first.wait_for()
    page.goto("/admin/portal/export/add/")
    page.get_by_label("Format").select_option("coco")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("button", name="Export").click()
    page.get_by_text("is being made").wait_for()
    assert Export.objects.first().format == "coco"
    page.goto(f"/admin/portal/export/{after.pk}/change/")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("link", name="Compare with an earlier export").click()
    page.get_by_label("Since").select_option(str(before.pk))
    page.get_by_role("button", name="Compare").click()
    page.get_by_text("1 changed").wait_for()
    page.get_by_text("<b>green</b>").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert complaints == []


@pytest.mark.parametrize("width", [1280, 390])
def test_a_file_is_imported_and_its_report_read(
    open_page, project, manager, settings, tmp_path, complaints, width
):
    settings.FILES_DIR = tmp_path
    lines = [
        {"video_id": f"v{n}", "caption": "a dog" * (n % 2), "annotator": "ana"} for n in range(4)
    ]
    raw = "\n".join(map(json.dumps, lines)).encode()
    file = {"name": "captions.jsonl", "mimeType": "application/x-ndjson", "buffer": raw}
    page = open_page("mona", PASSWORD, viewport={"width": width, "height": 900})
    page.goto("/admin/portal/import/add/")
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_label("Its texts are").select_option("annotations")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("button", name="Import").click()
    page.get_by_text("is being tried").wait_for()
    row = Import.objects.get()
    jobs.take_in(row.pk)
    page.goto(f"/admin/portal/import/{row.pk}/change/")
    page.get_by_text("line 1").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert complaints == []
