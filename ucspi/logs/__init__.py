"""Logs: what multilog does.  It labels lines, selects some, and keeps them in files of limited size."""
