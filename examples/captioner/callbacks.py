"""What the trainer reports about a run: signed, numbered, repeated until it arrives.

A callback is written into the run before it is sent. After a crash the same number therefore goes
out with the same body, and the portal can tell a repetition from news.
"""

import json
from datetime import UTC, datetime

import httpx
from standardwebhooks import Webhook

from examples.captioner.runs import Run, Runs
from examples.portals import TIMEOUT, Json, Refused, send


class Unwanted(Exception):
    """The portal no longer wants this run: it was cancelled, has timed out or is unknown."""


class Reporter:
    """Reports about one run to the address that its request named."""

    def __init__(self, runs: Runs, run: Run, secret: str) -> None:
        self._runs, self._run, self._webhook = runs, run, Webhook(secret)

    @property
    def last_word(self) -> str:
        """The final status that was said in an earlier life of this process, or ""."""
        said = [told["status"] for told in self._run.callbacks]
        return next((status for status in said if status in ("succeeded", "failed")), "")

    def say(self, status: str, **news: object) -> None:
        """Report a status once; what an earlier life of this process said is not said anew.

        Raises Unwanted, and Unreachable where the portal stays silent.
        """
        body: Json = {"status": status, **news}
        said = [{k: v for k, v in told.items() if k != "seq"} for told in self._run.callbacks]
        if body not in said:
            self._run.callbacks.append({"seq": len(said) + 1, **body})
            self._runs.save(self._run)
        self.deliver()

    def deliver(self) -> None:
        """Send every callback that has not arrived yet, in order."""
        while self._run.n_delivered < len(self._run.callbacks):
            self._send(self._run.callbacks[self._run.n_delivered])
            self._run.n_delivered += 1
            self._runs.save(self._run)

    def _send(self, body: Json) -> None:
        text = json.dumps(body, ensure_ascii=False)
        now = datetime.now(UTC)
        # No full stop: it separates the id from the rest in what is signed.
        webhook_id = f"{self._run.run_id}-{body['seq']}"
        headers = {
            "Content-Type": "application/json",
            "webhook-id": webhook_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._webhook.sign(webhook_id, now, text),
        }
        url = self._run.request["callback"]["url"]
        with httpx.Client(timeout=TIMEOUT, trust_env=False) as http:
            try:
                send(http, "POST", url, content=text.encode(), headers=headers)
            except Refused as refusal:
                if refusal.status in (404, 409, 410):
                    raise Unwanted(str(refusal)) from refusal
                raise
