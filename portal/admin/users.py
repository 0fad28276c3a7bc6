"""Accounts: the superusers' business; what a person may do in a project is a membership."""

from typing import Any

from django.contrib.admin import register
from django.http import HttpRequest

from portal.admin.base import SuperuserAdmin
from portal.admin.sites import site
from portal.errors import Conflict
from portal.models import User


@register(User, site=site)
class UserAdmin(SuperuserAdmin):
    """People who sign in."""

    may_change = True
    editable = ("first_name", "last_name", "email", "is_active", "is_superuser")
    fields = ("username", *editable, "last_login", "date_joined")
    list_display = ("username", "first_name", "last_name", "is_active", "is_superuser")
    list_filter = ("is_active", "is_superuser")
    search_fields = ("username", "first_name", "last_name", "email")

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Save an account, but never leave the installation without a superuser."""
        others = User.objects.filter(is_superuser=True, is_active=True).exclude(pk=obj.pk)
        if not (obj.is_superuser and obj.is_active) and not others.exists():
            raise Conflict(f"{obj} is the last superuser; name another one first.")
        obj.is_staff = obj.is_staff or obj.is_superuser  # the pages' way to the console
        super().save_model(request, obj, form, change)
