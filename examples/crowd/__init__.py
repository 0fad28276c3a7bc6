"""Simulated annotators: people of different skill who caption and review through the API.

Run them by `python -m examples.crowd --config people.json`; examples/README.md says how.
"""
