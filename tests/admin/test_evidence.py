"""What people and machines said is read here and never written."""

from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from portal.admin.base import ScopedAdmin
from portal.admin.sites import site
from portal.models import AuditEntry
from tests.admin.conftest import signed_in
from tests.admin.test_scope import MODELS, url
from tests.admin.worlds import one_of_everything

EDITED = {"project", "membership", "annotator", "user"}
ADDED = {"project", "guideline", "membership", "invitation", "servicetoken", "endpoint", "export"}
ADDED |= {"import", "goldreference"}  # both by file
PAYLOAD = "<img src=x onerror=window.pwned=1>"


def stored(row) -> dict:
    fields = [field.attname for field in row._meta.concrete_fields]
    return type(row)._default_manager.values(*fields).get(pk=row.pk)


def test_evidence_is_not_changed_by_any_post(superuser, mine):
    client = signed_in(superuser)
    for name in sorted(set(MODELS) - EDITED):
        before = stored(mine[name])
        forged = {field.name: "1" for field in mine[name]._meta.fields}
        page = client.post(url("change", name, mine[name].pk), forged)
        assert page.status_code == 403, name
        assert stored(mine[name]) == before, name


def test_nothing_is_added_or_deleted_but_what_is_meant_to_be(superuser, mine):
    client = signed_in(superuser)
    for name in MODELS:
        n_before = type(mine[name])._default_manager.count()
        if name not in ADDED:
            assert client.get(url("add", name)).status_code == 403, name
            assert client.post(url("add", name), {"id": "1"}).status_code == 403, name
        if name != "invitation":
            deleted = client.post(url("delete", name, mine[name].pk), {"post": "yes"})
            assert deleted.status_code == 403, name
        assert type(mine[name])._default_manager.count() == n_before, name


def test_no_list_can_be_edited_or_emptied_in_place(superuser, mine, rf):
    request = rf.get("/")
    request.user = superuser
    for model, admin in site._registry.items():
        assert not admin.list_editable, model
        assert "delete_selected" not in admin.get_actions(request), model


def test_derived_numbers_of_an_annotator_stay_when_posted(client, mine):
    annotator = mine["annotator"]
    forged = {"name": "Ada", "reliability": "1", "n_gold": "50", "sum_gold": "50", "skill": "9"}
    client.post(url("change", "annotator", annotator.pk), forged)
    after = stored(annotator)
    assert after["name"] == "Ada"
    assert (after["reliability"], after["n_gold"], after["skill"]) == (0.5, 0, 0.0)


def test_a_manager_cannot_make_anybody_a_superuser(client, manager, mine):
    for row in (manager, mine["user"]):
        page = client.post(url("change", "user", row.pk), {"is_superuser": "on", "is_staff": "on"})
        assert page.status_code == 403
        assert not stored(row)["is_superuser"]


def test_a_membership_s_person_and_project_stay_when_posted(client, mine, foreign):
    membership = mine["membership"]
    forged = {"role": "expert", "project": foreign["project"].pk, "user": foreign["user"].pk}
    client.post(url("change", "membership", membership.pk), forged)
    after = stored(membership)
    assert after["role"] == "expert"
    assert (after["project_id"], after["user_id"]) == (membership.project_id, membership.user_id)


def test_what_a_form_changes_is_audited_before_and_after(client, project, mine):
    client.post(url("change", "membership", mine["membership"].pk), {"role": "expert"})
    entry = AuditEntry.objects.get(action="membership.changed")
    assert entry.details == {"role": ["annotator", "expert"]}
    assert (entry.actor, entry.project) == ("user:mona", project)
    history = client.get(url("history", "membership", mine["membership"].pk))
    assert "membership.changed" in history.text


def test_secrets_are_on_no_page(superuser, mine):
    client = signed_in(superuser)
    mine["endpoint"].secret = "sealed-secret"
    mine["endpoint"].save()
    hidden = {
        "user": superuser.password,
        "servicetoken": mine["servicetoken"].token_hash,
        "invitation": mine["invitation"].token_hash,
        "endpoint": "sealed-secret",
        "assignment": str(mine["assignment"].token),
    }
    for name, secret in hidden.items():
        row = superuser if name == "user" else mine[name]
        for page in (url("changelist", name), url("change", name, row.pk)):
            assert secret not in client.get(page).text, page


def test_looking_takes_no_write_lock(client, mine):
    for name in ("task", "project", "membership"):
        with CaptureQueriesContext(connection) as queries:
            assert client.get(url("change", name, mine[name].pk)).status_code == 200
        said = " ".join(query["sql"] for query in queries)
        assert "SAVEPOINT" not in said, name
        assert "BEGIN" not in said, name


def test_words_of_others_are_text_on_every_page(db, manager, project):
    rows = one_of_everything(project, word=PAYLOAD)
    client = signed_in(manager)
    pages = [reverse("admin:index")]
    for name in set(MODELS) - {"user", "idempotencykey"}:
        pages += [url("changelist", name), url("change", name, rows[name].pk)]
        pages += [url("history", name, rows[name].pk)]
    pages.append(reverse("admin:portal_project_act", args=[project.pk, "assign"]))
    for page in pages:
        assert PAYLOAD not in client.get(page).text, page


def test_every_admin_is_scoped():
    assert all(isinstance(admin, ScopedAdmin) for admin in site._registry.values())
