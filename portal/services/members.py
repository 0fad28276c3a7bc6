"""Who takes part: set-up and invitation links, accounts, roles, service tokens.

A link's or token's secret leaves this room once, in the answer; only its hash is stored.
"""

from collections.abc import Sequence
from datetime import datetime

from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from portal.errors import InvalidInput, NotAllowed, NotFound
from portal.models import (
    Annotator,
    Assignment,
    AuditEntry,
    Invitation,
    Membership,
    Project,
    ServiceToken,
    Task,
    User,
)
from portal.models.assignments import AssignmentState
from portal.models.members import Role
from portal.models.tokens import Scope, digest, new_secret

RANKS = (Role.READER, Role.ANNOTATOR, Role.EXPERT, Role.MANAGER)


@transaction.atomic
def setup_link(*, base_url: str) -> str | None:
    """Return a fresh one-time link that makes the first superuser; None once there is one.

    A fresh link replaces the earlier one: whoever reads an old log finds a dead link.
    """
    if User.objects.filter(is_superuser=True).exists():
        return None
    Invitation.objects.filter(project__isnull=True, accepted_at__isnull=True).delete()
    secret = new_secret("")
    Invitation.objects.create(token_hash=digest(secret))
    return f"{base_url}/setup/{secret}"


@transaction.atomic
def invite(
    *, project: Project, role: str, user: User | None, note: str = "", base_url: str
) -> tuple[Invitation, str]:
    """Make a one-time link into the project with a role; return it with its URL."""
    if role not in Role.values:
        raise InvalidInput.on("role", f"{role!r} is no role; choose one of {', '.join(Role)}.")
    secret = new_secret("")
    invitation = Invitation(
        project=project, role=role, token_hash=digest(secret), note=note, created_by=user
    )
    _check(invitation)
    invitation.save()
    AuditEntry.objects.record(
        action="member.invited",
        on=invitation,
        project_id=project.pk,
        actor=_named(user),
        user=user,
        details={"role": role},
    )
    return invitation, f"{base_url}/join/{secret}"


def find_invitation(*, secret: str) -> Invitation:
    """Return the open invitation of a link. Raises NotFound for unknown, used and expired alike."""
    invitation = Invitation.objects.select_related("project").usable(secret)
    if invitation is None or (invitation.project_id is None and _is_set_up()):
        raise NotFound("This link is not valid or no longer valid; ask for a new one.")
    return invitation


def accept(*, secret: str, username: str, password: str, full_name: str = "") -> User:
    """Make an account by invitation and admit it; a set-up link makes the superuser."""
    find_invitation(secret=secret)
    user = _account(username, password, full_name)  # hashing is slow: before the transaction
    try:
        with transaction.atomic():
            invitation = _locked(secret)
            user.is_superuser = user.is_staff = invitation.project_id is None
            user.save()
            _use(invitation, user)
    except IntegrityError as taken:
        raise InvalidInput.on("username", "Somebody already has this user name.") from taken
    return user


@transaction.atomic
def accept_as(*, secret: str, user: User) -> Membership:
    """Admit somebody who is signed in already; a higher role than the invitation's stays."""
    invitation = _locked(secret)
    if invitation.project is None:
        raise NotAllowed("A set-up link makes a new account; sign out first.")
    membership = _use(invitation, user)
    assert membership is not None
    return membership


@transaction.atomic
def remove(*, membership: Membership, actor: str) -> None:
    """End a person's part in a project: role, tokens they issued there, and running leases."""
    membership = Membership.objects.select_for_update().get(pk=membership.pk)
    membership.is_active = False
    membership.save(update_fields=["is_active"])
    theirs = ServiceToken.objects.filter(
        project_id=membership.project_id, created_by_id=membership.user_id, revoked_at__isnull=True
    )
    theirs.update(revoked_at=timezone.now())
    _release_leases(membership)
    _follow_role(membership.user)
    AuditEntry.objects.record(
        action="member.removed", on=membership, project_id=membership.project_id, actor=actor
    )


@transaction.atomic
def issue_token(
    *,
    project: Project,
    name: str,
    scopes: Sequence[str],
    user: User | None = None,
    expires_at: datetime | None = None,
) -> tuple[ServiceToken, str]:
    """Make a service token for one project; return it with the secret, which is shown only now."""
    unknown = sorted(set(scopes) - set(Scope.values))
    if unknown or not scopes:
        raise InvalidInput.on(
            "scopes", f"Choose scopes from {', '.join(Scope)}; not {', '.join(unknown) or 'none'}."
        )
    secret = new_secret()
    token = ServiceToken(
        project=project,
        name=name,
        prefix=secret[:10],
        token_hash=digest(secret),
        scopes=[scope.value for scope in Scope if scope in scopes],
        created_by=user,
        expires_at=expires_at,
    )
    _check(token)
    token.save()
    AuditEntry.objects.record(
        action="token.issued",
        on=token,
        project_id=project.pk,
        actor=_named(user),
        user=user,
        details={"name": name, "scopes": token.scopes},
    )
    return token, secret


