"""Service tokens as Bearer headers, never in an address; people come with their session."""

from urllib.parse import parse_qsl

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from portal.models import ServiceToken

LONGEST_HEADER = 300
IN_ADDRESS = frozenset({"token", "access_token", "api_token", "api_key", "apikey", "authorization"})


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer lp_…`; unknown, expired and revoked tokens are refused alike."""

    def authenticate(self, request: Request) -> tuple[ServiceToken, None] | None:
        """Return the token that the header holds, or None where there is no header at all."""
        query = request.META.get("QUERY_STRING", "")
        if any(name.lower() in IN_ADDRESS for name, _ in parse_qsl(query[:10_000])):
            raise AuthenticationFailed(
                "Send the token in the Authorization header, not the address."
            )
        header = request.META.get("HTTP_AUTHORIZATION")
        if header is None:
            return None
        token = self._find(header)
        if token is None:
            raise AuthenticationFailed("This token is not valid here.")
        return token, None

    def authenticate_header(self, request: Request) -> str:
        """Name the scheme that would be let in."""
        return 'Bearer realm="Label Portal"'

    def _find(self, header: str) -> ServiceToken | None:
        scheme, _, secret = header.partition(" ")
        if len(header) > LONGEST_HEADER or not header.isascii() or scheme.lower() != "bearer":
            return None
        return ServiceToken.objects.valid(secret.strip())
