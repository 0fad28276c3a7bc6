"""Django's SQLite with one change: those who want to write wait in line for the one write lock."""
