"""What the console asks before something is done; services check what is answered."""

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils import timezone
from unfold.widgets import (
    INPUT_CLASSES,
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from portal.errors import PortalError
from portal.models import Consensus, ModelVersion, Project
from portal.models.events import EVENT_TYPES
from portal.models.members import Role
from portal.models.taskstates import ParkReason
from portal.models.tokens import Scope
from portal.models.versions import VersionState

MOST_CAPTIONS_IN_BATCH = 10_000
MAX_GOLD_BYTES = 2_000_000


class MomentInput(forms.DateTimeInput):
    """The browser's own field for a day and a time."""

    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__({"class": " ".join(INPUT_CLASSES)}, format="%Y-%m-%dT%H:%M")


def line(**rules: Any) -> forms.CharField:
    """A line of text."""
    return forms.CharField(widget=UnfoldAdminTextInputWidget(), **rules)


class Question(forms.Form):
    """A form that shows what a service refused beside the field it is about.

    `row` is what is acted on, where it is one row.
    """

    def __init__(self, data: Any = None, *, row: Any = None, **rest: Any) -> None:
        super().__init__(data, **rest)
        self.row = row

    def refuse(self, refusal: PortalError) -> None:
        """Show a service's refusal."""
        for problem in refusal.errors:
            name = problem["field"] if problem["field"] in self.fields else None
            self.add_error(name, problem["message"])
        if not refusal.errors:
            self.add_error(None, refusal.detail)


class ProjectQuestion(Question):
    """A question about one of the projects that the viewer manages."""

    project = forms.ModelChoiceField(
        Project.objects.none(), widget=UnfoldAdminSelectWidget(), empty_label=None
    )

    def __init__(
        self, data: Any = None, *, projects: QuerySet[Project], named: str = "", **rest: Any
    ) -> None:
        super().__init__(data, **rest)
        field = self.fields["project"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = projects
        if named.isdecimal() and len(named) < 19:
            self.initial["project"] = int(named)


class Confirmation(Question):
    """Nothing is asked but whether it is meant."""


class ParkForm(Question):
    """Why tasks are set aside."""

    reason = forms.ChoiceField(choices=ParkReason, widget=UnfoldAdminSelectWidget())


class WhyForm(Question):
    """A decision with its reason, which the audit keeps."""

    reason = forms.CharField(
        label="Why", required=False, max_length=1000, widget=UnfoldAdminTextareaWidget()
    )


class ValueForm(Question):
    """What tasks are worth, and when they are due."""

    business_value = forms.FloatField(
        initial=1.0,
        min_value=0.25,
        max_value=4.0,
        widget=UnfoldAdminIntegerFieldWidget({"step": "0.25"}),
        help_text="¼ counts little, 4 counts much; 1 is ordinary.",
    )
    due_at = forms.DateTimeField(
        required=False, widget=MomentInput(), label="Due (UTC)", help_text="Empty is no deadline."
    )


class GoldForm(Question):
    """The right answers of a task."""

    references = forms.CharField(
        required=False,
        widget=UnfoldAdminTextareaWidget({"rows": 4}),
        label="Accepted answers",
        help_text="One a line. Empty takes what was decided, with the captions that say the same.",
    )
    planted = line(
        required=False,
        max_length=500,
        label="Wrong caption to show",
        help_text="Shown as the model's where the project shows predictions; it tells who accepts "
        "one without looking.",
    )


class GoldFileForm(ProjectQuestion):
    """A file of gold clips."""

    file = forms.FileField(
        widget=forms.ClearableFileInput({"accept": ".jsonl,.ndjson,.json,.txt"}),
        help_text="JSON Lines, UTF-8, at most 2 MB; larger ones by manage.py import_gold.",
    )
    is_dry = forms.BooleanField(
        required=False, initial=True, widget=UnfoldBooleanWidget(), label="Only say what would be"
    )

    def clean_file(self) -> Any:
        """Refuse what would keep the page waiting."""
        file = self.cleaned_data["file"]
        if file.size > MAX_GOLD_BYTES:
            raise forms.ValidationError("The file is larger than 2 MB; use manage.py import_gold.")
        return file


class CapacityForm(Question):
    """How much a person is given at once."""

    capacity = forms.IntegerField(
        initial=10,
        min_value=1,
        max_value=100,
        widget=UnfoldAdminIntegerFieldWidget(),
        label="Tasks a person",
        help_text="At most so many leases at once; each lasts a day.",
    )


class InviteForm(ProjectQuestion):
    """Whom to invite, and as what."""

    role = forms.ChoiceField(choices=Role, initial=Role.ANNOTATOR, widget=UnfoldAdminSelectWidget())
    note = line(required=False, max_length=120, help_text="For whom; only managers see it.")


class TokenForm(ProjectQuestion):
    """What a machine may do, and until when."""

    name = line(max_length=120, help_text="What will use it.")
    scopes = forms.MultipleChoiceField(
        choices=Scope, initial=[Scope.READ], widget=UnfoldAdminCheckboxSelectMultipleWidget()
    )
    expires_at = forms.DateTimeField(
        required=False, widget=MomentInput(), label="Expires (UTC)", help_text="Empty is never."
    )

    def clean_expires_at(self) -> Any:
        """Refuse a token that would be dead when it is shown."""
        expires_at = self.cleaned_data["expires_at"]
        if expires_at and expires_at <= timezone.now():
            raise forms.ValidationError("That lies in the past.")
        return expires_at


class EndpointForm(ProjectQuestion):
    """Where events go, and which."""

    url = forms.URLField(
        max_length=500, assume_scheme="https", widget=UnfoldAdminTextInputWidget(), label="Address"
    )
    events = forms.MultipleChoiceField(
        choices=[(name, name) for name in EVENT_TYPES],
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        help_text="None ticked is all of them.",
    )


class EndpointChangeForm(Question):
    """Which events an endpoint wants."""

    events = EndpointForm.base_fields["events"]

    def __init__(self, data: Any = None, *, row: Any = None, **rest: Any) -> None:
        super().__init__(data, row=row, initial={"events": row.events if row else []}, **rest)


class GuidelineForm(ProjectQuestion):
    """The next version of the guidelines."""

    text = forms.CharField(
        widget=UnfoldAdminTextareaWidget({"rows": 16}),
        help_text="Markdown. Everybody who is given work from now on sees this version.",
    )


class ProjectForm(Question):
    """What a new project is called; its rules are set on its page."""

    name = line(max_length=120)
    slug = forms.SlugField(
        max_length=60, widget=UnfoldAdminTextInputWidget(), help_text="In addresses; stays."
    )
    language = line(max_length=16, initial="en", help_text="BCP 47 tag of the captions' language.")
    is_mine = forms.BooleanField(
        required=False, initial=True, widget=UnfoldBooleanWidget(), label="I manage it"
    )


class RetrainForm(Question):
    """Which version is retrained, on how much."""

    version = forms.ModelChoiceField(
        ModelVersion.objects.none(), widget=UnfoldAdminSelectWidget(), empty_label=None
    )
    mini_batch_id = line(max_length=100, label="Mini-batch id")
    most = forms.IntegerField(
        min_value=1,
        max_value=MOST_CAPTIONS_IN_BATCH,
        widget=UnfoldAdminIntegerFieldWidget(),
        label="Captions at most",
        help_text="The oldest final consensuses that no batch has used.",
    )

    def __init__(self, data: Any = None, *, row: Any = None, **rest: Any) -> None:
        ready = Consensus.objects.filter(project=row).trainable().unbatched()
        most = max(1, ready[:MOST_CAPTIONS_IN_BATCH].count())
        name = timezone.now().strftime("manual-%Y-%m-%d-%H%M")
        first = {
            "mini_batch_id": name,
            "most": most,
            "version": ModelVersion.objects.current_of(row.pk),
        }
        super().__init__(data, row=row, initial=first, **rest)
        field = self.fields["version"]
        assert isinstance(field, forms.ModelChoiceField)
        versions = ModelVersion.objects.filter(project=row)
        field.queryset = versions.exclude(state=VersionState.RETIRED)
