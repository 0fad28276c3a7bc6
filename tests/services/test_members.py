"""Links, accounts, roles and tokens."""

from datetime import timedelta

import pytest
from django.utils import timezone

from portal.errors import InvalidInput, NotAllowed, NotFound
from portal.models import Annotator, AuditEntry, Invitation, Membership, ServiceToken, User
from portal.models.members import Role
from portal.models.tokens import digest
from portal.services import members
from tests.factories import (
    PASSWORD,
    AnnotatorFactory,
    AssignmentFactory,
    MembershipFactory,
    ProjectFactory,
    TokenFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
BASE = "https://portal.example"


def secret_of(url: str) -> str:
    return url.rsplit("/", 1)[1]


def invitation_secret(project, role=Role.ANNOTATOR) -> str:
    return secret_of(members.invite(project=project, role=role, user=None, base_url=BASE)[1])


def test_the_set_up_link_makes_the_first_superuser_once():
    secret = secret_of(members.setup_link(base_url=BASE))
    user = members.accept(secret=secret, username="ada", password=PASSWORD)
    assert user.is_superuser
    assert user.is_staff
    assert user.check_password(PASSWORD)
    with pytest.raises(NotFound):
        members.accept(secret=secret, username="eve", password=PASSWORD)
    assert members.setup_link(base_url=BASE) is None


def test_a_fresh_set_up_link_replaces_the_earlier_one():
    old = secret_of(members.setup_link(base_url=BASE))
    new = secret_of(members.setup_link(base_url=BASE))
    with pytest.raises(NotFound):
        members.find_invitation(secret=old)
    assert members.find_invitation(secret=new).project is None


def test_a_set_up_link_is_dead_once_a_superuser_exists():
    secret = secret_of(members.setup_link(base_url=BASE))
    UserFactory(is_superuser=True)
    with pytest.raises(NotFound):
        members.find_invitation(secret=secret)
    with pytest.raises(NotFound):
        members.accept(secret=secret, username="late", password=PASSWORD)


def test_an_invitation_admits_with_its_role_and_works_once():
    project = ProjectFactory()
    secret = invitation_secret(project, Role.MANAGER)
    user = members.accept(
        secret=secret, username="grace", password=PASSWORD, full_name="Grace Hopper"
    )
    assert members.role_for(user, project) == Role.MANAGER
    assert user.is_staff
    assert not user.is_superuser
    assert user.get_full_name() == "Grace Hopper"
    with pytest.raises(NotFound):
        members.accept(secret=secret, username="other", password=PASSWORD)


def test_only_managers_reach_the_console():
    user = members.accept(
        secret=invitation_secret(ProjectFactory()), username="ann", password=PASSWORD
    )
    assert not user.is_staff


def test_an_invitation_is_stored_as_a_hash_and_expires():
    invitation, url = members.invite(
        project=ProjectFactory(), role=Role.ANNOTATOR, user=None, base_url=BASE
    )
    assert url == f"{BASE}/join/{secret_of(url)}"
    assert invitation.token_hash == digest(secret_of(url))
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(NotFound):
        members.find_invitation(secret=secret_of(url))


@pytest.mark.parametrize("username", ["аdmin", "ann ", "a" * 300, "", "ann/b"])
def test_a_user_name_that_deceives_or_overflows_is_refused(username):
    secret = invitation_secret(ProjectFactory())
    with pytest.raises(InvalidInput) as refused:
        members.accept(secret=secret, username=username, password=PASSWORD)
    assert refused.value.errors[0]["field"] == "username"
    assert members.find_invitation(secret=secret)


@pytest.mark.parametrize("password", ["short", "123456789012345", "password1234"[:11]])
def test_a_weak_password_is_refused_by_name(password):
    with pytest.raises(InvalidInput) as refused:
        members.accept(
            secret=invitation_secret(ProjectFactory()), username="ann", password=password
        )
    assert refused.value.errors[0]["field"] == "password"
    assert not User.objects.exists()


def test_user_names_that_differ_in_case_alone_are_taken():
    UserFactory(username="ann")
    with pytest.raises(InvalidInput):
        members.accept(
            secret=invitation_secret(ProjectFactory()), username="ANN", password=PASSWORD
        )


def test_an_unknown_role_is_refused():
    with pytest.raises(InvalidInput):
        members.invite(project=ProjectFactory(), role="owner", user=None, base_url=BASE)


def test_an_invitation_never_lowers_a_role():
    member = MembershipFactory(role=Role.MANAGER)
    secret = invitation_secret(member.project, Role.ANNOTATOR)
    assert members.accept_as(secret=secret, user=member.user).role == Role.MANAGER


def test_an_invitation_readmits_somebody_who_was_removed_with_its_own_role():
    member = MembershipFactory(role=Role.MANAGER, is_active=False)
    secret = invitation_secret(member.project, Role.ANNOTATOR)
    members.accept_as(secret=secret, user=member.user)
    assert members.role_for(member.user, member.project) == Role.ANNOTATOR


def test_a_set_up_link_is_no_way_up_for_somebody_signed_in():
    secret = secret_of(members.setup_link(base_url=BASE))
    with pytest.raises(NotAllowed):
        members.accept_as(secret=secret, user=UserFactory())


def test_removing_a_member_ends_their_role_tokens_and_leases():
    member = MembershipFactory(role=Role.MANAGER)
    User.objects.filter(pk=member.user.pk).update(is_staff=True)
    token = TokenFactory(project=member.project, created_by=member.user)
    lease = AssignmentFactory(
        task__project=member.project, annotator__user=member.user, annotator__project=member.project
    )
    members.remove(membership=member, actor="user:boss")
    token.refresh_from_db()
    lease.refresh_from_db()
    lease.task.refresh_from_db()
    assert members.role_for(member.user, member.project) is None
    assert token.revoked_at is not None
    assert (lease.state, lease.task.n_taken) == ("released", 0)
    assert not User.objects.get(pk=member.user.pk).is_staff
    assert AuditEntry.objects.filter(action="member.removed", actor="user:boss").exists()


def test_a_superuser_manages_everywhere_and_a_stranger_nowhere():
    project = ProjectFactory()
    assert members.role_for(UserFactory(is_superuser=True), project) == Role.MANAGER
    assert members.role_for(UserFactory(), project) is None


def test_an_inactive_user_has_no_role():
    member = MembershipFactory(user__is_active=False)
    assert members.role_for(member.user, member.project) is None


def test_a_member_becomes_an_annotator_on_first_need_and_stays_the_same_one():
    member = MembershipFactory(role=Role.EXPERT)
    annotator = members.annotator_for(user=member.user, project=member.project)
    assert annotator.annotator_id == member.user.username
    assert annotator.is_expert
    assert members.annotator_for(user=member.user, project=member.project) == annotator


def test_a_chosen_user_name_never_takes_over_an_integrations_annotator():
    member = MembershipFactory(user__username="crowd-7")
    theirs = AnnotatorFactory(project=member.project, annotator_id="crowd-7")
    mine = members.annotator_for(user=member.user, project=member.project)
    assert mine != theirs
    assert mine.annotator_id == "crowd-7-2"


def test_an_annotators_expertise_follows_the_role():
    member = MembershipFactory(role=Role.ANNOTATOR)
    assert not members.annotator_for(user=member.user, project=member.project).is_expert
    Membership.objects.update(role=Role.EXPERT)
    assert members.annotator_for(user=member.user, project=member.project).is_expert


@pytest.mark.parametrize("role", [Role.READER, None])
def test_readers_and_strangers_do_not_caption(role):
    project = ProjectFactory()
    user = MembershipFactory(project=project, role=role).user if role else UserFactory()
    with pytest.raises(NotAllowed):
        members.annotator_for(user=user, project=project)
    assert not Annotator.objects.exists()


def test_a_token_opens_by_its_secret_and_is_stored_as_a_hash():
    project = ProjectFactory()
    token, secret = members.issue_token(project=project, name="ingest", scopes=["ingest"])
    assert ServiceToken.objects.valid(secret) == token
    assert secret.startswith(token.prefix)
    assert secret not in str(ServiceToken.objects.values().get())
    assert token.may("ingest")
    assert not token.may("retrain")


def test_a_token_without_or_with_unknown_scopes_is_refused():
    for scopes in ([], ["ingest", "root"]):
        with pytest.raises(InvalidInput) as refused:
            members.issue_token(project=ProjectFactory(), name="x", scopes=scopes)
        assert refused.value.errors[0]["field"] == "scopes"


def test_a_revoked_or_expired_token_opens_nothing():
    token, secret = members.issue_token(project=ProjectFactory(), name="x", scopes=["read"])
    members.revoke_token(token=token, actor="user:boss")
    members.revoke_token(token=token, actor="user:boss")
    assert ServiceToken.objects.valid(secret) is None
    assert AuditEntry.objects.filter(action="token.revoked").count() == 1
    _, old = members.issue_token(
        project=ProjectFactory(),
        name="x",
        scopes=["read"],
        expires_at=timezone.now() - timedelta(seconds=1),
    )
    assert ServiceToken.objects.valid(old) is None


def test_a_token_dies_with_the_account_that_issued_it():
    user = UserFactory()
    _, secret = members.issue_token(project=ProjectFactory(), name="x", scopes=["read"], user=user)
    assert ServiceToken.objects.valid(secret) is not None
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert ServiceToken.objects.valid(secret) is None
