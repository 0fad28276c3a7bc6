"""Retraining: a batch is frozen, a trainer is told, its reports move the job on.

triggers or requests (a batch and its job) → manifests (freeze, payload, manifest_link) → reports
(record_callback, cancel) → endings (follow).
"""

from portal.services.retraining.endings import follow, time_out_silent
from portal.services.retraining.manifests import freeze, manifest_link, payload
from portal.services.retraining.reports import Taken, cancel, record_callback
from portal.services.retraining.requests import request, request_now
from portal.services.retraining.triggers import (
    base_of,
    request_all_due,
    request_if_due,
    why_due,
)

__all__ = [
    "Taken",
    "base_of",
    "cancel",
    "follow",
    "freeze",
    "manifest_link",
    "payload",
    "record_callback",
    "request",
    "request_all_due",
    "request_if_due",
    "request_now",
    "time_out_silent",
    "why_due",
]
