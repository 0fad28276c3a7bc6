"""Migrations, named for intent."""
