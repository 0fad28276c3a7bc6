"""What every request passes through before Django's own middleware: a name, and a policy."""

import secrets
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from labelportal import policies

Handler = Callable[[HttpRequest], HttpResponse]


def name_request(get_response: Handler) -> Handler:
    """Give each request an id of our own making, answered as `X-Request-ID`."""

    def named(request: HttpRequest) -> HttpResponse:
        request.request_id = secrets.token_hex(8)  # type: ignore[attr-defined]
        response = get_response(request)
        response["X-Request-ID"] = request.request_id  # type: ignore[attr-defined]
        return response

    return named


def choose_policy(get_response: Handler) -> Handler:
    """Hand django-csp the policy of the page's prefix; a view that set its own keeps it."""

    def chosen(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if not hasattr(response, "_csp_config"):
            policy = policies.policy_for(request.path_info)
            response._csp_config = policy  # type: ignore[attr-defined]
        return response

    return chosen
