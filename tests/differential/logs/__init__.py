"""Logs and their labels, against the originals."""
