"""What a browser may load, one Content-Security-Policy per kind of page.

A page of ours runs no inline script and no inline style. The console's theme evaluates Alpine
expressions and Swagger sets inline styles, so those two prefixes get a wider policy of their own:
leaving a prefix out would leave it without any policy at all.
"""

from typing import Any

from csp.constants import NONCE, NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE

PAGES: dict[str, Any] = {
    "default-src": [NONE],
    "script-src": [SELF],
    "style-src": [SELF],
    "img-src": [SELF, "data:"],
    "media-src": [SELF, "blob:"],
    "font-src": [SELF],
    "connect-src": [SELF],
    "manifest-src": [SELF],
    "form-action": [SELF],
    "base-uri": [NONE],
    "object-src": [NONE],
    "frame-ancestors": [NONE],
}

CONSOLE: dict[str, Any] = PAGES | {
    "script-src": [SELF, UNSAFE_EVAL, NONCE],
    "style-src": [SELF, UNSAFE_INLINE],
    "frame-src": [SELF],
    "frame-ancestors": [SELF],
}

API_DOCS: dict[str, Any] = PAGES | {"style-src": [SELF, UNSAFE_INLINE]}

BY_PREFIX: tuple[tuple[str, dict[str, Any]], ...] = (("/admin/", CONSOLE), ("/docs", API_DOCS))


def policy_for(path: str) -> dict[str, Any]:
    """Return the policy of the page at `path`."""
    return next((policy for prefix, policy in BY_PREFIX if path.startswith(prefix)), PAGES)
