"""Imports: a file of captions is sent, and its report read."""

from typing import Any

from django import forms
from django.contrib.admin import display, register
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldBooleanWidget,
)

from portal.admin.adding import AskingAdmin
from portal.admin.columns import NOTHING, stated, table
from portal.admin.filters import ScopedRelatedFilter
from portal.admin.forms import ProjectQuestion, Question, line
from portal.admin.runs import Data
from portal.admin.sites import site
from portal.models import Import, Project
from portal.models.formats import FileFormat
from portal.models.imports import ImportKind, ImportState
from portal.services import imports
from portal.services.imports import Options

SCORES = (("", "there is none"), ("confidence", "confidence"), ("uncertainty", "uncertainty"))


class ImportForm(ProjectQuestion):
    """A file, and what has to be said of it."""

    file = forms.FileField(widget=UnfoldAdminFileFieldWidget())
    format = forms.ChoiceField(choices=FileFormat, widget=UnfoldAdminSelectWidget())
    kind = forms.ChoiceField(
        choices=[("", "choose …"), *ImportKind.choices],
        widget=UnfoldAdminSelectWidget(),
        label="Its texts are",
    )
    is_dry_run = forms.BooleanField(
        required=False,
        initial=True,
        widget=UnfoldBooleanWidget(),
        label="Only try",
        help_text="Checks every line and says what would be added; nothing is stored.",
    )
    author = line(required=False, max_length=100, help_text="Who wrote texts that name no author.")
    model_version = line(
        required=False,
        max_length=120,
        label="Model version",
        help_text="Whose predictions texts are that name no version.",
    )
    score = forms.ChoiceField(
        choices=SCORES,
        required=False,
        widget=UnfoldAdminSelectWidget(),
        label="Label Studio's score is a",
    )
    prefixes = forms.CharField(
        required=False,
        widget=UnfoldAdminTextareaWidget({"rows": 2}),
        help_text="What the beginnings of clips' addresses stand for, one FROM=TO a line.",
    )

    def clean_prefixes(self) -> dict[str, str]:
        """Read the lines as a mapping."""
        pairs = [each.strip().rpartition("=") for each in self.cleaned_data["prefixes"].split("\n")]
        pairs = [pair for pair in pairs if any(pair)]
        if not all(begins and equals for begins, equals, _ in pairs):
            raise forms.ValidationError("Write FROM=TO, one a line.")
        return {begins: stands_for for begins, _, stands_for in pairs}

    def refuse(self, refusal: Any) -> None:
        """Show what is refused of `as` beside the field that asks it."""
        for problem in refusal.errors:
            problem["field"] = "kind" if problem["field"] == "as" else problem["field"]
        super().refuse(refusal)


@register(Import, site=site)
class ImportAdmin(AskingAdmin):
    """Files of captions with what became of their texts."""

    question = ImportForm
    add_title = "Import captions"
    add_intro = (
        "The file is looked through at once: what is broken, or would have to be guessed, is said "
        "here and nothing is stored. Sending a file again adds nothing."
    )
    add_button = "Import"
    list_display = (
        "name", "project", "format", "kind", stated("state"), "dry_run", "outcome", "created_at",
    )  # fmt: skip
    list_filter = (("project", ScopedRelatedFilter), "state", "kind")
    list_select_related = ("project",)
    search_fields = ("name", "=uid")
    fields = (
        "name", "project", "format", "kind", "dry_run", "state", "failure", "how_far", "outcome",
        "warned", "refused", "sha256", "uid",
        "requested_by", "created_at", "finished_at",
    )  # fmt: skip

    def add(self, request: HttpRequest, data: Data) -> str:
        """Keep the file and have it taken in."""
        row = imports.request(
            user=request.user,
            project=data["project"],
            stream=data["file"],
            name=data["file"].name,
            format=data["format"],
            kind=data["kind"],
            options=Options(
                author=data["author"],
                model_version=data["model_version"],
                score=data["score"],
                prefixes=data["prefixes"],
            ),
            dry_run=data["is_dry_run"],
        )
        return f"{row} is being {'tried' if row.is_dry_run else 'taken in'}; reload in a moment."

    def _question(self, request: HttpRequest) -> Question:
        sent = (request.POST, request.FILES) if request.method == "POST" else (None, None)
        projects = Project.objects.managed_by(request.user)
        return ImportForm(
            sent[0], files=sent[1], projects=projects, named=request.GET.get("project", "")
        )

    @display(description="only tried", boolean=True)
    def dry_run(self, row: Import) -> bool:
        """Whether nothing was stored."""
        return row.is_dry_run

    @display(description="records read")
    def how_far(self, row: Import) -> str:
        """How much of the file is done."""
        return f"{row.n_done:,} of {row.n_records:,}"

    @display(description="what became of it")
    def outcome(self, row: Import) -> str:
        """Counts of its texts."""
        would = "would be " if row.is_dry_run else ""
        kept = f", {row.n_skipped} skips and drafts" if row.n_skipped else ""
        return (
            f"{row.n_added:,} {would}added, {row.n_unchanged:,} there already{kept}, "
            f"{row.n_failed:,} refused"
        )

    @display(description="warnings")
    def warned(self, row: Import) -> str:
        """What looked odd."""
        return " ".join(row.warnings) or NOTHING

    @display(description="refused")
    def refused(self, row: Import) -> SafeString | str:
        """Which texts were not taken, and why."""
        if not row.problems:
            return "still reading" if row.state == ImportState.RUNNING else NOTHING
        return table(["Where", "Why"], [(each["place"], each["reason"]) for each in row.problems])