@transaction.atomic
def revoke_token(*, token: ServiceToken, actor: str) -> None:
    """Make a token worthless at once; one that was revoked before stays as it was."""
    now = timezone.now()
    if ServiceToken.objects.filter(pk=token.pk, revoked_at__isnull=True).update(revoked_at=now):
        AuditEntry.objects.record(
            action="token.revoked", on=token, project_id=token.project_id, actor=actor
        )


def role_for(user: User | AnonymousUser, project: Project) -> Role | None:
    """Return the user's role in the project; a superuser manages everywhere."""
    role = Membership.objects.role_of(user, project.pk)
    return Role(role) if role else None


@transaction.atomic
def annotator_for(*, user: User, project: Project) -> Annotator:
    """Return the annotator that this user is in the project, made on first need.

    Raises NotAllowed for those who may not caption. The id is the user name; where an integration
    has used that id already, a number is added: a chosen name never takes over another's record.
    """
    role = role_for(user, project)
    if role in (None, Role.READER):
        raise NotAllowed(f"{user} may not caption in {project}; a manager can invite them.")
    is_expert = role == Role.EXPERT
    annotator = Annotator.objects.filter(user=user, project=project).first()
    if annotator is None:
        annotator, _ = Annotator.objects.get_or_create(
            project=project,
            user=user,
            defaults={
                "annotator_id": _free_id(project, user.username),
                "name": user.get_full_name()[:120],
                "is_expert": is_expert,
            },
        )
    elif annotator.is_expert != is_expert:
        annotator.is_expert = is_expert
        annotator.save(update_fields=["is_expert"])
    return annotator


def _free_id(project: Project, name: str) -> str:
    taken = set(
        Annotator.objects.filter(project=project, annotator_id__startswith=name).values_list(
            "annotator_id", flat=True
        )
    )
    numbered = (f"{name}-{number}" for number in range(2, len(taken) + 3))
    return next(wanted for wanted in (name, *numbered) if wanted not in taken)


def _account(username: str, password: str, full_name: str) -> User:
    """Return an unsaved user with a hashed password. Raises InvalidInput naming each field."""
    first, _, last = full_name.strip().partition(" ")
    user = User(username=username, first_name=first, last_name=last)
    if User.objects.filter(username__iexact=username).exists():
        raise InvalidInput.on("username", "Somebody already has this user name.")
    try:
        validate_password(password, user)
    except ValidationError as weak:
        raise InvalidInput.of({"password": weak.messages}) from weak
    user.set_password(password)
    _check(user)
    return user


def _locked(secret: str) -> Invitation:
    """Return the link's invitation, held until the transaction ends."""
    invitation = Invitation.objects.select_for_update().usable(secret)
    if invitation is None or (invitation.project_id is None and _is_set_up()):
        raise NotFound("This link is not valid or no longer valid; ask for a new one.")
    return invitation


def _use(invitation: Invitation, user: User) -> Membership | None:
    invitation.accepted_at, invitation.accepted_by = timezone.now(), user
    invitation.save(update_fields=["accepted_at", "accepted_by"])
    membership = None
    if invitation.project is not None:
        membership = _admit(invitation.project, user, Role(invitation.role))
    AuditEntry.objects.record(
        action="invitation.accepted",
        on=invitation,
        project_id=invitation.project_id,
        actor=_named(user),
        user=user,
        details={"role": invitation.role},
    )
    return membership


def _admit(project: Project, user: User, role: Role) -> Membership:
    membership, _ = Membership.objects.get_or_create(
        project=project, user=user, defaults={"role": role}
    )
    if not membership.is_active or RANKS.index(Role(membership.role)) < RANKS.index(role):
        membership.role, membership.is_active = role, True
        membership.save(update_fields=["role", "is_active"])
    _follow_role(user)
    return membership


def _follow_role(user: User) -> None:
    """Open the console to those who manage a project, and to nobody else."""
    manages = Membership.objects.active().filter(user=user, role=Role.MANAGER).exists()
    if user.is_staff != (manages or user.is_superuser):
        user.is_staff = manages or user.is_superuser
        user.save(update_fields=["is_staff"])


def _release_leases(membership: Membership) -> None:
    leases = Assignment.objects.select_for_update().filter(
        annotator__user_id=membership.user_id,
        task__project_id=membership.project_id,
        state=AssignmentState.LEASED,
    )
    for lease in leases.order_by("task_id"):
        lease.state = AssignmentState.RELEASED
        lease.save(update_fields=["state"])
        Task.objects.free_slot(lease.task_id)


def _is_set_up() -> bool:
    return User.objects.filter(is_superuser=True).exists()


def _named(user: User | None) -> str:
    return f"user:{user}" if user else "system"


def _check(row: Invitation | ServiceToken | User) -> None:
    try:
        row.full_clean(exclude=["created_by"])
    except ValidationError as refused:
        raise InvalidInput.of(refused.message_dict) from refused
