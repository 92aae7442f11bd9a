"""Supervision: keeping services running, controlling them, and saying how they are."""
