"""Exports: a project's settled captions as a named file that never changes.

options (what may be asked for) · records (rows as records, from one snapshot) · building (the
job) · indexes (what is in one) · diffs (what changed between two).
"""

from portal.services.exports.building import build, link, progress, request
from portal.services.exports.diffs import Change, Diff, diff
from portal.services.exports.indexes import holding
from portal.services.exports.options import Options

__all__ = ["Change", "Diff", "Options", "build", "diff", "holding", "link", "progress", "request"]
