"""Members, invitations by link, and service tokens."""

from typing import Any

from django.conf import settings
from django.contrib.admin import display, register
from django.http import HttpRequest

from portal.admin.adding import AskingAdmin
from portal.admin.base import actor
from portal.admin.filters import ScopedRelatedFilter
from portal.admin.forms import Confirmation, InviteForm, TokenForm
from portal.admin.runs import Act, Data, Shown
from portal.admin.sites import site
from portal.errors import Conflict
from portal.models import Invitation, Membership, Project, ServiceToken
from portal.models.members import Role
from portal.services import members


class InvitingAdmin(AskingAdmin):
    """A list to which people are added by a link that is sent to them."""

    question = InviteForm
    add_title = "Invite somebody"
    add_intro = "You get a link that works once, for two weeks. Send it to the person yourself."
    add_button = "Make the link"

    def add(self, request: HttpRequest, data: Data) -> Shown:
        """Make the link, shown only now."""
        invitation, url = members.invite(user=request.user, base_url=settings.BASE_URL, **data)
        note = f"Whoever opens it joins {invitation.project} as {invitation.get_role_display()}."
        return Shown("The invitation’s link", url, note)


def remove(request: HttpRequest, row: Membership, data: Data) -> object:
    """End somebody's part in a project."""
    keep_a_manager(row)
    members.remove(membership=row, actor=actor(request))
    return True


def keep_a_manager(row: Membership) -> None:
    """Refuse to take away a project's last manager."""
    others = Membership.objects.active().filter(project_id=row.project_id, role=Role.MANAGER)
    was_manager = Membership.objects.filter(pk=row.pk, role=Role.MANAGER).exists()
    if was_manager and not others.exclude(pk=row.pk).exists():
        raise Conflict(f"{row.user} is the last manager of {row.project}; name another one first.")


@register(Membership, site=site)
class MembershipAdmin(InvitingAdmin):
    """Who has which role where; people come in by an invitation."""

    acts = (
        Act(
            "remove", "End membership", "removed", remove, "person_remove", form=Confirmation,
            fits=lambda rows: rows.filter(is_active=True),
            intro="Their leases are released and the service tokens they issued stop working.",
        ),
    )  # fmt: skip
    may_change = True
    editable = ("role",)
    list_display = ("user", "project", "role", "is_active", "created_at")
    list_filter = (("project", ScopedRelatedFilter), "role", "is_active")
    list_select_related = ("project", "user")
    search_fields = ("user__username", "user__first_name", "user__last_name")

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        """Change a role, but never the last manager's; their way to the console follows."""
        if obj.role != Role.MANAGER:
            keep_a_manager(obj)
        super().save_model(request, obj, form, change)
        user = obj.user
        user.is_staff = user.is_superuser or Project.objects.managed_by(user).exists()
        user.save(update_fields=["is_staff"])  # the pages' way to the console follows the role


@register(Invitation, site=site)
class InvitationAdmin(InvitingAdmin):
    """Links that let somebody in once; the link itself is shown when it is made."""

    may_delete = True
    hidden = ("token_hash",)
    list_display = ("project", "role", "note", "created_by", "expires_at", "accepted_by")
    list_filter = (("project", ScopedRelatedFilter), "role")
    list_select_related = ("project", "created_by", "accepted_by")
    search_fields = ("note", "accepted_by__username")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let a link be taken back that nobody has used; used ones are a record."""
        is_open = obj is None or obj.is_open
        return is_open and super().has_delete_permission(request, obj)


def revoke(request: HttpRequest, row: ServiceToken, data: Data) -> object:
    """Make a token worthless."""
    members.revoke_token(token=row, actor=actor(request))
    return True


@register(ServiceToken, site=site)
class ServiceTokenAdmin(AskingAdmin):
    """Machines' keys; the key itself is shown when it is made."""

    question = TokenForm
    add_title = "Issue a service token"
    add_intro = "A machine sends it as “Authorization: Bearer …”; it opens this one project."
    add_button = "Issue"
    acts = (
        Act(
            "revoke", "Revoke", "revoked", revoke, "key_off", form=Confirmation,
            fits=lambda rows: rows.filter(revoked_at__isnull=True),
            intro="Whatever uses it is refused from its next call on.",
        ),
    )  # fmt: skip
    hidden = ("token_hash",)
    list_display = (
        "name",
        "project",
        "prefix",
        "scopes_shown",
        "created_at",
        "expires_at",
        "revoked_at",
    )
    list_filter = (("project", ScopedRelatedFilter),)
    list_select_related = ("project",)
    search_fields = ("name", "prefix")

    @display(description="scopes")
    def scopes_shown(self, row: ServiceToken) -> str:
        """What it may do, in a word each."""
        return ", ".join(row.scopes)

    def add(self, request: HttpRequest, data: Data) -> Shown:
        """Issue the token, shown only now."""
        token, secret = members.issue_token(user=request.user, **data)
        return Shown(f"Token “{token.name}”", secret, f"It opens {token.project}.")
