"""Files of captions come in: looked through before anything is stored, then taken block by block.

options (what has to be said) · reading (the file, looked through) · targets (clips, tasks and
people that a block is about) · annotations, references, guesses (a block of each kind) · running
(the job).
"""

from portal.services.imports.options import Options, Tally
from portal.services.imports.running import receive, request, run

__all__ = ["Options", "Tally", "receive", "request", "run"]
