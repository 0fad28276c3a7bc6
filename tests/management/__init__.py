"""Tests of the management."""
