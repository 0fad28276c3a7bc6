"""The address book: three doors and the pages shown when one of them is shut."""

from pathlib import Path

from django.contrib import admin
from django.urls import include, path

handler400 = "labelportal.handlers.bad_request"
handler403 = "labelportal.handlers.forbidden"
handler404 = "labelportal.handlers.not_found"
handler500 = "labelportal.handlers.server_error"

_PORTAL = Path(__file__).resolve().parent.parent / "portal"
urlpatterns = [path("admin/", admin.site.urls)]
urlpatterns += [
    path("", include(f"portal.{door}.urls"))
    for door in ("api", "pages")
    if (_PORTAL / door / "urls.py").exists()
]
