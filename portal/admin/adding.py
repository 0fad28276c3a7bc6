"""Lists to which a question adds: the answer goes to a service, secrets are shown once."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from portal.admin.acts import ActingAdmin
from portal.admin.forms import ProjectQuestion, Question
from portal.admin.runs import Data, Shown
from portal.errors import PortalError
from portal.models import Project


class AskingAdmin(ActingAdmin):
    """A list whose "add" is a question of its own instead of the model's form."""

    may_add = True
    question: type[Question] = ProjectQuestion
    add_title = ""
    add_intro = ""
    add_button = "Add"

    def add(self, request: HttpRequest, data: Data) -> Shown | str:
        """Call the service; return what is shown once, or the sentence that says what was done."""
        raise NotImplementedError

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Ask, and add by POST."""
        if not self.has_add_permission(request):
            raise PermissionDenied("Nothing is added here.")
        back = reverse(f"admin:portal_{self.opts.model_name}_changelist")
        form = self._question(request)
        if request.method == "POST" and form.is_valid():
            try:
                done = self.add(request, form.cleaned_data)
            except PortalError as refused:
                form.refuse(refused)
            else:
                if isinstance(done, Shown):
                    return self.show(request, done, back)
                messages.success(request, done)
                return redirect(back)
        return self.ask(
            request,
            title=self.add_title,
            form=form,
            back=back,
            intro=self.add_intro,
            button=self.add_button,
        )

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list, with a button that says what it adds instead of the theme's plus."""
        page = super().changelist_view(request, extra_context)
        shown = getattr(page, "context_data", None)
        if shown and shown.get("has_add_permission"):
            url = reverse(f"admin:portal_{self.opts.model_name}_add")
            button = {"title": self.add_title, "icon": "add", "path": url, "attrs": {}}
            shown |= {"actions_list": [button], "has_add_permission": False}
        return page

    def _question(self, request: HttpRequest) -> Question:
        data, files = (request.POST, request.FILES) if request.method == "POST" else (None, None)
        if not issubclass(self.question, ProjectQuestion):
            return self.question(data, files=files)
        projects = Project.objects.managed_by(request.user)
        named = request.GET.get("project", "")
        return self.question(data, files=files, projects=projects, named=named)
