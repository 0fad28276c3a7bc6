"""Arithmetic: arrays in, frozen dataclasses out; no I/O, no clock, no Django."""
