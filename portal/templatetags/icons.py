"""Icons of our own, drawn in the page so that they take the text's colour."""

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()

PATHS = {
    "home": "M4 11.5 12 5l8 6.5V20h-5.5v-5h-5v5H4z",
    "caption": "M3.5 5.5h17v13h-17z M7 11h4 M13.5 11H17 M7 14.5h6.5 M16 14.5h1",
    "review": "M12 4.5l2.3 4.8 5.2.7-3.8 3.6 1 5.2-4.7-2.6-4.7 2.6 1-5.2L4.5 10l5.2-.7z",
    "mine": "M5 6.5h14 M5 12h14 M5 17.5h9",
    "dispute": "M12 20v-7 M12 13C12 9 6 10 6 4.5 M12 13c0-4 6-3 6-8.5 M3.5 7 6 4.5 8.5 7"
    " M15.5 7 18 4.5 20.5 7",
    "me": "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8z M4.5 20c.8-4 3.6-5.5 7.5-5.5s6.7 1.5 7.5 5.5",
    "play": "M8 5.5v13l10.5-6.5z",
    "pause": "M8.5 5.5v13 M15.5 5.5v13",
    "loop": "M6 9.5C7 7 9.3 5.5 12 5.5c3.6 0 6.5 2.9 6.5 6.5s-2.9 6.5-6.5 6.5"
    "c-2.7 0-5-1.6-6-4 M5.5 5v4.5H10",
    "back": "M15.5 6 9 12l6.5 6z M6.5 6v12",
    "forward": "M8.5 6l6.5 6-6.5 6z M17.5 6v12",
    "clock": "M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17z M12 7.5V12l3 2",
    "check": "M5 12.5l4.5 4.5L19 7.5",
    "warning": "M12 4.5 21 19.5H3z M12 10v4.5 M12 17v.2",
    "info": "M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17z M12 11v5 M12 8v.2",
    "down": "M7 10l5 5 5-5",
    "keyboard": "M3 7h18v10.5H3z M6.5 10.5h.2 M10 10.5h.2 M13.8 10.5h.2 M17.3 10.5h.2 M8 14.2h8",
    "skip": "M5 6l6.5 6L5 18z M12.5 6l6.5 6-6.5 6z",
    "book": "M12 6.5C10 5 7 4.7 4 5v13c3-.3 6 0 8 1.5 2-1.5 5-1.8 8-1.5V5c-3-.3-6 0-8 1.5z"
    " M12 6.5v13",
    "eye": "M2.5 12C5 7.7 8.3 5.7 12 5.7s7 2 9.5 6.3c-2.5 4.3-5.8 6.3-9.5 6.3"
    "S5 16.3 2.5 12z M12 14.7a2.7 2.7 0 1 0 0-5.4 2.7 2.7 0 0 0 0 5.4z",
    "out": "M10 4.5H5v15h5 M10 12h9.5 M16 8l4 4-4 4",
    "pen": "M5 19l.8-3.8L16.5 4.5l3 3L8.8 18.2z M14 7l3 3",
    "undo": "M9 5 4.5 9.5 9 14 M5 9.5h8.5c3.3 0 5.5 2 5.5 5s-2.2 5-5.5 5H9",
    "console": "M4 4.5h7v7H4z M13.5 4.5H20v4.5h-6.5z M13.5 11.5H20V19.5h-6.5z M4 14h7v5.5H4z",
    "film": "M3.5 5.5h17v13h-17z M7.5 5.5v13 M16.5 5.5v13 M3.5 9.8h4 M3.5 14.2h4"
    " M16.5 9.8h4 M16.5 14.2h4",
    "chart": "M4.5 4.5v15h15 M8 15l3.5-4 3 2.5L19 8",
    "compare": "M3.5 5.5h7.5v13H3.5z M13 5.5h7.5v13H13z M6 12l1.2 1.4L9 10.5 M15.5 10.5l3 3"
    " M18.5 10.5l-3 3",
    "key": "M14.5 13.5a4.5 4.5 0 1 0-4-2.5L4 17.5V20h3v-2h2v-2h1.5l1.7-1.7c.7.1 1.5-.3"
    " 2.3-.8z M15.8 8.2v.1",
    "lock": "M6 10.5h12v9H6z M8.5 10.5V8a3.5 3.5 0 0 1 7 0v2.5",
}


@register.simple_tag
def icon(name: str) -> SafeString:
    """Draw an icon; it is decoration, so the words beside it must say the same."""
    return format_html(
        '<svg class="icon" viewBox="0 0 24 24" width="20" height="20" fill="none"'
        ' stroke="currentColor" stroke-width="1.75" stroke-linecap="round"'
        ' stroke-linejoin="round" aria-hidden="true" focusable="false"><path d="{}"/></svg>',
        PATHS[name],
    )
