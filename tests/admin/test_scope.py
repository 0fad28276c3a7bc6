"""Two tenants: whatever one manager asks for, nothing of the other's project answers."""

import pytest
from django.apps import apps
from django.urls import reverse

from portal.admin.sites import site
from portal.models.members import Role
from tests.admin.conftest import signed_in
from tests.factories import MembershipFactory, ProjectFactory, UserFactory

SUPERUSERS_ONLY = {"user", "idempotencykey"}
MODELS = sorted(model._meta.model_name for model in apps.get_app_config("portal").get_models())
SCOPED = [name for name in MODELS if name not in SUPERUSERS_ONLY]


def url(page: str, name: str, *args: object) -> str:
    return reverse(f"admin:portal_{name}_{page}", args=args)


def test_every_model_of_the_portal_is_registered():
    registered = {model._meta.model_name for model in site._registry}
    assert registered == set(MODELS)


def test_every_list_can_be_searched_and_filtered():
    for model, admin in site._registry.items():
        assert admin.search_fields, model
        assert admin.list_filter, model


def test_a_manager_sees_their_own_rows(client, mine):
    for name in SCOPED:
        page = client.get(url("changelist", name))
        assert page.status_code == 200, name
        assert f'value="{mine[name].pk}"' in page.text or f"/{mine[name].pk}/change/" in page.text
        assert client.get(url("change", name, mine[name].pk)).status_code == 200, name
        assert client.get(url("history", name, mine[name].pk)).status_code == 200, name


def test_a_foreign_row_answers_like_an_unknown_one(client, mine, foreign):
    for name in SCOPED:
        for page in ("change", "history", "delete"):
            theirs, unknown = url(page, name, foreign[name].pk), url(page, name, 987_654)
            expected = (403, 404) if page == "delete" else (404,)
            assert client.get(theirs).status_code in expected, theirs
            assert client.get(theirs).status_code == client.get(unknown).status_code
            refused = client.post(theirs, {"post": "yes"}).status_code
            assert refused == client.post(unknown, {"post": "yes"}).status_code in (403, 404)


def test_a_list_names_nothing_foreign_in_rows_or_filters(client, mine, foreign):
    for name in SCOPED:
        page = client.get(url("changelist", name))
        assert "Their secret project" not in page.text, name
        assert not page.context["cl"].queryset.filter(pk=foreign[name].pk).exists(), name


def test_a_manager_has_no_business_with_accounts_and_keys(client, mine):
    for name in SUPERUSERS_ONLY:
        assert client.get(url("changelist", name)).status_code == 403
        assert client.get(url("change", name, mine[name].pk)).status_code == 403


def test_a_superuser_sees_every_list(superuser, mine, foreign):
    client = signed_in(superuser)
    for name in MODELS:
        assert client.get(url("changelist", name)).status_code == 200, name
        assert client.get(url("change", name, foreign[name].pk)).status_code == 200, name


@pytest.mark.parametrize("role", [Role.ANNOTATOR, Role.EXPERT, Role.READER])
def test_whoever_manages_nothing_stays_outside(role, mine):
    user = UserFactory(is_staff=True)
    MembershipFactory(project=ProjectFactory(), user=user, role=role)
    client = signed_in(user)
    assert client.get(reverse("admin:index"), follow=True).status_code == 403
    assert client.get(url("changelist", "task"), follow=True).status_code == 403


def test_a_manager_who_was_removed_is_out_at_once(client, manager, mine):
    manager.memberships.update(is_active=False)
    assert client.get(url("changelist", "task"), follow=True).status_code == 403


def test_strangers_are_sent_to_the_one_sign_in_page(client, mine):
    client.logout()
    page = client.get(url("changelist", "task"), follow=True)
    assert page.redirect_chain[-1][0].startswith("/sign-in?next=")


def test_choices_of_related_rows_name_nothing_foreign(client, mine, foreign):
    for model in site._registry:
        for field in model._meta.fields:
            if not field.is_relation:
                continue
            answer = client.get(
                reverse("admin:autocomplete"),
                {
                    "app_label": "portal",
                    "model_name": model._meta.model_name,
                    "field_name": field.name,
                },
            )
            assert answer.status_code in (200, 403), field
            if answer.status_code == 200:
                ids = {result["id"] for result in answer.json()["results"]}
                related = field.remote_field.model._meta.model_name
                assert str(foreign[related].pk) not in ids, field


@pytest.mark.parametrize(
    "lookup",
    [
        "project__memberships__user__password__startswith",
        "author__user__password__startswith",
        "text__startswith",
        "task__project__name__startswith",
    ],
)
def test_an_address_cannot_filter_by_what_the_list_does_not_offer(lookup, client, mine):
    assert client.get(url("changelist", "annotation"), {lookup: "a"}).status_code == 400


def test_an_endless_search_is_cut(client, mine):
    page = client.get(url("changelist", "task"), {"q": "word " * 2000})
    assert page.status_code == 200


def test_an_address_with_nul_is_refused(client, mine):
    assert client.get(url("changelist", "task"), {"state": "a\x00b"}).status_code == 400


def test_a_password_cannot_be_guessed_letter_by_letter_even_by_a_superuser(superuser):
    page = signed_in(superuser).get(url("changelist", "user"), {"password__startswith": "argon"})
    assert page.status_code == 400


def test_the_list_of_lists_names_only_what_the_viewer_may_open(client, superuser, mine):
    address = reverse("admin:app_list", args=["portal"])
    assert url("changelist", "user") not in client.get(address).text
    assert url("changelist", "task") in client.get(address).text
    assert url("changelist", "user") in signed_in(superuser).get(address).text


def test_signing_out_and_changing_a_password_happen_on_the_pages(client, mine):
    assert client.get(reverse("admin:password_change")).headers["Location"] == "/password"
    assert client.post(reverse("admin:logout")).headers["Location"] == "/sign-in"


def test_a_popup_offers_nothing_foreign_and_no_actions(client, mine, foreign):
    page = client.get(url("changelist", "task"), {"_popup": "1"})
    assert foreign["task"] not in page.context["cl"].result_list
    assert page.context["action_form"] is None
