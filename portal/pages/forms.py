"""What the pages' forms may carry. Rules of the house live in the services; these only parse."""

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.utils.text import capfirst

from portal.errors import InvalidInput, PortalError
from portal.models.reviews import DECISIONS, Decision
from portal.models.taskstates import ParkReason
from portal.models.texts import MAX_CHARACTERS

STEPS = (("0", "Wrong"), ("0.25", "Poor"), ("0.5", "Fair"), ("0.75", "Good"), ("1", "Right"))


class RefusableForm(forms.Form):
    """A form that can show a service's refusal beside the field it names."""

    def refuse(self, refusal: PortalError) -> None:
        """Show the refusal by its fields, or above the form where it names none of them."""
        named = [problem for problem in refusal.errors if problem["field"] in self.fields]
        for problem in named:
            self.add_error(problem["field"], capfirst(problem["message"]))
        if not named:
            self.add_error(None, refusal.detail)


class SignInForm(AuthenticationForm):
    """User name and password; unknown names and wrong passwords answer alike."""

    error_messages = {
        "invalid_login": "That user name and password do not go together. Both mind capitals.",
        "inactive": "That user name and password do not go together. Both mind capitals.",
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = "User name"


class JoinForm(RefusableForm):
    """A new account made by an invitation or the set-up link."""

    username = forms.CharField(
        label="User name",
        max_length=64,
        help_text="Letters, digits and @ . + - _ only.",
        widget=forms.TextInput(
            attrs={"autocomplete": "username", "autocapitalize": "none", "autofocus": True}
        ),
    )
    full_name = forms.CharField(
        label="Your name",
        max_length=120,
        required=False,
        help_text="Shown to managers beside your work; you may leave it out.",
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    password = forms.CharField(
        label="Password",
        max_length=1000,
        strip=False,
        help_text="At least 12 characters. A few unrelated words are easy to keep in mind.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )


class CaptionForm(RefusableForm):
    """A caption under a lease."""

    task = forms.IntegerField(widget=forms.HiddenInput)
    lease = forms.UUIDField(widget=forms.HiddenInput)
    seconds = forms.FloatField(
        widget=forms.HiddenInput, required=False, min_value=0, max_value=86_400
    )
    caption = forms.CharField(
        label="What happens in the clip?",
        required=False,  # the service says what is wrong with an empty one
        strip=False,
        widget=forms.Textarea(attrs={"rows": 4, "maxlength": MAX_CHARACTERS, "dir": "auto"}),
    )


class DraftForm(forms.Form):
    """Unfinished text on its way to safety."""

    lease = forms.UUIDField()
    text = forms.CharField(required=False, strip=False, max_length=10_000)


class LeaseForm(forms.Form):
    """A lease to keep or to give back."""

    lease = forms.UUIDField(widget=forms.HiddenInput)


class SkipForm(forms.Form):
    """A clip that cannot be captioned, and why."""

    lease = forms.UUIDField(widget=forms.HiddenInput)
    reason = forms.ChoiceField(
        label="Why can it not be captioned?", choices=ParkReason.choices, widget=forms.RadioSelect
    )


class ScoreForm(RefusableForm):
    """One person's score of one caption, in five steps."""

    annotation = forms.IntegerField(widget=forms.HiddenInput)
    score = forms.TypedChoiceField(
        label="How well does it say what happens?",
        choices=STEPS,
        coerce=float,
        widget=forms.RadioSelect,
        error_messages={"required": "Choose one of the five steps."},
    )
    rationale = forms.CharField(
        label="Why? (optional)",
        required=False,
        max_length=MAX_CHARACTERS,
        widget=forms.Textarea(attrs={"rows": 1, "dir": "auto"}),
    )


class EditForm(RefusableForm):
    """A correction, with the number of the wording that the editor saw."""

    number = forms.IntegerField(widget=forms.HiddenInput)
    caption = forms.CharField(
        label="Caption",
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 4, "maxlength": MAX_CHARACTERS, "dir": "auto"}),
    )


class DecisionForm(RefusableForm):
    """An expert's decision on a disputed task."""

    decision = forms.ChoiceField(
        choices=[(decision.value, decision.label) for decision in DECISIONS],
        error_messages={"required": "Choose what is to be done."},
    )
    annotation = forms.IntegerField(required=False)
    text = forms.CharField(
        required=False,
        strip=False,
        widget=forms.Textarea(
            attrs={"rows": 3, "maxlength": MAX_CHARACTERS, "dir": "auto", "data-decides": "write"}
        ),
    )
    reason = forms.CharField(
        max_length=MAX_CHARACTERS,
        error_messages={"required": "Say why, in a sentence: it is kept with the decision."},
        widget=forms.Textarea(attrs={"rows": 2, "dir": "auto"}),
    )

    def clean(self) -> dict[str, Any]:
        """Ask for the caption that a choice needs and the words that writing needs."""
        given: dict[str, Any] = super().clean() or {}
        if given.get("decision") == Decision.CHOOSE and not given.get("annotation"):
            self.refuse(InvalidInput.on("annotation", "Mark the caption that you choose."))
        if given.get("decision") == Decision.WRITE and not (given.get("text") or "").strip():
            self.refuse(InvalidInput.on("text", "Write the caption that should stand."))
        return given


class BlindForm(RefusableForm):
    """What an auditor sees in the clip, before the caption that stands is unveiled."""

    task = forms.IntegerField(widget=forms.HiddenInput)
    words = forms.CharField(
        label="What happens in the clip?",
        required=False,  # the service says what is wrong with empty words
        strip=False,
        widget=forms.Textarea(attrs={"rows": 4, "maxlength": MAX_CHARACTERS, "dir": "auto"}),
    )


class FindingForm(RefusableForm):
    """Whether the caption that stands is right, and why."""

    task = forms.IntegerField(widget=forms.HiddenInput)
    finding = forms.ChoiceField(
        choices=[
            (Decision.UPHOLD.value, "It is right"),
            (Decision.REFUTE.value, "It is wrong"),
        ],
        widget=forms.RadioSelect,
        label="Does it say what happens?",
        error_messages={"required": "Say whether the caption is right or wrong."},
    )
    reason = forms.CharField(
        label="Why?",
        required=False,
        max_length=MAX_CHARACTERS,
        help_text="Needed where it is wrong: the expert who decides in the end reads it.",
        widget=forms.Textarea(attrs={"rows": 2, "dir": "auto"}),
    )

    def clean(self) -> dict[str, Any]:
        """Ask for the reason that a refusal needs."""
        given: dict[str, Any] = super().clean() or {}
        if given.get("finding") == Decision.REFUTE and not (given.get("reason") or "").strip():
            self.refuse(InvalidInput.on("reason", "Say what is wrong with it, in a sentence."))
        return given
