"""Managers at the console, each with their own project."""

import pytest
from django.test import Client

from portal.models.members import Role
from tests.admin.worlds import one_of_everything
from tests.factories import MembershipFactory, ProjectFactory, UserFactory


@pytest.fixture
def project(db):
    return ProjectFactory(slug="mine", name="My project")


@pytest.fixture
def manager(project):
    """The manager of `project`."""
    user = UserFactory(username="mona")
    MembershipFactory(project=project, user=user, role=Role.MANAGER)
    return user


@pytest.fixture
def client(manager):
    """A client signed in as the manager."""
    return signed_in(manager)


@pytest.fixture
def superuser(db):
    return UserFactory(username="root", is_superuser=True, is_staff=True)


@pytest.fixture
def mine(project):
    return one_of_everything(project)


@pytest.fixture
def foreign(db):
    """Everything there is, in a project that the manager has no part in."""
    return one_of_everything(ProjectFactory(slug="theirs", name="Their secret project"))


def signed_in(user) -> Client:
    client = Client()
    client.force_login(user)
    return client
