"""The reference captioner: a small model that really trains on what people wrote.

Run it by `python -m examples.captioner <verb>`; examples/README.md says how.
"""

import os

# Before numpy loads: on matrices this small, threads cost ten times what they give.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
