import pytest
from django.test import Client

from portal.models import Invitation, Membership, User
from portal.services import members
from tests.factories import PASSWORD, ProjectFactory, UserFactory

pytestmark = pytest.mark.django_db
NEW = "correct horse battery staple"


@pytest.fixture
def link(project):
    def make(role="annotator"):
        return members.invite(project=project, role=role, user=None, base_url="")[1]

    return make


def test_signing_in_leads_home(client):
    user = UserFactory()
    answer = client.post("/sign-in", {"username": user.username, "password": PASSWORD})
    assert answer.status_code == 302
    assert answer.url == "/"


def test_who_is_signed_in_is_not_asked_again(seat):
    assert seat()[1].get("/sign-in").url == "/"


def test_a_wrong_password_and_an_unknown_name_read_the_same(client):
    user = UserFactory()
    words = []
    for name in (user.username, "nobody-here"):
        page = client.post("/sign-in", {"username": name, "password": "not this one, no"})
        words.append(page.content.decode().replace(name, "NAME"))
    assert "do not go together" in words[0]
    strip = [[line for line in text.splitlines() if "csrf" not in line] for text in words]
    assert strip[0] == strip[1]


@pytest.mark.parametrize("next_url", ["//evil.example", "/\\evil.example", "javascript:alert(1)",
                                      "https://evil.example/", "\t//evil.example"])  # fmt: skip
def test_going_on_after_signing_in_stays_on_this_site(client, next_url):
    user = UserFactory()
    form = {"username": user.username, "password": PASSWORD, "next": next_url}
    assert client.post("/sign-in", form).url == "/"


def test_signing_out_takes_a_post(seat):
    _, client = seat()
    assert client.get("/sign-out").status_code == 405
    assert client.get("/").status_code == 200
    client.post("/sign-out")
    assert client.get("/").url.startswith("/sign-in")


def test_an_invitation_makes_an_account_with_its_role_and_signs_it_in(client, project, link):
    url = link("expert")
    assert project.name in client.get(url).content.decode()
    form = {"username": "nora", "full_name": "Nora Ek", "password": NEW}
    assert client.post(url, form).url == "/"
    assert Membership.objects.get(user__username="nora").role == "expert"
    assert "Nora Ek" in client.get("/").content.decode()


def test_an_invitation_opens_once(client, link):
    url = link()
    client.post(url, {"username": "nora", "password": NEW})
    other = Client()
    assert other.get(url).status_code == 404
    assert other.post(url, {"username": "mallory", "password": NEW}).status_code == 404
    assert not User.objects.filter(username="mallory").exists()


def test_what_is_wrong_with_a_new_account_is_said_beside_the_field(client, link):
    UserFactory(username="taken")
    url = link()
    weak = client.post(url, {"username": "nora", "password": "short"})
    assert weak.status_code == 400
    assert "too short" in weak.content.decode()
    twice = client.post(url, {"username": "Taken", "password": NEW})
    assert "already has this user name" in twice.content.decode()
    odd = client.post(url, {"username": "аdmin", "password": NEW})  # Cyrillic а
    assert odd.status_code == 400
    assert Invitation.objects.get().is_open
    assert NEW not in twice.content.decode()


def test_somebody_signed_in_joins_with_the_account_they_have(seat, link):
    user, client = seat(in_project=ProjectFactory())
    url = link()
    assert f"Join as {user.name_shown}" in client.get(url).content.decode()
    assert client.post(f"{url}/as-me").url == "/"
    assert Membership.objects.filter(user=user).count() == 2
    assert client.get(url).status_code == 404


def test_the_setup_link_makes_the_first_superuser_and_no_other(client):
    url = members.setup_link(base_url="")
    assert client.get(url).status_code == 200
    client.post(url, {"username": "root", "password": NEW})
    assert User.objects.get(username="root").is_superuser
    assert Client().get(url).status_code == 404


def test_a_setup_link_and_an_invitation_do_not_stand_in_for_each_other(client, link):
    setup = members.setup_link(base_url="")
    assert client.get(setup.replace("/setup/", "/join/")).status_code == 404
    assert client.get(link().replace("/join/", "/setup/")).status_code == 404


def test_a_new_password_ends_every_other_session(seat):
    user, client = seat()
    other = Client()
    other.force_login(user)
    form = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    assert client.post("/password", form).url == "/"
    assert client.get("/").status_code == 200
    assert other.get("/").status_code == 302


def test_a_form_without_its_token_changes_nothing(project):
    user = UserFactory()
    client = Client(enforce_csrf_checks=True)
    answer = client.post("/sign-in", {"username": user.username, "password": PASSWORD})
    assert answer.status_code == 403
    assert b"<h1>" in answer.content


OF_A_PROJECT = [
    f"/{page}/shapes" for page in ("work", "review", "disputes", "me", "outcomes", "models")
]
OTHERS = ["/", "/mine", "/password", "/tasks/1", "/evaluations/1", "/captions/1/edit"]


@pytest.mark.parametrize("path", [*OF_A_PROJECT, *OTHERS])
def test_no_page_opens_without_signing_in(client, project, path):
    answer = client.get(path)
    assert answer.status_code == 302
    assert answer.url.startswith("/sign-in?next=")


@pytest.mark.parametrize("path", [*OF_A_PROJECT, "/work/nowhere"])
def test_a_foreign_project_does_not_exist(seat, project, path):
    _, client = seat(in_project=ProjectFactory())
    assert client.get(path).status_code == 404


def test_pages_stay_out_of_caches(seat):
    _, client = seat()
    assert "no-store" in client.get("/")["Cache-Control"]


def test_an_unknown_address_is_answered_with_a_page_of_ours(client):
    answer = client.get("/no-such-page")
    assert answer.status_code == 404
    assert "There is nothing here" in answer.content.decode()
