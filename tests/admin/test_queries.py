"""Lists ask the same number of questions for one row as for a page of them."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.admin.test_scope import SCOPED, url
from tests.admin.worlds import one_of_everything

MANY = 24


def n_queries(client, address) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(address).status_code == 200
    return len(queries)


@pytest.fixture
def counted(client, project, mine):
    """How many queries each list takes, before and after more rows of everything."""
    before = {name: n_queries(client, url("changelist", name)) for name in SCOPED}
    for _ in range(MANY):
        one_of_everything(project)
    after = {name: n_queries(client, url("changelist", name)) for name in SCOPED}
    return before, after


def test_a_list_costs_the_same_for_one_row_as_for_many(counted):
    before, after = counted
    # A filter by a related row appears with its second row, and asks for nothing more.
    dearer = {name: (before[name], after[name]) for name in SCOPED if after[name] > before[name]}
    assert dearer == {}


def test_the_dashboard_costs_the_same_whoever_works_there(client, project, mine):
    address = reverse("admin:index")
    before = n_queries(client, address)
    for _ in range(3):
        one_of_everything(project)
    assert n_queries(client, address) == before
