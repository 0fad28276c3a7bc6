"""The nightly refit: parameters, everybody's skill and the calibration of confidence, fitted anew.

evidence (what people wrote and how it was settled) and calibrating (what experts and gold said of
it) → fitting (due, refit) → swapping (one transaction puts all of it in force); picturing shows
managers what confidence has meant.
"""

from portal.services.refits.fitting import due, refit
from portal.services.refits.picturing import Meaning, meaning_of_confidence

__all__ = ["Meaning", "due", "meaning_of_confidence", "refit"]
