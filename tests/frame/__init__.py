"""The frame: keys, settings, error pages."""
