"""Webhooks, out and in (Standard Webhooks 1.0): endpoints, deliveries, and who signed a message."""

from portal.services.webhooks.deliveries import deliver, due, ping, redeliver
from portal.services.webhooks.endpoints import (
    add_endpoint,
    change_endpoint,
    remove_endpoint,
    rotate,
)
from portal.services.webhooks.secrets import Sender, authenticate, authenticate_run

__all__ = [
    "Sender",
    "add_endpoint",
    "authenticate",
    "authenticate_run",
    "change_endpoint",
    "deliver",
    "due",
    "ping",
    "redeliver",
    "remove_endpoint",
    "rotate",
]
