"""What managers do to rows: one declaration makes the list's action and the row's button.

An act calls a service once a row, each in a transaction of its own, and says how many rows changed,
which were left and why. A list may hold a million rows, so an act stops after a second and a half
and says what remains; doing it again goes on from there.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import unquote
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from unfold.enums import ActionVariant

from portal.admin.base import ScopedAdmin
from portal.admin.forms import Question
from portal.admin.runs import Act, Data, Shown, run
from portal.errors import PortalError

MOST_BUTTONS = 2


class ActingAdmin(ScopedAdmin):
    """A scoped list whose rows can be acted on."""

    acts: tuple[Act, ...] = ()

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Offer each act on a selection; deleting many at once is not among them."""
        if not super().get_actions(request) and "_popup" in request.GET:
            return {}
        return {
            act.name: (_on_selection(act), act.name, act.label)
            for act in self.acts
            if not act.one_by_one
        }

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Do nothing at all where a selected row is not the viewer's."""
        selected = set(request.POST.getlist(ACTION_CHECKBOX_NAME))
        if not all(pk.isdecimal() and len(pk) < 19 for pk in selected):
            raise Http404("No such row.")
        if self.get_queryset(request).filter(pk__in=selected).count() < len(selected):
            raise Http404("No such row.")
        return super().response_action(request, queryset)

    def get_urls(self) -> list[URLPattern]:
        """Add one address for each act on one row."""
        name = f"portal_{self.opts.model_name}_act"
        act = self.admin_site.admin_view(self.act_view)
        return [path("<path:object_id>/act/<slug:name>/", act, name=name), *super().get_urls()]

    def act_view(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        """Ask for one act on one row, and do it by POST."""
        act = next((act for act in self.acts if act.name == name), None)
        row = self.get_object(request, unquote(object_id))
        if act is None or row is None or not self.has_view_permission(request, row):
            raise Http404("There is no such row or act.")
        back = reverse(f"admin:portal_{self.opts.model_name}_change", args=[row.pk])
        posted = request.POST if request.method == "POST" else None
        form = act.form(posted, row=row) if act.form else None
        if request.method != "POST" or (form is not None and not form.is_valid()):
            return self._ask(request, act, form, str(row), act.preview and act.preview(row), back)
        try:
            outcome = self._do(act, request, row, form.cleaned_data if form else {})
        except PortalError as refused:
            if form is None:
                messages.error(request, refused.detail)
                return redirect(back)
            form.refuse(refused)
            return self._ask(request, act, form, str(row), None, back)
        return self._answer(request, act, row, outcome, back)

    def _do(self, act: Act, request: HttpRequest, row: Any, data: Data) -> object:
        """Take the step, and remember it where the service does not."""
        outcome = act.step(request, row, data)
        if outcome and act.is_remembered_here:
            self.remember(request, act.name, row, {})
        return outcome

    def _answer(
        self, request: HttpRequest, act: Act, row: Model, outcome: object, back: str
    ) -> HttpResponse:
        """Say what became of one row."""
        if isinstance(outcome, Shown):
            # Not to the row's own page: it may be gone.
            rows = reverse(f"admin:portal_{self.opts.model_name}_changelist")
            return self.show(request, outcome, rows)
        if isinstance(outcome, str):
            messages.success(request, outcome)
        elif outcome:
            messages.success(request, f"{act.done.capitalize()}: {row}.")
        else:
            messages.info(request, f"Nothing to do: {row} is as it was.")
        return redirect(back)

    def act_on(self, request: HttpRequest, act: Act, rows: QuerySet[Any], data: Data) -> None:
        """Do an act to many rows and say what became of them."""
        fitting = (act.fits(rows) if act.fits else rows).order_by("pk")
        tally = run(partial(self._do, act, request, data=data), fitting)
        n_left = fitting.count() - (tally.n_seen if act.fits is None else tally.n_kept)
        level = messages.SUCCESS if tally.n_done else messages.WARNING
        messages.add_message(request, level, tally.sentence(act.done, self.opts, max(n_left, 0)))

    def show(self, request: HttpRequest, shown: Shown, back: str) -> HttpResponse:
        """Show something once."""
        context = {
            **self.admin_site.each_context(request),
            "title": shown.title,
            "shown": shown,
            "opts": self.opts,
            "back": back,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/shown.html", context)

    def ask(
        self,
        request: HttpRequest,
        *,
        title: str,
        form: Question | None,
        back: str,
        intro: str = "",
        preview: Iterable[str] | None = None,
        button: str = "Go on",
        kept: Iterable[tuple[str, str]] = (),
    ) -> HttpResponse:
        """Ask for what is needed before something is done."""
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "intro": intro,
            "preview": preview,
            "form": form,
            "button": button,
            "kept": kept,
            "opts": self.opts,
            "back": back,
        }
        request.current_app = self.admin_site.name
        status = 400 if form is not None and form.is_bound and form.errors else 200
        return TemplateResponse(request, "admin/ask.html", context, status=status)

    def _ask(
        self,
        request: HttpRequest,
        act: Act,
        form: Question | None,
        what: str,
        preview: list[str] | None,
        back: str,
        kept: Iterable[tuple[str, str]] = (),
    ) -> HttpResponse:
        return self.ask(
            request,
            title=f"{act.label}: {what}",
            form=form,
            back=back,
            intro=act.intro,
            preview=preview,
            button=act.label,
            kept=kept,
        )

    def ask_about_selection(
        self, request: HttpRequest, act: Act, rows: QuerySet[Any]
    ) -> HttpResponse | None:
        """Ask for an act's particulars, the selection kept in the form, and then do it."""
        assert act.form is not None
        is_answer = "_asked" in request.POST
        form = act.form(request.POST if is_answer else None)
        if is_answer and form.is_valid():
            self.act_on(request, act, rows, form.cleaned_data)
            return None
        n = rows.count()
        what = f"{n} {self.opts.verbose_name if n == 1 else self.opts.verbose_name_plural}"
        back = request.get_full_path()
        return self._ask(request, act, form, what, None, back, _kept(request.POST))

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Put a button for each act that fits this row on its page."""
        row = kwargs.get("obj")
        if row is not None:
            context["actions_detail"] = self._buttons(row)
        return super().render_change_form(request, context, *args, **kwargs)

    def _buttons(self, row: Model) -> list[dict[str, Any]]:
        """Return a button an act, or a menu where there would be no room for them."""
        buttons = [self._button(row, act) for act in self._fitting(row)]
        if len(buttons) <= MOST_BUTTONS:
            return buttons
        menu = {"title": "Actions", "icon": "bolt", "variant": ActionVariant.DEFAULT, "attrs": {}}
        return [menu | {"items": buttons, "method_name": "acts"}]

    def _fitting(self, row: Model) -> list[Act]:
        this = type(row)._default_manager.filter(pk=row.pk)
        return [act for act in self.acts if act.fits is None or act.fits(this).exists()]

    def _button(self, row: Model, act: Act) -> dict[str, Any]:
        name = f"admin:portal_{self.opts.model_name}_act"
        return {
            "title": act.label,
            "icon": act.icon,
            "path": reverse(name, args=[row.pk, act.name]),
            "attrs": {},
        }


def _on_selection(act: Act) -> Callable[..., HttpResponse | None]:
    def perform(
        admin: ActingAdmin, request: HttpRequest, rows: QuerySet[Any]
    ) -> HttpResponse | None:
        if act.form is not None:
            return admin.ask_about_selection(request, act, rows)
        admin.act_on(request, act, rows, {})
        return None

    return perform


def _kept(posted: QueryDict) -> list[tuple[str, str]]:
    """Return what a second page of an action has to carry on from the first."""
    names = ("action", "select_across", ACTION_CHECKBOX_NAME)
    kept = [(name, value) for name in names for value in posted.getlist(name)]
    return [*kept, ("index", "0"), ("_asked", "1")]
