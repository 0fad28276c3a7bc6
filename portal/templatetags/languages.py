"""The direction in which a project's language is written."""

from django import template

register = template.Library()

RIGHT_TO_LEFT = {"ar", "arc", "ckb", "dv", "fa", "he", "ks", "ps", "sd", "syr", "ug", "ur", "yi"}
SCRIPTS = {"arab", "hebr", "syrc", "thaa", "nkoo", "adlm"}


@register.filter
def direction(tag: str) -> str:
    """Return rtl or ltr for a BCP 47 tag; a script named in it decides, else the language."""
    language, *rest = tag.lower().split("-")
    scripts = [part for part in rest if len(part) == 4 and part.isalpha()]
    if scripts:
        return "rtl" if scripts[0] in SCRIPTS else "ltr"
    return "rtl" if language in RIGHT_TO_LEFT else "ltr"
