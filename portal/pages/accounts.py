"""Signing in and out, joining by an invitation, setting up, a new password."""

from django.contrib import messages
from django.contrib.auth import login, views
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse, reverse_lazy
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from portal.errors import NotFound, PortalError
from portal.models import Invitation, User
from portal.pages.forms import JoinForm, SignInForm
from portal.pages.seats import signed_in
from portal.services import members

MODEL_BACKEND = "django.contrib.auth.backends.ModelBackend"


class SignIn(views.LoginView):
    """Sign in, and go on to where one was going (on this site only)."""

    authentication_form = SignInForm
    template_name = "portal/sign_in.html"
    redirect_authenticated_user = True


class SignOut(views.LogoutView):
    """Sign out, by POST alone."""

    http_method_names = ["post", "options"]


@method_decorator(never_cache, name="dispatch")
class ChangePassword(views.PasswordChangeView):
    """Choose a new password; every other session of this account ends."""

    template_name = "portal/password.html"
    success_url = reverse_lazy("pages:home")

    def form_valid(self, form):  # type: ignore[no-untyped-def]
        """Say that it worked."""
        messages.success(self.request, "Your password is changed. Other devices are signed out.")
        return super().form_valid(form)


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def join(request: HttpRequest, secret: str) -> HttpResponse:
    """Make an account by an invitation, or add the project to the account in use."""
    invitation = _invitation(secret)
    if invitation.project is None:
        raise Http404("A set-up link has another address.")
    return _enter(request, secret, invitation)


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def set_up(request: HttpRequest, secret: str) -> HttpResponse:
    """Make the first account of an empty installation."""
    invitation = _invitation(secret)
    if invitation.project is not None:
        raise Http404("An invitation has another address.")
    return _enter(request, secret, invitation)


@require_POST
@signed_in
def join_as(request: HttpRequest, secret: str) -> HttpResponse:
    """Accept an invitation with the account that is signed in."""
    assert isinstance(request.user, User)
    membership = members.accept_as(secret=secret, user=request.user)
    messages.success(request, f"You are in {membership.project} now.")
    return redirect("pages:home")


def _invitation(secret: str) -> Invitation:
    try:
        return members.find_invitation(secret=secret)
    except NotFound as missing:
        raise Http404(missing.detail) from missing


def _enter(request: HttpRequest, secret: str, invitation: Invitation) -> HttpResponse:
    form = JoinForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            user = members.accept(secret=secret, **form.cleaned_data)
        except PortalError as refusal:
            form.refuse(refusal)
        else:
            login(request, user, backend=MODEL_BACKEND)
            return redirect(reverse("pages:home") if invitation.project else "admin:index")
    context = {"form": form, "invitation": invitation, "secret": secret}
    status = 400 if form.is_bound else 200
    return render(request, "portal/join.html", context, status=status)
