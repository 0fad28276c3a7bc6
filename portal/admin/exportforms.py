"""What the console asks before captions go out."""

from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldBooleanWidget,
)

from portal.admin.forms import MomentInput, ProjectQuestion, line
from portal.models.consensus import FINAL
from portal.models.formats import FileFormat
from portal.services.exports import Options

STATUSES = [(status.value, status.label) for status in FINAL]


class ExportForm(ProjectQuestion):
    """What an export is called, which captions it takes, and how they are written down."""

    name = line(max_length=120, initial="captions")
    format = forms.ChoiceField(choices=FileFormat, required=False, widget=UnfoldAdminSelectWidget())
    statuses = forms.MultipleChoiceField(
        choices=STATUSES,
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        label="How it was settled",
        help_text="None ticked is all of them.",
    )
    min_confidence = forms.FloatField(
        required=False,
        min_value=0,
        max_value=1,
        widget=UnfoldAdminIntegerFieldWidget({"step": "0.05"}),
        label="Confidence at least",
    )
    tags = line(required=False, help_text="Clips with any of these tags, commas between.")
    since = forms.DateTimeField(required=False, widget=MomentInput(), label="Settled since (UTC)")
    until = forms.DateTimeField(required=False, widget=MomentInput(), label="Settled before (UTC)")
    model_version = line(required=False, max_length=120, label="Model version")
    validation_share = forms.FloatField(
        required=False,
        initial=0.1,
        min_value=0,
        max_value=1,
        widget=UnfoldAdminIntegerFieldWidget({"step": "0.05"}),
        label="Share for validation",
        help_text="Clips kept for evaluation are the test split; a clip's split never changes.",
    )
    with_files = forms.BooleanField(
        required=False,
        widget=UnfoldBooleanWidget(),
        label="Clips too",
        help_text="VideoFolder only: the clips' files go along.",
    )
    shows_ids = forms.BooleanField(
        required=False,
        widget=UnfoldBooleanWidget(),
        label="Annotators' ids",
        help_text="Else people go out under pseudonyms, the same in every export.",
    )


def options_of(data: dict[str, Any]) -> Options:
    """Return the answers as what the service takes."""
    given = {
        "statuses": tuple(data["statuses"]),
        "min_confidence": data["min_confidence"],
        "tags": tuple(tag for tag in (part.strip() for part in data["tags"].split(",")) if tag),
        "since": data["since"],
        "until": data["until"],
        "model_version": data["model_version"],
        "validation_share": data["validation_share"],
        "with_files": data["with_files"],
        "authors": "ids" if data["shows_ids"] else "pseudonyms",
    }
    return Options(**{key: value for key, value in given.items() if value is not None})
