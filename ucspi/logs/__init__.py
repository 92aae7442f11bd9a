"""Logs: lines with the time before them, chosen, and kept in files that never grow without end."""
