"""The console's first page: what is stuck, whom to trust, how far each project is."""

from typing import Any

from django.http import HttpRequest


def context(request: HttpRequest) -> dict[str, Any]:
    """Return what the dashboard's template draws."""
    return {}
