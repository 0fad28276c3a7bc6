"""The API: JSON in and out under /api/v1, every call one service."""
