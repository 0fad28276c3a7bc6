"""Accounts: the superusers' business; what a person may do in a project is a membership."""

from django.contrib.admin import register

from portal.admin.base import SuperuserAdmin
from portal.admin.sites import site
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
