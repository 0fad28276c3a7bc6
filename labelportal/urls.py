"""The address book: three doors and the pages shown when one of them is shut."""

from django.contrib import admin
from django.urls import include, path

handler400 = "labelportal.handlers.bad_request"
handler403 = "labelportal.handlers.forbidden"
handler404 = "labelportal.handlers.not_found"
handler500 = "labelportal.handlers.server_error"

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("portal.api.urls")),
    path("", include("portal.pages.urls")),
]
