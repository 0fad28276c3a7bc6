"""Members, invitations by link, and service tokens."""

from django.contrib.admin import register

from portal.admin.base import ScopedAdmin
from portal.admin.filters import ScopedRelatedFilter
from portal.admin.sites import site
from portal.models import Invitation, Membership, ServiceToken


@register(Membership, site=site)
class MembershipAdmin(ScopedAdmin):
    """Who has which role where; people come in by an invitation."""

    may_change = True
    editable = ("role",)
    list_display = ("user", "project", "role", "is_active", "created_at")
    list_filter = (("project", ScopedRelatedFilter), "role", "is_active")
    list_select_related = ("project", "user")
    search_fields = ("user__username", "user__first_name", "user__last_name")


@register(Invitation, site=site)
class InvitationAdmin(ScopedAdmin):
    """Links that let somebody in once; the link itself is shown when it is made."""

    hidden = ("token_hash",)
    list_display = ("project", "role", "note", "created_by", "expires_at", "accepted_by")
    list_filter = (("project", ScopedRelatedFilter), "role")
    list_select_related = ("project", "created_by", "accepted_by")
    search_fields = ("note", "accepted_by__username")


@register(ServiceToken, site=site)
class ServiceTokenAdmin(ScopedAdmin):
    """Machines' keys; the key itself is shown when it is made."""

    hidden = ("token_hash",)
    list_display = ("name", "project", "prefix", "scopes", "created_at", "expires_at", "revoked_at")
    list_filter = (("project", ScopedRelatedFilter),)
    list_select_related = ("project",)
    search_fields = ("name", "prefix")
