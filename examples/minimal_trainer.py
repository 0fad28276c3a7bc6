"""A trainer of one's own in its smallest form; examples/captioner adds a state and a model."""

import json
import os
import threading
from collections import Counter
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
from standardwebhooks import Webhook, WebhookVerificationError

API, WEBHOOK = os.environ["PORTAL_URL"] + "/api/v1", Webhook(os.environ["WEBHOOK_SECRET"])
BEARER = {"Authorization": f"Bearer {os.environ['PORTAL_TOKEN']}"}
HTTP = httpx.Client(headers={"Content-Type": "application/json"}, timeout=30)


def report(run: dict, seq: int, **news: object) -> None:
    """Tell the portal how a run goes."""
    body, now, name = json.dumps({"seq": seq, **news}), datetime.now(UTC), f"{run['run_id']}-{seq}"
    signed = {"webhook-id": name, "webhook-timestamp": str(int(now.timestamp()))}
    signed["webhook-signature"] = WEBHOOK.sign(name, now, body)
    HTTP.post(run["callback"]["url"], content=body, headers=signed).raise_for_status()


def train(run: dict) -> None:
    """Learn what people agreed on, and predict every task's clip under a new version."""
    report(run, 1, status="accepted")
    manifest = HTTP.get(run["manifest"]["url"]).raise_for_status().text
    known = {line["task_id"]: line["caption"] for line in map(json.loads, manifest.splitlines())}
    (commonest, _), version = Counter(known.values()).most_common(1)[0], f"minimal-{run['run_id']}"
    rows, link = {}, f"{API}/tasks?page_size=200"
    while link:
        page = HTTP.get(link, headers=BEARER).raise_for_status().json()
        for task in page["results"]:
            row = {key: task[key] for key in ("start", "end") if task["end"]}
            row |= {"video_id": task["video"]["video_id"], "model_version": version}
            rows[str(row)] = row | {"caption": known.get(task["id"], commonest)}
        link = page["next"]
    HTTP.post(f"{API}/predictions/bulk", json=[*rows.values()], headers=BEARER).raise_for_status()
    report(run, 2, status="succeeded", model={"name": "minimal", "version": version})


class Receiver(BaseHTTPRequestHandler):
    """Answers at once: the work is a thread's."""

    def do_POST(self) -> None:
        body, status = self.rfile.read(int(self.headers["Content-Length"])), 202
        try:
            event = WEBHOOK.verify(body, {k.lower(): v for k, v in self.headers.items()})
            if event["type"] == "retraining.requested":
                threading.Thread(target=train, args=[event["data"]]).start()
        except (WebhookVerificationError, ValueError):
            status = 401
        self.send_response_only(status)
        self.end_headers()


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Receiver).serve_forever()
