"""The demo's rows and secrets are made once, together, and never over somebody's own work."""

import json

import pytest

from portal.errors import Conflict
from portal.management import demos
from portal.models import Endpoint, Project, ServiceToken, User
from tests import factories

TRAINER = "http://127.0.0.1:9871/"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _trainer_may_be_called(settings) -> None:
    settings.OUTBOUND_ALLOW = ["127.0.0.1:9871", "127.0.0.1:9999"]


def test_a_second_start_finds_what_the_first_one_made(tmp_path) -> None:
    first = demos.prepare(folder=tmp_path, trainer_url=TRAINER)
    assert demos.prepare(folder=tmp_path, trainer_url=TRAINER) == first
    assert Project.objects.filter(is_demo=True).count() == 2


def test_its_secrets_open_what_they_say(tmp_path, client) -> None:
    demo = demos.prepare(folder=tmp_path, trainer_url=TRAINER)
    token = ServiceToken.objects.valid(demo.api_token)
    assert token is not None
    assert token.project.slug == demos.PLAYGROUND
    for person in (demo.manager, demo.expert, *demo.annotators):
        assert client.login(username=person.username, password=person.password)


def test_the_projects_suit_their_purpose(tmp_path) -> None:
    demos.prepare(folder=tmp_path, trainer_url=TRAINER)
    playground = Project.objects.get(slug=demos.PLAYGROUND)
    assert playground.registers_annotators
    assert not playground.uses_gold
    assert playground.evaluation_share == 0  # whatever a visitor posts may be trained on
    assert Project.objects.get(slug=demos.SHAPES).evaluation_share > 0


def test_the_files_are_their_owners_alone(tmp_path) -> None:
    demo = demos.prepare(folder=tmp_path, trainer_url=TRAINER)
    demos.write_files(demo, folder=tmp_path, data_dir=tmp_path)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    names = ("secrets.json", "captioner.json", "crowd.json", "demo.json")
    assert modes == dict.fromkeys(names, 0o600)


def test_demo_json_has_the_shape_that_others_read(tmp_path, settings) -> None:
    demo = demos.prepare(folder=tmp_path, trainer_url=TRAINER)
    demos.write_files(demo, folder=tmp_path, data_dir=tmp_path)
    shown = json.loads((tmp_path / "demo.json").read_text())
    assert shown["url"] == settings.BASE_URL
    assert shown["api_token"] == demo.api_token
    assert set(shown["manager"]) == {"username", "password"}
    assert [set(one) for one in shown["annotators"]] == [
        {"username", "password", "annotator_id"}
    ] * 2


def test_the_endpoints_follow_the_captioner_to_another_port(tmp_path) -> None:
    demos.prepare(folder=tmp_path, trainer_url=TRAINER)
    demos.prepare(folder=tmp_path, trainer_url="http://127.0.0.1:9999/")
    urls = set(Endpoint.objects.values_list("url", flat=True))
    assert urls == {"http://127.0.0.1:9999/"}


def test_an_installation_of_ones_own_is_left_alone(tmp_path) -> None:
    factories.UserFactory()
    with pytest.raises(Conflict, match="DATA_DIR"):
        demos.prepare(folder=tmp_path, trainer_url=TRAINER)
    assert not Project.objects.exists()


def test_a_start_that_could_not_keep_its_secrets_leaves_no_rows(tmp_path) -> None:
    with pytest.raises(OSError, match="secrets"):
        demos.prepare(folder=tmp_path / "missing", trainer_url=TRAINER)
    assert not Project.objects.exists()
    assert not User.objects.exists()
