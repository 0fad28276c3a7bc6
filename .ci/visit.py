"""Visit a running demo: one page, one API call with the token of its demo.json."""

import json
import sys
import urllib.request
from pathlib import Path


def fetch(url: str, headers: dict[str, str]) -> tuple[int, str, bytes]:
    """Return status, content type and body."""
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.status, answer.headers.get_content_type(), answer.read()


demo = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
status, kind, page = fetch(f"{demo['url']}/sign-in", {})
assert (status, kind) == (200, "text/html") and b"password" in page, (status, kind)
bearer = {"Authorization": f"Bearer {demo['api_token']}"}
status, kind, body = fetch(f"{demo['url']}/api/v1/dashboard", bearer)
assert (status, kind) == (200, "application/json"), (status, kind)
assert json.loads(body)["project"], body
print(f"Page and API answer at {demo['url']}: {body[:300].decode()}")
