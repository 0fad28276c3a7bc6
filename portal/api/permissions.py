"""What each method needs, denied by default: a scope of machines, a role of people.

A machine's scope is checked before anything is looked up. A person's role belongs to a project, so
it is checked where the row or project is found: `PortalView.find` and `PortalView.project` are the
only ways to one.
"""

from dataclasses import dataclass

from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from portal.api.callers import Caller
from portal.models.members import Role
from portal.models.tokens import Scope

EVERYBODY = (Role.MANAGER, Role.EXPERT, Role.ANNOTATOR, Role.READER)
WATCHERS = (Role.MANAGER, Role.EXPERT, Role.READER)
ONLOOKERS = (Role.MANAGER, Role.READER)  # they caption nothing, so nothing sways them
CAPTIONERS = (Role.MANAGER, Role.EXPERT, Role.ANNOTATOR)
MANAGERS = (Role.MANAGER,)
NOBODY: tuple[Role, ...] = ()


@dataclass(frozen=True)
class Need:
    """Who may use a method: machines with `scope` (None: no machine), people in one of `roles`."""

    scope: Scope | None
    roles: tuple[Role, ...]


class NeedsMet(BasePermission):
    """Refuse strangers, methods without a need, and machines without its scope."""

    message = "This token or role does not include that."
    code = "not_allowed"

    def has_permission(self, request: Request, view: APIView) -> bool:
        caller = Caller.of(request.user)
        method = "GET" if request.method == "HEAD" else request.method
        need: Need | None = getattr(view, "needs", {}).get(method)
        if request.method not in view.allowed_methods:
            return True  # the framework answers 405
        if need is None or (caller.token is None and caller.user is None):
            return False
        if caller.token:
            return need.scope is not None and caller.token.may(need.scope)
        return bool(need.roles)
