"""The console in a real browser: it draws, it fits, it acts, and it complains of nothing."""

import pytest

from portal.models import Annotator
from tests.admin.worlds import one_of_everything
from tests.factories import PASSWORD, AnnotatorFactory

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser"),
    pytest.mark.django_db(transaction=True),
]
PAYLOAD = "<img src=x onerror=window.pwned=1>{{ 7*7 }}<script>window.pwned=1</script>"


@pytest.fixture
def hostile(project, manager):
    """A project in which every word that somebody could choose is an attack."""
    return one_of_everything(project, word=PAYLOAD)


@pytest.mark.parametrize("width", [1280, 390])
def test_the_dashboard_draws_and_fits_whatever_people_called_themselves(
    open_page, hostile, complaints, width
):
    page = open_page("mona", PASSWORD, viewport={"width": width, "height": 900})
    page.goto("/admin/")
    page.get_by_role("heading", name="Whom to trust").wait_for()
    assert page.locator("svg.drawn").count() >= 4
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for row in ("annotation", "consensus", "task", "project"):
        page.goto(f"/admin/portal/{row}/{hostile[row].pk}/change/")
        page.locator("#content-main").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, row
        page.goto(f"/admin/portal/{row}/")
        page.locator("#result_list").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, row
    assert page.evaluate("window.pwned") is None
    assert complaints == []


def test_a_selection_is_acted_on_and_the_page_says_how_many(
    open_page, project, manager, complaints
):
    for name in ("ada", "bob"):
        AnnotatorFactory(project=project, annotator_id=name)
    page = open_page("mona", PASSWORD, viewport={"width": 1280, "height": 900})
    page.goto("/admin/portal/annotator/")
    for box in page.locator("input.action-select[name=_selected_action]").all():
        box.check()
    page.locator("select[name=action]").select_option("pause")
    page.locator("#changelist-actions-wrapper button[type=submit]").click()
    page.get_by_text("2 annotators paused.").wait_for()
    assert set(Annotator.objects.values_list("state", flat=True)) == {"paused"}
    assert complaints == []


def test_a_button_asks_before_it_acts(open_page, project, manager, complaints):
    ada = AnnotatorFactory(project=project, annotator_id="ada")
    page = open_page("mona", PASSWORD, viewport={"width": 1280, "height": 900})
    page.goto(f"/admin/portal/annotator/{ada.pk}/change/")
    page.get_by_role("link", name="Pause").click()
    page.get_by_text("They are given no more work").wait_for()
    ada.refresh_from_db()
    assert ada.state == "active"
    page.get_by_role("button", name="Pause").click()
    page.get_by_text("Paused: ada.").wait_for()
    ada.refresh_from_db()
    assert ada.state == "paused"
    assert complaints == []
