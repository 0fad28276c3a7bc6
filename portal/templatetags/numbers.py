"""Numbers as people read them: percentages, seconds on a clip, durations, signed differences."""

from django import template

register = template.Library()

NOTHING = "–"
Number = float | str | None  # a variable that a template does not have arrives as an empty text


@register.filter
def percent(share: Number) -> str:
    """0.873 → 87 %; nothing known → a dash."""
    return NOTHING if not isinstance(share, int | float) else f"{share * 100:.0f}\u202f%"


@register.filter
def timecode(seconds: Number) -> str:
    """75.5 → 1:15.5, as on the player."""
    if not isinstance(seconds, int | float):
        return NOTHING
    minutes, rest = divmod(round(seconds, 1), 60)
    return f"{minutes:.0f}:{rest:04.1f}"


@register.filter
def duration(seconds: Number) -> str:
    """75 → 1 min 15 s; 8.25 → 8 s."""
    if not isinstance(seconds, int | float):
        return NOTHING
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


@register.filter
def decimal(value: Number, places: int = 2) -> str:
    """0.4567 → 0.46."""
    return f"{value:.{places}f}" if isinstance(value, int | float) else NOTHING


@register.filter
def signed(value: Number, places: int = 2) -> str:
    """0.4567 → +0.46, with a real minus sign below zero."""
    if not isinstance(value, int | float):
        return NOTHING
    shown = f"{value:+.{places}f}".replace("-", "\u2212")
    return shown if any(digit in "123456789" for digit in shown) else shown[1:]


@register.filter
def upto(count: int, most: int = 99) -> str:
    """A count that was only taken up to a bound: 100 → 99+."""
    return f"{most}+" if count > most else str(count)
