"""The reference captioner: a small model that really trains on what people wrote.

Run it by `python -m examples.captioner <verb>`; examples/README.md says how.
"""
