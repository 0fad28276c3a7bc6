"""Retraining: a batch is frozen, a trainer is told, its reports move the job on.

requests (request, request_if_due, request_all_due) → manifests (freeze, payload, manifest_link) →
reports (record_callback, cancel, time_out_silent).
"""

from portal.services.retraining.manifests import freeze, manifest_link, payload
from portal.services.retraining.reports import Taken, cancel, record_callback, time_out_silent
from portal.services.retraining.requests import request, request_all_due, request_if_due

__all__ = [
    "Taken",
    "cancel",
    "freeze",
    "manifest_link",
    "payload",
    "record_callback",
    "request",
    "request_all_due",
    "request_if_due",
    "time_out_silent",
]
