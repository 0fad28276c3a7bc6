"""`manage.py issue_token`."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from portal.models import ServiceToken
from tests.factories import ProjectFactory

pytestmark = pytest.mark.django_db


def issue(*arguments: str) -> str:
    out = StringIO()
    call_command("issue_token", *arguments, stdout=out)
    return out.getvalue().strip()


def test_the_printed_secret_opens_its_project_with_its_scopes():
    project = ProjectFactory()
    secret = issue(
        project.slug, "trainer", "--scope", "retrain", "--scope", "ingest", "--days", "9"
    )
    token = ServiceToken.objects.valid(secret)
    assert token.project == project
    assert set(token.scopes) == {"retrain", "ingest"}
    assert token.expires_at is not None


def test_the_default_project_is_made_on_first_use():
    assert ServiceToken.objects.valid(issue("default", "reader")).scopes == ["read"]


def test_an_unknown_project_is_named():
    with pytest.raises(CommandError, match="nowhere"):
        issue("nowhere", "x")


def test_senseless_days_are_refused():
    with pytest.raises(CommandError, match="days"):
        issue("default", "x", "--days", "0")
